"""A ledger in which everything has happened once, on a healthy machine."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from engine.answers.findings import Examined, Finding
from engine.config import EngineConfig
from engine.core.lifecycle import Run, RunState
from engine.doctor.checking import diagnose
from engine.host.holders import current_boot_id
from engine.host.keys import key_of, make_key
from engine.host.lock import MOUNTS, EngineLock
from engine.host.machine import Machine
from engine.supervisor.evidence import NAME, RESULT_AT, beside, pack
from engine.testing import FakeClock
from tests.engine.test_past import keep_house
from tests.engine.world import World

SOUND = Machine(
    python="3.13.1",
    has_libyaml=True,
    has_spawn=True,
    open_files=None,
    processes=None,
    container="",
    is_synchronized=True,
)

SEVEN_MINUTES = 420

JOBS = """\
version: 1
jobs:
  hourly:
    schedule: "0 * * * *"
    retry: {attempts: 3, delay: 90s}
    command: ['true']
  often:
    schedule: {every: 7m}
    catchup: none
    concurrency: {limit: 2, on_overlap: queue}
    command: ['true']
  nightly:
    schedule: {cron: "30 2 * * *", timezone: Europe/Berlin}
    idempotent: true
    retry: {attempts: 2, delay: 10s}
    command: ['true']
  by-hand:
    command: ['true']
"""

RENAMED = JOBS.replace("  often:", "  frequent:\n    renamed_from: often")


class Patient:
    """A world, and the findings of `doctor` about it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.config: EngineConfig = world.config
        self.machine = SOUND
        self.mounts = MOUNTS
        self._lock: EngineLock | None = None

    def examine(self) -> tuple[Examined, ...]:
        now = self.world.clock.now()
        return tuple(diagnose(self.config, now=now, machine=self.machine, mounts=self.mounts))

    def findings(self) -> dict[str, Finding]:
        """The first finding of each code."""
        found = [one for area in self.examine() for one in area.findings]
        return {one.code: one for one in reversed(found)}

    def an_engine_runs(self) -> None:
        """Make it seem that an engine is running: its lock is held."""
        self._lock = EngineLock.take(self.config.state_dir)

    def no_engine_runs(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def run_in(self, state: RunState) -> Run:
        """The newest run in a state."""
        return self.world.view.recent_runs(job=None, state=state, limit=1)[0]

    def write(self, *statements: str) -> None:
        """Change the ledger directly, without its triggers and constraints."""
        db = sqlite3.connect(self.config.ledger, isolation_level=None)
        db.execute("pragma ignore_check_constraints = on")
        for (name,) in db.execute("select name from sqlite_master where type = 'trigger'").fetchall():
            db.execute(f"drop trigger {name}")
        for statement in statements:
            assert db.execute(statement).rowcount != 0, statement
        db.close()


def live(world: World) -> None:
    """Three days: good and bad ends, retries, absence, pause, rename, lost runs, a wrong clock, pruning."""
    world.pass_time(seconds=SEVEN_MINUTES - world.clock.now().timestamp() % SEVEN_MINUTES)
    for turn in range(120):
        if turn == 60:
            world.pause("often", minutes=300)
        if turn in (90, 110):
            world.run_by_hand("by-hand")
        act(world, turn)
    world.crash()
    world.clock.advance(seconds=34 * 3_600)
    world.boot()
    world.catch_up(seconds=20)
    world.edit(RENAMED)
    world.pass_time(seconds=4_000)
    world.finish()
    world.clock.jump(seconds=-5 * 3_600)
    world.step()
    with world.store.transaction():
        world.store.incidents.accept_hold(actor="anna")
    for turn in range(120):
        act(world, turn)
    keep_house(world, keep_days=2)
    world.pass_time(seconds=400)
    for exit_code in (0, 1):
        world.finish()
        world.run_by_hand("by-hand")
        world.finish(exit_code=exit_code)
    world.run_by_hand("by-hand")


def act(world: World, turn: int) -> None:
    """Let time pass until a run is due, and end running attempts in various ways."""
    world.pass_time(seconds=SEVEN_MINUTES)
    for index, attempt in enumerate(world.launcher.running()):
        match (turn + index) % 9:
            case 4:
                world.launcher.lose(attempt)
            case 7:
                pass
            case rest:
                world.launcher.finish(attempt, exit_code=rest % 2)
    world.step()


def record_results(world: World) -> None:
    """Write the results that supervisors would have left in the folders of the good runs."""
    for run in world.view.recent_runs(job=None, state=RunState.SUCCEEDED, limit=10**6):
        write_result(world.config.attempt_dir(run.last_attempt), exit_code=0)


def write_result(folder: Path, *, exit_code: int) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    key = key_of(str(folder), make_key(folder.parent.parent.parent))
    said = {"started_at": 1, "ended_at": 2, "exit_code": exit_code, "signal": None}
    counted = {"output_bytes": 0, "output_dropped": 0, "leftover_processes": 0}
    Path(beside(str(folder), NAME)).write_bytes(
        pack({"at": 1}, key).ljust(RESULT_AT, b"\0") + pack(said | counted, key, RESULT_AT)
    )


class Lived(NamedTuple):
    """A state folder whose engine has ended, and its clocks at that time."""

    state_dir: Path
    clock: FakeClock


@pytest.fixture(scope="session")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    """Made once for all tests."""
    world = World(tmp_path_factory.mktemp("lived"), JOBS)
    live(world)
    record_results(world)
    world.crash()
    # Pretend that all of it has happened since this host was booted.
    with sqlite3.connect(world.config.ledger, isolation_level=None) as ledger:
        ledger.execute("update attempt set boot_id = ?", (current_boot_id(),))
    ledger.close()
    return Lived(world.config.state_dir, world.clock)


@pytest.fixture
def patient(tmp_path: Path, lived: Lived) -> Iterator[Patient]:
    """A healthy and busy ledger, whose engine has been running for a while."""
    tmp_path.chmod(0o700)
    (tmp_path / "jobs.yaml").write_text(RENAMED)
    (tmp_path / "jobs.yaml").chmod(0o644)
    shutil.copytree(lived.state_dir, tmp_path / ".jobfile", ignore=shutil.ignore_patterns("wake"))
    os.mkfifo(tmp_path / ".jobfile" / "wake", 0o600)
    (tmp_path / ".jobfile").chmod(0o700)
    world = World(tmp_path, RENAMED, clock=replace(lived.clock), first_id=10**6)
    world.pass_time(seconds=400)
    world.config = replace(world.config, min_free_bytes=1)
    patient = Patient(world)
    patient.an_engine_runs()
    yield patient
    patient.no_engine_runs()
    world.crash()
