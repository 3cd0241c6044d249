"""`jobfile explain`: a page on a terminal, without the marks of Markdown; the keys of job files."""

import json
from pathlib import Path
from typing import Any

import pytest

from engine.answers.explained import keys_to_text, page_of, page_to_text
from jobfile.diagnostics.diagnostic import CODES
from jobfile.pages.keys import KINDS, Key, keys_of
from jobfile.pages.reference import WHERE, reference
from jobfile.schema.validator import schema_text
from jobfile.syntax.document import PARSER, decode_source, parse_document, read_quickly
from tests.cli.conftest import Jobfile
from tests.together import together

REFERENCE = Path(__file__).parents[2] / "docs" / "reference.md"
SCHEMA = json.loads(schema_text())
KEYS = [(kind, key) for kind in KINDS for key in keys_of(kind)]


@together("code", CODES)
def test_a_page_keeps_its_lines_and_loses_its_marks(code: str) -> None:
    page = page_of(code)
    text = page_to_text(page)
    assert "```" not in text
    assert not text.startswith("#")
    kept = [line.strip() for line in page.text.splitlines() if not line.startswith(("```", f"# {code}"))]
    assert [line.strip() for line in text.splitlines()][1:] == kept[0:], "every line, in its order"


def test_an_example_is_indented() -> None:
    text = page_to_text(page_of("JF110"))
    assert text.startswith("JF110 not a duration\n\nThe value is not a duration.")
    assert "\n\n    version: 1\n    jobs:\n      a:\n        timeout: 5 minutes\n" in text


# The keys


def test_the_reference_in_the_docs_is_that_of_the_schema(request: pytest.FixtureRequest) -> None:
    """`pytest --update` writes it."""
    if request.config.getoption("--update"):
        REFERENCE.write_text(reference())
    assert REFERENCE.read_text() == reference()


def test_each_map_with_fixed_keys_is_a_kind_with_a_place() -> None:
    fixed = {name for name, about in SCHEMA["definitions"].items() if "properties" in about}
    assert fixed | {""} == set(KINDS.values())
    assert WHERE.keys() == KINDS.keys()


def schema_of(kind: str, key: str) -> dict[str, Any]:
    part = SCHEMA["definitions"][KINDS[kind]] if KINDS[kind] else SCHEMA
    found: dict[str, Any] = part["properties"][key]
    return SCHEMA["definitions"]["job"]["properties"][key] if "$ref" in found else found


@together(("kind", "key"), KEYS)
def test_each_key_has_a_type_a_default_and_an_example_that_a_file_can_have(kind: str, key: Key) -> None:
    assert key.type
    assert key.means
    assert key.more.startswith("jobfile explain ")
    name, colon, _ = key.example.partition(":")
    assert colon
    if key.name.endswith("…"):
        assert name.startswith(key.name.removesuffix("…"))
        return
    source, _ = decode_source("jobs.yaml", key.example.encode())
    assert source is not None
    document, _ = parse_document(source)
    assert document is not None
    assert list(document.tree) == [key.name]
    default = schema_of(kind, key.name).get("default")
    written = read_quickly(f"{key.name}: {key.default}\n", PARSER) if key.default else {key.name: None}
    assert written == {key.name: default}


@pytest.mark.parametrize(
    ("kind", "name", "type_"),
    [
        ("retry", "attempts", "integer from 1 to 1000"),
        ("retry", "delay", "duration"),
        ("schedule", "spread", "duration"),
        ("job", "owner", "text or null"),
        ("job", "enabled", "true or false"),
        ("job", "schedule", "map (keys schedule) or text or list of (text or map (keys schedule))"),
        ("job", "env", "map from names to (text or null) or null"),
        ("concurrency", "limit", "integer, at least 1 or one word"),
        ("files", "events", "list of words"),
        ("file", "version", "1"),
        ("http", "json", "anything"),
    ],
)
def test_the_form_of_a_value_is_shown_in_words(kind: str, name: str, type_: str) -> None:
    assert next((key.type for key in keys_of(kind) if key.name == name), "") == type_


def test_the_text_of_the_keys_has_the_values_with_their_meanings(jobfile: Jobfile) -> None:
    said = jobfile("explain", "keys", "retry").out
    assert said.strip() == keys_to_text("retry", width=120)
    assert (
        """
backoff    How the wait grows
           one word; default: exponential
           - exponential: twice the wait before
           - linear: one delay longer
           - fixed: always the delay
           backoff: exponential
"""
        in said
    )


def test_markdown_is_printed_of_one_kind_or_of_all(jobfile: Jobfile) -> None:
    whole = jobfile("explain", "keys", "--markdown").out
    assert whole == reference()
    one = jobfile("explain", "keys", "retry", "--markdown").out
    assert one.startswith("## retry\n")
    assert one in whole
    for wrong in (("JF110", "--markdown"), ("--markdown",), ("keys", "job", "--markdown", "--json")):
        assert jobfile("explain", *wrong).code == 64
