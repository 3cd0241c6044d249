"""A ledger of a year moved to PostgreSQL and back, each row compared and the copy checked.

The reference copies the same rows between the same two databases with nothing but a loop and COPY: no index,
no comparison, no check.
"""

import contextlib
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

from bench.check import JOBFILE
from bench.rows import row
from bench.years import make_year
from engine.ledger.opening import open_copyable
from tests.postgres_servers import a_server

RUNS = 100_000
PROMISE = "at least 30,000/s"


def measure() -> list[dict]:
    with tempfile.TemporaryDirectory() as name, a_server(settings="") as server:
        folder = Path(name) / "moved"
        make_year(folder, RUNS)
        with psycopg.connect(server.url(), autocommit=True) as db:
            for one in ("bare", "ledger"):
                db.execute(f"create database {one}")
        count, bare = copy_bare(folder / ".jobfile" / "ledger.db", server.url("bare"))
        there = move(folder, server.url("ledger"))
        back = move(folder, f"sqlite://{Path(name) / 'back.db'}", "--store", server.url("ledger"))
    reference = count / bare
    return [
        row(f"{what}, {RUNS:,} runs", "rows/s", count / took, "COPY alone", reference, bare / took, PROMISE)
        for what, took in (("ledger moved to PostgreSQL", there), ("ledger moved to SQLite", back))
    ]


def copy_bare(path: Path, url: str) -> tuple[int, float]:
    """The number of rows of a ledger, and the seconds to copy them to tables without keys."""
    count = 0
    with contextlib.closing(open_copyable(f"sqlite://{path}")) as source:
        tables = source.columns()
    with contextlib.closing(sqlite3.connect(path)) as source, psycopg.connect(url) as target:
        begin = time.perf_counter()
        for table, names in tables.items():
            target.execute(f"create table {table} ({', '.join(f'{name} text' for name in names)})")
            with target.cursor().copy(f"copy {table} from stdin") as copy:
                for values in source.execute(f"select {', '.join(names)} from {table}"):
                    copy.write_row(values)
                    count += 1
        target.commit()
        return count, time.perf_counter() - begin


def move(folder: Path, to: str, *options: str) -> float:
    """The seconds that `jobfile migrate` takes, with its own start."""
    begin = time.perf_counter()
    command = [JOBFILE, "migrate", *options, "--to", to]
    subprocess.run(command, cwd=folder, capture_output=True, check=True)
    return time.perf_counter() - begin
