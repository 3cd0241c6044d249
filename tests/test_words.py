"""Plain English: the texts that people read use none of the wordings in words.tsv.

words_allowed.tsv counts the places that are left. The numbers only go down: after a correction, run
`pytest tests/test_words.py --update`, which never raises a number.
"""

import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.known import ROOT, known_files
from tests.together import together

RULES, ALLOWED = (ROOT / "tests" / name for name in ("words.tsv", "words_allowed.tsv"))
FOLDERS = ("jobfile", "engine", "docs", "schemas", "samples", "packaging")
FILES = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
SUFFIXES = ("*.py", "*.md", "*.json", "*.sql", "*.c")
PROSE_TOKENS = {
    getattr(tokenize, name)
    for name in ("COMMENT", "STRING", "FSTRING_START", "FSTRING_MIDDLE")
    if hasattr(tokenize, name)
}

Kind = tuple[str, str]
"""A folder or file at the top of the project, and a pattern of words.tsv."""


def rows(path: Path) -> list[list[str]]:
    lines = path.read_text().splitlines() if path.exists() else []
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


def whole_words(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE)


def texts() -> list[Path]:
    inside = [path for folder in FOLDERS for suffix in SUFFIXES for path in known_files(folder, suffix)]
    return [*inside, *(ROOT / name for name in FILES)]


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """The lines for people: of Python the comments and strings, with their line numbers; of the rest all."""
    text = path.read_text()
    if path.suffix != ".py":
        yield from enumerate(text.splitlines(), 1)
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in PROSE_TOKENS:
            yield from enumerate(token.string.splitlines(), token.start[0])


def found() -> Iterator[tuple[Kind, str]]:
    """Each place of a bad wording: its kind, and a line that shows it."""
    rules = [(pattern, whole_words(pattern), better) for pattern, better, *_ in rows(RULES)]
    has_any = whole_words("|".join(f"(?:{pattern})" for pattern, *_ in rules))
    for path in texts():
        relative = path.relative_to(ROOT)
        for number, line in prose(path) if has_any.search(path.read_text()) else ():
            for pattern, compiled, better in rules:
                for match in compiled.finditer(line):
                    yield (relative.parts[0], pattern), f"{relative}:{number}: `{match[0]}`: {better}"


def test_no_text_uses_a_wording_of_the_list(request: pytest.FixtureRequest) -> None:
    places = list(found())
    counts = Counter(kind for kind, _ in places)
    allowed = {(top, pattern): int(count) for top, pattern, count in rows(ALLOWED)}
    if request.config.getoption("--update"):
        allowed = {kind: min(counts[kind], most) for kind, most in allowed.items() if counts[kind]}
        write(allowed)
    new = [where for kind, where in places if counts[kind] > allowed.get(kind, 0)]
    assert not new, "\n".join(["use plainer words:", *new])
    stale = [kind for kind, most in allowed.items() if counts[kind] < most]
    assert not stale, (
        f"words_allowed.tsv has higher numbers; run pytest tests/test_words.py --update: {stale}"
    )


def write(allowed: dict[Kind, int]) -> None:
    head = "# top folder or file\tpattern\tplaces that are left; the numbers only go down\n"
    lines = (f"{top}\t{pattern}\t{count}\n" for (top, pattern), count in sorted(allowed.items()))
    ALLOWED.write_text(head + "".join(lines))


@together("row", rows(RULES))
def test_each_pattern_comes_with_a_better_wording(row: list[str]) -> None:
    pattern, better, *_ = row
    assert better
    assert not whole_words(pattern).search(better)
