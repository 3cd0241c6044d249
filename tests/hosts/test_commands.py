"""What commands say of several hosts: golden screens, JSON, and what changes."""

import re
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.answers.hosts import fleet_to_text, make_fleet
from engine.core.lifecycle import RunState
from engine.host.clock import SystemClock
from tests.builders import NOON
from tests.cli.conftest import Jobfile, jobfile
from tests.cli.test_files import fits
from tests.hosts.world import HostsWorld

__all__ = ["jobfile"]

HERE = Path(__file__).parent / "screens"
JOBS = """
version: 1
defaults: {timezone: UTC}
jobs:
  load: {run: load, concurrency: {limit: 9}}
  train: {run: train, runs_on: [eu, gpu], concurrency: {limit: 9}}
  never: {run: never, runs_on: [eu, tpu]}
  steps:
    steps:
      extract: {run: extract}
"""


@pytest.fixture(autouse=True)
def _same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SystemClock, "now", lambda _: NOON)


class Asked:
    """Commands about the ledger of a world."""

    def __init__(self, world: HostsWorld, jobfile: Jobfile, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world = world
        self._jobfile = jobfile
        monkeypatch.setenv("JOBFILE_STORE", world.url)
        monkeypatch.setenv("COLUMNS", "100")
        self._patch = monkeypatch

    def __call__(self, *words: str) -> Any:
        now = self.world.clock.now()
        self._patch.setattr(SystemClock, "now", lambda _: now)
        return self._jobfile(*words)


@pytest.fixture
def world(tmp_path: Path) -> HostsWorld:
    """Three hosts, of which one is silent, one has a GPU, and one is full; and what waits."""
    world = HostsWorld(tmp_path, JOBS, hosts=[])
    world.lead("a")
    world.add("a", slots=2, labels=("eu", "gpu"))
    world.add("b", slots=2)
    world.add("c", slots=1)
    return world


@pytest.fixture
def asked(world: HostsWorld, jobfile: Jobfile, monkeypatch: pytest.MonkeyPatch) -> Asked:
    return Asked(world, jobfile, monkeypatch)


def as_looked_at(name: str, said: str, request: pytest.FixtureRequest) -> None:
    path, said = HERE / f"{name}.txt", re.sub(r"\d+\.\d GB", "99.9 GB", said)
    if request.config.getoption("--update"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(said)
    assert said == path.read_text()


def busy(world: HostsWorld) -> None:
    """Each host has something, one falls silent, and two attempts wait."""
    world.run_by_hand("steps")
    world.turn()
    for _ in range(4):
        world.run_by_hand("load")
        world.turn()
    b = world.hosts["b"].launcher
    b.finish(b.running()[0])
    world.hosts["c"].is_frozen = True
    world.pass_time(seconds=20)
    world.run_by_hand("never")
    world.pass_time(seconds=8)
    world.run_by_hand("train")
    world.pass_time(seconds=3)


def test_hosts_are_shown_with_what_they_run(
    world: HostsWorld, asked: Asked, request: pytest.FixtureRequest
) -> None:
    busy(world)
    said = asked("hosts")
    assert (said.code, said.err) == (0, "")
    assert world.view.hosts is not None
    narrow = fleet_to_text(make_fleet(world.view, world.view.hosts), width=80, row_width=80)
    as_looked_at("hosts", f"{said.out}\n--- at 80 columns:\n{narrow}\n", request)
    found = asked("hosts", "--json").json
    fits(found, "hosts")
    assert [(one["name"], one["state"], one["used_slots"]) for one in found["hosts"]] == [
        ("a", "up", 2),
        ("b", "up", 1),
        ("c", "silent", 1),
    ]
    assert (found["slots"], found["used_slots"]) == (4, 3)
    assert [(one["job"], one["can_be_taken"], one["seconds"]) for one in found["waiting"]["attempts"]] == [
        ("never", False, 11.0),
        ("train", True, 3.0),
    ]
    assert found["leader"]["host"] == "a"
    assert found["leader"]["leads"]


def test_without_a_host_and_without_a_leader_the_answer_says_so(
    tmp_path: Path, jobfile: Jobfile, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    world = HostsWorld(tmp_path, JOBS, hosts=[])
    asked = Asked(world, jobfile, monkeypatch)
    said = asked("hosts")
    fits(asked("hosts", "--json").json, "hosts")
    world.lead("a", length=timedelta(seconds=10))
    world.add("a")
    world.clock.advance(seconds=70)
    fits(asked("hosts", "--json").json, "hosts")
    said_later = asked("hosts")
    assert said.code == said_later.code == 0
    as_looked_at(
        "no_hosts", f"{said.out}\n--- the leader and its only host are gone:\n{said_later.out}", request
    )


def test_a_host_that_drains_takes_nothing_new_and_keeps_what_it_has(world: HostsWorld, asked: Asked) -> None:
    world.run_by_hand("train")
    world.turn()
    said = asked("hosts", "drain", "a", "--why", "a new kernel")
    assert said.code == 0
    assert said.out.startswith(
        "a is draining: it takes nothing new; continue with  jobfile hosts resume a\ntrain ["
    )
    for _ in range(5):
        world.run_by_hand("load")
    world.pass_time(seconds=20)
    assert len(world.hosts["a"].launcher.executed) == 1
    assert len(world.executed) == 4
    assert asked("hosts", "drain", "a").out.startswith("a is draining already")
    found = asked("hosts", "drain", "a", "--json").json
    fits(found, "hosts-drain")
    assert (found["draining"], found["was_draining"], len(found["attempts"])) == (True, True, 1)
    assert asked("hosts", "resume", "a").out == "a takes work again\n"
    assert asked("hosts", "resume", "a").out == "a was not draining\n"
    world.pass_time(seconds=20)
    assert len(world.hosts["a"].launcher.executed) == 2
    records = asked("audit", "--json").json["records"]
    assert [(one["action"], one["object"], one["detail"]) for one in records if "host" in one["action"]] == [
        ("host resume", "a", None),
        ("host drain", "a", "a new kernel"),
    ]


def test_a_drained_host_that_has_not_heard_of_it_takes_nothing_either(
    world: HostsWorld, asked: Asked
) -> None:
    for name in "bc":
        assert asked("hosts", "drain", name).code == 0
    world.run_by_hand("load")
    world.step()
    [(_, attempt)] = world.queue.waiting
    assert world.hosts["b"].hosting.take(attempt) is None
    assert world.hosts["a"].hosting.take(attempt) is not None


def test_drain_waits_until_nothing_runs_there(world: HostsWorld, asked: Asked) -> None:
    world.run_by_hand("train")
    world.turn()
    world.hosts["a"].finish()
    ended = threading.Thread(target=lambda: world.pass_time(seconds=2))
    ended.start()
    waited = asked("hosts", "drain", "a", "--wait")
    ended.join()
    assert waited.code == 0
    assert waited.out.endswith("nothing runs there\n")
    assert world.runs("train")[0].state is RunState.SUCCEEDED


def test_names_that_do_not_exist_are_refused(world: HostsWorld, asked: Asked) -> None:
    said = asked("hosts", "drain", "d")
    assert said.code == 64
    assert "no host is called 'd'; there are a, b and c" in said.err
    assert asked("hosts", "drain").code == 64
    assert asked("hosts", "resume", "a", "--wait").code == 64
    assert asked("hosts", "--why", "x").code == 64


def test_host_names_are_completed(world: HostsWorld, asked: Asked) -> None:
    assert asked("completion", "zsh", "--", "hosts", "drain", "").out.split() == ["a", "b", "c"]
