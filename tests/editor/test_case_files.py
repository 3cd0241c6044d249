"""What an editor offers and marks in a case file whose first line names the schema of case files."""

import itertools
from typing import Any

import pytest

from jobfile.schema.forms import CASE_FILE
from jobfile.schema.validator import schema_text
from tests.editor.conftest import CURSOR, Editor
from tests.language.test_case_schema import MAPS

SCHEMA_NAME = ".jobfile.cases.schema.json"
CASE = "version: 1\ntests:\n  a:\n    job: x\n"
NUMBERS = itertools.count(1)
PLACES = {
    "case": ("version: 1\ntests:\n  a:\n    ", set()),
    "given": (f"{CASE}    given:\n      ", set()),
    "attempt": (f"{CASE}    given:\n      attempts:\n        - after: 1s\n          ", {"after"}),
    "expect": (f"{CASE}    expect:\n      ", set()),
    "fires": (f"{CASE}    expect:\n      fires:\n        ", set()),
}


def opened(editor: Editor, text: str) -> str:
    (editor.folder / SCHEMA_NAME).write_text(schema_text(CASE_FILE))
    path = editor.folder / f"file{next(NUMBERS)}.test.yaml"
    return editor.open_as(path, f"# yaml-language-server: $schema={SCHEMA_NAME}\n{text}")


def offered(editor: Editor, text: str) -> set[str]:
    before, _, after = text.partition(CURSOR)
    uri = opened(editor, before + after)
    place = {"line": before.count("\n") + 1, "character": len(before.rpartition("\n")[2])}
    answer: dict[str, Any] = editor.server.request(
        "textDocument/completion", {"textDocument": {"uri": uri}, "position": place}
    )
    return {item["label"] for item in answer["items"]}


@pytest.mark.parametrize("kind", PLACES)
def test_the_keys_of_the_place_are_offered(editor: Editor, kind: str) -> None:
    above, there = PLACES[kind]
    assert MAPS[kind]["properties"].keys() - there <= offered(editor, f"{above}{CURSOR}")


def test_what_an_attempt_does_and_the_states_are_offered(editor: Editor) -> None:
    attempts = offered(editor, f"{CASE}    given:\n      attempts: {CURSOR}")
    assert {"succeeds", "exit 1", "signal 9", "times out", "lost"} <= attempts
    states = offered(editor, f"{CASE}    expect:\n      state: {CURSOR}")
    assert states == set(MAPS["expect"]["properties"]["state"]["enum"])


def test_a_good_file_has_no_mark_and_a_mistake_has_one(editor: Editor) -> None:
    good = f"{CASE}    given:\n      attempts: [exit 75, {{exit: 1, after: 90s}}, succeeds]\n"
    assert editor.marks(opened(editor, f"{good}    expect: {{state: failed}}\n")) == []
    (mark,) = editor.marks(opened(editor, f"{good}    expect: {{state: fialed}}\n"))
    assert mark["range"]["start"]["line"] == 7
    (mark,) = editor.marks(opened(editor, f"{CASE}    expect: {{state: failed}}\n    gven: {{}}\n"))
    assert "gven" in mark["message"]
