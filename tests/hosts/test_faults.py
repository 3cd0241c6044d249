"""Faults of several hosts that a random life seldom meets: each was once a bug, or a race."""

import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.core.errors import StoreUnavailableError
from engine.core.hosts import Leases
from engine.core.lifecycle import RunState
from engine.hosts.lead import Lead
from engine.ports import LaunchOrder
from engine.service import hosting as services
from engine.testing import FakeClock, KeptJournal, ScriptedLauncher
from tests.builders import NOON
from tests.hosts.world import FakeHost, HostsWorld

JOBS = """
version: 1
jobs:
  once: {run: 'true', concurrency: {limit: 9}}
  often: {run: 'true', idempotent: true, retry: {attempts: 3, delay: 1s}}
"""
SHORT = Leases(idempotent=timedelta(seconds=6), once=timedelta(seconds=6))


class LateLauncher(ScriptedLauncher):
    """A launcher whose supervisors begin when the test says so, even after the end of their process."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.sent: list[LaunchOrder] = []

    def launch(self, *orders: LaunchOrder) -> None:
        self.sent += orders

    def begin(self) -> None:
        sent, self.sent = self.sent, []
        super().launch(*sent)


class LateWorld(HostsWorld):
    """A world with late supervisors."""

    def launcher_of_host(self) -> ScriptedLauncher:
        return LateLauncher(self.clock)


def launcher_of(host: FakeHost) -> LateLauncher:
    assert isinstance(host.launcher, LateLauncher)
    return host.launcher


def state_of(world: HostsWorld, job: str) -> RunState:
    [run] = world.runs(job)
    return run.state


def delivery_states(world: HostsWorld) -> list[str]:
    return [one.state.value for one in world.shared.deliveries.open()]


@pytest.mark.parametrize("wait", [0.0, 1.0, 2.5, 4.0])
def test_the_shortest_lease_is_renewed_before_half_of_it_is_over(tmp_path: Path, wait: float) -> None:
    """Then SIGTERM would come. A host that had nothing to renew must begin with it at once."""
    world = HostsWorld(tmp_path, JOBS, hosts=["a"], leases=SHORT)
    world.pass_time(seconds=10)
    world.clock.advance(seconds=wait)
    world.run_by_hand("often")
    world.turn()
    [flight] = world.hosts["a"].launcher.flights.values()
    assert flight.order.lease is not None
    for _ in range(40):
        assert flight.until is not None
        assert flight.until - flight.order.lease.seconds / 3 > world.clock.elapsed()
        world.clock.advance(seconds=0.5)
        world.turn()


def test_an_order_of_a_killed_process_is_not_given_back_while_it_may_still_begin(tmp_path: Path) -> None:
    world = LateWorld(tmp_path, JOBS, hosts=["a"])
    world.run_by_hand("once")
    world.turn()
    a = world.hosts["a"]
    assert launcher_of(a).sent
    world.shared.hosts.drain("a", is_draining=True)
    a.boot()
    b = world.add("b")
    world.pass_time(seconds=7)
    launcher_of(a).begin()
    for _ in range(20):
        world.pass_time(seconds=1)
        launcher_of(b).begin()
    assert len(world.executed) == 1
    a.finish()
    world.pass_time(seconds=5)
    assert state_of(world, "once") is RunState.SUCCEEDED


def test_an_order_of_a_killed_process_that_is_too_old_is_void_and_another_host_executes_it(
    tmp_path: Path,
) -> None:
    world = LateWorld(tmp_path, JOBS, hosts=["a"])
    world.run_by_hand("once")
    world.turn()
    a = world.hosts["a"]
    a.boot()
    world.pass_time(seconds=3)
    b = world.add("b", slots=9)
    world.shared.hosts.drain("a", is_draining=True)
    world.pass_time(seconds=30)
    launcher_of(a).begin()
    launcher_of(b).begin()
    assert (a.launcher.executed, len(b.launcher.executed)) == ([], 1)


def test_an_attempt_taken_in_a_lost_answer_is_given_back_soon(tmp_path: Path) -> None:
    world = HostsWorld(tmp_path, JOBS, hosts=["a"])
    a = world.hosts["a"]
    a.network.loses = lambda what: "answer" if what == "take" else ""
    world.run_by_hand("once")
    world.turn()
    a.network.loses = lambda _: ""
    assert delivery_states(world) == ["held"]
    world.pass_time(seconds=18)
    assert len(world.executed) == 1


def test_an_offer_that_was_lost_for_long_is_repeated_soon(tmp_path: Path) -> None:
    world = HostsWorld(tmp_path, JOBS, hosts=["a"])
    world.queue.loses = lambda _: True
    world.run_by_hand("once")
    world.pass_time(seconds=130)
    world.queue.loses = lambda _: False
    world.pass_time(seconds=16)
    assert len(world.executed) == 1


def meanwhile(host: FakeHost, act: Callable[[], Any]) -> None:
    """Do something while the next attempt is being prepared, as another thread may."""
    here = host.hosting._here
    launch = here.launch

    def slowly(starts: Any) -> Mapping[str, Any]:
        here.launch = launch  # type: ignore[method-assign]  # once
        act()
        return launch(starts)

    here.launch = slowly  # type: ignore[method-assign]  # it takes long


def test_an_attempt_that_one_thread_is_starting_is_not_given_back_by_another(tmp_path: Path) -> None:
    world = HostsWorld(tmp_path, JOBS, hosts=["a"])
    a = world.hosts["a"]

    def check_late() -> None:
        world.clock.advance(seconds=59)
        a.hosting.check()

    meanwhile(a, check_late)
    world.run_by_hand("often")
    world.turn()
    assert delivery_states(world) == ["held"]


def test_an_attempt_that_was_given_up_while_it_was_prepared_is_not_executed(tmp_path: Path) -> None:
    world = HostsWorld(tmp_path, JOBS, hosts=["a"])
    a = world.hosts["a"]
    meanwhile(a, lambda: a.hosting._give_up(next(iter(a.hosting._held))))
    world.run_by_hand("often")
    world.turn()
    assert world.executed == []


def test_a_leader_that_was_away_with_all_hosts_first_lets_them_report(tmp_path: Path) -> None:
    world = HostsWorld(tmp_path, JOBS, hosts=["a"])
    world.run_by_hand("often")
    world.pass_time(seconds=80)
    a = world.hosts["a"]
    a.network.is_cut = True
    a.finish()
    world.clock.advance(seconds=100)
    a.network.is_cut = False
    world.turn()
    world.pass_time(seconds=3)
    assert state_of(world, "often") is RunState.SUCCEEDED
    assert world.view.attempts(world.runs("often")[0].id)[0].reason == ""


def test_a_database_that_is_away_for_ten_minutes_costs_no_run_that_may_not_be_repeated(
    tmp_path: Path,
) -> None:
    world = HostsWorld(tmp_path, JOBS)
    runs = [world.run_by_hand("once") for _ in range(8)]
    world.run_by_hand("often")
    world.pass_time(seconds=10)
    assert len(world.executed) == 9
    for host in world.hosts.values():
        host.network.is_cut = True
    for _ in range(600):
        world.clock.advance(seconds=1)
        for host in world.hosts.values():
            host.tick()
    for host in world.hosts.values():
        for folder in host.launcher.flights:
            host.launcher.evidence(folder, boot_id="")  # its supervisor has ended it with its lease
        host.network.is_cut = False
    world.pass_time(seconds=20)
    for host in world.hosts.values():
        host.finish()
    world.pass_time(seconds=20)
    assert [state_of_run(world, run.id) for run in runs] == [("succeeded", "", 1)] * 8
    assert state_of(world, "often") is RunState.SUCCEEDED
    assert len(world.executed) == 10, "only what may be repeated was killed, by the end of its shorter lease"
    world.check_once()


def state_of_run(world: HostsWorld, run_id: str) -> tuple[str, str, int]:
    run = world.store.run(run_id)
    return run.state.value, run.reason, run.attempt


class Away:
    """The lead in a ledger that is away for the first two questions."""

    def __init__(self) -> None:
        self.asked = 0

    def acquire(self, holder: str, *, host: str, length: timedelta) -> int | None:
        self.asked += 1
        if self.asked < 3:
            raise StoreUnavailableError("it is away")
        return 7

    def release(self, holder: str) -> None: ...

    def current(self) -> None: ...


def test_an_engine_that_waits_to_lead_outlives_a_ledger_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.hosts.lead.WAIT_SECONDS", 0.0)
    lead = Lead(Away(), FakeClock(NOON), holder="me", host="a", length=timedelta(seconds=10))
    assert lead.wait(threading.Event())
    assert lead.term == 7


def test_an_error_of_a_thread_beside_the_loops_is_reported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "RETRY_SECONDS", 0.0)
    journal, ended, tries = KeptJournal(), threading.Event(), []

    def fail() -> None:
        tries.append(1)
        if len(tries) == 5:
            ended.set()
        raise StoreUnavailableError("it is away")

    services.begin_beside("carrier", fail, journal=journal, ended=ended)
    ended.wait(10)
    [event] = journal.events
    assert "it is away" in str(event)
