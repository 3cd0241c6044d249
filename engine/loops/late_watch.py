"""Loop: find jobs that are late, from the generation in force, within a minute of becoming so."""

from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Final

from engine.answers.lateness import SETTLING, look_at
from engine.core.events import Event
from engine.core.lateness import Course, Late, LateKind, long_run, next_deadline
from engine.ledger.ports import View
from engine.ledger.store_ports import Expecting
from engine.ports import Clock, Journal
from engine.transactions.lateness import note_late
from jobfile.model.jobs import JobSpec

LOOK_SECONDS: Final = 30.0
MORE_SECONDS: Final = 0.1
"""Seconds between two batches of jobs, so that other loops get their turn."""
BATCH: Final = 200
"""Maximum number of jobs in a look."""
FIRST_LOOK: Final = timedelta(days=32)
"""How far back an engine looks if no earlier one has noted anything."""
NOTE_EVERY: Final = timedelta(minutes=10)
"""How often the loop notes up to when it has checked the days, if it has found nothing."""
SEEN: Final = "late_seen_until"
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)


class LateWatch:
    """Reads a job only when it can have become late since the last time."""

    def __init__(
        self,
        *,
        store: Expecting,
        clock: Clock,
        journal: Journal,
        open_view: Callable[[], View],
        is_held: Callable[[], bool] = lambda: False,
    ) -> None:
        """While `is_held`, nothing is found: the clock or the ledger is not believed."""
        self._store = store
        self._clock = clock
        self._journal = journal
        self._open_view = open_view
        self._is_held = is_held
        self._generation = 0
        self._specs: dict[str, JobSpec] = {}
        self._due: dict[str, datetime] = {}
        """When a job may be late next, or must be checked again."""
        self._noted_at = _BEGINNING
        self._long: set[str] = set()
        """Runs that are known to take too long."""

    def tick(self) -> float:
        """Look once; returns the seconds until the next look."""
        now = self._clock.now() - SETTLING
        if self._is_held():
            return LOOK_SECONDS
        self._follow()
        events = self._note_long_runs(now) if self._specs else []
        due = [job for job in self._specs if self._due.get(job, _BEGINNING) <= now]
        if due:
            events += self._look(due[:BATCH], now, is_all=len(due) <= BATCH)
        self._journal.report(*events)
        return LOOK_SECONDS if len(due) <= BATCH else MORE_SECONDS

    def _follow(self) -> None:
        generation = self._store.current_generation()
        if generation is None or generation.number == self._generation:
            return
        specs = (self._store.definition(one.digest) for one in self._store.jobs_in_force())
        self._specs = {spec.name: spec for spec in specs if spec.enabled and _has_times(spec)}
        self._due = {}
        self._generation = generation.number

    def _look(self, jobs: Iterable[str], now: datetime, *, is_all: bool) -> list[Event]:
        """Look at jobs, and record what is found in one transaction; with `is_all`, how far it was looked."""
        seen = self._store.past.fact(SEEN, default="")
        since = datetime.fromisoformat(seen) if seen else now - FIRST_LOOK
        found: list[tuple[JobSpec, tuple[Late, ...]]] = []
        nexts: dict[str, datetime] = {}
        with closing(self._open_view()) as view:
            for job in jobs:
                spec = self._specs[job]
                lateness, success_due = look_at(view, spec, since=since, now=now)
                nexts[job] = _next(spec, success_due, now)
                found.append((spec, lateness))
        events: list[Event] = []
        is_news = any(lateness for _, lateness in found)
        if is_news or (is_all and now - self._noted_at >= NOTE_EVERY):
            with self._store.transaction():
                for spec, lateness in found:
                    events += note_late(self._store, lateness, spec, now=self._clock.now())
                if is_all:
                    self._store.past.note(SEEN, max(since, now).isoformat())
                    self._noted_at = now
        self._due.update(nexts)
        return events

    def _note_long_runs(self, now: datetime) -> list[Event]:
        if all(spec.expect.max_duration is None for spec in self._specs.values()):
            return []
        events: list[Event] = []
        active = self._store.lateness.active_runs()
        self._long &= {run.id for run in active}
        for run in active:
            spec = self._specs.get(run.job)
            if spec is None or run.started_at is None or run.id in self._long:
                continue
            course = Course(run.id, run.started_at, None, run.scheduled_for)
            found = long_run(run.job, spec.expect.max_duration, course, now=now)
            if found is None or self._was_paused(found, now):
                continue
            with self._store.transaction():
                events += note_late(self._store, [found], spec, now=self._clock.now())
            self._long.add(run.id)
        return events

    def _was_paused(self, found: Late, now: datetime) -> bool:
        pauses = self._store.pauses.between(found.job, since=found.since, until=now)
        return any(pause.holds_at(at) for pause in pauses for at in (found.since, now))


def _has_times(spec: JobSpec) -> bool:
    return any(getattr(spec.expect, kind.value) is not None for kind in LateKind)


def _next(spec: JobSpec, success_due: datetime | None, now: datetime) -> datetime:
    """When the job may be late next: nothing that happens from now on can make it late before."""
    times = []
    if spec.expect.done_by is not None:
        times.append(next_deadline(spec.expect.done_by, spec.timezone, after=now))
    every = spec.expect.success_every
    if success_due is not None and every is not None:
        times.append(success_due if success_due > now else now + every)
    return min(times, default=datetime.max.replace(tzinfo=UTC))
