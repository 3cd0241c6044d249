"""Which notifications the end of a run calls for."""

from itertools import chain, combinations, product

import pytest

from engine.core.lifecycle import OPEN_STATES, RunState
from engine.core.notices import TROUBLE, notices
from jobfile.model.jobs import JobSpec
from tests.builders import a_job

EVENTS = ("failed", "missed", "skipped", "succeeded", "recovered", "late")
CALLED = {
    RunState.FAILED: "failed",
    RunState.TIMED_OUT: "failed",
    RunState.LOST: "failed",
    RunState.MISSED: "missed",
    RunState.SKIPPED: "skipped",
    RunState.SUCCEEDED: "succeeded",
    RunState.CANCELLED: None,
}


class Channel:
    """As much of a channel as is looked at."""

    def __init__(self, name: str) -> None:
        self.name = name


def telling(*events: str) -> JobSpec:
    return a_job(notify={event: (Channel(f"{event}-1"), Channel(f"{event}-2")) for event in events})


SETS = tuple(
    (frozenset(events), telling(*events))
    for events in chain.from_iterable(combinations(EVENTS, size) for size in range(len(EVENTS) + 1))
)
"""Every set of events that somebody may listen to, with a job where they do."""


@pytest.mark.parametrize("state", RunState)
def test_each_end_is_notified_as_its_event_if_a_channel_wants_it(state: RunState) -> None:
    for (heard, job), previous in product(SETS, ("", *EVENTS)):
        found = notices(job, state, previous=previous)
        called = {CALLED[state]} if state in CALLED else set()
        if state is RunState.SUCCEEDED and previous in ("failed", "missed", "late"):
            called |= {"recovered"}
        assert set(found) == (called - {None}) & heard, (previous, heard)
        assert list(found) == sorted(found)
        assert all(channels == (f"{event}-1", f"{event}-2") for event, channels in found.items())


@pytest.mark.parametrize("state", OPEN_STATES)
def test_an_open_run_calls_for_nothing(state: RunState) -> None:
    assert notices(telling(*EVENTS), state, previous="failed") == {}


def test_every_final_state_is_considered() -> None:
    assert CALLED.keys() == {state for state in RunState if state.is_final}
    assert set(TROUBLE) == {"failed", "missed", "late"}
