"""What an engine says of itself beside the ledger: who holds the state folder, and which bug repeats."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.answers.presence import RUNNING
from engine.answers.status import make_status
from engine.config import EngineConfig
from engine.core.errors import EngineRunningError
from engine.execution.attendance import Attendance, abandoned, forget, is_abandoned, is_attended
from engine.host.lock import (
    EngineLock,
    engine_bug,
    engine_stuck,
    engine_trouble,
    is_engine_running,
    lock_holder,
)
from engine.host.systemd import Manager
from engine.ledger.health import BUG_CALM_SECONDS, STUCK_SECONDS
from engine.service.engine import EngineService
from engine.service.session import open_session
from engine.testing import FakeClock, KeptJournal
from tests.builders import NOON

BUG = "ValueError: oops (a bug in jobfile)"


class CountedManager(Manager):
    """A service manager that counts the keep-alives."""

    def __init__(self) -> None:
        super().__init__({}, pid=0)
        self.alive_seconds = 60.0
        self.signs = 0

    def alive(self) -> None:
        self.signs += 1


@pytest.fixture
def bench(tmp_path: Path) -> Iterator["Bench"]:
    """An engine that has its state folder; its loops are the test's to turn."""
    config = EngineConfig(main_file=tmp_path / "jobs.yaml", state_dir=tmp_path / ".jobfile", environ={})
    made = Bench(config)
    yield made
    made.service.stop()


class Bench:
    """An engine whose loops do not run."""

    def __init__(self, config: EngineConfig) -> None:
        self.state, self.clock, self.manager = config.state_dir, FakeClock(NOON), CountedManager()
        journal = KeptJournal()
        session = open_session(config, journal, self.clock)
        self.service = EngineService(
            session, journal, self.clock, ended=threading.Event(), manager=self.manager
        )
        self.guard = self.service.threads.ledger

    def is_well(self) -> bool:
        status = make_status(
            None,
            presence=RUNNING,
            file=None,
            free_bytes=10**12,
            now=NOON,
            trouble=engine_trouble(self.state),
            bug=engine_bug(self.state),
        )
        return status.is_well

    def signs_of_life(self) -> int:
        """How many a planning cycle gives."""
        before = self.manager.signs
        self.service.plan()
        return self.manager.signs - before


def test_a_loop_that_repeats_a_bug_fails_status_first_and_then_the_watchdog(bench: Bench) -> None:
    clock, guard, state = bench.clock, bench.guard, bench.state
    assert (bench.is_well(), bench.signs_of_life()) == (True, 1)
    guard.note_bug("worker", BUG, is_whole_turn=True)
    assert engine_bug(state) == f"worker: {BUG}"
    assert (bench.is_well(), bench.signs_of_life()) == (False, 1)
    clock.advance(seconds=STUCK_SECONDS)
    guard.note_bug("worker", BUG, is_whole_turn=True)
    assert bench.signs_of_life() == 0, "nothing but a new start helps"
    guard.note_success("worker")
    assert (bench.is_well(), bench.signs_of_life()) == (False, 1)
    clock.advance(seconds=BUG_CALM_SECONDS)
    guard.note_success("worker")
    assert (engine_bug(state), bench.is_well()) == ("", True)


def test_a_bug_with_a_single_run_does_not_restart_the_engine(bench: Bench) -> None:
    clock, guard = bench.clock, bench.guard
    for _ in range(5):
        guard.note_bug("worker", BUG, is_whole_turn=False)
        clock.advance(seconds=STUCK_SECONDS)
    assert (bench.is_well(), bench.signs_of_life()) == (False, 1)


@pytest.mark.parametrize(("what", "is_engine"), [("an engine", True), ("jobfile run nightly", False)])
def test_the_lock_says_who_holds_it(tmp_path: Path, what: str, is_engine: bool) -> None:
    assert lock_holder(tmp_path) is None
    lock = EngineLock.take(tmp_path, what)
    lock.note(ledger="the disk\nis full", bug=BUG, stuck="worker since noon")
    holder = lock_holder(tmp_path)
    assert holder is not None
    assert holder.stuck == engine_stuck(tmp_path) == "worker since noon"
    assert (holder.pid, holder.what, holder.ledger, holder.bug) == (
        os.getpid(),
        what,
        "the disk is full",
        BUG,
    )
    assert is_engine_running(tmp_path) is is_engine
    with pytest.raises(EngineRunningError, match="another engine" if is_engine else f"`{what}`"):
        EngineLock.take(tmp_path)
    lock.note(bug="")
    assert (engine_trouble(tmp_path), engine_bug(tmp_path)) == ("the disk is full", "")
    lock.release()
    assert lock_holder(tmp_path) is None


def test_a_run_is_attended_while_its_command_lives_and_abandoned_when_it_is_gone(tmp_path: Path) -> None:
    assert not is_attended(tmp_path, "a")
    assert not is_abandoned(tmp_path, "a"), "what was handed over has nobody who could leave"
    attendance = Attendance.begin(tmp_path, "a")
    assert is_attended(tmp_path, "a")
    assert not is_abandoned(tmp_path, "a")
    if os.fork() == 0:
        Attendance.begin(tmp_path, "b")
        os._exit(0)
    os.wait()
    assert (is_attended(tmp_path, "b"), is_abandoned(tmp_path, "b")) == (False, True)
    assert list(abandoned(tmp_path)) == ["b"]
    forget(tmp_path, "b")
    attendance.leave()
    attendance.leave()
    assert list((tmp_path / "asked").iterdir()) == []
