"""What is owed is noted as facts, in the transaction of its cause."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from engine.actions.unsupported import needs_of
from engine.core.due import NotRun
from engine.core.lifecycle import OPEN_STATES, Run, RunState
from engine.core.reasons import Reason
from engine.core.records import Owed
from engine.notifications.noting import owe_for_gap, owe_for_run
from jobfile.model.hashing import sha256
from jobfile.model.jobs import ChannelSpec, JobSpec
from tests.builders import HOUR, MINUTE, NOON, a_job, a_run
from tests.engine.test_faults import a_file
from tests.engine.world import World

MAIL = ChannelSpec(name="mail", apprise=("MAIL_URL",))
CALL = ChannelSpec(name="call", command=("call", "anna"))
EVENTS = ("failed", "missed", "skipped", "succeeded", "recovered")
TELLING = a_job(notify=dict.fromkeys(EVENTS, (MAIL, CALL)))
ID = "7" * 32
GAP = NotRun(
    first=NOON, last=NOON + HOUR, count=61, state=RunState.MISSED, reason=Reason.ENGINE_DOWN, detail="x"
)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, a_file(), at=NOON)


def ended(state: RunState, **fields: object) -> Run:
    return replace(a_run(id=ID, attempt=2, exit_code=3, reason="exit(3)"), state=state, **fields)  # type: ignore[arg-type]


def note(world: World, run: Run, spec: JobSpec = TELLING) -> None:
    with world.store.transaction():
        owe_for_run(world.store, run, spec, now=NOON + MINUTE)


def owed(world: World) -> Sequence[Owed]:
    outbox = world.store.outbox
    return [one for name in outbox.channels() for one in outbox.pending(name, of_each=99, limit=99)]


def test_an_end_is_noted_as_facts_for_each_channel_under_a_name_of_its_own(world: World) -> None:
    note(world, ended(RunState.FAILED, detail="no disk"))
    assert {(one.event, one.channel, one.job, one.run_id, one.at, one.tries) for one in owed(world)} == {
        ("failed", channel, "hello", ID, NOON + MINUTE, 0) for channel in ("mail", "call")
    }
    for one in owed(world):
        assert one.id == sha256(f"{ID}\0failed\0{one.channel}".encode()).hexdigest()[:32]
        assert one.facts == (
            '{"attempt": 2, "detail": "no disk", "event": "failed", "exit_code": 3, "job": "hello", '
            f'"reason": "exit(3)", "run": "{ID}", "scheduled_for": "2026-03-05T12:00:00+00:00", '
            '"state": "failed"}'
        )


def test_a_job_that_is_renamed_while_it_runs_is_told_under_its_new_name(tmp_path: Path) -> None:
    """Also its ping: the sender finds the address of a ping by the job's name."""
    text = (
        "version: 1\nchannels: {ops: {command: [x]}}\njobs:\n  NAME:\n    ping: http://localhost/ping\n"
        "    notify: {failed: [ops]}\n    run: x\n"
    )
    world = World(tmp_path, text.replace("NAME", "old"))
    world.run_by_hand("old")
    world.edit(text.replace("NAME:", "new:\n    renamed_from: old"))
    world.finish(exit_code=3)
    assert {(one.event, one.channel, one.job) for one in owed(world)} == {
        ("started", "ping:new", "new"),
        ("failed", "ping:new", "new"),
        ("failed", "ops", "new"),
    }
    (facts,) = [json.loads(one.facts) for one in owed(world) if one.channel == "ops"]
    assert facts["job"] == "new"


def test_many_occurrences_that_did_not_run_are_noted_once(world: World) -> None:
    for _ in range(2):
        with world.store.transaction():
            owe_for_gap(world.store, GAP, TELLING, now=NOON)
    assert {(one.event, one.channel, one.job, one.run_id) for one in owed(world)} == {
        ("missed", channel, "hello", "") for channel in ("mail", "call")
    }
    for one in owed(world):
        key = "hello/2026-03-05T12:00:00+00:00"
        assert one.id == sha256(f"{key}\0missed\0{one.channel}".encode()).hexdigest()[:32]
        assert one.facts == (
            '{"count": 61, "event": "missed", "first_at": "2026-03-05T12:00:00+00:00", "job": "hello", '
            '"last_at": "2026-03-05T13:00:00+00:00", "reason": "engine_down", "state": "missed"}'
        )


def test_a_job_without_channels_owes_nothing(world: World) -> None:
    note(world, ended(RunState.FAILED), a_job())
    with world.store.transaction():
        owe_for_gap(world.store, GAP, a_job(), now=NOON)
    assert owed(world) == []


@pytest.mark.parametrize("state", OPEN_STATES)
def test_an_open_run_owes_nothing(world: World, state: RunState) -> None:
    note(world, ended(state))
    assert owed(world) == []


@pytest.mark.parametrize(("before", "told"), [(1, {"succeeded", "recovered"}), (0, {"succeeded"})])
def test_a_success_after_a_failure_is_a_recovery(world: World, before: int, told: set[str]) -> None:
    for code in (before, 0):
        world.pass_time(seconds=3600)
        world.finish(exit_code=code)
    note(world, world.runs()[-1], replace(TELLING, notify=dict.fromkeys(EVENTS, (MAIL,))))
    noted = world.store._db._db.execute("select event, body from outbox").fetchall()
    assert {event for event, _ in noted} == told
    assert all(json.loads(text)["event"] == event for event, text in noted)


def test_the_first_end_of_a_job_is_no_recovery(world: World) -> None:
    world.pass_time(seconds=3600)
    world.finish()
    note(world, world.runs()[-1])
    assert {one.event for one in owed(world)} == {"succeeded"}


@pytest.mark.parametrize("hours", [3, 20])
def test_the_first_success_after_something_was_missed_is_a_recovery(tmp_path: Path, hours: int) -> None:
    """Whether the missed occurrences are rows or a gap record."""
    text = (
        "version: 1\nchannels: {mail: {command: [mail]}}\njobs:\n  hello:\n    schedule: {every: 1h}\n"
        "    catchup: none\n    notify: {missed: [mail], recovered: [mail]}\n    command: [hello]\n"
    )
    world = World(tmp_path, text, at=NOON)
    told = []
    for _ in range(2):
        for _ in range(3):
            world.pass_time(seconds=3600)
            world.finish()
        told.append([one.event for one in owed(world)])
        world.crash()
        world.clock.advance(seconds=hours * 3600 + 60)
        world.boot()
        world.clock.advance(seconds=-60)
    rows = hours if hours < 9 else 1
    assert told == [[], ["missed"] * rows + ["recovered"]]


@pytest.mark.parametrize("is_missed", [True, False])
def test_a_recovery_is_told_even_if_the_failure_before_it_is_past_its_retention(
    tmp_path: Path, is_missed: bool
) -> None:
    text = (
        "version: 1\nchannels: {mail: {command: [mail]}}\njobs:\n  hello:\n    schedule: '0 0 1 * *'\n"
        "    catchup: none\n    notify: {recovered: [mail]}\n    command: [hello]\n"
    )
    world = World(tmp_path, text, at=NOON.replace(day=31, hour=23, minute=59))
    world.pass_time(seconds=60)
    world.finish()
    for day in (30, 31, 30):  # April ends, May, June
        if day == 30 and is_missed:
            world.crash()
            world.clock.advance(seconds=day * 86_400 + 60)
            world.boot()
            world.clock.advance(seconds=-60)
        else:
            world.pass_time(seconds=day * 86_400)
            world.finish(exit_code=0 if day == 31 else 1)
        world.clock.advance(seconds=20 * 86_400)
        while world.housekeeper(keep_days=10).prune(counts=True):
            pass
        world.clock.advance(seconds=-20 * 86_400)
    world.pass_time(seconds=31 * 86_400)
    world.finish()
    assert [one.event for one in owed(world)] == ["recovered", "recovered"]


def test_a_job_that_notifies_is_accepted() -> None:
    assert needs_of(TELLING) == ()
    assert needs_of(a_job()) == ()
