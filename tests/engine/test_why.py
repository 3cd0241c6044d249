"""`why`: the stories that it tells, whole, and that no reason is left as a word of the program."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from engine.answers.asked import Asked
from engine.answers.did import Answer, did
from engine.answers.facts import SILENCE
from engine.answers.presence import RUNNING, Presence
from engine.answers.report import make_report
from engine.answers.status import make_status
from engine.answers.why import Story, why, why_day, why_newest, why_run
from engine.core.lifecycle import Run
from engine.core.vocabulary import reason_words, value_text
from engine.ports import Stop
from jobfile.schedule.occurrences import load_zone
from tests.builders import DAY, HOUR, NOON
from tests.engine.test_did import ask
from tests.engine.test_faults import a_file, down
from tests.engine.world import World as AnyWorld

UTC_ZONE = load_zone("UTC")
assert UTC_ZONE is not None


class World(AnyWorld):
    """A world whose runs differ in the part of their ids that people are shown."""

    def new_id(self) -> str:
        return f"{next(self._ids):08x}".ljust(32, "0")


def asked(world: World, job: str = "hello", *, presence: Presence = RUNNING) -> Asked:
    return Asked(view=world.view, job=job, zone=UTC_ZONE, now=world.clock.now(), presence=presence)


def story(world: World, at: datetime, job: str = "hello") -> str:
    """The story as lines: the headline, then each label and its text; ids as letters."""
    found = why(world.view, job, at, zone=UTC_ZONE, now=world.clock.now())
    return as_lines(found)


def as_lines(found: Story) -> str:
    lines = [found.headline, *(f"{label}| {text}" for label, text in found.facts)]
    return "\n".join(lines)


ONCE = (
    "version: 1\njobs:\n  hello:\n    schedule: {cron: '0 13 * * *', timezone: UTC}\n    command: ['true']\n"
)


ABSENT = (
    "absent: the previous one was killed about 2026-03-05 12:00 UTC, "
    "the next one started 2026-03-05 14:00 UTC"
)


def test_the_story_of_a_run_on_time(tmp_path: Path) -> None:
    world = World(tmp_path, ONCE, at=NOON)
    world.pass_time(seconds=3600)
    world.clock.advance(seconds=3)
    world.finish()
    assert (
        story(world, NOON + HOUR)
        == f"""\
hello, 2026-03-05 13:00 UTC: succeeded
schedule| every day at 13:00, UTC
| in force since 2026-03-05 12:00 UTC, generation 1
definition| jobs.yaml:3, generation 1
recorded| 2026-03-05 13:00 UTC, on time
engine| epoch 1, since 2026-03-05 12:00 UTC
run| {world.runs()[0].id[:8]}, schedule, succeeded
attempts| 1  2026-03-05 13:00:00 UTC  succeeded, took 3.0s
output| jobfile logs {world.runs()[0].id[:8]}"""
    )


def test_the_story_of_a_run_that_was_caught_up_late(tmp_path: Path) -> None:
    world = World(tmp_path, ONCE, at=NOON)
    down(world, seconds=2 * 3600)
    world.finish(exit_code=2)
    assert (
        story(world, NOON + HOUR)
        == f"""\
hello, 2026-03-05 13:00 UTC: failed, exit code 2
schedule| every day at 13:00, UTC
| in force since 2026-03-05 12:00 UTC, generation 1
definition| jobs.yaml:3, generation 1
recorded| 2026-03-05 14:00 UTC, 1h late
engine| {ABSENT}
run| {world.runs()[0].id[:8]}, catchup, failed
attempts| 1  2026-03-05 14:00:00 UTC  failed, exit code 2, took 0ms
output| jobfile logs {world.runs()[0].id[:8]}"""
    )


def test_the_story_of_a_run_without_an_engine(tmp_path: Path) -> None:
    world = World(tmp_path, ONCE.replace("    command", "    catchup: none\n    command"), at=NOON)
    down(world, seconds=2 * 3600)
    assert (
        story(world, NOON + HOUR)
        == f"""\
hello, 2026-03-05 13:00 UTC: missed, the engine was not running
schedule| every day at 13:00, UTC
| in force since 2026-03-05 12:00 UTC, generation 1
definition| jobs.yaml:3, generation 1
recorded| 2026-03-05 14:00 UTC, 1h late
engine| {ABSENT}
run| {world.runs()[0].id[:8]}, catchup, missed"""
    )


def cancel(world: World, run: Run, *, why_so: str) -> None:
    """Anna cancels a run; its supervisor obeys."""
    now = world.clock.now()
    with world.store.transaction():
        world.store.request_stop(run.id, Stop.CANCEL, reason="by_hand", detail=why_so, now=now)
        world.store.audit(actor="anna", action="cancel", object=run.id, detail=why_so, now=now)
    for attempt in world.launcher.running():
        world.launcher.obey(attempt)
    world.step()


def test_the_story_of_a_run_that_was_cancelled(tmp_path: Path) -> None:
    world = World(tmp_path, ONCE, at=NOON)
    world.pass_time(seconds=3600)
    cancel(world, world.runs()[0], why_so="not needed")
    assert (
        story(world, NOON + HOUR)
        == f"""\
hello, 2026-03-05 13:00 UTC: cancelled, cancelled by anna: not needed
schedule| every day at 13:00, UTC
| in force since 2026-03-05 12:00 UTC, generation 1
definition| jobs.yaml:3, generation 1
recorded| 2026-03-05 13:00 UTC, on time
engine| epoch 1, since 2026-03-05 12:00 UTC
run| {world.runs()[0].id[:8]}, schedule, cancelled
attempts| 1  2026-03-05 13:00:00 UTC  cancelled, cancelled by hand: not needed, took 0ms
by hand| 2026-03-05 13:00 UTC  cancel by anna: not needed
output| jobfile logs {world.runs()[0].id[:8]}"""
    )


def test_the_story_of_an_instant_that_was_not_expected(tmp_path: Path) -> None:
    world = World(tmp_path, ONCE, at=NOON)
    world.pass_time(seconds=30 * 3600)
    world.finish()
    assert (
        story(world, NOON + 5 * HOUR)
        == """\
hello, 2026-03-05 17:00 UTC: not expected: its schedule has no run at that time
schedule| every day at 13:00, UTC
previous| 2026-03-05 13:00 UTC
next| 2026-03-06 13:00 UTC"""
    )
    assert story(world, NOON + 10 * DAY).startswith(
        "hello, 2026-03-15 12:00 UTC: not expected: its schedule has no run at that time\n"
    )
    assert story(world, NOON - HOUR) == (
        "hello, 2026-03-05 11:00 UTC: not expected: the job was first applied 2026-03-05 12:00 UTC"
    )
    assert story(world, NOON + 2 * DAY + HOUR).startswith(
        "hello, 2026-03-07 13:00 UTC: expected, not yet due\nschedule| every day at 13:00, UTC\n"
    )


@pytest.mark.parametrize("days", [1, 5, 11, 25, 39])
def test_the_neighbours_of_an_instant_are_found_as_far_as_forty_days_away(tmp_path: Path, days: int) -> None:
    world = World(tmp_path, a_file(schedule='"0 12 1 */2 *"'), at=NOON - 5 * DAY)
    world.clock.advance(seconds=60 * 86400)
    march = NOON - 4 * DAY
    assert story(world, march + days * DAY).endswith(
        "\nprevious| 2026-03-01 12:00 UTC\nnext| 2026-05-01 12:00 UTC"
    )
    assert "previous|" not in story(world, march + 41 * DAY)


def test_the_story_of_a_run_that_a_user_requests(tmp_path: Path) -> None:
    text = ONCE.replace("    command", "    params: {dry: {type: boolean, default: false}}\n    command")
    world = World(tmp_path, text, at=NOON)
    run = ask(world, dry=True)
    world.finish(exit_code=None, signal=9)
    assert (
        story(world, NOON)
        == f"""\
hello, 2026-03-05 12:00 UTC: failed, killed (SIGKILL)
requested| 2026-03-05 12:00 UTC by anna
definition| jobs.yaml:3, generation 1
run| {run.id[:8]}, manual, failed
params| dry=true
attempts| 1  2026-03-05 12:00:00 UTC  failed, killed (SIGKILL), took 0ms
output| jobfile logs {run.id[:8]}"""
    )
    assert as_lines(why_run(asked(world), world.view.run(run.id))) == story(world, NOON)  # type: ignore[arg-type]


@pytest.mark.parametrize("code", [0, 1])
def test_a_retry_by_hand_is_reported_alike_by_all_answers(tmp_path: Path, code: int) -> None:
    world = World(tmp_path, ONCE.replace("    command", "    catchup: none\n    command"), at=NOON)
    down(world, seconds=2 * 3600)
    (missed,) = world.runs()
    retry = ask(world, at=missed.scheduled_for, retry_of=missed.id)
    world.finish(exit_code=code)
    now = world.clock.now()
    end = "succeeded" if code == 0 else "failed"
    first = story(world, NOON + HOUR).split("\n")
    assert first[0] == (
        f"hello, 2026-03-05 13:00 UTC: missed, then retried by hand: {end} (run {retry.id[:8]})"
    )
    assert first[1] == "at first| missed, the engine was not running"
    for at in (None, NOON + HOUR):
        answer = did(world.view, "hello", zone=UTC_ZONE, params={}, on=None, at=at, now=now, presence=RUNNING)
        assert answer.answer is (Answer.SUCCEEDED if code == 0 else Answer.NOT_WELL)
        assert "for 2026-03-05 13:00 UTC, retried by hand at 2026-03-05 14:00 UTC" in answer.line
        assert "requested" not in answer.line
    report = make_report(world.view, since=NOON, until=now + DAY, now=now, presence=RUNNING)
    assert (report.total.expected, report.total.requested, report.total.adds_up) == (1, 0, True)
    assert report.total.verdicts == ({"fixed_by_hand": 1} if code == 0 else {"failed": 1})
    assert report.total.is_well is (code == 0)


def test_the_newest_story_and_that_of_a_day(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    assert why_newest(asked(world)).headline == "hello, 2026-03-05 13:00 UTC: expected, not yet due"
    for hour in range(1, 5):
        world.pass_time(seconds=3600)
        world.finish(exit_code=int(hour == 2))
    assert why_newest(asked(world)).headline == "hello, 2026-03-05 16:00 UTC: succeeded"
    day = why_day(asked(world), NOON.date())
    assert day.headline == "hello, 2026-03-05 14:00 UTC: failed, exit code 1"
    assert day.facts[-1] == ("that day", "1 failed, 3 succeeded of 4: jobfile did hello --on 2026-03-05")
    before = why_day(asked(world), (NOON - DAY).date())
    assert before.headline == (
        "hello, 2026-03-04: not expected: the job was first applied 2026-03-05 12:00 UTC"
    )
    after = why_day(asked(world), (NOON + DAY).date())
    assert after.headline == "hello, 2026-03-06 00:00 UTC: expected, not yet due"


def engine_fact(world: World, at: datetime, *, presence: Presence = RUNNING) -> str:
    """What the story of an instant says of the engine."""
    found = why(world.view, "hello", at, zone=UTC_ZONE, now=world.clock.now(), presence=presence)
    return dict(found.facts)["engine"]


@pytest.mark.parametrize("how", ["stopped", "was killed"])
def test_the_engine_of_an_instant_is_the_one_that_was_there(tmp_path: Path, how: str) -> None:
    """One that ended says when; one that was killed may have been there until shortly after its last sign."""
    world = World(tmp_path, a_file("catchup: none", schedule="{every: 5s}"), at=NOON)
    world.pass_time(seconds=600)
    if how == "stopped":
        world.heartbeat.end("stopped")
    down(world, seconds=600)
    world.pass_time(seconds=60)
    end = NOON + timedelta(seconds=600)
    last = end if how == "stopped" else end + SILENCE
    back = "the next one started 2026-03-05 12:20 UTC"
    absent = f"absent: the previous one {how} about 2026-03-05 12:10 UTC, {back}"
    second = timedelta(seconds=5)
    assert engine_fact(world, NOON + second) == "epoch 1, since 2026-03-05 12:00 UTC"
    assert engine_fact(world, end) == "epoch 1, since 2026-03-05 12:00 UTC"
    assert engine_fact(world, last) == "epoch 1, since 2026-03-05 12:00 UTC"
    assert engine_fact(world, last + second) == absent
    assert engine_fact(world, NOON + timedelta(seconds=1195)) == absent
    assert engine_fact(world, NOON + timedelta(seconds=1205)) == "epoch 2, since 2026-03-05 12:20 UTC"


def test_of_an_instant_without_a_decision_an_engine_that_started_since_is_known(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    world.pass_time(seconds=3590)
    world.clock.advance(seconds=600)
    dead = Presence(is_running=False, since=world.clock.now())
    absent = "absent: the previous one was killed about 2026-03-05 12:59:50 UTC, and none since"
    assert engine_fact(world, NOON + HOUR, presence=dead) == absent
    assert engine_fact(world, NOON + HOUR) == "epoch 1, since 2026-03-05 12:00 UTC"
    now = world.clock.now()
    world.store.open_session(kind="engine", boot_id="b", pid=1, version="1", now=now, boot_seconds=1.0)
    assert engine_fact(world, NOON + HOUR, presence=dead) == "epoch 1, since 2026-03-05 12:00 UTC"


def test_a_superseded_run_names_the_one_that_took_its_place_and_the_rule(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    down(world, seconds=3 * 3600 + 60)
    last = world.runs()[-1]
    found = why(world.view, "hello", NOON + HOUR, zone=UTC_ZONE, now=world.clock.now())
    assert found.headline == (
        f"hello, 2026-03-05 13:00 UTC: skipped, a later one runs instead: run {last.id[:8]}, "
        "scheduled for 2026-03-05 15:00 UTC (catchup: last)"
    )


def test_a_run_that_waits_for_a_place_says_so_and_which_run_is_oldest(tmp_path: Path) -> None:
    text = a_file() + "  long:\n    command: ['true']\n  also:\n    command: ['true']\n"
    world = World(tmp_path, text, at=NOON, max_running=2)
    oldest = world.run_by_hand("long")
    world.pass_time(seconds=1800)
    world.run_by_hand("also")
    world.pass_time(seconds=1800)
    world.pass_time(seconds=60)
    found = why(world.view, "hello", NOON + HOUR, zone=UTC_ZONE, now=world.clock.now())
    said = f"all 2 slots are taken, oldest: run {oldest.id[:8]} since 2026-03-05 12:00 UTC"
    assert found.headline == f"hello, 2026-03-05 13:00 UTC: queued, {said}"
    now = world.clock.now()
    answer = did(world.view, "hello", zone=UTC_ZONE, params={}, on=None, at=None, now=now, presence=RUNNING)
    assert answer.line.startswith(f"hello: not over: queued, {said} (scheduled for")
    status = make_status(world.view, presence=RUNNING, file=None, free_bytes=10**12, now=now)
    assert (status.waiting, status.waits_for, status.overdue) == (1, said, 0)
    waiting = world.runs()[-1]
    world.pass_time(seconds=3600 - 60)
    found = why(world.view, "hello", NOON + 2 * HOUR, zone=UTC_ZONE, now=world.clock.now())
    in_way = f"blocked by another run (run {waiting.id[:8]}), which was waiting itself"
    assert found.headline == f"hello, 2026-03-05 14:00 UTC: skipped, {in_way}"


def test_a_run_waits_for_a_place_that_was_not_started_within_two_seconds(tmp_path: Path) -> None:
    world = World(tmp_path, a_file() + "  long:\n    command: ['true']\n", at=NOON, max_running=1)
    world.run_by_hand("long")
    world.pass_time(seconds=3600)

    def said() -> str:
        return why(world.view, "hello", NOON + HOUR, zone=UTC_ZONE, now=world.clock.now()).headline

    world.clock.advance(seconds=1.9)
    assert said() == "hello, 2026-03-05 13:00 UTC: queued"
    world.clock.advance(seconds=0.1)
    assert said().startswith(
        "hello, 2026-03-05 13:00 UTC: queued, the only slot is taken, oldest: run 00000001"
    )


def test_a_request_behind_one_that_waits_names_it(tmp_path: Path) -> None:
    text = a_file() + "  long:\n    command: ['true']\n"
    world = World(tmp_path, text, at=NOON, max_running=1)
    world.run_by_hand("long")
    first, second = ask(world), ask(world)
    world.pass_time(seconds=60)
    found = why_run(asked(world), world.view.run(second.id))  # type: ignore[arg-type]
    assert f"blocked by another run (run {first.id[:8]}), which is waiting itself" in found.headline


def test_a_run_that_waits_for_another_names_the_one_that_is_in_its_way_now(tmp_path: Path) -> None:
    world = World(tmp_path, a_file("concurrency: {on_overlap: queue}"), at=NOON)
    first, second, third = (ask(world), ask(world), ask(world))
    found = why_run(asked(world), world.view.run(third.id))  # type: ignore[arg-type]
    assert f"blocked by another run (run {first.id[:8]})" in found.headline
    world.finish()
    world.pass_time(seconds=5)
    found = why_run(asked(world), world.view.run(third.id))  # type: ignore[arg-type]
    assert f"blocked by another run (run {second.id[:8]})" in found.headline


def test_an_engine_that_ran_and_could_not_write_was_not_away(tmp_path: Path) -> None:
    world = World(tmp_path, a_file("catchup: none"), at=NOON)
    world.clock.advance(seconds=3 * 3600 + 1800)
    world.step()
    found = why(world.view, "hello", NOON + HOUR, zone=UTC_ZONE, now=world.clock.now())
    assert found.headline == (
        "hello, 2026-03-05 13:00 UTC: missed, the engine was running but could not decide: "
        "its ledger was not writable, or the host slept"
    )
    status = make_status(world.view, presence=RUNNING, file=None, free_bytes=10**12, now=world.clock.now())
    assert status.away_words in found.headline


@pytest.mark.parametrize(("minutes", "was_there"), [(61, True), (60, True), (59, False)])
def test_an_engine_that_did_not_believe_its_clock_was_there_until_its_end(
    tmp_path: Path, minutes: int, was_there: bool
) -> None:
    """Its heartbeats are not recorded then, but its end is."""
    world = World(tmp_path, a_file("catchup: none"), at=NOON)
    world.clock.advance(seconds=minutes * 60)
    now = world.clock.now()
    with world.store.transaction():
        world.store.close_session(epoch=world.epoch, now=now, boot_seconds=None, reason="stopped")
    down(world, seconds=3600)
    found = why(world.view, "hello", NOON + HOUR, zone=UTC_ZONE, now=world.clock.now())
    said = "the engine was running but could not decide" if was_there else "the engine was not running"
    assert found.headline.startswith(f"hello, 2026-03-05 13:00 UTC: missed, {said}")


@pytest.mark.parametrize(
    ("reason", "detail", "words"),
    [
        ("exit(2)", "", "exit code 2"),
        ("exit(137)", "memory ran out while it ran", "exit code 137: memory ran out while it ran"),
        ("signal(9)", "", "killed (SIGKILL)"),
        ("signal(11)", "", "killed (SIGSEGV)"),
        ("signal(63)", "", "killed (signal 63)"),
        ("by_hand", "", "cancelled by hand"),
        ("start_deadline", "overlap", "it could not start in time: blocked by another run"),
    ],
)
def test_a_reason_is_shown_in_words(reason: str, detail: str, words: str) -> None:
    assert reason_words(reason, detail) == words


@pytest.mark.parametrize(
    ("value", "text"),
    [(False, "false"), (None, "null"), (3, "3"), (1.5, "1.5"), ("it's", "it's"), (("a", True), "a,true")],
)
def test_an_argument_is_written_as_in_a_job_file(value: object, text: str) -> None:
    assert value_text(value) == text
