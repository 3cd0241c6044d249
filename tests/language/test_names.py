"""The grammar of names is the schema's; and what is no name stays outside."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobfile.model.names import is_job_name, is_step_name, is_variable, is_word
from jobfile.schema.validator import schema_text

SCHEMA = json.loads(schema_text())["definitions"]
PATTERNS = {
    is_job_name: SCHEMA["name"]["pattern"],
    is_word: SCHEMA["word"]["pattern"],
    is_step_name: SCHEMA["job"]["properties"]["steps"]["propertyNames"]["pattern"],
    is_variable: SCHEMA["variable"]["pattern"],
}
CHARACTERS = "aZ09_-./\\ \n\0\x1b\u200bıé٣"


@given(st.one_of(st.text(CHARACTERS, max_size=5), st.text("a-", min_size=60, max_size=130)))
def test_names_follow_the_patterns_of_the_schema(text: str) -> None:
    for is_named, pattern in PATTERNS.items():
        assert is_named(text) == (re.fullmatch(pattern, text) is not None)


@pytest.mark.parametrize(
    "text", ["", "..", "a/b", "a\n", "-a", "A", "aé", "a\x1b", "a" * 64, "a\u200b", "a.b", "con:"]
)
def test_what_could_be_a_path_or_steer_a_terminal_is_no_name_of_a_job(text: str) -> None:
    assert not is_job_name(text)
