"""A host's own clock, which may be wrong: it leads and takes work only while that is nearly right."""

import os
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from engine.core.errors import SupersededError
from engine.core.hosts import HostWord, clock_trouble
from engine.core.lifecycle import RunState
from engine.hosts.shared_clock import SharedClock
from engine.testing import FakeClock
from tests.builders import NOON
from tests.hosts.world import HostsWorld, OwnClock, a_lead

TEXT = "version: 1\njobs:\n  once: {run: 'true', concurrency: {limit: none}}\n"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, ""),
        (30, ""),
        (-30, ""),
        (30.1, "its clock is 30s ahead of the ledger's"),
        (-90, "its clock is 1m30s behind the ledger's"),
    ],
)
def test_a_clock_may_be_a_little_wrong(seconds: float, words: str) -> None:
    assert clock_trouble(timedelta(seconds=seconds), within=timedelta(seconds=30)) == words


@pytest.mark.parametrize("seconds", [-90, 90])
def test_a_host_whose_clock_is_wrong_finishes_what_it_has_and_takes_nothing_new(
    tmp_path: Path, seconds: float
) -> None:
    world = HostsWorld(tmp_path, TEXT, hosts=["a"])
    a = world.hosts["a"]
    world.run_by_hand("once")
    world.turn()
    a.clock.skew = timedelta(seconds=seconds)
    world.pass_time(seconds=6)
    world.run_by_hand("once")
    world.pass_time(seconds=6)
    a.finish()
    world.pass_time(seconds=6)
    assert sorted(run.state for run in world.runs("once")) == [RunState.QUEUED, RunState.SUCCEEDED]
    [host] = world.shared.hosts.all()
    assert (host.word, host.skew) == (HostWord.TROUBLED, a.clock.skew)
    a.clock.skew = timedelta(seconds=-29)
    world.pass_time(seconds=12)
    assert len(world.executed) == 2


@pytest.mark.parametrize("seconds", [-90, 90])
@pytest.mark.parametrize("noted", ["before", "after", "never"])
def test_a_clock_that_is_set_while_a_job_runs_changes_neither_its_start_nor_its_end(
    tmp_path: Path, seconds: float, noted: str
) -> None:
    """The ledger learns of the start before the clock is set, after that, or only with the end."""
    world = HostsWorld(tmp_path, TEXT, hosts=["a"])
    a = world.hosts["a"]
    a.launcher._clock = a.clock  # type: ignore[assignment]  # its supervisors have it, too
    run = world.run_by_hand("once")
    world.turn()
    began = world.clock.now()
    if noted == "before":
        world.pass_time(seconds=3)
    a.clock.skew = timedelta(seconds=seconds)
    if noted == "after":
        world.pass_time(seconds=3)
    world.clock.advance(seconds=4)
    a.finish()
    world.pass_time(seconds=2)
    [attempt] = world.view.attempts(run.id)
    assert attempt.started_at is not None
    assert attempt.ended_at is not None
    assert began <= attempt.started_at <= attempt.ended_at <= world.clock.now()
    if noted == "before":
        assert attempt.started_at == began
        assert attempt.ended_at == began + timedelta(seconds=7)


@pytest.mark.parametrize("skew", [-20, 0, 20])
@pytest.mark.parametrize(("written_at", "state"), [(-10, RunState.FAILED), (1, RunState.SUCCEEDED)])
def test_whether_a_file_is_new_is_judged_by_the_clock_that_stamps_it(
    tmp_path: Path, skew: float, written_at: float, state: RunState
) -> None:
    made = tmp_path / "made"
    expected = f"expect: {{files: [{{path: {made}, newer_than: start}}]}}"
    world = HostsWorld(tmp_path, TEXT.replace("concurrency: {limit: none}", expected), hosts=["a"])
    a = world.hosts["a"]
    a.launcher._clock = a.clock  # type: ignore[assignment]  # its supervisors have it, too
    a.clock.skew = timedelta(seconds=skew)
    world.run_by_hand("once")
    world.turn()
    made.touch()
    stamp = a.clock.now().timestamp() + written_at
    os.utime(made, (stamp, stamp))
    world.pass_time(seconds=2)
    a.finish()
    world.pass_time(seconds=2)
    [run] = world.runs("once")
    assert run.state is state


def test_an_engine_with_a_wrong_clock_waits_and_one_that_leads_stops(tmp_path: Path) -> None:
    world = HostsWorld(tmp_path, TEXT, hosts=[])
    troubles, ended = ["it is wrong", "it is wrong", ""], threading.Event()
    lead = a_lead(world, hindrance=lambda: troubles.pop(0) if troubles else "")
    assert lead.wait(ended)
    assert not troubles
    assert lead.keep() > 0
    troubles.append("its clock is wrong")
    with pytest.raises(SupersededError, match="must not lead: its clock is wrong"):
        lead.keep()


def test_the_difference_to_the_ledgers_clock_is_asked_for_when_it_is_old() -> None:
    true = FakeClock(NOON)
    own, asked = OwnClock(true), []

    def ask() -> object:
        asked.append(1)
        return true.now()

    shared = SharedClock(own, ask)  # type: ignore[arg-type]  # a server's clock
    own.skew = timedelta(seconds=7)
    assert shared.skew == own.skew
    before = len(asked)
    shared.ask_if_older(2)
    assert len(asked) == before
    true.advance(seconds=2)
    shared.ask_if_older(2)
    assert len(asked) > before
