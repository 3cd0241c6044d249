"""Which values cannot be code: by the type of an expression, and by what such values can be."""

import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.lifecycle import TriggerKind
from engine.host.run_ids import new_run_id
from jobfile.expressions.expression import Kind, Scope, Type
from jobfile.expressions.filters import as_text
from jobfile.expressions.params import check_value
from jobfile.expressions.scopes import type_of_param
from jobfile.expressions.template import check_slot, evaluate_source, find_slots
from jobfile.model.jobs import ParamSpec, ParamType
from jobfile.pipeline import check_files
from jobfile.shell.payload import compiled_script
from tests.together import together

HEAD = r"""version: 1
vars: {name: shop, list: [a, b], odd: "a; $(b)"}
jobs:
  j:
    matrix: {host: [h1, h2], mixed: [1, a]}
    triggers: [{after: up}]
    params:
      s: {type: string, default: a}
      free: {type: array, items: {type: string}, default: []}
      ns: {type: array, items: {type: integer}, default: []}
      n: {type: integer, default: 1}
      f: {type: number, default: 1.5}
      b: {type: boolean, default: true}
      e: {type: string, enum: [test, live-2, a/b.c], default: test}
      odd: {type: string, enum: [test, "a b"], default: test}
      dash: {type: string, enum: [test, -c], default: test}
      es: {type: array, items: {type: string}, enum: [a, b], default: []}
      version: {type: string, pattern: '\d+\.\d+(-\d+)?', default: 1.2}
      table: {type: string, pattern: 'v?[a-z0-9_.]+', default: a}
      loose: {type: string, pattern: '[\d-]+', default: 1}
      path: {type: string, pattern: '[a-z/]+', default: a}
"""
CANNOT_BE_CODE = [
    "vars.name",
    "vars.odd",
    "vars.list[0]",
    "vars.list | join(' ')",
    "matrix.host",
    "matrix.mixed",
    "params.n",
    "params.f + 1",
    "params.b | string",
    "params.e",
    "params.e | upper",
    "params.e ~ '-' ~ params.n",
    "params.es | join(',')",
    "params.version",
    "params.ns | join(' ')",
    "params.ns[0]",
    "run.id",
    "run.job",
    "run.trigger",
    "run.attempt",
    "run.scheduled_at",
    "run.scheduled_at | date('%Y%m%d')",
    "run.scheduled_at | add_days(-1) | date('%F %H:%M')",
    "run.previous_success | default(run.started_at)",
    "'a' if params.s == 'x' else 'b'",
    "vars.name if params.s == 'x' else run.id",
    "'$(author)'",
    "vars.name | replace('s', 'z')",
    "params.s | length",
    "params.s == 'x'",
    "['a', 'b'] | join(',')",
]
MAY_BE_CODE = [
    "params.s",
    "params.s | upper",
    "params.s | trim | lower",
    "params.odd",
    "params.dash",
    "params.table",
    "params.loose",
    "params.path",
    "params.free[0]",
    "params.free | join(' ')",
    "vars.name ~ params.s",
    "params.s ~ vars.name",
    "vars.name + params.s",
    "params.s if params.b else vars.name",
    "vars.name if params.b else params.s",
    "vars.name | replace('s', params.s)",
    "vars.list | join(params.s)",
    "run.scheduled_at | date(params.s)",
    "run.scheduled_at | date('$(x)')",
    "run.scheduled_at | date(vars.odd)",
    "['a', params.s] | join(',')",
    "['a', params.s][0]",
    "run.idempotency_key",
    "params.s | split(',') | first",
    "params.s | tojson",
    "params.s | basename",
]


def codes(expression: str, script: str) -> set[str]:
    text = f"{HEAD}    run: |\n      {script.replace('{}', '{{ ' + expression + ' }}')}\n  up: {{run: x}}\n"
    found = check_files([("jobs.yaml", text.encode())]).diagnostics
    return {one.code for one in found if one.code.startswith("JF4")}


@together("expression", CANNOT_BE_CODE)
def test_what_the_author_or_the_engine_chose_is_refused_nowhere(expression: str) -> None:
    for script in (
        "sh -c 'x {}'",
        'su - app -c "x {}"',
        "ssh {} up",
        "trap 'rm {}' EXIT",
        'eval "{}"',
        "PATH={} x",
    ):
        assert codes(expression, script) == set(), script


@together("expression", MAY_BE_CODE)
def test_what_a_stranger_has_a_part_in_is_refused(expression: str) -> None:
    for script in ("sh -c 'x {}'", 'su - app -c "x {}"', "ssh {} up", 'eval "{}"'):
        assert codes(expression, script) == {"JF421"}, script
    assert codes(expression, "PATH={} x") == {"JF439"}


def test_a_constant_may_name_a_program_or_a_file_and_a_number_is_warned_of() -> None:
    for expression in ("vars.name", "matrix.host", "params.e", "params.b"):
        for script in ("{} x", "if {}; then x; fi", ". {}/env.sh", ". /etc/{}.sh", "bash {}"):
            assert codes(expression, script) == set(), (expression, script)
    for script in ("{} x", ". /etc/{}.sh", "bash {}"):
        assert codes("params.s", script) == {"JF426"}
    assert codes("params.n", "{} x") == {"JF426"}


HARMLESS = re.compile(r"[A-Za-z0-9_.,:/@%+-]+")
"""One word to every shell: nothing in it is expanded, evaluated or quoted."""
WORDS = st.text(alphabet="ab1.-_/$;' *", min_size=1, max_size=5)


@given(st.lists(WORDS, min_size=1, max_size=4, unique=True), st.text(max_size=6) | WORDS)
def test_no_value_that_a_trusted_enum_lets_in_is_anything_but_a_word(enum: list[str], value: str) -> None:
    spec = ParamSpec(name="x", type=ParamType.STRING, enum=tuple(enum))
    if type_of_param(spec).cannot_be_code:
        for one in (*enum, value):
            if check_value(spec, one) is None:
                assert HARMLESS.fullmatch(one)
                assert not one.startswith("-")


SIGNS = [
    "a",
    "Z",
    "1",
    "-",
    ".",
    ":",
    "_",
    "/",
    ";",
    "\n",
    "[0-9]",
    r"\d",
    r"\w",
    "[-a]",
    "[^a]",
    ".*",
    "(a|-)",
    "^",
]
PATTERNS = st.lists(st.tuples(st.sampled_from(SIGNS), st.sampled_from(["", "?", "+", "{2}"])), max_size=4)


@given(PATTERNS.map(lambda parts: "".join(f"(?:{one}){times}" for one, times in parts)), st.data())
def test_no_value_that_a_trusted_pattern_lets_in_is_anything_but_a_number_or_a_word(
    pattern: str, data: st.DataObject
) -> None:
    value = data.draw(st.from_regex(pattern, fullmatch=True))
    found = type_of_param(ParamSpec(name="x", type=ParamType.STRING, pattern=pattern))
    assert found.is_word or not found.is_trusted
    if found.is_word:
        assert re.fullmatch(r"[\w.:-]+", value)
        assert not value.startswith("-")
        assert "--" not in value
    if found.is_trusted:
        assert not any(one.isalpha() for one in value)


@pytest.mark.parametrize(
    ("script", "expression", "is_warned"),
    [
        ('sed "s/VERSION/{}/" f', "params.version", False),
        ('sed "s/VERSION/{}/g" f', "params.table", False),
        ('sed -e "1,5s|{}|x|" f', "params.table", False),
        ('sed "s/VERSION/{}/" f', "params.path", True),
        ('sed "s/VERSION/x/{}" f', "params.table", True),
        ('sed "{}" f', "params.table", True),
        ('sed "s/a/{}/;w f" f', "params.table", True),
        ('psql -c "select * from {}"', "params.table", False),
        ('psql -c "select {}"', "params.loose", True),
        ('psql -c "{}"', "params.table", True),
        ('psql -c "{}"', "params.version", False),
        ('jq ".{}" f', "params.table", False),
        ('jq "{} | keys" f', "params.table", True),
    ],
)
def test_code_of_another_program_is_warned_of_unless_the_pattern_of_the_param_rules_it_out(
    script: str, expression: str, is_warned: bool
) -> None:
    assert codes(expression, script) == ({"JF427"} if is_warned else set())


@given(st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans())
def test_a_number_or_boolean_is_always_written_without_a_sign_of_the_shell(value: float) -> None:
    assert HARMLESS.fullmatch(as_text(value))


def test_what_the_engine_makes_is_one_word() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC) + timedelta(hours=1)
    made = [new_run_id(), *(kind.value for kind in TriggerKind), as_text(moment)]
    assert all(HARMLESS.fullmatch(one) for one in made)


EVIL = "a[$(touch PWNED)]"
SHELLS = (("dash", "sh"), ("bash", "bash"), ("bash --posix", "sh"))


@pytest.mark.parametrize(("shell", "dialect"), SHELLS)
def test_a_constant_is_passed_by_reference_and_a_value_beside_it_runs_nothing(
    shell: str, dialect: Literal["sh", "bash"], tmp_path: Path
) -> None:
    scope = Scope({"vars.c": Type(Kind.STRING, is_trusted=True), "params.x": Type(Kind.STRING)})
    values: dict[str, Any] = {"vars": {"c": "it's $(touch PWNED)"}, "params": {"x": EVIL}}
    for script in (
        "printf '%s' {{ vars.c }}; export A={{ params.x }}",
        "printf '%s' '{{ vars.c }}'; f() { local a={{ params.x }}; }; f",
        'printf "%s" "{{ vars.c }}"; readonly A="{{ params.x }}" B',
        "sh -c 'printf %s \"$1\"' '{{ 'sh' }}' {{ vars.c }}; : {{ params.x }}",
    ):
        text, sources, problems = compiled_script(script, scope, dialect=dialect)
        assert text is not None, problems
        assert values["vars"]["c"] not in text
        env = {f"JF_{at}": as_text(evaluate_source(one, values)) for at, one in enumerate(sources, start=1)}
        done = subprocess.run(
            [*shell.split(), "-eu", "-c", text],
            cwd=tmp_path,
            capture_output=True,
            env={"PATH": "/usr/bin:/bin", **env},
            check=True,
        )
        assert done.stdout.decode() == values["vars"]["c"]
        assert not (tmp_path / "PWNED").exists()


def test_a_secret_is_trusted_and_what_is_joined_to_it_is_looked_at() -> None:
    scope = Scope({"secrets.T": Type(Kind.SECRET, is_trusted=True), "params.x": Type(Kind.STRING)})
    for text, is_trusted in (("{{ secrets.T }}", True), ("{{ secrets.T ~ params.x }}", False)):
        (slot,), _ = find_slots(text)
        assert check_slot(slot, scope, allow_secrets=True)[0].cannot_be_code is is_trusted
