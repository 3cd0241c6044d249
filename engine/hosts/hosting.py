"""A host: takes attempts that the leader offers, executes them, renews their leases, reports their ends."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from engine.config import EngineConfig
from engine.core.errors import SupersededError
from engine.core.hosts import TAKES_WITHIN, Delivery, Host, clock_trouble, kept_for
from engine.core.lifecycle import AttemptKey, Ended, Outcome, StartError
from engine.core.reasons import Reason
from engine.core.records import LiveAttempt
from engine.execution.run_folders import free_bytes
from engine.hosts.comparing import Comparison
from engine.hosts.executor import Flight
from engine.hosts.here import Here
from engine.hosts.outputs import LATELY, MOST_LATELY, OutputSender
from engine.hosts.sweeping import Upkeep
from engine.hosts.trees import Trees
from engine.ledger.host_ports import LEADER, SharedLedger
from engine.ledger.store_ports import Store
from engine.ports import Alive, Clock, Journal, Launcher, LaunchOrder, Lease, NotStarted, Stop
from engine.transactions.steps import Courses, still_to_start
from jobfile.model.namedtuple import NamedTuple

CHECK_SECONDS: Final = 1.0
"""Seconds between two checks of the attempts of this host; the end of one causes a check at once."""
RENEW_SECONDS: Final = 5.0
"""How often leases are renewed, at least."""
RENEWALS: Final = 6
"""Renewals of a lease within its length. A supervisor may send SIGTERM when half of the lease is over."""
START_SECONDS: Final = 10.0
"""A supervisor may begin an attempt only within this time after its order was sent."""
DOUBT_SECONDS: Final = 1.0
"""The ledger says that this host has an attempt, but this process does not know it: after this time without
evidence, the attempt is given back. If an earlier process may have sent its order, START_SECONDS are added.
"""
RETRY_SECONDS: Final = 0.5
"""How soon leases are renewed again when it is not known which server has answered."""


class _Held(NamedTuple):
    """An attempt that this host has."""

    delivery: Delivery
    until: float
    """Until when it may run without a renewal."""
    over: threading.Event
    starting: threading.Lock
    """Locked by the thread that starts it: no other thread may give it back meanwhile."""
    begun_at: datetime | None = None
    """When its command was started, if the ledger knows that."""
    is_lost: bool = False
    """Whether the leader has recorded it as lost: it is killed, and its end comes late."""

    @property
    def key(self) -> AttemptKey:
        return self.delivery.attempt


class Hosting:
    """Executes the attempts that it takes. Each method may be called by a thread of its own."""

    def __init__(
        self,
        *,
        me: Host,
        shared: SharedLedger,
        renewals: SharedLedger,
        store: Store,
        launcher: Launcher,
        clock: Clock,
        host_clock: Clock,
        config: EngineConfig,
        sender: OutputSender,
        journal: Journal,
        revision_of: Callable[[int], str] = lambda _: "",
        on_taken: Callable[[], None] = lambda: None,
        on_failover: Callable[[int, int], None] = lambda kept, lost: None,  # noqa: ARG005  a default
    ) -> None:
        """`clock` is the ledger's; with `host_clock`, that of this host, its supervisors stamp evidence.

        `renewals` has a connection of its own: nothing that is slow may delay them. `revision_of` returns
        the commit that a generation was applied from. `on_taken` is called when there is a lease to renew,
        `on_failover` as `Comparison` says.
        """
        self._me = me
        self._shared = shared
        self._renewals = renewals
        self._store = store
        self._sender = sender
        self._upkeep = Upkeep(store, config, clock, journal, is_deleted=self._is_known_deleted)
        self._launcher = launcher
        self._clock = clock
        self._host_clock = host_clock
        self._config = config
        self._on_taken = on_taken
        self._trees = Trees(config, host_clock, revision_of)
        self._here = self._make_here()
        self._compared = Comparison(
            me, renewals, clock, is_executed=self._is_executed, on_failover=on_failover
        )
        self._held: dict[str, _Held] = {}
        self._taking: set[str] = set()
        self._unanswered: set[str] = set()
        """Attempts that this process may have taken: the answer was lost."""
        self._doubts: dict[str, float] = {}
        self._ending: dict[str, Outcome] = {}
        """Ends that are reported when the output has been sent."""
        self._lock = threading.RLock()
        self._has_slot = threading.Condition(self._lock)
        self._is_draining = False
        self._is_stopping = False
        self.is_ending = False
        self.refusal = ""
        """Why this version of jobfile can no longer use the ledger; empty while it can."""

    def _make_here(self) -> Here:
        return Here(
            store=self._store,
            clock=self._clock,
            launcher=self._launcher,
            config=self._config,
            adorn=self._adorned,
            config_for=self._trees.config_for,
            ahead=self._ahead,
            fence_of=self._fence_of,
        )

    @property
    def running(self) -> int:
        """How many attempts this host has."""
        return len(self._held)

    @property
    def takes_work(self) -> bool:
        """Whether this host takes attempts now."""
        return not (self.is_ending or self._is_stopping or self._is_draining or self._trouble())

    @property
    def is_idle(self) -> bool:
        """Whether this host has nothing, and takes nothing at this moment."""
        with self._lock:
            return not self._held and not self._taking

    @property
    def hindrance(self) -> str:
        """Why this host takes nothing, or which files of a run it lacks; '' if it can execute every run."""
        return self._trouble() or self._trees.trouble or ("it is draining" if self._is_draining else "")

    def stop_jobs(self) -> None:
        """Take nothing more, and end what this host executes: each job gets SIGTERM, and its grace."""
        self._is_stopping = True

    def sweep(self) -> float:
        """Look after the folders of runs and of commits; the seconds until the next part."""
        with self._lock:
            held = {one.key.run_id for one in self._held.values()}
        runs = (self._store.run(run_id) for run_id in held)
        self._trees.sweep(run for run in runs if run is not None)
        return self._upkeep.tick(held)

    def _is_known_deleted(self, run_id: str) -> bool:
        """Whether the ledger had a run that it does not have any more: its attempts stay for a while."""
        return bool(self._shared.deliveries.of_runs([run_id]))

    def begin(self) -> None:
        """Appear as a host, and take over the attempts of its earlier processes."""
        self._is_draining = self._shared.hosts.appear(self._me)
        for found in self._shared.holding.of_other_boots(host=self._me.id, boot_id=self._me.boot_id):
            self._keep(found, 0.0, is_lost=True)  # nothing of it runs any more
        ended = self._shared.holding.ended_by(self._me.id, within=LATELY, limit=MOST_LATELY)
        self._sender.finish(ended)
        self.renew()
        self._shared.hints.ring(LEADER)  # what waits for a host may start

    def execute(self, attempt: AttemptKey) -> None:
        """Take an attempt and execute it; return when it is over, or when this host does not get it."""
        over = self.take(attempt)
        if over is not None:
            while not over.wait(CHECK_SECONDS) and not self.is_ending:
                pass

    def renew(self) -> float:
        """Renew all leases, and give a heartbeat; the seconds until that is due again.

        An attempt that the ledger no longer gives to this host is killed. One that the ledger gives to it
        and this process does not know is adopted, or given back if it was never executed.
        """
        asked_at, server = self._clock.elapsed(), self._renewals.server()
        with self._lock:
            known_before = {*self._held}
        renewed = {one.attempt.id: one for one in self._renewals.holding.renew(**self._compared.own)}
        if self._renewals.server() != server:
            return RETRY_SECONDS  # a failover meanwhile: this may be the answer of either
        if server != self._compared.server:
            if self._taking:
                return RETRY_SECONDS  # perhaps from the lost server
            with self._lock:
                known_before = {*self._held}  # nothing is taken from the new one until this host has signed
                missing = [
                    one.delivery
                    for name, one in self._held.items()
                    if name not in renewed and not one.is_lost
                ]
            renewed.update(self._compared.reclaimed(missing))
        for name, delivery in renewed.items():
            with self._lock:
                held = self._held.get(name)
                if held is None:
                    if name not in self._taking:
                        self._doubt(delivery, asked_at)
                    continue
                until = asked_at + kept_for(delivery.lease)
                self._held[name] = held._replace(until=until)
            self._launcher.extend(self._config.attempt_dir(delivery.attempt), until)
        for name in known_before - renewed.keys():
            self._give_up(name)
        self._compared.server = server
        self._sign()
        leases = [one.lease.total_seconds() for one in renewed.values()]
        return min([RENEW_SECONDS, *(seconds / RENEWALS for seconds in leases)])

    def check(self) -> float:
        """Report what began and what ended; the seconds until the next check."""
        with self._lock:
            held = dict(self._held)
        for name, outcome in [*self._ending.items()]:
            if name in held:
                self._report(held.pop(name), outcome)
        if not held:
            return CHECK_SECONDS
        live = [
            LiveAttempt(
                replace(one.attempt, boot_id=held[one.attempt.id].delivery.boot_id),
                one.run_state,
                one.stop_requested,
            )
            for one in self._store.live_attempts()
            if one.attempt.id in held
        ]
        checked = self._here.check(live)
        for one in live if self._is_stopping else ():  # at each check: its supervisor may not be there yet
            self._launcher.stop(self._config.attempt_dir(one.attempt.key), Stop.CANCEL)
        for attempt, started_at in checked.alive:
            if started_at is not None and held[attempt.id].begun_at is None:
                at = self._on_ledgers_clock(started_at, held[attempt.id].delivery)
                self._shared.holding.begin(attempt.key, host=self._me.id, started_at=at)
                with self._lock:
                    if attempt.id in self._held:
                        self._held[attempt.id] = self._held[attempt.id]._replace(begun_at=at)
        seen = {one.attempt.id for one in live}
        self._look([held[name] for name in {*checked.over} | (held.keys() - seen)])
        return CHECK_SECONDS

    def end(self) -> None:
        """Take nothing more. What runs continues under its supervisors until their leases end."""
        self.is_ending = True
        with self._has_slot:
            self._has_slot.notify_all()
        self._shared.hosts.leave(self._me.id, self._me.process)

    def take(self, attempt: AttemptKey) -> threading.Event | None:
        """Wait for a slot, take an attempt, start it; the event of its end, or None if it is not given."""
        with self._has_slot:
            while not self.is_ending and len(self._held) + len(self._taking) >= self._me.slots:
                self._has_slot.wait(CHECK_SECONDS)
            if not self.takes_work or attempt.id in self._held:
                return None
            self._taking.add(attempt.id)
        try:
            asked_at = self._clock.elapsed()
            self._unanswered.add(attempt.id)
            delivery = self._shared.holding.take(attempt, **self._compared.own)
            self._unanswered.discard(attempt.id)
            if delivery is None:
                return None
            held = self._keep(delivery, asked_at + kept_for(delivery.lease), is_new=True)
        finally:
            with self._has_slot:
                self._taking.discard(attempt.id)
        self._on_taken()
        self._start(held)
        return held.over

    def _keep(
        self, delivery: Delivery, until: float, *, is_new: bool = False, is_lost: bool = False
    ) -> _Held:
        self._sender.follow(delivery.attempt, is_new=is_new)
        over, starting = threading.Event(), threading.Lock()
        held = _Held(delivery, until, over, starting, delivery.started_at, is_lost=is_lost)
        with self._lock:
            self._held[delivery.attempt.id] = held
        return held

    def _start(self, held: _Held) -> None:
        """Execute an attempt. It may be called again while nothing was executed."""
        if held.starting.acquire(blocking=False):
            try:
                with self._lock:
                    now = self._held.get(held.key.id)
                if now is not None and not now.is_lost and not self._is_executed(now.delivery):
                    self._start_alone(now)
            finally:
                held.starting.release()

    def _is_executed(self, delivery: Delivery) -> bool:
        folder = self._config.attempt_dir(delivery.attempt)
        return not isinstance(self._launcher.evidence(folder, boot_id=delivery.boot_id), NotStarted)

    def _start_alone(self, held: _Held) -> None:
        if self._clock.elapsed() >= held.until:
            self._give_back(held)
            return
        starts = still_to_start(Courses(self._store), held.key)
        if not starts:  # its run was cancelled meanwhile
            self._report(held, StartError(at=self._clock.now(), reason=Reason.NOT_TAKEN))
            return
        if self._trees.config_for(starts[0].run) is None:
            self._give_back(held)
            return
        for error in self._here.launch(starts).values():
            self._report(held, error)

    def _adorned(self, order: LaunchOrder) -> LaunchOrder | None:
        held = self._held.get(order.attempt_id)
        if held is None or held.is_lost:
            return None  # it was given up while it was prepared
        start_by = self._clock.elapsed() + START_SECONDS
        lease = Lease(until=held.until, seconds=held.delivery.lease.total_seconds(), start_by=start_by)
        return replace(order, lease=lease)

    def _fence_of(self, attempt: AttemptKey) -> int | None:
        held = self._held.get(attempt.id)
        return None if held is None else held.delivery.fence

    def _look(self, some: list[_Held]) -> None:
        flights = [Flight(one.key, one.delivery.boot_id) for one in some]
        found = self._here.look(flights)
        for one in some:
            match found.get(one.key.id):
                case None | Alive():
                    pass
                case NotStarted() if one.is_lost:
                    self._sender.forget(one.key)
                    self._drop(one)
                case NotStarted() if one.begun_at is not None:
                    pass  # the ledger will know soon that it was executed; then it is lost
                case NotStarted():
                    self._start(one)
                case outcome:
                    self._report(one, outcome)

    def _report(self, held: _Held, outcome: Outcome) -> None:
        """Report an end when the output has been sent, or when that takes too long; until then, keep it."""
        self._ending[held.key.id] = outcome
        if not self._sender.end(held.key, outcome):
            return
        self._shared.holding.report(held.key, self._moved(outcome, held), host=self._me.id)
        self._compared.note_end(held.delivery)
        self._drop(held)
        self._shared.hints.ring(LEADER)

    def _give_back(self, held: _Held) -> None:
        self._shared.holding.give_back(held.key, host=self._me.id)
        self._sender.forget(held.key)
        self._drop(held)

    def _drop(self, held: _Held) -> None:
        with self._has_slot:
            self._held.pop(held.key.id, None)
            self._ending.pop(held.key.id, None)
            self._has_slot.notify()
        held.over.set()

    def _give_up(self, name: str) -> None:
        """Kill an attempt that was recorded as lost."""
        with self._lock:
            held = self._held.get(name)
            if held is None:
                return  # it has been reported meanwhile
            self._held[name] = held._replace(is_lost=True)
        self._launcher.stop(self._config.attempt_dir(held.key), Stop.KILL)

    def _doubt(self, delivery: Delivery, asked_at: float) -> None:
        """Adopt or give back an attempt that this process does not know: perhaps an answer was lost."""
        name, now = delivery.attempt.id, self._clock.elapsed()
        since = self._doubts.setdefault(name, now)
        patience = DOUBT_SECONDS + (0 if name in self._unanswered else START_SECONDS)
        if self._is_executed(delivery):
            self._adopt(delivery, asked_at + kept_for(delivery.lease))
        elif now - since >= patience:
            self._shared.holding.give_back(delivery.attempt, host=self._me.id)
            self._unanswered.discard(name)
            del self._doubts[name]

    def _adopt(self, delivery: Delivery, until: float) -> None:
        self._doubts.pop(delivery.attempt.id, None)
        self._keep(delivery, until)
        self._launcher.extend(self._config.attempt_dir(delivery.attempt), until)

    def _sign(self) -> None:
        is_draining = self._renewals.hosts.sign(
            self._me.id,
            self._me.process,
            skew=-self._ahead(),
            free_bytes=free_bytes(self._config.state_dir),
            trouble=self._trouble(),
            lack=self._trees.trouble,
            server=self._compared.server,
        )
        if is_draining is None and all(host.id != self._me.id for host in self._renewals.hosts.all()):
            is_draining = self._renewals.hosts.appear(self._me)  # forgotten, as after a long sleep
        if is_draining is None:
            raise SupersededError(f"another process is the host {self._me.name} now; this one stops")
        self._is_draining = is_draining

    def _trouble(self) -> str:
        """Why this host takes nothing; '' when it does."""
        free = free_bytes(self._config.state_dir)
        disk = "" if free >= self._config.min_free_bytes else "disk space is low"
        return self.refusal or disk or clock_trouble(-self._ahead(), within=TAKES_WITHIN)

    def _ahead(self) -> timedelta:
        """How far the ledger's clock is ahead of the one that stamps the evidence here."""
        return self._clock.now() - self._host_clock.now()

    def _moved(self, outcome: Outcome, held: _Held) -> Outcome:
        """An outcome with the instants of the ledger's clock. What the ledger knows of the start counts."""
        if not isinstance(outcome, Ended):
            return outcome
        started_at = held.begun_at or self._on_ledgers_clock(outcome.started_at, held.delivery)
        ended_at = max(started_at, self._on_ledgers_clock(outcome.ended_at, held.delivery))
        return replace(outcome, started_at=started_at, ended_at=ended_at)

    def _on_ledgers_clock(self, stamp: datetime, delivery: Delivery) -> datetime:
        """The ledger's time of a stamp of this host's clock, which may have been set since.

        The result is never before this host took the attempt, and never after now.
        """
        taken_at = delivery.held_at or delivery.offered_at
        return max(taken_at, min(stamp + self._ahead(), self._clock.now()))
