"""`jobfile test`: cases beside the jobs, run on the engine's own rules; nothing is started."""

import time
from collections.abc import Sequence

import click

from engine.asking.findings import refuse_invalid
from engine.asking.place import Place
from engine.casetests.cases import CaseFile
from engine.casetests.reporting import Results, is_well, junit, summary_line, text_lines, to_json
from engine.casetests.suite import ReadFile, find_files, judge_files, read_files
from engine.cli.exit_codes import GOOD, NOT_WELL
from engine.cli.findings import print_beside
from engine.cli.output import print_json, print_text, style_of
from engine.cli.place import json_option, place_options
from engine.core.errors import ErrorCode, JobfileError
from engine.host.given_files import write_output
from jobfile.model.counts import many
from jobfile.pipeline import Compiled
from jobfile.render.style import Tone


class InvalidCasesError(JobfileError):
    """Files of cases have errors, which were printed."""

    code = ErrorCode.INVALID_FILES
    is_reported = True


@click.command("test")
@click.argument("paths", nargs=-1, metavar="[FILE or DIR]...")
@click.option("-k", "word", metavar="WORD", help="Run only cases with WORD in their name or job.")
@click.option(
    "--junit", "junit_file", metavar="FILE", help="Also write the results to this file as JUnit XML, for CI."
)
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
    read = [_shown(one) for one in read_files(find_files(paths, main_file=place.main_file))]
    files = [one for one in read if one is not None]
    if len(files) < len(read):
        raise InvalidCasesError(f"{many(len(read) - len(files), 'file')} of cases cannot be used")
    results = judge_files(files, word=word)
    if isinstance(results, Compiled):
        refuse_invalid(results)
    if junit_file is not None:
        write_output(junit_file, junit(results))
    _print(results, time.monotonic() - begin, as_json=as_json)
    return GOOD if is_well(results) else NOT_WELL


def _shown(read: ReadFile) -> CaseFile | None:
    """The cases of a file, after printing its diagnostics."""
    if read.diagnostics:
        print_beside(read.diagnostics, read.sources)
    return read.cases


def _print(results: Results, seconds: float, *, as_json: bool) -> None:
    if as_json:
        print_json(to_json(results))
        return
    style = style_of()
    for line in text_lines(results, style=style):
        print_text(line, style)
    tone = Tone.GOOD if is_well(results) else Tone.BAD
    print_text("\n" + style.paint(summary_line(results, seconds), tone), style)
