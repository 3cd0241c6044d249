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
from typing import Final, NamedTuple

from engine.core.lifecycle import Ended, Outcome, Run, RunState, StartError
from engine.core.reasons import Reason
from engine.core.retry import settle, time_to_deadline
from engine.core.step_states import StepKey, StepRun, StepState
from engine.core.steps import Conclusion, States, advance, conclusion, steps_scope
from engine.transactions.steps import step_as_job, time_left
from jobfile.model.jobs import JobSpec, StepsAction, StepSpec

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
) -> Course:
    """The course of a run that begins at an instant; a retry begins with the states in `kept`.

    `values` are those of names in expressions.
    """
    course = _Course(spec, replace(run, begun_at=begun_at), assumed, values)
    course.states.update(kept)
    return course.run_through(begun_at)


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
        self.events: list[tuple[datetime, StepKey, str]] = []
        """What happens to a step at an instant: it starts again, ends, or is ended by its timeout."""

    def run_through(self, begun_at: datetime) -> Course:
        now = begun_at
        self.go_on(now)
        while self.events:
            now, key, what = heapq.heappop(self.events)
            if what == _AGAIN:
                self.start(key, now)
            else:
                self.end(key, now, what)
                self.go_on(now)
        end = conclusion(self.action, self.states)
        assert end is not None, "every step was decided"
        return Course(now - begun_at, end, self.states)

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
            self.at(now + timedelta.resolution, key, _TOO_LATE)
        elif most is not None and most < length:
            # Even an attempt without time starts first: it ends after the turn in which the engine starts it.
            self.at(now + max(most, timedelta.resolution), key, _OVER_TIME)
        else:
            self.at(now + length, key, _ENDS)

    def at(self, when: datetime, key: StepKey, what: str) -> None:
        heapq.heappush(self.events, (self.assumed.awake(when), key, what))

    def end(self, key: StepKey, now: datetime, what: str) -> None:
        one, seen = self.states[key], self.seen[key.step]
        is_bad = self.assumed.fails(key, one.tries)
        is_over_time = what == _OVER_TIME
        outcome: Outcome = Ended(
            started_at=now,
            ended_at=now,
            exit_code=None if is_over_time else int(is_bad),
            signal=15 if is_over_time else None,
            timed_out=is_over_time,
        )
        if what == _TOO_LATE:
            outcome = StartError(at=now, reason=Reason.DEADLINE)
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
