"""The spans of a run: made when it is over, with the times of the ledger. Pure.

Every id follows from the run, the step and the attempt. So an attempt gets its span's id before it starts, in
TRACEPARENT, and what it traces itself joins the trace of its run.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from engine.core.lifecycle import Attempt, AttemptKey, AttemptState, Run, RunState
from engine.core.step_states import StepKey, StepRun
from jobfile.model.dataclass import dataclass
from jobfile.model.hashing import sha256

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""The standard variables with the address of a collector."""
_ID_DIGITS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A part of a trace. Ids are hexadecimal, as in TRACEPARENT."""

    trace_id: str
    id: str
    parent: str = ""
    name: str
    start: datetime
    end: datetime
    is_good: bool | None
    """None if it neither succeeded nor failed."""
    error: str = ""
    attributes: Mapping[str, str | int]


def is_traced(environ: Mapping[str, str]) -> bool:
    """Whether the engine's environment asks for traces."""
    is_disabled = environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    return not is_disabled and any(environ.get(name) for name in ENDPOINTS)


def traceparent(key: AttemptKey) -> str:
    """What an attempt gets as TRACEPARENT: the trace of its run, and its own span as the parent."""
    return f"00-{key.run_id}-{span_id(key.id)}-01"


def span_id(name: str) -> str:
    """The id of the span of a run, a step or an attempt, by its name."""
    return sha256(f"span\0{name}".encode()).hexdigest()[:_ID_DIGITS]


def ended_while_waiting(run: Run, attempts: Sequence[Attempt]) -> bool:
    """Whether a run was ended after its last attempt, while it waited for the next one."""
    ends = [one.ended_at for one in attempts]
    is_idle = bool(ends) and all(
        end is not None and run.ended_at is not None and end < run.ended_at for end in ends
    )
    return run.state is RunState.CANCELLED and is_idle


def spans_of(run: Run, attempts: Sequence[Attempt], steps: Sequence[StepRun]) -> tuple[Span, ...]:
    """The spans of a run that is over: of itself, of its steps, of each attempt; none if nothing ran."""
    ran = [one for one in attempts if one.started_at is not None and one.ended_at is not None]
    if not ran or not run.state.is_final:
        return ()
    of_run = _of_run(run, ran)
    states = {one.key: one for one in steps}
    found: dict[StepKey, list[Attempt]] = {}
    for one in ran:
        found.setdefault(StepKey(one.step, one.item), []).append(one)
    of_steps = {
        key: _of_step(run, key, own, states.get(key), parent=of_run.id)
        for key, own in found.items()
        if key.step
    }
    of_attempts = [
        _of_attempt(run, one, parent=of_steps.get(StepKey(one.step, one.item), of_run).id) for one in ran
    ]
    return (of_run, *of_steps.values(), *of_attempts)


def _of_run(run: Run, ran: Sequence[Attempt]) -> Span:
    start, end = _extent(ran)
    about = {
        "jobfile.job": run.job,
        "jobfile.run_id": run.id,
        "jobfile.state": run.verdict.value,
        "jobfile.reason": run.reason,
        "jobfile.trigger": run.trigger.value,
        "jobfile.scheduled_for": run.scheduled_for.isoformat(),
        "jobfile.retry_of": run.retry_of or "",
        "jobfile.attempts": run.attempt,
    }
    return Span(
        trace_id=run.id,
        id=span_id(run.id),
        name=run.job,
        start=start,
        end=max(end, run.ended_at or end),
        is_good=_is_good(run.verdict.value),
        error=run.reason,
        attributes={name: value for name, value in about.items() if value != ""},
    )


def _of_step(run: Run, key: StepKey, own: Sequence[Attempt], step: StepRun | None, *, parent: str) -> Span:
    start, end = _extent(own)
    state = step.state.value if step is not None else own[-1].state.value
    about: dict[str, str | int] = {"jobfile.job": run.job, "jobfile.run_id": run.id, "jobfile.step": key.step}
    return Span(
        trace_id=run.id,
        id=span_id(f"{run.id}/{key.step}/{key.item}"),
        parent=parent,
        name=f"{key.step} {key.item}" if key.item else key.step,
        start=start,
        end=end,
        is_good=_is_good(state),
        error=step.reason if step is not None else "",
        attributes={**about, **({"jobfile.item": key.item} if key.item else {}), "jobfile.state": state},
    )


def _of_attempt(run: Run, one: Attempt, *, parent: str) -> Span:
    assert one.started_at is not None
    assert one.ended_at is not None
    about = {
        "jobfile.job": run.job,
        "jobfile.run_id": run.id,
        "jobfile.step": one.step or None,
        "jobfile.item": one.item or None,
        "jobfile.attempt": one.number,
        "jobfile.state": one.state.value,
        "jobfile.reason": one.reason or None,
        "process.exit.code": one.exit_code,
    }
    return Span(
        trace_id=run.id,
        id=span_id(one.id),
        parent=parent,
        name=f"attempt {one.number}",
        start=one.started_at,
        end=max(one.started_at, one.ended_at),
        is_good=_is_good(one.state.value),
        error=one.reason,
        attributes={name: value for name, value in about.items() if value is not None},
    )


def _extent(ran: Sequence[Attempt]) -> tuple[datetime, datetime]:
    """From the first start to the last end. A clock that was set back makes no span end before its start."""
    start = min(one.started_at for one in ran if one.started_at is not None)
    return start, max(start, *(one.ended_at for one in ran if one.ended_at is not None))


def _is_good(state: str) -> bool | None:
    if state in (RunState.SUCCEEDED, AttemptState.SUCCEEDED):
        return True
    return None if state in (RunState.SKIPPED, RunState.CANCELLED) else False
