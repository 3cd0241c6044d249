"""An engine without threads and processes: real loops on a real ledger, with a clock that tests set."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from engine.answers.expected import INSTANT
from engine.answers.findings import Finding, Severity
from engine.answers.invariants.checking import check_invariants
from engine.answers.presence import RUNNING
from engine.answers.report import Report, make_report
from engine.channels.courier import Courier, Delivered
from engine.channels.kind import Failure
from engine.channels.ping import Ping
from engine.channels.pool import Report as Receipt
from engine.config import CATCHUP_STARTS, EngineConfig
from engine.core.lifecycle import OPEN_STATES, Run, RunState, TriggerEvent
from engine.core.occurrences import grouped
from engine.core.records import Gap, Parcel, Pause
from engine.host.lock import make_state_dir
from engine.hosts.executor import Executor
from engine.ledger.ports import View
from engine.loops.housekeeper import Housekeeper
from engine.loops.watcher import Watcher
from engine.notifications.message import Message
from engine.notifications.system_channels import KnownChannel
from engine.service.duties import Parts, make_loops
from engine.testing import FakeClock, GivenTree, KeptJournal, ScriptedLauncher, start_session
from engine.transactions.account import Moment, request_runs, requested_runs, retry_run
from engine.transactions.pause import BY_HAND
from engine.transactions.trigger_events import record_event
from jobfile.model.jobs import ChannelSpec
from jobfile.schedule.occurrences import fires
from tests.builders import DAY, NOON
from tests.ledgers import Chosen


class Receiver:
    """Receives notifications in place of the channels: at once, or with an error that the test sets."""

    def __init__(self) -> None:
        self.error = ""
        self.got: list[tuple[str, Message]] = []
        self.tries: list[tuple[str, Message]] = []
        self.channels: list[ChannelSpec] = []
        self._reports: list[Receipt] = []
        self.courier: Courier
        self.pinged: list[Ping] = []

    def send(
        self, message: Message, channel: KnownChannel, config: EngineConfig, *, done: tuple[str, ...] = ()
    ) -> Delivered:
        self.tries.append((channel.spec.name, message))
        self.channels.append(channel.spec)
        if not self.error:
            self.got.append((channel.spec.name, message))
        return Delivered(self.error, done)

    def ping(self, target: str, ping: Ping, config: EngineConfig) -> Failure | None:
        if not self.error:
            self.pinged.append(ping)
        return Failure(self.error) if self.error else None

    def hand_over(self, channel: str, parcel: Parcel) -> bool:
        self._reports.append(Receipt(channel, parcel, self.courier.deliver(channel, parcel)))
        return True

    def forget(self) -> None:
        """What a crashed engine had not recorded."""
        self._reports = []

    def take(self) -> list[Receipt]:
        reports, self._reports = self._reports, []
        return reports


class World:
    """One state folder; the engine on it can crash and boot again."""

    def __init__(
        self,
        folder: Path,
        text: str,
        *,
        max_running: int = 16,
        catchup_starts: int = CATCHUP_STARTS,
        at: datetime = NOON,
        clock: FakeClock | None = None,
        first_id: int = 1,
    ) -> None:
        self.clock = clock or FakeClock(at)
        self.launcher = ScriptedLauncher(self.clock)
        self.journal = KeptJournal()
        self.tree = GivenTree(text)
        self.config = EngineConfig(
            main_file=folder / "jobs.yaml",
            state_dir=folder / ".jobfile",
            environ={"PATH": "/usr/bin:/bin"},
            max_running=max_running,
            catchup_starts=catchup_starts,
        )
        make_state_dir(self.config.state_dir)
        self._ids = count(first_id)
        self.boot_id = "boot-1"
        self.is_synchronized: bool | None = None
        self.receiver = Receiver()
        self.view: View
        self.boot()

    def is_file_gone(self, path: str) -> bool:
        """Whether the file that started a run is gone: here, no run is started by a real file."""
        return False

    def executor(self) -> Executor | None:
        """What executes attempts; None for this host."""
        return None

    def new_id(self) -> str:
        return f"{next(self._ids):032x}"

    def boot(self) -> None:
        """Start an engine on the existing state folder."""
        self.store: Any = Chosen.ledgers.store(self.config.ledger)
        self.view = Chosen.ledgers.view(self.config.ledger)
        self.epoch, before = start_session(self.store, self.clock, boot_id=self.boot_id)
        self.receiver.forget()
        self.receiver.courier = Courier(
            self.store, self.config, send=self.receiver.send, ping=self.receiver.ping
        )
        self.loops = make_loops(
            Parts(
                store=self.store,
                clock=self.clock,
                launcher=self.launcher,
                executor=self.executor(),
                config=self.config,
                new_id=self.new_id,
                journal=self.journal,
                boot_id=self.boot_id,
                epoch=self.epoch,
                before=before,
                built_at=NOON - 60 * DAY,
                is_synchronized=lambda: self.is_synchronized,
                open_view=lambda: Chosen.ledgers.view(self.config.ledger),
                pool=self.receiver,
                is_file_gone=self.is_file_gone,
            )
        )
        self.guard, self.scheduler = self.loops.guard, self.loops.scheduler
        self.worker, self.rescuer = self.loops.worker, self.loops.rescuer
        self.heartbeat, self.quarantine = self.loops.heartbeat, self.loops.quarantine
        self.watcher = Watcher(
            store=self.store,
            clock=self.clock,
            journal=self.journal,
            tree=self.tree,
            new_id=self.new_id,
            applies=True,
            is_held=lambda: self.guard.is_held,
            on_applied=lambda: None,
            on_unreadable=lambda: None,
        )
        self.quarantine.begin()
        self.guard.look()
        for live in self.store.live_attempts():
            self.worker.adopt(live.attempt)
        if not self.guard.is_held:
            self.loops.follower.tick()
        self.watcher.settle(self.tree.snapshot())
        self.step()

    def crash(self) -> None:
        """End the engine without notice; running attempts continue."""
        self.view.close()
        self.store.close()

    def step(self) -> None:
        """Let every loop do what is due now."""
        self.scheduler.tick()
        self.loops.settle_and_start()
        self.quarantine.tick()
        self.heartbeat.tick()

    def send(self, *, seconds: float = 600) -> None:
        """Let time pass for the sender alone, in small steps."""
        self.loops.sender.tick()
        for _ in range(round(seconds / 10)):
            self.clock.advance(seconds=10)
            self.loops.sender.tick()

    def catch_up(self, *, seconds: int = 60) -> None:
        """Let time pass, second by second, because catch-up runs start at a limited rate."""
        for _ in range(seconds):
            self.pass_time(seconds=1)

    def pass_time(self, *, seconds: float) -> None:
        """Let time pass in one step, then let every loop run."""
        self.clock.advance(seconds=seconds)
        self.step()

    def edit(self, text: str) -> None:
        """Save the job file, and let the engine apply it."""
        self.tree.text = text
        self.watcher.tick()
        self.clock.advance(seconds=0.5)
        self.watcher.tick()
        self.step()

    def finish(self, *, exit_code: int | None = 0, signal: int | None = None) -> None:
        """End all running attempts."""
        for attempt_id in self.launcher.running():
            self.launcher.finish(attempt_id, exit_code=exit_code, signal=signal)
        self.step()

    def run_by_hand(self, job: str, **params: str) -> Run:
        """Request a run, or one of each combination, then let every loop run; returns the first."""
        version = next(one for one in self.store.jobs_in_force() if one.job == job)
        spec = self.store.definition(version.digest)
        now = self.clock.now()
        runs = requested_runs(
            spec,
            new_id=self.new_id,
            digest=version.digest,
            generation=version.from_generation,
            params=params,
            at=now,
            now=now,
        )
        moment = Moment(now=self.clock.now(), generation=version.from_generation, new_id=self.new_id)
        with self.store.transaction():
            recorded, _ = request_runs(self.store, runs, spec, moment)
        self.step()
        return recorded[0]

    def tell(self, *events: TriggerEvent) -> None:
        """Record trigger events, each in its transaction, then let every loop run."""
        for event in events:
            moment = Moment(now=self.clock.now(), generation=1, new_id=self.new_id)
            with self.store.transaction():
                self.journal.report(*record_event(self.store, event, moment))
        self.step()

    def retry(self, old: Run) -> Run:
        """Retry a run by hand, then let every loop run."""
        version = next(one for one in self.store.jobs_in_force() if one.job == old.job)
        spec = self.store.definition(version.digest)
        now, generation = self.clock.now(), version.from_generation
        run = retry_run(spec, old, id=self.new_id(), digest=version.digest, generation=generation, now=now)
        with self.store.transaction():
            moment = Moment(now=now, generation=generation, new_id=self.new_id)
            (recorded,), _ = request_runs(self.store, [run], spec, moment)
        self.step()
        return recorded

    def pause(self, job: str, *, minutes: int | None = None, reason: str = "vendor outage") -> None:
        """Pause a job, as the user anna."""
        now = self.clock.now()
        until = None if minutes is None else now + timedelta(minutes=minutes)
        pause = Pause(job, BY_HAND, "anna", reason, now, until, None, "")
        with self.store.transaction():
            self.store.pauses.add(pause)

    def all_gaps(self) -> list[Gap]:
        """Every gap record."""
        return list(self.view.gaps_between(None, since=NOON - 999 * DAY, until=NOON + 9999 * DAY))

    def runs_of_epoch(self, epoch: int, job: str = "hello") -> list[Run]:
        """The runs of a job in one clock epoch."""
        return [run for run in self.runs(job) if run.clock_epoch == epoch]

    def instants(self, gap: Gap) -> list[datetime]:
        """The occurrences that a gap record stands for."""
        return [fire.at for fire in fires(gap.entries, after=gap.first_at - INSTANT, until=gap.last_at)]

    def runs(self, job: str = "hello") -> list[Run]:
        """All runs of a job, in the order of their scheduled times."""
        return list(
            reversed(self.view.runs_between(job, since=NOON - DAY, until=NOON + 999 * DAY, limit=10**6))
        )

    def states(self, job: str = "hello") -> list[tuple[str, str, str]]:
        """The scheduled time, state and reason of each run."""
        return [(f"{run.scheduled_for:%d %H:%M}", run.state.value, run.reason) for run in self.runs(job)]

    def report(self) -> Report:
        """The report since the beginning."""
        now = self.clock.now()
        return make_report(self.view, since=NOON - DAY, until=now + INSTANT, now=now, presence=RUNNING)

    def check(self) -> None:
        """The invariants that hold after every step."""
        self._check_every_instant_has_one_record()
        assert all(row.adds_up for row in self.report().rows)
        assert len(self.launcher.executed) == len(set(self.launcher.executed))
        for live in self.store.live_attempts():
            assert live.run_state in (RunState.RUNNING, RunState.CANCELLING)
        assert self.unsound() == []

    def unsound(self) -> list[Finding]:
        """The findings of `jobfile doctor` about the ledger."""
        now, most = self.clock.now(), self.config.max_running
        found = check_invariants(self.view, now=now, is_running=True, max_running=most)
        return [one for one in found if one.severity is Severity.ERROR]

    def housekeeper(self, **settings: int) -> Housekeeper:
        """The loop that deletes old runs."""
        return Housekeeper(
            store=self.store,
            clock=self.clock,
            executor=self.loops.executor,
            journal=self.journal,
            config=replace(self.config, **settings),
            is_held=lambda: self.guard.is_held,
        )

    def _check_every_instant_has_one_record(self) -> None:
        """Check that the records are exactly the occurrences: none is missing, none is too many."""
        until = NOON + 999 * DAY
        for job in {version.job for version in self.view.schedules_between(None, since=NOON, until=until)}:
            expected: set[tuple[int, datetime]] = set()
            for schedule in self.view.schedules_between(job, since=NOON - DAY, until=until):
                found = fires(schedule.entries, after=schedule.active_from, until=schedule.covered_until)
                expected |= {(schedule.clock_epoch, fire.at) for fire in found}
            accounted = [
                (runs[0].clock_epoch, runs[0].scheduled_for)
                for runs in grouped(self.runs(job))
                if runs[0].schedule_key is not None
            ]
            epochs = {
                one.id: one.clock_epoch
                for one in self.view.schedules_between(job, since=NOON - DAY, until=until)
            }
            for gap in self.view.gaps_between(job, since=NOON - DAY, until=until):
                told = self.instants(gap)
                assert len(told) == gap.count
                accounted += [(epochs[gap.schedule_id], at) for at in told]
            assert len(accounted) == len(set(accounted))
            assert set(accounted) == expected

    def has_open_runs(self) -> bool:
        """Whether any run is open."""
        return any(
            run.state in OPEN_STATES for run in self.view.recent_runs(job=None, state=None, limit=10**6)
        )
