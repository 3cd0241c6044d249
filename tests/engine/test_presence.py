"""Who starts runs now, and what the next engine makes of an attempt that has no end in the ledger."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from engine.answers.fates import fate_of
from engine.answers.presence import RUNNING, SILENT, Presence, presence_of, unsettled_words
from engine.core.lifecycle import Attempt, AttemptState, Ended, Lost, StartError
from engine.core.records import CLOCK_HOLD, DISK_HOLD, RESTORED_HOLD
from engine.host.lock import make_private_file
from engine.ledger.sqlite.store import SqliteStore
from engine.ledger.sqlite.view import SqliteView
from engine.loops.heartbeat import Heartbeat
from engine.ports import Alive, Evidence, NotStarted
from tests.builders import MINUTE, NOON
from tests.engine.test_faults import a_file, down
from tests.engine.world import World

ZONE = ZoneInfo("Asia/Tokyo")
FATES = {"a" * 32: "it ended with exit code 0, which will be recorded"}


def presence(world: World, *, is_locked: bool = True, trouble: str = "") -> Presence:
    now = world.clock.now()
    return presence_of(world.view, is_locked=is_locked, trouble=trouble, fates=FATES, now=now)


def test_an_engine_that_runs_is_no_obstacle(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    assert presence(world) == Presence(is_running=True, fates=FATES)
    world.clock.advance(seconds=SILENT.total_seconds())
    assert presence(world) == Presence(is_running=True, fates=FATES)
    assert (RUNNING.is_idle, RUNNING.obstacle(ZONE)) == (False, "")


def test_without_a_lock_no_engine_runs_since_its_end_or_its_last_sign_of_life(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    world.pass_time(seconds=60)
    world.clock.advance(seconds=60)
    found = presence(world, is_locked=False, trouble="the disk is full")
    assert found == Presence(is_running=False, since=NOON + MINUTE, fates=FATES)
    assert (found.is_idle, found.obstacle(ZONE)) == (
        True,
        "no engine has been running since 2026-03-05 21:01 JST",
    )
    world.heartbeat.end("stopped")
    assert presence(world, is_locked=False).since == NOON + 2 * MINUTE


def test_an_engine_that_did_not_believe_its_clock_is_gone_since_its_end(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    world.clock.advance(seconds=60)
    beat = Heartbeat(
        store=world.store, clock=world.clock, epoch=world.epoch, on_beat=lambda: None, is_held=lambda: True
    )
    beat.end("stopped")
    assert presence(world, is_locked=False).since == NOON + MINUTE


def test_before_the_first_engine_none_runs_and_since_when_is_not_known(tmp_path: Path) -> None:
    make_private_file(tmp_path / "ledger.db")
    SqliteStore.open(tmp_path / "ledger.db").close()
    view = SqliteView.open(tmp_path / "ledger.db")
    found = presence_of(view, is_locked=False, trouble="", fates={}, now=NOON)
    assert found == Presence(is_running=False)
    assert found.obstacle(ZONE) == "no engine is running"
    beginning = presence_of(view, is_locked=True, trouble="", fates={}, now=NOON)
    assert beginning == Presence(is_running=True)
    view.close()


def test_a_second_engine_is_the_one_that_holds_the_lock(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    down(world, seconds=3600)
    assert presence(world).is_running


def test_a_command_that_holds_the_lock_is_no_engine(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    world.heartbeat.end("stopped")
    world.store.open_session(
        kind="run", boot_id="boot-1", pid=2, version="1", now=NOON + MINUTE, boot_seconds=1_060.0
    )
    assert presence(world) == Presence(is_running=False, since=NOON, fates=FATES)


def test_trouble_is_reported_before_a_hold_and_a_hold_before_silence(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    world.clock.advance(seconds=SILENT.total_seconds() + 1)
    silent = "the engine has had no heartbeat for 36s"
    assert presence(world) == Presence(is_running=True, trouble=silent, fates=FATES)
    for kind, words in (
        (DISK_HOLD, "the engine starts nothing, because disk space is low: because"),
        (RESTORED_HOLD, "the engine starts nothing, because its ledger is an older copy: because"),
        (CLOCK_HOLD, "the engine does not believe the clock: because"),
    ):
        with world.store.transaction():
            world.store.incidents.begin_hold(kind, detail="because", now=world.clock.now())
        found = presence(world)
        assert found == Presence(is_running=True, trouble=words, fates=FATES)
        assert (found.is_idle, found.obstacle(ZONE)) == (True, words)
    full = "the engine cannot write its ledger: the disk is full"
    assert presence(world, trouble="the disk is full") == Presence(is_running=True, trouble=full, fates=FATES)


def test_a_stuck_loop_is_reported_after_a_full_disk_and_before_a_hold(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    with world.store.transaction():
        world.store.incidents.begin_hold(CLOCK_HOLD, detail="because", now=NOON)
    for trouble, words in (
        ("", "part of the engine is stuck: worker since noon"),
        ("the disk is full", "the engine cannot write its ledger: the disk is full"),
    ):
        found = presence_of(
            world.view, is_locked=True, trouble=trouble, stuck="worker since noon", fates=FATES, now=NOON
        )
        assert found == Presence(is_running=True, trouble=words, fates=FATES)


def test_an_engine_that_ended_its_session_and_holds_its_lock_yet_is_not_silent(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    world.heartbeat.end("stopped")
    world.clock.advance(seconds=3600)
    assert presence(world) == Presence(is_running=True, fates=FATES)


ENDED = Ended(started_at=NOON, ended_at=NOON, exit_code=3)
KILLED = Ended(started_at=NOON, ended_at=NOON, signal=9)
GONE = "its evidence is gone, so it will be recorded as lost"
UNSEEN = "its end was not observed, so it will be recorded as lost"


@pytest.mark.parametrize(
    ("evidence", "state", "fate"),
    [
        (Alive(started_at=None), AttemptState.STARTING, ""),
        (Alive(started_at=NOON), AttemptState.RUNNING, ""),
        (NotStarted(), AttemptState.RUNNING, GONE),
        (NotStarted(), AttemptState.STARTING, "it was never executed, and will be started"),
        (Lost(at=NOON, reason="evidence_gone"), AttemptState.RUNNING, GONE),
        (Lost(at=NOON, reason="evidence_gone"), AttemptState.STARTING, UNSEEN),
        (Lost(at=NOON, reason="host_reboot"), AttemptState.RUNNING, UNSEEN),
        (
            Lost(at=NOON, reason="host_cut_off"),
            AttemptState.RUNNING,
            "it was killed because its host was cut off, and will be recorded as lost",
        ),
        (
            StartError(at=NOON, reason="start_error"),
            AttemptState.STARTING,
            "it could not be started, and will be recorded as failed",
        ),
        (ENDED, AttemptState.RUNNING, "it ended with exit code 3, which will be recorded"),
        (KILLED, AttemptState.RUNNING, "it ended with signal 9, which will be recorded"),
    ],
)
def test_the_fate_of_an_attempt_is_what_its_evidence_says(
    evidence: Evidence, state: AttemptState, fate: str
) -> None:
    attempt = Attempt(run_id="a" * 32, number=1, state=state, boot_id="b", created_at=NOON)
    assert fate_of(evidence, attempt) == fate
    said = f"its process has ended, and no engine has recorded this yet: {fate}; `jobfile up` records it"
    assert unsettled_words(fate) == said
