"""Makes the sides of a plan: jobs in force, at a revision, in the work tree, in a
file, or in a saved plan.
"""

import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from engine.core.errors import (
    ErrorCode,
    JobfileError,
    RevisionError,
    UnreadableDefinitionError,
    UnreadableFileError,
)
from engine.core.records import Generation, JobVersion
from engine.ledger.ports import Generations, View
from engine.planning.in_force import JobsInForce
from engine.planning.saved import Ledger, NoBaseError, is_plan_file, read_plan_file
from engine.ports import Snapshot
from engine.sources.folder import FolderTree
from engine.sources.git import git_bytes
from engine.sources.git_revisions import NotThereError, changed_files, snapshot_at
from engine.sources.shell_syntax import SyntaxChecker
from jobfile.model.canonical import spec_from_json
from jobfile.model.catalog import CompiledJob, build_catalog
from jobfile.model.jobs import Origin
from jobfile.pipeline import Compiled, compile_files
from jobfile.plan import Side

ENGINE = "engine"
WORKTREE = "worktree"


class UnknownGenerationError(JobfileError):
    """No generation has this number, or an earlier one is needed."""

    code = ErrorCode.UNKNOWN_GENERATION


class InvalidSideError(Exception):
    """The files of a side have errors; they are shown in the form of `check`."""

    def __init__(self, name: str, compiled: Compiled) -> None:
        """`name` is the side, `compiled` has its errors."""
        super().__init__(name)
        self.name = name
        self.compiled = compiled


def side_named(name: str, *, main_file: Path, in_force: JobsInForce | None, here: Ledger | None) -> Side:
    """The side that a user names: engine, engine:N, worktree, a file, or a revision of git.

    `here` is the ledger that may have sealed a saved plan.
    """
    kind, _, number = name.partition(":")
    if kind == ENGINE and (not number or number.isdigit()):
        if in_force is None:
            raise NoBaseError("no engine has a ledger here: start one with  jobfile up, or name another side")
        return in_force.side(int(number) if number else None)
    if name == WORKTREE:
        return worktree_side(main_file)
    path = Path(name)
    if os.path.lexists(path) and not path.is_dir():
        if is_plan_file(path):
            return saved_side(path, here=here)
        return file_side(path)
    return revision_side(main_file, name)


def default_base(*, main_file: Path, in_force: JobsInForce | None, is_saved: bool = False) -> Side:
    """The default base: what is in force; while nothing is, the commit at which this branch began.

    With `is_saved`, the plan is saved for the ledger, so its base is the ledger even before the first
    generation.
    """
    side = None if in_force is None else in_force.side()
    if side is not None and (is_saved or side.generation):
        return side
    folder = main_file.absolute().parent
    for ask in (("merge-base", "HEAD", "origin/HEAD"), ("rev-parse", "--verify", "HEAD^{commit}")):
        try:
            commit = git_bytes(folder, *ask).decode().strip()
        except RevisionError:
            continue
        return revision_side(main_file, commit, may_be_absent=True)
    if side is not None:
        return side
    raise NoBaseError(
        f"nothing to compare with: no engine has a ledger in {folder}, and it is not in a git repository "
        "with a commit. Name a side:  jobfile plan --from FILE"
    )


def engine_side(view: View, number: int | None = None) -> Side:
    """The jobs of a generation; by default of the one in force, which has none before the first."""
    generation = view.current_generation() if number is None else view.generation(number)
    if generation is None and number is not None:
        raise UnknownGenerationError(f"there is no generation {number}:  jobfile generations")
    versions = () if generation is None else view.jobs_at(generation.number)
    jobs = [_job_of(view, version) for version in versions if number is not None or _is_kept(view, version)]
    return Side(
        kind=ENGINE,
        catalog=build_catalog(jobs),
        lineage=view.lineage(),
        generation=0 if generation is None else generation.number,
        applied_at=None if generation is None else generation.applied_at,
        revision=_revision(generation),
    )


def worktree_side(main_file: Path) -> Side:
    """The files as they are now."""
    snapshot = FolderTree(main_file).snapshot()
    is_dirty = bool(snapshot.revision) and _is_dirty(main_file.absolute().parent, snapshot)
    return _compiled(WORKTREE, "the work tree", snapshot, is_dirty=is_dirty, asks_shells=True)


def file_side(path: Path) -> Side:
    """The jobs of a different main file."""
    return _compiled("file", str(path), FolderTree(path).snapshot())


def revision_side(main_file: Path, revision: str, *, may_be_absent: bool = False) -> Side:
    """The files at a revision, with the included ones; nothing is checked out."""
    try:
        return _compiled("revision", revision, snapshot_at(main_file, revision))
    except NotThereError as error:
        if not may_be_absent:
            raise
        return Side(kind="revision", name=revision, catalog=build_catalog(()), revision=error.commit)


def saved_side(path: Path, *, here: Ledger | None) -> Side:
    """The set of jobs that a saved plan leads to."""
    saved = read_plan_file(path, here=here)
    return Side(kind="plan", name=str(path), catalog=saved.target, revision=saved.revision)


def _compiled(
    kind: str, name: str, snapshot: Snapshot, *, is_dirty: bool = False, asks_shells: bool = False
) -> Side:
    if snapshot.problem:
        raise UnreadableFileError(snapshot.trouble)
    ask = SyntaxChecker().check if asks_shells else None
    compiled = compile_files(snapshot.files, outside=snapshot.outside, ask_shells=ask)
    if compiled.catalog is None:
        raise InvalidSideError(name, compiled)
    return Side(
        kind=kind,
        name=name,
        catalog=compiled.catalog,
        revision=snapshot.revision,
        is_dirty=is_dirty,
        files=tuple((file, sha256(content).hexdigest()) for file, content in snapshot.files),
        diagnostics=compiled.diagnostics,
        written=compiled.files,
    )


def _is_kept(view: Generations, version: JobVersion) -> bool:
    """Whether the job in force can be compared.

    One whose definition was lost or altered counts as new in a plan.
    """
    return view.definition_text(version.digest) is not None


def _job_of(view: Generations, version: JobVersion) -> CompiledJob:
    text = view.definition_text(version.digest)
    if text is None:
        raise UnreadableDefinitionError(version.job)
    return CompiledJob(spec_from_json(text), Origin(file=version.file, line=version.line))


def _revision(generation: Generation | None) -> str:
    return "" if generation is None else generation.revision


def _is_dirty(folder: Path, snapshot: Snapshot) -> bool:
    """Whether these files differ from their commit; False if git cannot tell."""
    try:
        return bool(changed_files(snapshot.files, since=snapshot.revision, here=folder))
    except RevisionError:
        return False


def files_differ(planned: Mapping[str, str], main_file: Path) -> tuple[str, ...]:
    """The files of a plan that differ on the disk from those when it was made."""
    found = {name: sha256(content).hexdigest() for name, content in FolderTree(main_file).snapshot().files}
    return tuple(sorted(name for name, digest in planned.items() if found.get(name) != digest))
