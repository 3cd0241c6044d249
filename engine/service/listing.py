"""Collects what `jobfile list` answers: from the job files and the ledger."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from engine.answers.choice import ALL, Choice
from engine.answers.listing import MARKS, JobList, WrittenJob, list_jobs
from engine.answers.presence import Presence
from engine.config import EngineConfig
from engine.core.errors import UnreadableFileError
from engine.host.lock import is_engine_running
from engine.ledger.ports import View
from engine.ports import Snapshot
from engine.service.presence import presence_at
from engine.sources.folder import FolderTree
from jobfile.model.catalog import Catalog
from jobfile.model.namedtuple import NamedTuple

if TYPE_CHECKING:
    from jobfile.pipeline import Compiled


def compiled_snapshot(snapshot: Snapshot) -> "Compiled":
    """The jobs of files as they are now."""
    from jobfile.pipeline import compile_files  # noqa: PLC0415  start-up time: not where a list is made apart

    return compile_files(snapshot.files, outside=snapshot.outside)


class WrittenJobs(NamedTuple):
    """The jobs of files as a list needs them; None if the files have errors."""

    jobs: tuple[WrittenJob, ...] | None


def written_jobs(snapshot: Snapshot) -> WrittenJobs:
    """The jobs of files as they are now."""
    catalog = compiled_snapshot(snapshot).catalog
    return WrittenJobs(None if catalog is None else tuple(map(WrittenJob.of, catalog.jobs)))


def list_at(
    config: EngineConfig,
    view: View | None,
    *,
    now: datetime,
    choice: Choice = ALL,
    states: Sequence[str] = (),
    marks: int = MARKS,
) -> "JobList | Compiled":
    """The jobs of this state folder and of the files; `view` is None when nothing was ever recorded.

    If there are only files, and they have errors, the files are the answer.
    """
    snapshot = _compared(config, view)
    compiled = None if snapshot is None else compiled_snapshot(snapshot)
    if view is None and compiled is not None and compiled.catalog is None:
        return compiled
    catalog = None if compiled is None else compiled.catalog
    has_file = None if _follows(config, view) else catalog is not None
    return _list(config, view, catalog, has_file, now=now, choice=choice, states=states, marks=marks)


def list_with(
    config: EngineConfig,
    view: View | None,
    written_from: Callable[[Snapshot], WrittenJobs | None],
    *,
    now: datetime,
    marks: int,
) -> JobList | None:
    """The same for a process that asks often: `written_from` remembers the jobs of files. While they are not
    known yet, and it returns None, the list is that of the ledger alone.

    The answer is None if there are only files, and they have errors.
    """
    snapshot = _compared(config, view)
    found = None if snapshot is None else written_from(snapshot)
    if view is None and found is not None and found.jobs is None:
        return None
    written = None if found is None else found.jobs
    is_known = not _follows(config, view) and (snapshot is None or found is not None)
    has_file = written is not None if is_known else None
    return _list(config, view, written, has_file, now=now, choice=ALL, states=(), marks=marks)


def _list(
    config: EngineConfig,
    view: View | None,
    file: Catalog | Sequence[WrittenJob] | None,
    has_file: bool | None,
    *,
    now: datetime,
    choice: Choice,
    states: Sequence[str],
    marks: int,
) -> JobList:
    is_locked = is_engine_running(config.state_dir)
    return list_jobs(
        view,
        file,
        presence=presence_at(config, view, now=now) if view else Presence(is_running=is_locked),
        now=now,
        has_file=has_file,
        main_file=str(config.main_file),
        choice=choice,
        states=states,
        marks=marks,
    )


def _follows(config: EngineConfig, view: View | None) -> bool:
    """Whether an engine follows commits: then it never reads the files."""
    return view is not None and is_engine_running(config.state_dir) and bool(view.source().ref)


def _compared(config: EngineConfig, view: View | None) -> Snapshot | None:
    """The files with which the ledger is compared; None if an engine never reads them, or nobody can."""
    return None if _follows(config, view) else _snapshot(config, is_needed=view is None)


def _snapshot(config: EngineConfig, *, is_needed: bool) -> Snapshot | None:
    """The job files; None if they cannot be read. Raises the error if they are needed."""
    snapshot = FolderTree(config.main_file).snapshot()
    if not snapshot.problem:
        return snapshot
    if is_needed:
        raise UnreadableFileError(snapshot.trouble)
    return None
