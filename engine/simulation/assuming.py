"""What a simulation assumes: lengths from history or as given, times without an engine, params of events."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Final

from engine.ledger.ports import View
from engine.simulation.asking import length_of_steps
from engine.simulation.subject import Absence, Assumed
from jobfile.expressions.params import bind_params
from jobfile.model.jobs import JobSpec, StepsAction
from jobfile.model.values import Value
from jobfile.plan.rates import runs_a_day

DEFAULT_LENGTH: Final = timedelta(minutes=1)
HISTORY: Final = 200
"""Number of newest runs of a job whose lengths count."""

MAX_STARTS: Final = 10_000_000
"""Maximum number of starts in a simulation: about a minute of work."""

RANKS: Final = {"p50": 0.5, "p95": 0.95}
"""The percentiles of past lengths that can be assumed."""


def starts_in(jobs: Iterable[JobSpec], *, days: int) -> int:
    """The approximate number of starts of the schedules in this number of days."""
    return int(sum(map(runs_a_day, jobs)) * days)


def joined(absences: Iterable[Absence]) -> tuple[Absence, ...]:
    """Times without an engine, sorted; those that touch are joined."""
    merged: list[Absence] = []
    for one in sorted(absences, key=lambda absence: absence.since):
        if merged and one.since <= merged[-1].until:
            last = merged.pop()
            one = Absence(since=last.since, until=max(last.until, one.until))
        merged.append(one)
    return tuple(merged)


def assume(
    jobs: Iterable[JobSpec],
    view: View | None,
    *,
    lengths: Mapping[str, timedelta],
    failing: Mapping[str, float],
    rank: float,
) -> dict[str, Assumed]:
    """The assumptions about each job: its given length, else that of its past runs, else the general one.

    In `lengths` and `failing`, the empty name is for all jobs without a value of their own, and JOB.STEP is
    for one step. Without that, the general length is at most half of the timeout: nothing says that the job
    runs into it. A job with steps is simulated step by step, unless the length of its runs is known or given.
    """
    found = {}
    for spec in jobs:
        job = spec.name
        steps = _assumed_steps(spec, lengths, failing)
        is_given = any(f"{job}.{step}" in given for step in steps for given in (lengths, failing))
        known = _history(view, job, rank) if job not in lengths and not is_given else None
        if is_given or (known is None and job not in lengths):
            by_step, length = steps, length_of_steps(spec, steps) if steps else None
        else:
            by_step, length = {}, known or lengths.get(job)
        found[job] = Assumed(
            length=length or lengths.get("") or _default_length(spec.timeout),
            failing=failing.get(job, failing.get("", 0.0)),
            is_known=known is not None,
            steps=by_step,
        )
    return found


def _assumed_steps(
    spec: JobSpec, lengths: Mapping[str, timedelta], failing: Mapping[str, float]
) -> dict[str, Assumed]:
    """The assumptions about each step. A chance that is given for the job is one for each of its steps."""
    if not isinstance(spec.action, StepsAction):
        return {}
    chance = failing.get(spec.name, failing.get("", 0.0))
    return {
        step.name: Assumed(
            length=lengths.get(f"{spec.name}.{step.name}")
            or lengths.get("")
            or _default_length(step.timeout),
            failing=failing.get(f"{spec.name}.{step.name}", chance),
        )
        for step in spec.action.steps
    }


def _default_length(timeout: timedelta | None) -> timedelta:
    return DEFAULT_LENGTH if timeout is None else min(DEFAULT_LENGTH, timeout / 2)


def _history(view: View | None, job: str, rank: float) -> timedelta | None:
    """The assumed length of a job's runs: a percentile of its newest successful runs; None without any."""
    lengths = sorted(view.lengths(job, limit=HISTORY)) if view is not None else []
    return lengths[min(len(lengths) - 1, int(len(lengths) * rank))] if lengths else None


def event_params(job: JobSpec, given: Mapping[str, object]) -> dict[str, Value] | str:
    """The params of a requested run, from plain JSON; or a message about a mistake in them."""
    values: dict[str, Value] = {}
    for name, one in given.items():
        if any(isinstance(part, (dict, list)) for part in _parts(one)):
            return "a param is a text, a number, true or false, or a list of these"
        values[name] = tuple(one) if isinstance(one, list) else one  # type: ignore[assignment]  # bound next
    params, problems = bind_params(job.params, values, from_text=False)
    return f"param `{problems[0].name}`: {problems[0].message}" if problems else params


def _parts(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else [value]
