"""The course of a simulated run with steps: which steps run when, and how the run ends.

The decisions are those of the engine: `advance`, `settle` and `conclusion`. Only lengths and failures are
assumed. What a step would output is unknown, so a condition that reads outputs counts as true, and a list
that is made of them as one item.
"""

import heapq
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from engine.core.lifecycle import Ended, Outcome, Run, RunState, StartError
from engine.core.reasons import Reason
from engine.core.retry import settle, time_to_deadline
from engine.core.step_states import StepKey, StepRun, StepState
from engine.core.steps import Conclusion, States, advance, conclusion, skip_rest, steps_scope
from engine.transactions.steps import step_as_job, time_left
from jobfile.model.jobs import JobSpec, StepsAction, StepSpec
from jobfile.model.namedtuple import NamedTuple

Fails = Callable[[StepKey, int], bool]
"""Whether an attempt of a step fails: its key, and the number of the attempt in this round of the run."""
_AGAIN: Final = "again"
_ENDS: Final = "ends"
_OVER_TIME: Final = "over time"
_TOO_LATE: Final = "too late"
_OF_OUTPUTS: Final = re.compile(r"\.\s*outputs\b")


class Assumptions(NamedTuple):
    """What is assumed of the steps: the length of an attempt of each, and which attempts fail.

    `awake` returns the first instant, from a given one, at which an engine runs: only then is an end noticed.
    """

    lengths: Mapping[str, timedelta]
    fails: Fails
    awake: Callable[[datetime], datetime]


class Stop(NamedTuple):
    """When a run is replaced; `is_settled_first`: what is noticed at the same instant is settled before."""

    at: datetime
    is_settled_first: bool

    def is_after(self, at: datetime) -> bool:
        """Whether what is noticed at an instant is settled before the run is stopped."""
        return at < self.at or (self.is_settled_first and at == self.at)


class Course(NamedTuple):
    """How long a round of a run took, how it ended, and the states of its steps."""

    length: timedelta
    end: Conclusion
    states: States


def course_of(
    spec: JobSpec,
    run: Run,
    kept: States,
    *,
    begun_at: datetime,
    values: Mapping[str, object],
    assumed: Assumptions,
    stop: Stop | None = None,
) -> Course:
    """The course of a run that begins at an instant; a retry begins with the states in `kept`.

    `values` are those of names in expressions. With `stop`, the run is replaced then.
    """
    course = _Course(spec, replace(run, begun_at=begun_at), assumed, values)
    course.states.update(kept)
    return course.run_through(begun_at, stop)


class _Course:
    def __init__(self, spec: JobSpec, run: Run, assumed: Assumptions, values: Mapping[str, object]) -> None:
        assert isinstance(spec.action, StepsAction)
        self.spec = spec
        self.run = run
        self.action = StepsAction(steps=tuple(map(_known_beforehand, spec.action.steps)))
        self.states: dict[StepKey, StepRun] = {}
        self.assumed = assumed
        self.values = values
        self.seen = {step.name: step_as_job(spec, step.name) for step in spec.action.steps}
        self.is_next_turn = False
        self.events: list[tuple[datetime, StepKey, str, datetime]] = []
        """What happens to a step: when it is noticed, the step, and what; and when it happened."""

    def run_through(self, begun_at: datetime, stop: Stop | None) -> Course:
        now = begun_at
        self.go_on(now)
        while self.events and (stop is None or stop.is_after(self.events[0][0])):
            now, key, what, at = heapq.heappop(self.events)
            if what == _AGAIN:
                self.start(key, now)
            else:
                self.end(key, now, what, at)
                self.is_next_turn = what == _TOO_LATE
                self.go_on(now)
                self.is_next_turn = False
        if stop is not None:
            now = stop.at
            self.stop(now)
        end = conclusion(self.action, self.states)
        assert end is not None, "every step was decided"
        return Course(now - begun_at, end, self.states)

    def stop(self, now: datetime) -> None:
        """End the run: what ends just now keeps its own end, everything else is cancelled or skipped."""
        self.run = replace(self.run, state=RunState.CANCELLING, reason=Reason.REPLACED)
        while self.events and self.events[0][0] == now:
            _, key, what, at = heapq.heappop(self.events)
            if what != _AGAIN:
                self.end(key, now, what, at)
        for key, one in list(self.states.items()):
            if one.state is StepState.RUNNING and one.items is None:
                self.settle(key, Ended(started_at=now, ended_at=now, signal=15, stopped=True), now)
        self.states.update(skip_rest(self.action, self.states, reason=Reason.REPLACED))

    def go_on(self, now: datetime) -> None:
        changed = advance(self.action, self.states, scope=self.scope)
        self.states.update(changed)
        for key, one in changed.items():
            if one.state is StepState.READY:
                self.start(key, now)

    def scope(self, states: States) -> Mapping[str, object]:
        return {**self.values, "steps": steps_scope(self.action, states, {})}

    def start(self, key: StepKey, now: datetime) -> None:
        one = self.states[key]
        begun = replace(one, state=StepState.RUNNING, attempt=one.attempt + 1, tries=one.tries + 1)
        self.states[key] = begun
        most, length = time_left(self.spec, self.run, key.step, now=now), self.assumed.lengths[key.step]
        until = time_to_deadline(self.spec, self.run, now=now)
        if until is not None and until <= timedelta():
            # In the turn that starts it; what only follows from that, in the next one.
            self.at(now + timedelta.resolution * self.is_next_turn, key, _TOO_LATE)
        elif most is not None and most < length:
            # Even an attempt without time starts first: it ends after the turn in which the engine starts it.
            self.at(now + max(most, timedelta.resolution), key, _OVER_TIME)
        else:
            self.at(now + length, key, _ENDS)

    def at(self, when: datetime, key: StepKey, what: str) -> None:
        heapq.heappush(self.events, (self.assumed.awake(when), key, what, when))

    def end(self, key: StepKey, now: datetime, what: str, at: datetime) -> None:
        is_bad = self.assumed.fails(key, self.states[key].tries)
        is_over_time = what == _OVER_TIME
        outcome: Outcome = Ended(
            started_at=at,
            ended_at=at,
            exit_code=None if is_over_time else int(is_bad),
            signal=15 if is_over_time else None,
            timed_out=is_over_time,
        )
        if what == _TOO_LATE:
            outcome = StartError(at=at, reason=Reason.DEADLINE)
        self.settle(key, outcome, now)

    def settle(self, key: StepKey, outcome: Outcome, now: datetime) -> None:
        one, seen = self.states[key], self.seen[key.step]
        tried = replace(self.run, id=f"{self.run.id}.{key.step}.{key.item}", attempt=one.tries)
        verdict = settle(tried, outcome, spec=seen, now=now)
        self.states[key] = replace(
            one,
            state=StepState(verdict.run_state.value),
            reason=verdict.reason,
            detail=verdict.detail,
            retry_at=verdict.retry_at,
        )
        if verdict.run_state is RunState.RETRY_WAIT and verdict.retry_at is not None:
            self.at(verdict.retry_at, key, _AGAIN)


def _known_beforehand(step: StepSpec) -> StepSpec:
    """A step without the expressions whose values only a real run has."""
    condition = None if _OF_OUTPUTS.search(step.condition or "") else step.condition
    for_each = None if _OF_OUTPUTS.search(step.for_each or "") else step.for_each
    return replace(step, condition=condition, for_each=for_each)
