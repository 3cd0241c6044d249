"""A run that ends while it waits has no attempt that ends: its end is told once, and nevertheless."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.channels.ping import LOG, START
from engine.core.events import RunSettled
from engine.core.lifecycle import Run, RunState
from engine.core.reasons import Reason
from engine.ports import Stop
from engine.transactions.stop import end_run, withdraw
from tests.engine.world import World

RETRIES = "retry: {attempts: 3, delay: 10m, jitter: none}"
JOBS = f"""
version: 1
channels: {{oncall: {{command: ["true"]}}}}
jobs:
  load: {{ping: env:LOAD, concurrency: {{on_overlap: cancel_running}}, {RETRIES}, run: load}}
  each:
    ping: env:EACH
    matrix: {{region: [eu, us]}}
    retry: {{attempts: 2, delay: 10m, jitter: none, when: ["exit:75"]}}
    pause_on_failure: 1
    notify: {{failed: [oncall]}}
    run: load
  newest: {{ping: env:NEWEST, concurrency: {{on_overlap: latest}}, notify: {{skipped: [oncall]}}, run: load}}
"""
WITHOUT_LOAD = "\n".join(line for line in JOBS.splitlines() if not line.startswith("  load"))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, JOBS)


def now_of(world: World, run: Run) -> Run:
    found = world.view.run(run.id)
    assert found is not None
    return found


def failed_once(world: World) -> Run:
    """A run that waits for its retry."""
    run = world.run_by_hand("load")
    world.clock.advance(seconds=1)
    world.finish(exit_code=1)
    run = now_of(world, run)
    assert run.state is RunState.RETRY_WAIT
    return run


def by_hand(world: World, run: Run) -> None:
    with world.store.transaction():
        end_run(world.store, run, Stop.CANCEL, reason=Reason.BY_HAND, detail="", now=world.clock.now())


def withdrawn(world: World, run: Run) -> None:
    with world.store.transaction():
        withdraw(world.store, run, now=world.clock.now())


def removed(world: World, _: Run) -> None:
    world.edit(WITHOUT_LOAD)


def disabled(world: World, _: Run) -> None:
    world.edit(JOBS.replace("load: {ping", "load: {enabled: false, ping"))


def replaced(world: World, _: Run) -> None:
    world.run_by_hand("load")


@pytest.mark.parametrize("end", [by_hand, withdrawn, removed, disabled, replaced])
def test_a_run_that_ends_while_it_waits_for_its_retry_has_the_ping_of_its_end(
    world: World, end: Callable[[World, Run], None]
) -> None:
    run = failed_once(world)
    end(world, run)
    assert now_of(world, run).state is RunState.CANCELLED
    rows = world.store._db._db.execute("select event from outbox where run_id = ? order by at", (run.id,))
    assert [row["event"] for row in rows] == ["started", "cancelled"]
    world.check()


def test_the_watchdog_hears_that_a_waiting_run_was_cancelled(world: World) -> None:
    by_hand(world, failed_once(world))
    world.send(seconds=20)
    assert [one.end for one in world.receiver.pinged] == [START, LOG]


def test_the_end_of_a_waiting_run_is_an_event_of_the_engine(world: World) -> None:
    run = failed_once(world)
    world.edit(WITHOUT_LOAD)
    (ended,) = [one for one in world.journal.events if isinstance(one, RunSettled)][-1:]
    assert (ended.run.id, ended.run.state, ended.number) == (run.id, RunState.CANCELLED, 1)


def test_an_occurrence_is_told_when_its_last_run_is_cancelled_while_it_waits(world: World) -> None:
    """One run has failed for good, and nobody hears of it until the other one is over."""
    run = world.run_by_hand("each")
    first, second = world.launcher.running()
    world.launcher.finish(first, exit_code=1)
    world.launcher.finish(second, exit_code=75)
    world.step()
    waiting = [one for one in world.runs("each") if one.state is RunState.RETRY_WAIT]
    assert len(waiting) == 1
    world.send(seconds=60)
    assert world.receiver.got == []
    by_hand(world, waiting[0])
    world.send(seconds=60)
    (message,) = [message for _, message in world.receiver.got]
    assert message.title.startswith("each [region=")
    assert "failed: exit code 1" in message.title
    assert world.view.pauses_between("each", since=world.clock.now(), until=world.clock.now())
    assert run.occurrence
    world.check()


def test_a_waiting_run_that_a_newer_one_supersedes_is_told_as_skipped(world: World) -> None:
    world.run_by_hand("newest")
    world.clock.advance(seconds=1)
    waiting = world.run_by_hand("newest")
    world.run_by_hand("newest")
    assert now_of(world, waiting).state is RunState.SKIPPED
    world.send(seconds=60)
    assert [message.title for _, message in world.receiver.got] == [
        "newest was skipped: a later one runs instead (run 00000000)"
    ]
    assert [one.end for one in world.receiver.pinged] == [START, LOG]
    world.check()


def test_a_run_that_is_over_is_not_told_again(world: World) -> None:
    run = world.run_by_hand("load")
    world.finish()
    with world.store.transaction():
        assert (
            end_run(
                world.store,
                now_of(world, run),
                Stop.KILL,
                reason=Reason.BY_HAND,
                detail="",
                now=world.clock.now(),
            )
            is None
        )
