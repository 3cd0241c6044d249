"""A host that executes attempts: its lock, its launcher, its threads, and its carrier."""

import threading
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from engine.config import EngineConfig
from engine.core.errors import JobfileError, NothingRecordedError, PlaceMissingError, StoreRefusedError
from engine.core.events import HostCompared, HostStarted, HostStopped, LoopFailed
from engine.core.hosts import Host, member, other_carrier, queues_of
from engine.core.lifecycle import AttemptKey
from engine.execution.launcher_client import ProcessLauncher
from engine.execution.run_folders import make_runs_dir
from engine.host.hardening import allow_many_files, settle_in
from engine.host.holders import current_boot_id
from engine.host.host_id import host_id
from engine.host.lock import HOST, EngineLock, make_state_dir
from engine.host.orphans import reap_orphans
from engine.host.run_ids import new_run_id
from engine.host.wake import WakePipe
from engine.hosts.carrier import Bringer
from engine.hosts.hosting import Hosting
from engine.hosts.lead import RETRY_SECONDS as RENEWAL_RETRY
from engine.hosts.outputs import OutputSender
from engine.hosts.shared_clock import SharedClock
from engine.ledger.host_ports import EVERYONE, LEADER, SharedLedger
from engine.ledger.opening import open_current, open_shared, open_view
from engine.ports import Clock, Journal
from engine.service.sending import place_outputs
from engine.service.threads import Threads
from jobfile import __version__

RETRY_SECONDS: Final = 2.0
"""How long to wait before a failed carrier or listener is started again."""
Made = TypeVar("Made")


class HostService:
    """One host on one state folder. What it executes outlives it."""

    def __init__(
        self,
        config: EngineConfig,
        journal: Journal,
        clock: Clock,
        *,
        bring: Callable[[SharedLedger], Bringer],
        name: str,
        labels: Sequence[str],
        slots: int,
        outputs: str,
        ended: threading.Event,
        carrier: str = "",
        is_for_one: bool = False,
    ) -> None:
        """Take the state folder, and connect to the ledger. `ended` is set to request the end.

        `bring` makes this host's end of the carrier; `carrier` is its name, the same as the leader's.
        `outputs` is the URL of an object store for all hosts; empty to leave it as the ledger has it. With
        `is_for_one`, a cluster has started this host for one attempt.
        """
        umask = settle_in()
        make_state_dir(config.state_dir)
        self._lock = EngineLock.take(config.state_dir, HOST)
        make_runs_dir(config.runs_dir)
        self._config = config
        self._journal = journal
        self._ended = ended
        self.threads: Final = Threads(clock=clock, journal=journal, lock=self._lock, ended=ended)
        self._wake_pipe = WakePipe(config.state_dir, self._take_hint)
        # Before any thread: the launcher is started while this process is small and has one thread.
        self._launcher = ProcessLauncher(self._wake_pipe.path, key=self._lock.key, umask=umask)
        self._launcher.start()
        allow_many_files()
        reap_orphans(is_own=self._launcher.is_launcher)
        self._store = _when_made(lambda: open_current(config.ledger_url), ended)
        self._view = open_view(config.ledger_url)
        self._shared = open_shared(config.ledger_url)
        self._renewals = open_shared(config.ledger_url)
        self._sending = open_shared(config.ledger_url)
        if outputs:
            place_outputs(self._store, outputs)
        self._clock = SharedClock(clock, self._renewals.hosts.now)
        self._carrier = _when_made(lambda: bring(self._shared), ended)
        identity = host_id(config.state_dir)
        self.me: Final = _host(
            member(name, identity) if is_for_one else identity, name, labels, slots, carrier
        )
        self._sender = self._make_sender(clock)
        self._hosting = self._make_hosting(clock)

    def _make_hosting(self, clock: Clock) -> Hosting:
        return Hosting(
            me=self.me,
            shared=self._shared,
            renewals=self._renewals,
            store=self._store,
            launcher=self._launcher,
            clock=self._clock,
            host_clock=clock,
            config=self._config,
            sender=self._sender,
            journal=self._journal,
            on_taken=lambda: self.threads.wake("leases"),
            on_failover=self._report_failover,
            revision_of=self._revision_of,
        )

    @property
    def trouble(self) -> BaseException | None:
        """The error that ended a loop permanently."""
        return self.threads.trouble

    def stop_jobs(self) -> None:
        """Take nothing more, and end what runs here; `is_idle` says when that is done."""
        self._hosting.stop_jobs()
        self.threads.wake("host")

    @property
    def is_idle(self) -> bool:
        """Whether this host has nothing, and takes nothing at this moment."""
        return self._hosting.is_idle

    @property
    def hindrance(self) -> str:
        """Why this host takes nothing, or which files of a run it lacks; '' if it can execute every run."""
        return self._hosting.hindrance

    def start(self) -> None:
        """Appear as a host, and start every loop."""
        self._hosting.refusal = self._refusal()
        self._hosting.begin()
        self.threads.add("host", self._hosting.check, bell=self._wake_pipe)
        self.threads.add("outputs", self._sender.send)
        self.threads.add("leases", self._renew, retry=RENEWAL_RETRY)
        self.threads.add("folders", self._look_after)
        self._journal.report(
            HostStarted(
                host=self.me.name,
                slots=self.me.slots,
                labels=self.me.labels,
                found=self._hosting.running,
            )
        )
        self.threads.start()
        self._begin_beside("carrier", self._serve)
        self._begin_beside("hints", self._listen)

    def stop(self) -> None:
        """Take nothing more; what runs continues under its supervisors, until its leases end."""
        self._ended.set()
        running = self._hosting.running
        try:
            self._hosting.end()
        except JobfileError as error:
            self._journal.report(LoopFailed(loop="host", message=str(error)))
        self.threads.stop()
        self._carrier.close()
        self._launcher.close()
        self._journal.report(HostStopped(host=self.me.name, running=running))
        self._lock.release()

    def _revision_of(self, generation: int) -> str:
        found = self._view.generation(generation)
        return "" if found is None else found.revision

    def _make_sender(self, clock: Clock) -> OutputSender:
        return OutputSender(
            self._sending.outputs,
            config=self._config,
            clock=clock,
            host=self.me.id,
            wake=lambda: self.threads.wake("outputs"),
            on_sent=lambda: self.threads.wake("host"),
        )

    def _renew(self) -> float:
        wait = self._hosting.renew()
        self._clock.ask_again()
        self._hosting.refusal = self._refusal()
        return wait

    def _refusal(self) -> str:
        """Why this host must take nothing, whatever is offered; '' if it may."""
        try:
            self._renewals.refuse_other_version()
        except StoreRefusedError as error:  # a newer scheduler has changed the tables: finish what is here
            return str(error)
        return other_carrier(self.me.carrier, self._renewals.schedulers.leading_carrier())

    def _report_failover(self, kept: int, lost: int) -> None:
        self._journal.report(HostCompared(host=self.me.name, unknown=kept + lost, ended=lost))

    def _look_after(self) -> float:
        self._lock.look_after(self._config.state_dir)
        return self._hosting.sweep()

    def _take_hint(self, line: str) -> None:
        """Handle a line of the pipe: an attempt has ended, or a command here has changed the ledger."""
        if "-" not in line:
            self._shared.hints.ring(LEADER)

    def _serve(self) -> None:
        """Take offers while this host takes work."""
        if not self._hosting.takes_work:
            self._ended.wait(RETRY_SECONDS)
            return
        self._carrier.serve(
            queues_of(self.me.labels),
            slots=self.me.slots,
            execute=self._execute,
            is_over=lambda: self._ended.is_set() or not self._hosting.takes_work,
        )

    def _execute(self, attempt: AttemptKey) -> None:
        try:
            self._hosting.execute(attempt)
        except Exception as error:  # noqa: BLE001  one attempt must not stop the others; it is offered again
            self._journal.report(LoopFailed(loop="carrier", message=f"{type(error).__name__}: {error}"))

    def _listen(self) -> None:
        def heard(who: str) -> None:
            if who in (self.me.id, EVERYONE):
                self.threads.wake("host")

        self._shared.hints.listen(heard, is_over=self._ended.is_set)

    def _begin_beside(self, name: str, act: Callable[[], None]) -> None:
        begin_beside(name, act, journal=self._journal, ended=self._ended)


def begin_beside(name: str, act: Callable[[], None], *, journal: Journal, ended: threading.Event) -> None:
    """Repeat something in a thread of its own, which may block without end."""

    def repeat() -> None:
        told = ""
        while not ended.is_set():
            try:
                act()
                told = ""
            except Exception as error:  # noqa: BLE001  a failing library must not end the process
                is_ours = isinstance(error, JobfileError)
                trouble = str(error) if is_ours else f"{type(error).__name__}: {error} (a bug in jobfile)"
                if trouble != told:  # once, not at each repetition
                    journal.report(LoopFailed(loop=name, message=trouble))
                told = trouble
                ended.wait(RETRY_SECONDS)

    threading.Thread(target=repeat, name=name, daemon=True).start()


def _when_made(use: Callable[[], Made], ended: threading.Event) -> Made:
    """Connect to tables of a scheduler, as soon as it has made them."""
    while True:
        try:
            return use()
        except (NothingRecordedError, PlaceMissingError):
            if ended.wait(RETRY_SECONDS):
                raise


def _host(identity: str, name: str, labels: Sequence[str], slots: int, carrier: str) -> Host:
    return Host(
        id=identity,
        name=name,
        process=new_run_id(),
        boot_id=current_boot_id(),
        version=__version__,
        labels=tuple(sorted({*labels})),
        slots=slots,
        carrier=carrier,
    )
