"""Several hosts on one ledger in a real server: a leader's loops and hosts, with a clock that the test sets.

The server's clock is replaced by the test's. Attempts are scripted. What the network, a process or a whole
host may do is a method here.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from engine.core.errors import StoreUnavailableError
from engine.core.hosts import Host, Leases, Offer, queue_of, queues_of
from engine.core.lifecycle import AttemptKey
from engine.core.records import HOME
from engine.hosts.executor import Executor
from engine.hosts.hosting import Hosting
from engine.hosts.lead import Lead
from engine.hosts.offers import Offers
from engine.hosts.outputs import OutputSender
from engine.ledger.postgres.address import address_of
from engine.ledger.postgres.shared import PostgresSharedLedger
from engine.ledger.rows import to_us
from engine.service.claiming import OF_HOSTS
from engine.testing import FakeClock, ScriptedLauncher
from tests.builders import NOON
from tests.engine.world import World
from tests.ledgers import Chosen
from tests.postgres_ledgers import InServer

LEASES = Leases(idempotent=timedelta(seconds=60), once=timedelta(minutes=15))


FUNCTION = "create or replace function {}() returns bigint language sql volatile as '{}'"
SHORT = 120.0
STEP = 5.0


class ServerClock(FakeClock):
    """A clock that the server has too."""

    def __init__(self, wall: datetime, db: psycopg.Connection) -> None:
        super().__init__(wall)
        self._db = db
        db.execute("create table if not exists test_time (us bigint)")
        db.execute("truncate test_time")
        db.execute("insert into test_time values (0)")
        db.execute(FUNCTION.format("now_us", "select us from test_time"))
        db.execute(FUNCTION.format("up_us", "select 1000000000000"))
        self._tell()

    def advance(self, *, seconds: float) -> None:
        super().advance(seconds=seconds)
        self._tell()

    def _tell(self) -> None:
        self._db.execute("update test_time set us = %s", [to_us(self.wall)])


class Queue:
    """A carrier in memory. What it has brought is gone; `loses` decides about each offer."""

    def __init__(self) -> None:
        self.waiting: list[tuple[str, AttemptKey]] = []
        self.loses: Callable[[AttemptKey], bool] = lambda _: False

    def offer(self, offers: Sequence[Offer]) -> None:
        self.waiting += [(queue_of(one.needs), one.attempt) for one in offers if not self.loses(one.attempt)]

    def close(self) -> None: ...


class Network:
    """The ledger as a host reaches it: not at all while it is cut off."""

    def __init__(self, ledger: Any) -> None:
        self._ledger = ledger
        self.is_cut = False
        self.breaks: set[str] = set()
        """Names of methods that fail, as if the network were cut only then."""
        self.loses: Callable[[str], str] = lambda _: ""
        """What gets lost of a call: its `request`, its `answer`, or '' for nothing."""

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._ledger, name)
        if callable(found):
            return self._guarded(found)
        return Network_of(self, found) if name in PORTS else found

    def _guarded(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **values: Any) -> Any:
            is_broken = self.is_cut or method.__name__ in self.breaks
            lost = "request" if is_broken else self.loses(method.__name__)
            answer = None if lost == "request" else method(*args, **values)
            if lost:
                raise StoreUnavailableError("the ledger cannot be reached")
            return answer

        return call


PORTS = ("leadership", "hosts", "deliveries", "holding", "outputs", "hints", "steps", "past", "pieces")


def Network_of(network: Network, port: Any) -> Network:
    """A port of a ledger, cut off together with it."""
    inner = Network(port)
    inner._guarded = network._guarded  # type: ignore[method-assign]  # the same cable
    return inner


class OwnClock:
    """The clock of one host, which may be wrong. It counts elapsed time like the others."""

    def __init__(self, true: FakeClock) -> None:
        self._true = true
        self.skew = timedelta()

    def now(self) -> datetime:
        return self._true.now() + self.skew

    def elapsed(self) -> float:
        return self._true.elapsed()


class FakeHost:
    """A host of a world: its process may be frozen, cut off or killed, its jobs go on."""

    def __init__(
        self,
        world: "HostsWorld",
        name: str,
        *,
        slots: int = 4,
        labels: tuple[str, ...] = (),
        identity: str = "",
    ) -> None:
        self.world = world
        self.name = name
        self.identity = identity or name
        self.slots, self.labels = slots, labels
        self.launcher = world.launcher_of_host()
        self.clock = OwnClock(world.clock)
        self.processes = 0
        self.boots = 1
        self.is_frozen = False
        self._next = {"check": 0.0, "renew": 0.0, "send": 0.0}
        self.boot()

    def boot(self) -> None:
        """Start the process of this host, perhaps again."""
        self.processes += 1
        world = self.world
        self.network = Network(PostgresSharedLedger(world.address))
        store = Network(Chosen.ledgers.store(world.config.ledger))
        store._guarded = self.network._guarded  # type: ignore[method-assign]  # the same cable
        state_dir = world.config.state_dir.parent / self.name
        state_dir.mkdir(exist_ok=True)
        me = Host(
            id=self.identity,
            name=self.name,
            process=f"{self.name}-{self.processes}",
            boot_id=f"{self.name}/{self.boots}/1",
            version="1",
            labels=self.labels,
            slots=self.slots,
            seen_at=NOON,
        )
        self.config = replace(world.config, state_dir=state_dir, max_running=self.slots, min_free_bytes=0)
        config = self.config
        self.sender = OutputSender(self.network.outputs, config=config, clock=world.clock, host=self.name)
        self.hosting = Hosting(
            me=me,
            shared=self.network,  # type: ignore[arg-type]  # the ports, behind a cable
            renewals=self.network,  # type: ignore[arg-type]  # as above
            store=store,  # type: ignore[arg-type]  # as above
            launcher=self.launcher,
            clock=world.clock,
            host_clock=self.clock,
            config=config,
            sender=self.sender,
            journal=world.journal,
            on_taken=self.renew_now,
            on_failover=lambda kept, lost: world.failovers.update({self.name: (kept, lost)}),
        )
        self.hosting.begin()
        self._next = {"check": 0.0, "renew": 0.0, "send": 0.0}

    def renew_now(self) -> None:
        """Renew the leases at the next tick."""
        self._next["renew"] = 0.0

    def tick(self) -> None:
        """What the threads of its process do now."""
        if self.is_frozen:
            return
        now = self.world.clock.elapsed()
        acts = {"renew": self.hosting.renew, "check": self.hosting.check, "send": self.sender.send}
        for name, act in acts.items():
            if now >= self._next[name]:
                try:
                    wait = act()
                except StoreUnavailableError:
                    wait = 0.5
                self._next[name] = now + wait
        self._take()

    @property
    def _serves(self) -> bool:
        return not self.network.is_cut and self.hosting.takes_work

    def _take(self) -> None:
        own = queues_of(self.labels)
        while self._serves and self.hosting.running < self.slots:
            found = next((one for one in self.world.queue.waiting if one[0] in own), None)
            if found is None:
                break
            self.world.queue.waiting.remove(found)
            with suppress(StoreUnavailableError):
                self.hosting.take(found[1])

    def finish(self, *, exit_code: int = 0) -> None:
        """Its jobs end by themselves."""
        for name in self.launcher.running():
            self.launcher.finish(name, exit_code=exit_code)


class HostsWorld(World):
    """A leader, and its hosts."""

    def __init__(
        self,
        folder: Path,
        text: str,
        hosts: Sequence[str] = ("a", "b", "c"),
        leases: Leases = LEASES,
        **settings: Any,
    ) -> None:
        self.queue = Queue()
        self.leases = leases
        self.hosts: dict[str, FakeHost] = {}
        self.failovers: dict[str, tuple[int, int]] = {}
        """What each host had that a new server did not know: what it has told it, and what it has ended."""
        ledgers = Chosen.ledgers
        assert isinstance(ledgers, InServer)
        file = folder / ".jobfile" / "ledger.db"
        self.url = ledgers.url(file)
        self.address = address_of(self.url)
        self.db = ledgers.superuser(file).execute
        clock = ServerClock(settings.pop("at", NOON), ledgers.superuser(file))
        super().__init__(folder, text, clock=clock, **settings)
        with self.store.transaction():
            self.store.past.note(HOME, OF_HOSTS.to_text())
        for name in hosts:
            self.add(name)

    def add(self, name: str, **settings: Any) -> FakeHost:
        self.hosts[name] = FakeHost(self, name, **settings)
        return self.hosts[name]

    def lead(self, host: str, *, length: timedelta = timedelta(hours=1)) -> None:
        """The engine of this world leads, on a host."""
        self.shared.leadership.acquire(f"engine-{host}", host=host, length=length)

    def executor(self) -> Executor:
        self.shared = PostgresSharedLedger(self.address)
        return Offers(
            store=self.store, shared=self.shared, carrier=self.queue, clock=self.clock, leases=self.leases
        )

    def launcher_of_host(self) -> ScriptedLauncher:
        """What executes the attempts of a host."""
        return ScriptedLauncher(self.clock)

    def pass_time(self, *, seconds: float) -> None:
        """Time passes for all, in seconds, or in longer steps if it is long."""
        step = 1.0 if seconds <= SHORT else STEP
        left = seconds
        while left > 0:
            self.clock.advance(seconds=min(step, left))
            left -= step
            self.turn()

    def turn(self) -> None:
        """Everybody does what is due now."""
        self.step()
        for host in [*self.hosts.values()]:
            host.tick()
        self.step()

    @property
    def executed(self) -> list[str]:
        """The attempts that were executed, on any host."""
        return [name for host in self.hosts.values() for name in host.launcher.executed]

    def check_once(self) -> None:
        """No attempt was executed twice."""
        assert len(self.executed) == len(set(self.executed)), self.executed


def a_lead(world: HostsWorld, **given: Any) -> Lead:
    """The lead of a process on host a, beside the engine of this world."""
    length = timedelta(seconds=10)
    return Lead(world.shared.leadership, world.clock, holder="me", host="a", length=length, **given)
