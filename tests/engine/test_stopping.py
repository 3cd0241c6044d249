"""An engine that takes its jobs with it, and runs that nobody waits for any more."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest

from engine.core.events import RunSettled
from engine.core.lifecycle import RunState, TriggerKind
from engine.transactions.stop import (
    STOP_LOOK_SECONDS,
    STOP_SLACK_SECONDS,
    is_withdrawn,
    stop_running,
    why_gone,
    withdraw,
)
from tests.builders import NOON, a_run
from tests.engine.world import World
from tests.together import together


class Waiting(threading.Event):
    """A second passes at each look; what happens then is up to the test."""

    def __init__(self, world: World, happens: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.looks = 0
        self._world, self._happens = world, happens

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout == STOP_LOOK_SECONDS
        self._world.clock.advance(seconds=1)
        self.looks += 1
        assert self.looks < 1_000, "it waits for ever"
        self._happens()
        return self.is_set()


TEXT = (
    "version: 1\njobs:\n"
    "  long: {command: ['true'], kill_grace: 30s}\n"
    "  short: {command: ['true'], kill_grace: 1s}\n"
)


def stop(world: World, waiting: Waiting) -> tuple[bool, int]:
    """Whether all ended, and how often the supervisors were roused."""
    roused: list[None] = []
    stopped = stop_running(
        world.store, world.clock, why="anna", wake=lambda: roused.append(None), asked_again=waiting
    )
    return stopped, len(roused)


def test_without_anything_that_runs_the_engine_ends_at_once(tmp_path: Path) -> None:
    world = World(tmp_path, TEXT, at=NOON, max_running=0)
    world.run_by_hand("long")
    waiting = Waiting(world)
    assert stop(world, waiting) == (True, 0)
    assert waiting.looks == 0
    assert [run.state for run in world.runs("long")] == [RunState.QUEUED]


def obeys(world: World) -> None:
    """What was asked to end ends, and that is recorded."""
    world.loops.rescuer.tick()
    for flight in [one for one in world.launcher.flights.values() if one.stops and one.end is None]:
        world.launcher.obey(flight.order.attempt_id)
    world.step()


def test_what_runs_is_asked_to_end_and_waited_for_until_its_end_is_recorded(tmp_path: Path) -> None:
    world = World(tmp_path, TEXT, at=NOON)
    runs = [world.run_by_hand("long"), world.run_by_hand("short")]
    waiting = Waiting(world, lambda: obeys(world) if waiting.looks == 3 else None)
    assert stop(world, waiting) == (True, 1)
    assert waiting.looks == 3
    for run in runs:
        ended = world.view.run(run.id)
        assert ended is not None
        assert (ended.state, ended.reason, ended.detail) == (RunState.CANCELLED, "stopped", "anna")


def test_what_starts_meanwhile_is_asked_as_well(tmp_path: Path) -> None:
    world = World(tmp_path, TEXT, at=NOON, max_running=1)
    for _ in range(3):
        world.run_by_hand("short")
    waiting = Waiting(world, lambda: obeys(world))
    assert stop(world, waiting) == (True, 3)
    assert [run.state for run in world.runs("short")] == [RunState.CANCELLED] * 3


@pytest.mark.parametrize(("jobs", "grace"), [(("short",), 1), (("short", "long"), 30), (("long",), 30)])
def test_what_does_not_end_is_waited_for_as_long_as_its_grace(
    tmp_path: Path, jobs: tuple[str, ...], grace: int
) -> None:
    world = World(tmp_path, TEXT, at=NOON)
    for job in jobs:
        world.run_by_hand(job)
    assert stop(world, waiting := Waiting(world)) == (False, 1)
    assert waiting.looks == grace + STOP_SLACK_SECONDS


def test_an_engine_that_is_asked_again_waits_no_longer(tmp_path: Path) -> None:
    world = World(tmp_path, TEXT, at=NOON)
    world.run_by_hand("long")
    waiting = Waiting(world, lambda: waiting.set() if waiting.looks == 2 else None)
    assert stop(world, waiting) == (False, 1)
    assert waiting.looks == 2


@together(
    ("trigger", "state", "attempt", "by_command"),
    list(
        product(TriggerKind, (RunState.QUEUED, RunState.RUNNING, RunState.RETRY_WAIT), (0, 1), (False, True))
    ),
)
def test_a_request_is_withdrawn_that_never_started_or_that_nothing_would_start_again(
    trigger: TriggerKind, state: RunState, attempt: int, by_command: bool
) -> None:
    run = a_run(trigger=trigger, state=state, attempt=attempt)
    never_started = state is RunState.QUEUED and attempt == 0
    is_stranded = state is RunState.RETRY_WAIT and by_command
    expected = trigger is TriggerKind.MANUAL and (never_started or is_stranded)
    assert is_withdrawn(run, by_command=by_command) is expected


def test_what_is_withdrawn_is_cancelled_once_and_reported_once(tmp_path: Path) -> None:
    world = World(tmp_path, TEXT, at=NOON, max_running=0)
    run = replace(world.run_by_hand("long"), requested_by="anna")
    now = NOON + timedelta(seconds=1)
    with world.store.transaction():
        events = withdraw(world.store, run, now=now)
        assert withdraw(world.store, run, now=now + timedelta(seconds=1)) == []
    ended = replace(run, state=RunState.CANCELLED, reason="withdrawn", detail="anna", ended_at=now)
    assert events == [RunSettled(run=ended, number=0, seconds=None)]
    assert replace(ended, requested_by="") == world.view.run(run.id)


@pytest.mark.parametrize(("trigger", "is_kept"), [(TriggerKind.MANUAL, True), (TriggerKind.SCHEDULE, False)])
def test_a_run_is_tried_no_more_when_its_job_is_gone_or_its_schedule_is_off(
    tmp_path: Path, trigger: TriggerKind, is_kept: bool
) -> None:
    world = World(tmp_path, TEXT, at=NOON, max_running=0)
    run = replace(world.run_by_hand("long"), trigger=trigger)
    assert why_gone(world.store, run) == ""
    world.edit(TEXT.replace("long: {", "long: {enabled: false, "))
    assert why_gone(world.store, run) == ("" if is_kept else "the job was disabled")
    world.edit(TEXT.replace("long: {", "other: {"))
    assert why_gone(world.store, run) == "the job was removed"
    assert why_gone(world.store, replace(run, generation=None)) == ""
