"""Finds and reads the requested cases, and runs each on a ledger of its own."""

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from engine.casetests.cases import Case, CaseFile
from engine.casetests.judging import Judged, judge
from engine.casetests.reading import read_cases
from engine.casetests.reporting import Results, shown_name
from engine.config import MAIN_FILE, EngineConfig
from engine.core.errors import UnreadableFileError
from engine.ledger.opening import open_ledger
from engine.sources.file_reader import read_limited
from engine.sources.folder import FolderTree
from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.diagnostics.source import Source
from jobfile.model.catalog import Catalog
from jobfile.pipeline import Compiled, compile_files

PATTERN: Final = "*.test.yaml"
_TEMPORARY: Final = "jobfile-test-"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFile:
    """A case file that was read; without cases if it has mistakes."""

    cases: CaseFile | None
    diagnostics: tuple[Diagnostic, ...]
    sources: Mapping[str, Source]


def find_files(paths: Sequence[str], *, main_file: Path) -> list[Path]:
    """The named case files, or those in named folders; without names, those beside the main file."""
    if paths:
        found = [path for one in map(Path, paths) for path in _in(one)]
    else:
        folder = main_file.parent
        found = [*sorted(folder.glob(PATTERN)), *sorted((folder / "tests").glob(PATTERN))]
    if not found:
        raise UnreadableFileError(f"no cases: there is no {PATTERN} beside {main_file} or in tests/")
    return found


def _in(path: Path) -> list[Path]:
    return sorted(path.rglob(PATTERN)) if path.is_dir() else [path]


def read_files(paths: Sequence[Path]) -> Iterator[ReadFile]:
    """Read the case files, one after the other; raises UnreadableFileError at one that cannot be read."""
    for path in paths:
        name = shown_name(path)
        try:
            content = read_limited(path, what="file of cases")
        except OSError as error:
            raise UnreadableFileError(f"cannot read {name}: {error.strerror or error}") from error
        cases, diagnostics = read_cases(path, name, content)
        text = content.decode(errors="replace").removeprefix("\ufeff")
        yield ReadFile(cases=cases, diagnostics=diagnostics, sources={name: Source(name=name, text=text)})


def judge_files(files: Sequence[CaseFile], *, word: str | None = None) -> Results | Compiled:
    """The results of all cases, or only of those with `word` in their name or job.

    If the job files are not valid, returns what was found in them.
    """
    catalogs: dict[Path, Catalog] = {}
    results: list[tuple[CaseFile, Sequence[Judged]]] = []
    with tempfile.TemporaryDirectory(prefix=_TEMPORARY) as folder:
        empty = _empty_ledger(Path(folder))
        for file in files:
            if file.main_file not in catalogs:
                compiled = _compiled(file.main_file)
                if compiled.catalog is None:
                    return compiled
                catalogs[file.main_file] = compiled.catalog
            catalog = catalogs[file.main_file]
            cases = [one for one in file.cases if word is None or word in one.name or word in one.job]
            results.append((file, [_judge(case, catalog, empty, file) for case in cases]))
    return results


def _compiled(main_file: Path) -> Compiled:
    snapshot = FolderTree(Path(shown_name(main_file))).snapshot()
    if snapshot.problem:
        raise UnreadableFileError(snapshot.trouble)
    return compile_files(snapshot.files, outside=snapshot.outside)


def _empty_ledger(folder: Path) -> bytes:
    """The bytes of a new ledger. Each case gets a copy, which is faster than making tables for each."""
    config = EngineConfig(main_file=folder / MAIN_FILE, state_dir=folder, environ={})
    config.ledger.touch()
    open_ledger(config.ledger_url).close()
    return config.ledger.read_bytes()


def _judge(case: Case, catalog: Catalog, empty: bytes, file: CaseFile) -> Judged:
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=_TEMPORARY) as folder:
        ledger = Path(folder) / "ledger.db"
        ledger.write_bytes(empty)
        one = judge(case, catalog, ledger, main_folder=file.main_file.parent)
    return replace(one, seconds=time.monotonic() - begin)
