"""Every answer says the same about a job that is overdue or late, with an engine and without one."""

from pathlib import Path

from engine.answers.did import Answer, did, did_to_json
from engine.answers.listing import list_jobs, list_to_json
from engine.answers.presence import Presence
from engine.answers.report import make_report
from engine.answers.report_json import report_to_json
from engine.answers.status import make_status, status_to_json
from engine.answers.why import story_to_json, why
from tests.builders import HOUR, NOON
from tests.engine.test_why import UTC_ZONE
from tests.engine.world import World

JOBS = """\
version: 1
jobs:
  hello:
    schedule: {every: 1h}
    expect: {success_every: 90m, done_by: "12:30"}
    run: hello
"""
DEAD = Presence(is_running=False)


def test_without_an_engine_a_due_run_is_overdue_and_its_job_late_everywhere(tmp_path: Path) -> None:
    world = World(tmp_path, JOBS.replace("12:30", "13:30"), at=NOON)
    world.crash()
    world.clock.advance(seconds=2 * 3600)
    world.boot()
    world.crash()
    world.view = type(world.view).open(world.config.ledger)
    world.clock.advance(seconds=3660)
    view, now = world.view, world.clock.now()
    about = {"presence": DEAD, "now": now}
    found = did(view, "hello", zone=UTC_ZONE, params={}, on=None, at=None, **about)
    assert found.answer is Answer.OVERDUE
    assert int(found.answer) == 6
    assert found.line.startswith("hello: overdue, it has not run: no engine is running; `jobfile up`")
    late = ["late: no success for 3h1m (limit 1h30m)"]
    assert did_to_json(found)["late"] == late
    assert found.line.endswith(late[0])
    story = story_to_json(why(view, "hello", NOON + 3 * HOUR, zone=UTC_ZONE, **about))
    assert story["state"] == "overdue"
    report = make_report(view, since=NOON, until=now + (now - NOON), **about)
    assert not report.is_well
    assert report_to_json(report)["overdue"] == 1
    words = [one for job in report_to_json(report)["late"] for one in job["words"]]  # type: ignore[union-attr]
    assert late[0] in words
    status = make_status(view, file=None, free_bytes=10**12, **about)
    assert not status.is_well
    assert status_to_json(status)["overdue"] == 1
    assert status_to_json(status)["late"] == report_to_json(report)["late"]
    listed = list_jobs(view, None, has_file=None, main_file="jobs.yaml", **about)
    (row,) = list_to_json(listed)["jobs"]  # type: ignore[misc]
    assert row["state"] == "overdue"
    assert row["late"] == words
