"""The page over 10,000 jobs and a million runs: how long a reader waits while the ledger changes."""

import contextlib
import http.client
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from bench.check import JOBFILE
from bench.listing import apply_and_record

RUNS = 100
"""Runs of each job."""
REQUESTS = 100
WRITES_SECONDS = 0.5
PAUSE_SECONDS = 0.1
START_SECONDS = 60
PAGES = {"Today": "/", "Jobs": "/jobs", "Jobs, filtered": "/jobs?tag=tier3&sort=last"}
PROMISE = "at most 150 ms"


def measure() -> list[dict]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        apply_and_record(folder, RUNS)
        with _server(folder) as server, _writes(folder):
            return [row for name, path in PAGES.items() for row in _rows(name, _times(server, path))]


def _rows(name: str, times: list[float]) -> list[dict]:
    first, later = times[0], statistics.quantiles(times[1:], n=20)[-1]
    return [
        _row(f"page {name}, 10,000 jobs, 1 M runs, p95", later * 1000, "ms", PROMISE),
        _row(f"page {name}, the first time", first, "s", ""),
    ]


def _row(name: str, figure: float, unit: str, promise: str) -> dict:
    return {
        "name": name,
        "figure": figure,
        "unit": unit,
        "reference": "",
        "reference_figure": None,
        "ratio": None,
        "promise": promise,
    }


class _AtSocket(http.client.HTTPConnection):
    def __init__(self, name: Path) -> None:
        super().__init__("localhost")
        self._name = str(name)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._name)


@contextlib.contextmanager
def _server(folder: Path) -> Iterator[_AtSocket]:
    """A server at the socket of the state folder."""
    with subprocess.Popen([JOBFILE, "serve"], cwd=folder, stdout=subprocess.DEVNULL) as server:
        connection, until = _AtSocket(folder / ".jobfile" / "web.sock"), time.monotonic() + START_SECONDS
        try:
            while True:
                with contextlib.suppress(OSError):
                    connection.connect()
                    break
                assert time.monotonic() < until, "no server"
                time.sleep(PAUSE_SECONDS)
            yield connection
        finally:
            connection.close()
            server.terminate()


@contextlib.contextmanager
def _writes(folder: Path) -> Iterator[None]:
    """Meanwhile a run is requested again and again."""
    is_over = threading.Event()

    def write() -> None:
        while not is_over.wait(WRITES_SECONDS):
            command = [JOBFILE, "pause", "job-00001", "--why", "measured"]
            subprocess.run(command, cwd=folder, capture_output=True, check=False)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        is_over.set()
        writer.join()


def _times(server: _AtSocket, path: str) -> list[float]:
    """How long each answer takes, in seconds; the first one is computed with nothing kept."""
    found = []
    for _ in range(REQUESTS):
        begin = time.perf_counter()
        server.request("GET", path)
        answer = server.getresponse()
        answer.read()
        assert answer.status == 200, (path, answer.status)
        found.append(time.perf_counter() - begin)
        time.sleep(PAUSE_SECONDS)
    return found
