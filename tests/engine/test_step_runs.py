"""Runs with steps in an engine: random lives with crashes, losses and cancels; and what each rule does."""

import json
import sqlite3
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from engine.answers.presence import RUNNING
from engine.answers.steps import step_to_json
from engine.answers.why import why
from engine.core.errors import PartialTurnError
from engine.core.lifecycle import RunState
from engine.core.outputs import RESPONSE
from engine.core.step_states import StepKey, StepRun, StepState
from engine.ports import Stop
from tests.builders import NOON
from tests.engine.test_why import UTC_ZONE
from tests.engine.world import World

GRAPH = """\
version: 1
jobs:
  etl:
    concurrency: {limit: none}
    retry: {attempts: 2, delay: 5s, jitter: none}
    steps:
      extract: {needs: [], command: [extract], retry: {attempts: 2, delay: 2s, jitter: none}}
      side: {needs: [], command: [side], allow_failure: true}
      each: {needs: [extract], for_each: "[1, 2, 3, 4]", max_parallel: 2, command: [each, "{{ item }}"]}
      never: {needs: [extract], if: "params.all", command: [never]}
      load: {needs: [each, side, never], command: [load, "{{ steps.each.succeeded }}"]}
    params: {all: {type: boolean, default: false}}
"""


def states(world: World, run_id: str) -> dict[StepKey, StepRun]:
    return {one.key: one for one in world.view.steps(run_id)}


def one_life(world: World, random: Random) -> str:
    """Let a run live with accidents until it is over; its id."""
    run = world.run_by_hand("etl")
    patience = random.randint(5, 60)
    while not (state := world.store.run(run.id).state).is_final:  # type: ignore[union-attr]
        accident = random.random() if patience > 0 else 1.0
        patience -= 1
        if accident < 0.08:
            world.crash()
            world.boot()
        elif accident < 0.12 and state is RunState.RUNNING:
            with world.store.transaction():
                now = world.clock.now()
                world.store.request_stop(run.id, Stop.CANCEL, reason="by_hand", detail="", now=now)
        going = world.launcher.running()
        for name in random.sample(going, random.randint(1, len(going))) if going else ():
            if accident < 0.16:
                world.launcher.lose(name)
            elif state is RunState.CANCELLING and random.random() < 0.8:
                world.launcher.obey(name)
            else:
                world.launcher.finish(name, exit_code=int(random.random() < 0.2 and patience > 0))
            world.worker.notice(name)
        world.pass_time(seconds=1)
        world.rescuer.tick()
        world.step()
    return run.id


@pytest.mark.parametrize("seed", range(12))
def test_in_every_life_the_ledger_is_sound_and_nothing_is_executed_twice(tmp_path: Path, seed: int) -> None:
    world = World(tmp_path, GRAPH)
    random = Random(seed)
    for _ in range(3):
        run_id = one_life(world, random)
        run, steps = world.store.run(run_id), states(world, run_id)
        assert run is not None
        assert all(one.state.is_final for one in steps.values())
        wholes = {key.step: one.state for key, one in steps.items() if not key.item}
        assert wholes.keys() == {"extract", "side", "each", "never", "load"}
        if run.state is RunState.SUCCEEDED:
            assert wholes["load"] is wholes["each"] is wholes["extract"] is StepState.SUCCEEDED
            assert wholes["never"] is StepState.SKIPPED
        assert not world.launcher.running()
    assert max(Counter(world.launcher.executed).values()) == 1
    world.check()
    world.crash()


def end(world: World, *failing: str) -> None:
    """End all running attempts; those of these steps fail."""
    for name in world.launcher.running():
        step = name.rpartition("-")[2].partition(".")[0]
        world.launcher.finish(name, exit_code=3 if step in failing else 0)
        world.worker.notice(name)
    world.step()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, GRAPH)


def test_a_retried_run_continues_at_the_first_failed_step(world: World) -> None:
    run = world.run_by_hand("etl")
    end(world)
    end(world)
    end(world)
    end(world, "load")
    world.pass_time(seconds=6)
    assert [name.partition("-")[2] for name in world.launcher.running()] == ["load.2"]
    end(world)
    after = world.store.run(run.id)
    assert after is not None
    assert (after.state, after.attempt) == (RunState.SUCCEEDED, 2)
    order = next(one.order for one in world.launcher.flights.values() if one.order.attempt.step == "load")
    assert order.argv == ("load", "4")


def test_a_step_is_retried_by_its_own_rule_before_the_run_is(world: World) -> None:
    world.run_by_hand("etl")
    end(world, "extract")
    assert world.launcher.running() == []
    world.pass_time(seconds=2)
    assert [name.partition("-")[2] for name in world.launcher.running()] == ["extract.2"]


def test_an_end_that_cannot_be_recorded_does_not_stop_the_ends_beside_it(world: World) -> None:
    run = world.run_by_hand("etl")
    end(world)
    first, second = world.launcher.running()
    with sqlite3.connect(world.config.ledger) as ledger:
        ledger.execute(
            "create trigger bug before update on attempt when old.step = 'each' and old.item = 1 "
            "begin select raise(abort, 'a bug'); end"
        )
    for name in (first, second):
        world.launcher.finish(name)
        world.worker.notice(name)
    with pytest.raises(sqlite3.IntegrityError):
        world.worker.tick()
    for name in (first, second):
        world.worker.notice(name)
    with pytest.raises(PartialTurnError, match="a bug"):
        world.worker.tick()
    found = {key.item: one.state for key, one in states(world, run.id).items() if key.step == "each"}
    assert found[1] is StepState.RUNNING
    assert found[2] is StepState.SUCCEEDED
    with sqlite3.connect(world.config.ledger) as ledger:
        ledger.execute("drop trigger bug")
    world.worker.notice(first)
    world.step()
    assert states(world, run.id)[StepKey("each", 1)].state is StepState.SUCCEEDED


def test_a_run_of_a_job_that_was_removed_meanwhile_is_not_retried(world: World) -> None:
    run = world.run_by_hand("etl")
    world.edit("version: 1\njobs:\n  other: {command: [other]}\n")
    end(world, "extract")
    world.pass_time(seconds=2)
    end(world, "extract")
    after = world.store.run(run.id)
    assert after is not None
    assert (after.state, after.retry_at) == (RunState.FAILED, None)


def test_a_step_as_json_has_null_for_what_is_absent() -> None:
    absent = {"item": None, "reason": None, "detail": None}
    plain = StepRun(step="load", state=StepState.SUCCEEDED, attempt=1)
    assert step_to_json(plain) == {"step": "load", "state": "succeeded", "attempts": 1, **absent}
    whole = StepRun(step="load", item=2, state=StepState.FAILED, reason="exit(3)", detail="d", attempt=4)
    data = {"item": 2, "reason": "exit(3)", "detail": "d"}
    assert step_to_json(whole) == {"step": "load", "state": "failed", "attempts": 4, **data}


def test_a_step_whose_turn_came_while_no_engine_ran_starts_with_the_next_engine(world: World) -> None:
    world.run_by_hand("etl")
    for name in world.launcher.running():
        world.launcher.finish(name)
    world.crash()
    world.boot()
    started = sorted(name.partition("-")[2] for name in world.launcher.running())
    assert started == ["each.1.1", "each.2.1"]


def test_a_cancel_ends_what_runs_and_skips_the_rest(world: World) -> None:
    run = world.run_by_hand("etl")
    end(world)
    with world.store.transaction():
        world.store.request_stop(run.id, Stop.CANCEL, reason="by_hand", detail="", now=world.clock.now())
    world.rescuer.tick()
    for name in world.launcher.running():
        world.launcher.obey(name)
        world.worker.notice(name)
    world.step()
    after = world.store.run(run.id)
    assert after is not None
    assert (after.state, after.reason) == (RunState.CANCELLED, "by_hand")
    found = states(world, run.id)
    assert found[StepKey("load")].state is StepState.SKIPPED
    assert found[StepKey("load")].reason == "by_hand"
    assert found[StepKey("each", 1)].state is StepState.CANCELLED


def test_a_cancel_between_two_steps_ends_the_run_too(world: World) -> None:
    run = world.run_by_hand("etl")
    end(world, "extract")
    with world.store.transaction():
        world.store.request_stop(run.id, Stop.CANCEL, reason="by_hand", detail="", now=world.clock.now())
    world.step()
    after = world.store.run(run.id)
    assert after is not None
    assert after.state is RunState.CANCELLED


def test_the_timeout_of_the_job_limits_each_step_to_what_is_left_of_it(tmp_path: Path) -> None:
    world = World(tmp_path, GRAPH.replace("    steps:", "    timeout: 1m\n    steps:"))
    world.run_by_hand("etl")
    world.clock.advance(seconds=20)
    end(world)
    left = {one.order.attempt.step: one.order.timeout_seconds for one in world.launcher.flights.values()}
    assert left == {"extract": 60.0, "side": 60.0, "each": 40.0}


def test_why_shows_each_step_in_the_order_of_the_file(world: World) -> None:
    world.run_by_hand("etl")
    end(world, "side")
    end(world)
    end(world)
    end(world)
    told = why(world.view, "etl", NOON, zone=UTC_ZONE, now=world.clock.now(), presence=RUNNING)
    lines = [text for label, text in told.facts]
    start = lines.index("extract  succeeded")
    assert lines[start : start + 5] == [
        "extract  succeeded",
        "side  failed, exit code 3",
        "each  succeeded  (4 items: 4 succeeded)",
        "never  skipped, its `if` is false: params.all = false",
        "load  succeeded",
    ]


def spoil_definitions(world: World) -> None:
    """Alter the definitions in the ledger, and let an engine read them again."""
    world.crash()
    db = sqlite3.connect(world.config.ledger)
    with db:
        db.execute("update definition set spec = '{}'")
    db.close()
    world.boot()


def test_a_run_whose_definition_was_altered_fails_after_what_runs_has_ended(world: World) -> None:
    run = world.run_by_hand("etl")
    spoil_definitions(world)
    first, second = world.launcher.running()
    for name in (first, second):
        after = world.store.run(run.id)
        assert after is not None
        assert after.state is RunState.RUNNING
        world.launcher.finish(name)
        world.worker.notice(name)
        world.step()
    after = world.store.run(run.id)
    assert after is not None
    assert (after.state, after.reason) == (RunState.FAILED, "start_error")
    assert "its definition cannot be read" in after.detail
    assert all(one.state.is_final for one in states(world, run.id).values())
    assert world.launcher.running() == []


def test_a_run_whose_definition_was_altered_can_be_cancelled_between_two_steps(world: World) -> None:
    run = world.run_by_hand("etl")
    end(world, "extract")
    spoil_definitions(world)
    with world.store.transaction():
        world.store.request_stop(run.id, Stop.CANCEL, reason="by_hand", detail="", now=world.clock.now())
    world.step()
    after = world.store.run(run.id)
    assert after is not None
    assert after.state is RunState.FAILED


CALLS = """\
version: 1
jobs:
  calls:
    retry: {attempts: 2, delay: 5s, max_delay: 10m, jitter: none}
    steps:
      ask: {needs: [], http: {url: "https://example.com/"}}
      beside: {needs: [], command: [beside]}
"""


@pytest.mark.parametrize(("wait", "seconds"), [(0, 5), (3, 5), (300, 300), (100_000, 600)])
def test_a_retry_of_the_run_waits_as_long_as_the_server_of_a_step_asks(
    tmp_path: Path, wait: int, seconds: int
) -> None:
    """From when the server has answered, also with another step that ends later, and another engine."""
    world = World(tmp_path, CALLS)
    run = world.run_by_hand("calls")
    ask, beside = sorted(world.launcher.running())
    refused = {RESPONSE: {"reason": "http(429)", "detail": "", "wait": wait}}
    world.launcher.finish(ask, exit_code=1, outputs=json.dumps(refused))
    world.worker.notice(ask)
    answered = world.clock.now()
    world.step()
    world.crash()
    world.boot()
    world.pass_time(seconds=2)
    world.launcher.finish(beside)
    world.worker.notice(beside)
    world.step()
    after = world.store.run(run.id)
    assert after is not None
    assert after.state is RunState.RETRY_WAIT
    assert after.retry_at is not None
    is_longest = seconds in (5, 600)  # these count from the end of the run
    assert (after.retry_at - (world.clock.now() if is_longest else answered)).total_seconds() == seconds
    world.pass_time(seconds=seconds)
    assert [name.partition("-")[2] for name in world.launcher.running()] == ["ask.2"]
    world.check()


def test_what_the_server_of_a_step_asks_that_may_fail_does_not_count(tmp_path: Path) -> None:
    text = CALLS.replace("needs: [], http", "needs: [], allow_failure: true, http")
    world = World(tmp_path, text)
    run = world.run_by_hand("calls")
    ask, beside = sorted(world.launcher.running())
    refused = {RESPONSE: {"reason": "http(429)", "detail": "", "wait": 300}}
    world.launcher.finish(ask, exit_code=1, outputs=json.dumps(refused))
    world.launcher.finish(beside, exit_code=1)
    world.worker.notice(ask)
    world.worker.notice(beside)
    world.step()
    after = world.store.run(run.id)
    assert after is not None
    assert after.retry_at is not None
    assert (after.retry_at - world.clock.now()).total_seconds() == 5
