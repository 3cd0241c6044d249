"""Backfills run past occurrences: a few at a time, each once, and never in place of a scheduled one."""

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.answers.backfills import progress_of
from engine.answers.did import Answer, Did, did
from engine.answers.expected import INSTANT
from engine.answers.presence import RUNNING
from engine.core.errors import JobfileError
from engine.core.events import BackfillEnded
from engine.core.lifecycle import Run, RunState, TriggerKind
from engine.core.records import Backfill
from engine.transactions.backfill import begin_backfill, stop_backfill
from engine.triggers.registry import trigger_of
from jobfile.schedule.occurrences import load_zone
from tests.builders import HOUR, MINUTE, NOON
from tests.engine.world import World
from tests.soak import examples

HOURLY = """version: 1
jobs:
  hello: {schedule: "0 * * * *", catchup: none, command: ['true']}
"""


def begin(
    world: World, *, since: datetime, until: datetime = NOON, at_once: int = 1, again: bool = False
) -> Backfill:
    asked = Backfill(
        id=0,
        job="hello",
        since=since,
        until=until,
        covered_until=since - INSTANT,
        at_once=at_once,
        again=again,
        requested_by="anna",
        begun_at=world.clock.now(),
    )
    with world.store.transaction():
        return begin_backfill(world.store, asked, why="the export was wrong")


def backfilled(world: World) -> list[Run]:
    return [run for run in world.runs() if run.trigger is TriggerKind.BACKFILL]


def hours(world: World) -> list[int]:
    return [run.scheduled_for.hour for run in backfilled(world)]


def run_out(world: World, *, exit_code: int = 0) -> None:
    for _ in range(200):
        world.finish(exit_code=exit_code)
        world.pass_time(seconds=1)
        if not world.store.backfills.open():
            return
    raise AssertionError("the backfill does not end")


def test_past_occurrences_run_oldest_first_and_one_at_a_time(tmp_path: Path) -> None:
    world = World(tmp_path, HOURLY, at=NOON)
    begin(world, since=NOON - 4 * HOUR)
    world.step()
    assert hours(world) == [8]
    world.pass_time(seconds=5)
    assert hours(world) == [8], "the first is not over"
    run_out(world)
    assert hours(world) == [8, 9, 10, 11]
    assert {(run.state, run.requested_by) for run in backfilled(world)} == {(RunState.SUCCEEDED, "anna")}
    assert {run.priority for run in backfilled(world)} == {-100}, "they have a past time, and no precedence"
    (ended,) = [one for one in world.journal.events if isinstance(one, BackfillEnded)]
    assert (ended.job, ended.because) == ("hello", "finished")
    world.check()
    assert world.report().rows[0].scheduled == 0, "none of them counts as scheduled"


def test_a_run_of_a_backfill_covers_the_interval_of_its_occurrence(tmp_path: Path) -> None:
    world = World(tmp_path, HOURLY, at=NOON)
    begin(world, since=NOON - HOUR)
    world.step()
    (run,) = backfilled(world)
    spec, utc = world.store.definition(run.digest), load_zone("UTC")
    assert utc is not None
    assert trigger_of(run).environment(run, spec, utc) == {
        "JOBFILE_INTERVAL_START": (NOON - 2 * HOUR).isoformat(),
        "JOBFILE_INTERVAL_END": (NOON - HOUR).isoformat(),
    }


def test_several_run_at_once_if_it_is_asked_for_and_the_job_allows_it(tmp_path: Path) -> None:
    text = HOURLY.replace("catchup: none", "catchup: none, concurrency: {limit: 2}")
    world = World(tmp_path, text, at=NOON)
    begin(world, since=NOON - 6 * HOUR, at_once=3)
    world.step()
    assert [run.state.value for run in backfilled(world)] == ["running", "running", "queued"]
    run_out(world)
    assert hours(world) == [6, 7, 8, 9, 10, 11]


def test_what_has_succeeded_is_left_out_and_what_has_failed_is_retried(tmp_path: Path) -> None:
    world = World(tmp_path, HOURLY, at=NOON - HOUR)
    for code in (0, 1, 0):
        world.pass_time(seconds=3600)
        world.finish(exit_code=code)
    old = [run for run in world.runs() if run.state is RunState.FAILED]
    now = world.clock.now()
    begin(world, since=NOON - HOUR, until=now)
    world.step()
    run_out(world)
    assert hours(world) == [11, 13]
    assert [run.retry_of for run in backfilled(world)] == [None, old[0].id]
    begin(world, since=NOON - HOUR, until=now)
    world.step()
    assert (len(backfilled(world)), world.store.backfills.open()) == (2, ())
    begin(world, since=NOON - HOUR, until=now, again=True)
    run_out(world)
    assert len(backfilled(world)) == 5
    world.check()


def test_only_the_combinations_that_have_not_succeeded_run(tmp_path: Path) -> None:
    text = HOURLY.replace("catchup: none", "catchup: none, matrix: {region: [eu, us]}")
    world = World(tmp_path, text, at=NOON - MINUTE)
    world.pass_time(seconds=60)
    first, second = world.launcher.running()
    world.launcher.finish(first, exit_code=0)
    world.launcher.finish(second, exit_code=1)
    world.step()
    begin(world, since=NOON - HOUR, until=world.clock.now() + INSTANT)
    run_out(world)
    found = [(run.scheduled_for.hour, run.matrix["region"]) for run in backfilled(world)]
    assert sorted(found) == [(11, "eu"), (11, "us"), (12, "us")]
    world.check()


def test_an_occurrence_that_falls_due_meanwhile_waits_and_is_not_skipped(tmp_path: Path) -> None:
    world = World(tmp_path, HOURLY, at=NOON - MINUTE)
    begin(world, since=NOON - 3 * HOUR)
    world.step()
    world.pass_time(seconds=60)
    scheduled = next(run for run in world.runs() if run.trigger is TriggerKind.SCHEDULE)
    assert (scheduled.state, scheduled.reason) == (RunState.QUEUED, "overlap")
    run_out(world)
    world.finish()
    assert {run.state for run in world.runs()} == {RunState.SUCCEEDED}


def test_a_backfill_that_is_stopped_records_no_more_and_another_can_begin(tmp_path: Path) -> None:
    world = World(tmp_path, HOURLY, at=NOON)
    first = begin(world, since=NOON - 9 * HOUR)
    world.step()
    with pytest.raises(JobfileError, match=f"backfill {first.id} of hello is not over"):
        begin(world, since=NOON - 9 * HOUR)
    with world.store.transaction():
        stopped = stop_backfill(world.store, "hello", by="anna", why="", now=NOON)
        assert stop_backfill(world.store, "hello", by="anna", why="", now=NOON) is None
    assert stopped is not None
    world.finish()
    world.pass_time(seconds=60)
    assert hours(world) == [3]
    assert begin(world, since=NOON - HOUR).id == first.id + 1


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("version: 1\njobs:\n  other: {command: ['true']}\n", "job_removed"),
        ("version: 1\njobs:\n  hello: {command: ['true']}\n", "no_schedule"),
    ],
)
def test_a_backfill_ends_with_its_job_or_schedule(tmp_path: Path, text: str, because: str) -> None:
    world = World(tmp_path, HOURLY, at=NOON)
    begin(world, since=NOON - 9 * HOUR)
    world.step()
    world.edit(text)
    world.finish()
    world.pass_time(seconds=1)
    (found,) = progress_of(world.view, None, limit=9)
    assert (found.backfill.ended_because, found.left) == (because, 0)


def test_a_backfill_continues_under_the_new_name_of_its_job(tmp_path: Path) -> None:
    world = World(tmp_path, HOURLY, at=NOON)
    begin(world, since=NOON - 3 * HOUR)
    world.step()
    world.edit(HOURLY.replace("hello:", "goodbye:").replace("{schedule", "{renamed_from: hello, schedule"))
    run_out(world)
    assert [run.scheduled_for.hour for run in world.runs("goodbye")] == [9, 10, 11]


def test_the_progress_is_shown(tmp_path: Path) -> None:
    world = World(tmp_path, HOURLY, at=NOON)
    begin(world, since=NOON - 5 * HOUR)
    world.step()
    world.finish(exit_code=1)
    world.pass_time(seconds=1)
    (found,) = progress_of(world.view, "hello", limit=9)
    assert (found.results, found.left) == (((RunState.RUNNING, 1), (RunState.FAILED, 1)), 3)


def test_did_answers_with_the_backfilled_run_of_an_occurrence_that_was_missed(tmp_path: Path) -> None:
    world = World(tmp_path, HOURLY, at=NOON)
    world.crash()
    world.clock.advance(seconds=40 * 3600)
    world.boot()
    at = NOON + 2 * HOUR
    assert asked(world, at=at).answer is Answer.DID_NOT_RUN
    begin(world, since=at, until=at + MINUTE)
    run_out(world)
    assert asked(world, at=at).answer is Answer.SUCCEEDED
    whole = asked(world, on=(NOON.date(), NOON.date()))
    assert len(whole.items) == 11, "an occurrence and its backfilled run are one"


def asked(world: World, *, at: datetime | None = None, on: tuple[date, date] | None = None) -> Did:
    zone = load_zone("UTC")
    assert zone is not None
    now = world.clock.now()
    return did(world.view, "hello", zone=zone, params={}, on=on, at=at, now=now, presence=RUNNING)


@settings(max_examples=examples(13), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), at_once=st.integers(1, 3), limit=st.integers(1, 2))
def test_whatever_crashes_each_occurrence_runs_once(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, at_once: int, limit: int
) -> None:
    text = HOURLY.replace("catchup: none", f"catchup: none, concurrency: {{limit: {limit}}}")
    world = World(tmp_path_factory.mktemp("world"), text, at=NOON)
    begin(world, since=NOON - 8 * HOUR, at_once=at_once)
    acts: dict[str, Callable[[], None]] = {
        "crash": lambda: (world.crash(), world.boot())[1],
        "finish": lambda: world.finish(exit_code=data.draw(st.integers(0, 1))),
        "wait": lambda: world.pass_time(seconds=1),
    }
    for act in data.draw(st.lists(st.sampled_from(sorted(acts)), max_size=30)):
        acts[act]()
        still_open = [run for run in backfilled(world) if not run.state.is_final]
        assert len(still_open) <= at_once
    run_out(world)
    assert hours(world) == [4, 5, 6, 7, 8, 9, 10, 11]
    assert len(world.launcher.executed) == 8
    world.check()
