"""A waiting run whose job was changed: it takes the new definition where what it was asked for fits there."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.lifecycle import RunState
from engine.transactions.rebind import rebind
from jobfile.model.jobs import ConcurrencySpec, JobSpec, ParamSpec, ParamType
from tests.builders import a_job, a_run, compiled

VALUES = st.sampled_from(["a", "b", "c", "far too long"])
PARAMS = st.dictionaries(
    st.sampled_from(["one", "two", "three"]),
    st.tuples(st.sampled_from([None, "a", "b", ""]), st.sampled_from([None, 3])),
)


def with_params(params: dict[str, tuple[str | None, int | None]], **fields: object) -> JobSpec:
    """A job with params, each by its default and its greatest length. Without a default it is required, and
    one with an empty text here is neither given nor required.
    """
    return a_job(
        params=tuple(
            ParamSpec(
                name=name,
                type=ParamType.STRING,
                is_required=default is None,
                default=default or None,
                max_length=most,
            )
            for name, (default, most) in params.items()
        ),
        **fields,
    )


@given(PARAMS, PARAMS, st.dictionaries(st.sampled_from(["one", "two", "three"]), VALUES))
def test_what_was_meant_is_kept_and_the_rest_takes_the_new_defaults(
    before: dict[str, tuple[str | None, int | None]],
    after: dict[str, tuple[str | None, int | None]],
    given_values: dict[str, str],
) -> None:
    old, new = with_params(before), with_params(after, timeout=None, concurrency=ConcurrencySpec(limit=7))
    defaults = {name: default for name, (default, _) in before.items() if default}
    asked = {name: value for name, value in given_values.items() if name in before}
    run = a_run(old, params={**defaults, **asked})
    rebound = rebind(run, old=old, new=compiled(new))
    meant = {name: value for name, value in run.params.items() if value != (before[name][0] or None)}
    fits = all(
        name in after and (after[name][1] is None or len(value) <= after[name][1])
        for name, value in meant.items()
    )
    expected = {name: default for name, (default, _) in after.items() if default} | meant
    is_whole = fits and all(name in expected or default == "" for name, (default, _) in after.items())
    if not is_whole:
        assert rebound is None
        return
    assert rebound is not None
    assert rebound.params == expected
    assert (rebound.digest, rebound.concurrency_limit) == (compiled(new).digest, 7)
    assert replace(rebound, digest=run.digest, params=run.params, concurrency_limit=1) == run


@pytest.mark.parametrize("attempt", [0, 1, 2])
@pytest.mark.parametrize("is_same", [False, True])
def test_a_run_that_was_tried_keeps_its_definition_and_so_does_one_of_the_same(
    attempt: int, is_same: bool
) -> None:
    old = a_job()
    new = old if is_same else a_job(concurrency=ConcurrencySpec(limit=3))
    rebound = rebind(a_run(old, attempt=attempt, state=RunState.QUEUED), old=old, new=compiled(new))
    assert (rebound is None) == (attempt > 0 or is_same)


@pytest.mark.parametrize(("key", "expected"), [("for {{ params.one }}", "for a"), (None, "hello")])
def test_the_run_counts_under_the_key_of_the_new_definition(key: str | None, expected: str) -> None:
    old = with_params({"one": ("a", None)}, concurrency=ConcurrencySpec(key="old"))
    new = with_params({"one": ("a", None)}, concurrency=ConcurrencySpec(key=key))
    run = a_run(old, params={"one": "a"}, concurrency_key="old")
    rebound = rebind(run, old=old, new=compiled(new))
    assert rebound is not None
    assert rebound.concurrency_key == expected


def test_a_key_that_cannot_be_filled_in_leaves_the_run_as_it_was() -> None:
    old = with_params({"one": ("a", None)})
    new = with_params({"one": ("a", None)}, concurrency=ConcurrencySpec(key="{{ params.one + 1 }}"))
    assert rebind(a_run(old, params={"one": "a"}), old=old, new=compiled(new)) is None
