"""Loop: settle attempts that ended, and have runs executed that may start. One commit for a whole turn."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from engine.core.errors import JobfileError, PartialTurnError
from engine.core.events import AttemptStarted, Event
from engine.core.lifecycle import (
    Attempt,
    AttemptKey,
    Outcome,
    Run,
    RunState,
)
from engine.hosts.executor import Executor, Flight
from engine.ledger.store_ports import Execution
from engine.loops.pace import Pace
from engine.notifications.noting import owe_for_start
from engine.ports import Alive, Clock, Journal, NotStarted
from engine.transactions.conditions import skip_in_vain
from engine.transactions.ends import settle_attempt
from engine.transactions.expiring import end_late
from engine.transactions.steps import (
    Courses,
    ToStart,
    begin,
    break_off,
    fail_unread,
    has_steps,
    settle_steps,
    startable,
    still_to_start,
    stop_rest,
)
from engine.transactions.stop import is_withdrawn, withdraw
from jobfile.model.jobs import JobSpec

IDLE_SECONDS = 15.0
"""The longest wait in seconds: a lost hint delays a run by at most this."""

STARTED = (RunState.RUNNING, RunState.CANCELLING)

MAX_ASKS = 20
"""How many times one turn asks again for startable runs: many skipped ones must not make it long."""

PASSED_OVER = 1_000
"""How many startable runs for which no host has a place may be passed over, to find one that has one."""

MAX_WAITING = 10_000
"""Maximum number of startable runs in which a command without an engine looks for those that it serves."""


class Worker:
    """Keeps as many attempts going as its executor has room for."""

    def __init__(
        self,
        *,
        store: Execution,
        clock: Clock,
        executor: Executor,
        journal: Journal,
        catchup_starts: int,
        boot_id: str,
        serves: Callable[[Run], bool] | None = None,
        is_abandoned: Callable[[str], bool] = lambda _: False,
        is_file_gone: Callable[[str], bool] = lambda _: False,
        is_held: Callable[[], bool] = lambda: False,
    ) -> None:
        """With `serves`, only the runs that it accepts start, as `jobfile run` without an engine needs it.

        `is_abandoned` returns whether the command that waits for a run is gone. While `is_held`, ended
        attempts are settled but nothing starts.
        """
        self._is_file_gone = is_file_gone
        self._is_held = is_held
        self._pace = Pace(catchup_starts)
        self._store = store
        self._clock = clock
        self._executor = executor
        self._journal = journal
        self._boot_id = boot_id
        self._serves = serves
        self._is_abandoned = is_abandoned
        self._flights: dict[str, Flight] = {}
        self._courses = Courses(store)
        self._noticed: set[str] = set()
        self._is_in_doubt = False
        """Whether a commit failed, perhaps only its answer: then nobody starts what is recorded."""
        self._unsettled: set[str] = set()
        """Attempts whose end could not be recorded because of a bug: each is
        settled alone, so that it does not stop the others.
        """
        self._asks_again = False
        """Whether a listed run did not start, so that others may."""
        self.had_work = False
        """Whether the last turn ended or started anything."""
        self._lock = threading.Lock()
        self._turn = threading.Lock()

    def notice(self, name: str) -> None:
        """Note that an attempt may have ended; the next tick checks it."""
        with self._lock:
            self._noticed.add(name)

    def adopt(self, attempt: Attempt) -> None:
        """Take over an attempt of an earlier engine; the next tick checks it."""
        self._flights[attempt.id] = Flight(attempt.key, attempt.boot_id)
        self.notice(attempt.id)

    @property
    def has_noticed(self) -> bool:
        """Whether an attempt may have ended that no turn has checked yet."""
        with self._lock:
            return bool(self._noticed)

    @property
    def running(self) -> int:
        """The number of attempts that are not settled."""
        return len(self._flights)

    def tick(self) -> float:
        """Take one turn; return the seconds until the next one is due."""
        with self._turn:
            return self._take_turn()

    def _take_turn(self) -> float:
        if self._is_in_doubt:
            self._adopt_unknown()
        with self._lock:
            noticed, self._noticed = self._noticed, set()
        ended, unstarted = self._look(noticed)  # before the transaction: it reads files
        now = self._clock.now()
        events: list[Event] = []
        aside = {name: ended.pop(name) for name in self._unsettled & ended.keys()}
        with self._transaction():
            events += self._settle_all(ended, now)
            room = self._executor.room(len(self._flights) - len(ended))
            self._asks_again = False
            claimed = [] if self._is_held() else self._claim(now, events, room=room)
            wake = self._next_wake(now)
        for name in ended:
            self._flights.pop(name, None)
        for one in claimed:
            key = one.attempt
            self._flights[key.id] = Flight(key, self._boot_id, None if key.step else one.run)
            late = max(0.0, (now - one.run.not_before).total_seconds())
            events.append(
                AttemptStarted(
                    run=one.run, number=key.number, late_seconds=late, step=key.step, item=key.item
                )
            )
        try:
            events += self._launch([*claimed, *unstarted])
        finally:  # after the launch: reporting must not delay starts
            self._journal.report(*events)
        self._settle_aside(aside, now)
        self.had_work = bool(ended or claimed or unstarted)
        is_more = (bool(claimed) or self._asks_again) and self._executor.room(len(self._flights)) > 0
        return 0 if is_more else self._rest(now, wake)

    def _rest(self, now: datetime, wake: datetime | None) -> float:
        with self._lock:
            if self._noticed:
                return 0
        if self._is_held():
            return IDLE_SECONDS
        seconds = IDLE_SECONDS if wake is None else min(IDLE_SECONDS, max(0.0, (wake - now).total_seconds()))
        return min(seconds, self._pace.left(self._clock.elapsed()) or IDLE_SECONDS)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            with self._store.transaction():
                yield
        except BaseException:
            self._courses.forget()  # it was rolled back, or its answer was lost
            self._is_in_doubt = True
            raise

    def _adopt_unknown(self) -> None:
        for live in self._store.live_attempts():
            if live.attempt.id not in self._flights:
                self.adopt(live.attempt)
        self._is_in_doubt = False

    def _next_wake(self, now: datetime) -> datetime | None:
        """The earliest instant at which a run or a step may start."""
        times = (self._store.next_wake(now=now), self._store.steps.next_wake(now=now))
        return min((one for one in times if one is not None), default=None)

    def _look(self, noticed: set[str]) -> tuple[dict[str, Outcome], list[ToStart]]:
        """The outcomes of the noticed attempts that ended, and runs that never started."""
        flights = [self._flights[name] for name in noticed & self._flights.keys()]
        ended: dict[str, Outcome] = {}
        unstarted: list[ToStart] = []
        found = self._executor.look(flights) if flights else {}
        for flight in flights:
            match found.get(flight.attempt.id):
                case None | Alive():
                    pass  # the rescuer notices it again
                case NotStarted():
                    unstarted += still_to_start(self._courses, flight.attempt)
                case outcome:
                    ended[flight.attempt.id] = outcome
        return ended, unstarted

    def _settle_aside(self, ended: Mapping[str, Outcome], now: datetime) -> None:
        """Settle attempts that made an earlier turn fail, each in its own
        transaction: they may fail again.
        """
        trouble: Exception | None = None
        for name, outcome in ended.items():
            try:
                with self._transaction():
                    events = self._settle_all({name: outcome}, now)
            except JobfileError:
                raise
            except Exception as error:  # noqa: BLE001  raised below, when the others are settled
                trouble = error
                continue
            self._unsettled.discard(name)
            self._flights.pop(name, None)
            self._journal.report(*events)
        if trouble is not None:
            raise PartialTurnError(f"{type(trouble).__name__}: {trouble}") from trouble

    def _settle_all(self, ended: Mapping[str, Outcome], now: datetime) -> list[Event]:
        """Settle attempts, those of a run's steps together: what follows from them is decided once."""
        together: dict[str, dict[AttemptKey, Outcome]] = {}
        for name, outcome in ended.items():
            key = self._flights[name].attempt
            together.setdefault(key.run_id if key.step else name, {})[key] = outcome
        events: list[Event] = []
        for own in together.values():
            try:
                events += self._settled(own, now)
            except JobfileError:
                raise  # the ledger's trouble, not this run's
            except Exception:
                self._unsettled.update(key.id for key in own)
                raise
        return events

    def _settled(self, ended: Mapping[AttemptKey, Outcome], now: datetime) -> list[Event]:
        """Settle one attempt of a run, or several of its steps."""
        (attempt, outcome), *_ = ended.items()
        known = self._flights[attempt.id].run
        if known is not None and (reports := self._make_true(known, outcome, now)) is not None:
            return reports
        # The run that we know is outdated (cancelled, renamed, settled), or an
        # earlier engine started it: read it.
        run = self._store.run(attempt.run_id)
        if run is None or run.state not in STARTED or (not attempt.step and run.last_attempt != attempt):
            self._end_unreadable(attempt.run_id, now)
            return []
        if not attempt.step:
            return self._make_true(run, outcome, now) or []
        spec, trouble = self._definition(run)
        if trouble:
            return break_off(self._courses, run, ended, why=trouble, now=now)
        return settle_steps(self._courses, run, spec, ended, now=now)

    def _end_unreadable(self, run_id: str, now: datetime) -> None:
        """End a run with an unreadable row, now that its attempt has ended."""
        for found in self._store.unreadable:
            if found.run == run_id and found.seq:
                self._store.set_aside(found, is_over=True, now=now)

    def _make_true(self, run: Run, outcome: Outcome, now: datetime) -> list[Event] | None:
        """Record the end of an attempt; None if `run` is outdated."""
        return settle_attempt(self._store, run, self._definition(run)[0], outcome, now=now)

    def _claim(self, now: datetime, events: list[Event], *, room: int) -> list[ToStart]:
        """End runs that could not start in time, and record attempts of runs and steps that may start now."""
        for run in self._store.steps.stopping():
            spec, trouble = self._definition(run)
            if trouble:
                events += fail_unread(self._courses, run, why=trouble, now=now)
            else:
                events += stop_rest(self._courses, run, spec, now=now)
        events += end_late(self._store, now=now)
        claimed = self._claim_steps(now, room)
        asks, self._asks_again = 0, True
        while self._asks_again and asks < MAX_ASKS:  # others can take the slots of those that did not start
            asks, self._asks_again = asks + 1, False
            counts = Counter[bool]()
            for run in self._startable(now, room - len(claimed), is_catchup=False):
                if left_out := self._leave_out(run, now):
                    events += left_out
                    continue
                started = self._start(run, now, events)
                counts[started is not None] += 1
                claimed += started or []
            self._asks_again |= len(counts) > 1  # one that has just started forbids another to start
        self._catch_up(now, events, claimed, room=room)
        return claimed + self._claim_steps(now, room - len(claimed))  # those of runs that have just begun

    def _catch_up(self, now: datetime, events: list[Event], claimed: list[ToStart], *, room: int) -> None:
        """Start catch-up runs, as many as the pace allows."""
        while len(claimed) < room and self._pace.left(self._clock.elapsed()) == 0:
            found = self._startable(now, 1, is_catchup=True)
            if not found:
                break
            (run,) = found
            if left_out := self._leave_out(run, now):
                events += left_out
                break
            started = self._start(run, now, events)
            if started is None:
                break
            self._pace.note(self._clock.elapsed())
            claimed += started

    def _claim_steps(self, now: datetime, room: int) -> list[ToStart]:
        return startable(self._courses, limit=room, boot_id=self._boot_id, now=now) if room > 0 else []

    def _leave_out(self, run: Run, now: datetime) -> list[Event]:
        """End a run that may start, but is withdrawn or whose condition is false; no events for any other."""
        spec, trouble = self._definition(run)
        if is_withdrawn(run, by_command=self._serves is not None) and self._is_abandoned(run.id):
            left_out = withdraw(self._store, run, now=now)
        else:
            left_out = [] if trouble else skip_in_vain(self._store, run, spec, self._is_file_gone, now=now)
        self._asks_again |= bool(left_out)
        return left_out

    def _start(self, run: Run, now: datetime, events: list[Event]) -> list[ToStart] | None:
        """The attempts of a run that has started; None if it may not start by now."""
        spec, trouble = self._definition(run)
        if has_steps(spec) and not trouble:
            begun = begin(self._courses, run, spec, now=now)
            if begun is not None:
                owe_for_start(self._store, run, spec, now=now)
            events += begun or []
            return None if begun is None else []
        if not self._store.start(run, boot_id=self._boot_id, now=now):
            return None
        owe_for_start(self._store, run, spec, now=now)
        started = replace(
            run,
            state=RunState.RUNNING,
            reason="",
            detail="",
            attempt=run.attempt + 1,
            retry_at=None,
            started_at=run.started_at or now,
        )
        return [ToStart(started, started.last_attempt)]

    def _startable(self, now: datetime, room: int, *, is_catchup: bool) -> tuple[Run, ...]:
        if room <= 0:
            return ()
        if self._serves is None:
            found = self._store.startable(now=now, limit=room, is_catchup=is_catchup)
            chosen = self._executor.chosen(found)
            if len(chosen) < len(found):  # there is no place for some, and perhaps for others behind them
                limit = room + PASSED_OVER
                found = self._store.startable(now=now, limit=limit, is_catchup=is_catchup)
                chosen = self._executor.chosen(found)
            return tuple(chosen)[:room]
        # Nobody starts what waits before them, so free slots are no measure of what a command may look at.
        found = self._store.startable(now=now, limit=MAX_WAITING, is_catchup=is_catchup, ahead=MAX_WAITING)
        return tuple(run for run in found if self._serves(run))[:room]

    def _launch(self, attempts: list[ToStart]) -> list[Event]:
        """Have attempts executed. One that cannot be prepared is recorded as not started."""
        failed = self._executor.launch(attempts) if attempts else {}
        if not failed:
            return []
        with self._transaction():
            events = self._settle_all(failed, self._clock.now())
        for name in failed:
            self._flights.pop(name, None)
        return events

    def _definition(self, run: Run) -> tuple[JobSpec, str]:
        """The run's definition of the job, and why it is unreadable, or ''."""
        return self._store.definition(run.digest), self._store.definition_trouble(run.digest)
