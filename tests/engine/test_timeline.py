"""The timeline: each run of a window once, with the part that it waited, and every time without an engine."""

from datetime import datetime, timedelta
from pathlib import Path

from engine.answers.presence import RUNNING, Presence
from engine.answers.timeline import MAX_BARS, MAX_LANES, Timeline, make_timeline
from tests.builders import NOON
from tests.engine.world import World

JOBS = """\
version: 1
queues: {narrow: {slots: 1}}
jobs:
  first: {schedule: "10 * * * *", queue: narrow, command: ["true"]}
  second: {schedule: "10 * * * *", queue: narrow, command: ["true"]}
  asked: {command: ["true"]}
"""


def look(
    world: World, since: datetime, until: datetime, presence: Presence = RUNNING, **more: int
) -> Timeline:
    names = [one.job for one in world.view.jobs_in_force()]
    now = world.clock.now()
    return make_timeline(world.view, jobs=names, since=since, until=until, now=now, presence=presence, **more)


def minutes(at: datetime | None) -> float | None:
    return None if at is None else (at - NOON).total_seconds() / 60


def test_a_run_waits_then_runs_and_what_is_not_over_goes_on_until_now(tmp_path: Path) -> None:
    world = World(tmp_path, JOBS, at=NOON)
    world.pass_time(seconds=600)
    world.pass_time(seconds=600)
    world.finish()
    world.pass_time(seconds=300)
    found = look(world, NOON, NOON + timedelta(hours=1))
    bars = {row.job: row.bars for row in found.rows}
    assert list(bars) == ["first", "second"]
    shown = [
        (one.state, minutes(one.begin), minutes(one.started), minutes(one.end))
        for job in bars
        for one in bars[job]
    ]
    assert shown == [("succeeded", 10, 10, 20), ("running", 10, 20, 25)]
    world.crash()


def test_a_run_from_before_the_window_is_in_it_until_it_is_over(tmp_path: Path) -> None:
    world = World(tmp_path, JOBS, at=NOON)
    world.pass_time(seconds=600)
    world.pass_time(seconds=3000)
    world.finish()
    world.finish()
    world.pass_time(seconds=300)
    assert [
        row.job for row in look(world, NOON + timedelta(minutes=30), NOON + timedelta(minutes=40)).rows
    ] == [
        "first",
        "second",
    ]
    late = NOON + timedelta(minutes=63)
    assert look(world, late, late + timedelta(minutes=5)).rows == ()
    world.crash()


def test_runs_that_overlap_are_beside_each_other(tmp_path: Path) -> None:
    world = World(tmp_path, JOBS, at=NOON)
    for _ in range(MAX_LANES + 2):
        world.run_by_hand("asked")
        world.clock.advance(seconds=30)
    (row,) = look(world, NOON, NOON + timedelta(hours=1)).rows
    assert [one.lane for one in row.bars] == [0, 1, 2, 3, 3, 3]
    assert row.lanes == MAX_LANES
    world.finish()
    world.clock.advance(seconds=30)
    world.run_by_hand("asked")
    (row,) = look(world, NOON, NOON + timedelta(hours=1)).rows
    assert row.bars[-1].lane == 0
    world.crash()


def test_a_row_with_many_runs_has_their_number_in_each_slot(tmp_path: Path) -> None:
    text = 'version: 1\njobs:\n  busy: {schedule: {every: 1m}, command: ["true"]}\n'
    world = World(tmp_path, text, at=NOON)
    for _ in range(MAX_BARS + 1):
        world.pass_time(seconds=60)
        world.finish()
    (row,) = look(world, NOON, NOON + timedelta(hours=2)).rows
    assert row.bars == ()
    assert sum(sum(slot.values()) for slot in row.counts.values()) == MAX_BARS + 1
    (row,) = look(world, NOON, NOON + timedelta(minutes=30)).rows
    assert len(row.bars) == 29
    assert not row.counts
    world.crash()


def test_every_time_without_an_engine_is_an_absence(tmp_path: Path) -> None:
    world = World(tmp_path, JOBS, at=NOON)
    world.pass_time(seconds=600)
    world.crash()
    world.clock.advance(seconds=7200)
    world.boot()
    world.pass_time(seconds=600)
    end = NOON + timedelta(minutes=140)
    (away,) = look(world, NOON, end).absences
    assert (minutes(away.since), minutes(away.until)) == (10, 130)
    (part,) = look(world, NOON + timedelta(hours=1), end).absences
    assert minutes(part.since) == 60
    assert look(world, NOON + timedelta(minutes=135), end).absences == ()
    dead = Presence(is_running=False, since=NOON + timedelta(minutes=138))
    assert [minutes(one.since) for one in look(world, NOON, end, dead).absences] == [138, 10]
    missed = [one for row in look(world, NOON, end).rows for one in row.bars if one.run is None]
    assert {one.state for one in missed} <= {"missed", "skipped"}
    world.crash()


def test_many_jobs_are_shown_in_parts(tmp_path: Path) -> None:
    lines = "".join(
        f'  job-{index:02}: {{schedule: "10 * * * *", command: ["true"]}}\n' for index in range(53)
    )
    world = World(tmp_path, f"version: 1\njobs:\n{lines}", at=NOON, max_running=60)
    world.pass_time(seconds=600)
    found = look(world, NOON, NOON + timedelta(hours=1))
    assert (found.jobs, len(found.rows)) == (53, 50)
    rest = look(world, NOON, NOON + timedelta(hours=1), skip=50)
    assert [row.job for row in rest.rows] == ["job-50", "job-51", "job-52"]
    world.crash()
