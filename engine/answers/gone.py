"""Requested runs that are past their retention: only their numbers are left, by the quarter of an hour."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from engine.core.lifecycle import RunState
from engine.ledger.ports import View

COUNTED_IN: Final = timedelta(minutes=15)
_MIDNIGHT: Final = datetime(1970, 1, 1, tzinfo=UTC)


def gone_requests(view: View, job: str, *, since: datetime, until: datetime) -> Mapping[RunState, int]:
    """The requested runs of a window that retention deleted, by state; an instant stands for its quarter."""
    return view.pruned_requests(job, since=since - (since - _MIDNIGHT) % COUNTED_IN, until=until)


def gone_words(gone: Mapping[RunState, int]) -> str:
    """What is known of them."""
    counts = ", ".join(f"{count} {state.value}" for state, count in sorted(gone.items()))
    return f"details were removed by retention; only a count of manual runs is kept ({counts})"
