"""What needs attention: what `did` says is not well, and nothing else."""

from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from engine.answers.concerns import MAX_ASKED, concerns_of_engine, concerns_of_jobs
from engine.answers.presence import RUNNING, Presence
from tests.builders import NOON
from tests.engine.world import World

JOBS = """\
version: 1
jobs:
  good: {schedule: "10 * * * *", command: ["true"]}
  bad: {schedule: "10 * * * *", command: ["true"]}
  gone: {schedule: "10 * * * *", catchup: none, command: ["true"]}
  late: {schedule: "10 9 * * *", expect: {success_every: 30m}, command: ["true"]}
"""
NAMES = ("bad", "gone", "good", "late")
UTC_ZONE = ZoneInfo("UTC")


def told(world: World, *, day: date | None = None, presence: Presence = RUNNING) -> list[tuple[str, str]]:
    on = None if day is None else (day, UTC_ZONE)
    found = concerns_of_jobs(world.view, NAMES, day=on, now=world.clock.now(), presence=presence)
    return [(one.state, one.job) for one in found]


def a_world(folder: Path) -> World:
    """`bad` fails at 12:10, and nobody was there at 13:10."""
    world = World(folder, JOBS, at=NOON)
    world.pass_time(seconds=600)
    for attempt in world.launcher.running():
        is_bad = world.view.run(attempt.partition("-")[0]).job == "bad"  # type: ignore[union-attr]
        world.launcher.finish(attempt, exit_code=1 if is_bad else 0)
    world.step()
    world.clock.advance(seconds=60)
    return world


def test_a_job_needs_a_person_while_its_newest_result_is_not_well(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    assert told(world) == [("failed", "bad")]
    (run,) = world.runs("bad")
    (found,) = concerns_of_jobs(world.view, ["bad"], day=None, now=world.clock.now(), presence=RUNNING)
    assert found.run == run
    assert found.words.startswith("no, it ran and did not succeed: failed, exit code 1")
    world.retry(run)
    world.finish()
    assert told(world) == []
    world.crash()


def test_overdue_missed_and_late_jobs_need_a_person_too(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    world.clock.advance(seconds=3600)
    dead = Presence(is_running=False)
    assert told(world, presence=dead) == [
        *(("overdue", one) for one in ("bad", "gone", "good")),
        ("late", "late"),
    ]
    world.crash()
    world.boot()
    world.finish()
    assert ("missed", "gone") in told(world)
    day = NOON.date()
    assert ("failed", "bad") in told(world, day=day)
    assert ("missed", "gone") in told(world, day=day)
    world.crash()


def test_only_so_many_jobs_are_asked_about(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    many = [f"a{index:03}" for index in range(MAX_ASKED)]
    assert told(world) == [("failed", "bad")]
    found = concerns_of_jobs(world.view, [*many, "bad"], day=None, now=world.clock.now(), presence=RUNNING)
    assert found == ()
    world.crash()


def test_a_rejected_file_needs_a_person(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    assert list(concerns_of_engine(world.view, RUNNING, now=world.clock.now())) == []
    world.edit("version: 1\njobs: {good: {}}\n")
    (found,) = concerns_of_engine(world.view, RUNNING, now=world.clock.now())
    assert found.state == "rejected"
    assert "generation 1 stays in force" in found.words
    assert "jobs.yaml:2" in found.words
    world.crash()
