"""What is past: retention takes runs away and no answer, late evidence resolves what was lost, once."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from engine.answers.did import Answer, Did, did
from engine.answers.presence import RUNNING
from engine.answers.report import make_report
from engine.answers.report_json import report_to_json
from engine.answers.why import why
from engine.config import EngineConfig, limits
from engine.core.events import DiskHeld, OutputsDropped, RunResolved, RunsPruned
from engine.core.lifecycle import Artifact, AttemptKey, Ended, Run, RunState
from engine.core.records import DISK_HOLD
from engine.execution.run_folders import (
    artifacts_of,
    bytes_of_run,
    compress_attempt,
    empty_scratch,
    old_entries,
    remove_run,
    run_of,
    survey,
)
from engine.loops.housekeeper import EVIDENCE_WITHIN, LOOK_SECONDS
from engine.ports import Stop
from engine.supervisor import storing
from engine.supervisor.evidence import CONTROL, LEASE, beside
from engine.supervisor.output import OutputTail
from engine.transactions.account import Moment, account
from tests.builders import DAY, HOUR, MINUTE, NOON
from tests.engine.world import World

UTC_ZONE = ZoneInfo("UTC")


def a_file(*lines: str, schedule: str = '"0 * * * *"') -> str:
    body = [f"schedule: {schedule}", "command: ['true']", *lines]
    return "\n".join(["version: 1", "jobs:", "  hello:", *(f"    {line}" for line in body)]) + "\n"


def keys(folder: Path, count: int) -> list[AttemptKey]:
    """The attempts of the run with this folder."""
    return [AttemptKey(folder.name, number) for number in range(1, count + 1)]


def keep_house(world: World, **settings: int) -> None:
    housekeeper = world.housekeeper(**settings)
    while housekeeper.prune(counts=True):
        pass


@pytest.fixture
def old(tmp_path: Path) -> Iterator[World]:
    """Two days of an hourly job: every fifth run failed, some hours nobody was there, some runs by hand."""
    world = World(tmp_path, a_file("catchup: none"), at=NOON)
    for hour in range(48):
        if hour == 20:
            world.crash()
            world.clock.advance(seconds=6 * 3600)
            world.boot()
        elif 20 < hour < 26:
            continue
        else:
            world.pass_time(seconds=3600)
        if hour % 10 == 3:
            world.run_by_hand("hello")
        world.finish(exit_code=1 if hour % 5 == 0 else 0)
    world.clock.advance(seconds=60)
    yield world
    world.check()
    world.crash()


def windows(world: World) -> list[tuple[datetime, datetime]]:
    now = world.clock.now()
    days = [NOON - DAY + n * 6 * HOUR for n in range(14)]
    return [(since, until) for since in days for until in [*days, now] if since < until]


def numbers(world: World) -> list[object]:
    """What the report says of many windows, whose ends are where local days begin."""
    now = world.clock.now()
    return [
        report_to_json(make_report(world.view, since=since, until=until, now=now, presence=RUNNING))
        for since, until in windows(world)
    ]


def test_the_report_says_the_same_of_time_whose_runs_were_taken_away(old: World) -> None:
    before, count = numbers(old), len(old.runs())
    keep_house(old, keep_days=1)
    assert len(old.runs()) < 0.7 * count
    assert any(isinstance(event, RunsPruned) for event in old.journal.events)
    assert numbers(old) == before
    keep_house(old, keep_days=1)
    assert numbers(old) == before


def test_every_instant_keeps_its_answer_and_its_exit_code(old: World) -> None:
    now = old.clock.now()

    def answers() -> list[tuple[object, ...]]:
        found: list[tuple[object, ...]] = []
        for hour in range(50):
            at = NOON + hour * HOUR
            story = why(old.view, "hello", at, zone=UTC_ZONE, now=now)
            answer = did(
                old.view,
                "hello",
                zone=UTC_ZONE,
                params={},
                on=None,
                at=at,
                now=now,
                presence=RUNNING,
            )
            found.append((story.state, story.reason, answer.answer))
        return found

    before = answers()
    keep_house(old, keep_days=1)
    assert answers() == before
    story = why(old.view, "hello", NOON + HOUR, zone=UTC_ZONE, now=now)
    assert "removed by retention" in dict(story.facts)["details"]


def test_a_day_with_scheduled_runs_also_answers_for_manual_ones_that_were_taken_away(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    world.pass_time(seconds=600)
    world.run_by_hand("hello")
    world.finish(exit_code=3)
    world.pass_time(seconds=3000)
    world.finish()
    world.edit(a_file().replace("hello:", "other:"))
    world.clock.advance(seconds=40 * 86_400)
    now, day = world.clock.now(), NOON.date()

    def told() -> Did:
        about = {"on": (day, day), "at": None, "now": now, "presence": RUNNING}
        return did(world.view, "hello", zone=UTC_ZONE, params={}, **about)

    assert told().answer is Answer.NOT_WELL
    assert "1 succeeded, 1 failed" in told().line
    keep_house(world, keep_days=1)
    assert told().answer is Answer.NOT_WELL
    words = "details were removed by retention; only a count of manual runs is kept (1 failed)"
    assert told().line.endswith(words)
    at = NOON + 12 * MINUTE
    alone = did(world.view, "hello", zone=UTC_ZONE, params={}, on=None, at=at, now=now, presence=RUNNING)
    assert (alone.answer, alone.line.endswith(words)) == (Answer.NOT_WELL, True)
    assert dict(why(world.view, "hello", at, zone=UTC_ZONE, now=now).facts)["details"] == words


def test_what_could_not_be_started_stays_so_when_its_run_is_taken_away(tmp_path: Path) -> None:
    world = World(tmp_path, a_file("secrets: {TOKEN: env:NOT_SET_ANYWHERE}", "catchup: none"), at=NOON)
    for _ in range(5):
        world.pass_time(seconds=3600)
    world.clock.advance(seconds=40 * 86_400)
    now = world.clock.now()

    def told() -> tuple[Answer, str, str]:
        at = NOON + HOUR
        answer = did(world.view, "hello", zone=UTC_ZONE, params={}, on=None, at=at, now=now, presence=RUNNING)
        story = why(world.view, "hello", at, zone=UTC_ZONE, now=now)
        return answer.answer, story.headline, dict(story.facts)["ran"]

    before = told()
    assert before[0] is Answer.DID_NOT_RUN
    assert "did not run, it could not be started: secret `TOKEN`" in before[1]
    keep_house(world, keep_runs=1)
    assert len(world.runs()) < 5
    assert told() == before


def test_occurrences_of_one_fate_share_a_record_and_a_newest_success_stays(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(schedule='"*/5 * * * *"'), at=NOON)
    for _ in range(100):
        world.pass_time(seconds=300)
        world.finish()
    world.clock.advance(seconds=40 * 86_400)
    keep_house(world, keep_days=30)
    (gap,) = world.all_gaps()
    assert (gap.count, gap.state, gap.ran) == (99, RunState.SUCCEEDED, True)
    assert len(world.runs()) == 1, "the next run is told when the last one succeeded"
    assert world.store.last_success("hello", before=world.clock.now()) is not None


def test_many_runs_of_one_job_are_cut_to_the_number_that_is_kept(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(schedule='"* * * * *"'), at=NOON)
    for _ in range(40):
        world.pass_time(seconds=60)
        world.finish()
    before = world.report()
    keep_house(world, keep_runs=10)
    assert len(world.runs()) == 10
    assert world.report() == before
    world.check()


def test_nothing_pruned_is_ever_recorded_again(tmp_path: Path) -> None:
    """F61: retention, a kill, and a clock a day back."""
    world = World(tmp_path, a_file(schedule='"*/30 * * * *"'), at=NOON)
    for _ in range(20):
        world.pass_time(seconds=1800)
        world.finish()
    keep_house(world, keep_runs=2)
    executed = len(world.launcher.executed)
    world.crash()
    world.boot()
    world.clock.jump(seconds=-86_400)
    world.step()
    world.pass_time(seconds=7200)
    assert len(world.launcher.executed) == executed
    world.check()


def test_what_was_asked_for_by_hand_is_counted_and_not_denied(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(schedule='"0 3 * * *"'), at=NOON)
    world.run_by_hand("hello")
    world.finish()
    world.clock.advance(seconds=50 * 86_400)
    world.step()
    world.finish()
    keep_house(world, keep_days=30)
    now = world.clock.now()
    answer = did(
        world.view,
        "hello",
        zone=UTC_ZONE,
        params={},
        on=(NOON.date(), NOON.date()),
        at=None,
        now=now,
        presence=RUNNING,
    )
    assert answer.answer is Answer.NOT_WELL
    assert answer.line.endswith("only a count of manual runs is kept (1 succeeded)")


def test_a_run_that_was_tried_again_by_hand_stays_with_what_became_of_it(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    world.pass_time(seconds=3600)
    world.finish(exit_code=1)
    (failed,) = world.runs()
    with world.store.transaction():
        again = replace(
            failed,
            id="f" * 32,
            schedule_key=None,
            state=RunState.SUCCEEDED,
            retry_of=failed.id,
            ended_at=world.clock.now(),
        )
        world.store.add_run(again)
    world.clock.advance(seconds=90 * 86_400)
    keep_house(world, keep_days=30)
    assert {run.id for run in world.view.retries_of(failed.id)} == {again.id}


LEFT = ("", ".1", ".1.evidence", ".1.evidence.new", ".1.control", ".1.lease")


def leave_everything(config: EngineConfig, run_id: str) -> list[Path]:
    """What a run and its attempt may leave, a job's locked folder among it."""
    paths = [Path(f"{config.run_dir(run_id)}{rest}") for rest in LEFT]
    for folder in paths[:2]:
        (folder / "tmp").mkdir(parents=True)
        (folder / "tmp" / "file").touch()
        (folder / "tmp").chmod(0)
    for file in paths[2:]:
        file.touch()
    return paths


def test_folders_go_with_their_runs_and_old_ones_without_a_run_too(old: World) -> None:
    for run in old.runs():
        if run.attempt:
            leave_everything(old.config, run.id)
    orphan, fresh = "00" + "ab" * 15, "00" + "cd" * 15
    for run_id, days in ((orphan, 60), (fresh, 0)):
        at = (old.clock.now() - days * DAY).timestamp()
        for path in leave_everything(old.config, run_id):
            os.utime(path, (at, at))
    housekeeper = old.housekeeper(keep_days=1, min_free_bytes=1)
    while housekeeper.tick() < LOOK_SECONDS:
        pass
    kept = {run.id for run in old.runs() if run.attempt}
    there = [path.name for path in old.config.runs_dir.glob("*/*")]
    assert sorted(there) == sorted(f"{name}{rest}" for name in kept | {fresh} for rest in LEFT)


def test_what_a_run_keeps_is_counted_as_it_is_freed(tmp_path: Path) -> None:
    """A count of less would take away more than is wanted."""
    run = tmp_path / "00" / "run"
    run.parent.mkdir()
    for name in ("", ".1", ".2"):
        folder = Path(f"{run}{name}")
        folder.mkdir()
        (folder / "file").write_bytes(b"x" * 5_000)
    for name in (".1.evidence", ".2.evidence", ".2.control", ".2.lease"):
        Path(f"{run}{name}").write_bytes(b"x" * 4_096)
    held = survey(run.parent).total_bytes
    assert bytes_of_run(run, keys(run, 2)) == held > 0
    remove_run(run, keys(run, 2))
    assert survey(run.parent).total_bytes == 0


def test_when_all_runs_hold_too_much_the_folders_of_the_oldest_go_and_no_answer(old: World) -> None:
    runs = sorted((run for run in old.runs() if run.attempt), key=lambda run: run.queued_at)
    for run in runs:
        old.config.run_dir(run.id).mkdir(parents=True)
        folder = old.config.attempt_dir(AttemptKey(run.id, 1))
        folder.mkdir()
        (folder / "output").write_bytes(b"x" * 100_000)
    before = numbers(old)
    old.housekeeper(keep_bytes=50_000_000).drop_outputs()
    assert all(old.config.run_dir(run.id).exists() for run in runs)
    old.housekeeper(keep_bytes=2_000_000).drop_outputs()
    kept = [run for run in runs if old.config.run_dir(run.id).exists()]
    assert kept == runs[-len(kept) :]
    assert 10 <= len(kept) <= 20
    (told,) = [event for event in old.journal.events if isinstance(event, OutputsDropped)]
    assert told.count == len(runs) - len(kept)
    assert numbers(old) == before
    old.housekeeper(keep_bytes=1).drop_outputs()
    young = [run for run in runs if old.clock.now() - run.queued_at < HOUR]
    assert [run for run in runs if old.config.run_dir(run.id).exists()] == young


def with_copies(world: World) -> list[Run]:
    """Each finished run with an attempt kept a file."""
    runs = sorted((run for run in world.runs() if run.attempt), key=lambda run: run.queued_at)
    with world.store.transaction():
        for run in runs:
            folder = artifacts_of(world.config.attempt_dir(run.last_attempt))
            folder.mkdir(parents=True)
            (folder / "1").write_text("kept")
            kept = Artifact(name="a", size=4, sha256="0" * 64, copy=1)
            world.store.artifacts.add(run.last_attempt, [kept, Artifact(name="b", note="a link")])
    return runs


def test_copies_of_artifacts_go_after_their_time_and_their_list_stays(old: World) -> None:
    runs = with_copies(old)
    old.housekeeper(keep_artifacts_days=30).drop_artifacts()
    assert all(artifacts_of(old.config.attempt_dir(run.last_attempt)).exists() for run in runs)
    old.housekeeper(keep_artifacts_days=1).drop_artifacts()
    for run in runs:
        assert run.ended_at is not None
        is_kept = old.clock.now() - run.ended_at <= DAY
        assert artifacts_of(old.config.attempt_dir(run.last_attempt)).exists() is is_kept
        kept, noted = old.view.artifacts(run.id)
        assert (kept.has_copy, kept.dropped_at is None, noted.dropped_at) == (is_kept, is_kept, None)


def test_copies_that_go_with_their_folders_are_noted(old: World) -> None:
    runs = with_copies(old)
    old.housekeeper(keep_bytes=1).drop_outputs()
    for run in runs:
        is_kept = artifacts_of(old.config.attempt_dir(run.last_attempt)).exists()
        assert old.view.artifacts(run.id)[0].has_copy is is_kept
    assert not old.view.artifacts(runs[0].id)[0].has_copy


class Plain:
    """A filter that changes nothing."""

    def feed(self, part: bytes) -> bytes:
        return part

    def rest(self) -> bytes:
        return b""


def test_outputs_are_compressed_after_a_day_and_read_as_before(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    world.pass_time(seconds=3600)
    (run,) = world.runs()
    folder = world.config.attempt_dir(AttemptKey(run.id, 1))
    folder.mkdir(parents=True)
    output = storing.OutputFiles(str(folder), Plain())
    flood = b"".join(b"line %d\n" % number for number in range(3_000_000))
    output.write(flood)
    output.close()
    told = OutputTail(folder).read()
    housekeeper = world.housekeeper()
    world.finish()
    housekeeper.compress()
    assert not list(folder.glob("*.gz"))
    world.clock.advance(seconds=2 * 86_400)
    housekeeper.compress()
    assert {path.suffix for path in folder.glob("output*")} == {".gz"}
    assert OutputTail(folder).read() == told
    assert sum(path.stat().st_size for path in folder.iterdir()) < len(told) / 4


def test_a_compression_that_was_cut_short_is_done_again(tmp_path: Path) -> None:
    (tmp_path / "output").write_bytes(b"hello\n" * 1000)
    (tmp_path / "output.gz").write_bytes(b"\x1f\x8btorn")
    assert OutputTail(tmp_path).read() == b"hello\n" * 1000
    needed = [Path(beside(str(tmp_path), name)) for name in (CONTROL, LEASE)]
    for path in needed:
        path.touch()
    assert compress_attempt(tmp_path)
    assert not (tmp_path / "output").exists()
    assert not any(path.exists() for path in needed), "only its supervisor needed them"
    assert OutputTail(tmp_path).read() == b"hello\n" * 1000


def outside(folder: Path) -> tuple[Path, Callable[[], dict[str, str]]]:
    """A folder that is nobody's business, old, and what is in it now."""
    target = folder / "outside"
    (target / "in").mkdir(parents=True)
    for name in ("output", "script", "tmp", ".tmp.1", "in/kept", "ab12.1.evidence"):
        (target / name).write_text("not ours")
    for path in (target, *target.iterdir()):
        os.utime(path, (1, 1))
    return target, lambda: {str(path): path.read_text() for path in target.rglob("*") if path.is_file()}


def test_links_in_place_of_what_an_old_run_left_are_not_followed(tmp_path: Path) -> None:
    """Of its folder, an attempt's, or a whole shelf: nothing behind them is packed, changed or taken away."""
    target, content = outside(tmp_path)
    before, mode = content(), target.stat().st_mode
    shelf = tmp_path / "runs" / "ab"
    (shelf / "cd12.1").mkdir(parents=True)
    for name in ("ab12", "ab12.1", "ab12.1.control", "ab12.1.evidence"):
        (shelf / name).symlink_to(target)
    for name in ("output", "output.1", "script"):
        (shelf / "cd12.1" / name).symlink_to(target / "output")
    os.mkfifo(shelf / "cd12.1" / "output.2")
    (tmp_path / "runs" / "cd").symlink_to(target)
    for folder in (shelf / "ab12.1", shelf / "cd12.1", tmp_path / "runs" / "cd" / "in"):
        compress_attempt(folder)
    for folder in (shelf / "ab12", tmp_path / "runs" / "cd" / "in", tmp_path / "runs" / "cd"):
        empty_scratch(folder)
        remove_run(folder, keys(folder, 1))
    assert list(old_entries(tmp_path / "runs", shard=0xCD, older_than=10.0)) == []
    assert (content(), target.stat().st_mode) == (before, mode)
    assert [path.name for path in shelf.iterdir()] == ["cd12.1"], "the links themselves are gone"
    remove_run(shelf / "cd12", keys(shelf / "cd12", 1))
    assert list(shelf.iterdir()) == []
    assert content() == before


def test_a_job_that_leaves_what_is_hard_to_take_away_stops_no_housekeeping(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "ab" / "ab12"
    run.mkdir(parents=True)
    before = os.open(".", os.O_RDONLY)
    os.chdir(run)
    for _ in range(1_200):  # deeper than functions may call each other, and than a path may be long
        os.mkdir("deeper")
        os.chdir("deeper")
    os.fchdir(before)
    os.close(before)
    run.chmod(0)
    remove_run(run, keys(run, 1))
    assert not run.exists()
    odd = run.parent / os.fsdecode(b"\xff.1")
    odd.touch()
    assert run_of(odd.name).encode()


def a_lost_run(tmp_path: Path, *lines: str) -> tuple[World, Run]:
    world = World(tmp_path, a_file(*lines), at=NOON)
    world.pass_time(seconds=3600)
    world.launcher.lose(world.launcher.running()[0])
    world.step()
    return world, world.runs()[0]


def found_later(world: World, run: Run, *, exit_code: int) -> None:
    """The disk is back, and with it the result of the first attempt."""
    folder = world.config.attempt_dir(AttemptKey(run.id, 1))
    end = Ended(started_at=run.scheduled_for, ended_at=run.scheduled_for + MINUTE, exit_code=exit_code)
    world.launcher.flights[folder].end = end


@pytest.mark.parametrize(("code", "state"), [(0, RunState.SUCCEEDED), (3, RunState.FAILED)])
def test_late_evidence_resolves_a_lost_run_once(tmp_path: Path, code: int, state: RunState) -> None:
    world, run = a_lost_run(tmp_path)
    assert run.state is RunState.LOST
    found_later(world, run, exit_code=code)
    world.housekeeper().resolve()
    (resolved,) = world.runs()
    assert (resolved.state, resolved.verdict, resolved.exit_code) == (RunState.LOST, state, code)
    assert world.report().total.verdicts == {state.value: 1}
    answer = did(
        world.view,
        "hello",
        zone=UTC_ZONE,
        params={},
        on=None,
        at=None,
        now=world.clock.now(),
        presence=RUNNING,
    )
    assert answer.answer is (Answer.SUCCEEDED if code == 0 else Answer.NOT_WELL)
    found_later(world, run, exit_code=1 - min(code, 1))
    world.housekeeper().resolve()
    assert world.runs() == [resolved]
    assert sum(isinstance(event, RunResolved) for event in world.journal.events) == 1
    world.check()


def test_late_evidence_of_an_attempt_that_was_followed_by_another_is_only_noted(tmp_path: Path) -> None:
    world, run = a_lost_run(tmp_path, "idempotent: true", "retry: {attempts: 2, delay: 1s}")
    world.pass_time(seconds=5)
    world.finish(exit_code=4)
    found_later(world, run, exit_code=0)
    world.housekeeper().resolve()
    (ended,) = world.runs()
    assert (ended.state, ended.verdict, ended.exit_code) == (RunState.FAILED, RunState.FAILED, 4)
    first, _ = world.view.attempts(run.id)
    assert (first.resolved, first.detail) == ("succeeded", "its end was found later: executed twice")


def test_a_lost_run_is_not_looked_for_for_ever(tmp_path: Path) -> None:
    world, run = a_lost_run(tmp_path)
    world.clock.advance(seconds=EVIDENCE_WITHIN.total_seconds() + 60)
    found_later(world, run, exit_code=0)
    world.housekeeper().resolve()
    assert world.runs()[0].verdict is RunState.LOST


def test_a_full_disk_starts_nothing_and_ends_with_room(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    full = world.housekeeper(min_free_bytes=2**60)
    full.tick()
    assert full.is_disk_low
    assert world.store.incidents.hold(DISK_HOLD) is not None
    assert [event for event in world.journal.events if isinstance(event, DiskHeld)]
    roomy = world.housekeeper(min_free_bytes=1)
    roomy.is_disk_low = True
    roomy.tick()
    assert world.store.incidents.hold(DISK_HOLD) is None


def test_a_run_that_fills_its_folder_is_stopped_with_that_reason(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    world.pass_time(seconds=3600)
    (run,) = world.runs()
    work = world.config.run_dir(run.id) / "tmp"
    work.mkdir(parents=True)
    (work / "big").write_bytes(b"x" * 300_000)
    world.housekeeper(max_folder_bytes=400_000).tick()
    world.step()
    assert world.runs()[0].state is RunState.RUNNING
    world.housekeeper(max_folder_bytes=200_000).tick()
    world.step()
    flight = next(iter(world.launcher.flights.values()))
    assert flight.stops[:1] == [Stop.CANCEL]
    world.launcher.obey(flight.order.attempt_id)
    world.step()
    (ended,) = world.runs()
    assert (ended.state, ended.reason) == (RunState.CANCELLED, "folder_limit")


@pytest.mark.parametrize(("text", "days"), [("7", 7), ("0", 30), ("-1", 30), ("many", 30), ("", 30)])
def test_how_long_is_kept_is_said_by_the_environment(text: str, days: int) -> None:
    assert limits({"JOBFILE_KEEP_DAYS": text})["keep_days"] == days


CHANNELS = (
    "    notify: {failed: [oncall], missed: [oncall, log], recovered: [oncall]}\n"
    "    command: ['true']\n    catchup: none\n"
)
NOTIFYING = (
    "version: 1\nchannels:\n  oncall: {command: [notify-send, hello]}\n  log: {command: [logger, hello]}\n"
    f"jobs:\n  hello:\n    schedule: '0 * * * *'\n{CHANNELS}"
)


def test_a_notification_is_noted_with_its_record_and_has_one_id(tmp_path: Path) -> None:
    world = World(tmp_path, NOTIFYING, at=NOON)
    for code in (1, 0, 0):
        world.pass_time(seconds=3600)
        world.finish(exit_code=code)
    world.crash()
    world.clock.advance(seconds=3 * 3600)
    world.boot()
    outbox = world.store.outbox
    assert outbox.channels() == ("log", "oncall")
    owed = outbox.pending("oncall", of_each=50, limit=50)
    assert [one.event for one in owed] == ["failed", "recovered", "missed", "missed"]
    body = json.loads(owed[0].facts)
    assert (body["job"], body["state"], body["reason"]) == ("hello", "failed", "exit(1)")
    missed = outbox.pending("log", of_each=50, limit=50)[0]
    assert missed.event == "missed"
    with world.store.transaction():
        outbox.sent(owed[0].id, now=world.clock.now())
        outbox.failed(missed.id, error="no route", next_try_at=world.clock.now() + timedelta(minutes=1))
    following, *_ = outbox.pending("oncall", of_each=50, limit=50)
    assert following.event == "recovered"
    again = outbox.pending("log", of_each=50, limit=50)[0]
    assert (again.id, again.tries) == (missed.id, 1)


def test_a_record_that_is_not_committed_leads_to_no_notification(tmp_path: Path) -> None:
    world = World(tmp_path, NOTIFYING, at=NOON)
    world.clock.advance(seconds=86_400)
    (schedule,) = world.store.schedules_in_force()
    moment = Moment(now=world.clock.now(), generation=1, new_id=world.new_id)

    class Died(Exception):
        """The engine, in the middle."""

    with pytest.raises(Died), world.store.transaction():
        list(account(world.store, schedule, moment))
        assert world.store.outbox.channels()
        raise Died
    assert world.store.outbox.channels() == ()
