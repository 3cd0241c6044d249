"""From text to catalog: never a raise, and only meaning changes a digest."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jobfile.model.canonical import spec_from_json, spec_to_json
from jobfile.model.catalog import Catalog
from jobfile.pipeline import check_file, compile_files
from tests.soak import examples

TEXTS = """
x|5m|1h30m|none|0 4 * * *|*/7 * * * *|61 * * * *|UTC|Europe/Oslo|Mars/Base|{{ params.a }}|{{ vars.v }}
{{ nope }}|{{|echo {{ params.a }}|sh -c {{ params.a }}|env:X|any|exit:7|exit:9-3|skip|last
a b|\u2028|é|true|@daily|30 2 * * *|-
"""
texts = st.sampled_from(["", *TEXTS.strip().replace("\n", "|").split("|")])
scalars = st.one_of(texts, st.booleans(), st.integers(-3, 10**6), st.floats(allow_nan=False), st.none())
WORDS = st.sampled_from(["a", "b", "type", "cron", "every", "with", "key"])
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["a", "b", "type", "cron", "every", "with", "key"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)
JOB_KEYS = [
    "description",
    "owner",
    "tags",
    "enabled",
    "schedule",
    "timezone",
    "params",
    "run",
    "command",
    "shell",
    "env",
    "secrets",
    "timeout",
    "kill_grace",
    "retry",
    "concurrency",
    "catchup",
    "idempotent",
    "nonsense",
]
PARAM = st.fixed_dictionaries(
    {"type": st.sampled_from(["string", "integer", "number", "boolean", "array", "any"])},
    optional={"default": values, "pattern": texts, "enum": st.lists(scalars, max_size=2), "minimum": scalars},
)
good_shaped = {
    "schedule": st.one_of(
        texts, st.fixed_dictionaries({"cron": texts}, optional={"timezone": texts, "with": values})
    ),
    "params": st.dictionaries(st.sampled_from(["a", "b", "A-"]), PARAM, max_size=2),
    "retry": st.fixed_dictionaries(
        {}, optional={"attempts": scalars, "delay": texts, "when": st.lists(texts, max_size=2)}
    ),
    "command": st.lists(texts, max_size=3),
    "run": texts,
    "env": st.dictionaries(st.sampled_from(["A", "b c"]), scalars, max_size=2),
    "secrets": st.dictionaries(st.sampled_from(["S"]), texts, max_size=1),
    "concurrency": st.fixed_dictionaries({}, optional={"limit": scalars, "key": texts, "on_overlap": texts}),
}
jobs = st.dictionaries(st.sampled_from(JOB_KEYS), st.none(), max_size=6).flatmap(
    lambda keys: st.fixed_dictionaries({key: good_shaped.get(key, values) | values for key in keys})
)
documents = st.fixed_dictionaries(
    {
        "version": st.sampled_from([1, 1, 1, 2, "1"]),
        "jobs": st.dictionaries(st.sampled_from(["a", "b-c", "B"]), jobs, max_size=3),
    },
    optional={"vars": st.dictionaries(st.sampled_from(["v"]), values, max_size=1), "defaults": jobs},
)


def compile_tree(tree: object) -> Catalog | None:
    """JSON is YAML."""
    return compile_files([("jobs.yaml", json.dumps(tree).encode())]).catalog


@settings(max_examples=examples(150))
@given(documents)
def test_no_document_makes_it_raise(tree: dict[str, Any]) -> None:
    catalog = compile_tree(tree)
    for job in catalog.jobs if catalog else ():
        assert spec_from_json(job.canonical) == job.spec
        assert spec_to_json(spec_from_json(job.canonical)) == job.canonical


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise(content: bytes) -> None:
    check_file("jobs.yaml", content)


GOOD = """\
version: 1
defaults: {owner: a@example.com, timeout: 1h}
jobs:
  one:
    schedule: "0 4 * * *"
    env: {B: "2", A: "1"}
    run: echo one
  two:
    command: [echo, "two"]
    tags: [b, a]
"""
SAME = """\
# another order, other quotes, a comment, and the default written out
version: 1
jobs:
  two: {tags: ['a', "b"], command: ["echo", two], owner: "a@example.com", timeout: 60m}
  one:
    env:
      A: '1'   # quoted otherwise
      B: "2"
    run: "echo one"
    owner: a@example.com
    timeout: 1h
    schedule: '0  4 * * *'
"""


def digest(text: str) -> str:
    catalog = compile_files([("jobs.yaml", text.encode())]).catalog
    assert catalog is not None
    return catalog.digest


def test_order_quoting_comments_and_place_change_no_digest() -> None:
    assert digest(GOOD) == digest(SAME) == digest(GOOD.replace("\n", "\r\n"))


def test_every_change_of_meaning_changes_the_digest() -> None:
    changes = [("0 4", "0 5"), ("echo one", "echo uno"), ('"2"', '"3"'), ("1h", "2h"), ("[b, a]", "[b]")]
    digests = {digest(GOOD.replace(*change)) for change in changes}
    assert len(digests | {digest(GOOD)}) == len(changes) + 1


def test_null_in_a_job_removes_a_default() -> None:
    defaults = "defaults: {retry: 5, env: {A: x, B: y}}"
    text = f"version: 1\n{defaults}\njobs: {{a: {{run: x, retry: null, env: {{A: null}}}}}}\n"
    catalog = compile_files([("jobs.yaml", text.encode())]).catalog
    assert catalog is not None
    (job,) = catalog.jobs
    assert job.spec.retry.attempts == 1
    assert dict(job.spec.env) == {"B": "y"}
