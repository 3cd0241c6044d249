"""The JSON Schema of case files: the rules of the one of job files, and words that the engine knows."""

import json
import re

import jsonschema
import jsonschema_rs
import pytest

from engine.core.lifecycle import RunState
from engine.core.notices import TROUBLE
from jobfile.diagnostics.diagnostic import CODES
from jobfile.diagnostics.source import Source
from jobfile.schema.forms import CASE_FILE
from jobfile.schema.validator import schema_text, validate
from jobfile.syntax.document import parse_document
from tests.language.test_schema import JOB, parts, types_of
from tests.together import together

SCHEMA = json.loads(schema_text(CASE_FILE))
PARTS = dict(parts(SCHEMA))
KEYS = {
    f"{path}/{name}": part
    for path, schema in PARTS.items()
    for name, part in schema.get("properties", {}).items()
}
MAPS = {"file": SCHEMA, **SCHEMA["definitions"]}


def test_it_is_a_valid_draft_7_schema_of_less_than_15_kb() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert len(schema_text(CASE_FILE).encode()) < 15_000


def test_the_schema_has_no_one_of_and_no_conditions() -> None:
    words = {word for schema in PARTS.values() for word in schema}
    assert not words & {"oneOf", "not", "if", "then", "else", "dependencies"}
    choices = [schema["anyOf"] for schema in PARTS.values() if "anyOf" in schema]
    assert [sorted(resolved(one)["type"] for one in branches) for branches in choices] == [
        ["object", "string"],
        ["object", "string"],
    ]


def resolved(schema: dict) -> dict:
    return PARTS[schema["$ref"]] if "$ref" in schema else schema


@pytest.mark.parametrize("kind", MAPS)
def test_unknown_keys_are_refused_and_each_map_has_a_title(kind: str) -> None:
    assert MAPS[kind]["additionalProperties"] is False
    assert MAPS[kind]["title"]


def test_each_map_with_fixed_keys_is_known_to_the_messages() -> None:
    assert set(CASE_FILE.maps.values()) == MAPS.keys() - {"file"}
    for holder, key in CASE_FILE.maps:
        assert key in MAPS[holder]["properties"], (holder, key)


@together("path", KEYS)
def test_every_key_is_explained_with_an_example_that_is_valid(path: str) -> None:
    schema = {**KEYS[path], "definitions": SCHEMA["definitions"]}
    validator = jsonschema_rs.Draft7Validator(schema)
    hover = re.fullmatch(r"(.+)\n\n`(.+)`(?:\n\n`explain (JF\d{3})`)?", schema["markdownDescription"])
    assert hover is not None
    assert hover[1] == schema["description"]
    assert hover[3] is None or hover[3] in CODES
    document, _ = parse_document(Source("jobs.test.yaml", hover[2]))
    assert document is not None
    assert list(document.tree) == [path.rpartition("/")[2]]
    for example in (*document.tree.values(), *schema["examples"]):
        assert validator.is_valid(example)


def test_where_text_is_expected_scalars_of_other_yaml_readers_pass() -> None:
    for path in ("#/definitions/expect/properties/reason", "#/definitions/fires/properties/from"):
        assert types_of(PARTS[path]) == {"string", "number", "boolean"}


def test_nothing_may_be_null() -> None:
    assert all("null" not in schema.get("type", ()) for schema in PARTS.values())


def test_patterns_are_anchored_and_say_what_they_mean() -> None:
    patterns = [schema for schema in PARTS.values() if "pattern" in schema]
    assert patterns
    for schema in patterns:
        assert re.fullmatch(r"\^[^\\?]+\$", schema["pattern"])
        assert schema["patternErrorMessage"]


def test_its_words_are_those_of_the_engine_and_of_job_files() -> None:
    expect, given = MAPS["expect"]["properties"], MAPS["given"]["properties"]
    running = {RunState.RUNNING, RunState.CANCELLING, RunState.CANCELLED}
    assert set(expect["state"]["enum"]) == {state.value for state in RunState} - running
    assert expect["notify"]["propertyNames"] == JOB["notify"]["propertyNames"]
    assert {*TROUBLE, "succeeded"} == set(given["previous"]["enum"])


def test_editors_offer_a_new_case_and_what_an_attempt_does() -> None:
    assert SCHEMA["properties"]["tests"]["defaultSnippets"]
    attempts = MAPS["given"]["properties"]["attempts"]
    for snippet in attempts["defaultSnippets"]:
        assert jsonschema_rs.Draft7Validator({**attempts, "definitions": MAPS}).is_valid(snippet["body"])


def found(text: str) -> list[tuple[str, str, tuple[str, ...]]]:
    document, problems = parse_document(Source("jobs.test.yaml", text))
    assert document is not None, problems
    return [(one.code, one.message, one.help) for one in validate(document, form=CASE_FILE).diagnostics]


def a_case(lines: str) -> str:
    return f"version: 1\ntests:\n  a:\n    job: x\n    {lines}\n"


SAID = {
    "jobs: jobs.yaml\ntests: {}\n": ("JF102", "`version` is missing", "begin the file with `version: 1`"),
    "version: 2\ntests: {}\n": ("JF112", "unknown language version `2`", "write `version: 1`"),
    "version: 1\ntests: {}\na: {job: x}\n": (
        "JF101",
        "unknown key `a` in the file",
        "a case belongs under `tests`",
    ),
    "version: 1\ntests: {a: }\n": ("JF108", "case `a` has no value", "a case needs `job` and `expect`"),
    "version: 1\ntests: {a: {job: x}}\n": (
        "JF102",
        "case `a` has no `expect`",
        "add `expect`: for example `expect: {state: succeeded}`",
    ),
    a_case("expect: {state: failed}\n    fires: {}"): (
        "JF101",
        "unknown key `fires` in case `a`",
        "`fires` belongs under `expect`",
    ),
    a_case("expect: {state: failed}\n    env: {}"): (
        "JF101",
        "unknown key `env` in case `a`",
        "`env` belongs under `given`, or under `expect`",
    ),
    a_case("expect: {cmd: [a]}"): (
        "JF101",
        "unknown key `cmd` in `expect` of case `a`",
        "valid here: `command`, `script`, `env`, `state`, `steps`, `reason`, `attempts`, `retried_after`,"
        " `notify`, `fires`",
    ),
    a_case("expect: {state: failed}\n    given: {attempts: [{exti: 1}]}"): (
        "JF101",
        "unknown key `exti` in `attempts` of `given` of case `a`",
        "did you mean `exit`?",
    ),
    a_case("expect: {state: failed}\n    given: {params: [a]}"): (
        "JF103",
        "expected a map for `params`, found a list",
        "write one `NAME: value` on each line",
    ),
    a_case("expect: {state: failed}\n    given: {attempts: [exit 1, exit]}"): (
        "JF104",
        "`exit` is not something that an attempt does",
        "one of succeeds, exit 1, signal 9, expectation, http 503, connect, times out, lost; "
        "or {exit: 0, after: 90s}",
    ),
    a_case("expect: {notify: {fialed: [ops]}}"): (
        "JF104",
        "unknown event `fialed` in `notify`",
        "did you mean `failed`?",
    ),
    a_case("expect: {attempts: '3'}"): (
        "JF103",
        "expected an integer for `attempts`, found text",
        "remove the quotes: `3`",
    ),
}


@pytest.mark.parametrize("text", SAID)
def test_a_mistake_is_explained_as_in_a_job_file(text: str) -> None:
    code, message, advice = SAID[text]
    assert found(text) == [(code, message, (advice,))]


def test_a_mistake_among_many_cases_is_the_only_one_that_is_explained() -> None:
    good = "".join(f"  c{number}: {{job: x, expect: {{state: failed}}}}\n" for number in range(300))
    assert found(f"version: 1\ntests:\n{good}") == []
    assert [code for code, _, _ in found(f"version: 1\ntests:\n{good}  bad: {{job: x}}\n")] == ["JF102"]


def test_a_case_file_has_no_defaults_and_no_keys_of_other_tools() -> None:
    assert [one[:2] for one in found("version: 1\ntests: {}\ndefaults: {env: {A: null}}\n")] == [
        ("JF101", "unknown key `defaults` in the file")
    ]
