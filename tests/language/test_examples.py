"""Job files as people write them: nothing is said of them; broken in ten ways each, the right thing first."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jobfile.diagnostics.diagnostic import Diagnostic, Severity
from jobfile.pipeline import Compiled, compile_files
from tests.known import known_files

HERE = Path(__file__).parent / "examples"
EXAMPLES = [path for path in known_files(HERE, "*.yaml") if path.parent == HERE]
INCLUDED = {"12-include-root": ["jobs/backup.yaml", "jobs/reports/weekly.yaml"]}
NOW = datetime(2026, 11, 24, tzinfo=UTC)
ABOUT_DATES = {"JF309", "JF608", "JF628"}
"""Said of some examples with a reason: a day is over, or a clock is set forward over a time."""


def compiled(path: Path, text: str) -> Compiled:
    others = [(name, (HERE / name).read_bytes()) for name in INCLUDED.get(path.stem, ())]
    return compile_files([("jobs.yaml", text.encode()), *others], now=NOW)


def told(path: Path, text: str) -> list[Diagnostic]:
    found = compiled(path, text).diagnostics
    return [one for one in found if one.severity is not Severity.INFO and one.code not in ABOUT_DATES]


def good_text(path: Path) -> str:
    return path.read_text()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_nothing_is_said_of_an_example(path: Path) -> None:
    assert told(path, good_text(path)) == []
    assert compiled(path, good_text(path)).catalog is not None


def first_job(text: str) -> tuple[str, str, str]:
    """The text before the first job's keys, its name, and the rest."""
    before, _, rest = text.partition("\njobs:\n")
    name = rest.lstrip("\n").split(":")[0].strip()
    line = f"  {name}:\n"
    at = rest.index(line) + len(line)
    return f"{before}\njobs:\n{rest[:at]}", name, rest[at:]


def with_line(line: str) -> Callable[[str], str]:
    """A slip that puts a line at the top of the first job, in place of one with the same key."""

    def broken(text: str) -> str:
        before, _, rest = first_job(text)
        key = line.split(":")[0]
        lines = rest.splitlines(keepends=True)
        kept, is_skipping, is_first_job = [], False, True
        for one in lines:
            indent = len(one) - len(one.lstrip(" "))
            if one.strip() and indent <= 2:
                is_first_job = False
            if is_first_job and one.strip() and indent == 4:
                is_skipping = one.strip().split(":")[0] == key
            if not is_skipping or not is_first_job:
                kept.append(one)
        return f"{before}    {line}\n{''.join(kept)}"

    return broken


def renamed(text: str) -> str:
    before, name, rest = first_job(text)
    return before.removesuffix(f"  {name}:\n") + f"  Bad Name:\n{rest}"


def twice(text: str) -> str:
    before, _, rest = first_job(text)
    line = next(one for one in rest.splitlines() if one.startswith("    ") and one[4] != " " and ": " in one)
    return f"{before}{line}\n{rest}"


SLIPS: list[tuple[str, Callable[[str], str], str, str]] = [
    ("mistyped key", with_line("descripton: x"), "JF101", "descripton"),
    ("key of another tool", with_line("depends_on: [x]"), "JF115", "depends_on"),
    ("number for a duration", with_line("kill_grace: 30"), "JF110", "30"),
    ("zone that is none", with_line("timezone: Europe/Olso"), "JF305", "Europe/Olso"),
    ("queue that is none", with_line("queue: nowhere"), "JF204", "nowhere"),
    ("channel that is none", with_line("notify: {failed: [nobody]}"), "JF205", "nobody"),
    ("yes for true", with_line("enabled: yes"), "JF103", "yes"),
    (
        "braces around a condition",
        with_line('if: "{{ run.attempt > 1 }}"'),
        "JF405",
        '"{{ run.attempt > 1 }}"',
    ),
    ("name that is undefined", with_line("if: params.nowhere > 1"), "JF402", "params.nowhere"),
    ("tag with a capital", with_line("tags: [Nightly]"), "JF105", "Nightly"),
    ("unclosed quote", with_line('description: "never closed'), "JF005", '"'),
    ("value that starts with braces", with_line("description: {{ x }}"), "JF003", "{{ x }}"),
    ("no space after the colon", with_line("owner:me"), "JF016", ":"),
    ("a tab", lambda text: text.replace("\njobs:\n", "\njobs:\n\tx:\n", 1), "JF002", "\t"),
    ("key given twice", twice, "JF006", ""),
    ("name not allowed", renamed, "JF105", "Bad Name"),
    ("no version", lambda text: text.replace("version: 1\n", "", 1), "JF102", ""),
    ("version of tomorrow", lambda text: text.replace("version: 1\n", "version: 2\n", 1), "JF112", "2"),
    ("top key mistyped", lambda text: text.replace("\njobs:\n", "\njbos:\n", 1), "JF101", "jbos"),
    ("no-break space", lambda text: text.replace("jobs:\n  ", "jobs:\n \u00a0", 1), "JF015", "\u00a0"),
]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
@pytest.mark.parametrize(("slip", "breaks", "code", "marked"), SLIPS, ids=[row[0] for row in SLIPS])
def test_a_broken_example_gets_the_right_finding_first(
    path: Path, slip: str, breaks: Callable[[str], str], code: str, marked: str
) -> None:
    text = breaks(good_text(path))
    found = told(path, text)
    errors = [one for one in found if one.is_error]
    assert [one.code for one in errors] == [code], f"{slip}:\n{text}"
    first = errors[0]
    if marked:
        assert text[first.span.start.offset : first.span.end.offset] == marked
    for copy, lines, columns in (
        (text.replace("\n", "\r\n"), 0, 0),
        ("\ufeff" + text, 0, 0),
        ("# 🚀 flies\n" + text, 1, 0),
    ):
        (again,) = [one for one in told(path, copy) if one.is_error]
        place = (again.code, again.span.start.line - lines, again.span.start.column - columns)
        assert place == (first.code, first.span.start.line, first.span.start.column)
