"""File pairs, found by listing: cases/bad/NAME.yaml is said to be NAME.out; cases/ok/NAME.yaml is silent.

A case of several files has a line `# file: NAME` before each but the first, which is jobs.yaml.
`pytest --update` rewrites the .out files; the diff is what is reviewed.
"""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.actions.unable import UNABLE
from engine.sources.shell_syntax import SyntaxChecker
from jobfile.checks.beyond import APPRISE
from jobfile.diagnostics.diagnostic import CODES, Diagnostic, Severity
from jobfile.pages import page_text
from jobfile.pipeline import Compiled, compile_files
from jobfile.render.redact import without_secrets
from jobfile.render.text import render_text
from tests.known import known_files
from tests.together import together

CASES = Path(__file__).parent / "cases"
BAD = known_files(CASES / "bad", "*.yaml")
OK = known_files(CASES / "ok", "*.yaml")
SHELLS = SyntaxChecker()
TODAY = datetime(2026, 11, 24, tzinfo=UTC)
SAYS_WHAT_IS_BEYOND = b"# for an engine"
"""The first line of a case about what the engine cannot run; the others are about the language."""
NO_FILE_CAN_SHOW = {"JF017", "JF023"}
"""Codes about size and about links, shown by tests that make the file."""


def compiled(content: bytes) -> Compiled:
    """The files of a case, as they would be looked at today."""
    first, *rest = re.split(rb"^# file: (\S+)\r?\n", content, flags=re.MULTILINE)
    others = [(name.decode(), text) for name, text in zip(rest[::2], rest[1::2], strict=True)]
    unable = (*UNABLE, APPRISE) if SAYS_WHAT_IS_BEYOND in content.partition(b"\n")[0] else ()
    files = [("jobs.yaml", first), *others]
    return compile_files(files, now=TODAY, ask_shells=SHELLS.check, unable=unable)


def said_about(content: bytes, *, code: str = "") -> tuple[str, tuple[Diagnostic, ...]]:
    """The findings from level warning up; of remarks, only the one that a case is about."""
    found = compiled(content)
    shown = tuple(
        one
        for one in found.diagnostics
        if one.suppressed is None and (one.severity is not Severity.INFO or one.code == code)
    )
    sources = without_secrets(found.diagnostics, found.sources)
    return render_text(shown, sources=sources, width=100), shown


def same_or_updated(path: Path, text: str, request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update"):
        path.write_text(text)
    assert path.read_text() == text


@together("path", BAD)
def test_a_bad_file_gets_its_expected_findings(path: Path, request: pytest.FixtureRequest) -> None:
    code = path.stem.split("-")[0].upper()
    text, diagnostics = said_about(path.read_bytes(), code=code)
    assert diagnostics, "a bad case without a finding"
    same_or_updated(path.with_suffix(".out"), text, request)
    assert diagnostics[0].code == code, "the case is named for the code that comes first"


@together("path", OK)
def test_a_good_file_is_silent_and_compiles(path: Path) -> None:
    text, diagnostics = said_about(path.read_bytes())
    assert [one for one in diagnostics if one.severity is not Severity.INFO] == [], text
    assert compiled(path.read_bytes()).catalog is not None


@together("path", BAD)
def test_line_ends_and_a_byte_order_mark_move_nothing(path: Path) -> None:
    content = path.read_bytes()
    if b"\r" in content or content.startswith(b"\xef\xbb\xbf"):
        return
    places = [(one.code, one.span.start.line, one.span.start.column) for one in said_about(content)[1]]
    for copy in (content.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + content):
        moved = [(one.code, one.span.start.line, one.span.start.column) for one in said_about(copy)[1]]
        assert moved == places


def test_every_code_has_a_bad_case() -> None:
    shown = {path.stem.split("-")[0].upper() for path in BAD}
    assert shown == CODES.keys() - NO_FILE_CAN_SHOW


@together("code", CODES)
def test_every_code_has_a_page_whose_examples_are_true(code: str, request: pytest.FixtureRequest) -> None:
    page = page_text(code)
    assert page is not None, f"jobfile/pages/{code}.md is missing"
    assert page.startswith(f"# {code} ")
    blocks = fenced(page)
    if "bad" in blocks:
        text, diagnostics = said_about(blocks["bad"].encode(), code=code)
        assert code in {one.code for one in diagnostics}
        if request.config.getoption("--update"):
            path = Path(__file__).parents[2] / "jobfile" / "pages" / f"{code}.md"
            path.write_text(page.replace(blocks["said"], text.rstrip("\n") + "\n"))
            return
        assert blocks["said"].rstrip("\n") == text.rstrip("\n")
    if "good" in blocks:
        _, diagnostics = said_about(blocks["good"].encode())
        assert [one for one in diagnostics if one.severity is not Severity.INFO] == []


def fenced(page: str) -> dict[str, str]:
    """The fenced blocks of a page by the word after the language: ```yaml bad."""
    blocks: dict[str, str] = {}
    name, lines = "", []
    for line in page.splitlines(keepends=True):
        if line.startswith("```"):
            if name:
                blocks[name] = "".join(lines)
                name = ""
            elif " " in line.strip():
                name, lines = line.split()[1], []
        elif name:
            lines.append(line)
    return blocks
