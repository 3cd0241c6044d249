"""The JSON Schema of the language, and what a person reads when a file does not meet it."""

import json
import re
import subprocess
import sys

import jsonschema
import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobfile.diagnostics.diagnostic import CODES
from jobfile.diagnostics.source import Source
from jobfile.pages.keys import KINDS
from jobfile.schema.certain import is_certainly_valid
from jobfile.schema.validator import schema_text, validate
from jobfile.syntax.document import parse_document
from tests.language.schema_generator import Generator
from tests.soak import examples
from tests.together import together

SCHEMA = json.loads(schema_text())
JOB = SCHEMA["definitions"]["job"]["properties"]
FAST = jsonschema_rs.Draft7Validator(SCHEMA)
TEXT = ["string", "number", "boolean"]


def document_of(text):
    document, problems = parse_document(Source("jobs.yaml", text))
    assert document is not None, problems
    return document


def findings(text):
    return validate(document_of(text)).diagnostics


def fixed(text, fix):
    for edit in sorted(fix.edits, key=lambda edit: edit.span.start.offset, reverse=True):
        text = text[: edit.span.start.offset] + edit.text + text[edit.span.end.offset :]
    return text


# --- the schema itself


def parts(schema, path="#"):
    """Every subschema, with where it stands."""
    yield path, schema
    for word in ("properties", "patternProperties", "definitions"):
        for name, part in schema.get(word, {}).items():
            yield from parts(part, f"{path}/{word}/{name}")
    for word in ("items", "additionalProperties", "propertyNames"):
        if isinstance(schema.get(word), dict):
            yield from parts(schema[word], f"{path}/{word}")
    for word in ("anyOf", "allOf"):
        for index, part in enumerate(schema.get(word, [])):
            yield from parts(part, f"{path}/{word}/{index}")


PARTS = dict(parts(SCHEMA))


def resolved(schema):
    while "$ref" in schema:
        schema = PARTS[schema["$ref"]]
    return schema


def documented():
    for path, schema in PARTS.items():
        if "/allOf/" not in path:
            for word in ("properties", "patternProperties"):
                for name, part in schema.get(word, {}).items():
                    yield f"{path}/{name}", resolved(part)


PROPERTIES = dict(documented())


def shown_example(schema):
    """The example in the hover: a key and its value."""
    return schema["markdownDescription"].split("\n\n`")[1].removesuffix("`")


def examples_of(schema):
    """The values of a key that an editor shows: the one in the hover, and those listed below it."""
    return [*document_of(shown_example(schema)).tree.values(), *schema.get("examples", ())]


def types_of(schema):
    types = resolved(schema)["type"]
    return set(types) if isinstance(types, list) else {types}


def test_it_is_a_valid_draft_7_schema_of_less_than_40_kb():
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    assert len(schema_text().encode()) < 40_000


def test_the_schema_has_no_one_of_and_no_conditions():
    words = {word for schema in PARTS.values() for word in schema}
    assert not words & {"oneOf", "not", "if", "then", "else", "dependencies"}


def test_the_branches_of_an_any_of_differ_in_type():
    choices = {path: schema["anyOf"] for path, schema in PARTS.items() if "anyOf" in schema}
    assert choices
    for path, branches in choices.items():
        types = [name for branch in branches for name in types_of(branch)]
        assert len(types) == len(set(types)), path
        assert not {"integer", "number"} <= set(types), path


def test_unknown_keys_are_refused_wherever_keys_are_fixed():
    for path, schema in PARTS.items():
        if "properties" in schema and not path.endswith("/matrix"):  # its axes have names of one's own
            assert schema["additionalProperties"] is False, path


def test_every_key_is_explained_with_an_example_and_a_page():
    assert len(PROPERTIES) > 50
    for path, schema in PROPERTIES.items():
        hover = schema["markdownDescription"]
        assert "description" not in schema, f"{path}: editors show the hover; its first words say nothing"
        page = re.fullmatch(r".*\n\n`.+`\n\n`explain (keys [a-z]+|JF\d{3})`", hover, re.DOTALL)
        assert page is not None, path
        assert page[1] in CODES or page[1].split()[-1] in KINDS, path


def test_every_map_has_a_title():
    for path, schema in PARTS.items():
        if "properties" in schema and not path.endswith("/matrix"):
            assert schema["title"], path


@together("path", PROPERTIES)
def test_each_example_is_valid(path):
    schema = {**PROPERTIES[path], "definitions": SCHEMA["definitions"]}
    validator = jsonschema_rs.Draft7Validator(schema)
    assert examples_of(schema)
    for example in examples_of(schema):
        assert validator.is_valid(example)


@together("path", PROPERTIES)
def test_no_example_is_shown_twice(path):
    first, *more = examples_of(PROPERTIES[path])
    assert first not in more


@together("path", PROPERTIES)
def test_each_example_for_the_hover_is_valid(path):
    ((key, value),) = document_of(shown_example(PROPERTIES[path])).tree.items()
    name = path.rpartition("/")[2]
    assert key == name or (name == "^x-" and key.startswith("x-"))
    schema = {**PROPERTIES[path], "definitions": SCHEMA["definitions"]}
    assert jsonschema_rs.Draft7Validator(schema).is_valid(value)


def test_the_choices_that_need_words_have_them():
    for name in ("on_overlap", "backoff", "jitter", "days"):
        (schema,) = [part for path, part in PROPERTIES.items() if path.endswith(f"/{name}")]
        assert len(schema["enumDescriptions"]) == len(schema["enum"])
    assert len(JOB["catchup"]["anyOf"][0]["enumDescriptions"]) == 3


def test_editors_offer_a_new_job_a_schedule_and_a_retry():
    assert SCHEMA["properties"]["jobs"]["defaultSnippets"]
    assert JOB["schedule"]["defaultSnippets"]
    assert JOB["retry"]["defaultSnippets"]


def test_where_text_is_expected_scalars_of_other_yaml_readers_pass():
    for name in ("description", "owner", "run", "timeout", "kill_grace"):
        assert types_of(JOB[name]) - {"null"} == set(TEXT), name
    for name in ("env", "command"):
        inner = JOB[name].get("items") or JOB[name]["additionalProperties"]
        assert types_of(inner) - {"null"} == set(TEXT), name


def test_null_is_allowed_exactly_where_it_unsets_a_default():
    defaults = set(SCHEMA["definitions"]["defaults"]["properties"])
    nullable = {name for name in JOB if FAST.is_valid({"version": 1, "jobs": {"a": {name: None}}})}
    assert nullable == defaults | {"container"}, "a step may unset that of its job"
    for name in defaults:
        assert [one.code for one in findings(f"version: 1\ndefaults: {{{name}: null}}\n")] == ["JF108"], name
    for name in ("env", "secrets"):
        assert FAST.is_valid({"version": 1, "jobs": {"a": {name: {"A": None}}}})
        assert [one.code for one in findings(f"version: 1\ndefaults: {{{name}: {{A: null}}}}\n")] == ["JF108"]


def test_patterns_are_anchored_and_mean_the_same_to_both_validators():
    patterns = {schema["pattern"] for schema in PARTS.values() if "pattern" in schema}
    assert {"^[a-z][a-z0-9_-]{0,62}$", "^[a-z][a-z0-9_]{0,63}$", "^[A-Za-z_][A-Za-z0-9_]{0,127}$"} <= patterns
    for pattern in patterns:
        assert pattern.startswith("^")
        assert pattern.endswith("$")
        assert "(?" not in pattern
        assert "\\" not in pattern
    for schema in PARTS.values():
        assert ("pattern" in schema) == ("patternErrorMessage" in schema)


# --- what is right is silent


GOOD = {
    "minimal": """\
# yaml-language-server: $schema=../schemas/job.schema.json
version: 1
jobs:
  hello:
    run: echo hello
""",
    "scalars": """\
version: 1

jobs:
  norway:
    description: no quotes needed, the expected type decides
    env:
      COUNTRY: no
      DEBUG: off
      FILE_MODE: 0755
      RELEASE: 1.10
      START: 22:30
      DAY: 2026-03-01
      EMPTY: ""
    command: [echo, no, 0755, 1.10, 22:30]
    enabled: true
""",
    "shell contexts": """\
version: 1

jobs:
  shell-contexts:
    description: Every place in a script where a template may stand
    params:
      name: {type: string, default: "it's $HOME; `id`"}
      count: {type: integer, default: 3}
    shell: sh
    run: |
      printf '%s\\n' {{ params.name }}
      msg="$(printf '%s' {{ params.name }} | tr a-z A-Z)"
    timeout: 1m
""",
    "nightly": """\
version: 1

defaults:
  timezone: America/New_York
  owner: orders@example.com

jobs:
  nightly-orders:
    description: Close the order book of the scheduled day
    schedule:
      cron: "15 4 * * *"
    catchup: {mode: all, window: 7d, max: 7}
    params:
      dry: {type: boolean, default: false}
    secrets:
      DATABASE_URL: env:ORDERS_DATABASE_URL
    run: |
      set -- --day {{ run.scheduled_at | date('%Y-%m-%d') }}
      orders-batch "$@"
    timeout: 3h
    retry:
      attempts: 3
      delay: 5m
      backoff: exponential
      when: ["exit:75", timeout]
""",
    "everything": """\
version: 1
x-anchors: {any: [thing, {at: all}, null]}
vars:
  lake: s3://acme-lake
  markets: [no, se, 47]
  rate: 1.5
  dry: true
defaults:
  owner: data@example.com
  tags: [nightly, v1.10]
  timezone: UTC
  shell: bash
  env: {LANG: C.UTF-8}
  secrets: {TOKEN: "file:/run/secrets/token"}
  timeout: none
  kill_grace: 30s
  retry: 3
  catchup: none
  concurrency: {limit: none}
jobs:
  unset:
    owner: null
    tags: null
    timezone: ~
    shell:
    env: {LANG: null, TZ: ~}
    secrets: {TOKEN: null}
    timeout: null
    kill_grace: null
    retry: null
    catchup: null
    concurrency: null
    run: 'true'
  all-of-it:
    idempotent: true
    enabled: false
    schedule:
      - "0 6 * * *"
      - {every: 15m}
      - {cron: "0 4 13 * fri", days: both, timezone: Europe/Oslo, with: {day: mon, sizes: [1, 2]}}
    params:
      day: {type: string, description: the day, enum: [mon], pattern: "[a-z]+", minLength: 1, maxLength: 3}
      share: {type: number, exclusiveMinimum: 0, exclusiveMaximum: 1, minimum: 0.1, maximum: 0.9}
      when: {type: string, format: date-time, default: 2026-03-01T00:00Z}
      sizes: {type: array, items: {type: integer}, maxItems: 9, default: [1]}
    shell: [python3, -u]
    run: print(1)
    retry: {attempts: 5, delay: 1s, backoff: fixed, max_delay: 1m, jitter: full, when: [any, "exit:2-9"]}
    concurrency: {limit: 2, key: "{{ params.day }}", on_overlap: cancel_running, max_waiting: 7}
  short:
    command: [echo, "{{ vars.markets }}"]
    concurrency: 2
    catchup: last
    schedule: "30 6 * * mon"
""",
    "nothing to do": "version: 1\n",
    "no jobs": "version: 1\njobs: {}\n",
}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_file_is_silent(name):
    assert findings(GOOD[name]) == ()


# --- what is wrong is said once, at its place


def in_a_job(lines):
    return "version: 1\njobs:\n  a:\n    run: echo\n" + "".join(f"    {line}\n" for line in lines.split("\n"))


BAD = [
    # unknown keys
    (in_a_job("retrry: 3"), "JF101", 5, 5, "unknown key `retrry` in job `a`", "did you mean `retry`?"),
    (in_a_job("Kill-Grace: 3s"), "JF101", 5, 5, "unknown key `Kill-Grace`", "did you mean `kill_grace`?"),
    (in_a_job("every: 5m"), "JF101", 5, 5, "unknown key `every`", "`every` belongs under `schedule`"),
    (in_a_job("attempts: 5"), "JF101", 5, 5, "`attempts`", "`attempts` belongs under `retry`"),
    (in_a_job("vars: {}"), "JF101", 5, 5, "`vars` in job `a`", "`vars` belongs at the top of the file"),
    (in_a_job("colour: red"), "JF101", 5, 5, "unknown key `colour`", "jobfile explain keys job"),
    (in_a_job("steps: {}"), "JF106", 5, 12, "`steps` must not be an empty map", None),
    (in_a_job("schedule: {at: []}"), "JF106", 5, 20, "`at` must not be an empty list", None),
    (in_a_job("steps: {load-orders: {run: x}}"), "JF105", 5, 13, "`load-orders`", "write `load_orders`"),
    (
        in_a_job("notify: {on_failed: [x]}"),
        "JF104",
        5,
        14,
        "unknown event `on_failed`",
        "did you mean `failed`?",
    ),
    (
        in_a_job("http: {method: GET}"),
        "JF102",
        5,
        5,
        "`http` of job `a` has no `url`",
        "add `url`: for example",
    ),
    (in_a_job("http: {url: x, status: [700]}"), "JF106", 5, 29, "must be at most 599", None),
    (in_a_job("python: score"), "JF104", 5, 13, "`python`", "write module:function"),
    (in_a_job("triggers: [{aftre: b}]"), "JF101", 5, 17, "`aftre`", "did you mean `after`?"),
    (
        in_a_job("steps: {s: {run: x, neds: []}}"),
        "JF101",
        5,
        25,
        "in step `s` of job `a`",
        "did you mean `needs`?",
    ),
    (
        in_a_job("retry: {attempts: 2, timeout: 5m}"),
        "JF101",
        5,
        26,
        "unknown key `timeout` in `retry` of job `a`",
        "`timeout` belongs one level up, beside `retry`",
    ),
    (
        in_a_job("catchup: {days: 3}"),
        "JF101",
        5,
        15,
        "unknown key `days` in `catchup` of job `a`",
        "valid here: `mode`, `window`, `max`",
    ),
    (
        in_a_job("params: {day: {type: string, enuum: [x]}}"),
        "JF101",
        5,
        34,
        "unknown key `enuum` in param `day` of job `a`",
        "did you mean `enum`?",
    ),
    ("version: 1\ninclude: []\n", "JF106", 2, 10, "`include` must not be an empty list", None),
    ("version: 1\nqueues: {db: {slots: 0}}\n", "JF106", 2, 22, "`slots` must be at least 1", None),
    ("version: 1\ncalendars: {b: {weekdays: [monday]}}\n", "JF104", 2, 28, "item 1 of `weekdays`", None),
    (
        "version: 1\nrun: x\n",
        "JF101",
        2,
        1,
        "unknown key `run` in the file",
        "`run` belongs in a job, under `jobs`",
    ),
    (
        "version: 1\ntimeout: 5m\n",
        "JF101",
        2,
        1,
        "`timeout`",
        "belongs in a job, under `jobs`, or under `defaults`",
    ),
    ("version: 1\nhello:\n  run: echo\n", "JF101", 2, 1, "unknown key `hello`", "a job belongs under `jobs`"),
    ("version: 1\ngizmo: 1\n", "JF101", 2, 1, "`gizmo`", "valid here: `version`, `include`, `vars`"),
    ("version: 1\ndefaults: {artifacts: [x]}\n", "JF101", 2, 12, "`artifacts`", None),
    (
        "version: 1\ndefaults: {run: x}\n",
        "JF101",
        2,
        12,
        "unknown key `run` in `defaults`",
        "explain keys defaults",
    ),
    (
        "version: 1\ndefaults: {retry: {max: 1}}\n",
        "JF101",
        2,
        20,
        "`max` in `retry` of `defaults`",
        "valid here",
    ),
    # other tools' words
    (
        in_a_job("cron: 0 4 * * *"),
        "JF115",
        5,
        5,
        "`cron` is a key of another tool, not of jobfile",
        "did you mean `schedule`?",
    ),
    (
        in_a_job("depends_on: [b]"),
        "JF115",
        5,
        5,
        "`depends_on` is a key of another tool, not of jobfile",
        None,
    ),
    (in_a_job("timeout-minutes: 30"), "JF115", 5, 5, "`timeout-minutes`", "write `timeout: 30m`"),
    (in_a_job("paused: true"), "JF115", 5, 5, "`paused`", "write `enabled: false`"),
    (in_a_job("retries: 3"), "JF115", 5, 5, "`retries`", "write `retry: {attempts: 4}`"),
    (in_a_job("image: alpine"), "JF101", 5, 5, "`image`", "write `container: {image: alpine}`"),
    (in_a_job("interval: 5m"), "JF115", 5, 5, "`interval`", "write `schedule: {every: 5m}`"),
    (in_a_job("schedule: {interval: 5m}"), "JF115", 5, 16, "`interval`", "write `every: 5m`"),
    (in_a_job("schedule: {tz: UTC, cron: 0 4 * * *}"), "JF115", 5, 16, "`tz`", "did you mean `timezone`?"),
    (
        "version: 1\non: {push: 1}\n",
        "JF115",
        2,
        1,
        "`on` is a key of another tool",
        "did you mean `schedule` in a job?",
    ),
    # missing
    ("jobs: {}\n", "JF102", 1, 1, "`version` is missing", "begin the file with `version: 1`"),
    ("# c\n\njobs: {}\n", "JF102", 3, 1, "`version` is missing", "begin the file with `version: 1`"),
    (
        in_a_job("params: {day: {default: x}}"),
        "JF102",
        5,
        14,
        "param `day` of job `a` has no `type`",
        "add `type`: string, integer, number, boolean or array",
    ),
    # wrong type
    (
        in_a_job("enabled: yes"),
        "JF103",
        5,
        14,
        "expected true or false for `enabled`, found text",
        "write `true`",
    ),
    (in_a_job("enabled: Off"), "JF103", 5, 14, "expected true or false for `enabled`", "write `false`"),
    (in_a_job("enabled: 'true'"), "JF103", 5, 14, "expected true or false for `enabled`", "write `true`"),
    (in_a_job("enabled: maybe"), "JF103", 5, 14, "expected true or false for `enabled`, found text", None),
    (
        in_a_job("retry: '3'"),
        "JF103",
        5,
        12,
        "expected an integer or a map for `retry`, found text",
        "remove the quotes: `3`",
    ),
    (
        in_a_job("retry: 1.5"),
        "JF103",
        5,
        12,
        "expected an integer or a map for `retry`, found a number",
        None,
    ),
    (in_a_job("retry: true"), "JF103", 5, 12, "expected an integer or a map for `retry`, found true", None),
    (
        in_a_job("tags: nightly"),
        "JF103",
        5,
        11,
        "expected a list for `tags`, found text",
        "write a list: `[nightly]`",
    ),
    (in_a_job("tags: [[a]]"), "JF103", 5, 12, "expected text for item 1 of `tags`, found a list", None),
    (
        in_a_job("catchup: [all]"),
        "JF103",
        5,
        14,
        "expected `none`, `last`, `all` or a map for `catchup`",
        None,
    ),
    (in_a_job("timezone: 5"), "JF103", 5, 15, "expected text for `timezone`, found a number", None),
    (in_a_job("timeout: {m: 5}"), "JF103", 5, 14, "expected text for `timeout`, found a map", None),
    (
        in_a_job("env: [A=b]"),
        "JF103",
        5,
        10,
        "expected a map for `env`, found a list",
        "write one `NAME: value`",
    ),
    (in_a_job("env:\n  - A=b\n  - C=d"), "JF103", 5, 5, "expected a map for `env`, found a list", None),
    (in_a_job("schedule: [[x]]"), "JF103", 5, 16, "expected text or a map for item 1 of `schedule`", None),
    (in_a_job("with: {}"), "JF101", 5, 5, "unknown key `with`", "`with` belongs under `schedule`"),
    (
        "version: 1\njobs:\n  a:\n    run: [echo, hi]\n",
        "JF103",
        4,
        10,
        "expected text for `run`, found a list",
        "a list of words is a `command`",
    ),
    ("version: 1\njobs: [a]\n", "JF103", 2, 7, "expected a map for `jobs`, found a list", "under its name"),
    ("version: 1\njobs: {a: echo}\n", "JF103", 2, 11, "expected a map for job `a`, found text", None),
    ("version: 1\nvars: {a: {b: c}}\n", "JF103", 2, 11, "expected text or a list for `a`, found a map", None),
    (
        "version: '1'\n",
        "JF103",
        1,
        10,
        "expected an integer for `version`, found text",
        "remove the quotes: `1`",
    ),
    # not one of
    (
        in_a_job("concurrency: {on_overlap: que}"),
        "JF104",
        5,
        31,
        "`on_overlap` cannot be `que`",
        "write `skip`, `queue`, `latest`, `cancel_running` or `kill_running`",
    ),
    (in_a_job("catchup: al"), "JF104", 5, 14, "`catchup` cannot be `al`", "write `none`, `last` or `all`"),
    (in_a_job("catchup: lst"), "JF104", 5, 14, "`catchup` cannot be `lst`", "did you mean `last`?"),
    (in_a_job("catchup: None"), "JF104", 5, 14, "`catchup` cannot be `None`", "did you mean `none`?"),
    (in_a_job("shell: zsh"), "JF104", 5, 12, "`shell` cannot be `zsh`", "or a list: `[zsh, -eu]`"),
    (
        in_a_job("secrets: {A: hunter2}"),
        "JF104",
        5,
        18,
        "`A` has the wrong form",
        "env:NAME or file:/path",
    ),
    (
        in_a_job("retry: {when: [always]}"),
        "JF104",
        5,
        20,
        "item 1 of `when`",
        "timeout, signal, connect, exit:N",
    ),
    (
        in_a_job("params: {x: {type: strinq}}"),
        "JF104",
        5,
        24,
        "`type` cannot be `strinq`",
        "did you mean `string`?",
    ),
    # names
    (
        "version: 1\njobs: {Night: {run: x}}\n",
        "JF105",
        2,
        8,
        "`Night` is not a valid name for a job",
        "small",
    ),
    (
        'version: 1\njobs: {"a\\n": {run: x}}\n',
        "JF105",
        2,
        8,
        "is not a valid name for a job",
        "small letter",
    ),
    (in_a_job("params: {a-b: {type: string}}"), "JF105", 5, 14, "a valid name for a param", "digits and _"),
    (
        in_a_job("env: {A-B: x}"),
        "JF105",
        5,
        11,
        "`A-B` is not a valid name for a variable",
        "digits and _",
    ),
    (in_a_job("tags: [Nightly]"), "JF105", 5, 12, "item 1 of `tags` has the wrong form", "small letters"),
    ("version: 1\nvars: {A: 1}\n", "JF105", 2, 8, "`A` is not a valid name for a var", None),
    # ranges
    (in_a_job("retry: 0"), "JF106", 5, 12, "`retry` must be at least 1", None),
    (in_a_job("retry: {attempts: 1001}"), "JF106", 5, 23, "`attempts` must be at most 1000", None),
    (in_a_job("schedule: []"), "JF106", 5, 15, "`schedule` must not be an empty list", None),
    ("version: 1\njobs: {a: {run: ''}}\n", "JF106", 2, 17, "`run` must not be empty", None),
    # no value
    (in_a_job("schedule:"), "JF108", 5, 5, "`schedule` has no value", None),
    (in_a_job("schedule: ~"), "JF108", 5, 15, "`schedule` has no value", None),
    (in_a_job("tags: [a, ]\ndescription: null"), "JF108", 6, 18, "`description` has no value", None),
    ("version: 1\njobs:\n", "JF108", 2, 1, "`jobs` has no value", "write `jobs: {}`"),
    ("version: 1\njobs:\n  a:\n", "JF108", 3, 3, "job `a` has no value", "`run`, `command`"),
    ("version: 1\ndefaults: {retry: null}\n", "JF108", 2, 19, "`retry` has no value", None),
    ("version: 1\ndefaults: {env: {A: null}}\n", "JF108", 2, 21, "`A` has no value", None),
    # a command as text
    (
        "version: 1\njobs: {a: {command: ls -l 'a b'}}\n",
        "JF111",
        2,
        21,
        "`command` of job `a` must be a list of words",
        'write `command: [ls, -l, "a b"]`',
    ),
    ("version: 1\njobs: {a: {command: 'ls | wc'}}\n", "JF111", 2, 21, "must be a list of words", "use `run`"),
    (
        "version: 1\njobs: {a: {command: 'it''s'}}\n",
        "JF111",
        2,
        21,
        "must be a list of words",
        "write the words as a list",
    ),
    # version
    ("version: 2\n", "JF112", 1, 10, "unknown language version `2`", "write `version: 1`"),
    ("version: 1.1\n", "JF112", 1, 10, "unknown language version `1.1`", "write `version: 1`"),
    ("version:\n", "JF108", 1, 1, "`version` has no value", None),
]


@together(("text", "code", "line", "column", "message", "help"), BAD)
def test_a_mistake_is_one_finding_at_its_place(text, code, line, column, message, help):
    (found,) = findings(text)
    assert (found.code, found.span.start.line, found.span.start.column) == (code, line, column)
    assert message in found.message
    if help is not None:
        assert any(help in one for one in found.help), found.help


@together("text", [row[0] for row in BAD])
def test_a_fix_removes_its_finding(text):
    for found in findings(text):
        for fix in found.fixes:
            assert findings(fixed(text, fix)) == ()


@together("text", [row[0] for row in BAD])
def test_messages_stand_alone_and_keep_the_style(text):
    (found,) = findings(text)
    for said in (found.message, found.label, *found.notes, *found.help):
        assert "\n" not in said
        assert not said.endswith(".")
        assert not said[:1].isupper()


def test_certain_fixes_are_safe_and_others_are_not():
    fixes = {text: [fix for found in findings(text) for fix in found.fixes] for text, *_ in BAD}
    offered = {text for text, ones in fixes.items() if any(fix.safe for fix in ones)}
    for certain in (
        "retrry: 3",
        "cron: 0 4 * * *",
        "enabled: yes",
        "retry: '3'",
        "tags: nightly",
        "catchup: lst",
    ):
        assert in_a_job(certain) in offered, certain
    for doubtful in ("retries: 3", "paused: true", "interval: 5m", "every: 5m", "secrets: {A: hunter2}"):
        assert in_a_job(doubtful) not in offered, doubtful
    for without in ("every: 5m", "secrets: {A: hunter2}"):
        assert not fixes[in_a_job(without)], without
    assert "jobs: {}\n" in offered
    assert not findings(in_a_job("retry: 2\nretrry: 3"))[0].fixes


def test_the_value_of_a_secret_is_not_repeated():
    (found,) = findings(in_a_job("secrets: {PASSWORD: hunter2}"))
    assert "hunter2" not in repr((found.message, found.label, found.notes, found.help, found.fixes))


def test_all_mistakes_of_a_file_are_found_in_one_pass_in_its_order():
    text = "jobs:\n  a:\n    enabled: yes\n    scheduel: 0 4 * * *\n  B:\n    retry: 0\n"
    assert [found.code for found in findings(text)] == ["JF102", "JF103", "JF101", "JF105", "JF106"]


def test_a_value_of_the_wrong_type_silences_what_is_below_it():
    assert [found.code for found in findings(in_a_job("params: {a: [{typo: 1}]}"))] == ["JF103"]
    assert [found.code for found in findings(in_a_job("retry: [0]"))] == ["JF103"]


def test_good_jobs_beside_a_bad_one_stay_silent():
    good = "".join(f"  good{n}: {{run: x, retry: {{attempts: 2}}}}\n" for n in range(50))
    (found,) = findings(f"version: 1\njobs:\n{good}  bad: {{run: x, retry: 0}}\n")
    assert found.path == ("jobs", "bad", "retry")


@pytest.mark.parametrize("places", [5, 6, 8])
def test_one_unknown_key_in_many_places_is_one_finding(places):
    jobs = "".join(f"  a{n}: {{run: x, retrry: {n + 1}}}\n" for n in range(places))
    text = f"version: 1\njobs:\n{jobs}"
    found = findings(text)
    if places == 5:
        assert len(found) == 5
        return
    (one,) = found
    assert one.span.start.line == 3
    assert one.message == f"unknown key `retrry` in job `a0`, and {places - 1} more"
    assert findings(fixed(text, one.fixes[0])) == ()


def test_a_mistake_that_aliases_repeat_is_fixed_once():
    jobs = "".join(f"  a{n}: *same\n" for n in range(9))
    text = f"version: 1\nx-same: &same {{run: x, retrry: 2}}\njobs:\n{jobs}"
    (one,) = findings(text)
    assert findings(fixed(text, one.fixes[0])) == ()


# --- two validators, one answer


def job_values(name):
    good = st.sampled_from(examples_of(JOB[name]))
    return st.one_of(*[good] * 8, anything)


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.integers(-(10**17), 10**17),
    st.floats(-1e6, 1e6, allow_nan=False),
    st.sampled_from(
        ["none", "all", "sh", "env:A", "file:/x", "string", "array", "5m", "exit:3", "a\n", "", "Å", "A B"]
    ),
    st.text(alphabet="aA_-:é1 \n", max_size=6),
)
kinds = sorted({path.rsplit("/", 1)[1] for path in PROPERTIES} - {"^x-"})
some_keys = st.one_of(
    st.sampled_from(kinds), st.sampled_from(["x-a", "A", "a\n", "steps", "cron", "name", "image", "é"])
)
anything = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(some_keys, inner, max_size=4)),
    max_leaves=6,
)
jobs = st.one_of(
    st.fixed_dictionaries({}, optional={name: job_values(name) for name in JOB}),
    st.dictionaries(some_keys, anything, max_size=4),
)
trees = st.one_of(
    st.fixed_dictionaries(
        {"version": st.just(1)},
        optional={
            "jobs": st.dictionaries(st.sampled_from(["a", "b-c", "B", "a\n", "params"]), jobs, max_size=3),
            "defaults": jobs,
            "vars": st.dictionaries(some_keys, anything, max_size=2),
            "x-more": anything,
        },
    ),
    st.dictionaries(some_keys, anything, max_size=4),
)


def unset_defaults(tree):
    """The nulls in the maps of `defaults`, which the schema cannot tell from those in a job."""
    defaults = tree.get("defaults")
    maps = [defaults.get(name) for name in ("env", "secrets")] if isinstance(defaults, dict) else []
    return [key for one in maps if isinstance(one, dict) for key, value in one.items() if value is None]


@settings(deadline=None, max_examples=examples(150), suppress_health_check=[HealthCheck.too_slow])
@given(trees)
def test_the_fast_and_the_explaining_validator_agree_and_nothing_raises(tree):
    text = json.dumps(tree, ensure_ascii=False)
    document, _ = parse_document(Source("jobs.yaml", text))
    if document is None:
        return
    found = validate(document).diagnostics
    assert (found == ()) == (FAST.is_valid(document.tree) and not unset_defaults(document.tree))
    for one in found:
        assert one.code in CODES
        assert 0 <= one.span.start.offset <= one.span.end.offset <= len(text)


@together("text", [*GOOD.values(), *(row[0] for row in BAD)])
def test_the_two_validators_agree_over_the_corpus(text):
    tree = document_of(text).tree
    slow = jsonschema.Draft7Validator(SCHEMA)
    is_good = FAST.is_valid(tree) and not unset_defaults(tree)
    assert is_good == (validate(document_of(text)).diagnostics == ())
    if "\\n" not in text:  # a name with a line end at its end: Python's `$` would let it pass
        assert FAST.is_valid(tree) == slow.is_valid(tree)


# --- small documents, which are compared with the schema without a validator


@given(st.integers(0, 2**32))
@settings(max_examples=examples(200), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_document_is_certainly_valid_exactly_if_the_validator_says_so(seed):
    tree = Generator(seed).file()
    assert is_certainly_valid(tree, SCHEMA) == FAST.is_valid(tree)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-3, 3) | st.text("aé\n1", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=8,
)
WORDS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["string", "integer", "number", ["null", "array"], "object", "boolean"]),
        "enum": st.lists(VALUES, min_size=1, max_size=3),
        "const": VALUES,
        "pattern": st.sampled_from(["^a$", "1", "^[a-b]*$", "^$"]),
        "minLength": st.integers(0, 2),
        "maxLength": st.integers(0, 2),
        "minimum": st.integers(-2, 2),
        "maximum": st.integers(-2, 2),
        "minItems": st.integers(0, 2),
        "minProperties": st.integers(0, 2),
        "required": st.lists(st.sampled_from(["a", "b"]), unique=True),
        "maxItems": st.integers(0, 2),
        "title": st.just("a title"),
    },
)
SCHEMAS = st.recursive(
    WORDS | st.booleans() | st.just({"$ref": "#/definitions/a/properties/b", "type": "null"}),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(st.sampled_from(["a", "b"]), inner),
            "patternProperties": st.dictionaries(st.sampled_from(["^a", "b$"]), inner),
            "additionalProperties": inner,
            "propertyNames": inner,
            "items": inner,
            "allOf": st.lists(inner, min_size=1, max_size=2),
            "anyOf": st.lists(inner, min_size=1, max_size=2),
        },
    ),
    max_leaves=6,
)


@given(st.lists(VALUES, min_size=5, max_size=5), SCHEMAS.filter(lambda schema: isinstance(schema, dict)))
@settings(max_examples=examples(300), deadline=None)
def test_what_is_certainly_valid_is_valid_for_every_schema(values, schema):
    whole = {"definitions": {"a": {"properties": {"b": {"minLength": 2}}}}, **schema}
    validator = jsonschema_rs.Draft7Validator(whole)
    for value in values:
        assert validator.is_valid(value) or not is_certainly_valid(value, whole)


@pytest.mark.parametrize(
    ("value", "word", "given"),
    [
        ("a\n", "pattern", "^a$"),
        ("é", "pattern", "^.$"),
        (2**60, "maximum", 2**61),
        (2.0, "type", "integer"),
        ([1], "enum", [[1]]),
        ({"a": 1}, "additionalProperties", {"unknown": 1}),
        (1, "maxItems", 3),
    ],
)
def test_what_is_not_certain_is_left_to_the_validator(value, word, given):
    assert not is_certainly_valid(value, {word: given})


def test_a_small_good_file_loads_no_validator_and_a_large_or_bad_one_does():
    program = (
        "import sys\n"
        "from jobfile.schema.validator import validate\n"
        "from jobfile.diagnostics.source import Source\n"
        "from jobfile.syntax.document import parse_document\n"
        "document, _ = parse_document(Source('jobs.yaml', sys.argv[1]))\n"
        "print(len(validate(document).diagnostics), 'jsonschema_rs' in sys.modules)"
    )
    good = "version: 1\njobs:\n  a: {schedule: 0 8 * * *, run: x}\n"
    for text, found in (
        (good, "0 False"),
        (good + "#" * 4_000, "0 True"),
        (good.replace("x}", "x, y: 1}"), "1 True"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", program, text], capture_output=True, text=True, check=True
        )
        assert done.stdout == f"{found}\n"
