"""What an editor offers while a job file is written."""

import re

import pytest

from jobfile.diagnostics.diagnostic import Severity
from jobfile.pipeline import check_file
from tests.editor.conftest import CURSOR, Editor
from tests.editor.places import DEFINITIONS, KEYS, PLACES, branches
from tests.language.test_schema import SCHEMA
from tests.together import together

KEY_KIND = 10
WAYS = pytest.mark.parametrize("by_settings", [False, True], ids=["modeline", "settings"])
CHOICES = [
    (name, key, branch)
    for name, key in KEYS
    for branch in branches(PLACES[name].keys[key])
    if "enum" in branch
]
WITH_ACTION = "    run: echo\n"
SNIPPETS = [
    *(("jobs:\n  ", snippet["label"]) for snippet in SCHEMA["properties"]["jobs"]["defaultSnippets"]),
    *(
        (f"jobs:\n  a:\n{'' if key == 'steps' else WITH_ACTION}    {key}: ", snippet["label"])
        for key, part in PLACES["job"].keys.items()
        for snippet in part.get("defaultSnippets", [])
    ),
]


def keys_offered(editor: Editor, text: str, *, by_settings: bool = False) -> set[str]:
    items = editor.completions(text, by_settings=by_settings)
    return {item["label"] for item in items if item["kind"] == KEY_KIND}


def test_every_map_with_fixed_keys_is_a_place_of_these_tests() -> None:
    fixed = {name for name, part in DEFINITIONS.items() if "properties" in part}
    assert fixed == PLACES.keys() - {"file"}, "add it to PLACES"


@WAYS
@pytest.mark.parametrize("name", PLACES)
def test_the_keys_of_the_place_are_offered(editor: Editor, name: str, *, by_settings: bool) -> None:
    place = PLACES[name]
    assert keys_offered(editor, place.text(CURSOR), by_settings=by_settings) == place.keys.keys()


def test_the_keys_of_a_schedule_are_offered_in_a_list_too(editor: Editor) -> None:
    place = PLACES["job"]
    assert keys_offered(editor, place.text(f"schedule:\n      - {CURSOR}")) == PLACES["schedule"].keys.keys()


@together(("name", "key"), KEYS)
def test_a_key_that_is_there_is_not_offered_again(editor: Editor, name: str, key: str) -> None:
    place = PLACES[name]
    there = {key, *place.needed}
    text = place.good(key, "1") + place.indent + CURSOR
    assert keys_offered(editor, text) == place.keys.keys() - there


@together(("name", "key"), KEYS)
def test_a_key_is_offered_with_its_text(editor: Editor, name: str, key: str) -> None:
    items = editor.completions(PLACES[name].text(CURSOR))
    texts = [item["documentation"]["value"] for item in items if item["label"] == key]
    assert PLACES[name].keys[key]["markdownDescription"] in texts


@pytest.mark.parametrize(
    ("name", "key", "choice"), CHOICES, ids=[f"{name}-{key}" for name, key, _ in CHOICES]
)
def test_values_are_offered_with_what_they_mean(editor: Editor, name: str, key: str, choice: dict) -> None:
    items = editor.completions(PLACES[name].text(f"{key}: {CURSOR}"))
    offered = {item["label"]: item.get("documentation") for item in items}
    assert offered.keys() >= set(choice["enum"])
    for value, meaning in zip(choice["enum"], choice.get("enumDescriptions", ()), strict=False):
        assert offered[value] == meaning


def taken(snippet: str) -> str:
    """The text after every proposal of a snippet is accepted."""
    return re.sub(r"\$\{\d+:((?:[^}\\]|\\.)*)\}", r"\1", snippet)


@WAYS
@pytest.mark.parametrize(("line", "label"), SNIPPETS, ids=[label for _, label in SNIPPETS])
def test_a_snippet_is_offered_and_gives_a_good_file(
    editor: Editor, line: str, label: str, *, by_settings: bool
) -> None:
    before = f"version: 1\n{line}"
    items = editor.completions(before + CURSOR, by_settings=by_settings)
    (item,) = [item for item in items if item["label"] == label]
    indent = re.search(r" *(?=[^\n ]*[^\n]*\Z)", before.rpartition("\n")[2])
    assert indent is not None
    text = before + taken(item["insertText"]).replace("\n", "\n" + indent[0]) + "\n"
    assert editor.marks(editor.open(text, by_settings=by_settings)) == []
    said = check_file("jobs.yaml", text.encode()).diagnostics
    assert [one for one in said if one.severity is Severity.ERROR] == [], text


def test_without_the_schema_nothing_is_offered(editor: Editor) -> None:
    uri = editor.open_as(editor.folder / "plain" / "jobs.yaml", "version: 1\n")
    position = {"line": 1, "character": 0}
    answer = editor.server.request(
        "textDocument/completion", {"textDocument": {"uri": uri}, "position": position}
    )
    assert answer["items"] == []
