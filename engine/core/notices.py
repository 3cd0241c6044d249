"""Which notifications and pings to send about a run. Pure."""

from collections.abc import Mapping
from typing import Final

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


STARTED, CANCELLED = "started", "cancelled"
"""Events that only a ping has."""
PING: Final = "ping:"
"""The channel of the pings of a job begins with this, which no name of a channel does."""


def ping_channel(job: str) -> str:
    """The channel of the pings of a job: each job has its own, so that one that fails delays no other."""
    return f"{PING}{job}"


def is_ping(channel: str) -> bool:
    """Whether a channel has the pings of a job."""
    return channel.startswith(PING)


def end_pings(spec: JobSpec, job: str, state: RunState) -> dict[str, tuple[str, ...]]:
    """The channel for the ping about the end of a run; none if its job has no ping, or it is not over.

    `job` is the name that the job has now: the definition of the run may have an older one.
    """
    if not spec.ping or not state.is_final:
        return {}
    return {_EVENTS.get(state, CANCELLED): (ping_channel(job),)}


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
