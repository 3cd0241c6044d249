"""Leads the engine's own loops and the model through the same year, instant by instant."""

import heapq
import json
import random
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from engine.ledger.sqlite.store import SqliteStore
from engine.testing import Flight
from tests.engine.world import World
from tests.ledgers import Chosen
from tests.year.jobs import BEGIN, END, Job
from tests.year.model import STOP_TAKES, Fate, Model, Run, Told
from tests.year.plot import Event, Plot, Size

KEEP_DAYS = 60
QUIET = timedelta(seconds=0.5)
SENT_EVERY = 8
"""Turns between two looks of the sender."""
BEAT_EVERY = timedelta(hours=1)
WITHOUT_ENGINE = ("boot", "edit", "ask")
FAILS, IS_LOST, IS_LONG, OFTEN_LONG = 0.15, 0.02, 0.06, 0.3


class Life:
    """A year of an engine. `ask` is called at the moments at which questions are asked."""

    def __init__(self, folder: Path, seed: int, size: Size) -> None:
        self._seed = seed
        self.plot = Plot(seed, size)
        self.world = World(folder, self.plot.first.text(), at=BEGIN, max_running=500, catchup_starts=500)
        self.model = Model(self.fate)
        self.model.apply(self.plot.first, BEGIN)
        self._file = self.plot.first
        self.is_up = True
        self.true, self._offset = BEGIN, timedelta()
        self._events = list(self.plot.events)
        self._ends: list[tuple[datetime, str, str]] = []
        self._launched = 0
        self._live: dict[str, Flight] = {}
        self._stopping: set[str] = set()
        self._looked_at = self._late_at = self._beat_at = BEGIN
        self.outbox: dict[str, Told] = {}
        self.delivered: Counter[str] = Counter()
        self.draw = random.Random(f"questions {seed}")
        self.steps = 0
        self._hurry()
        self._step()

    def _hurry(self) -> None:
        """No power fails in this year: so nothing waits for the disk."""
        if isinstance(self.world.store, SqliteStore):  # a test server does not sync either
            self.world.store._db._db.execute("pragma synchronous = off")

    @property
    def now(self) -> datetime:
        """What the clock of the machine shows."""
        return self.true + self._offset

    def fate(self, name: str, run: Run) -> Fate:
        """How the next attempt of a run goes."""
        return self._fate_of(name, run.job, run.at, run.part, run.attempt, run.nth)

    def _fate_of(self, name: str, job: Job, at: datetime, part: str, attempt: int, nth: int) -> Fate:
        draw = random.Random(f"{self._seed} {name} {at.isoformat()} {part} {attempt} {nth}")
        is_often = name.startswith("often")
        is_long = draw.random() < (OFTEN_LONG if is_often else IS_LONG)
        hours = draw.choice((4, 12, 30) if is_often else (0.4, 1.5, 5, 11)) if is_long else 0
        length = timedelta(
            hours=hours, seconds=draw.randrange(5, 600), microseconds=draw.randrange(1, 999_999)
        )
        chance = draw.random()
        end = (
            f"exit({draw.randrange(1, 6)})"
            if chance < FAILS
            else "lost"
            if chance < FAILS + IS_LOST
            else "exit(0)"
        )
        if job.timeout and length > job.timeout:
            return Fate(job.timeout, "timeout")
        return Fate(length, end)

    # --- time

    def go(self, until: datetime) -> None:
        """Let time pass up to an instant of true time; whatever is due, happens."""
        while (at := self._next()) <= until:
            self._pass(at)
            self._end_attempts()
            if self.is_up:
                self._step()
        self._pass(until)
        self._end_attempts()

    def _next(self) -> datetime:
        ends = [self._ends[0][0]] if self._ends else []
        times = [*ends, self.model.next_end()]
        if self.is_up:
            wall = min(self.model.next_wall(self.now), self._late_at)
            times += [wall - self._offset]
            wake = self.world.store.next_wake(now=self.now)
            if wake is not None and wake > self.now:
                times.append(wake - self._offset)
        return max(self.true + timedelta(microseconds=1), min(times))

    def _pass(self, until: datetime) -> None:
        clock = self.world.clock
        clock.boot_seconds += (until - self.true).total_seconds()
        self.true = self.model.true = until
        clock.wall = self.now

    def _end_attempts(self) -> None:
        launcher = self.world.launcher
        while self._ends and self._ends[0][0] <= self.true:
            _, attempt, end = heapq.heappop(self._ends)
            flight = self._live.get(attempt)
            if flight is None or flight.end is not None:
                continue
            if end == "timeout":
                launcher.time_out(attempt)
            elif end == "lost":
                launcher.lose(attempt)
            elif end == "stopped":
                launcher.obey(attempt)
            else:
                launcher.finish(attempt, exit_code=int(end[5:-1]))
            del self._live[attempt]
        self.model.end_attempts(self.now)

    def _step(self, absence: str = "engine_down") -> None:
        """One turn of every loop, and the same in the model."""
        self.steps += 1
        world, now = self.world, self.now
        world.scheduler.tick()
        self.model.account(now, absence)
        world.loops.settle_and_start()
        self.model.settle(now)
        self.model.start(now)
        self._launch()
        self._beat()

    def _beat(self) -> None:
        """The loops that look at intervals: here only when there may be something to see."""
        world, now = self.world, self.now
        if self.true >= self._beat_at:
            world.heartbeat.tick()
            self._beat_at = self.true + BEAT_EVERY
        if now >= self._late_at or now < self._looked_at:
            assert world.loops.late_watch is not None
            world.loops.late_watch.tick()
            self.model.look_for_late(now)
            self._looked_at = now
        self._late_at = self.model.next_late(now)
        if self.steps % SENT_EVERY == 0:
            self._send()

    def _send(self) -> None:
        """Send what is ripe, and record it: no kill comes between, so each message arrives once."""
        before = -1
        while before != len(self.world.receiver.tries):
            before = len(self.world.receiver.tries)
            self.world.loops.sender.tick()

    def _launch(self) -> None:
        """Give each new attempt its fate."""
        launcher = self.world.launcher
        for attempt in launcher.executed[self._launched :]:
            flight = launcher._by_attempt[attempt]
            run = self.world.store.run(flight.order.attempt.run_id)
            assert run is not None
            nth, first = 0, run
            while first.retry_of is not None and first.trigger == "manual":
                nth, older = nth + 1, self.world.store.run(first.retry_of)
                assert older is not None
                first = older
            part = str(run.matrix.get("part", ""))
            job = self.model.known[run.job]
            fate = self._fate_of(run.job, job, run.scheduled_for, part, flight.order.attempt.number, nth)
            self._live[attempt] = flight
            heapq.heappush(self._ends, (self.true + fate.length, attempt, fate.end))
        self._launched = len(launcher.executed)
        for attempt, flight in self._live.items():
            if flight.stops and attempt not in self._stopping:
                self._stopping.add(attempt)
                heapq.heappush(self._ends, (self.true + STOP_TAKES, attempt, "stopped"))

    # --- what happens

    def events(self) -> Iterator[Event]:
        """The events of the year; the time of each has come when it is given."""
        while self._events:
            event = heapq.heappop(self._events)
            self.go(max(self.true, event.at))
            yield event

    def finish(self) -> None:
        """The last hours, in which all notifications arrive."""
        assert self.is_up
        self.go(max(self.true, END))
        for _ in range(40):
            self.go(self.true + timedelta(minutes=5))
            self._send()
        self.collect()
        self.delivered = Counter(id for _, message in self.world.receiver.got for id in message.ids)

    def do(self, event: Event) -> None:
        """Let an event of the plot happen."""
        if self.is_up or event.kind in WITHOUT_ENGINE:
            getattr(self, f"_do_{event.kind}")(event)

    def _do_edit(self, event: Event) -> None:
        assert event.file is not None
        self._file = event.file
        self.world.tree.text = self._file.text()
        if self.is_up:
            self.world.watcher.tick()
            self.go(self.true + QUIET)
            self.world.watcher.tick()
            self.model.apply(self._file, self.now)
            self._step()

    def _do_kill(self, event: Event) -> None:
        self._go_down(event)

    def _do_reboot(self, event: Event) -> None:
        """The host restarts: no process survives."""
        self._go_down(event)
        for attempt in self.world.launcher.running():
            self.world.launcher.lose(attempt)
        self.model.lose_attempts(self.now)
        self._live.clear()
        self.world.boot_id += "'"
        self.world.clock.boot_seconds = 0.0

    def _do_half(self, event: Event) -> None:
        """A kill between the record of a run and its start."""
        self.go(self.model.next_wall(self.now) - self._offset - timedelta(microseconds=1))
        self._pass(self.true + timedelta(microseconds=1))
        self._end_attempts()
        self.world.scheduler.tick()
        self.model.is_dying = True
        self.model.account(self.now)
        self._go_down(event)

    def _go_down(self, event: Event) -> None:
        self.world.crash()
        self.is_up = False
        heapq.heappush(self._events, Event(self.true + event.length, "boot"))

    def _do_boot(self, _: Event) -> None:
        self.is_up = True
        self.world.boot()
        self.model.is_dying = False
        self.model.send_stops()
        self._hurry()
        self._late_at = self._beat_at = BEGIN
        self.model.apply(self._file, self.now)
        self.model.account(self.now)
        self.model.settle(self.now)
        self.model.start(self.now)
        self._launch()
        self._beat()

    def _do_manual(self, event: Event) -> None:
        name = event.name
        if name in self.model.jobs and not self.model.jobs[name].after:
            self.world.run_by_hand(name)
            self.model.request(name, self.now)
            self.model.start(self.now)
            self._launch()

    def _do_retry(self, event: Event) -> None:
        """Retry the newest run that failed, of a job that no other follows."""
        name = event.name
        followed = {one for job in self.model.jobs.values() for one in job.after}
        if name not in self.model.jobs or name in followed or self.model.jobs[name].after:
            return
        found = [
            one
            for one in self.model.of_job.get(name, ())
            if one.runs
            and len(one.runs) == 1
            and one.verdict in ("failed", "missed", "timed_out")
            and not one.retried
        ]
        newest = max(found, key=lambda one: one.at, default=None)
        if newest is None or self.now - newest.at > timedelta(days=20):
            return
        old = next(
            run
            for run in self.world.view.runs_between(
                name, since=newest.at, until=newest.at + timedelta(seconds=1), limit=99
            )
            if not self.world.view.retries_of(run.id)
            and (run.retry_of is not None) == (newest.retry_of is not None)
            and (run.schedule_key is not None) == newest.is_scheduled
        )
        self.world.retry(old)
        self.model.retry(newest, self.now)
        self.model.start(self.now)
        self._launch()

    def _do_pause(self, event: Event) -> None:
        job = self.model.jobs.get(event.name)
        if job is None or job.done_by:
            return
        if self.model._paused(event.name, self.now):
            with self.world.store.transaction():
                self.world.store.pauses.end(event.name, by="anna", now=self.now)
            self.model.resume(event.name, self.now)
            return
        minutes = round(event.length / timedelta(minutes=1)) or None
        self.world.pause(event.name, minutes=minutes)
        until = None if minutes is None else self.now + timedelta(minutes=minutes)
        self.model.pause(event.name, self.now, until)

    def _do_clock(self, event: Event) -> None:
        """The clock is set; the engine looks at once."""
        self._offset += event.length
        self.world.clock.wall = self.now
        self._step("clock_jump" if event.length > timedelta(seconds=2) else "engine_down")

    def _do_prune(self, event: Event) -> None:
        self.collect()
        Chosen.ledgers.analyze(self.world.config.ledger)
        while self.world.housekeeper(keep_days=KEEP_DAYS).prune(counts=True):
            pass

    def _do_ask(self, event: Event) -> None:
        """Questions are asked by the caller."""

    def collect(self) -> None:
        """Read what was noted, before retention deletes it."""
        query = "select id, event, body from outbox where channel = 'ops'"
        for id, event, body in Chosen.ledgers.rows(self.world.config.ledger, query):
            facts = json.loads(body)
            about = facts.get("scheduled_for") or facts.get("first_at")
            if event == "late":
                about = f"{facts['kind']} {facts['since']}"
            self.outbox[id] = Told(event, facts["job"], about)
