"""Loop: account for every occurrence of every schedule in force at its time."""

import heapq
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice

from engine.accounting import Moment, account
from engine.events import Event
from engine.ledger import Store
from engine.ports import Clock, Journal
from engine.records import Schedule
from jobfile.occurrences import next_fire

LONGEST_SLEEP_SECONDS = 15.0
"""The wall clock may be set at any time, so no sleep is longer than this."""

BATCH = 32
"""Schedules accounted for in one transaction, so that the first of a crowd need not wait for the last."""


class Scheduler:
    """Holds for each schedule the instant that is due next, and nothing else that a restart would lose."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        journal: Journal,
        new_id: Callable[[], str],
        on_recorded: Callable[[], None],
    ) -> None:
        """`on_recorded` is called when runs were recorded that may start."""
        self._store = store
        self._clock = clock
        self._journal = journal
        self._new_id = new_id
        self._on_recorded = on_recorded
        self._generation: int | None = None
        self._heap: list[tuple[datetime, int, Schedule]] = []

    def tick(self) -> float:
        """Account for what is due; returns the seconds until something may be due next."""
        self._follow_generation()
        if self._generation is None:
            return LONGEST_SLEEP_SECONDS
        while batch := list(islice(self._due(), BATCH)):
            self._account(batch)
        if not self._heap:
            return LONGEST_SLEEP_SECONDS
        seconds = (self._heap[0][0] - self._clock.now()).total_seconds()
        return min(LONGEST_SLEEP_SECONDS, max(0.0, seconds))

    def _follow_generation(self) -> None:
        generation = self._store.current_generation()
        if generation is None or generation.number == self._generation:
            return
        self._generation = generation.number
        self._heap = []
        self._push(self._store.schedules_in_force())

    def _push(self, schedules: Sequence[Schedule]) -> None:
        for schedule in schedules:
            fire = next_fire(schedule.entries, after=schedule.covered_until)
            if fire is not None:
                heapq.heappush(self._heap, (fire.at, schedule.id, schedule))

    def _due(self) -> Iterator[Schedule]:
        """Never early: an instant is due when the wall clock has reached it."""
        while self._heap and self._heap[0][0] <= self._clock.now():
            yield heapq.heappop(self._heap)[2]

    def _account(self, batch: Sequence[Schedule]) -> None:
        """One transaction for a batch. If it fails, everything is read again at the next tick."""
        assert self._generation is not None
        moment = Moment(now=self._clock.now(), generation=self._generation, new_id=self._new_id)
        events: list[Event] = []
        fresh: list[Schedule] = []
        self._generation, generation = None, self._generation
        with self._store.transaction():
            for schedule in batch:
                current = self._store.schedule_in_force(schedule.job, schedule.schedule_key)
                if current is not None:
                    events += account(self._store, current, moment)
                    after = self._store.schedule_in_force(schedule.job, schedule.schedule_key)
                    assert after is not None
                    fresh.append(after)
        self._generation = generation
        self._push(fresh)
        for event in events:
            self._journal.tell(event)
        self._on_recorded()
