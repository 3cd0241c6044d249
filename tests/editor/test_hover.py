"""What an editor shows about the word under the pointer."""

import json

from tests.editor.conftest import CURSOR, Editor
from tests.editor.places import KEYS, PLACES
from tests.language.test_schema import examples_of
from tests.together import together

EXAMPLES = [(name, key, example) for name, key in KEYS for example in examples_of(PLACES[name].keys[key])]


def at_key(text: str) -> str:
    """A text with the cursor in the key of its last line."""
    above, line_end, line = text.rstrip("\n").rpartition("\n")
    key = line.lstrip()
    return f"{above}{line_end}{line[: -len(key)]}{key[:1]}{CURSOR}{key[1:]}\n"


@together(("name", "key", "example"), EXAMPLES)
def test_a_key_shows_its_text_whatever_its_value(
    editor: Editor, name: str, key: str, example: object
) -> None:
    place = PLACES[name]
    part = place.keys[key]
    text = place.good(key, json.dumps(example))
    assert part["markdownDescription"] in editor.hover(at_key(text))


@together("key", PLACES["job"].keys)
def test_settings_that_name_the_schema_do_as_well(editor: Editor, key: str) -> None:
    part = PLACES["job"].keys[key]
    text = PLACES["job"].good(key, json.dumps(examples_of(part)[0]))
    assert part["markdownDescription"].splitlines()[0] in editor.hover(at_key(text), by_settings=True)
