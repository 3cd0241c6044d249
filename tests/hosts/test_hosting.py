"""What the leader and its hosts do together, when all goes well and when it does not."""

from collections import Counter
from contextlib import suppress
from itertools import count
from pathlib import Path
from queue import Empty, Queue
from threading import Event, Thread

from engine.core.hosts import DELETED_KEPT
from engine.core.lifecycle import RunState
from engine.ledger.host_ports import EVERYONE, LEADER
from engine.ledger.postgres.store import PostgresStore
from engine.ports import Stop
from jobfile.model.environment import FENCE
from tests.acceptance.engines import until
from tests.hosts.world import HostsWorld

JOBS = """
version: 1
jobs:
  once: {run: 'true', concurrency: {limit: 9}}
  often: {run: 'true', idempotent: true, retry: {attempts: 3, delay: 1s}}
"""


def the_run(world: HostsWorld, job: str) -> tuple[str, str]:
    [run] = world.runs(job)
    return run.state.value, run.reason


def test_each_run_is_executed_by_one_host(tmp_path: Path) -> None:
    world = HostsWorld(tmp_path, JOBS)
    for _ in range(6):
        world.run_by_hand("once")
    world.turn()
    assert len(world.executed) == 6
    for host in world.hosts.values():
        host.finish()
    world.pass_time(seconds=2)
    assert {run.state for run in world.runs("once")} == {RunState.SUCCEEDED}
    world.check_once()


def test_each_attempt_has_a_fence_that_grows(tmp_path: Path) -> None:
    world = HostsWorld(tmp_path, JOBS)
    for _ in range(3):
        world.run_by_hand("once")
        world.turn()
    orders = [flight.order for host in world.hosts.values() for flight in host.launcher.flights.values()]
    by_id = sorted((order.attempt_id, int(order.env[FENCE])) for order in orders)
    fences = [fence for _, fence in by_id]
    assert len(fences) == 3
    assert fences == sorted({*fences}), "ids are in the order of time"


def test_a_host_without_power_loses_its_runs_and_another_repeats_only_idempotent_ones(
    tmp_path: Path,
) -> None:
    world = HostsWorld(tmp_path, JOBS, hosts=["a"])
    world.run_by_hand("once")
    world.run_by_hand("often")
    world.turn()
    assert len(world.hosts["a"].launcher.executed) == 2
    world.hosts["a"].is_frozen = True
    world.add("b")
    world.pass_time(seconds=64)
    assert the_run(world, "often")[0] == "running"
    world.pass_time(seconds=5)
    assert len(world.hosts["b"].launcher.executed) == 1
    world.hosts["b"].finish()
    world.pass_time(seconds=2)
    assert the_run(world, "often") == ("succeeded", "")
    assert the_run(world, "once")[0] == "running", "its lease is longer"
    world.pass_time(seconds=15 * 60)
    assert the_run(world, "once") == ("lost", "host_silent")
    world.check_once()


def test_a_host_that_is_cut_off_has_killed_its_jobs_before_another_repeats_them(tmp_path: Path) -> None:
    world = HostsWorld(tmp_path, JOBS, hosts=["a"])
    world.run_by_hand("often")
    world.turn()
    a = world.hosts["a"]
    a.network.is_cut = True
    b = world.add("b")
    while not b.launcher.executed:
        world.pass_time(seconds=1)
    [flight] = a.launcher.flights.values()
    a.launcher.evidence(next(iter(a.launcher.flights)), boot_id="")
    assert flight.end is not None
    a.network.is_cut = False
    world.pass_time(seconds=5)
    b.finish()
    world.pass_time(seconds=5)
    assert the_run(world, "often") == ("succeeded", "")
    assert a.hosting.running == 0
    world.check_once()


def test_a_short_network_cut_harms_nothing(tmp_path: Path) -> None:
    world = HostsWorld(tmp_path, JOBS, hosts=["a"])
    world.run_by_hand("often")
    world.turn()
    a = world.hosts["a"]
    a.network.is_cut = True
    world.pass_time(seconds=40)
    a.finish()
    a.network.is_cut = False
    world.pass_time(seconds=5)
    assert the_run(world, "often") == ("succeeded", "")
    world.check_once()


def test_a_process_that_is_killed_finds_its_jobs_again(tmp_path: Path) -> None:
    world = HostsWorld(tmp_path, JOBS, hosts=["a"])
    world.run_by_hand("once")
    world.turn()
    a = world.hosts["a"]
    world.pass_time(seconds=3)
    a.boot()
    a.finish()
    world.pass_time(seconds=3)
    assert the_run(world, "once") == ("succeeded", "")
    world.check_once()


def test_a_lost_offer_is_repeated(tmp_path: Path) -> None:
    world = HostsWorld(tmp_path, JOBS, hosts=["a"])
    world.queue.loses = lambda _: True
    world.run_by_hand("once")
    world.turn()
    assert world.executed == []
    world.queue.loses = lambda _: False
    world.pass_time(seconds=7)
    assert len(world.executed) == 1


def test_a_run_that_no_host_has_taken_is_cancelled_at_once(tmp_path: Path) -> None:
    world = HostsWorld(tmp_path, JOBS, hosts=["a"])
    world.queue.loses = lambda _: True
    run = world.run_by_hand("once")
    world.step()
    with world.store.transaction():
        world.store.request_stop(run.id, Stop.CANCEL, reason="by_hand", detail="", now=world.clock.now())
    world.step()
    assert the_run(world, "once") == ("cancelled", "by_hand")
    assert world.unsound() == []
    world.queue.loses = lambda _: False
    world.queue.waiting.append(("any", run.last_attempt._replace(number=1)))
    world.pass_time(seconds=7)
    assert world.executed == []


def test_without_a_host_a_run_waits(tmp_path: Path) -> None:
    world = HostsWorld(tmp_path, JOBS, hosts=[])
    world.run_by_hand("once")
    world.pass_time(seconds=3)
    assert the_run(world, "once")[0] == "queued"
    world.add("a")
    world.pass_time(seconds=3)
    assert len(world.executed) == 1


def test_what_a_command_records_wakes_the_leader(tmp_path: Path) -> None:
    world = HostsWorld(tmp_path, JOBS, hosts=[])
    heard: Queue[str] = Queue()
    over = Event()
    listener = Thread(target=lambda: world.shared.hints.listen(heard.put, is_over=over.is_set))
    listener.start()
    other = PostgresStore.open(world.address)
    try:
        until(lambda: rings(world, heard), "the listener to listen")
        with other.transaction():
            other.past.note("a fact", "noted")
        assert heard.get(timeout=10) == LEADER
        with other.transaction():
            assert other.past.fact("a fact", default="") == "noted"
        with world.store.transaction():
            world.store.past.note("a fact", "noted by the leader itself")
        world.shared.hints.ring("a")
        assert heard.get(timeout=10) == "a", "neither reading nor the leader rings"
    finally:
        over.set()
        listener.join()
        other.close()


def test_who_begins_to_listen_looks_because_earlier_hints_are_lost(tmp_path: Path) -> None:
    world = HostsWorld(tmp_path, JOBS, hosts=[])
    world.shared.hints.ring(LEADER)
    heard: list[str] = []
    world.shared.hints.listen(heard.append, is_over=lambda: bool(heard))
    assert heard == [EVERYONE]


PROBES = count()


def rings(world: HostsWorld, heard: "Queue[str]") -> bool:
    """Whether what is rung is heard; then nothing else is on its way."""
    name = f"probe {next(PROBES)}"
    world.shared.hints.ring(name)
    with suppress(Empty):
        while heard.get(timeout=0.2) != name:
            pass
        return True
    return False


LABELS = """
version: 1
jobs:
  train: {run: 'true', runs_on: gpu, concurrency: {limit: 9}}
  plain: {run: 'true', concurrency: {limit: 9}}
"""


def test_runs_for_a_host_that_is_full_keep_none_from_other_hosts(tmp_path: Path) -> None:
    world = HostsWorld(tmp_path, LABELS, hosts=[])
    gpu, other = world.add("gpu", slots=1, labels=("gpu",)), world.add("other", slots=2)
    for _ in range(4):
        world.run_by_hand("train")
    for _ in range(4):
        world.run_by_hand("plain")
    world.pass_time(seconds=2)
    assert len(gpu.launcher.running()) == 1
    assert len(other.launcher.running()) == 2
    states = Counter(run.state for run in world.runs("train"))
    assert states == {RunState.RUNNING: 1, RunState.QUEUED: 3}, "no attempt waits for a place"
    other.finish()
    world.pass_time(seconds=2)
    assert Counter(run.state for run in world.runs("plain"))[RunState.SUCCEEDED] == 2
    gpu.finish()
    world.pass_time(seconds=2)
    assert len(gpu.launcher.executed) == 2
    world.check_once()


def test_a_host_that_is_gone_and_deliveries_of_deleted_runs_are_forgotten(tmp_path: Path) -> None:
    world = HostsWorld(tmp_path, JOBS, hosts=["a", "b"])
    world.run_by_hand("once")
    world.turn()
    for host in world.hosts.values():
        host.finish()
    world.pass_time(seconds=3)
    world.hosts["b"].hosting.end()
    world.hosts["b"].is_frozen = True
    [run] = world.runs("once")
    with world.store.transaction():
        assert world.store.past.prune([run], now=world.clock.now())
    world.clock.advance(seconds=25 * 3600)
    world.hosts["a"].hosting.renew()
    world.turn()
    assert [host.name for host in world.shared.hosts.all()] == ["a"]
    assert len(world.shared.deliveries.of_runs([run.id])) == 1, "a host learns by it that the run is deleted"
    world.clock.advance(seconds=DELETED_KEPT.total_seconds() + 1)
    world.hosts["a"].hosting.renew()
    world.turn()
    assert world.shared.deliveries.of_runs([run.id]) == []


def test_a_host_does_not_execute_a_definition_that_was_altered_in_the_ledger(tmp_path: Path) -> None:
    """Altered after the leader had read it: the host compares the text with its digest by itself."""
    world = HostsWorld(tmp_path, JOBS, hosts=["a"])
    world.hosts["a"].is_frozen = True
    world.run_by_hand("once")
    assert world.queue.waiting
    world.db("update definition set spec = replace(spec, 'true', 'rm -rf /') where job = 'once'")
    world.hosts["a"].is_frozen = False
    world.pass_time(seconds=3)
    assert world.executed == []
    [run] = world.runs("once")
    assert (run.state.value, run.reason) == ("failed", "start_error")
    assert run.detail.startswith("its definition cannot be read: its text was altered after it was applied")
    assert world.hosts["a"].hosting.running == 0
