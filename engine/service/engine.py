"""The engine: every loop of a session, and the watcher of the job files."""

import contextlib
import os
import threading
from collections.abc import Callable
from typing import Final

from engine.answers.lateness import SETTLING
from engine.core.errors import JobfileError, PartialTurnError, StoreUnwritableError
from engine.core.events import EngineStarted, EngineStopped
from engine.host.memory_release import give_back_code
from engine.host.run_ids import new_run_id
from engine.host.systemd import Manager
from engine.hosts.executor import Executor
from engine.journal.audit_tail import note_stop
from engine.loops.arrivals import Arrivals
from engine.loops.outside_watch import OutsideWatch
from engine.loops.scheduler import LONGEST_SLEEP_SECONDS
from engine.ports import Clock, Journal
from engine.service.outside_watch import Teller, heartbeat_target
from engine.service.running import Running
from engine.service.session import OpenSession
from engine.service.threads import Threads
from engine.service.watching import FILES, Watching
from engine.sources.watched_folders import WatchedFolders
from engine.transactions.stop import stop_running
from engine.triggers.file import folder_of
from jobfile.pipeline import Compiled


class EngineService:
    """One engine on one state folder."""

    def __init__(
        self,
        session: OpenSession,
        journal: Journal,
        clock: Clock,
        *,
        ended: threading.Event,
        manager: Manager | None = None,
        alarm: Callable[[str], None] = lambda _: None,
        executor: Executor | None = None,
    ) -> None:
        """`ended` is set to request the end; a loop may set it too. `executor` is for other hosts.

        `manager` gets a keep-alive with every finished planning cycle; `alarm` receives why the ledger
        cannot be written, and '' when it can again.
        """
        self.threads: Final = Threads(
            clock=clock, journal=journal, lock=session.lock, ended=ended, alarm=alarm
        )
        self._session = session
        self._journal = journal
        self._clock = clock
        self._ended = ended
        self._late_at = clock.elapsed() + SETTLING.total_seconds()
        self._manager = manager
        self._running: Final = Running(
            session, clock=clock, journal=journal, threads=self.threads, executor=executor
        )
        self._duties = self._running.duties
        self._watched = Watching(
            config=session.config,
            store=session.store,
            clock=clock,
            journal=journal,
            is_held=lambda: bool(self._duties.holds.on_starts),
            wake=self.threads.wake,
        ).make()

        self._folders = WatchedFolders(
            on_change=lambda: self.threads.wake(FILES), left_alone=os.path.realpath(session.config.state_dir)
        )
        self._arrivals = self._make_arrivals()
        self._outside_watch = self._make_outside_watch()

    def _make_arrivals(self) -> Arrivals:
        base = self._session.config.main_file.absolute().parent
        return Arrivals(
            store=self._session.store,
            clock=self._clock,
            journal=self._journal,
            folders=self._folders,
            folder_of=lambda trigger: folder_of(trigger, base),
            new_id=new_run_id,
            is_held=lambda: bool(self._duties.holds.on_retention) or self._duties.holds.is_ending,
            on_recorded=lambda: self.threads.wake("worker"),
        )

    def _make_outside_watch(self) -> OutsideWatch | None:
        config = self._session.config
        if not heartbeat_target(config):
            return None
        return OutsideWatch(
            clock=self._clock,
            journal=self._journal,
            tell=Teller(config, self._clock).tell,
            covered_until=lambda: self._duties.scheduler.covered_until,
            hold=self._hold_words,
            on_told=lambda: self.threads.wake("outside watch"),
        )

    def _hold_words(self) -> str:
        if self.threads.ledger.is_unwritable:
            return "the ledger cannot be written"
        return self._duties.holds.by_trouble

    @property
    def trouble(self) -> BaseException | None:
        """The error that ended a loop permanently."""
        return self.threads.trouble

    def start(self) -> Compiled | None:
        """Start every loop; return the result of compiling the files."""
        self._duties.housekeeper.watch_disk()  # before anything can start
        self.threads.add("housekeeper", self._duties.housekeeper.tick)
        self.threads.add("sender", self._duties.sender.tick)
        self._journal.report(
            EngineStarted(
                epoch=self._session.epoch,
                pid=os.getpid(),
                main_file=str(self._session.config.main_file),
                state_dir=str(self._session.config.state_dir),
                audit_record=self._running.audit.record,
                audit_hash=self._running.audit.head,
            )
        )
        self._running.take_over()
        self._duties.guard.look()
        self.threads.add("scheduler", self.plan)
        self.threads.add("follower", self._duties.follower.tick)
        with contextlib.suppress(JobfileError, PartialTurnError):  # its loop repeats and reports it
            # Before the files: what ended so far is for the jobs that were in force at that time.
            self._duties.follower.tick()
        self.threads.add("watcher", self._watched.look)
        assert self._duties.late_watch is not None
        self.threads.add("late watch", self._watch_late)
        if self._outside_watch is not None:
            self.threads.add("outside watch", self._outside_watch.tick)
        assert self._duties.digester is not None
        self.threads.add("digester", self._duties.digester.tick)
        self.threads.add(FILES, self._arrivals.tick)
        compiled = self._watched.settle()
        self.threads.start()
        give_back_code()
        return compiled

    def plan(self) -> float:
        """Run one planning cycle. Only a finished one is a keep-alive for the service manager."""
        try:
            is_held = self._duties.holds.on_schedules
            wait = LONGEST_SLEEP_SECONDS if is_held else self._duties.scheduler.tick()
        except StoreUnwritableError:
            # A full disk does not call for a restart: this engine is not stuck, and
            # it watches over running jobs.
            if self._manager is not None:
                self._manager.alive()
            raise
        if self._manager is None or self._manager.alive_seconds is None:
            return wait
        if not self.threads.ledger.is_stuck:
            self._manager.alive()
        return min(wait, self._manager.alive_seconds)

    def _watch_late(self) -> float:
        """Look for late jobs, but not before the ends of earlier runs are recorded."""
        now = self._clock.elapsed()
        if now < self._late_at:
            return self._late_at - now
        assert self._duties.late_watch is not None
        self._late_at = now + self._duties.late_watch.tick()
        return self._late_at - now

    def wake(self) -> None:
        """Check the ledger and the files now."""
        self.threads.wake()

    def stop_jobs(self, *, why: str) -> bool:
        """Start nothing more and end running jobs; return whether all have ended."""
        self._duties.holds.is_ending = True
        self._ended.clear()
        return stop_running(
            self._session.store, self._clock, why=why, wake=self.wake, asked_again=self._ended
        )

    def stop(self) -> tuple[str, ...]:
        """Stop cleanly; running attempts continue. Return the names of loops that did not end."""
        return self._running.stop(and_then=self._say_goodbye)

    def _say_goodbye(self) -> None:
        self._watched.close()
        self._folders.close()
        running = self._duties.worker.running
        with contextlib.suppress(JobfileError):
            note_stop(self._session.store, running=running, now=self._clock.now())
        self._journal.report(EngineStopped(running=running))
