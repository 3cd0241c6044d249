"""Params: bound, converted and checked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobfile.expressions.params import bind_params, check_pattern, check_value
from jobfile.model.jobs import ParamSpec, ParamType
from jobfile.model.values import Value

SPECS = (
    ParamSpec(name="id", type=ParamType.INTEGER, minimum=1),
    ParamSpec(name="mail", type=ParamType.STRING, format="email", is_required=False, default="a@b.no"),
    ParamSpec(
        name="rate", type=ParamType.NUMBER, exclusive_minimum=0, maximum=1, is_required=False, default=1
    ),
    ParamSpec(name="dry", type=ParamType.BOOLEAN, is_required=False, default=False),
    ParamSpec(name="kind", type=ParamType.STRING, enum=("x", "y"), is_required=False, default="x"),
    ParamSpec(
        name="tags",
        type=ParamType.ARRAY,
        item_type=ParamType.STRING,
        max_items=2,
        is_required=False,
        default=(),
    ),
)


def bind(**given: str) -> tuple[dict[str, Value], list[str]]:
    bound, problems = bind_params(SPECS, given, from_text=True)
    return bound, [problem.name for problem in problems]


def test_text_becomes_the_type_and_defaults_fill_the_rest() -> None:
    bound, problems = bind(id="7", rate="0.5", dry="true", tags="a,b")
    assert problems == []
    assert bound == {"id": 7, "mail": "a@b.no", "rate": 0.5, "dry": True, "kind": "x", "tags": ("a", "b")}


@pytest.mark.parametrize(
    ("given_values", "wrong"),
    [
        ({}, ["id"]),
        ({"id": "0"}, ["id"]),
        ({"id": "07"}, ["id"]),
        ({"id": "1.0"}, ["id"]),
        ({"id": "1", "mail": "nobody"}, ["mail"]),
        ({"id": "1", "mail": "a@b\n@c.no"}, ["mail"]),
        ({"id": "1", "rate": "0"}, ["rate"]),
        ({"id": "1", "rate": "nan"}, ["rate"]),
        ({"id": "1", "dry": "yes"}, ["dry"]),
        ({"id": "1", "kind": "z"}, ["kind"]),
        ({"id": "1", "tags": "a,b,c"}, ["tags"]),
        ({"id": "1", "mail": "a\0@b.no"}, ["mail"]),
        ({"id": "1", "kin": "x"}, ["kin"]),
    ],
)
def test_what_is_wrong_is_named(given_values: dict[str, str], wrong: list[str]) -> None:
    assert bind(**given_values)[1] == wrong


def test_from_json_a_value_must_have_its_type() -> None:
    _, problems = bind_params(SPECS, {"id": "7"}, from_text=False)
    assert [problem.name for problem in problems] == ["id"]
    assert bind_params(SPECS, {"id": 7}, from_text=False)[1] == ()


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        (ParamSpec(name="kind", type=ParamType.STRING, enum=("x", "y")), "one of `x`, `y` is required"),
        (ParamSpec(name="kind", type=ParamType.ARRAY, enum=("x", "y")), "an array is required"),
        (ParamSpec(name="kind", type=ParamType.STRING), "a string is required"),
    ],
)
def test_what_is_missing_says_what_it_may_be(spec: ParamSpec, wanted: str) -> None:
    _, (problem,) = bind_params([spec], {}, from_text=True)
    assert (problem.message, problem.code) == (wanted, "JF502")


def test_an_unknown_param_gets_the_near_one() -> None:
    _, (problem,) = bind_params(SPECS, {"id": "1", "kidn": "x"}, from_text=True)
    assert (problem.code, "did you mean `kind`?" in problem.message) == ("JF503", True)


def test_a_long_wrong_value_is_not_repeated_whole() -> None:
    _, (problem,) = bind_params(SPECS, {"id": "x" * 5000}, from_text=True)
    assert len(problem.message) < 200


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"(a)\1", "backreferences"),
        (r"(?P<x>a)(?P=x)", "backreferences"),
        ("(a)?(?(1)b|c)", "backreferences"),
        ("(?=a)", "lookaround"),
        ("(?<!a)b", "lookaround"),
        ("a++b", "possessive"),
        ("(?>a+)b", "atomic"),
        ("(?i)a", "flags"),
        ("(?i:a)", "flags"),
        ("(", "invalid pattern"),
        ("a{99999999999}", "invalid pattern"),
        ("a" * 201, "longer than 200"),
        ("(a{1000}){3}", "3,000 places"),
        ("((((a{99}){99}){99}){99}){99}", "places"),
        ("((((){999}){999}){999}){999}", "places"),
    ],
)
def test_a_pattern_that_is_not_supported_is_refused_with_the_reason(pattern: str, why: str) -> None:
    assert why in str(check_pattern(pattern))


@pytest.mark.parametrize("pattern", ["[a-z]+", "a|b", "(?:ab)?c", r"\d{4}-\d{2}", "[^/]+[.]jpe?g"])
def test_ordinary_patterns_are_fine(pattern: str) -> None:
    assert check_pattern(pattern) is None


def test_a_pattern_must_match_all_of_it() -> None:
    spec = ParamSpec(name="x", type=ParamType.STRING, pattern="[a-z]+")
    assert check_value(spec, "abc") is None
    assert check_value(spec, "abc\n") is not None
    assert check_value(spec, "abc; rm") is not None


values = st.one_of(
    st.text(max_size=20), st.integers(), st.floats(), st.booleans(), st.lists(st.text(max_size=3)).map(tuple)
)


@given(
    st.dictionaries(st.sampled_from(["id", "mail", "rate", "dry", "kind", "tags", "other"]), values),
    st.booleans(),
)
def test_nothing_makes_it_raise_and_what_is_bound_fits(
    given_values: dict[str, Value], from_text: bool
) -> None:
    bound, problems = bind_params(SPECS, given_values, from_text=from_text)
    wrong = {problem.name for problem in problems}
    for spec in SPECS:
        if spec.name in bound and spec.name not in wrong:
            assert check_value(spec, bound[spec.name]) is None
