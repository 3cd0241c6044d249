"""A session with its loops in threads: shared by the engine and a command that runs jobs itself."""

import contextlib
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from engine.core.errors import JobfileError
from engine.core.events import AttemptAdopted, Event
from engine.core.lifecycle import Run
from engine.execution.attendance import abandoned, forget, is_abandoned
from engine.execution.launcher_client import ProcessLauncher
from engine.host.clock import is_synchronized
from engine.host.hardening import allow_many_files
from engine.host.orphans import reap_orphans
from engine.host.run_ids import new_run_id
from engine.host.wake import WakePipe
from engine.hosts.executor import Executor
from engine.journal.audit_tail import AuditTail
from engine.ledger.opening import open_view
from engine.ports import Clock, Journal
from engine.service.duties import Parts, make_loops
from engine.service.session import OpenSession
from engine.service.threads import Threads
from engine.sources.file_scan import find_gone
from engine.transactions.stop import is_withdrawn, withdraw

if TYPE_CHECKING:
    from engine.service.sending import EngineOutputs


class Running:
    """The worker, the rescuer and the heartbeat of a session; an engine adds loops of its own."""

    def __init__(
        self,
        session: OpenSession,
        *,
        clock: Clock,
        journal: Journal,
        threads: Threads,
        serves: Callable[[Run], bool] | None = None,
        executor: Executor | None = None,
    ) -> None:
        """Starts the launcher, and no loop yet.

        With `serves`, only the runs that it accepts start, as a command needs it. With `executor`, other
        hosts execute them, and there is no launcher here.
        """
        self.session: Final = session
        self.threads: Final = threads
        self._clock = clock
        self._journal = journal
        self._next_beat = 0.0
        self._is_command = serves is not None
        self.audit: Final = AuditTail(session.store, journal)
        self._wake_pipe = WakePipe(session.config.state_dir, self._take_hint)
        self._launcher = ProcessLauncher(self._wake_pipe.path, key=session.lock.key, umask=session.umask)
        if executor is None:
            # Before any thread: the launcher is started while this process is small and has one thread.
            self._launcher.start()
        allow_many_files()
        reap_orphans(is_own=self._launcher.is_launcher)
        self._outputs = self._send_outputs() if executor is None and session.config.store else None
        self.duties: Final = make_loops(
            Parts(
                store=session.store,
                clock=clock,
                launcher=self._launcher,
                executor=executor if self._outputs is None else self._outputs.executor,
                journal=journal,
                config=session.config,
                boot_id=session.boot_id,
                epoch=session.epoch,
                before=session.before,
                new_id=new_run_id,
                is_restored=session.is_restored,
                watches_disk=not self._is_command,
                is_synchronized=is_synchronized,
                serves=serves,
                is_abandoned=lambda run_id: is_abandoned(session.config.state_dir, run_id),
                is_file_gone=find_gone,
                on_recorded=lambda: threads.wake("worker"),
                on_beat=session.note_high_water,
                open_view=None if self._is_command else partial(open_view, session.config.ledger_url),
                on_delivered=lambda: threads.wake("sender"),
            )
        )
        threads.add("worker", self._work, bell=self._wake_pipe)
        threads.add("rescuer", self._look_for_ended)
        threads.add("heartbeat", self._beat)

    def take_over(self) -> None:
        """Take over what earlier sessions left, before any loop runs."""
        self.duties.quarantine.begin()
        self.threads.add_overseer()
        self._withdraw_abandoned()
        self._adopt()

    def stop(self, *, and_then: Callable[[], None] = lambda: None) -> tuple[str, ...]:
        """Stop cleanly; running attempts continue under their supervisors.

        Returns the names of loops that did not end. They may hold locks that a clean stop needs, so the
        process then just exits, which is as safe as a kill. `and_then` is called before the ledger is closed.
        """
        standing = self.threads.stop()
        if standing:
            return standing
        self._wake_pipe.close()
        with contextlib.suppress(JobfileError):
            self.duties.heartbeat.end("stopped")
        with contextlib.suppress(JobfileError):
            self.session.note_high_water()
        and_then()
        self._launcher.close()
        if self._outputs is not None:
            self._outputs.close()
        self.session.close()
        return ()

    def _send_outputs(self) -> "EngineOutputs":
        """Have what jobs write and keep here sent to the ledger, for all other machines."""
        from engine.service.sending import EngineOutputs  # noqa: PLC0415  start-up time: only for a ledger in a server

        return EngineOutputs(self.session, self._clock, self._launcher, self.threads)

    def _take_hint(self, line: str) -> None:
        self.threads.take_hint(line, self.duties.worker.notice)

    def _work(self) -> float:
        seconds = self.duties.worker.tick()
        if self.duties.worker.had_work:
            self._wake_pipe.was_right()
        if self.duties.follower.has_work:
            self.threads.wake("follower")
        return seconds

    def _look_for_ended(self) -> float:
        # First: it restores the state folder's lock well before missing evidence counts as lost.
        self.session.lock.look_after(self.session.config.state_dir)
        wait = self.duties.rescuer.tick()
        self.duties.quarantine.tick()
        if self.duties.worker.has_noticed:
            self.threads.wake("worker")
        return wait

    def _beat(self) -> float:
        self.audit.report_new()
        now = self._clock.elapsed()
        if now >= self._next_beat:  # a command wakes all loops: not each wake-up needs a commit
            self._next_beat = now + self.duties.heartbeat.tick()
        return self._next_beat - now

    def _withdraw_abandoned(self) -> None:
        """End runs that have not started, if the commands that requested them are gone."""
        store, state_dir = self.session.store, self.session.config.state_dir
        events: list[Event] = []
        for run_id in abandoned(state_dir):
            with store.transaction():
                run = store.run(run_id)
                if run is not None and is_withdrawn(run, by_command=self._is_command):
                    events += withdraw(store, run, now=self._clock.now())
            if run is None or run.state.is_final or run.attempt == 0:
                forget(state_dir, run_id)
        self._journal.report(*events)

    def _adopt(self) -> None:
        """Take over the attempts of an earlier engine: running, ended unnoticed, or never started."""
        live = self.session.store.live_attempts()
        if self._outputs is not None:
            self._outputs.executor.take_over(live)
        for one in live:
            self.duties.worker.adopt(one.attempt)
        for attempt, _ in self.duties.executor.check(live).alive:
            run = self.session.store.run(attempt.run_id)
            if run is not None:
                self._journal.report(AttemptAdopted(run=run))
