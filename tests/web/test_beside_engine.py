"""`up --serve`: the server is a child of the engine, and nothing that happens to it reaches the engine."""

import contextlib
import os
import signal
from pathlib import Path

from engine.web.serving import read_address
from tests.acceptance.engines import (
    check_every_instant,
    children_of,
    doctor,
    end,
    engine,
    is_gone,
    kill,
    runs,
    say,
    state_of,
    until,
)
from tests.web.served import Served

JOBS = "version: 1\njobs:\n" + "".join(
    f"  j{number}: {{schedule: {{every: {60 + number % 60}s}}, run: true}}\n" for number in range(1_000)
)
"""Ten or more are due each second."""


def page_of(engine_pid: int) -> int:
    """The process of the server."""

    def found() -> int:
        for pid in _children(engine_pid):
            with contextlib.suppress(OSError):
                if b"\0serve\0" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return pid
        return 0

    return until(found, "the server of the page")


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += map(int, (task / "children").read_text().split())
    return found or children_of(pid)


def test_a_killed_flooded_or_stopped_server_costs_the_engine_nothing(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(JOBS)
    state = tmp_path / ".jobfile"
    with engine(tmp_path, "--serve", "127.0.0.1:0", "--allow-root") as running:
        first = page_of(running.pid)
        server = Served(running, state, until(lambda: read_address(state)))  # type: ignore[arg-type]
        assert " 200 OK" in server.get()

        flood = []
        for _ in range(600):
            with contextlib.suppress(OSError):
                flood.append(server.connect())
        for one in flood:
            with contextlib.suppress(OSError):
                one.sendall(b"GET /jobs HTTP/1.1\r\n")
        os.kill(first, signal.SIGKILL)
        until(lambda: is_gone(first), "the killed server")
        for one in flood:
            one.close()

        second = until(lambda: (pid := page_of(running.pid)) != first and pid, "the next server")
        os.kill(second, signal.SIGSTOP)
        until(lambda: state_of(second) == "T", "the stopped server")
        count = len(runs(tmp_path))
        until(lambda: len(runs(tmp_path)) > count + 8, "runs while the server is stopped")
        assert end(running) == 0
        until(lambda: is_gone(second), "a server that is stopped ends with its engine")
    (tmp_path / "jobs.yaml").write_text(JOBS.replace("run: true", "enabled: false, run: true"))
    assert say(tmp_path, "up", "--for", "1s").returncode == 0  # it records what ended after its engine
    check_every_instant(tmp_path)
    doctor(tmp_path)


def test_a_killed_engine_takes_its_server_with_it(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(JOBS)
    with engine(tmp_path, "--serve", "127.0.0.1:0", "--allow-root") as running:
        page = page_of(running.pid)
        kill(running)
        until(lambda: is_gone(page), "the server of a killed engine")
