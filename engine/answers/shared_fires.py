"""The instants of schedules, computed once for all that have the same entries: many jobs share a few."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Final

from jobfile.model.jobs import ScheduleEntry

if TYPE_CHECKING:
    from jobfile.schedule.occurrences import Fire

MAX_SHARED: Final = 2_000
"""Maximum number of instants of a window that are kept for the next schedule."""
MAX_KEPT: Final = 200_000
"""Maximum number of instants that are kept in all."""


class SharedFires:
    """Computes instants for one answer. Equal entries of a ledger are one object: its id stands for them."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._first: dict[tuple[int, datetime], Fire | None] = {}
        self._windows: dict[tuple[int, datetime, datetime], Sequence[Fire] | None] = {}
        self._alive: dict[int, Sequence[ScheduleEntry]] = {}
        """Entries by the ids of their objects. They are kept, so that no other object gets the same id."""
        self._room = MAX_KEPT

    def first(self, entries: Sequence[ScheduleEntry], *, after: datetime) -> "Fire | None":
        """The first fire after an instant; None if there is none."""
        from jobfile.schedule.occurrences import next_fire  # noqa: PLC0415  start-up time: only where instants are computed

        if not entries:
            return None
        key = self._id(entries), after
        if key not in self._first:
            self._first[key] = next_fire(entries, after=after)
        return self._first[key]

    def between(
        self, entries: Sequence[ScheduleEntry], *, after: datetime, until: datetime
    ) -> "Iterable[Fire]":
        """The fires in (after, until], in their order."""
        from jobfile.schedule.occurrences import fires  # noqa: PLC0415  start-up time: only where instants are computed

        if after >= until:
            return ()
        key = self._id(entries), after, until
        if key not in self._windows:
            found = list(islice(fires(entries, after=after, until=until), MAX_SHARED + 1))
            is_kept = len(found) <= min(MAX_SHARED, self._room)
            self._room -= len(found) if is_kept else 0
            self._windows[key] = found if is_kept else None
        kept = self._windows[key]
        return fires(entries, after=after, until=until) if kept is None else kept

    def _id(self, entries: Sequence[ScheduleEntry]) -> int:
        self._alive.setdefault(id(entries), entries)
        return id(entries)
