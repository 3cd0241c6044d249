"""What an editor marks: what is wrong, at its place; and nothing in a file that is right."""

import json

import pytest

from engine.sources.first_files import FIRST_FILE
from tests.editor.conftest import Editor
from tests.editor.places import JOB, KEYS, PLACES
from tests.known import known_files
from tests.language.test_cases import OK
from tests.language.test_schema import BAD, GOOD, TEXT, examples_of, shown_example

SAMPLES = known_files("samples", "*.yaml")
ODD_TEXTS = [
    "0755",
    "22:30",
    "1.10",
    "1e3",
    "0x1F",
    "0o17",
    "no",
    "off",
    "true",
    "2026-03-01",
    ".inf",
    "1_000",
]
WAYS = pytest.mark.parametrize("by_settings", [False, True], ids=["modeline", "settings"])


def messages(editor: Editor, files: dict[str, str]) -> dict[str, list[str]]:
    """What is marked in open files, by name; files without a mark are left out."""
    marks = {name: [mark["message"] for mark in editor.marks(uri)] for name, uri in files.items()}
    return {name: found for name, found in marks.items() if found}


def covered(text: str, mark: dict) -> str:
    """The text above a mark of one line."""
    start, end = mark["range"]["start"], mark["range"]["end"]
    assert start["line"] == end["line"]
    return text.splitlines()[start["line"]][start["character"] : end["character"]]


# --- what is right has no mark


def test_no_sample_has_a_mark(editor: Editor) -> None:
    assert messages(editor, {str(path): editor.open_as(path, path.read_text()) for path in SAMPLES}) == {}


def test_the_file_that_init_writes_has_no_mark(editor: Editor) -> None:
    path = editor.folder / "jobs.yaml"
    assert path.read_text() == FIRST_FILE
    assert editor.marks(editor.open_as(path, FIRST_FILE)) == []


@WAYS
def test_no_good_case_has_a_mark(editor: Editor, *, by_settings: bool) -> None:
    texts = {**GOOD, **{path.name: path.read_text().split("# file: ")[0] for path in OK}}
    bare = {name: text.replace("# yaml-language-server:", "#") for name, text in texts.items()}
    files = {name: editor.open(text, by_settings=by_settings) for name, text in bare.items()}
    assert messages(editor, files) == {}


def test_no_example_of_the_schema_has_a_mark(editor: Editor) -> None:
    files = {
        f"{name} {key} {example}": editor.open(PLACES[name].good(key, json.dumps(example)))
        for name, key in KEYS
        if name != "defaults"  # its keys are those of a job, where a null has its use
        for example in examples_of(PLACES[name].keys[key])
    }
    assert messages(editor, files) == {}


def test_no_hover_has_an_example_with_a_mark(editor: Editor) -> None:
    files = {}
    for key, part in PLACES["job"].keys.items():
        files[key] = editor.open(f"{JOB}    {shown_example(part)}\n")
    assert messages(editor, files) == {}


@pytest.mark.parametrize("odd", ODD_TEXTS)
def test_where_text_is_expected_no_scalar_needs_quotes(editor: Editor, odd: str) -> None:
    keys = [key for key, part in PLACES["job"].keys.items() if set(TEXT) <= set(part.get("type", ()))]
    assert {"description", "run", "timeout"} <= set(keys)
    lines = [*(f"{key}: {odd}" for key in keys), f"env: {{A: {odd}}}", f"command: [{odd}]"]
    assert editor.marks(editor.open(JOB + "".join(f"    {line}\n" for line in lines))) == []


# --- what is wrong is marked


@WAYS
def test_every_mistake_is_marked_at_its_place(editor: Editor, *, by_settings: bool) -> None:
    above = 0 if by_settings else 1
    rows = [row for row in BAD if "defaults: {env: {A: null}}" not in row[0]]  # no schema can tell it
    opened = [(row, editor.open(row[0], by_settings=by_settings)) for row in rows]
    for (text, _, line, *_), uri in opened:
        lines = {mark["range"]["start"]["line"] + 1 - above for mark in editor.marks(uri)}
        assert lines, f"no mark: {text}"
        # a value that begins on the line below its key is marked there
        assert lines <= {line, line + 1}, text


@pytest.mark.parametrize(
    ("line", "under", "message"),
    [
        ("retrry: 3", "retrry", "Property retrry is not allowed."),
        ("retry: {attempts: 3, timeout: 5m}", "timeout", "Property timeout is not allowed."),
        ("enabled: yes", "yes", 'Incorrect type. Expected "boolean".'),
        ("retry: three", "three", "Incorrect type."),
        ("retry: 0", "0", "Value is below the minimum of 1."),
        ("concurrency: {on_overlap: que}", "que", 'Valid values: "skip", "queue"'),
        ("tags: [Nightly]", "Nightly", "small letters, digits, _ . and -"),
        ("secrets: {A: hunter2}", "hunter2", "env:NAME or file:/path"),
        ("env: {A-B: x}", "A-B", "letters, digits and _, no digit first"),
    ],
)
def test_a_mark_is_under_the_mistake_and_describes_it(
    editor: Editor, line: str, under: str, message: str
) -> None:
    text = f"{JOB}    run: echo\n    {line}\n"
    (mark,) = editor.marks(editor.open(text, by_settings=True))
    assert covered(text, mark) == under
    assert message in mark["message"]


def test_without_the_schema_nothing_is_marked(editor: Editor) -> None:
    uri = editor.open_as(editor.folder / "plain" / "wrong.yaml", "version: one\n")
    assert editor.marks(uri) == []
