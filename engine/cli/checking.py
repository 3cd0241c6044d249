"""Reads sets of job files (a main file with its includes each), fixes them on request, and checks them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path

from engine.actions.unable import UNABLE
from engine.asking.place import Place
from engine.programs import has_apprise
from engine.sources.file_reader import read_job_files, read_limited
from engine.sources.includes import JobFiles
from engine.sources.shell_syntax import SyntaxChecker
from jobfile.checks.beyond import APPRISE
from jobfile.diagnostics.diagnostic import Diagnostic, arrange
from jobfile.diagnostics.source import Source
from jobfile.files.merged_settings import map_at
from jobfile.model.dataclass import dataclass
from jobfile.pipeline import check_files


@dataclass(slots=True, kw_only=True)
class CheckedSets:
    """The findings in some files: names of the readable files, and why others could not be read."""

    diagnostics: tuple[Diagnostic, ...] = ()
    sources: dict[str, Source] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    contents: dict[str, bytes] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    jobs: int = 0


def check_sets(
    names: Sequence[str], place: Place, *, overrides: Mapping[str, str], fix: str = ""
) -> CheckedSets:
    """Check each named file as a main file; a file that another one includes is checked there.

    The name of a folder stands for its main file, or else for its job files.
    `fix` is `safe` or `unsafe` when files are fixed first.
    """
    found, shells = CheckedSets(), SyntaxChecker()
    sets = [one for name in names for path in _files_of(name, place, found) for one in _read(path, found)]
    included = {_identity(name) for one in sets for name, _ in one.files[1:]}
    sets = [one for one in sets if _identity(one.files[0][0]) not in included]
    wanted: set[str] = set()
    for index, one in enumerate(sets):
        around = _set_around(one.files[0][0], place)
        if around is not None:
            sets[index] = around
            wanted.add(_identity(one.files[0][0]))
    if fix:
        from engine.cli.fixing import fix_set  # noqa: PLC0415  start-up time: only when needed

        sets = [fix_set(one, unsafe=fix == "unsafe", only=wanted or None) for one in sets]
    everything: list[Diagnostic] = []
    for one in sets:
        compiled = check_files(
            one.files,
            outside=one.outside,
            overrides=overrides,
            now=place.now(),
            ask_shells=shells.check,
            unable=UNABLE if has_apprise() else (*UNABLE, APPRISE),
        )
        shown_files = {name for name, _ in one.files if not wanted or _identity(name) in wanted}
        everything += [each for each in compiled.diagnostics if each.file in shown_files]
        found.sources |= {name: source for name, source in compiled.sources.items() if name in shown_files}
        found.contents |= {name: data for name, data in one.files if name in shown_files}
        found.names += [name for name, _ in one.files if name in shown_files and name not in found.names]
        if compiled.files is not None:
            found.jobs += sum(
                len(map_at(document, ("jobs",)))
                for document in compiled.files.documents
                if document.source.name in shown_files
            )
    found.diagnostics = arrange(everything, files=found.names)
    return found


def _files_of(name: str, place: Place, found: CheckedSets) -> list[str]:
    """The files that a name stands for: itself, or those of a folder."""
    if not Path(name).is_dir():
        return [name]
    from engine.sources.file_sets import job_files_in  # noqa: PLC0415  start-up time: only for a folder

    try:
        paths = job_files_in(Path(name), main_file=place.main_file)
    except OSError as error:
        found.unreadable.append(f"{name}: {error.strerror or error}")
        return []
    if not paths:
        found.unreadable.append(f"{name}: this folder has no jobs.yaml, and no other YAML file with `jobs`")
    return [str(path) for path in paths]


def _read(name: str, found: CheckedSets) -> Iterable[JobFiles]:
    try:
        yield read_job_files(Path(name))
    except OSError as error:
        found.unreadable.append(f"{error.filename or name}: {error.strerror or error}")


def _set_around(name: str, place: Place) -> JobFiles | None:
    """The set of the main file here or above, if it includes this file; otherwise None."""
    main = place.main_file
    if _identity(name) == _identity(str(main)) or not main.is_file():
        return None
    try:
        if b"include" not in read_limited(main):
            return None
        around = read_job_files(main)
    except OSError:
        return None
    is_in = any(_identity(one) == _identity(name) for one, _ in around.files[1:])
    return around if is_in else None


def _identity(name: str) -> str:
    return str(Path(name).resolve())
