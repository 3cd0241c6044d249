"""Which notifications to send about the end of a run. Pure."""

from collections.abc import Mapping

from engine.core.lifecycle import RunState
from jobfile.model.jobs import JobSpec

_EVENTS: Mapping[RunState, str] = {
    RunState.FAILED: "failed",
    RunState.TIMED_OUT: "failed",
    RunState.LOST: "failed",
    RunState.MISSED: "missed",
    RunState.SKIPPED: "skipped",
    RunState.SUCCEEDED: "succeeded",
}
TROUBLE = ("failed", "missed", "late")
"""States after which a success is a recovery."""


def notices(spec: JobSpec, state: RunState, *, previous: str = "") -> dict[str, tuple[str, ...]]:
    """The channels for each event of a run in this state; `previous` is the event before it.

    An open run sends nothing: a failure is notified after the last attempt.
    """
    events = [_EVENTS[state]] if state in _EVENTS else []
    if state is RunState.SUCCEEDED and previous in TROUBLE:
        events.append("recovered")
    return {
        event: tuple(channel.name for channel in spec.notify[event])
        for event in sorted(events)
        if event in spec.notify
    }
