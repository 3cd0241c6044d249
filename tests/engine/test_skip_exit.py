"""`skip_exit`: a process says that there was nothing to do; neither a success nor a failure."""

from pathlib import Path

import pytest

from engine.core.lifecycle import AttemptState, RunState
from engine.core.step_states import StepState
from tests.engine.world import World

JOB = """\
version: 1
channels: {log: {command: [logger]}}
jobs:
  load:
    skip_exit: [75, 80-89]
    pause_on_failure: 2
    retry: {attempts: 3, delay: 10s, jitter: none}
    run: load
"""
STEPS = """\
version: 1
jobs:
  etl:
    steps:
      fetch: {run: fetch, skip_exit: [75]}
      load: {run: load}
      each: {for_each: "[1, 2]", run: each, skip_exit: [75], needs: []}
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, JOB)


def run_that_exits(world: World, *codes: int) -> RunState:
    run = world.run_by_hand("load")
    world.step()
    for code in codes:
        world.finish(exit_code=code)
        world.pass_time(seconds=30)
    found = world.view.run(run.id)
    assert found is not None
    return found.state


def test_the_run_is_skipped_after_its_attempt_and_is_not_retried(world: World) -> None:
    assert run_that_exits(world, 75) is RunState.SKIPPED
    (run,) = world.runs("load")
    assert (run.reason, run.detail, run.exit_code) == ("nothing_to_do", "exit code 75", 75)
    assert run.was_executed
    (attempt,) = world.view.attempts(run.id)
    assert (attempt.state, attempt.exit_code) == (AttemptState.SKIPPED, 75)
    world.check()


def test_a_retry_may_find_nothing_to_do(world: World) -> None:
    assert run_that_exits(world, 1, 83) is RunState.SKIPPED
    assert [one.state for one in world.view.attempts(world.runs("load")[0].id)] == ["failed", "skipped"]
    world.check()


def test_it_neither_counts_as_a_failure_nor_ends_a_row_of_failures(world: World) -> None:
    assert run_that_exits(world, 1, 1, 1) is RunState.FAILED
    assert run_that_exits(world, 75) is RunState.SKIPPED
    assert world.view.pauses_between("load", since=world.clock.now(), until=world.clock.now()) == ()
    assert run_that_exits(world, 1, 1, 1) is RunState.FAILED
    (pause,) = world.view.pauses_between("load", since=world.clock.now(), until=world.clock.now())
    assert pause.source == "failures"


def test_a_step_that_had_nothing_to_do_stops_no_other(tmp_path: Path) -> None:
    world = World(tmp_path, STEPS)
    run = world.run_by_hand("etl")
    for _ in range(3):
        world.step()
        for attempt in world.launcher.running():
            world.launcher.finish(attempt, exit_code=0 if "load" in attempt else 75)
            world.worker.notice(attempt)
    world.step()
    states = {(one.step, one.item): one.state for one in world.view.steps(run.id)}
    assert states["fetch", 0] is StepState.SKIPPED
    assert states["load", 0] is states["each", 0] is StepState.SUCCEEDED
    assert states["each", 1] is states["each", 2] is StepState.SKIPPED
    found = world.view.run(run.id)
    assert found is not None
    assert found.state is RunState.SUCCEEDED
    world.check()
