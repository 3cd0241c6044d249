"""What `did`, `why`, `report`, `list` and `next` say about jobs that start after other jobs."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from engine.answers.asked import Asked
from engine.answers.choice import Labels
from engine.answers.did import Answer, Did, did
from engine.answers.graph import graph_of, graph_to_text
from engine.answers.listing import list_jobs, list_to_json
from engine.answers.listing_text import list_to_text
from engine.answers.presence import RUNNING, Presence, presence_of
from engine.answers.upcoming import fires_to_text, next_fires
from engine.answers.why import story_to_text, why, why_newest
from engine.core.following import after_words
from jobfile.model.jobs import AfterTrigger, AfterWhen
from jobfile.pipeline import compile_files
from tests.builders import HOUR, NOON
from tests.engine.test_following import CHAIN, HOURLY, after, finish_all, text
from tests.engine.world import World

ZONE = ZoneInfo("UTC")


def asked(world: World, job: str, presence: Presence = RUNNING) -> Asked:
    return Asked(view=world.view, job=job, zone=ZONE, now=world.clock.now(), presence=presence)


def ask(world: World, job: str, *, at: datetime | None = None, presence: Presence = RUNNING) -> Did:
    now = world.clock.now()
    return did(world.view, job, zone=ZONE, params={}, on=None, at=at, now=now, presence=presence)


def said(found: Did) -> tuple[Answer, str]:
    """The answer without the ids of runs."""
    return found.answer, found.line.partition(" (for")[0].partition(" (run")[0]


def dead(world: World) -> Presence:
    return presence_of(world.view, is_locked=False, trouble="", fates={}, now=world.clock.now())


def test_did_has_an_answer_before_during_and_after_the_job_before(tmp_path: Path) -> None:
    world = World(tmp_path, CHAIN)
    for job in ("report", "mail"):
        found = ask(world, job)
        assert (found.answer, found.line) == (
            Answer.NOT_OVER,
            f"{job}: not yet due, expected after load, at 2026-03-05 13:00 UTC or later",
        )
        later = ask(world, job, at=NOON + HOUR)
        assert later.line.endswith("UTC: not yet due, expected after load, at 2026-03-05 13:00 UTC or later")
        story = why_newest(asked(world, job))
        assert story.headline == f"{job}, 2026-03-05 13:00 UTC: expected after load, not yet due"
        story = why(world.view, job, NOON, zone=ZONE, now=world.clock.now())
        before = {"report": "load", "mail": "report"}[job]
        assert story.headline.endswith(f"it starts after {before}, and no run of it was for that time")
    world.pass_time(seconds=3600)
    for job in ("report", "mail"):
        assert said(ask(world, job)) == (Answer.NOT_OVER, f"{job}: not yet: load is running")
        assert ask(world, job, at=NOON + HOUR).answer is Answer.NOT_OVER
    world.finish()
    assert said(ask(world, "report")) == (Answer.NOT_OVER, "report: not over: running")
    assert said(ask(world, "mail")) == (Answer.NOT_OVER, "mail: not yet: report is running")
    finish_all(world)
    assert said(ask(world, "mail")) == (Answer.SUCCEEDED, "mail: yes, it ran and succeeded")
    world.pass_time(seconds=3600)
    world.finish(exit_code=3)
    first = "it did not run: skipped, load failed, exit code 3"
    assert said(ask(world, "report")) == (Answer.DID_NOT_RUN, f"report: no, {first}")
    mail = ask(world, "mail")
    assert mail.answer is Answer.DID_NOT_RUN
    assert "load failed, exit code 3 (run 00000000), so report did not run" in mail.line
    world.clock.advance(seconds=60)
    world.run_by_hand("report")
    finish_all(world)
    assert said(ask(world, "report"))[0] is Answer.DID_NOT_RUN, "a run by hand does not hide it"
    assert "a run requested at" in ask(world, "report").line


def test_a_retry_that_helps_is_told_as_such(tmp_path: Path) -> None:
    world = World(tmp_path, CHAIN)
    world.pass_time(seconds=3600)
    world.finish(exit_code=3)
    world.clock.advance(seconds=600)
    world.retry(world.runs("load")[0])
    finish_all(world)
    found = ask(world, "mail")
    assert found.answer is Answer.SUCCEEDED
    assert "(for 2026-03-05 13:00 UTC, started after all at 2026-03-05 13:10 UTC" in found.line
    story = story_to_text(why(world.view, "mail", NOON + HOUR, zone=ZONE, now=world.clock.now()), width=200)
    assert "skipped, then started after all: succeeded" in story
    assert "in place of run" in story


def test_without_an_engine_an_end_that_nothing_acted_on_is_overdue(tmp_path: Path) -> None:
    world = World(tmp_path, CHAIN)
    world.pass_time(seconds=3600)
    [attempt] = world.launcher.running()
    world.launcher.finish(attempt)
    world.worker.notice(attempt)
    world.worker.tick()
    world.clock.advance(seconds=600)
    found = ask(world, "report", presence=dead(world))
    assert found.answer is Answer.OVERDUE
    assert "load has ended (run 00000000), and no engine has acted on that yet" in found.line
    assert ask(world, "mail", presence=dead(world)).answer is Answer.OVERDUE


def test_a_gap_record_of_the_job_before_is_the_answer_for_those_after_it(tmp_path: Path) -> None:
    world = World(tmp_path, CHAIN)
    world.pass_time(seconds=3600)
    finish_all(world)
    world.pause("load")
    world.pass_time(seconds=12 * 3600)
    assert len(world.runs("report")) == 1
    for job, more in (("report", ""), ("mail", ", so report did not run")):
        found = ask(world, job)
        words = f"load was skipped, the job is paused by anna: vendor outage{more}"
        assert said(found) == (Answer.DID_NOT_RUN, f"{job}: no, it did not run: skipped, {words}")
        assert ask(world, job, at=NOON + 2 * HOUR).answer is Answer.DID_NOT_RUN
        assert ask(world, job, at=NOON - HOUR).answer is Answer.NOT_EXPECTED
    world.edit(text(load=HOURLY, report=after("load"), mail=after("report"), fresh=after("load")))
    assert ask(world, "fresh", at=NOON + 2 * HOUR).answer is Answer.NOT_EXPECTED, "it followed later"
    world.check()


@pytest.mark.parametrize(("kind", "is_awaited"), [("all", True), ("any", True)])
def test_several_jobs_are_awaited(tmp_path: Path, kind: str, is_awaited: bool) -> None:
    jobs = text(load=HOURLY, clean="schedule: '0 14 * * *'", report=after("load", "clean", kind=kind))
    world = World(tmp_path, jobs)
    world.pass_time(seconds=3600)
    answer = ask(world, "report", at=NOON + HOUR).answer
    assert answer is (Answer.NOT_EXPECTED if kind == "all" else Answer.NOT_OVER), "clean has no such time"
    finish_all(world)
    world.pass_time(seconds=3600)
    assert (ask(world, "report").answer is Answer.NOT_OVER) is is_awaited


def test_nothing_is_awaited_after_a_failure_that_has_not_come(tmp_path: Path) -> None:
    world = World(tmp_path, text(load=HOURLY, alarm=after("load", when="failed")))
    world.pass_time(seconds=3600)
    assert ask(world, "alarm", at=NOON + HOUR).answer is Answer.NOT_EXPECTED


def test_why_names_the_chain_from_its_first_cause(tmp_path: Path) -> None:
    world = World(tmp_path, CHAIN)
    world.pass_time(seconds=3600)
    waiting = story_to_text(why_newest(asked(world, "mail")), width=200)
    assert "follows  load is running (run 00000000)" in waiting
    finish_all(world)
    story = story_to_text(why_newest(asked(world, "mail")), width=300)
    chain = (
        "started after  report [run 00000000, succeeded], which started after "
        "load [run 00000000, succeeded], scheduled for 2026-03-05 13:00 UTC"
    )
    assert chain in story
    world.run_by_hand("load")
    finish_all(world)
    by_hand = story_to_text(why_newest(asked(world, "report")), width=300)
    assert "load [run 00000000, succeeded], requested for 2026-03-05 13:00 UTC" in by_hand


def test_a_cause_that_retention_deleted_is_told_as_such(tmp_path: Path) -> None:
    world = World(tmp_path, CHAIN)
    for _ in range(2):
        world.pass_time(seconds=3600)
        finish_all(world)
    oldest = world.runs("load")[0]
    mail = world.runs("mail")[0]
    with world.store.transaction():
        world.store.past.prune([oldest], now=world.clock.now())
    story = why(world.view, "mail", mail.scheduled_for, zone=ZONE, now=world.clock.now())
    assert "which started after run 00000000, which is no longer kept" in story_to_text(story, width=300)
    assert ask(world, "report", at=mail.scheduled_for).answer is Answer.SUCCEEDED
    world.check()


def test_a_long_chain_has_answers_too(tmp_path: Path) -> None:
    links = {f"j{number}": after(f"j{number - 1}") for number in range(1, 301)}
    world = World(tmp_path, text(j0=HOURLY, **links))
    world.pass_time(seconds=3600)
    assert said(ask(world, "j300")) == (Answer.NOT_OVER, "j300: not yet: j0 is running")
    world.finish(exit_code=1)
    assert ask(world, "j300").answer is Answer.DID_NOT_RUN
    assert "has causes of its own" in story_to_text(why_newest(asked(world, "j300")), width=300)


def test_the_report_counts_each_follower_once(tmp_path: Path) -> None:
    world = World(tmp_path, text(load=HOURLY, report=after("load"), alarm=after("load", when="failed")))
    for code in (0, 1):
        world.pass_time(seconds=3600)
        world.finish(exit_code=code)
        finish_all(world)
    found = {row.job: (row.expected, dict(row.verdicts)) for row in world.report().rows}
    assert found == {
        "load": (2, {"succeeded": 1, "failed": 1}),
        "report": (2, {"succeeded": 1, "skipped": 1}),
        "alarm": (1, {"succeeded": 1}),
    }


TRIGGERS = [
    (AfterTrigger(job="load"), "after load"),
    (AfterTrigger(job="load", when=AfterWhen.FAILED), "after load fails"),
    (AfterTrigger(job="load", when=AfterWhen.ALWAYS), "after load ends"),
    (AfterTrigger(all=("a", "b")), "after a and b"),
    (AfterTrigger(all=("a", "b"), when=AfterWhen.FAILED), "after a and b fail"),
    (AfterTrigger(any=("a", "b"), when=AfterWhen.ALWAYS), "after a or b ends"),
]


@pytest.mark.parametrize(("trigger", "words"), TRIGGERS)
def test_what_a_follower_waits_for_has_words(trigger: AfterTrigger, words: str) -> None:
    assert after_words(trigger) == words


def test_list_next_and_the_graph_name_what_starts_a_job(tmp_path: Path) -> None:
    steps = "  steps: {triggers: [{after: load}], steps: {a: {run: 'true'}}}"
    both = f"{HOURLY}, {after('load')}"
    content = f"{text(load=HOURLY, both=both)}\n{steps}"
    world = World(tmp_path, content)
    found = list_jobs(
        world.view, None, presence=RUNNING, now=world.clock.now(), has_file=True, main_file="jobs.yaml"
    )
    rows = {row["job"]: (row["starts"], row["next_at"]) for row in list_to_json(found)["jobs"]}  # type: ignore[attr-defined]  # JSON data
    at = "2026-03-05T13:00:00+00:00"
    assert rows == {"load": ([], at), "both": (["after load"], at), "steps": (["after load"], None)}
    assert "after load" in list_to_text(found, width=100)
    compiled = compile_files([("jobs.yaml", content.encode())]).catalog
    assert compiled is not None
    lines = {}
    for job in compiled.jobs:
        spec = job.spec
        fires = next_fires(spec.name, spec.schedule, 1, now=NOON, is_job=True, starts=Labels.of(spec).starts)
        lines[spec.name] = fires_to_text(fires, width=100).splitlines()[0]
        if spec.name == "steps":
            assert graph_to_text(graph_of(spec)).splitlines()[0] == "steps  (after load)"
    assert lines["steps"] == "no schedule: after load"
    assert lines["both"].endswith("; after load")
    assert "after" not in lines["load"]
