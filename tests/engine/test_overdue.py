"""A run that was due and that nothing has started is overdue in every answer, and never `all is well`."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.answers.did import Answer, Did, did
from engine.answers.expected import INSTANT
from engine.answers.overdue import count_overdue, overdue_runs
from engine.answers.presence import GRACE, RUNNING, Presence, presence_of
from engine.answers.report import Report, make_report
from engine.answers.why import Story, why
from engine.core.lifecycle import RunState
from engine.core.records import CLOCK_HOLD, DISK_HOLD, RESTORED_HOLD
from jobfile.schedule.occurrences import load_zone
from tests.builders import DAY, HOUR, MINUTE, NOON
from tests.engine.test_did import ask
from tests.engine.test_faults import a_file
from tests.engine.world import World
from tests.soak import examples

UTC_ZONE = load_zone("UTC")
assert UTC_ZONE is not None


def presence(world: World, *, is_locked: bool = False, trouble: str = "") -> Presence:
    """What the answers know of the engine."""
    return presence_of(world.view, is_locked=is_locked, trouble=trouble, fates={}, now=world.clock.now())


def asked(
    world: World, found: Presence, at: datetime | None = None, job: str = "hello"
) -> tuple[Did, Story, Report]:
    """The three answers about a job."""
    now = world.clock.now()
    instant = at or NOON + HOUR
    answer = did(world.view, job, zone=UTC_ZONE, params={}, on=None, at=at, now=now, presence=found)
    story = why(world.view, job, instant, zone=UTC_ZONE, now=now, presence=found)
    report = make_report(world.view, since=NOON, until=now + DAY, now=now, presence=found)
    return answer, story, report


def overdue(world: World, found: Presence) -> tuple[Did, Story]:
    """The answers about the one run that is overdue; the report and the number of all say the same."""
    answer, story, report = asked(world, found)
    assert answer.answer is Answer.OVERDUE
    assert answer.states == ("overdue",)
    assert story.is_overdue
    assert not report.total.is_well
    assert (report.total.verdicts["overdue"], report.total.adds_up) == (1, True)
    assert count_overdue(world.view, found, world.clock.now()) == 1
    return answer, story


@pytest.mark.parametrize(
    ("catchup", "hours", "upshot"),
    [
        ("last", 1, "`jobfile up` then runs it late (catchup: last)"),
        ("none", 1, "`jobfile up` then records it as missed: the engine was not running (catchup: none)"),
        ("all", 1, "`jobfile up` then runs it late (catchup: all)"),
        (
            "{mode: last, window: 10m}",
            1.5,
            "`jobfile up` then records it as missed: too old to catch up (catchup: last)",
        ),
    ],
)
def test_without_an_engine_what_was_due_is_overdue(
    tmp_path: Path, catchup: str, hours: float, upshot: str
) -> None:
    world = World(tmp_path, a_file(f"catchup: {catchup}"), at=NOON)
    world.pass_time(seconds=60)
    world.clock.advance(seconds=hours * 3600)
    answer, story = overdue(world, presence(world))
    why_not = f"no engine has been running since 2026-03-05 12:01 UTC; {upshot}"
    assert answer.line == f"hello: overdue, it has not run: {why_not} (scheduled for 2026-03-05 13:00 UTC)"
    assert story.headline == f"hello, 2026-03-05 13:00 UTC: has not run: {why_not}"
    assert (
        "engine",
        "absent: the previous one was killed about 2026-03-05 12:01 UTC, and none since",
    ) in story.facts


@pytest.mark.parametrize("period", ["5s", "10s", "1h"])
def test_a_run_that_is_due_just_now_hides_no_overdue_one(tmp_path: Path, period: str) -> None:
    world = World(tmp_path, a_file(schedule=f"{{every: {period}}}"), at=NOON)
    world.pass_time(seconds=3600)
    world.finish()
    world.clock.advance(seconds=2 * 3600 + 1)
    answer, _, _ = asked(world, presence(world))
    assert answer.answer is Answer.OVERDUE
    assert answer.line.startswith("hello: overdue, it has not run: no engine has been running since ")


def test_what_the_next_engine_makes_of_it_is_what_the_answers_say(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    world.clock.advance(seconds=3 * 3600 + 60)
    for hour, said in ((1, "records it as skipped"), (2, "records it as skipped"), (3, "runs it late")):
        answer, _, _ = asked(world, presence(world), NOON + hour * HOUR)
        assert answer.answer is Answer.OVERDUE
        assert said in answer.line
    world.crash()
    world.boot()
    assert [state for _, state, _ in world.states()] == ["skipped", "skipped", "running"]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (CLOCK_HOLD, "the engine does not believe the clock: because"),
        (RESTORED_HOLD, "its ledger is an older copy: because"),
        (DISK_HOLD, "because disk space is low: because"),
    ],
)
def test_under_a_hold_what_was_due_is_overdue(tmp_path: Path, kind: str, said: str) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    with world.store.transaction():
        world.store.incidents.begin_hold(kind, detail="because", now=world.clock.now())
    world.clock.advance(seconds=3700)
    answer, story = overdue(world, presence(world, is_locked=True))
    assert said in answer.line
    assert said in story.headline
    assert "jobfile up" not in answer.line


def test_a_ledger_that_cannot_be_written_and_a_silent_engine_are_named(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    world.clock.advance(seconds=3700)
    answer, _ = overdue(world, presence(world, is_locked=True, trouble="database or disk is full"))
    assert "it has not run: the engine cannot write its ledger: database or disk is full" in answer.line
    answer, _ = overdue(world, presence(world, is_locked=True))
    assert "the engine has had no heartbeat for 1h1m" in answer.line
    answer, _ = overdue(world, RUNNING)
    assert "the engine is running but has not decided about it" in answer.line


def test_a_single_run_that_holds_the_lock_is_no_engine(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    world.heartbeat.end("stopped")
    world.store.open_session(
        kind="run", boot_id="b", pid=1, version="1", now=world.clock.now(), boot_seconds=1.0
    )
    assert not presence(world, is_locked=True).is_running
    world.clock.advance(seconds=3700)
    answer, _ = overdue(world, presence(world, is_locked=True))
    assert "no engine has been running since 2026-03-05 12:00 UTC" in answer.line


def test_within_the_grace_nothing_is_overdue(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    world.clock.advance(seconds=3600 + GRACE.total_seconds())
    answer, story, report = asked(world, presence(world))
    assert answer.answer is Answer.NOT_OVER
    assert answer.line.startswith(
        "hello: it has not run: no engine has been running since 2026-03-05 12:00 UTC"
    )
    assert not story.is_overdue
    assert report.total.is_well
    world.clock.advance(seconds=1)
    overdue(world, presence(world))


def test_a_window_ends_before_its_end_also_for_what_is_overdue(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    world.clock.advance(seconds=3 * 3600 + 60)
    found, now = presence(world), world.clock.now()
    for until, count in ((HOUR, 0), (HOUR + INSTANT, 1), (2 * HOUR, 1), (2 * HOUR + INSTANT, 2), (DAY, 3)):
        report = make_report(world.view, since=NOON, until=NOON + until, now=now, presence=found)
        assert report.total.verdicts == ({"overdue": count} if count else {})


def test_a_paused_job_and_a_spread_are_not_overdue(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    world.pause("hello")
    world.clock.advance(seconds=3 * 3600)
    answer, _, report = asked(world, presence(world))
    assert answer.answer is Answer.NOT_OVER
    assert "it has not run: the job is paused by anna, and no engine has been running since" in answer.line
    assert report.total.verdicts == {"open": 3}
    (tmp_path / "spread").mkdir()
    text = a_file(schedule="{cron: '0 * * * *', spread: 50m}")
    world = World(tmp_path / "spread", text, at=NOON)
    world.clock.advance(seconds=3600 + 30)
    found = presence(world)
    assert asked(world, found)[0].answer is Answer.NOT_OVER
    world.clock.advance(seconds=3000)
    overdue(world, found)


def queued(world: World) -> str:
    """A run that is asked for while no place is free, so that it waits."""
    world.run_by_hand("hello")
    return (
        "it has not run: no engine has been running since 2026-03-05 12:00 UTC; `jobfile up` then starts it"
    )


def waiting_for_another_try(world: World) -> str:
    """A run whose first attempt failed."""
    world.run_by_hand("hello")
    world.finish(exit_code=1)
    since = "no engine has been running since 2026-03-05 12:00 UTC"
    return f"its next attempt has not started: {since}; `jobfile up` then starts attempt 2"


@pytest.mark.parametrize(("places", "wait"), [(0, queued), (1, waiting_for_another_try)])
def test_a_recorded_run_that_nobody_starts_is_overdue(
    tmp_path: Path, places: int, wait: Callable[[World], str]
) -> None:
    text = a_file("retry: {attempts: 2, delay: 5s, jitter: none}", schedule='"0 0 1 1 *"')
    world = World(tmp_path, text, at=NOON, max_running=places)
    said = wait(world)
    world.clock.advance(seconds=60)
    found = presence(world)
    now = world.clock.now()
    answer = did(
        world.view,
        "hello",
        zone=UTC_ZONE,
        params={},
        on=(NOON.date(), NOON.date()),
        at=None,
        now=now,
        presence=found,
    )
    assert answer.answer is Answer.OVERDUE
    assert said in answer.line
    story = why(world.view, "hello", NOON, zone=UTC_ZONE, now=now, presence=found)
    assert said.removeprefix("it ") in story.headline
    report = make_report(world.view, since=NOON, until=now + DAY, now=now, presence=found)
    assert report.total.verdicts == {"overdue": 1}
    assert report.total.adds_up
    running = make_report(world.view, since=NOON, until=now + DAY, now=now, presence=RUNNING)
    assert running.total.verdicts == {"open": 1}


def test_a_run_whose_process_is_gone_is_not_called_running_without_a_word(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    world.pass_time(seconds=3600)
    (run,) = world.runs()
    gone = presence(world)._replace(fates={run.id: "it ended with exit code 0, which will be recorded"})
    answer, story, report = asked(world, gone)
    said = "its process has ended, and no engine has recorded this yet: it ended with exit code 0"
    assert answer.answer is Answer.NOT_OVER
    assert f"not over: running, {said}" in answer.line
    assert f"running, {said}" in story.headline
    assert (report.unsettled, report.is_well, report.total.adds_up) == (1, False, True)
    assert report.total.verdicts == {"open": 1}
    now = world.clock.now()
    before = make_report(world.view, since=NOON - DAY, until=NOON, now=now, presence=gone)
    assert (before.unsettled, before.is_well) == (0, True), "it is of another window"
    alive = make_report(world.view, since=NOON, until=now + DAY, now=now, presence=presence(world))
    assert (alive.unsettled, alive.is_well) == (0, True), "it goes on under its supervisor"


@settings(
    deadline=None, max_examples=examples(13), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_the_report_of_any_window_adds_up_while_no_engine_runs(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    mode = data.draw(st.sampled_from(("last", "none", "all")))
    spread = data.draw(st.sampled_from(("", ", spread: 15m")))
    text = a_file(f"catchup: {mode}", schedule=f"{{cron: '*/20 * * * *'{spread}}}")
    world = World(tmp_path_factory.mktemp("world"), text, at=NOON, max_running=data.draw(st.integers(0, 2)))
    for _ in range(data.draw(st.integers(0, 6))):
        world.pass_time(seconds=data.draw(st.integers(60, 3000)))
        if data.draw(st.booleans()):
            world.run_by_hand("hello")
        if data.draw(st.booleans()):
            world.finish(exit_code=data.draw(st.integers(0, 1)))
        if data.draw(st.integers(0, 4)) == 0:
            world.pause("hello", minutes=30)
        over = [run for run in world.runs() if run.state.is_final]
        if over and data.draw(st.booleans()):
            again = data.draw(st.sampled_from(over))
            ask(world, at=again.scheduled_for, retry_of=again.id)
    world.clock.advance(seconds=data.draw(st.integers(0, 20_000)))
    running = [run for run in world.runs() if run.state is RunState.RUNNING]
    gone = {run.id: "it ended" for run in running if data.draw(st.booleans())}
    found, now = presence(world)._replace(fates=gone), world.clock.now()
    for _ in range(5):
        since = NOON + data.draw(st.integers(-60, 600)) * MINUTE
        until = since + data.draw(st.integers(1, 600)) * MINUTE
        report = make_report(world.view, since=since, until=until, now=now, presence=found)
        assert report.total.adds_up
        assert min(report.total.verdicts.values(), default=0) >= 0
        assert 0 <= report.unsettled <= report.total.verdicts.get("open", 0)
    everything = make_report(
        world.view, since=NOON - DAY, until=now + timedelta(days=9), now=now, presence=found
    )
    assert everything.total.requested == sum(
        not run.schedule_key and not run.retry_of for run in world.runs()
    )
    # Of two tries of one run only the later counts, though an engine will start both.
    tries = [run for run in overdue_runs(world.view, found, now) if run.retry_of]
    replaced = [run for run in tries if world.view.retries_of(str(run.retry_of))[-1] != run]
    counted = count_overdue(world.view, found, now) - len(replaced)
    assert everything.total.verdicts.get("overdue", 0) == counted
    world.crash()


@pytest.mark.parametrize("late", [-1, 0, 1, 600])
def test_a_waiting_run_starts_up_to_its_deadline_and_the_answers_say_so_before(
    tmp_path: Path, late: int
) -> None:
    """What the answers announce is what the next engine does, at the deadline itself too."""
    world = World(tmp_path, a_file("start_deadline: 10m", schedule='"0 13 * * *"'), at=NOON, max_running=0)
    world.pass_time(seconds=3600)
    world.clock.advance(seconds=600 + late)
    answer, _, _ = asked(world, presence(world))
    missed = "records it as missed: it could not start in time"
    assert f"`jobfile up` then {'starts it' if late <= 0 else missed}" in answer.line
    world.crash()
    world.config = replace(world.config, max_running=1)
    world.boot()
    (run,) = world.runs()
    assert run.state is (RunState.RUNNING if late <= 0 else RunState.MISSED)
