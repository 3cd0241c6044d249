"""Disks that are full or broken, under the real engine: told once, nothing invented, all made up for."""

import contextlib
import errno
import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.core.lifecycle import Ended, RunState
from engine.execution.launcher_client import ProcessLauncher
from engine.host.holders import current_boot_id
from engine.host.keys import read_key
from engine.ledger.sqlite.store import SqliteStore
from engine.ledger.sqlite.view import SqliteView
from tests.acceptance.engines import FAR, JOBFILE, check_instants_of, put, say, until
from tests.acceptance.test_systemd import Told
from tests.acceptance.warm import Jobfile
from tests.faults.preload import Kind, Mode, Outside

JOBS = """\
version: 1
jobs:
  tick: {{schedule: {{every: 1s}}, run: "echo $JOBFILE_RUN_ID >> {folder}/executed"}}
  long:
    run: |
      touch {folder}/begun
      until [ -e {folder}/gate ]; do sleep 0.05; done
      exit 7
"""
LAST = "version: 1\njobs: {{long: {{run: 'exit 7'}}}}\n"


class Engine:
    """A real engine on a state folder of its own, and everything that it says."""

    def __init__(self, folder: Path, state: Path, *options: str, **environ: str) -> None:
        self.folder, self.state = folder, state
        put(folder, JOBS.format(folder=folder))
        self.told = Told(str(folder / "notify"))
        about = {"NOTIFY_SOCKET": str(folder / "notify"), "JOBFILE_MIN_FREE_MIB": "1", **environ}
        self._out, self._err = (folder / "out").open("wb"), (folder / "err").open("wb")
        begin = subprocess.Popen if "LD_PRELOAD" in environ else Jobfile
        self.process = begin(
            [JOBFILE, "up", "--json", "--state", str(state), *options],
            cwd=folder,
            env={**os.environ, **about},
            stdout=self._out,
            stderr=self._err,
        )

    def warnings(self) -> list[str]:
        lines = (self.folder / "err").read_text().splitlines()
        return [line for line in lines if line.startswith("warning:") and "runs as root" not in line]

    def events(self, kind: str) -> list[dict[str, Any]]:
        lines = (self.folder / "out").read_text().splitlines()
        return [event for event in map(json.loads, lines) if event["event"] == kind]

    def ask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return say(self.folder, *arguments, "--state", str(self.state))

    def status(self) -> Any:
        return json.loads(self.ask("status", "--json").stdout)

    def begin_long_run(self) -> str:
        until(lambda: self.events("AttemptStarted"), "an engine")
        done = self.ask("run", "long", "--detach")
        assert done.returncode == 0, done.stderr
        until((self.folder / "begun").exists, "the long job runs")
        return done.stdout.strip()

    @contextlib.contextmanager
    def view(self) -> Iterator[SqliteView]:
        opened = SqliteView.open(self.state / "ledger.db")
        yield opened
        opened.close()

    def started(self) -> int:
        with self.view() as view:
            return sum(run.attempt for run in view.recent_runs(job=None, state=None, limit=10_000))

    def assert_nothing_starts(self) -> None:
        before = self.started(), len(self.events("RunSettled"))
        threading.Event().wait(2.5)  # that something does not happen takes time to see
        assert (self.started(), len(self.events("RunSettled"))) == before

    def assert_all_is_made_up_for(self, run_id: str) -> None:
        """What ended meanwhile has its exit code, and every instant has its record; then the engine ends."""
        with self.view() as view:
            until(lambda: (run := view.run(run_id)) is not None and run.state.is_final, "the long run's end")
            run = view.run(run_id)
            assert run is not None
            assert (run.state, run.exit_code, run.attempt) == (RunState.FAILED, 7, 1)
            count = len(self.events("AttemptStarted"))
            until(lambda: len(self.events("AttemptStarted")) > count, "starts again")
            put(self.folder, LAST.format(folder=self.folder))
            since = datetime.now(UTC)
            until(lambda: not view.open_runs() and _has_no_schedule(view, since), "the end of all")
            runs = view.recent_runs(job=None, state=None, limit=10_000)
            check_instants_of(view)
            assert {run.state for run in runs} <= {RunState.SUCCEEDED, RunState.SKIPPED, RunState.FAILED}
            executed = (self.folder / "executed").read_text().split()
            assert sorted(executed) == sorted(run.id for run in runs if run.job == "tick" and run.attempt)
        assert self.end() == 0
        SqliteStore.open(self.state / "ledger.db").verify()

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def close(self) -> None:
        (self.folder / "gate").touch()
        self.process.kill()
        self.process.wait()
        for file in (self._out, self._err, self.told.socket):
            file.close()


def _has_no_schedule(view: SqliteView, since: datetime) -> bool:
    schedules = view.schedules_between(None, since=since, until=FAR)
    return all(schedule.active_until is not None for schedule in schedules)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk in memory."""
    path = tmp_path / "disk"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(path)], check=True)
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def fill(disk: Path) -> Path:
    """Take all the room that there is."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    assert os.statvfs(disk).f_bavail == 0
    return filler


def test_f53_a_full_disk_stops_starts_and_not_supervision_and_all_is_caught_up(
    tmp_path: Path, disk: Path
) -> None:
    engine = Engine(tmp_path, disk / "state")
    try:
        run_id = engine.begin_long_run()
        filler = fill(disk)
        until(engine.warnings, "the alarm")
        engine.assert_nothing_starts()
        status = engine.status()
        assert not status["is_well"]
        assert not status["ledger"]["writable"]
        assert "cannot be written" in status["ledger"]["detail"]
        assert "NOTHING STARTS" in engine.ask("status").stdout
        assert engine.told.has("STATUS=NOTHING STARTS: the ledger")
        (tmp_path / "gate").touch()
        folder = disk / "state" / "runs" / run_id[:2] / f"{run_id}.1"
        until(lambda: isinstance(_evidence(folder), Ended), "the result, although the disk is full")
        assert engine.process.poll() is None
        filler.unlink()
        until(lambda: len(engine.warnings()) == 2, "the alarm is over")
        assert engine.status()["ledger"] == {"writable": True, "detail": None}
        assert engine.told.has("STATUS=runs", 2)
        engine.assert_all_is_made_up_for(run_id)
        assert len(engine.warnings()) == 2, "told once, and once when it was over"
    finally:
        engine.close()


def test_a_disk_that_a_job_filled_with_its_temporary_files_heals_by_itself(
    tmp_path: Path, disk: Path
) -> None:
    engine = Engine(tmp_path, disk / "state")
    try:
        run_id = engine.begin_long_run()
        fills = 'cat /dev/zero > "$TMPDIR/all" || :; until [ -e gate ]; do sleep 0.05; done; exit 7'
        text = (tmp_path / "jobs.yaml").read_text() + f"  fills: {{run: {json.dumps(fills)}}}\n"
        put(tmp_path, text)
        until(lambda: engine.ask("run", "fills", "--detach").returncode == 0, "a job that fills the disk")
        until(engine.warnings, "the alarm")
        (tmp_path / "gate").touch()
        until(lambda: len(engine.warnings()) == 2, "the alarm is over")
        assert os.statvfs(disk).f_bavail * os.statvfs(disk).f_bsize > 8 << 20
        with engine.view() as view:
            (run,) = view.recent_runs(job="fills", state=None, limit=10)
            until(lambda: view.run(run.id).state.is_final, "its end")  # type: ignore[union-attr]
        engine.assert_all_is_made_up_for(run_id)
    finally:
        engine.close()


def test_an_engine_that_is_to_stop_its_jobs_on_a_full_disk_ends_and_says_that_they_continue(
    tmp_path: Path, disk: Path
) -> None:
    engine = Engine(tmp_path, disk / "state", "--stop-jobs")
    try:
        run_id = engine.begin_long_run()
        fill(disk)
        until(engine.warnings, "the alarm")
        assert engine.end() == 0
        assert "not every job has ended" in engine.warnings()[-1]
        (tmp_path / "gate").touch()
        folder = disk / "state" / "runs" / run_id[:2] / f"{run_id}.1"
        until(lambda: isinstance(_evidence(folder), Ended), "the job's own end")
    finally:
        engine.close()


def _evidence(folder: Path) -> object:
    key = read_key(folder.parents[2])
    return ProcessLauncher(None, key=key).evidence(folder, boot_id=current_boot_id())


def test_f54_a_sync_that_fails_reports_no_success_and_the_file_is_checked_before_the_next_write(
    tmp_path: Path,
) -> None:
    control = Outside(tmp_path / "control")
    engine = Engine(tmp_path, tmp_path / "state", **control.environ)
    try:
        run_id = engine.begin_long_run()
        until(lambda: engine.events("RunSettled"), "a run that ends")
        # First a single one, then for a while.
        control.arm(tmp_path / "state" / "ledger.db", Mode.FAIL_ONCE, 1, error=errno.EIO, kinds=Kind.SYNC)
        until(lambda: len(engine.warnings()) == 2, "a trouble that is over at once")
        control.arm(tmp_path / "state" / "ledger.db", Mode.FAIL_FROM, 1, error=errno.EIO, kinds=Kind.SYNC)
        until(lambda: len(engine.warnings()) == 3, "the alarm")
        engine.assert_nothing_starts()
        assert "SQLITE_IOERR" in engine.status()["ledger"]["detail"]
        (tmp_path / "gate").touch()
        control.disarm()
        until(lambda: len(engine.warnings()) == 4, "the alarm is over")
        engine.assert_all_is_made_up_for(run_id)
    finally:
        engine.close()


def test_an_engine_whose_ledger_is_damaged_ends_and_its_jobs_continue(tmp_path: Path) -> None:
    control = Outside(tmp_path / "control")
    state = tmp_path / "state"
    put(tmp_path, JOBS.format(folder=tmp_path))
    subprocess.run(
        [JOBFILE, "up", "--for", "1s", "--state", str(state)], cwd=tmp_path, capture_output=True, check=True
    )
    engine = Engine(tmp_path, state, **control.environ)
    try:
        run_id = engine.begin_long_run()
        ledger = state / "ledger.db"
        with ledger.open("r+b") as file:
            file.seek(4096)
            file.write(os.urandom(ledger.stat().st_size - 4096))
        control.arm(ledger, Mode.FAIL_ONCE, 1, error=errno.EIO, kinds=Kind.SYNC)
        assert engine.process.wait(20) == 1
        assert "is damaged" in (tmp_path / "err").read_text()
        (tmp_path / "gate").touch()
        folder = state / "runs" / run_id[:2] / f"{run_id}.1"
        until(lambda: isinstance(_evidence(folder), Ended), "the job's own end")
    finally:
        engine.close()
