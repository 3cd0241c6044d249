"""The engine under systemd: the unit is one, and what the engine tells is received by a real socket."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.host.systemd import Manager
from tests.acceptance.engines import JOBFILE, ask, until

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "packaging" / "jobfile.service"
JOBS = "version: 1\njobs:\n  hello: {schedule: {every: 1h}, command: ['true']}\n"


class Told:
    """What arrived at the socket of a service manager."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self.socket.setblocking(False)
        self.lines: list[str] = []

    def has(self, line: str, times: int = 1) -> bool:
        try:
            while True:
                self.lines += self.socket.recv(65536).decode().split("\n")
        except BlockingIOError:
            return sum(one.startswith(line) for one in self.lines) >= times


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "notify") if request.param == "path" else f"@jobfile-test-{os.getpid()}"


@pytest.fixture
def told(address: str) -> Iterator[Told]:
    found = Told(address)
    yield found
    found.socket.close()


def started(folder: Path, address: str, **more: str) -> "subprocess.Popen[bytes]":
    (folder / "jobs.yaml").write_text(JOBS)
    return subprocess.Popen(
        [JOBFILE, "up"],
        cwd=folder,
        env={**os.environ, "NOTIFY_SOCKET": address, **more},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )


def ended(engine: "subprocess.Popen[bytes]") -> int:
    engine.send_signal(signal.SIGTERM)
    return engine.wait(timeout=20)


def test_start_reload_keep_alives_and_end_are_reported(tmp_path: Path, address: str, told: Told) -> None:
    engine = started(tmp_path, address, WATCHDOG_USEC="400000")
    try:
        until(lambda: told.has("READY=1"), "ready")
        assert ask(tmp_path, "status")["generation"] == 1
        until(lambda: told.has("WATCHDOG=1", 4), "keep-alives")
        (tmp_path / "jobs.yaml").write_text(JOBS.replace("1h", "2h"))
        engine.send_signal(signal.SIGHUP)
        until(lambda: told.has("RELOADING=1") and told.has("READY=1", 2), "reload")
        assert told.has("MONOTONIC_USEC=")
        until(lambda: ask(tmp_path, "status")["generation"] == 2, "the files were read")
        assert engine.poll() is None
    finally:
        code = ended(engine)
    assert code == 0
    assert told.has("STOPPING=1")
    told_in_order = [line for line in told.lines if line in ("READY=1", "RELOADING=1", "STOPPING=1")]
    assert told_in_order == ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]


def test_a_planner_that_stands_still_gives_no_sign_of_life(tmp_path: Path, address: str, told: Told) -> None:
    engine = started(tmp_path, address, WATCHDOG_USEC="400000")
    try:
        until(lambda: told.has("WATCHDOG=1", 2), "keep-alives")
        # Whoever holds the ledger keeps the planner from finishing; the other threads go on.
        code = (
            "import sqlite3, sys; db = sqlite3.connect('.jobfile/ledger.db', isolation_level=None); "
            "db.execute('begin immediate'); print('held', flush=True); sys.stdin.read()"
        )
        (tmp_path / "jobs.yaml").write_text(JOBS.replace("1h", "1s"))
        until(lambda: ask(tmp_path, "status")["generation"] == 2, "a job that is due all the time")
        with subprocess.Popen(
            ["python3", "-c", code], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as holder:
            assert holder.stdout is not None
            assert holder.stdin is not None
            assert holder.stdout.readline() == b"held\n"
            seen = []
            for _ in range(3):  # that something does not come takes time to see; the first may be on its way
                time.sleep(1.5)
                told.has("")
                seen.append(told.lines.count("WATCHDOG=1"))
            assert seen[1] == seen[2]
            holder.stdin.close()
        count = len(told.lines)
        until(lambda: told.has("WATCHDOG=1") and len(told.lines) > count, "keep-alives again")
    finally:
        ended(engine)


def test_without_a_manager_nothing_is_reported_and_nothing_fails(tmp_path: Path) -> None:
    for environ in ({}, {"NOTIFY_SOCKET": str(tmp_path / "nobody")}, {"NOTIFY_SOCKET": "@"}):
        manager = Manager(environ, pid=1)
        manager.ready("x")
        manager.alive()
        manager.stopping()
        assert manager.alive_seconds is None
    watched = {"NOTIFY_SOCKET": "x", "WATCHDOG_USEC": "3000000"}
    assert Manager(watched, pid=1).alive_seconds == 1.5
    assert Manager({**watched, "WATCHDOG_PID": "2"}, pid=1).alive_seconds is None
    assert Manager({**watched, "WATCHDOG_USEC": "many"}, pid=1).alive_seconds is None


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    text = UNIT.read_text().replace("/usr/local/bin/jobfile", JOBFILE).replace("User=jobfile", "User=root")
    (tmp_path / "jobfile.service").write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / "jobfile.service")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, [line for line in done.stderr.splitlines() if "jobfile" in line]) == (0, [])
    assert {"KillMode=process", "Delegate=yes"} <= set(text.splitlines())
