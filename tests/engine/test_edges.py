"""Edges of decisions and answers that no story reaches by itself; each could once change unnoticed."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from engine.answers.did import did
from engine.answers.presence import RUNNING
from engine.answers.why import why
from engine.core.due import Rules, due
from engine.core.events import NotRunTold, SkipsInARow
from engine.core.lifecycle import Ended, RunState
from engine.core.retry import retry_delay
from engine.transactions.account import SKIPS_IN_A_ROW, bound_params
from jobfile.model.jobs import CatchupMode, CatchupSpec, Jitter, ParamSpec, ParamType, RetrySpec
from tests.builders import HOUR, MINUTE, NOON, a_job, cron
from tests.engine.test_did import ask
from tests.engine.test_faults import a_file
from tests.engine.test_past import keep_house
from tests.engine.test_why import UTC_ZONE, World, story


def test_nothing_of_an_output_was_dropped_unless_its_end_says_so() -> None:
    assert Ended(started_at=NOON, ended_at=NOON, exit_code=0).output_dropped == 0


def test_chance_reaches_from_nothing_to_the_whole_wait() -> None:
    retry = RetrySpec(delay=timedelta(seconds=100), jitter=Jitter.FULL)
    waits = [retry_delay(retry, run_id=f"{number:032x}", attempt=1).total_seconds() for number in range(300)]
    assert min(waits) < 5
    assert 95 < max(waits) < 100


def test_what_may_start_at_this_very_moment_no_longer_waits_for_its_spread() -> None:
    """With `catchup: last` only the newest runs, and what still waits for its spread."""
    rules = Rules(
        entries=(*cron("0 12 * * *"), *cron("30 12 * * *")),
        catchup=CatchupSpec(mode=CatchupMode.LAST),
        delays=(HOUR, timedelta()),
    )
    for late, runs in ((timedelta(seconds=-1), [0, 30]), (timedelta(), [30])):
        found = due(rules, covered_until=NOON - MINUTE, now=NOON + HOUR + late)
        assert [one.fire.at for one in found.to_run] == [NOON + one * MINUTE for one in runs]


def test_a_key_of_concurrency_knows_the_run(tmp_path: Path) -> None:
    key = "{{ run.job }}/{{ run.trigger }}/{{ run.scheduled_at | date('%H') }}/{{ run.id }}"
    world = World(tmp_path, a_file(f'concurrency: {{key: "{key}"}}'), at=NOON)
    world.pass_time(seconds=3600)
    (run,) = world.runs()
    assert run.concurrency_key == f"hello/schedule/13/{run.id}"


def test_a_run_has_the_given_arguments_and_the_defaults_of_the_others() -> None:
    params = (
        ParamSpec(name="day", type=ParamType.STRING, default="today"),
        ParamSpec(name="dry", type=ParamType.BOOLEAN, default=False),
        ParamSpec(name="place", type=ParamType.STRING),
    )
    assert bound_params(a_job(params=params), {"day": "monday"}) == {"day": "monday", "dry": False}
    assert bound_params(a_job(params=params), {"place": "here"}) == {
        **{"day": "today", "dry": False},
        "place": "here",
    }


def test_each_skip_is_an_event_and_the_third_in_a_row_one_more(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(schedule='"* * * * *"'), at=NOON)
    for _ in range(SKIPS_IN_A_ROW + 3):
        world.pass_time(seconds=60)
    skips = [one for one in world.journal.events if isinstance(one, NotRunTold)]
    assert [(one.count, one.reason) for one in skips] == [(1, "overlap")] * (SKIPS_IN_A_ROW + 2)
    assert sum(isinstance(one, SkipsInARow) for one in world.journal.events) == 1
    world.finish()
    world.pass_time(seconds=60)
    for _ in range(SKIPS_IN_A_ROW):
        world.pass_time(seconds=60)
    assert sum(isinstance(one, SkipsInARow) for one in world.journal.events) == 2


def test_a_disabled_job_is_shown_as_disabled_and_a_changed_schedule_as_changed(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(schedule='"0 * * * *"'), at=NOON)
    world.edit(a_file(schedule='"30 * * * *"'))
    world.edit(a_file("enabled: false", schedule='"30 * * * *"'))
    ended = [
        one.ended_because for one in world.view.schedules_between("hello", since=NOON, until=NOON + HOUR)
    ]
    assert ended == ["schedule_changed", "disabled"]
    world.clock.advance(seconds=3600)
    assert "the job was disabled" in story(world, NOON + 45 * MINUTE)


def test_what_was_due_under_the_old_name_belongs_to_the_old_generation(tmp_path: Path) -> None:
    text = a_file(schedule='"* * * * *"')
    world = World(tmp_path, text, at=NOON)
    world.clock.advance(seconds=90)
    world.tree.text = text.replace("  hello:", "  hullo:\n    renamed_from: hello")
    world.watcher.tick()
    world.clock.advance(seconds=0.5)
    world.watcher.tick()
    world.step()
    (run,) = world.runs("hullo")
    assert (run.scheduled_for, run.generation) == (NOON + MINUTE, 1)


@pytest.mark.parametrize("fails", [1, 3])
def test_a_pause_of_the_engine_names_the_engine_and_counts_bad_ends_alone(tmp_path: Path, fails: int) -> None:
    text = a_file(f"pause_on_failure: {fails}", schedule='"* * * * *"')
    world = World(tmp_path, text, at=NOON)
    for code in (*[1] * (fails - 1), 0, *[1] * fails):
        assert not world.view.pauses_between("hello", since=NOON, until=world.clock.now())
        world.pass_time(seconds=60)
        world.finish(exit_code=code)
    (pause,) = world.view.pauses_between("hello", since=NOON, until=world.clock.now())
    assert (pause.actor, pause.source) == ("engine", "failures")
    newest = next(one for _, one in world.view.recent_audit(limit=1))
    assert (newest.actor, newest.action, newest.object, newest.detail) == (
        "engine",
        "pause",
        "hello",
        pause.reason,
    )


def test_the_newest_of_two_requests_for_one_instant_has_the_story(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(schedule='"0 0 1 1 *"'), at=NOON)
    ask(world)
    world.finish()
    second = ask(world)
    world.finish(exit_code=3)
    found = why(world.view, "hello", NOON, zone=UTC_ZONE, now=world.clock.now())
    assert (found.state, found.runs[0].id) == (RunState.FAILED, second.id)


def test_what_is_due_at_this_moment_has_not_run_yet(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(schedule='"0 13 * * *"'), at=NOON)
    world.clock.advance(seconds=3601)
    assert ": has not run: " in story(world, NOON + HOUR).split("\n")[0]


def test_requests_of_which_only_the_sum_is_kept_are_shown_in_order(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(schedule='"0 3 * * *"'), at=NOON)
    for code in (0, 1, 0):
        world.run_by_hand("hello")
        world.finish(exit_code=code)
        world.pass_time(seconds=60)
    world.clock.advance(seconds=50 * 86_400)
    world.step()
    world.finish()
    keep_house(world, keep_days=30)
    now = world.clock.now()
    on = (NOON.date(), NOON.date())
    answer = did(world.view, "hello", zone=UTC_ZONE, params={}, on=on, at=None, now=now, presence=RUNNING)
    assert answer.line.endswith("(1 failed, 2 succeeded)")


def test_a_program_that_was_never_executed_is_named_as_such(tmp_path: Path) -> None:
    world = World(tmp_path, a_file("working_dir: away", schedule='"0 13 * * *"'), at=NOON)
    world.pass_time(seconds=3600)
    lines = story(world, NOON + HOUR).split("\n")
    assert "did not run" in lines[0]
    assert "ran| no, its command was never executed" in lines
    assert replace(world.runs()[0]).attempt == 1
