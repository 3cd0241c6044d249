"""The `if` of a job: when it is decided, what is recorded, and what it leaves alone."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.conditions import MAX_SHOWN, unmet
from engine.core.events import RunSettled
from engine.core.lifecycle import Run, RunState
from tests.builders import NOON
from tests.engine.world import World

FILE = """\
version: 1
channels:
  oncall: {command: [notify-send, hello]}
jobs:
  gate:
    schedule: "0 * * * *"
    params: {force: {type: boolean, default: false}}
    if: IF
    retry: {attempts: 2, delay: 5s, jitter: none}
    command: ["true"]
"""


def a_world(folder: Path, condition: str) -> World:
    return World(folder, FILE.replace("IF", condition), at=NOON)


def the_run(world: World) -> Run:
    (run,) = world.view.recent_runs(job="gate", state=None, limit=9)
    return run


def test_a_run_whose_condition_is_false_is_skipped_with_the_values_that_decided(tmp_path: Path) -> None:
    world = a_world(tmp_path, "params.force or run.trigger == 'manual'")
    world.pass_time(seconds=3600)
    run = the_run(world)
    assert (run.state, run.reason, run.attempt) == (RunState.SKIPPED, "condition", 0)
    assert run.detail == "params.force = false, run.trigger = schedule"
    assert world.launcher.executed == []
    told = [one for one in world.journal.events if isinstance(one, RunSettled)]
    assert [(one.run.state, one.number) for one in told] == [(RunState.SKIPPED, 0)]
    world.check()


def test_a_run_whose_condition_is_true_runs(tmp_path: Path) -> None:
    world = a_world(tmp_path, "params.force or run.trigger == 'manual'")
    world.run_by_hand("gate")
    world.finish()
    assert the_run(world).state is RunState.SUCCEEDED


def test_it_is_decided_once_and_not_again_at_a_retry(tmp_path: Path) -> None:
    world = a_world(tmp_path, "run.attempt == 1")
    world.run_by_hand("gate")
    world.finish(exit_code=1)
    world.pass_time(seconds=6)
    world.finish()
    run = the_run(world)
    assert (run.state, run.attempt) == (RunState.SUCCEEDED, 2)


def test_the_last_success_is_known_to_it(tmp_path: Path) -> None:
    world = a_world(tmp_path, "run.previous_success | default('') == ''")
    world.run_by_hand("gate")
    world.finish()
    world.clock.advance(seconds=1)
    world.run_by_hand("gate")
    states = [run.state for run in world.view.recent_runs(job="gate", state=None, limit=9)]
    assert states == [RunState.SKIPPED, RunState.SUCCEEDED]


def test_one_that_cannot_be_evaluated_fails_the_run_and_executes_nothing(tmp_path: Path) -> None:
    world = a_world(tmp_path, "run.job[99] == 'x'")
    world.run_by_hand("gate")
    run = the_run(world)
    assert (run.state, run.reason) == (RunState.FAILED, "template_error")
    assert "no item 99" in run.detail
    assert world.launcher.executed == []


@pytest.mark.parametrize("word", ["true", "1 == 1", "not false", "'a' in ['a']"])
def test_a_condition_that_is_met_is_decided_by_nothing(word: str) -> None:
    assert unmet(word, dict) is None
    assert unmet(None, dict) is None


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=200))
def test_a_long_value_is_cut(text: str) -> None:
    told = unmet("params.a == 'never this' and false", lambda: {"params": {"a": text}})
    assert told == f"params.a = {text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + '…'}"
