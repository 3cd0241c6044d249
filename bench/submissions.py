"""Submissions of a program against bare inserts of SQLite with the same durability, by turns."""

import multiprocessing
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.rows import row
from jobfile.client import Client

EACH = 300
ROUNDS = 5
"""The middle one counts: what a disk needs for a commit varies within seconds."""
MANY = 2_000
PROCESSES = 10
OF_EACH_PROCESS = 100
JOBFILE = str(Path(sys.executable).parent / "jobfile")
JOBS = """\
version: 1
jobs:
  mail:
    params: {user_id: {type: integer}, address: {type: string}}
    concurrency: {limit: none}
    run: 'true'
"""
TABLE = "create table job (id text primary key, name text, params text, at real, key text unique)"


def measure() -> list[dict]:
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent, prefix=".state-") as name:
        folder = Path(name)
        (folder / "jobs.yaml").write_text(JOBS)
        subprocess.run([JOBFILE, "apply", "--yes"], cwd=folder, check=True, capture_output=True)
        bare = sqlite3.connect(folder / "bare.db", isolation_level=None)
        bare.executescript(f"pragma journal_mode=wal; pragma synchronous=full; {TABLE}")
        with Client(state_dir=folder / ".jobfile") as client:
            client.submit("mail", params_of(0))
            ours, theirs = [], []
            for number in range(ROUNDS):
                theirs.append(inserts(bare, number))
                ours.append(submissions(client, number))
            many, many_bare = MANY / took_many(client), MANY / took_inserts_at_once(bare)
        pairs = [
            (
                rate_of_processes(submit_some, folder / ".jobfile"),
                rate_of_processes(insert_some, folder / "bare.db"),
            )
            for _ in range(ROUNDS)
        ]
        bare.close()
    means = [(statistics.mean(one), statistics.mean(other)) for one, other in zip(ours, theirs, strict=True)]
    ratio = statistics.median(other / one for one, other in means)
    rate, bare_rate = (statistics.median(1 / one for one in some) for some in zip(*means, strict=True))
    latency = statistics.median(one for some in ours for one in some)
    bare_latency = statistics.median(one for some in theirs for one in some)
    reference = "a bare insert with synchronous=FULL, each a transaction"
    at_once = "bare inserts in one transaction"
    return [
        row(
            f"submissions by {PROCESSES} processes at once", "/s", statistics.median(one for one, _ in pairs),
            "inserts by as many processes", statistics.median(other for _, other in pairs),
            statistics.median(one / other for one, other in pairs), "at least 0.3 x",
        ),
        row("submissions, one after another", "/s", rate, reference, bare_rate, ratio, ""),
        row(
            "one warm submission, median", "ms", latency * 1000, reference, bare_latency * 1000,
            latency / bare_latency, "at most 2 ms",
        ),
        row(f"submissions, {MANY:,} at once", "/s", many, at_once, many_bare, many / many_bare, ""),
    ]  # fmt: skip


def params_of(n: int) -> dict[str, object]:
    return {"user_id": n, "address": f"customer-{n}@example.com"}


def submissions(client: Client, number: int) -> list[float]:
    """The seconds of each."""
    found = []
    for n in range(EACH):
        begin = time.perf_counter()
        client.submit("mail", params_of(n), key=f"{number}-{n}")
        found.append(time.perf_counter() - begin)
    return found


def inserts(bare: sqlite3.Connection, number: int) -> list[float]:
    found = []
    for n in range(EACH):
        begin = time.perf_counter()
        bare.execute("insert into job values (?, ?, ?, ?, ?)", a_row(f"{number}-{n}", n))
        found.append(time.perf_counter() - begin)
    return found


def a_row(key: str, n: int) -> tuple[object, ...]:
    return os.urandom(16).hex(), "mail", str(params_of(n)), time.time(), key


def rate_of_processes(work: Callable[[Path, str, Callable[[], object]], None], path: Path) -> float:
    """How often a second all processes together did it, from the first one's begin to the last one's end."""
    spawned = multiprocessing.get_context("spawn")
    ready = spawned.Barrier(PROCESSES)
    spans = spawned.Queue()
    workers = [
        spawned.Process(target=timed, args=(work, path, str(number), ready, spans))
        for number in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    found: list[tuple[float, float]] = [spans.get() for _ in workers]
    for worker in workers:
        worker.join()
    return PROCESSES * OF_EACH_PROCESS / (max(end for _, end in found) - min(begin for begin, _ in found))


def timed(work, path, name, ready, spans) -> None:
    """In a process of its own: everything is open and warm before all begin."""
    begin = [0.0]

    def wait() -> None:
        ready.wait()
        begin[0] = time.monotonic()

    work(path, f"{name}-{os.getpid()}", wait)
    spans.put((begin[0], time.monotonic()))


def submit_some(path: Path, name: str, wait: Callable[[], object]) -> None:
    with Client(state_dir=path) as client:
        client.submit("mail", params_of(0))
        wait()
        for n in range(OF_EACH_PROCESS):
            client.submit("mail", params_of(n), key=f"{name}-{n}")


def insert_some(path: Path, name: str, wait: Callable[[], object]) -> None:
    bare = sqlite3.connect(path, isolation_level=None, timeout=60)
    bare.execute("pragma synchronous=full")
    bare.execute("insert into job values (?, ?, ?, ?, ?)", a_row(name, 0))
    wait()
    for n in range(OF_EACH_PROCESS):
        bare.execute("insert into job values (?, ?, ?, ?, ?)", a_row(f"{name}-{n}", n))
    bare.close()


def took_many(client: Client) -> float:
    begin = time.perf_counter()
    client.submit_many([("mail", params_of(n), f"many-{begin}-{n}") for n in range(MANY)])
    return time.perf_counter() - begin


def took_inserts_at_once(bare: sqlite3.Connection) -> float:
    begin = time.perf_counter()
    bare.execute("begin immediate")
    bare.executemany("insert into job values (?, ?, ?, ?, ?)", [a_row(f"many-{n}", n) for n in range(MANY)])
    bare.execute("commit")
    return time.perf_counter() - begin
