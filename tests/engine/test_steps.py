"""What the steps of a run do next: an oracle on random graphs, and a table of the rules."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.lifecycle import RunState
from engine.core.reasons import Reason
from engine.core.step_states import StepKey, StepRun, StepState
from engine.core.steps import (
    MAX_ITEMS,
    States,
    advance,
    conclusion,
    kept_by_hand,
    kept_for_retry,
    skip_rest,
    steps_scope,
)
from jobfile.model.jobs import CommandAction, ParamSpec, ParamType, StepsAction, StepSpec

TRUE = CommandAction(argv=("true",))
GOOD, BAD = StepState.SUCCEEDED, StepState.FAILED


def a_step(name: str, *needs: str, **fields: object) -> StepSpec:
    return StepSpec(name=name, action=TRUE, needs=needs, **fields)  # type: ignore[arg-type]


def an_action(*steps: StepSpec) -> StepsAction:
    return StepsAction(steps=steps)


class Course:
    """A run of steps that the test ends one by one."""

    def __init__(self, action: StepsAction, **values: object) -> None:
        self.action = action
        self.values = values
        self.states: dict[StepKey, StepRun] = {}
        self.started: list[StepKey] = []
        self.advance()

    def scope(self, states: States) -> Mapping[str, object]:
        return {**self.values, "steps": steps_scope(self.action, states, {})}

    def advance(self) -> None:
        self.states |= advance(self.action, self.states, scope=self.scope)

    @property
    def ready(self) -> list[StepKey]:
        return [key for key, one in self.states.items() if one.state is StepState.READY]

    def end(self, key: StepKey, state: StepState, **fields: object) -> None:
        assert self.states[key].state is StepState.READY
        self.started.append(key)
        self.states[key] = replace(self.states[key], state=state, **fields)  # type: ignore[arg-type]
        self.advance()

    def play(self, outcome: Callable[[StepKey], StepState], first: int = 0) -> None:
        while self.ready:
            key = self.ready[first % len(self.ready)]
            self.end(key, outcome(key))


@st.composite
def graphs(draw: st.DrawFn) -> StepsAction:
    steps = []
    for number in range(draw(st.integers(1, 7))):
        needs = draw(st.sets(st.sampled_from([one.name for one in steps]))) if steps else set()
        fields: dict[str, object] = {"allow_failure": draw(st.booleans())}
        if draw(st.integers(0, 3)) == 0:
            fields["condition"] = draw(st.sampled_from(["true", "false"]))
        if draw(st.integers(0, 3)) == 0:
            fields |= {"for_each": draw(st.sampled_from(["[]", "[1]", "[1, 2, 3]"]))}
            fields |= {"max_parallel": draw(st.integers(1, 3))}
        steps.append(a_step(f"s{number}", *sorted(needs), **fields))
    return an_action(*draw(st.permutations(steps)))


def expected_states(action: StepsAction, bad: set[StepKey]) -> dict[str, StepState]:
    """By recursion over what each step needs, without any order of events."""
    specs = {step.name: step for step in action.steps}
    found: dict[str, StepState] = {}

    def is_enough(name: str) -> bool:
        state, spec = state_of(name), specs[name]
        if state is GOOD:
            return True
        if state is StepState.SKIPPED:
            return spec.condition == "false" and all(is_enough(one) for one in spec.needs)
        return spec.allow_failure

    def state_of(name: str) -> StepState:
        if name not in found:
            spec = specs[name]
            if not all(is_enough(one) for one in spec.needs) or spec.condition == "false":
                found[name] = StepState.SKIPPED
            else:
                items = {None: 0, "[]": -1, "[1]": 1, "[1, 2, 3]": 3}[spec.for_each]
                keys = [StepKey(name, item) for item in range(1, items + 1)] if items else [StepKey(name)]
                found[name] = BAD if any(key in bad for key in keys) else GOOD
        return found[name]

    return {name: state_of(name) for name in specs}


KEYS = st.sets(st.builds(StepKey, st.from_regex("s[0-6]", fullmatch=True), st.integers(0, 3)), max_size=6)


@given(graphs(), KEYS, st.integers(0, 5))
def test_every_order_of_events_ends_as_the_graph_says(
    action: StepsAction, bad: set[StepKey], first: int
) -> None:
    course = Course(action)
    course.play(lambda key: BAD if key in bad else GOOD, first)
    expected = expected_states(action, bad)
    assert {step.name: course.states[StepKey(step.name)].state for step in action.steps} == expected
    assert len(course.started) == len(set(course.started)), "nothing starts twice"
    end = conclusion(action, course.states)
    assert end is not None
    fails = any(expected[step.name] is BAD and not step.allow_failure for step in action.steps)
    assert end.state is (RunState.FAILED if fails else RunState.SUCCEEDED)


@given(graphs(), KEYS, st.integers(0, 5))
def test_nothing_starts_before_what_it_needs_and_no_more_than_allowed_at_once(
    action: StepsAction, bad: set[StepKey], first: int
) -> None:
    course = Course(action)
    specs = {step.name: step for step in action.steps}
    while course.ready:
        for name, spec in specs.items():
            active = [key for key, one in course.states.items() if key.step == name and key.item]
            open_items = [key for key in active if not course.states[key].state.is_final]
            assert len(open_items) <= spec.max_parallel
            if StepKey(name) in course.states:
                assert all(course.states[StepKey(need)].state.is_final for need in spec.needs)
        assert conclusion(action, course.states) is None
        key = course.ready[first % len(course.ready)]
        course.end(key, BAD if key in bad else GOOD)


@given(graphs(), KEYS, st.integers(0, 5))
def test_a_retry_executes_only_what_did_not_succeed_and_can_then_succeed(
    action: StepsAction, bad: set[StepKey], first: int
) -> None:
    course = Course(action)
    course.play(lambda key: BAD if key in bad else GOOD, first)
    before = dict(course.states)
    again = Course(action)
    again.states = dict(kept_for_retry(action, before))
    again.advance()
    again.play(lambda _: GOOD, first)
    done = {key for key, one in before.items() if one.state is GOOD and key in course.started}
    assert not done & set(again.started), "what succeeded is not executed again"
    end = conclusion(action, again.states)
    assert end is not None
    assert end.state is RunState.SUCCEEDED


@given(graphs(), KEYS, st.integers(0, 5))
def test_a_retry_by_hand_executes_what_did_not_succeed_and_all_that_comes_after_it(
    action: StepsAction, bad: set[StepKey], first: int
) -> None:
    course = Course(action)
    course.play(lambda key: BAD if key in bad else GOOD, first)
    before = dict(course.states)
    again = Course(action)
    again.states = dict(kept_by_hand(action, before, old="abc"))
    kept = set(again.states)
    again.advance()
    again.play(lambda _: GOOD, first)
    assert all(before[key].state is GOOD and again.states[key].reason == Reason.KEPT for key in kept)
    assert not kept & set(again.started)
    end = conclusion(action, again.states)
    assert end is not None
    assert end.state is RunState.SUCCEEDED
    ran = {key.step for key in again.started}
    for step in action.steps:
        if StepKey(step.name) in kept:
            assert not ran & set(step.needs), "a step is not kept if one that it needs runs again"
    if all(one.state is GOOD for one in before.values()):
        assert not again.started


@given(graphs(), KEYS, st.integers(0, 5), st.integers(0, 4))
def test_a_run_that_is_ended_skips_the_rest_and_starts_nothing_more(
    action: StepsAction, bad: set[StepKey], first: int, moves: int
) -> None:
    course = Course(action)
    for _ in range(moves):
        if course.ready:
            key = course.ready[first % len(course.ready)]
            course.end(key, BAD if key in bad else GOOD)
    course.states |= skip_rest(action, course.states, reason="by_hand")
    assert not course.ready
    assert conclusion(action, course.states) is not None
    again = dict(course.states)
    assert not advance(action, again, scope=course.scope)


@given(graphs(), st.integers(0, 5), st.integers(0, 4), st.data())
def test_a_run_whose_step_was_cancelled_has_not_succeeded_whatever_may_fail(
    action: StepsAction, first: int, moves: int, data: st.DataObject
) -> None:
    course = Course(action)
    for _ in range(moves):
        if course.ready:
            course.end(course.ready[first % len(course.ready)], GOOD)
    if not course.ready:
        return
    key = data.draw(st.sampled_from(course.ready))
    course.states |= {key: replace(course.states[key], state=StepState.RUNNING)}
    course.states |= skip_rest(action, course.states, reason="by_hand")
    course.states |= {key: replace(course.states[key], state=StepState.CANCELLED, reason="by_hand")}
    course.states |= skip_rest(action, course.states, reason="by_hand")
    end = conclusion(action, course.states)
    assert end is not None
    assert end.state is RunState.CANCELLED


def test_the_values_that_decided_a_condition_are_kept() -> None:
    step = a_step("a", condition="params.region == 'eu' and not params.dry")
    course = Course(an_action(step), params={"region": "eu", "dry": True})
    one = course.states[StepKey("a")]
    assert (one.state, one.reason) == (StepState.SKIPPED, "condition")
    assert one.detail == "params.region = eu, params.dry = true"


def test_a_condition_that_cannot_be_evaluated_fails_its_step_alone() -> None:
    course = Course(
        an_action(a_step("a", condition="params.list[3] == 1"), a_step("b")), params={"list": (1,)}
    )
    one = course.states[StepKey("a")]
    assert (one.state, one.reason) == (BAD, "template_error")
    assert "no item 3" in one.detail
    assert course.ready == [StepKey("b")]


def test_a_step_is_skipped_with_the_step_that_kept_it_from_running() -> None:
    course = Course(an_action(a_step("a"), a_step("b", "a"), a_step("c", "b")))
    course.end(StepKey("a"), BAD, reason="exit(3)")
    assert course.states[StepKey("b")].detail == "step a failed"
    assert course.states[StepKey("c")].detail == "step b skipped"
    end = conclusion(course.action, course.states)
    assert end is not None
    assert (end.state, end.reason, end.detail) == (RunState.FAILED, "exit(3)", "step a")


@pytest.mark.parametrize(
    ("states", "worst"),
    [
        ((BAD, StepState.LOST), RunState.LOST),
        ((StepState.TIMED_OUT, BAD), RunState.TIMED_OUT),
        ((GOOD, StepState.TIMED_OUT), RunState.TIMED_OUT),
    ],
)
def test_of_several_bad_ends_the_run_has_the_worst(states: tuple[StepState, ...], worst: RunState) -> None:
    course = Course(an_action(a_step("a"), a_step("b")))
    for name, state in zip("ab", states, strict=True):
        course.end(StepKey(name), state)
    end = conclusion(course.action, course.states)
    assert end is not None
    assert end.state is worst


def test_too_many_items_fail_the_step() -> None:
    step = a_step("a", for_each="params.list")
    course = Course(an_action(step), params={"list": tuple(range(MAX_ITEMS + 1))})
    assert course.states[StepKey("a")].reason == "template_error"
    assert len(Course(an_action(step), params={"list": tuple(range(MAX_ITEMS))}).ready) == step.max_parallel


def test_later_steps_read_the_status_the_outputs_and_the_counts() -> None:
    rows = ParamSpec(name="rows", type=ParamType.INTEGER)
    one, each = a_step("one", outputs=(rows,)), a_step("each", for_each="[1, 2, 3]", outputs=(rows,))
    course = Course(an_action(one, each))
    course.play(lambda key: BAD if key == StepKey("each", 2) else GOOD)
    outputs = {StepKey("one"): {"rows": 7}, StepKey("each", 1): {"rows": 1}, StepKey("each", 3): {"rows": 3}}
    assert steps_scope(course.action, course.states, outputs) == {
        "one": {"status": "succeeded", "outputs": {"rows": 7}},
        "each": {"status": "failed", "outputs": {"rows": (1, 3)}, "total": 3, "succeeded": 2, "failed": 1},
    }


def test_a_failed_step_says_how_many_of_its_items_failed() -> None:
    course = Course(an_action(a_step("a", for_each="[1, 2, 3]", max_parallel=3)))
    course.play(lambda key: BAD if key.item > 1 else GOOD)
    assert course.states[StepKey("a")].detail == "2 of 3 items did not succeed, the first is item 2"
