"""Tests that every carrier must pass, on a real server. A module defines a fixture `made` and imports all."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from engine.core.errors import JobfileError, StoreRefusedError, StoreUnavailableError
from engine.core.hosts import Offer, queues_of
from engine.core.lifecycle import AttemptKey
from engine.hosts.carrier import Carrier
from engine.hosts.carriers.registry import make_carrier
from engine.ledger.opening import open_ledger, open_shared
from tests.acceptance.engines import until
from tests.builders import MINUTE
from tests.postgres_ledgers import superuser
from tests.postgres_servers import Server, a_server, run_folder, shared_server

SECONDS = 15.0
"""How long a carrier may take to end or to fail, on a machine that is busy."""
MOST_CONNECTIONS = 3
DIES = """
import sys, threading
from engine.core.hosts import queues_of
from engine.hosts.carriers.registry import make_carrier
from engine.ledger.opening import open_shared

def execute(attempt):
    print(attempt.id, flush=True)
    threading.Event().wait()

name, url = sys.argv[1:]
make_carrier(name, open_shared(url)).serve(queues_of([]), slots=2, execute=execute, is_over=lambda: False)
"""
"""A host that executes for ever."""
BACKENDS = "from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
PASSWORD = "correct-horse"


class Made(NamedTuple):
    """A kind of carrier, and what is known of its tables here."""

    name: str
    table: str
    """It has a row for what waits, and for what was fetched and is not over."""
    old: str
    """Makes every sign of life a day old."""


class FakeHost:
    """Serves in a thread, and serves again when its carrier fails, as a real host does."""

    def __init__(
        self, carrier: Carrier, *, labels: Sequence[str] = (), slots: int = 4, holds: bool = False
    ) -> None:
        """With `holds`, what it executes does not end before the end of the test."""
        self.brought: list[AttemptKey] = []
        self.errors: list[JobfileError] = []
        self.bugs: list[BaseException] = []
        self.executing = 0
        self.most = 0
        self.error: Exception | None = None
        """What executing raises."""
        self.gate = threading.Event()
        if not holds:
            self.gate.set()
        self._lock = threading.Lock()
        self.is_over = threading.Event()
        self._serve = lambda: carrier.serve(
            queues_of(labels), slots=slots, execute=self._execute, is_over=self.is_over.is_set
        )
        self._thread = threading.Thread(target=self._repeat, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it; what it executes continues."""
        self.is_over.set()
        self._thread.join(SECONDS)
        assert not self._thread.is_alive(), "a host does not end"
        assert self.bugs == []

    def _repeat(self) -> None:
        while not self.is_over.is_set():
            try:
                self._serve()
            except JobfileError as error:
                self.errors.append(error)
                self.is_over.wait(0.1)
            except BaseException as error:
                self.bugs.append(error)
                raise

    def _execute(self, attempt: AttemptKey) -> None:
        with self._lock:
            self.brought.append(attempt)
            self.executing += 1
            self.most = max(self.most, self.executing)
        try:
            self.gate.wait()
            if self.error is not None:
                raise self.error
        finally:
            with self._lock:
                self.executing -= 1


class Yard:
    """A ledger, its carriers and hosts."""

    def __init__(self, made: Made, url: str, schema: str = "public") -> None:
        self.made = made
        self.url = url
        self._schema = f'"{schema}_{made.name}"'
        self._hosts: list[FakeHost] = []
        self._opened: list[Any] = []
        open_ledger(url).close()
        self.leader = self.carrier()

    def carrier(self) -> Carrier:
        shared = open_shared(self.url)
        made = make_carrier(self.made.name, shared)
        self._opened += [made, shared]
        return made

    def host(self, **settings: Any) -> FakeHost:
        self._hosts.append(FakeHost(self.carrier(), **settings))
        return self._hosts[-1]

    def offer(self, *attempts: AttemptKey, needs: Sequence[str] = ()) -> None:
        self.leader.offer([Offer(one, tuple(needs), MINUTE) for one in attempts])

    def brought(self) -> list[AttemptKey]:
        return sorted(one for host in self._hosts for one in host.brought)

    def sql(self, text: str) -> int:
        with closing(superuser(self.url)) as db:
            done = db.execute(f"set search_path to {self._schema}").execute(text)
            return int(done.fetchall()[0][0]) if done.description else 0

    @property
    def left(self) -> int:
        """How many offers the carrier still has, or had brought to hosts where they are not over."""
        return self.sql(f"select count(*) from {self.made.table}")

    def age(self) -> None:
        """Let a day pass for what is dead: when a host begins to serve, it goes away, and later too."""
        self.sql(self.made.old)
        self.host()
        until(lambda: self.left == 0)

    def end(self) -> None:
        """End the hosts, and what they execute."""
        for host in self._hosts:
            host.gate.set()
            host.is_over.set()
        for host in self._hosts:
            host.stop()

    def close(self) -> None:
        self.end()
        for one in self._opened:
            one.close()


def a_busy_and_an_idle_host(yard: Yard) -> tuple[FakeHost, FakeHost]:
    """A host that executes A and has no room for more, and one with the label `idle`."""
    busy = yard.host(holds=True, slots=1)
    yard.offer(A)
    until(lambda: busy.executing == 1)
    idle = yard.host(labels=["idle"])
    yard.offer(B, needs=["idle"])
    until(lambda: idle.brought == [B])
    return busy, idle


@contextmanager
def a_frozen(server: Server) -> Iterator[None]:
    """A server that answers nothing any more."""
    first = int((server.folder / "data" / "postmaster.pid").read_text().split()[0])
    pids = [first, *map(int, Path(f"/proc/{first}/task/{first}/children").read_text().split())]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def attempts(count: int, start: int = 0) -> list[AttemptKey]:
    return [AttemptKey(f"run{number:04}", 1) for number in range(start, start + count)]


A, B, C, D = attempts(4)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with shared_server(run_folder(tmp_path_factory)) as running:
        yield running


@pytest.fixture(scope="module")
def database(server: Server, made: Made, worker_id: str) -> str:
    """The URL of a database of these tests."""
    name = f"{worker_id}-{made.name}"
    with closing(superuser(server.url())) as db:
        db.execute(f'drop database if exists "{name}"')
        db.execute(f'create database "{name}"')
    return server.url(name)


@pytest.fixture
def yard(made: Made, database: str) -> Iterator[Yard]:
    opened = Yard(made, database)
    opened.sql(f"delete from {made.table}")
    yield opened
    opened.close()


def test_each_of_many_offers_is_brought_to_one_of_several_hosts(yard: Yard) -> None:
    for _ in range(3):
        yard.host()
    yard.offer(*attempts(100))
    until(lambda: set(yard.brought()) == set(attempts(100)))
    until(lambda: yard.left == 0)
    assert yard.brought() == attempts(100)


def test_offers_wait_for_a_host(yard: Yard) -> None:
    yard.offer(*attempts(2000))
    yard.offer()
    assert yard.left == 2000
    yard.sql(f"delete from {yard.made.table}")
    yard.offer(A)
    host = yard.host()
    until(lambda: host.brought == [A])


def test_steps_and_items_are_brought_as_they_are(yard: Yard) -> None:
    offered = [AttemptKey("r", 1), AttemptKey("r", 12, "träin-1", 0), AttemptKey("r", 2, "each", 999)]
    yard.offer(*offered)
    yard.host()
    until(lambda: yard.brought() == sorted(offered))


def test_hosts_get_what_fits_their_labels(yard: Yard) -> None:
    plain, gpu, both = yard.host(), yard.host(labels=["gpu"]), yard.host(labels=["gpu", "eu"])
    yard.offer(A, needs=["eu"])
    yard.offer(B, needs=["gpu", "eu"])
    yard.offer(C, needs=["asia"])
    yard.offer(*attempts(20, start=10), needs=["gpu"])
    yard.offer(*attempts(20, start=40))
    until(lambda: len(yard.brought()) == 42)
    assert {A, B} <= {*both.brought}
    assert {*plain.brought} <= {*attempts(20, start=40)}
    assert not {A, B, C} & {*gpu.brought}
    until(lambda: yard.left == 1)


def test_labels_may_be_as_long_and_as_many_as_the_rule_allows(yard: Yard) -> None:
    labels = [f"{letter}{'-long' * 12}xx" for letter in "abcdef"]
    host, other = yard.host(labels=labels), yard.host(labels=labels[:5])
    yard.offer(A, needs=labels)
    yard.offer(B, needs=labels[5:])
    until(lambda: {*host.brought} == {A, B})
    assert other.brought == []


@pytest.mark.parametrize("slots", [1, 3])
def test_a_host_executes_at_most_as_many_as_it_has_slots(yard: Yard, slots: int) -> None:
    host = yard.host(slots=slots, holds=True)
    yard.offer(*attempts(7))
    until(lambda: host.executing == slots)
    host.gate.set()
    until(lambda: yard.brought() == attempts(7))
    assert host.most == slots


def test_a_host_ends_promptly_and_what_it_executes_continues(yard: Yard) -> None:
    busy, idle = a_busy_and_an_idle_host(yard)
    before = time.monotonic()
    busy.stop()
    idle.stop()
    assert time.monotonic() - before < SECONDS / 2
    assert busy.executing == 1
    assert busy.errors == idle.errors == []
    assert yard.left == 0


def test_what_executing_raises_harms_nothing_else(yard: Yard) -> None:
    host = yard.host(slots=1)
    host.error = StoreUnavailableError("the ledger is away")
    yard.offer(A)
    until(lambda: host.brought == [A] and yard.left == 0)
    host.error = ValueError("a bug")
    yard.offer(B)
    until(lambda: host.brought == [A, B] and yard.left == 0)
    host.error = None
    yard.offer(A)
    until(lambda: host.brought == [A, B, A] and yard.left == 0)
    assert host.errors == []


def test_a_host_that_is_killed_stops_no_other_and_leaves_nothing_behind(yard: Yard) -> None:
    yard.offer(A, B)
    command = [sys.executable, "-c", DIES, yard.made.name, yard.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as dying:
        try:
            assert dying.stdout is not None
            assert {dying.stdout.readline(), dying.stdout.readline()} == {f"{A.id}\n", f"{B.id}\n"}
            host = yard.host()
            yard.offer(C)
            until(lambda: host.brought == [C])
        finally:
            dying.kill()
    yard.offer(A, D)
    until(lambda: {*host.brought} == {A, C, D})
    yard.age()


def test_a_host_serves_again_after_its_connections_were_killed(yard: Yard) -> None:
    busy, idle = a_busy_and_an_idle_host(yard)
    yard.sql(f"select pg_terminate_backend(pid) {BACKENDS}")
    yard.offer(C, D, needs=["idle"])
    until(lambda: {C, D} <= {*idle.brought}, patience=SECONDS)
    yard.sql(f"select pg_terminate_backend(pid) {BACKENDS}")
    busy.gate.set()
    yard.offer(*attempts(4, start=20))
    until(lambda: {*attempts(4, start=20)} <= {*yard.brought()}, patience=SECONDS)
    yard.age()


def test_a_server_that_is_away_is_an_error_within_seconds_until_it_is_back(made: Made) -> None:
    with a_server() as server:
        url = server.url().replace("jobfile@", f"jobfile:{PASSWORD}@")
        yard = Yard(made, url)
        try:
            busy, idle = a_busy_and_an_idle_host(yard)
            server.stop()
            for _ in range(2):
                before = time.monotonic()
                with pytest.raises(StoreUnavailableError, match="the queue of the ledger cannot be") as told:
                    yard.offer(C)
                assert time.monotonic() - before < SECONDS
                assert PASSWORD not in f"{told.value} {told.value.__cause__!r}"
            until(lambda: busy.errors and idle.errors, patience=SECONDS)
            server.start()
            yard.offer(C, D, needs=["idle"])
            until(lambda: {C, D} <= {*idle.brought}, patience=SECONDS)
            for error in (*busy.errors, *idle.errors):
                assert PASSWORD not in f"{error} {error.__cause__!r}"
            server.stop("immediate")
            before = time.monotonic()
            idle.stop()
            assert time.monotonic() - before < SECONDS
            server.start()
            silent = yard.host(labels=["silent"])
            yard.offer(A, needs=["silent"])
            until(lambda: A in silent.brought)
            with a_frozen(server):
                before = time.monotonic()
                silent.stop()
                assert time.monotonic() - before < SECONDS
        finally:
            yard.end()
        yard.close()


def test_a_host_and_a_leader_need_few_connections(yard: Yard) -> None:
    def connections() -> int:
        return yard.sql(f"select count(*) {BACKENDS}")

    yard.offer(A)
    before = connections()
    host = yard.host(holds=True, slots=8)
    yard.offer(*attempts(8))
    until(lambda: host.executing == 8)
    host.gate.set()
    until(lambda: yard.left == 0)
    shared = 1
    assert connections() - before - shared <= MOST_CONNECTIONS
    yard.leader.close()
    yard.offer(B)
    until(lambda: B in host.brought)


def test_tables_are_made_once_in_a_schema_of_their_own(made: Made, server: Server, worker_id: str) -> None:
    name = f"{worker_id}-{made.name}-empty"
    with closing(superuser(server.url())) as db:
        db.execute(f'create database "{name}"')
    open_ledger(server.url(name)).close()

    def make(_: int) -> None:
        with closing(open_shared(server.url(name))) as shared:
            make_carrier(made.name, shared).close()

    with ThreadPoolExecutor(4) as pool:
        assert [*pool.map(make, range(4))] == [None] * 4


def test_a_user_who_may_make_no_schema_is_refused_with_what_to_do(
    made: Made, database: str, worker_id: str
) -> None:
    user = f"{worker_id}-{made.name}-user"
    url = f"{database.replace('jobfile@', f'{user}@')}&options=-csearch_path%3D%22{user}%22"
    with closing(superuser(database)) as db:
        db.execute(f'drop role if exists "{user}"')
        db.execute(f'create role "{user}" login')
        db.execute(f'create schema "{user}" authorization "{user}"')
        open_ledger(url).close()
        with closing(open_shared(url)) as shared:
            with pytest.raises(StoreRefusedError) as told:
                make_carrier(made.name, shared)
            assert f'ask an administrator:  grant create on database "{db.info.dbname}" to "{user}"' in str(
                told.value
            )
            said = str(told.value).rpartition("or  ")[2]
            db.execute(said)
            make_carrier(made.name, shared).close()


ODD = ["one", 'A "Name", 1%2', "long" * 15]
"""Names of schemas: PostgreSQL folds, quotes and cuts them."""


def test_ledgers_in_one_database_have_queues_of_their_own(made: Made, database: str) -> None:
    yards: list[Yard] = []
    try:
        for number, schema in enumerate(ODD):
            quoted = schema.replace('"', '""')
            with closing(superuser(database)) as db:
                db.execute(f'create schema "{quoted}"')
            path = f"%22{quoted}%22".replace('"', "%22").replace("1%2", "1%252").replace(" ", "%5C%20")
            yards.append(Yard(made, f"{database}&options=-csearch_path%3D{path}"))
            yards[-1].host()
            yards[-1].offer(*attempts(3, start=10 * number))
        for number, yard in enumerate(yards):
            until(lambda yard=yard, number=number: yard.brought() == attempts(3, start=10 * number))
    finally:
        for yard in yards:
            yard.close()
