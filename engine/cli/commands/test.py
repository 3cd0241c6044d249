"""`jobfile test`: cases beside the jobs, run on the engine's own rules; nothing is started."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from engine.casetests.cases import CaseFile
from engine.casetests.judging import Judged, judge
from engine.casetests.reading import read_cases
from engine.casetests.reporting import Results, junit, shown_name, summary_line, text_lines, to_json
from engine.cli.exit_codes import GOOD, NOT_WELL
from engine.cli.findings import print_diagnostics, print_errors
from engine.cli.output import print_json
from engine.cli.place import Place, json_option, place_options
from engine.config import MAIN_FILE, EngineConfig
from engine.core.errors import JobfileError
from engine.host.given_files import write_text
from engine.ledger.opening import open_ledger
from engine.sources.file_reader import read_limited
from engine.sources.folder import FolderTree
from jobfile.diagnostics.escapes import printable
from jobfile.diagnostics.source import Source
from jobfile.model.catalog import Catalog
from jobfile.pipeline import compile_files

PATTERN = "*.test.yaml"


@click.command("test")
@click.argument("paths", nargs=-1, metavar="[FILE or FOLDER]...")
@click.option("-k", "word", metavar="WORD", help="Only cases with WORD in their name or job.")
@click.option("--junit", "junit_file", metavar="FILE", help="Write JUnit XML, for CI.")
@json_option
@place_options
def command(
    paths: Sequence[str], word: str | None, junit_file: str | None, *, as_json: bool, place: Place
) -> int:
    """Run the cases in *.test.yaml beside the job file and in its folder `tests`.

    A case gives params, a time and what attempts do. It expects a command, a state, the waits between
    attempts, notifications, or the fires between two dates. Nothing is started, no secret is read, and time
    passes only on a virtual clock.
    """
    begin = time.monotonic()
    files = _files(paths, place)
    if not files:
        raise JobfileError(f"no cases: there is no {PATTERN} beside {place.main_file} or in tests/")
    read = [_read(path) for path in files]
    if any(file is None for file in read):
        return NOT_WELL
    catalogs: dict[Path, Catalog | None] = {}
    results: list[tuple[CaseFile, Sequence[Judged]]] = []
    with tempfile.TemporaryDirectory(prefix="jobfile-test-") as folder:
        empty = _empty_ledger(Path(folder))
        for file in read:
            assert file is not None
            catalog = _catalog(file.main_file, catalogs)
            if catalog is None:
                return NOT_WELL
            results.append((file, _judge(file, catalog, empty, word)))
    if junit_file is not None:
        _write(junit_file, junit(results))
    _print(results, time.monotonic() - begin, as_json=as_json)
    return GOOD if all(one.is_good for _, judged in results for one in judged) else NOT_WELL


def _files(paths: Sequence[str], place: Place) -> list[Path]:
    folder = place.main_file.parent
    if not paths:
        return [*sorted(folder.glob(PATTERN)), *sorted((folder / "tests").glob(PATTERN))]
    found: list[Path] = []
    for one in map(Path, paths):
        found += sorted(one.rglob(PATTERN)) if one.is_dir() else [one]
    return found


def _read(path: Path) -> CaseFile | None:
    name = shown_name(path)
    try:
        content = read_limited(path, what="file of cases")
    except OSError as error:
        raise JobfileError(f"cannot read {name}: {error.strerror or error}") from error
    file, diagnostics = read_cases(path, name, content)
    if diagnostics:
        sources = {name: Source(name=name, text=content.decode(errors="replace").removeprefix("\ufeff"))}
        print_diagnostics(diagnostics, sources)
    return file


def _catalog(main_file: Path, known: dict[Path, Catalog | None]) -> Catalog | None:
    if main_file not in known:
        snapshot = FolderTree(Path(shown_name(main_file))).snapshot()
        if snapshot.problem:
            raise JobfileError(snapshot.problem)
        compiled = compile_files(snapshot.files, outside=snapshot.outside)
        if compiled.catalog is None:
            print_errors(compiled)
        known[main_file] = compiled.catalog
    return known[main_file]


def _empty_ledger(folder: Path) -> bytes:
    """A new ledger's bytes: making its tables once is enough for all cases."""
    config = EngineConfig(main_file=folder / MAIN_FILE, state_dir=folder, environ={})
    config.ledger.touch()
    open_ledger(config.ledger_url).close()
    return config.ledger.read_bytes()


def _judge(file: CaseFile, catalog: Catalog, empty: bytes, word: str | None) -> list[Judged]:
    judged = []
    for case in file.cases:
        if word is not None and word not in case.name and word not in case.job:
            continue
        begin = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="jobfile-test-") as folder:
            ledger = Path(folder) / "ledger.db"
            ledger.write_bytes(empty)
            one = judge(case, catalog, ledger)
        judged.append(replace(one, seconds=time.monotonic() - begin))
    return judged


def _print(results: Results, seconds: float, *, as_json: bool) -> None:
    if as_json:
        print_json(to_json(results))
        return
    for line in text_lines(results):
        click.echo(printable(line))
    click.echo(f"\n{summary_line(results, seconds)}")


def _write(name: str, text: str) -> None:
    try:
        write_text(Path(name), text, may_replace=True)
    except OSError as error:
        raise JobfileError(f"cannot write {name}: {error.strerror or error}") from error
