"""The loops of one session: the same for the engine, `jobfile run`, `jobfile test` and the tests."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from engine.channels.courier import Courier
from engine.channels.pool import Pool
from engine.config import EngineConfig
from engine.core.lifecycle import Run
from engine.core.records import Owed, Session
from engine.hosts.executor import Executor
from engine.hosts.here import Here
from engine.ledger.ports import View
from engine.ledger.store_ports import Store
from engine.loops.clock_guard import ClockGuard
from engine.loops.digester import Digester
from engine.loops.follower import Follower
from engine.loops.heartbeat import Heartbeat
from engine.loops.housekeeper import Housekeeper
from engine.loops.late_watch import LateWatch
from engine.loops.quarantine import Quarantine
from engine.loops.rescuer import Rescuer
from engine.loops.scheduler import Scheduler
from engine.loops.sender import Delivering, Sender
from engine.loops.worker import Worker
from engine.notifications.quiet import LOUD, Quiet
from engine.ports import Clock, Journal, Launcher
from engine.service.holds import Holds
from jobfile.schedule.occurrences import TZDATA_VERSION


def _nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The parts that the loops of a session use."""

    store: Store
    clock: Clock
    launcher: Launcher
    """Executes attempts on this host."""
    executor: Executor | None = None
    """Executes attempts elsewhere; None for this host."""
    journal: Journal
    config: EngineConfig
    boot_id: str
    epoch: int
    before: Session | None
    """The previous session."""
    new_id: Callable[[], str]
    is_restored: bool = False
    """Whether the ledger is an older copy that has not been accepted."""
    watches_disk: bool = True
    """Whether low disk space holds runs back; it does not for a command that runs jobs itself."""
    built_at: datetime = datetime(int(TZDATA_VERSION[:4]), 1, 1, tzinfo=UTC)
    """A time that no correct clock shows any more: the year of the packaged zone rules."""
    is_synchronized: Callable[[], bool | None] = lambda: None
    serves: Callable[[Run], bool] | None = None
    """Selects the runs to start; None for all."""
    is_abandoned: Callable[[str], bool] = lambda _: False
    is_file_gone: Callable[[str], bool] = lambda _: False
    on_recorded: Callable[[], None] = _nothing
    on_beat: Callable[[], None] = _nothing
    open_view: Callable[[], View] | None = None
    """Opens the ledger for reading; None for a command, which looks for no late jobs and makes no digest."""
    on_delivered: Callable[[], None] = _nothing
    pool: Delivering | None = None
    """Delivers notifications; None for threads and real receivers."""


@dataclass(frozen=True, kw_only=True)
class Duties:
    """The loops of a session without threads: the caller calls their ticks."""

    holds: Holds
    guard: ClockGuard
    scheduler: Scheduler
    worker: Worker
    executor: Executor
    rescuer: Rescuer
    housekeeper: Housekeeper
    heartbeat: Heartbeat
    quarantine: Quarantine
    late_watch: LateWatch | None
    sender: Sender
    digester: Digester | None
    follower: Follower

    def settle_and_start(self) -> None:
        """Record ended attempts and start startable runs, until nothing is left to do."""
        self.rescuer.tick()
        while self.worker.tick() == 0 or self._follow():
            pass

    def _follow(self) -> bool:
        """Act on the ends of runs that others follow; whether there was one."""
        self.follower.tick()
        return self.follower.had_work


def _make_guard(parts: Parts) -> ClockGuard:
    return ClockGuard(
        store=parts.store,
        clock=parts.clock,
        journal=parts.journal,
        boot_id=parts.boot_id,
        before=parts.before,
        built_at=parts.built_at,
        is_synchronized=parts.is_synchronized,
    )


def _make_heartbeat(parts: Parts, holds: Holds) -> Heartbeat:
    return Heartbeat(
        store=parts.store,
        clock=parts.clock,
        epoch=parts.epoch,
        on_beat=parts.on_beat,
        is_held=lambda: bool(holds.on_time),
    )


def _make_late_watch(parts: Parts, holds: Holds) -> LateWatch | None:
    if parts.open_view is None:
        return None
    return LateWatch(
        store=parts.store,
        clock=parts.clock,
        journal=parts.journal,
        open_view=parts.open_view,
        is_held=lambda: bool(holds.on_time) or parts.is_restored,
    )


def _make_housekeeper(parts: Parts, executor: Executor, holds: Holds) -> Housekeeper:
    return Housekeeper(
        store=parts.store,
        clock=parts.clock,
        executor=executor,
        journal=parts.journal,
        config=parts.config,
        is_held=lambda: bool(holds.on_retention),
    )


def _make_follower(parts: Parts, holds: Holds) -> Follower:
    return Follower(
        store=parts.store,
        clock=parts.clock,
        journal=parts.journal,
        new_id=parts.new_id,
        is_held=lambda: bool(holds.on_retention),
        on_recorded=parts.on_recorded,
    )


def _make_worker(parts: Parts, executor: Executor, holds: Holds) -> Worker:
    return Worker(
        store=parts.store,
        clock=parts.clock,
        executor=executor,
        journal=parts.journal,
        catchup_starts=parts.config.catchup_starts,
        boot_id=parts.boot_id,
        serves=parts.serves,
        is_abandoned=parts.is_abandoned,
        is_file_gone=parts.is_file_gone,
        is_held=lambda: bool(holds.on_starts),
    )


def _make_sender(parts: Parts, guard: ClockGuard) -> Sender:
    courier = Courier(parts.store, parts.config)

    def quiet(channel: str, owed: Sequence[Owed], now: datetime) -> Quiet:
        """A channel is quiet at hours of a clock that is believed."""
        return LOUD if guard.is_held else courier.quiet(channel, owed, now)

    pool = parts.pool or Pool(courier.deliver, on_done=parts.on_delivered)
    pings = parts.pool or Pool(courier.deliver, on_done=parts.on_delivered)
    return Sender(
        store=parts.store, clock=parts.clock, journal=parts.journal, pool=pool, pings=pings, quiet=quiet
    )


def _make_digester(parts: Parts, holds: Holds) -> Digester | None:
    if parts.open_view is None:
        return None
    return Digester(
        store=parts.store,
        clock=parts.clock,
        open_view=parts.open_view,
        is_held=lambda: bool(holds.on_time) or parts.is_restored,
    )


def make_loops(parts: Parts) -> Duties:
    """Make the loops of an open session."""
    store, clock, journal = parts.store, parts.clock, parts.journal
    executor = parts.executor or Here(store=store, clock=clock, launcher=parts.launcher, config=parts.config)
    guard = _make_guard(parts)
    holds = Holds(
        is_clock_held=lambda: guard.is_held,
        is_disk_low=lambda: parts.watches_disk and housekeeper.is_disk_low,
        is_restored=parts.is_restored,
    )
    housekeeper = _make_housekeeper(parts, executor, holds)
    worker = _make_worker(parts, executor, holds)
    rescuer = Rescuer(store=store, executor=executor, notice=worker.notice)
    quarantine = Quarantine(store=store, clock=clock, journal=journal)

    def settle_ended() -> None:
        rescuer.tick()
        worker.tick()

    return Duties(
        holds=holds,
        guard=guard,
        scheduler=Scheduler(
            store=store,
            clock=clock,
            guard=guard,
            journal=journal,
            before=parts.before,
            new_id=parts.new_id,
            boot_id=parts.boot_id,
            on_recorded=parts.on_recorded,
            settle_ended=settle_ended,
        ),
        worker=worker,
        executor=executor,
        rescuer=rescuer,
        housekeeper=housekeeper,
        heartbeat=_make_heartbeat(parts, holds),
        quarantine=quarantine,
        late_watch=_make_late_watch(parts, holds),
        sender=_make_sender(parts, guard),
        digester=_make_digester(parts, holds),
        follower=_make_follower(parts, holds),
    )
