"""Templates and expressions: typed before anything runs, and nothing to escape with."""

import contextlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobfile.expressions.expression import EvaluationError, Kind
from jobfile.expressions.scopes import RUN, build, params_names, vars_names
from jobfile.expressions.template import (
    check_slot,
    check_text_type,
    evaluate_source,
    find_slots,
    has_template,
    render_items,
    render_text,
)
from jobfile.model.jobs import ParamSpec, ParamType
from tests.together import together

PARAMS = (
    ParamSpec(name="s", type=ParamType.STRING),
    ParamSpec(name="n", type=ParamType.INTEGER),
    ParamSpec(name="x", type=ParamType.NUMBER),
    ParamSpec(name="b", type=ParamType.BOOLEAN),
    ParamSpec(name="l", type=ParamType.ARRAY, item_type=ParamType.STRING),
)
SCOPE = build(
    {**RUN, **vars_names({"v": "text", "many": ("a", "b")}), **params_names(PARAMS)}, secrets=["TOKEN"]
)
AT = datetime(2026, 3, 5, 4, 15, tzinfo=timezone(timedelta(hours=-5)))
VALUES = {
    "params": {"s": "it's {{ x }}", "n": 7, "x": 1.5, "b": True, "l": ("p", "q")},
    "vars": {"v": "text", "many": ("a", "b")},
    "secrets": {"TOKEN": "secret-value"},
    "run": {
        "id": "abc",
        "job": "hello",
        "attempt": 1,
        "trigger": "manual",
        "scheduled_at": AT,
        "started_at": AT,
        "previous_success": None,
    },
}


def codes(text: str, *, secrets: bool = False) -> set[str]:
    slots, problems = find_slots(text)
    found = {problem.code for problem in problems}
    for slot in slots:
        type_, more = check_slot(slot, SCOPE, allow_secrets=secrets)
        is_whole = (slot.start, slot.end) == (0, len(text))
        found |= {
            one.code
            for one in (*more, *(check_text_type(slot, type_, is_whole=is_whole) if not more else ()))
        }
    return found


GOOD = [
    ("{{ params.s }}", "it's {{ x }}"),
    ("a {{ params.n }} b {{ params.x }}", "a 7 b 1.5"),
    ("{{ params.n + 1 }}/{{ 7 // 2 }}/{{ 7 % 4 }}/{{ -params.n }}", "8/3/3/-7"),
    ("{{ params.b }}", "true"),
    ("{{ 'yes' if params.b and params.n > 3 else 'no' }}", "yes"),
    ("{{ params.s | upper | replace('IT', 'x') | trim }}", "x'S {{ X }}"),
    ("{{ vars.many | join(',') }} {{ vars.many | length }} {{ vars.many[0] }}", "a,b 2 a"),
    ("{{ run.scheduled_at }}", "2026-03-05T04:15:00-05:00"),
    ("{{ run.scheduled_at | date('%Y-%m-%d') }}", "2026-03-05"),
    ("{{ run.scheduled_at | add_days(-1) | in_zone('UTC') | date('%d %H:%M') }}", "04 09:15"),
    ("{{ run.previous_success | default('never') }}", "never"),
    ("{{ 'a' ~ params.n ~ 'b' }}", "a7b"),
    ("{{ '/x/y.tar.gz' | basename }} {{ '/x/y.gz' | dirname }} {{ '/x/y.gz' | stem }}", "y.tar.gz /x y"),
    ("{{ 'b' in vars.many }}", "true"),
    ("{{ '}}' }}", "}}"),
    ("{{params['s']}}", "it's {{ x }}"),
    ("{{ [1, 2, 2] | unique | last }}", "2"),
    ("{{ 1e3 | int }} {{ 10000000.0 }} {{ 2.50 }}", "1000 10000000 2.5"),
]


@pytest.mark.parametrize(("text", "rendered"), GOOD)
def test_a_good_template_is_silent_and_gives_its_text(text: str, rendered: str) -> None:
    assert codes(text) == set()
    assert render_text(text, VALUES) == rendered


BAD = [
    ("{{ params.nope }}", "JF402"),
    ("{{ nope }}", "JF402"),
    ("{{ secrets.TOKEN }}", "JF423"),
    ("{{ secrets.TOKN }}", "JF210"),
    ("{{ item }}", "JF403"),
    ("{{ steps.a.status }}", "JF403"),
    ("{{ params.s + 1 }}", "JF404"),
    ("{{ params.n == '7' }}", "JF404"),
    ("{{ not params.s }}", "JF404"),
    ("x {{ params.b }}", "JF404"),
    ("{{ params.l }}", "JF404"),
    ("{{ run.previous_success }}", "JF404"),
    ("{{ params.n | upper }}", "JF404"),
    ("{{ 'a' if params.s else 'b' }}", "JF406"),
    ("{% if x %}", "JF407"),
    ("a {# note #} b", "JF407"),
    ("{{ params.s | uper }}", "JF408"),
    ("{{ params.s", "JF401"),
    ("{{ }}", "JF401"),
    ("{{ params.s( }}", "JF401"),
    ("{{ params.s.upper() }}", "JF401"),
    ("{{ params.s | replace('a') }}", "JF401"),
    ("{{ params.__class__ }}", "JF401"),
    ("{{ ''.__class__ }}", "JF401"),
    ("{{ ().__class__.__mro__ }}", "JF401"),
    ("{{ params.s['__class__'] }}", "JF401"),
    ("{{ cycler.__init__.__globals__ }}", "JF401"),
    ("{{ self }}", "JF402"),
    ("{{ range(10) }}", "JF401"),
    ("{{ '%s' % params.s }}", "JF404"),
    ("{{ 2 ** 999999999 }}", "JF401"),
    ("{{ 'x' * 900000000 }}", "JF404"),
    ("{{ params.s | attr('x') }}", "JF408"),
    ("{{ {'a': 1} }}", "JF401"),
    ("{{ params.s is defined }}", "JF401"),
    ("{{ vars.many[0:1] }}", "JF401"),
    ("{{ lambda: 1 }}", "JF401"),
    ("{{ " + "(" * 100 + "1" + ")" * 100 + " }}", "JF401"),
    ("{{ " + " + ".join(["1"] * 600) + " }}", "JF401"),
]


@together(("text", "code"), BAD)
def test_a_bad_template_is_reported_before_anything_runs(text: str, code: str) -> None:
    assert code in codes(text)


def test_an_unknown_name_says_nothing_more() -> None:
    assert codes("{{ ((params.nope + 1) | upper) if params.nope else 'x' }}") == {"JF402"}


def test_the_mark_is_exact_whatever_the_blanks() -> None:
    for text in ("a {{ params.nope }}", "a {{params.nope}}", "a {{   params.nope   }}"):
        (slot,), _ = find_slots(text)
        _, (problem,) = check_slot(slot, SCOPE)
        assert text[problem.start : problem.end] == "params.nope"
    (slot,), _ = find_slots("{{ params.s | uper }}")
    _, (problem,) = check_slot(slot, SCOPE)
    assert problem.fix == "upper"


def test_shell_that_looks_like_a_template_comment_is_not_one() -> None:
    assert codes('echo "${#array[@]}"; echo "${x#}"') == set()
    assert not has_template("echo ${x}")


def test_a_list_becomes_several_arguments_and_text_one() -> None:
    assert render_items("{{ params.l }}", VALUES) == ("p", "q")
    assert render_items("--x={{ params.n }}", VALUES) == ("--x=7",)


def test_a_secret_is_used_only_where_it_is_allowed() -> None:
    assert codes("Bearer {{ secrets.TOKEN }}", secrets=True) == set()
    (slot,), _ = find_slots("{{ secrets.TOKEN }}")
    assert check_slot(slot, SCOPE, allow_secrets=True)[0].kind is Kind.SECRET


@pytest.mark.parametrize(
    "source",
    [
        "params.n // 0",
        "vars.many[9]",
        "params.s | int",
        "9223372036854775807 + 1",
        "run.scheduled_at | in_zone('x')",
    ],
)
def test_what_only_a_value_shows_is_reported_without_the_value(source: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        evaluate_source(source, VALUES)
    assert "it's" not in str(caught.value)


WORDS = """
{{ }} params.s params.n vars.many run.id | upper ( ) [0] ' + ~ == if else not 1 . __class__ {% %} {# #} $
\\ in - join , lambda
"""
SIGNS = st.sampled_from([" ", *WORDS.split()])


@given(
    st.one_of(
        st.text(max_size=40),
        st.lists(SIGNS, max_size=14).map(" ".join),
        st.lists(SIGNS, max_size=14).map("".join),
    )
)
def test_no_text_makes_it_raise_and_what_is_silent_evaluates(text: str) -> None:
    if codes(text):
        return
    with contextlib.suppress(EvaluationError):
        render_text(text, VALUES)


def test_what_is_rendered_is_never_looked_at_again() -> None:
    values = {**VALUES, "params": {"s": "{{ secrets.TOKEN }}"}}
    assert render_text("{{ params.s }}", values) == "{{ secrets.TOKEN }}"
    assert datetime.now(UTC) > AT
