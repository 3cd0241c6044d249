"""Which part meets which, and the order in which they start and stop."""

import contextlib
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from engine.config import EngineConfig
from engine.core.errors import JobfileError, StoreRefusedError, StoreUnwritableError
from engine.core.events import AttemptAdopted, EngineStarted, EngineStopped, Event, LedgerHeld, RefUnread
from engine.core.lifecycle import Run
from engine.core.records import RESTORED_HOLD, SOURCE, Source
from engine.execution.attendance import abandoned, forget, is_abandoned, is_attended
from engine.execution.launcher_client import ProcessLauncher
from engine.execution.run_folders import make_runs_dir
from engine.host.clock import is_synchronized
from engine.host.environment import user_name
from engine.host.hardening import allow_many_files, settle_in
from engine.host.high_water_mark import Rewind, find_rewind, note_high_water
from engine.host.holders import current_boot_id
from engine.host.lock import ENGINE, EngineLock, make_private_file, make_state_dir
from engine.host.memory_release import give_back_code
from engine.host.orphans import reap_orphans
from engine.host.systemd import Manager
from engine.host.wake import YIELD, WakePipe
from engine.journal.audit_tail import AuditTail, note_start, note_stop
from engine.ledger.health import LedgerGuard
from engine.ledger.ports import Store
from engine.ledger.rows import source_to_text
from engine.ledger.sqlite.store import SqliteStore
from engine.loops.clock_guard import ClockGuard
from engine.loops.heartbeat import Heartbeat
from engine.loops.housekeeper import Housekeeper
from engine.loops.loop import Bell, Loop
from engine.loops.overseer import Overseer
from engine.loops.quarantine import Quarantine
from engine.loops.rescuer import Rescuer
from engine.loops.scheduler import LONGEST_SLEEP_SECONDS, Scheduler
from engine.loops.watcher import Watcher
from engine.loops.worker import Worker
from engine.ports import Alive, Clock, Journal, SourceTree
from engine.sources.folder import FolderTree, FolderWatch
from engine.sources.git_tree import GitTree
from engine.sources.shell_syntax import SyntaxChecker
from engine.transactions.restore import accept_copy, told, would_run_again
from engine.transactions.stop import is_withdrawn, stop_running, withdraw
from jobfile import __version__
from jobfile.pipeline import Compiled
from jobfile.schedule.occurrences import TZDATA_VERSION

STOP_SECONDS = 20.0
"""How long the end of an engine waits for the turns that are going on; systemd gives it 30."""


def new_run_id() -> str:
    """128 random bits: nothing a user wrote is ever part of a path."""
    return os.urandom(16).hex()


class Service:
    """One engine on one state folder."""

    def __init__(
        self,
        config: EngineConfig,
        journal: Journal,
        clock: Clock,
        *,
        command: str = "",
        serves: Callable[[str], bool] = lambda _: True,
        manager: Manager | None = None,
        alarm: Callable[[str], None] = lambda _: None,
    ) -> None:
        """With `command`, this is a command that runs jobs itself for a while: nothing is watched or
        scheduled, and of the runs that people asked for those start whose id it `serves`.

        `manager` is told of every planning cycle that was finished; `alarm` why the ledger cannot be
        written, and an empty text when it can again.
        """
        self._manager = manager
        self._alarm = alarm
        self.config = config
        self.journal = journal
        self.ended = threading.Event()
        self.trouble: BaseException | None = None
        self._clock = clock
        self._command = command
        self._serves = serves
        self.is_wanted_elsewhere = threading.Event()
        """An engine wants the state folder: a command that runs jobs itself should give it up."""
        self._loops: dict[str, Loop] = {}
        self._ledger = LedgerGuard(
            clock=clock, journal=journal, alarm=self._raise_alarm, on_bug=self._note_bug
        )
        self._watch: FolderWatch | None = None
        self._is_ending = False
        self._next_beat = 0.0
        self._source: Source | None = None
        self._is_restored = False

    def open(self) -> Store:
        """Take the state folder for this engine alone, and open its ledger."""
        self._umask = settle_in()
        make_state_dir(self.config.state_dir)
        self._lock = EngineLock.take(self.config.state_dir, self._command or ENGINE)
        try:
            make_private_file(self.config.ledger)
            make_runs_dir(self.config.runs_dir)
            self._store = SqliteStore.open(self.config.ledger)
            self._store.verify()
            rewind = find_rewind(
                self.config.state_dir,
                epoch=self._store.newest_epoch(),
                covered_until=self._store.max_covered_until(),
            )
            self._refuse_rewind_alone(rewind)
            self._boot_id = current_boot_id()
            # Both look at the session before this one, so they are made before it is opened.
            self._guard = self._make_guard()
            self._scheduler = self._make_scheduler()
            self._epoch = self._store.open_session(
                kind="run" if self._command else "engine",
                boot_id=self._boot_id,
                pid=os.getpid(),
                version=__version__,
                now=self._clock.now(),
                boot_seconds=self._clock.elapsed(),
                at_least=rewind.epoch + 1 if rewind is not None and self.config.accepts_rewind else 0,
            )
            self._hold_or_accept(rewind)
            if not self._command:
                note_start(self._store, self.config.main_file, by=user_name(), now=self._clock.now())
        except BaseException:
            self._lock.release()
            raise
        return self._store

    def _refuse_rewind_alone(self, rewind: Rewind | None) -> None:
        """A single run without an engine has nobody to hold it until somebody accepts the copy."""
        if not self._command:
            return
        if rewind is not None:
            raise StoreRefusedError(rewind.message)
        if self._store.incidents.hold(RESTORED_HOLD) is not None:
            raise StoreRefusedError(
                f"the ledger in {self.config.state_dir} is an older copy that nobody has accepted: nothing "
                "starts from it. Put the newer ledger back, or go on:  jobfile up --accept-rewind"
            )

    def _hold_or_accept(self, rewind: Rewind | None) -> None:
        """An older copy of the ledger has forgotten runs: nothing starts from it before a person says so."""
        now = self._clock.now()
        hold = self._store.incidents.hold(RESTORED_HOLD)
        if rewind is None and hold is None:
            return
        if self.config.accepts_rewind:
            accept_copy(self._store, by=user_name(), marks_missed=self.config.marks_missed, now=now)
            return
        self._is_restored = True
        until = now if rewind is None or rewind.covered_until is None else rewind.covered_until
        again = told(would_run_again(self._store, until=until, now=now))
        if rewind is not None and hold is None:
            with self._store.transaction():
                self._store.incidents.begin_hold(RESTORED_HOLD, detail=again, now=now)
        message = "the ledger is an older copy" if rewind is None else rewind.message
        self.journal.tell(LedgerHeld(detail=f"{message}; {again}"))

    def start(self) -> Compiled | None:
        """Start every part; returns what became of the files that were found."""
        self._wake = WakePipe(self.config.state_dir, self._on_line)
        # Before any thread: the process that starts supervisors must be alone in its beginnings.
        self._launcher = ProcessLauncher(self._wake.path, key=self._lock.key, umask=self._umask)
        self._launcher.start()
        allow_many_files()
        reap_orphans(is_own=self._launcher.is_launcher)
        self._worker = self._make_worker()
        self._rescuer = Rescuer(
            store=self._store, launcher=self._launcher, config=self.config, notice=self._worker.notice
        )
        self._housekeeper = Housekeeper(
            store=self._store,
            clock=self._clock,
            launcher=self._launcher,
            journal=self.journal,
            config=self.config,
            is_held=lambda: self._guard.is_held or self._is_restored,
        )
        if not self._command:
            self._housekeeper.watch_disk()  # before anything can start
        self._heartbeat = Heartbeat(
            store=self._store,
            clock=self._clock,
            epoch=self._epoch,
            on_beat=self._note_high_water,
            is_held=lambda: self._guard.is_held,
        )
        self._quarantine = Quarantine(store=self._store, clock=self._clock, journal=self.journal)
        self._add_loop("worker", self._work, bell=self._wake)
        self._add_loop("rescuer", self._look_for_ended)
        self._audit = AuditTail(self._store, self.journal)
        self._add_loop("heartbeat", self._beat)
        if not self._command:
            self._add_loop("housekeeper", self._housekeeper.tick)
            self.journal.tell(
                EngineStarted(
                    epoch=self._epoch,
                    pid=os.getpid(),
                    main_file=str(self.config.main_file),
                    state_dir=str(self.config.state_dir),
                    audit_record=self._audit.record,
                    audit_hash=self._audit.head,
                )
            )
        self._quarantine.begin()
        self._add_loop("overseer", self._make_overseer().tick)
        self._withdraw_abandoned()
        self._adopt()
        compiled = None if self._command else self._start_watching()
        for loop in self._loops.values():
            loop.start()
        give_back_code()
        return compiled

    def stop(self) -> tuple[str, ...]:
        """End in order; running attempts go on under their supervisors.

        Returns the loops that did not end: they may hold what an orderly end needs, so there is none then,
        and the end of the process has to do. That is as safe as any end.
        """
        for loop in self._loops.values():
            loop.stop()
        until = self._clock.elapsed() + STOP_SECONDS
        standing = tuple(
            loop.name
            for loop in self._loops.values()
            if not loop.join(max(0.0, until - self._clock.elapsed()))
        )
        if standing:
            return standing
        if self._watch is not None:
            self._watch.stop()
        self._wake.close()
        with contextlib.suppress(JobfileError):
            self._heartbeat.end("stopped")
        with contextlib.suppress(JobfileError):
            self._note_high_water()
        if not self._command:
            with contextlib.suppress(JobfileError):
                note_stop(self._store, running=self._worker.running, now=self._clock.now())
            self.journal.tell(EngineStopped(running=self._worker.running))
        self._launcher.close()
        self._store.close()
        self._lock.release()
        return ()

    def stop_jobs(self, *, why: str) -> bool:
        """Start nothing more and end what runs; whether all of it has ended."""
        self._is_ending = True
        self.ended.clear()
        return stop_running(self._store, self._clock, why=why, wake=self.wake, asked_again=self.ended)

    def wake(self) -> None:
        """Somebody wrote to the ledger."""
        for loop in self._loops.values():
            loop.wake()

    def _make_worker(self) -> Worker:
        return Worker(
            store=self._store,
            clock=self._clock,
            launcher=self._launcher,
            journal=self.journal,
            config=self.config,
            boot_id=self._boot_id,
            serves=self._serves_run if self._command else None,
            is_abandoned=lambda run_id: is_abandoned(self.config.state_dir, run_id),
            is_held=self._is_held,
        )

    def _make_overseer(self) -> Overseer:
        return Overseer(
            loops=self._ledger,
            clock=self._clock,
            journal=self.journal,
            note=lambda stuck: self._lock.note(stuck=stuck),
        )

    def _make_guard(self) -> ClockGuard:
        return ClockGuard(
            store=self._store,
            clock=self._clock,
            journal=self.journal,
            boot_id=self._boot_id,
            built_at=datetime(int(TZDATA_VERSION[:4]), 1, 1, tzinfo=UTC),
            is_synchronized=is_synchronized,
        )

    def _is_held(self) -> bool:
        is_low = not self._command and self._housekeeper.is_disk_low
        return self._guard.is_held or self._is_ending or self._is_restored or is_low

    def _make_scheduler(self) -> Scheduler:
        return Scheduler(
            store=self._store,
            clock=self._clock,
            guard=self._guard,
            journal=self.journal,
            new_id=new_run_id,
            on_recorded=lambda: self._loops["worker"].wake(),
            settle_ended=self._settle_ended,
        )

    def _settle_ended(self) -> None:
        self._rescuer.tick()
        self._worker.tick()

    def _beat(self) -> float:
        self._audit.tell_new()
        now = self._clock.elapsed()
        if now >= self._next_beat:  # a command that wakes all loops is no reason for one more commit
            self._next_beat = now + self._heartbeat.tick()
        return self._next_beat - now

    def _look_for_ended(self) -> float:
        # First of all, and well before anything that is not found counts as lost.
        self._lock.look_after(self.config.state_dir)
        wait = self._rescuer.tick()
        self._quarantine.tick()
        if self._worker.has_noticed:
            self._loops["worker"].wake()
        return wait

    def _start_watching(self) -> Compiled | None:
        self._guard.look()
        self._add_loop("scheduler", self._plan)
        return self._start_following() if self.config.git_ref else self._start_folder()

    def _plan(self) -> float:
        """A planning cycle; when it is finished, and only then, it counts as a sign of life."""
        try:
            wait = LONGEST_SLEEP_SECONDS if self._is_restored else self._scheduler.tick()
        except StoreUnwritableError:
            # It does not stand still: to end it would end the only one who watches over what runs.
            if self._manager is not None:
                self._manager.alive()
            raise
        if self._manager is None or self._manager.alive_seconds is None:
            return wait
        if not self._ledger.is_stuck:
            self._manager.alive()
        return min(wait, self._manager.alive_seconds)

    def _make_watcher(self, tree: SourceTree, *, on_unreadable: Callable[[], None]) -> Watcher:
        return Watcher(
            store=self._store,
            clock=self._clock,
            journal=self.journal,
            tree=tree,
            new_id=new_run_id,
            applies=self.config.applies_by_itself,
            is_held=self._is_held,
            allows_removals=self.config.allows_removals,
            on_applied=self._on_applied,
            on_unreadable=on_unreadable,
            ask_shells=SyntaxChecker().check,
        )

    def _start_following(self) -> Compiled | None:
        """Take the commits of a ref, each as a set of files of its own."""
        tree = GitTree(
            self.config.main_file,
            self.config.git_ref,
            after=self._revision_in_force(),
            signers=self.config.git_signers,
            in_force=self._revision_in_force,
        )
        watcher = self._make_watcher(tree, on_unreadable=_nothing)

        def look() -> float:
            known = tree.trouble
            while tree.advance():
                watcher.settle(tree.snapshot())
            if tree.trouble and tree.trouble != known:
                self.journal.tell(RefUnread(ref=self.config.git_ref, detail=tree.trouble))
            self._note_source(tree.commit, tree.trouble)
            return min(watcher.tick(), tree.poll_seconds)

        self._add_loop("watcher", look)
        tree.advance()
        compiled = watcher.settle(tree.snapshot())
        self._note_source(tree.commit, tree.trouble)
        return compiled

    def _revision_in_force(self) -> str:
        current = self._store.current_generation()
        return "" if current is None else current.revision

    def _note_source(self, commit: str = "", trouble: str = "") -> None:
        """What `status` says of the files: an engine that follows commits never reads the work tree."""
        source = Source(self.config.git_ref, commit, not self.config.applies_by_itself, trouble)
        if source != self._source:
            with self._store.transaction():
                self._store.past.note(SOURCE, source_to_text(source))
            self._source = source

    def _start_folder(self) -> Compiled | None:
        tree = FolderTree(self.config.main_file, is_strict=self.config.is_strict)
        folder = self.config.main_file.absolute().parent
        self._watch = watch = FolderWatch(folder, on_change=lambda: self._loops["watcher"].wake())
        watcher = self._make_watcher(tree, on_unreadable=watch.restart)

        def look() -> float:
            wait = watcher.tick()
            watch.follow(tree.folders)
            return wait

        self._add_loop("watcher", look)
        self._note_source()
        snapshot = tree.snapshot()
        watch.follow(tree.folders)
        watch.start()
        return watcher.settle(snapshot)

    def _serves_run(self, run: Run) -> bool:
        """A command starts what it asked for itself, and what other commands beside it wait for."""
        return self._serves(run.id) or is_attended(self.config.state_dir, run.id)

    def _withdraw_abandoned(self) -> None:
        """End what commands that are gone have asked for, where it has not started."""
        events: list[Event] = []
        for run_id in abandoned(self.config.state_dir):
            with self._store.transaction():
                run = self._store.run(run_id)
                if run is not None and is_withdrawn(run, by_command=bool(self._command)):
                    events += withdraw(self._store, run, now=self._clock.now())
            if run is None or run.state.is_final or run.attempt == 0:
                forget(self.config.state_dir, run_id)
        self.journal.tell(*events)

    def _adopt(self) -> None:
        """Take over what an earlier engine left: running, ended unseen, or never started."""
        for live in self._store.live_attempts():
            self._worker.adopt(live.attempt)
            folder = self.config.attempt_dir(live.attempt.run_id, live.attempt.number)
            run = self._store.run(live.attempt.run_id)
            is_alive = isinstance(self._launcher.evidence(folder, boot_id=live.attempt.boot_id), Alive)
            if is_alive and run is not None:
                self.journal.tell(AttemptAdopted(run=run))

    def _note_high_water(self) -> None:
        if self._is_restored:
            return  # the note is what says that this ledger is not the newest
        covered_until = self._store.max_covered_until()
        note_high_water(self.config.state_dir, epoch=self._epoch, covered_until=covered_until)

    def _add_loop(self, name: str, tick: Callable[[], float], *, bell: Bell | None = None) -> None:
        self._loops[name] = Loop(
            name, tick, journal=self.journal, ledger=self._ledger, on_end=self._on_end, bell=bell
        )

    def _work(self) -> float:
        seconds = self._worker.tick()
        if self._worker.had_work:
            self._wake.was_right()
        return seconds

    def _note_bug(self, bugs: str) -> None:
        self._lock.note(bug=bugs)

    def _raise_alarm(self, trouble: str) -> None:
        """By ways that need no room on a disk; and all loops try at once whether it is theirs too."""
        self._lock.note(ledger=trouble)
        self._alarm(trouble)
        self.wake()

    def _on_applied(self) -> None:
        self._loops["scheduler"].wake()
        give_back_code()

    def _on_line(self, line: str) -> None:
        """A hint came to the worker, whose turn is next: an attempt's id, or that the ledger changed."""
        if "-" in line:
            self._worker.notice(line)
        elif line == YIELD:
            self.is_wanted_elsewhere.set()
        else:
            for name, loop in self._loops.items():
                if name != "worker":
                    loop.wake()

    def _on_end(self, error: BaseException) -> None:
        self.trouble = error
        self.ended.set()


def _nothing() -> None:
    """A ref has no folder to be watched anew."""
