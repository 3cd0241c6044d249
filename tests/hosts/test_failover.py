"""A standby takes over that lacks the last second: what hosts have is compared with what it knows."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from engine.core.hosts import BEHIND
from engine.core.lifecycle import Run
from engine.host.high_water_mark import Rewind
from engine.ports import Stop
from engine.service.failover import begin_in
from tests.hosts.test_chaos import request_runs_of
from tests.hosts.world import LEASES, FakeHost, HostsWorld
from tests.ledgers import Chosen
from tests.postgres_ledgers import InServer, superuser
from tests.postgres_servers import Pair, a_pair

JOBS = """
version: 1
jobs:
  known: {run: 'true', concurrency: {limit: 9}}
  ended: {run: 'true', concurrency: {limit: 9}}
  taken: {run: 'true', concurrency: {limit: 9}}
  over: {run: 'true', concurrency: {limit: 9}}
  begun: {run: 'true', concurrency: {limit: 9}}
  done: {run: 'true', concurrency: {limit: 9}}
  asked: {run: 'true', concurrency: {limit: 9}}
  often: {run: 'true', idempotent: true, concurrency: {limit: 9}}
  again: {run: 'true', retry: {attempts: 3, delay: 5s}}
"""


@pytest.fixture
def pair() -> Iterator[Pair]:
    with a_pair() as made:
        yield made


@pytest.fixture
def world(pair: Pair, tmp_path: Path) -> Iterator[HostsWorld]:
    """Three hosts on the pair; each has room for all."""
    before = Chosen.ledgers
    ledgers = Chosen.ledgers = InServer(pair, "failover")  # type: ignore[arg-type]  # it has URLs, too
    try:
        world = HostsWorld(tmp_path, JOBS, hosts=[], max_running=99)
        for name in ("a", "b", "c"):
            world.add(name, slots=20)
        world.turn()
        yield world
    finally:
        Chosen.ledgers = before
        ledgers.close()


def fail_over(world: HostsWorld, pair: Pair, *, before_one_leads: Callable[[], None] = lambda: None) -> None:
    """The standby takes over, and the next leader begins, before any host has noticed."""
    pair.fail_over()
    [known] = Chosen.ledgers._made  # type: ignore[attr-defined]
    known.superuser.close()
    known.superuser = superuser(pair.standby.url(known.url.partition("?")[0].rpartition("/")[2]))
    world.db, world.clock._db = known.superuser.execute, known.superuser  # type: ignore[attr-defined]
    world.clock._tell()  # type: ignore[attr-defined]
    world.crash()
    before_one_leads()
    world.boot()


def executed_by(world: HostsWorld, run: Run) -> list[str]:
    """The hosts that executed a run, once for each time."""
    return [
        host.name for host in world.hosts.values() for one in host.launcher.executed if one.startswith(run.id)
    ]


def only(world: HostsWorld, job: str) -> Run:
    [run] = world.runs(job)
    return run


def give(world: HostsWorld, host: FakeHost, *jobs: str) -> None:
    """Have a host execute a run of each job."""
    for other in world.hosts.values():
        other.is_frozen = other is not host
    for job in jobs:
        world.run_by_hand(job)
    world.turn()
    for other in world.hosts.values():
        other.is_frozen = False


def finish(world: HostsWorld, *jobs: str) -> None:
    """End what is executed of some jobs."""
    ids = {run.id for job in jobs for run in world.runs(job)}
    for host in world.hosts.values():
        for name in host.launcher.running():
            if name.partition("-")[0] in ids:
                host.launcher.finish(name)
    world.pass_time(seconds=1)


def test_an_attempt_that_a_standby_does_not_know_is_still_executed_once(
    world: HostsWorld, pair: Pair
) -> None:
    a, _, c = world.hosts.values()
    old = world.shared.server()
    give(world, a, "known", "ended")
    world.queue.loses = lambda _: True
    for job in ("taken", "over"):
        world.run_by_hand(job)
    for job in ("begun", "done"):
        request_runs_of(world, job, count=1)
    pair.cut()
    world.queue.loses = lambda _: False
    # The lost second
    for host in (a, c):
        host.is_frozen = True
    world.pass_time(seconds=8)  # what was lost is offered again, and taken by b
    for host in (a, c):
        host.is_frozen = False
    give(world, c, "asked")
    finish(world, "ended", "over", "done")
    before = {job: only(world, job) for job in ("ended", "taken", "over", "begun", "done", "asked")}
    states = {job: run.state.value for job, run in before.items()}
    assert [job for job, state in states.items() if state == "succeeded"] == ["ended", "over", "done"]
    assert {job for job, run in before.items() if executed_by(world, run) == ["b"]} == {
        "taken",
        "over",
        "begun",
        "done",
    }
    # Another server
    fail_over(world, pair)
    assert world.runs("asked") == []
    assert world.shared.server() not in ("", old)
    for _ in range(3):
        c.tick()
        world.step()  # c is asked first, and takes nothing of it
    world.pass_time(seconds=20)
    assert {job: executed_by(world, run) for job, run in before.items()} == {
        **{job: ["b"] for job in ("taken", "over", "begun", "done")},
        "ended": ["a"],
        "asked": ["c"],
    }
    assert {job: only(world, job).state.value for job in ("ended", "over", "done")} == {
        "ended": "succeeded",
        "over": "succeeded",
        "done": "succeeded",
    }
    finish(world, "known", "taken", "begun")
    world.pass_time(seconds=10)
    for job in ("known", "taken", "begun"):
        assert only(world, job).state.value == "succeeded", job
    [unknown] = c.launcher.running()
    assert unknown.startswith(before["asked"].id)
    [flight] = [one for one in c.launcher.flights.values() if one.order.attempt_id == unknown]
    assert flight.stops[0] is Stop.KILL, "nobody knows of it any more"
    c.launcher.obey(unknown)
    assert world.unsound() == []
    assert world.failovers == {"b": (4, 0), "a": (0, 0), "c": (0, 1)}
    # A host that did not come back may have had what is offered: until its lease is over
    assert [host.server == world.shared.server() for host in world.shared.hosts.all()] == [True] * 3
    world.db("update host set server = 'old' where id = 'c'")
    c.is_frozen = True
    world.run_by_hand("often")
    world.pass_time(seconds=LEASES.idempotent.total_seconds() + BEHIND.total_seconds() - 10)
    assert executed_by(world, only(world, "often")) == []
    world.pass_time(seconds=20)
    assert len(executed_by(world, only(world, "often"))) == 1


def stops_of(host: FakeHost, attempt: str) -> list[Stop]:
    """How a host was told to end an attempt that it executes."""
    [flight] = [one for one in host.launcher.flights.values() if one.order.attempt_id == attempt]
    return [*flight.stops]


@pytest.mark.parametrize("is_cancelled", [True, False])
def test_a_retry_that_a_standby_does_not_know_continues_only_if_its_run_is_not_over_there(
    world: HostsWorld, pair: Pair, is_cancelled: bool
) -> None:
    """The run waits for its retry there, and is cancelled before any host says that the retry runs."""
    a = world.hosts["a"]
    give(world, a, "again")
    [first] = a.launcher.running()
    a.launcher.finish(first, exit_code=1)
    world.pass_time(seconds=1)
    assert only(world, "again").state.value == "retry_wait"
    pair.cut()
    for other in (world.hosts["b"], world.hosts["c"]):
        other.is_frozen = True
    world.pass_time(seconds=8)
    run = only(world, "again")
    assert (run.state.value, run.attempt) == ("running", 2)
    [second] = a.launcher.running()

    def cancel() -> None:
        store = Chosen.ledgers.store(world.config.ledger)
        with store.transaction():
            assert store.run(run.id).attempt == 1, "it does not know the retry"
            store.request_stop(run.id, Stop.CANCEL, reason="by_hand", detail="", now=world.clock.now())

    fail_over(world, pair, before_one_leads=cancel if is_cancelled else lambda: None)
    if is_cancelled:
        assert only(world, "again").state.value == "cancelled"
    for host in world.hosts.values():
        host.is_frozen = False
    world.pass_time(seconds=20)
    if is_cancelled:
        assert stops_of(a, second)[:1] == [Stop.KILL], "its run is over: nobody would read its end"
        assert only(world, "again").state.value == "cancelled"
        return
    assert stops_of(a, second) == []
    a.launcher.finish(second)
    world.pass_time(seconds=5)
    assert only(world, "again").state.value == "succeeded"
    assert executed_by(world, run) == ["a", "a"], "each attempt once"
    assert world.unsound() == []


def test_an_attempt_that_a_newer_one_has_followed_there_is_not_given_back(tmp_path: Path) -> None:
    world = HostsWorld(tmp_path, JOBS, hosts=["a"])
    a = world.hosts["a"]
    give(world, a, "again")
    [old] = world.shared.deliveries.open()
    [first] = a.launcher.running()
    a.launcher.finish(first, exit_code=1)
    world.pass_time(seconds=8)
    [newer] = world.shared.deliveries.open()
    assert newer.attempt.number == 2
    world.db("delete from delivery where number = 1")  # as in a server that lacks it
    mine = {"host": "a", "process": "a-1", "boot_id": "a/1/1"}
    assert world.shared.holding.reclaim(old, **mine) is None
    assert [one.attempt for one in world.shared.deliveries.open()] == [newer.attempt]


def test_a_leader_on_another_server_continues_a_ledger_that_lacks_moments_and_holds_one_that_lacks_more(
    tmp_path: Path,
) -> None:
    world = HostsWorld(tmp_path, JOBS, hosts=[])
    now, before = world.clock.now(), world.store.last_session()
    assert before is not None

    def begun(server: str, *, lacks: float) -> bool:
        noted_at = before.last_seen_at + timedelta(seconds=lacks)
        rewind = Rewind(9, None, "it is older", noted_at)
        return begin_in(server, world.store, before=before, rewind=rewind, now=now)

    assert not begun("7/1", lacks=1), "that was its first server"
    assert not begun("7/1", lacks=1), "it is in the same server"
    assert not begun("", lacks=1), "nobody knows"
    assert begun("7/2", lacks=60)
    assert not begun("7/3", lacks=70)
    found = [(one.action, one.detail) for _, one in world.view.recent_audit(limit=3)]
    assert found == [("failover", "7/2 -> 7/3"), ("accept_rewind", ""), ("failover", "7/1 -> 7/2")]
