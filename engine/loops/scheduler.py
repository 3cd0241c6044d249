"""Loop: account for every occurrence of every schedule in force at its time."""

import heapq
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice

from engine.core.clocks import JUMP
from engine.core.errors import JobfileError, PartialTurnError
from engine.core.events import EngineWasAway, Event, FellDueUnseen, ScheduleQuarantined
from engine.core.lifecycle import Run
from engine.core.reasons import IncidentKind, Reason
from engine.core.records import DOWN_AND_UNABLE, ENGINE_DOWN, ENGINE_UNABLE, ON_TIME, Schedule, Session
from engine.ledger.store_ports import Scheduling
from engine.loops.clock_guard import ClockGuard, Look
from engine.ports import Clock, Journal
from engine.transactions.account import Moment, account, decide_waiting
from engine.transactions.backfill import advance_backfills
from engine.transactions.boot import record_boot
from engine.triggers.registry import watched_by
from jobfile.schedule.occurrences import NotAdvancingError

LONGEST_SLEEP_SECONDS = 15.0
"""The wall clock may be set at any time, so no sleep is longer than this."""

BACKFILL_SECONDS = 1.0
"""How often the runs of backfills are topped up: a slow rate, so that they stay in the background."""

BATCH = 32
"""Maximum schedules in one transaction, so that a large batch does not delay its first schedules."""


class Scheduler:
    """Keeps the next due instant of each schedule in memory; everything else is in the ledger."""

    def __init__(
        self,
        *,
        store: Scheduling,
        clock: Clock,
        guard: ClockGuard,
        journal: Journal,
        before: Session | None,
        new_id: Callable[[], str],
        boot_id: str,
        on_recorded: Callable[[], None],
        settle_ended: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_recorded` is called when startable runs were recorded. `before` is the previous session: no
        engine ran since its end.

        `settle_ended` is called before an absence is accounted for, so that runs that ended in the meantime
        block nothing.
        """
        self._settle_ended = settle_ended
        self._store = store
        self._clock = clock
        self._guard = guard
        self._journal = journal
        self._new_id = new_id
        self._unseen_boot_id = boot_id
        """The start of the host whose jobs are still to be recorded; empty once that is done."""
        self._on_recorded = on_recorded
        self._followed: tuple[int, int] | None = None
        self._heap: list[tuple[datetime, int, Schedule]] = []
        self._failing: list[Schedule] = []
        """Schedules that could not be accounted for: retried at each turn, apart from the others."""
        self._trouble: Exception | None = None
        self._awake_at = None if before is None else before.ended_at or before.last_seen_at
        self._absence = ENGINE_DOWN
        self._began_at = clock.now()
        self._was_awake = False
        self._has_backfills = False
        self.covered_until: datetime | None = None
        """Up to when every occurrence is accounted for; None before the first whole turn."""

    def tick(self) -> float:
        """Account for what is due; returns the seconds until something may be due next."""
        look = self._guard.look()
        if look.is_held:
            return LONGEST_SLEEP_SECONDS
        self._note_absence(look)
        self._follow_generation()
        self._note_boot()
        if self._followed is None:
            self.covered_until = self._clock.now()
            return LONGEST_SLEEP_SECONDS
        if self._heap and self._clock.now() - self._heap[0][0] > ON_TIME:
            self._settle_ended()
        self._trouble = None
        failing, self._failing = self._failing, []
        for schedule in failing:
            self._account_each([schedule])
        while batch := list(islice(self._due(), BATCH)):
            self._account_each(batch)
        while self._decide():
            pass
        self._advance_backfills()
        self._awake_at = self._clock.now()
        self._was_awake = True
        if self._trouble is not None:
            raise PartialTurnError(f"{type(self._trouble).__name__}: {self._trouble}") from self._trouble
        self.covered_until = self._awake_at
        return self._rest()

    def _note_absence(self, look: Look) -> None:
        """If the clock was set forward, that is the reason for the skipped time.

        If back, no time is missing.
        """
        self._absence = Reason.CLOCK_JUMP if look.jumped > JUMP else ENGINE_DOWN
        if self._awake_at is not None and self._awake_at > look.now:
            self._awake_at = look.now

    def _note_boot(self) -> None:
        """Record the runs of jobs that start with the host, if this is the first engine since its start."""
        if not self._unseen_boot_id:
            return
        number = 0 if self._followed is None else self._followed[0]
        with self._store.transaction():
            moment = Moment(now=self._clock.now(), generation=number, new_id=self._new_id)
            events = record_boot(self._store, self._unseen_boot_id, moment)
        self._unseen_boot_id = ""
        self._journal.report(*events)
        self._on_recorded()

    def _rest(self) -> float:
        next_times = [self._store.next_undecided(), self._heap[0][0] if self._heap else None]
        now = self._clock.now()
        waits = [(at - now).total_seconds() for at in next_times if at is not None]
        if self._has_backfills:
            waits.append(BACKFILL_SECONDS)
        return min(LONGEST_SLEEP_SECONDS, max(0.0, min(waits, default=LONGEST_SLEEP_SECONDS)))

    def _follow_generation(self) -> None:
        generation = self._store.current_generation()
        if generation is None:
            return
        followed = (generation.number, self._store.incidents.clock_epoch())
        if followed != self._followed:
            self._followed = followed
            self._heap, self._failing = [], []
            self._push(self._store.schedules_in_force())

    def _push(self, schedules: Sequence[Schedule]) -> None:
        for schedule in schedules:
            try:
                at = watched_by(schedule).next_at(schedule)
            except Exception as error:  # noqa: BLE001  one schedule must not stop the others
                is_known = isinstance(error, NotAdvancingError)
                message = str(error) if is_known else f"{type(error).__name__}: {error} (a bug in jobfile)"
                self._journal.report(ScheduleQuarantined(job=schedule.job, message=message))
                continue
            if at is not None:
                heapq.heappush(self._heap, (at, schedule.id, schedule))

    def _due(self) -> Iterator[Schedule]:
        """The due schedules, never early: an instant is due when the wall clock has reached it."""
        while self._heap and self._heap[0][0] <= self._clock.now():
            yield heapq.heappop(self._heap)[2]

    def _account_each(self, batch: Sequence[Schedule]) -> None:
        """Account for a batch; if one schedule breaks the transaction, for each alone."""
        followed = self._followed
        try:
            self._account(batch)
        except JobfileError:
            raise  # the ledger's trouble, not this schedule's
        except Exception as error:  # noqa: BLE001  raised at the end of the turn, when the others are done
            self._followed = followed
            if len(batch) == 1:
                self._failing += batch
                self._trouble = error
            for one in batch if len(batch) > 1 else ():
                self._account_each([one])

    def _account(self, batch: Sequence[Schedule]) -> None:
        """Account for a batch in one transaction.

        Nothing is followed while it runs: if it fails, the next tick reads every schedule again.
        """
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
                self._journal.report(event)
        self._on_recorded()

    def _away(self, events: Sequence[Event], moment: Moment) -> tuple[Event, ...]:
        """Note one incident for an absence, for all its jobs, in the transaction of their rows."""
        unseen = [event for event in events if isinstance(event, FellDueUnseen)]
        if not unseen:
            return ()
        since = self._awake_at or moment.now
        occurrences = sum(one.count for one in unseen)
        self._store.incidents.note(
            IncidentKind.AWAY if moment.absence == ENGINE_DOWN else IncidentKind.CLOCK_JUMP,
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
        """Why no engine saw the occurrences: none ran, or it ran and could
        not decide, or one after the other.
        """
        if moment.absence != ENGINE_DOWN:
            return moment.absence
        if self._was_awake:
            return ENGINE_UNABLE
        return DOWN_AND_UNABLE if moment.now - self._began_at > ON_TIME else ENGINE_DOWN

    def _advance_backfills(self) -> None:
        """Record the next runs of backfills; look again soon while there are any."""
        self._has_backfills = bool(self._store.backfills.open())
        if not self._has_backfills or self._followed is None:
            return
        moment = Moment(now=self._clock.now(), generation=self._followed[0], new_id=self._new_id)
        with self._store.transaction():
            events = advance_backfills(self._store, moment)
        self._journal.report(*events)
        self._on_recorded()

    def _decide(self) -> bool:
        """Decide about the runs whose spread has passed; returns whether there was one."""
        now = self._clock.now()
        if not (waiting := self._store.undecided(now=now, limit=BATCH)):
            return False
        assert self._followed is not None
        moment = Moment(now=now, generation=self._followed[0], new_id=self._new_id)
        is_done = self._decide_about(waiting, moment)
        if not is_done and len(waiting) > 1:
            is_done = any([self._decide_about([run], moment) for run in waiting])
        self._on_recorded()
        return is_done

    def _decide_about(self, waiting: Sequence[Run], moment: Moment) -> bool:
        """Decide in one transaction; False when one run breaks it, and nothing is decided."""
        try:
            with self._store.transaction():
                events = [event for run in waiting for event in decide_waiting(self._store, run, moment)]
        except JobfileError:
            raise  # the ledger's trouble, not this run's
        except Exception as error:  # noqa: BLE001  raised at the end of the turn, when the others are done
            self._trouble = error
            return False
        for event in events:
            self._journal.report(event)
        return True
