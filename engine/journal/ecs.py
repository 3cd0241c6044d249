"""Events as JSON lines with the field names of the Elastic Common Schema, which many log collectors know.

docs/metrics.md lists the fields. The fields of an event itself are below `jobfile`, as in docs/events.md.
"""

import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from engine.core.events import (
    ChannelDown,
    ClockHeld,
    ClockJumped,
    ConfigRejected,
    DiskHeld,
    EngineStarted,
    EngineWasAway,
    Event,
    FellDueUnseen,
    FilesWait,
    FolderPolled,
    FolderUnreadable,
    JobLate,
    JobPaused,
    LedgerHeld,
    LedgerUnwritable,
    LoopFailed,
    NotificationGivenUp,
    NotRunTold,
    NotShown,
    OutputsUndeclared,
    RefUnread,
    RemovalsHeld,
    RowUnreadable,
    RunSettled,
    ScheduleQuarantined,
    SkipsInARow,
    StepSettled,
)
from engine.core.lifecycle import Run, RunState
from engine.core.step_states import StepState
from engine.journal.lines import event_json, event_text
from jobfile import __version__
from jobfile.diagnostics.escapes import message

VERSION: Final = "8.11.0"
"""The version of the Elastic Common Schema."""
_ERRORS: Final = (
    *(ClockHeld, ConfigRejected, DiskHeld, FolderUnreadable, LedgerHeld, LedgerUnwritable, LoopFailed),
    *(NotificationGivenUp, RefUnread, RowUnreadable, ScheduleQuarantined),
)
"""Events after which something does not work until someone acts, or the cause passes."""
_WARNINGS: Final = (
    *(ChannelDown, ClockJumped, EngineWasAway, FellDueUnseen, FilesWait, FolderPolled, JobLate, JobPaused),
    *(NotRunTold, NotShown, OutputsUndeclared, RemovalsHeld, SkipsInARow),
)
_BAD: Final = ("failed", "timed_out", "lost", "retry_wait")
"""States of a run or step after an attempt that did not succeed."""


def for_collectors(events: Sequence[Event], now: datetime) -> str:
    """Events as lines of the Elastic Common Schema."""
    return "".join(f"{json.dumps(event_to_ecs(event, at=now))}\n" for event in events)


def event_to_ecs(event: Event, *, at: datetime) -> dict[str, object]:
    """An event as a JSON object."""
    plain = event_json(event, at=at)
    return {
        "@timestamp": plain.pop("at"),
        "log.level": _level(event),
        "message": message(" ".join(event_text(event).split())),
        "ecs.version": VERSION,
        "event.kind": "event",
        "event.module": "jobfile",
        "event.action": action_of(str(plain.pop("event"))),
        **_end(event),
        "service.name": "jobfile",
        "service.version": __version__,
        **({"process.pid": event.pid} if isinstance(event, EngineStarted) else {}),
        **_about(event),
        "jobfile": plain,
    }


def action_of(name: str) -> str:
    """The action word of a kind of event: `run-settled` for RunSettled."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


def _level(event: Event) -> str:
    if isinstance(event, _ERRORS):
        return "error"
    return "warn" if isinstance(event, _WARNINGS) or _state(event) in _BAD else "info"


def _state(event: Event) -> RunState | StepState | None:
    if isinstance(event, RunSettled):
        return event.run.state
    return event.step.state if isinstance(event, StepSettled) else None


def _end(event: Event) -> dict[str, object]:
    """How a run or step ended, and how long it took, in nanoseconds."""
    state = _state(event)
    if not isinstance(event, RunSettled | StepSettled) or state is None:
        return {}
    outcome = "success" if state == RunState.SUCCEEDED else "failure" if state in _BAD else "unknown"
    length = {} if event.seconds is None else {"event.duration": round(event.seconds * 1e9)}
    return {"event.outcome": outcome, **length}


def _about(event: Event) -> dict[str, object]:
    """The job and the run that an event is about; the trace of a run has its id."""
    run = getattr(event, "run", None)
    job = run.job if isinstance(run, Run) else getattr(event, "job", "")
    run_id = run.id if isinstance(run, Run) else run
    labels = {"job": job, "run_id": run_id}
    found: dict[str, object] = {"labels": {name: value for name, value in labels.items() if value}}
    return {**(found if found["labels"] else {}), **({"trace.id": run_id} if run_id else {})}
