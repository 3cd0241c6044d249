"""Tests that every launcher must pass. A test module defines a fixture `world` and imports all of this."""

import threading
from pathlib import Path
from typing import Protocol

from engine.core.lifecycle import Ended, Lost
from engine.ports import Alive, Evidence, Launcher, LaunchOrder, Lease, NotStarted, Stop


class LaunchWorld(Protocol):
    """A launcher, and a way to control what its commands do."""

    launcher: Launcher

    def order(self, name: str, script: str, **fields: object) -> LaunchOrder:
        """An order for a script that a real shell would run."""
        ...

    def plays(
        self,
        order: LaunchOrder,
        *,
        exit_code: int | None = None,
        signal: int | None = None,
        outputs: str = "",
    ) -> None:
        """Set what the command of an order will do, for a launcher that executes nothing."""
        ...

    def evidence(self, order: LaunchOrder) -> Evidence:
        """The evidence about an attempt now."""
        ...

    def end_of(self, order: LaunchOrder) -> Evidence:
        """The evidence about an attempt after its end."""
        ...

    def lease(self, seconds: float) -> Lease:
        """A lease that begins now."""
        ...

    def wait_until(self, instant: float) -> None:
        """Let time pass until an instant of the clock of leases."""
        ...

    def executions(self, order: LaunchOrder) -> int:
        """How often the command was executed."""
        ...


def test_nothing_is_known_of_an_attempt_that_was_never_launched(world: LaunchWorld) -> None:
    assert world.evidence(world.order("none", "exit 0")) == NotStarted()


def test_success_is_a_recorded_exit_code_0(world: LaunchWorld) -> None:
    order = world.order("good", "exit 0")
    world.launcher.launch(order)
    world.plays(order, exit_code=0)
    ended = world.end_of(order)
    assert isinstance(ended, Ended)
    assert (ended.exit_code, ended.signal, ended.timed_out, ended.stopped) == (0, None, False, False)
    assert ended.started_at <= ended.ended_at
    assert world.evidence(order) == ended, "the same when asked again"


def test_the_end_has_the_outputs(world: LaunchWorld) -> None:
    text = '{"n": 1}\n'
    file = f"{world.order('gave', '').run_dir}-outputs"
    order = world.order("gave", f"echo '{text.strip()}' > {file}", output_file=file)
    world.launcher.launch(order)
    world.plays(order, exit_code=0, outputs=text)
    for evidence in (world.end_of(order), world.evidence(order)):
        assert isinstance(evidence, Ended)
        assert (evidence.outputs, evidence.outputs_bytes, evidence.outputs_trouble) == (text, len(text), "")


def test_an_exit_code_is_the_true_one(world: LaunchWorld) -> None:
    order = world.order("seven", "exit 7")
    world.launcher.launch(order)
    world.plays(order, exit_code=7)
    ended = world.end_of(order)
    assert isinstance(ended, Ended)
    assert ended.exit_code == 7


def test_death_by_a_signal_is_named_as_such(world: LaunchWorld) -> None:
    order = world.order("killed", "kill -9 $$")
    world.launcher.launch(order)
    world.plays(order, signal=9)
    ended = world.end_of(order)
    assert isinstance(ended, Ended)
    assert (ended.exit_code, ended.signal) == (None, 9)


def test_a_running_attempt_is_alive_and_can_be_stopped(world: LaunchWorld) -> None:
    order = world.order("long", "sleep 30")
    world.launcher.launch(order)
    assert isinstance(world.evidence(order), Alive)
    for _ in range(500):
        if world.launcher.stop(order.run_dir, Stop.CANCEL):
            break
        threading.Event().wait(0.01)
    world.plays(order, signal=15)
    ended = world.end_of(order)
    assert isinstance(ended, Ended)
    assert ended.stopped


def test_the_same_attempt_is_executed_once(world: LaunchWorld) -> None:
    order = world.order("twice", "exit 0")
    world.launcher.launch(order)
    world.launcher.launch(order)
    world.plays(order, exit_code=0)
    assert isinstance(world.end_of(order), Ended)
    world.launcher.launch(order)
    assert isinstance(world.end_of(order), Ended)
    assert world.executions(order) == 1


def test_stopping_what_is_not_there_does_nothing(world: LaunchWorld, tmp_path: Path) -> None:
    assert not world.launcher.stop(tmp_path / "runs" / "none" / "1", Stop.KILL)


def test_an_attempt_whose_lease_ends_is_over_and_lost(world: LaunchWorld) -> None:
    order = world.order("cut", "sleep 30", lease=world.lease(1.5))
    world.launcher.launch(order)
    assert isinstance(world.evidence(order), Alive)
    assert order.lease is not None
    world.wait_until(order.lease.until)
    lost = world.end_of(order)
    assert isinstance(lost, Lost)
    assert lost.reason == "host_cut_off"
    assert world.evidence(order) == lost, "the same when asked again"
    world.launcher.extend(order.run_dir, world.lease(30.0).until)
    assert world.evidence(order) == lost, "it is not alive again"


def test_an_attempt_whose_lease_is_extended_goes_on_to_its_own_end(world: LaunchWorld) -> None:
    order = world.order("goes-on", "sleep 2.6; exit 3", lease=world.lease(2.4))
    world.launcher.launch(order)
    assert order.lease is not None
    extended = False
    while not extended:
        extended = world.launcher.extend(order.run_dir, order.lease.until + 30.0)
    assert world.launcher.extend(order.run_dir, order.lease.until), "an earlier end than before"
    world.wait_until(order.lease.until + 0.1)
    assert isinstance(world.evidence(order), Alive)
    world.plays(order, exit_code=3)
    ended = world.end_of(order)
    assert isinstance(ended, Ended)
    assert ended.exit_code == 3


def test_a_lease_is_extended_only_where_there_is_one(world: LaunchWorld, tmp_path: Path) -> None:
    assert not world.launcher.extend(tmp_path / "runs" / "none" / "1", world.lease(30.0).until)
    order = world.order("free", "sleep 0.3; exit 4")
    world.launcher.launch(order)
    world.launcher.extend(order.run_dir, world.lease(0.0).until)
    world.wait_until(world.lease(0.1).until)
    assert isinstance(world.evidence(order), Alive)
    world.plays(order, exit_code=4)
    ended = world.end_of(order)
    assert isinstance(ended, Ended)
    assert ended.exit_code == 4
