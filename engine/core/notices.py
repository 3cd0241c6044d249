"""Which notifications the end of a run calls for. Pure."""

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
"""What a success after it is a recovery from."""


def notices(spec: JobSpec, state: RunState, *, previous: str = "") -> dict[str, tuple[str, ...]]:
    """The channels that get each event of a run that stands so; `previous` is the event before it.

    An open run calls for nothing: a failure is told after the last try.
    """
    events = [_EVENTS[state]] if state in _EVENTS else []
    if state is RunState.SUCCEEDED and previous in TROUBLE:
        events.append("recovered")
    return {
        event: tuple(channel.name for channel in spec.notify[event])
        for event in sorted(events)
        if event in spec.notify
    }
