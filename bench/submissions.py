"""Submissions of a program against bare inserts of SQLite with the same durability, by turns."""

import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from jobfile.client import Client

EACH = 300
ROUNDS = 5
"""The middle one counts: what a disk needs for a commit varies within seconds."""
MANY = 2_000
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
        bare.close()
    means = [(statistics.mean(one), statistics.mean(other)) for one, other in zip(ours, theirs, strict=True)]
    ratio = statistics.median(other / one for one, other in means)
    rate, bare_rate = (statistics.median(1 / one for one in some) for some in zip(*means, strict=True))
    latency = statistics.median(one for some in ours for one in some)
    bare_latency = statistics.median(one for some in theirs for one in some)
    reference = "a bare insert with synchronous=FULL, each a transaction"
    at_once = "bare inserts in one transaction"
    return [
        row("submissions, one after another", "/s", rate, reference, bare_rate, ratio, "at least 0.3 x"),
        row(
            "one warm submission, median", "ms", latency * 1000, reference, bare_latency * 1000,
            latency / bare_latency, "at most 2 ms",
        ),
        row(f"submissions, {MANY:,} at once", "/s", many, at_once, many_bare, many / many_bare, ""),
    ]  # fmt: skip


def row(name, unit, figure, reference, reference_figure, ratio, promise) -> dict:
    return {
        "name": name,
        "figure": figure,
        "unit": unit,
        "reference": reference,
        "reference_figure": reference_figure,
        "ratio": ratio,
        "promise": promise,
    }


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
