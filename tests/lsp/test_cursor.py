"""Where a cursor is in a text that is being typed: `§` is the cursor."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobfile.editor.cursor import find_cursor
from tests.together import together

TABLE: list[tuple[str, tuple[Any, ...], str, bool]] = [
    ("§", (), "", False),
    ("ver§", (), "ver", False),
    ("jobs:\n  a:\n    §", ("jobs", "a"), "", False),
    ("jobs:\n  a:\n    run: x\n    ti§", ("jobs", "a"), "ti", False),
    ("jobs:\n  a:\n    run: x\n  §", ("jobs",), "", False),
    ("jobs:\n  a:\n    run: x\n§", (), "", False),
    ("jobs:\n  a:\n    timezone: Eu§", ("jobs", "a", "timezone"), "Eu", True),
    ("jobs:\n  a:\n    timezone: Europe/Os§lo", ("jobs", "a", "timezone"), "Europe/Os", True),
    ("jobs:\n  a:\n    schedule:\n      - cron: x\n        ti§", ("jobs", "a", "schedule", 0), "ti", False),
    ("jobs:\n  a:\n    schedule:\n    - cron: x\n      ti§", ("jobs", "a", "schedule", 0), "ti", False),
    ("jobs:\n  a:\n    schedule:\n      - §", ("jobs", "a", "schedule", 0), "", False),
    ("jobs:\n  a:\n    schedule: {cron: x, tim§", ("jobs", "a", "schedule"), "tim", False),
    ("jobs:\n  a:\n    schedule: {cron: x, timezone: E§", ("jobs", "a", "schedule", "timezone"), "E", True),
    ("jobs:\n  a:\n    schedule: [{cron: x}, {ev§", ("jobs", "a", "schedule", 0), "ev", False),
    (
        "jobs:\n  a:\n    steps:\n      b:\n        needs: [x, §",
        ("jobs", "a", "steps", "b", "needs", 0),
        "",
        True,
    ),
    (
        "jobs:\n  a:\n    steps:\n      b:\n        needs:\n          - §",
        ("jobs", "a", "steps", "b", "needs", 0),
        "",
        False,
    ),
    ("jobs:\n  a:\n    run: |\n      echo hi\n      §", ("jobs", "a", "run"), "", True),
    ("jobs:\n  a:\n    run: |\n      echo hi\n    §", ("jobs", "a"), "", False),
    (
        "jobs:\n  a:\n    triggers:\n      - after:\n          jo§",
        ("jobs", "a", "triggers", 0, "after"),
        "jo",
        False,
    ),
    ("jobs:\n  a:\n    broken: [x\n    ti§", ("jobs", "a"), "ti", False),
    ("# jobs:\n#  a:\nqu§", (), "qu", False),
    ('"quoted key":\n  §', ("quoted key",), "", False),
    ("jobs:\r\n  a:\r\n    ti§", ("jobs", "a"), "ti", False),
]


@together(("text", "path", "word", "is_value"), TABLE)
def test_a_cursor_is_found(text: str, path: tuple[Any, ...], word: str, is_value: bool) -> None:
    before, _, after = text.partition("§")
    cursor = find_cursor(before + after, len(before))
    assert (cursor.path, cursor.word, cursor.is_value) == (path, word, is_value)


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ('jobs:\n  a:\n    run: "echo {{ par§"', " par"),
        ("jobs:\n  a:\n    run: |\n      echo {{ params.x | §", " params.x | "),
        ('jobs:\n  a:\n    run: "echo {{ x }} §"', None),
        ("jobs:\n  a:\n    command: [echo, '{{ §", " "),
        ("jobs:\n  a:\n    run: echo\n§", None),
    ],
)
def test_an_open_template_is_known(text: str, template: str | None) -> None:
    before, _, after = text.partition("§")
    assert find_cursor(before + after, len(before)).template == template


@given(st.text(alphabet="ab:- \n#[]{}|>'\",\t\r§"), st.integers(0, 60))
def test_nothing_raises(text: str, offset: int) -> None:
    find_cursor(text, min(offset, len(text)))
