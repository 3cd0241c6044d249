"""Guards the wall clock: notices when it was set, and holds the engine while it is implausible."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.core.clocks import JUMP, Reading, implausible, jump_between
from engine.core.events import ClockBelieved, ClockHeld, ClockJumped, Event
from engine.core.lifecycle import Run, RunState
from engine.core.reasons import IncidentKind
from engine.core.records import CLOCK_HOLD, Session
from engine.core.retry import retry_delay
from engine.ledger.store_ports import ClockKeeping
from engine.notifications.noting import owe_for_hold
from engine.ports import Clock, Journal

SYNCHRONIZED_SECONDS = 60.0
"""The system must report its clock as synchronized for this many
seconds before an implausible clock is believed.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One reading of the clocks; `jumped` is how far the wall clock was set since the last one."""

    now: datetime
    is_held: bool
    jumped: timedelta = timedelta(0)


class ClockGuard:
    """Every loop that decides by the wall clock asks here first, from its own thread."""

    def __init__(
        self,
        *,
        store: ClockKeeping,
        clock: Clock,
        journal: Journal,
        boot_id: str,
        before: Session | None,
        built_at: datetime,
        is_synchronized: Callable[[], bool | None],
    ) -> None:
        """`before` is the previous session, with the last known time; `is_synchronized` asks the system."""
        self._store = store
        self._clock = clock
        self._journal = journal
        self._built_at = built_at
        self._is_synchronized = is_synchronized
        self._lock = threading.Lock()
        # A hold outlives the engine: it ends only for a reason.
        self._is_held = store.incidents.hold() is not None
        self._synchronized_since: float | None = None
        self._trusted: Reading | None = None
        self._last_seen: datetime | None = None
        if before is not None and before.boot_id == boot_id and before.boot_seconds is not None:
            self._trusted = Reading(wall=before.last_seen_at, elapsed=before.boot_seconds)
        elif before is not None:
            self._last_seen = before.last_seen_at
        self._before = self._trusted or self._read()
        self._must_ask = True
        self._is_first = True

    def look(self) -> Look:
        """Read both clocks, and begin or end a hold."""
        events: list[Event] = []
        with self._lock:
            now = self._read()
            jumped = jump_between(self._before, now)
            was_held = self._is_held
            if abs(jumped) <= JUMP:
                jumped = timedelta(0)
            elif not self._is_held:
                events += self._note_jump(jumped, now)
            self._before = now
            self._judge(now, events)
            held = self._is_held
            # The ledger may have times that a wrong clock has set, also one of an earlier engine.
            if not held and (was_held or jumped or self._is_first):
                self._correct_waits(now.wall)
                self._is_first = False
        for event in events:
            self._journal.report(event)
        return Look(now=now.wall, is_held=held, jumped=jumped)

    @property
    def is_held(self) -> bool:
        """Whether the clock is not believed, as of the last look."""
        return self._is_held

    def _read(self) -> Reading:
        return Reading(wall=self._clock.now(), elapsed=self._clock.elapsed())

    def _note_jump(self, jumped: timedelta, now: Reading) -> list[Event]:
        seconds = jumped.total_seconds()
        self._must_ask = True
        with self._store.transaction():
            self._store.incidents.note(
                IncidentKind.CLOCK_JUMP,
                began_at=now.wall - jumped,
                detail=f"{seconds:+.1f}s",
                occurrences=0,
                jobs=0,
                now=now.wall,
            )
        return [ClockJumped(seconds=seconds)]

    def _correct_waits(self, now: datetime) -> None:
        """Correct waiting times that a clock set while it was ahead: a manual run may start at once, and a
        retry waits at most for the longest delay of its job.
        """
        corrected: list[tuple[Run, datetime]] = []
        for run in self._store.open_runs():
            if run.state is RunState.QUEUED and not run.trigger.is_scheduled and run.not_before > now:
                corrected.append((run, now))
            elif run.state is RunState.RETRY_WAIT and run.retry_at is not None:
                retry = self._store.definition(run.digest).retry
                if run.retry_at - now > retry.max_delay:
                    corrected.append((run, now + retry_delay(retry, run_id=run.id, attempt=run.attempt)))
        if corrected:
            with self._store.transaction():
                for run, at in corrected:
                    self._store.incidents.wait_until(run, at)

    def _judge(self, now: Reading, events: list[Event]) -> None:
        """Begin or end a hold.

        Coverage is read only after a jump or during a hold: it costs a query at each look.
        """
        covered = self._store.covered_in_force() if self._must_ask or self._is_held else None
        why = implausible(
            now,
            trusted=self._trusted,
            last_seen=self._last_seen,
            covered_until=covered,
            built_at=self._built_at,
        )
        if not why:
            self._trust(now)
            if self._is_held:
                self._end(now, "the clock is plausible again", events)
            return
        if not self._is_held or self._store.incidents.hold() is None:
            self._begin(now, why, events)
        self._maybe_accept(now, covered, events)

    def _begin(self, now: Reading, why: str, events: list[Event]) -> None:
        self._is_held, self._synchronized_since = True, None
        with self._store.transaction():
            if self._store.incidents.hold() is None:
                self._store.incidents.begin_hold(detail=why, now=now.wall)
                owe_for_hold(self._store, CLOCK_HOLD, begins=True, detail=why, now=now.wall)
        events.append(ClockHeld(reason=why))

    def _maybe_accept(self, now: Reading, covered: datetime | None, events: list[Event]) -> None:
        """End the hold when a user has confirmed the clock, or the system has, for long enough.

        The system is not believed while the clock is behind recorded instants: only a user can decide that
        those were wrong, because it begins a new clock epoch.
        """
        hold = self._store.incidents.hold()
        is_behind = covered is not None and covered > now.wall
        if hold is not None and hold.accepted_by:
            if is_behind:
                with self._store.transaction():
                    self._store.incidents.rewind(now=now.wall)
            self._end(now, hold.accepted_by, events)
        elif self._is_synchronized() and not is_behind and now.wall >= self._built_at:
            if self._synchronized_since is None:
                self._synchronized_since = now.elapsed
            if now.elapsed - self._synchronized_since >= SYNCHRONIZED_SECONDS:
                self._end(now, "the system's clock is synchronized", events)
        else:
            self._synchronized_since = None

    def _end(self, now: Reading, by: str, events: list[Event]) -> None:
        with self._store.transaction():
            self._store.incidents.end_hold(by=by, now=now.wall)
            owe_for_hold(self._store, CLOCK_HOLD, begins=False, detail=by, now=now.wall)
        self._trust(now)
        self._is_held = False
        events.append(ClockBelieved(by=by))

    def _trust(self, now: Reading) -> None:
        self._trusted, self._last_seen, self._must_ask = now, None, False
