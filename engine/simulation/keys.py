"""Idempotency keys in a simulation: which run has a key, and for how long."""

from datetime import datetime

from engine.simulation.asking import idempotency_key_of
from engine.simulation.subject import SimRun
from engine.transactions.keys import KEY_LASTS


class Keys:
    """The runs that have keys, by job and key."""

    def __init__(self) -> None:
        """Nothing has a key."""
        self._held: dict[tuple[int, str], tuple[object, datetime]] = {}

    def is_duplicate(self, run: SimRun, *, now: datetime) -> bool:
        """Whether an earlier run has the key of a run; those of one matrix are no duplicates."""
        key = idempotency_key_of(run)
        holder, until = self._held.get((run.subject.index, key), (None, now))
        return bool(key) and until > now and holder is not (run.occurrence or run)

    def take(self, run: SimRun, *, now: datetime) -> None:
        """Give a run its key, unless another has it."""
        place = (run.subject.index, idempotency_key_of(run))
        if place[1] and self._held.get(place, (None, now))[1] <= now:
            self._held[place] = (run.occurrence or run, now + KEY_LASTS)
