"""The page over 10,000 jobs and a million runs: how long a reader waits while the ledger changes, and how
much memory that takes. The runs are those that their schedules expect, and one in a hundred failed.

Times are compared with a loop in the same run: the machine of the promise takes 0.05 s for it.
"""

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
from bench.listing import apply_and_record_real

TURNS = 3_000_000
"""Of the loop with which times are compared."""
LOOP_SECONDS = 0.05
"""How long the loop takes on the machine of the promise."""
TABS = 200
RUNS = 100
"""Runs of each job."""
REQUESTS = 100
WRITES_SECONDS = 0.5
PAUSE_SECONDS = 0.1
START_SECONDS = 60
PAGES = {
    "Today": "/",
    "Jobs": "/jobs",
    "Jobs, filtered": "/jobs?tag=tier3&sort=last",
    "a job": "/jobs/job-00017",
}
PROMISED_SECONDS = 0.15
PROMISE = f"at most 150 ms: {PROMISED_SECONDS / LOOP_SECONDS:.0f} loops"
FIRST_SECONDS = 1.0
"""How soon the first page is there after the start of the server is."""
FIRST = f"at most 1 s: {FIRST_SECONDS / LOOP_SECONDS:.0f} loops"
MEMORY = "at most 200 MB"
STATUS_BYTES = 1_024


def measure() -> Iterator[dict]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        apply_and_record_real(folder, RUNS)
        with _server(folder) as (server, process):
            yield _row("page Today, the first one after a start", _time(server, "/"), "s", FIRST)
            with _writes(folder):
                for page, path in PAGES.items():
                    yield from _rows(page, _times(server, path))
            with _open_tabs(folder):
                for path in PAGES.values():
                    _time(server, path)
                yield _memory_row("server and its process, 200 tabs", _processes(process))


def _memory_row(what: str, processes: Iterator[int]) -> dict:
    return {**_row(f"memory of the {what}", sum(map(_memory, processes)), "MB", MEMORY), **NO_REFERENCE}


@contextlib.contextmanager
def _open_tabs(folder: Path) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for _ in range(TABS):
            tab = stack.enter_context(contextlib.closing(_AtSocket(folder / ".jobfile" / "web.sock")))
            tab.request("GET", "/live")
            assert tab.getresponse().status == 200
        yield


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
        "reference": f"a loop of {TURNS:,} turns",
        "reference_figure": (loop := _loop() * (1000 if unit == "ms" else 1)),
        "ratio": figure / loop,
        "promise": promise,
    }


NO_REFERENCE = {"reference": "", "reference_figure": None, "ratio": None}


def _loop() -> float:
    begin, turns = time.perf_counter(), 0
    while turns < TURNS:
        turns += 1
    return time.perf_counter() - begin


def _processes(process: int) -> Iterator[int]:
    """A process and its descendants."""
    yield process
    for one in Path(f"/proc/{process}/task/{process}/children").read_text().split():
        yield from _processes(int(one))


def _memory(process: int) -> float:
    """Its memory in MB."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Rss:")) / STATUS_BYTES


class _AtSocket(http.client.HTTPConnection):
    def __init__(self, name: Path) -> None:
        super().__init__("localhost")
        self._name = str(name)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._name)


@contextlib.contextmanager
def _server(folder: Path) -> Iterator[tuple[_AtSocket, int]]:
    """A server at the socket of the state folder, and the id of its process."""
    with subprocess.Popen([JOBFILE, "serve"], cwd=folder, stdout=subprocess.DEVNULL) as server:
        connection, until = _AtSocket(folder / ".jobfile" / "web.sock"), time.monotonic() + START_SECONDS
        try:
            while True:
                with contextlib.suppress(OSError):
                    connection.connect()
                    break
                assert time.monotonic() < until, "no server"
                time.sleep(PAUSE_SECONDS)
            yield connection, server.pid
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
        found.append(_time(server, path))
        time.sleep(PAUSE_SECONDS)
    return found


def _time(server: _AtSocket, path: str) -> float:
    begin = time.perf_counter()
    server.request("GET", path)
    answer = server.getresponse()
    answer.read()
    assert answer.status == 200, (path, answer.status)
    return time.perf_counter() - begin
