"""What a step, an item and a run of a matrix cost the engine, against a run of its own of the same program.

The figure is the processor time of the engine's process: supervisors work the same for both. Both do one
attempt at a time, or both sixteen: a turn of the engine is cheaper when several attempts share it.
"""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from engine.asking.requests import new_runs, record
from engine.host.lock import is_engine_running
from engine.host.wake import poke
from engine.ledger.sqlite.store import SqliteStore
from jobfile.model.catalog import CompiledJob
from jobfile.pipeline import compile_files

STEPS, ITEMS, COMBINATIONS, AT_ONCE = 200, 1_000, 256, 16
ROUNDS = 5
"""Ours and the reference by turns, for no machine stays the same for seconds; the middle one counts."""
JOBFILE = str(Path(sys.executable).parent / "jobfile")
OPEN = "select count(*) from run where state in ('queued', 'running', 'cancelling', 'retry_wait')"
PROMISE = "at most 1.3 x a run of its own"


class Compared(NamedTuple):
    """One row: a job whose attempts are counted, and the job whose runs are the reference."""

    name: str
    job: str
    attempts: int
    reference: str


ROWS = (
    Compared(f"engine's cost of a step, {STEPS} in a row", "chain", STEPS, "alone"),
    Compared(f"engine's cost of a step, {STEPS} that need none", "wide", STEPS, "crowd"),
    Compared(f"engine's cost of an item, {ITEMS:,}, 16 at once", "items", ITEMS, "crowd"),
    Compared(f"engine's cost of a run of a matrix of {COMBINATIONS}", "matrix", COMBINATIONS, "crowd"),
)


def job_file() -> str:
    """The jobs: every attempt executes the same program."""
    program = "command: [/bin/true]"
    steps = "".join(f"      s{n}: {{{program}}}\n" for n in range(STEPS))
    free = "".join(f"      s{n}: {{needs: [], {program}}}\n" for n in range(STEPS))
    numbers = ", ".join(str(n) for n in range(ITEMS))
    axis = ", ".join(str(n) for n in range(16))
    return f"""version: 1
vars: {{numbers: [{numbers}]}}
jobs:
  alone: {{concurrency: {{limit: 1, on_overlap: queue, max_waiting: {ITEMS}}}, {program}}}
  crowd: {{concurrency: {{limit: none}}, {program}}}
  chain:
    steps:
{steps}
  wide:
    steps:
{free}
  items:
    steps:
      each: {{for_each: vars.numbers, max_parallel: {AT_ONCE}, {program}}}
  matrix:
    matrix: {{a: [{axis}], b: [{axis}]}}
    concurrency: {{limit: none}}
    {program}
"""


def measure() -> list[dict]:
    """A row for each kind, with the middle ratio of its rounds."""
    compiled = compile_files([("jobs.yaml", job_file().encode())])
    assert compiled.catalog is not None, compiled.diagnostics
    jobs = {one.spec.name: one for one in compiled.catalog.jobs}
    with (
        tempfile.TemporaryDirectory(dir=Path(__file__).parent, prefix=".state-") as name,
        engine(Path(name)) as cost,
    ):
        cost(jobs["crowd"], 50)
        return [_row(one, *_rounds(one, jobs, cost)) for one in ROWS]


Cost = Callable[[CompiledJob, int], float]
"""Requests so many runs of a job; the seconds of processor time of the engine until all are over."""


@contextlib.contextmanager
def engine(folder: Path):
    """An engine without jobs of its own."""
    (folder / "jobs.yaml").write_text("version: 1\njobs: {}\n")
    environ = {**os.environ, "JOBFILE_MAX_RUNNING": str(AT_ONCE)}
    process = subprocess.Popen([JOBFILE, "up"], cwd=folder, env=environ, stdout=subprocess.DEVNULL)
    state_dir = folder / ".jobfile"
    while not is_engine_running(state_dir) or not (state_dir / "wake").exists():
        time.sleep(0.05)
    store = SqliteStore.open(state_dir / "ledger.db")

    def cost(job: CompiledJob, requests: int) -> float:
        for _ in range(requests):
            now = datetime.now(UTC)
            runs = new_runs(
                job.spec, digest=job.digest, generation=None, params={}, at=now, now=now, by="bench"
            )
            record(store, runs, job, why="", now=now)
        before = cpu_seconds(process.pid)
        poke(state_dir)
        with contextlib.closing(sqlite3.connect(state_dir / "ledger.db")) as ledger:
            while ledger.execute(OPEN).fetchone()[0]:
                time.sleep(0.02)
        return cpu_seconds(process.pid) - before

    try:
        yield cost
    finally:
        store.close()
        process.send_signal(signal.SIGTERM)
        process.wait()


def cpu_seconds(pid: int) -> float:
    """The processor time of a process, to the nanosecond: /proc/PID/stat counts hundredths of a second."""
    return time.clock_gettime((~pid << 3) | 2)  # as clock_getcpuclockid(3) names it


def _rounds(one: Compared, jobs: dict[str, CompiledJob], cost: Cost) -> tuple[float, float]:
    """Seconds an attempt and a run of its own, of the round with the middle ratio."""
    rounds = []
    for _ in range(ROUNDS):
        alone = cost(jobs[one.reference], one.attempts) / one.attempts
        rounds.append((cost(jobs[one.job], 1) / one.attempts, alone))
    return sorted(rounds, key=lambda pair: pair[0] / pair[1])[ROUNDS // 2]


def _row(one: Compared, figure: float, reference: float) -> dict:
    return {
        "name": one.name,
        "figure": figure * 1e6,
        "unit": "us",
        "reference": "a run of its own of the same program",
        "reference_figure": reference * 1e6,
        "ratio": figure / reference,
        "promise": PROMISE,
    }
