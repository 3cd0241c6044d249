"""One deterministic life of an engine, minute by minute, which may be killed at any step.

The jobs are outside of it: what was launched, stopped, sent and reported is appended to a file that a crash
of the engine does not affect, and a table says when and how each job ends. So a life can be interrupted
anywhere, another engine can continue it, and both must reach the same end.

docs/operations.md lists the invariants I1 to I12.
"""

import json
import os
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import engine.loops.watcher
from engine.answers.why import why
from engine.channels.courier import Delivered
from engine.channels.pool import Report
from engine.config import EngineConfig
from engine.core.errors import StoreUnwritableError
from engine.core.events import Event, LoopFailed, RunSettled
from engine.core.lifecycle import (
    ACTIVE_STATES,
    Attempt,
    AttemptKey,
    Ended,
    Lost,
    Run,
    RunState,
    StartError,
)
from engine.core.occurrences import deciding, grouped
from engine.core.records import Parcel
from engine.core.step_states import OPEN_STEPS, StepState
from engine.core.vocabulary import combination_text, place_text
from engine.execution.launcher_client import ProcessLauncher
from engine.host.high_water_mark import find_rewind, note_high_water
from engine.host.keys import key_of
from engine.host.lock import make_private_file
from engine.journal.file import LogFile
from engine.journal.stream import EventStream
from engine.ledger.health import LedgerGuard
from engine.ledger.ports import View
from engine.ledger.sqlite.store import SqliteStore
from engine.ledger.sqlite.view import SqliteView
from engine.loops.loop import RETRY_SECONDS, Loop
from engine.loops.watcher import Watcher
from engine.ports import Alive, Evidence, LaunchOrder, NotStarted, Stop
from engine.service.duties import Parts, make_loops
from engine.supervisor.evidence import NAME, RESULT_AT, SIZE, beside, pack
from engine.testing import FakeClock, GivenTree, start_session
from jobfile.schedule.occurrences import load_zone
from tests.builders import DAY, NOON
from tests.engine.real import KEY
from tests.engine.world import World

# Cached, because thousands of lives compile the same few texts, with the same results.
engine.loops.watcher.compile_files = cache(engine.loops.watcher.compile_files)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Fate:
    """How an attempt ends by itself, and after how many seconds, unless it is stopped earlier."""

    seconds: float | None = 5.0
    code: int | None = 0
    kind: str = "exit"


@dataclass(frozen=True)
class Act:
    """An event in a life, at a time in seconds after its beginning."""

    at: float
    do: str = ""
    text: str = ""


@dataclass(frozen=True)
class Plot:
    """The events of a life, and the fates of its attempts."""

    name: str
    text: str
    fates: Mapping[tuple[object, ...], Fate]
    acts: tuple[Act, ...]


class Outside:
    """The effects of an engine on the world. Nothing of this is lost when the engine crashes.

    Each line contains the number of steps that the engine had taken.
    """

    def __init__(self, path: Path, count: Callable[[], int]) -> None:
        self._count = count
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self.lines: list[dict[str, object]] = [json.loads(line) for line in path.read_text().splitlines()]

    def add(self, what: str, **about: object) -> None:
        line = {"what": what, "steps": self._count(), **about}
        os.write(self._handle, json.dumps(line).encode() + b"\n")
        self.lines.append(line)

    def close(self) -> None:
        os.close(self._handle)

    def all(self, what: str) -> list[dict[str, object]]:
        return [line for line in self.lines if line["what"] == what]


class Receiver:
    """Receives notifications immediately. What it has received is not lost when the engine crashes."""

    def __init__(self, life: "Life") -> None:
        self._life = life
        self._reports: list[Report] = []

    def hand_over(self, channel: str, parcel: Parcel) -> bool:
        life = self._life
        life._step(f"send {parcel.id}")
        for owed in life.store.outbox.of_message(parcel.id, limit=99):
            life.outside.add("sent", id=owed.id, event=owed.event, channel=owed.channel, job=owed.job)
        self._reports.append(Report(channel, parcel, Delivered()))
        return True

    def take(self) -> list[Report]:
        reports, self._reports = self._reports, []
        return reports


class TimedLauncher:
    """Executes nothing: the end of an attempt follows from its time of launch and from the table."""

    def __init__(
        self,
        clock: FakeClock,
        outside: Outside,
        fates: Mapping[tuple[object, ...], Fate],
        step: Callable[[str], None],
    ) -> None:
        self._clock, self._outside, self._fates, self._step = clock, outside, fates, step
        self._flights = {str(line["folder"]): line for line in outside.all("launch")}
        self._stops = {str(line["folder"]): line for line in reversed(outside.all("stop"))}

    def launch(self, *orders: LaunchOrder) -> None:
        for order in orders:
            self._launch(order)

    def _launch(self, order: LaunchOrder) -> None:
        folder = str(order.run_dir)
        if folder in self._flights:
            return
        self._step(f"launch {order.attempt_id}")
        self._start(order)
        job, at = order.env["JOBFILE_JOB"], order.env["JOBFILE_SCHEDULED_AT"]
        number, now = int(order.env["JOBFILE_ATTEMPT"]), self._clock.now().isoformat()
        place = place_text(order.attempt.step, order.attempt.item) or order.env.get(
            "JOBFILE_MATRIX_REGION", ""
        )
        about = {"attempt": order.attempt_id, "job": job, "place": place, "scheduled": at, "number": number}
        about |= {"key": tuple(order.attempt)}
        self._outside.add("launch", folder=folder, at=now, **about)
        self._flights[folder] = self._outside.lines[-1]

    def _start(self, order: LaunchOrder) -> None:
        """Nothing to do without a supervisor."""

    def extend(self, run_dir: Path, until: float) -> bool:
        """No attempt has a lease."""
        return False

    def keep_going(self, run_dir: Path) -> bool:
        """There is no process to continue."""
        return False

    def end_leftovers(self, attempt: AttemptKey, *, removal: object = None) -> int:
        """Nothing was executed, so nothing is left."""
        return 0

    def evidence(self, run_dir: Path, *, boot_id: str) -> Evidence:
        flight = self._flights.get(str(run_dir))
        if flight is None:
            return NotStarted()
        started = datetime.fromisoformat(str(flight["at"]))
        job, place, number = str(flight["job"]), str(flight["place"]), int(str(flight["number"]))
        fate = self._fates.get((job, place, number) if place else (job, number), Fate())
        stop = self._stops.get(str(run_dir))
        if stop is not None:
            fate = Fate(1.0, None, "stop")
            started_at, started = started, datetime.fromisoformat(str(stop["at"]))
        else:
            started_at = started
        end = None if fate.seconds is None else started + timedelta(seconds=fate.seconds)
        if end is None or self._clock.now() < end:
            return Alive(started_at=started_at)
        match fate.kind:
            case "lost":
                return Lost(at=end, reason="supervisor_killed")
            case "start_error":
                return StartError(at=end, reason="start_error", detail="program `nothing` not found")
            case "timeout":
                return Ended(started_at=started_at, ended_at=end, signal=15, timed_out=True)
            case "stop":
                return Ended(started_at=started_at, ended_at=end, signal=15, stopped=True)
        return Ended(started_at=started_at, ended_at=end, exit_code=fate.code)

    def stop(self, run_dir: Path, how: Stop) -> bool:
        if str(run_dir) not in self._stops:
            self._step(f"stop {run_dir.parent.name}")
            self._outside.add("stop", folder=str(run_dir), at=self._clock.now().isoformat())
            self._stops[str(run_dir)] = self._outside.lines[-1]
        return True

    def close(self) -> None:
        """Nothing is held open."""

    def has_executed_none_twice(self) -> bool:
        names = [line["attempt"] for line in self._outside.all("launch")]
        return len(names) == len(set(names))


class FolderLauncher(TimedLauncher):
    """Writes into an attempt's folder what a supervisor writes, at the same times, and relies only on that.

    Like the real launcher, it reads the evidence of attempts that another launcher started.
    """

    def __init__(self, *about: Any) -> None:
        super().__init__(*about)
        self._flights = {}
        self._real = ProcessLauncher(None, key=KEY)
        self._ended: set[str] = set()

    def _start(self, order: LaunchOrder) -> None:
        order.run_dir.parent.mkdir(parents=True, exist_ok=True)
        evidence = os.open(beside(str(order.run_dir), NAME), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        about = {"at": self._us(self._clock.now()), "pid": 0, "began": "", "boot_id": "boot-0"}
        os.pwrite(evidence, pack(about, key_of(str(order.run_dir), KEY)).ljust(SIZE, b"\0"), 0)
        os.fsync(evidence)
        os.close(evidence)
        folder = os.open(order.run_dir.parent, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(folder)
        os.close(folder)

    def evidence(self, run_dir: Path, *, boot_id: str) -> Evidence:
        if str(run_dir) in self._flights:
            end = super().evidence(run_dir, boot_id=boot_id)
            if isinstance(end, Alive):
                return end
            if isinstance(end, (Ended, StartError)) and str(run_dir) not in self._ended:
                self._conclude(run_dir, end)
            self._ended.add(str(run_dir))
        return self._real.evidence(run_dir, boot_id=boot_id)

    def _conclude(self, run_dir: Path, end: Ended | StartError) -> None:
        if isinstance(end, StartError):
            about: dict[str, object] = {"start_error": end.detail, "ended_at": self._us(end.at)}
        else:
            about = {
                "started_at": self._us(end.started_at),
                "ended_at": self._us(end.ended_at),
                **{key: getattr(end, key) for key in ("exit_code", "signal", "timed_out", "stopped")},
                **dict.fromkeys(("output_bytes", "output_dropped", "leftover_processes"), 0),
            }
        evidence = os.open(beside(str(run_dir), NAME), os.O_RDWR)
        os.pwrite(evidence, pack(about, key_of(str(run_dir), KEY), RESULT_AT), RESULT_AT)
        os.fdatasync(evidence)
        os.close(evidence)

    def _us(self, at: datetime) -> int:
        return int(at.timestamp() * 1_000_000)


class ToldJournal:
    """Records reported ends outside of the engine: each report is a promise that must stay true."""

    def __init__(self, outside: Outside, log: EventStream | None) -> None:
        self._outside = outside
        self._log = log
        self.view: View | None = None
        self.troubles: list[str] = []

    def report(self, *events: Event) -> None:
        if self._log is not None:
            self._log.report(*events)
        for event in events:
            self._promise(event)

    def _promise(self, event: Event) -> None:
        if isinstance(event, LoopFailed):
            self.troubles.append(event.message)
        if isinstance(event, RunSettled) and event.run.state.is_final:
            run = event.run
            assert self.view is not None
            written = self.view.run(run.id)
            assert written is not None, "reported before it was recorded"
            assert written.state is run.state, "reported before it was recorded"
            about = {"state": run.state.value, "code": run.exit_code, "at": str(run.ended_at)}
            self._outside.add("told", run=run.id, **about)


class Life(World):
    """An engine that lives a plot."""

    pragma = ""
    """An extra pragma for SQLite, for tests that an unsafe ledger is detected."""

    def __init__(
        self,
        folder: Path,
        plot: Plot,
        *,
        act: int = 0,
        step: Callable[[str], None] = lambda _: None,
        on_act: Callable[[int], None] = lambda _: None,
        count: Callable[[], int] = lambda: 0,
        mend: Callable[[], None] | None = None,
        launcher: type[TimedLauncher] = TimedLauncher,
        boot_id: str = "boot-1",
    ) -> None:
        """Boot an engine on the existing folder, at the time of an act.

        With `mend`, disks may fail: loops and users retry, and after a few retries it is called to end the
        fault.
        """
        self.plot, self._step, self._on_act, self._mend = plot, step, on_act, mend
        self.outside = Outside(folder / "outside", count)
        self.clock = FakeClock(NOON + timedelta(seconds=plot.acts[act].at), 1000.0 + plot.acts[act].at)
        self.launcher = launcher(self.clock, self.outside, plot.fates, step)  # type: ignore[assignment]
        said = [one.text for one in plot.acts[: act + 1] if one.do == "edit"]
        self.tree = GivenTree([plot.text, *said][-1])
        state = folder / "state"
        self.config = EngineConfig(
            main_file=folder / "jobs.yaml",
            state_dir=state,
            environ={"PATH": "/usr/bin:/bin"},
            min_free_bytes=1,
            keep_days=1,
        )
        self.alarms: list[str] = []
        log = EventStream(LogFile(state / "engine.log"), clock=self.clock)
        self.journal = ToldJournal(self.outside, log if mend else None)  # type: ignore[assignment]
        self.is_synchronized = None
        self.boot_id = boot_id
        self.coverage: dict[int, datetime] = {}
        self.ended: list[BaseException] = []
        self._insist(self.boot)

    def crash(self) -> None:
        for one in (self.view, self.store):
            if one is not None:
                one.close()

    def new_id(self) -> str:
        self._made += 1
        return f"{self._boots:08x}{self._made:024x}"

    def boot(self) -> None:
        """Start the parts of an engine like `engine/service/`, in the same order."""
        self.outside.add("boot")
        self._boots, self._made = len(self.outside.all("boot")), 0
        self.config.state_dir.mkdir(exist_ok=True)
        make_private_file(self.config.ledger)
        self.store = self.view = None  # type: ignore[assignment]  # a boot that fails has none
        self.store = SqliteStore.open(self.config.ledger)
        self.store.verify()
        if self.pragma:
            self._ask(f"pragma {self.pragma}")
        covered = self.store.max_covered_until()
        rewind = find_rewind(self.config.state_dir, epoch=self.store.newest_epoch(), covered_until=covered)
        assert rewind is None, rewind
        before = self.store.newest_epoch()
        self.view = SqliteView.open(self.config.ledger)
        self.journal.view = self.view  # type: ignore[attr-defined]  # of this module
        self.epoch, session_before = start_session(self.store, self.clock, boot_id=self.boot_id)
        self.loops = make_loops(
            Parts(
                store=self.store,
                clock=self.clock,
                launcher=self.launcher,
                config=self.config,
                new_id=self.new_id,
                journal=self.journal,
                boot_id=self.boot_id,
                epoch=self.epoch,
                before=session_before,
                built_at=NOON - 60 * DAY,
                on_beat=self._note_high_water,
                pool=Receiver(self),
            )
        )
        self.guard, self.scheduler = self.loops.guard, self.loops.scheduler
        self.worker, self.rescuer = self.loops.worker, self.loops.rescuer
        self.heartbeat, self.housekeeper = self.loops.heartbeat, self.loops.housekeeper
        assert self.epoch > before, "I9: the engine's epoch only grows"
        self.watcher = Watcher(
            store=self.store,
            clock=self.clock,
            journal=self.journal,
            tree=self.tree,
            new_id=self.new_id,
            applies=True,
            allows_removals=True,
            on_applied=lambda: None,
            on_unreadable=lambda: None,
        )
        self.ledger = LedgerGuard(clock=self.clock, journal=self.journal, alarm=self.alarms.append)
        ticks = {
            "watcher": self.watcher.tick,
            "scheduler": self.scheduler.tick,
            "rescuer": self.rescuer.tick,
            "worker": self._work,
            "heartbeat": self.heartbeat.tick,
            "sender": self.loops.sender.tick,
        }
        self.duties = {name: self._loop(name, tick) for name, tick in ticks.items()}
        self._beat_at = 0.0
        for live in self.store.live_attempts():
            self.worker.adopt(live.attempt)
        self.guard.look()
        with suppress(StoreUnwritableError):
            self.loops.follower.tick()
        self.watcher.settle(self.tree.snapshot())
        self.turn()
        self._watch_coverage()

    def _loop(self, name: str, tick: Callable[[], float]) -> Loop:
        return Loop(name, tick, journal=self.journal, ledger=self.ledger, on_end=self.ended.append)

    def _work(self) -> float:
        """A turn of the worker, and of the follower when the worker has nothing more to do."""
        seconds = self.worker.tick()
        if seconds == 0:
            return 0
        self.loops.follower.tick()
        return 0 if self.loops.follower.had_work else seconds

    def _note_high_water(self) -> None:
        covered = self.store.max_covered_until()
        note_high_water(self.config.state_dir, epoch=self.epoch, covered_until=covered)

    def turn(self) -> None:
        """Let every loop do what is due now; the worker until it has nothing more to do.

        The heartbeat comes once a minute here, or most steps would be heartbeats.
        """
        for turn in range(9):
            if not self._turn_once():
                return
            assert self._mend is not None, f"a loop fails: {self.journal.troubles}, {self.alarms}"
            self._check_every_instant_has_one_record()
            if turn == 2:
                self._mend()
            self.clock.advance(seconds=RETRY_SECONDS)
        raise AssertionError("the loops still fail after the fault")

    def _turn_once(self) -> bool:
        """Let every loop run once; returns whether one failed."""
        has_failed = False
        for name, loop in self.duties.items():
            if name == "heartbeat" and self.clock.elapsed() < self._beat_at:
                continue
            while (wait := loop.turn()) == 0 and name == "worker":
                pass
            has_failed |= wait == RETRY_SECONDS
            if name == "heartbeat" and wait != RETRY_SECONDS:
                self._beat_at = self.clock.elapsed() + 60
        return has_failed

    # The plot

    def go_on(self, act: int = 0) -> None:
        """Live from an act on to the end."""
        for index, one in enumerate(self.plot.acts[act:], start=act):
            self._on_act(index)
            at = NOON + timedelta(seconds=one.at)
            if one.do == "boot":
                self.crash()
            self.clock.advance(seconds=max(0.0, (at - self.clock.now()).total_seconds()))
            self.perform(one)

    def perform(self, act: Act) -> None:
        match act.do:
            case "boot":
                self._insist(self.boot)
            case "edit":
                self.tree.text = act.text
                self.turn()
                self.clock.advance(seconds=0.5)
            case "cancel":
                self._insist(lambda: self._cancel(act.text))
            case "keep house":
                loop = self._loop("housekeeper", self.housekeeper.tick)
                while (wait := loop.turn()) < 5:
                    if wait == RETRY_SECONDS:
                        self.turn()
            case "stop":
                self._insist(self._close)
                self._note_high_water()
                return
        self.turn()

    def _insist(self, wish: Callable[[], None]) -> None:
        """Repeat a request that fails because of the disk, as users do."""
        for turn in range(9):
            try:
                return wish()
            except (StoreUnwritableError, OSError):
                if self._mend is None:
                    raise
                if wish == self.boot:
                    self.crash()
                if turn == 2:
                    self._mend()
        raise AssertionError("refused after the fault")

    def _cancel(self, job: str) -> None:
        with self.store.transaction():
            for run in self.store.open_runs():
                if run.job == job and run.state is not RunState.CANCELLING:
                    self.store.request_stop(
                        run.id, Stop.CANCEL, reason="by_hand", detail="anna", now=self.clock.now()
                    )

    def _close(self) -> None:
        self.heartbeat.end("stopped")

    # What must be true

    def end_state(self) -> dict[str, object]:
        """The final state of everything, without random names."""
        sent = {str(line["id"]): line for line in self.outside.all("sent")}
        return {
            "runs": sorted(
                (
                    *self._name(run),
                    run.state.value,
                    run.reason,
                    run.exit_code,
                    run.attempt,
                    run.trigger.value,
                    str(run.trigger_values.get("status", "")),
                    run.caused_by is not None,
                    run.retry_of is not None,
                    tuple(
                        (*one.key[1:], one.state.value, one.exit_code, one.signal, one.reason)
                        for one in self.view.attempts(run.id)
                    ),
                    tuple((*one.key, one.state.value, one.reason) for one in self.view.steps(run.id)),
                )
                for run in self._all_runs()
            ),
            "gaps": sorted(
                (gap.job, str(gap.first_at), str(gap.last_at), gap.count, gap.state.value, gap.reason)
                for gap in self.all_gaps()
            ),
            "sent": sorted((line["event"], line["channel"], line["job"]) for line in sent.values()),
            "verdicts": sorted(
                (*self._name(runs[0])[:2], deciding(runs).verdict.value, len(runs))
                for runs in grouped(self._all_runs())
            ),
            "executed": sorted(
                (str(line["job"]), str(line["place"]), str(line["scheduled"]), int(str(line["number"])))
                for line in self.outside.all("launch")
            ),
            "generation": self.store.current_generation().digest,  # type: ignore[union-attr]  # there is one
            "coverage": sorted(
                (one.job, f"{one.covered_until:%d %H:%M}") for one in self.store.schedules_in_force()
            ),
        }

    def _all_runs(self) -> tuple[Run, ...]:
        return self.view.recent_runs(job=None, state=None, limit=10**6)

    def _name(self, run: Run) -> tuple[str, ...]:
        return (run.job, str(run.scheduled_for), combination_text(run.matrix))

    def assert_sound(self) -> None:
        """Check I1 to I12, as far as they can be seen at one instant, and that every promise is kept."""
        self._check_every_instant_has_one_record()  # I1, I2, I3
        assert all(row.adds_up for row in self.report().rows)
        assert self.launcher.has_executed_none_twice(), "I6"  # type: ignore[attr-defined]  # of this module
        self._watch_coverage()  # I9
        live = {one.attempt.run_id for one in self.store.live_attempts()}
        runs = self._all_runs()
        for run in runs:
            self._check_numbers(run)
            for key in self._successes(run):
                end = self.launcher.evidence(self.config.attempt_dir(key), boot_id=self.boot_id)
                assert isinstance(end, Ended), "I7"
                assert end.exit_code == 0, "I7"
        for run in self.store.open_runs():
            named = run.state is RunState.QUEUED and (run.reason or run.not_before <= self.clock.now())
            waits = any(one.state in OPEN_STEPS for one in self.view.steps(run.id))
            is_ended = run.state is RunState.CANCELLING and run.begun_at is not None
            assert run.id in live or run.retry_at is not None or named or waits or is_ended, f"I8: {run}"
        for key in {run.concurrency_key for run in runs}:
            active = [run for run in runs if run.concurrency_key == key and run.state in ACTIVE_STATES]
            limits = [run.concurrency_limit for run in active]
            taken = {run.slot or run.id for run in active}
            assert None in limits or not limits or len(taken) <= max(filter(None, limits)), "I11"
        self._check_promises()
        assert self.store._db.pragma("quick_check(1)") == "ok"
        assert self._ask("pragma foreign_key_check") == []

    def _check_numbers(self, run: Run) -> None:
        """The attempts of a run, or of each of its steps and items, are numbered from 1 without a hole."""
        attempts: dict[tuple[str, int], list[Attempt]] = {}
        for one in self.view.attempts(run.id):
            attempts.setdefault((one.step, one.item), []).append(one)
        counts = {(one.step, one.item): one.attempt for one in self.view.steps(run.id) if one.attempt}
        if run.begun_at is None:
            counts = {("", 0): run.attempt} if run.attempt else {}
        assert {place: [one.number for one in found] for place, found in attempts.items()} == {
            place: list(range(1, count + 1)) for place, count in counts.items()
        }, "I5"
        assert all(one.ended_at is not None for found in attempts.values() for one in found[:-1]), "I5"

    def _successes(self, run: Run) -> list[AttemptKey]:
        """The attempts that are recorded as a success."""
        if run.begun_at is None:
            return [run.last_attempt] if run.state is RunState.SUCCEEDED else []
        steps = [one for one in self.view.steps(run.id) if one.state is StepState.SUCCEEDED]
        return [AttemptKey(run.id, one.attempt, *one.key) for one in steps if one.items is None]

    def _watch_coverage(self) -> None:
        for schedule in self.store.schedules_in_force():
            before = self.coverage.get(schedule.id)
            assert before is None or before <= schedule.covered_until, "I9"
            self.coverage[schedule.id] = schedule.covered_until

    def _check_stories(self) -> None:
        """I12: check the stories of now, and of the last instant that was accounted for."""
        zone, now = load_zone("UTC"), self.clock.now()
        assert zone is not None
        for schedule in self.store.schedules_in_force():
            for at in (now, min(now, schedule.covered_until)):
                story = why(self.view, schedule.job, at, zone=zone, now=now)
                assert story.headline, "I12"
                assert story.state is not None or story.reason, "I12"

    def _check_promises(self) -> None:
        """I4: a reported end never changes. And a notification's name follows from its run."""
        for line in self.outside.all("told"):
            run = self.store.run(str(line["run"]))
            if run is None:
                assert self.clock.now() - datetime.fromisoformat(str(line["at"])) >= DAY, "only retention"
                continue
            assert (run.state.value, run.exit_code) == (line["state"], line["code"]), "I4"
        for row in self._ask("select * from outbox where run_id <> ''"):
            name = sha256("\0".join((row["run_id"], row["event"], row["channel"])).encode()).hexdigest()[:32]
            assert row["id"] == name

    def assert_ended(self) -> None:
        """Check that no run is open, that all notifications were sent, and that
        every instant has its story.
        """
        self._check_stories()
        self._receive_the_rest()
        assert not self.store.open_runs()
        assert self._ask("select id from outbox where sent_at is null") == []
        assert self._ask("select seq from ended") == []
        assert self.journal.troubles == [], self.journal.troubles  # type: ignore[attr-defined]

    def _receive_the_rest(self) -> None:
        """Let time pass for the sender alone, until it has sent what it had gathered."""
        for _ in range(99):
            self.duties["sender"].turn()
            if not self.store.outbox.channels():
                return
            self.clock.advance(seconds=60)

    def _ask(self, statement: str) -> list[sqlite3.Row]:
        return self.store._db._db.execute(statement).fetchall()
