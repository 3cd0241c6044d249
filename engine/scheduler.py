"""Loop: account for every occurrence of every schedule in force at its time."""

import heapq
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice

from engine.accounting import Moment, account, decide_waiting
from engine.clockguard import ClockGuard, Look
from engine.clocks import JUMP
from engine.events import EngineWasAway, Event, FellDueUnseen, ScheduleQuarantined
from engine.ledger import Store
from engine.ports import Clock, Journal
from engine.records import DOWN_AND_UNABLE, ENGINE_DOWN, ENGINE_UNABLE, ON_TIME, Schedule
from jobfile.occurrences import NotAdvancingError, next_fire

LONGEST_SLEEP_SECONDS = 15.0
"""The wall clock may be set at any time, so no sleep is longer than this."""

BATCH = 32
"""Schedules accounted for in one transaction, so that the first of a crowd need not wait for the last."""

CLOCK_JUMP = "clock_jump"


class Scheduler:
    """Holds for each schedule the instant that is due next, and nothing else that a restart would lose."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        guard: ClockGuard,
        journal: Journal,
        new_id: Callable[[], str],
        on_recorded: Callable[[], None],
        settle_ended: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_recorded` is called when runs were recorded that may start. Made before a session is opened.

        `settle_ended` is called before what nobody saw in time is accounted for: a run that ended in the
        meantime is in nobody's way.
        """
        self._settle_ended = settle_ended
        self._store = store
        self._clock = clock
        self._guard = guard
        self._journal = journal
        self._new_id = new_id
        self._on_recorded = on_recorded
        self._followed: tuple[int, int] | None = None
        self._heap: list[tuple[datetime, int, Schedule]] = []
        session = store.last_session()
        self._awake_at = None if session is None else session.ended_at or session.last_seen_at
        self._absence = ENGINE_DOWN
        self._began_at = clock.now()
        self._was_awake = False

    def tick(self) -> float:
        """Account for what is due; returns the seconds until something may be due next."""
        look = self._guard.look()
        if look.is_held:
            return LONGEST_SLEEP_SECONDS
        self._note_absence(look)
        self._follow_generation()
        if self._followed is None:
            return LONGEST_SLEEP_SECONDS
        if self._heap and self._clock.now() - self._heap[0][0] > ON_TIME:
            self._settle_ended()
        while batch := list(islice(self._due(), BATCH)):
            self._account(batch)
        while self._decide():
            pass
        self._awake_at = self._clock.now()
        self._was_awake = True
        return self._rest()

    def _note_absence(self, look: Look) -> None:
        """Where the clock was set forward, that is why nobody saw what lies between."""
        self._absence = CLOCK_JUMP if look.jumped > JUMP else ENGINE_DOWN
        if self._awake_at is not None and self._awake_at > look.now:
            self._awake_at = look.now

    def _rest(self) -> float:
        next_times = [self._store.next_undecided(), self._heap[0][0] if self._heap else None]
        now = self._clock.now()
        waits = [(at - now).total_seconds() for at in next_times if at is not None]
        return min(LONGEST_SLEEP_SECONDS, max(0.0, min(waits, default=LONGEST_SLEEP_SECONDS)))

    def _follow_generation(self) -> None:
        generation = self._store.current_generation()
        if generation is None:
            return
        followed = (generation.number, self._store.incidents.clock_epoch())
        if followed != self._followed:
            self._followed = followed
            self._heap = []
            self._push(self._store.schedules_in_force())

    def _push(self, schedules: Sequence[Schedule]) -> None:
        for schedule in schedules:
            try:
                fire = next_fire(schedule.entries, after=schedule.covered_until)
            except NotAdvancingError as error:
                self._journal.tell(ScheduleQuarantined(job=schedule.job, message=str(error)))
                continue
            if fire is not None:
                heapq.heappush(self._heap, (fire.at, schedule.id, schedule))

    def _due(self) -> Iterator[Schedule]:
        """Never early: an instant is due when the wall clock has reached it."""
        while self._heap and self._heap[0][0] <= self._clock.now():
            yield heapq.heappop(self._heap)[2]

    def _account(self, batch: Sequence[Schedule]) -> None:
        """One transaction for a batch. If it fails, everything is read again at the next tick."""
        assert self._followed is not None
        moment = Moment(
            now=self._clock.now(), generation=self._followed[0], new_id=self._new_id, absence=self._absence
        )
        events: list[Event] = []
        fresh: list[Schedule] = []
        self._followed, followed = None, self._followed
        with self._store.transaction():
            for schedule in batch:
                current = self._store.schedule_in_force(schedule.job, schedule.schedule_key)
                if current is not None:
                    events += account(self._store, current, moment)
                    after = self._store.schedule_in_force(schedule.job, schedule.schedule_key)
                    assert after is not None
                    fresh.append(after)
            away = self._away(events, moment)
        self._followed = followed
        self._push(fresh)
        for event in (*events, *away):
            if not isinstance(event, FellDueUnseen):
                self._journal.tell(event)
        self._on_recorded()

    def _away(self, events: Sequence[Event], moment: Moment) -> tuple[Event, ...]:
        """One incident for an absence, whatever the number of jobs; noted in the transaction of the rows."""
        unseen = [event for event in events if isinstance(event, FellDueUnseen)]
        if not unseen:
            return ()
        since = self._awake_at or moment.now
        occurrences = sum(one.count for one in unseen)
        self._store.incidents.note(
            "away" if moment.absence == ENGINE_DOWN else CLOCK_JUMP,
            began_at=since,
            detail="",
            occurrences=occurrences,
            jobs=len(unseen),
            now=moment.now,
        )
        away = EngineWasAway(
            since=since,
            until=moment.now,
            jobs=len(unseen),
            occurrences=occurrences,
            because=self._known_of_absence(moment),
        )
        return (away,)

    def _known_of_absence(self, moment: Moment) -> str:
        """Why nobody saw what fell due, as far as this engine knows: it may have run and been unable."""
        if moment.absence != ENGINE_DOWN:
            return moment.absence
        if self._was_awake:
            return ENGINE_UNABLE
        return DOWN_AND_UNABLE if moment.now - self._began_at > ON_TIME else ENGINE_DOWN

    def _decide(self) -> bool:
        """Decide about the runs whose spread has passed; whether there was one."""
        now = self._clock.now()
        if not (waiting := self._store.undecided(now=now, limit=BATCH)):
            return False
        assert self._followed is not None
        moment = Moment(now=now, generation=self._followed[0], new_id=self._new_id)
        with self._store.transaction():
            events = [event for run in waiting for event in decide_waiting(self._store, run, moment)]
        for event in events:
            self._journal.tell(event)
        self._on_recorded()
        return True
