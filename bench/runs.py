"""`/bin/true` a second with full durability, and from submission to start."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from engine.asking.requests import new_runs
from engine.host.lock import is_engine_running
from engine.host.wake import poke
from engine.ledger.sqlite.store import SqliteStore
from jobfile.model.catalog import CompiledJob
from jobfile.model.jobs import CommandAction, ConcurrencySpec, JobSpec, Origin

RUNS, AT_ONCE, PACED = 1_000, 8, 60
ROUNDS = 5
"""Ours and the reference by turns, for no machine stays the same for seconds; the middle one counts."""
JOBFILE = str(Path(sys.executable).parent / "jobfile")
OPEN = "select count(*) from run where state in ('queued', 'running', 'cancelling', 'retry_wait')"
FEW = 50
"""So many are over within a look: from here on the end is looked for more often."""


LOOP = """
import subprocess, sys, time
runs, at_once = int(sys.argv[1]), int(sys.argv[2])
begin = time.perf_counter()
flying = []
for _ in range(runs):
    if len(flying) == at_once:
        flying.pop(0).wait()
    flying.append(subprocess.Popen(["/bin/true"]))
for one in flying:
    one.wait()
print(runs / (time.perf_counter() - begin))
"""


def popen_rate() -> float:
    """A bare Popen loop with eight in flight, in a process of its own: no record, nothing survives."""
    command = [sys.executable, "-c", LOOP, str(RUNS), str(AT_ONCE)]
    return float(subprocess.run(command, capture_output=True, check=True).stdout)


def a_job() -> CompiledJob:
    action = CommandAction(argv=("/bin/true",))
    spec = JobSpec(name="true", action=action, concurrency=ConcurrencySpec(limit=None))
    return CompiledJob(spec=spec, origin=Origin(file="jobs.yaml", line=3))


def submit(store: SqliteStore, job: CompiledJob, count: int) -> list[str]:
    now = datetime.now(UTC)
    ids = []
    with store.transaction():
        store.add_definition(job)
        for _ in range(count):
            (run,) = new_runs(
                job.spec, digest=job.digest, generation=None, params={}, at=now, now=now, by="bench"
            )
            store.add_run(run)
            ids.append(run.id)
    return ids


def measure() -> list[dict]:
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent, prefix=".state-") as name:
        folder = Path(name)
        (folder / "jobs.yaml").write_text("version: 1\njobs: {}\n")
        environ = {**os.environ, "JOBFILE_MAX_RUNNING": str(AT_ONCE)}
        engine = subprocess.Popen([JOBFILE, "up"], cwd=folder, env=environ, stdout=subprocess.DEVNULL)
        state_dir = folder / ".jobfile"
        while not is_engine_running(state_dir) or not (state_dir / "wake").exists():
            time.sleep(0.05)
        store = SqliteStore.open(state_dir / "ledger.db")
        job = a_job()
        run_all(store, state_dir, job, 50)
        rounds = [(popen_rate(), run_all(store, state_dir, job, RUNS)) for _ in range(ROUNDS)]
        popen, rate = sorted(rounds, key=lambda one: one[1] / one[0])[ROUNDS // 2]
        waits = sorted(paced(state_dir, store, job) for _ in range(PACED))
        store.close()
        engine.send_signal(signal.SIGTERM)
        engine.wait()
    return [
        {
            "name": "/bin/true runs a second, fully durable, 8 at once",
            "figure": rate,
            "unit": "/s",
            "reference": "a bare Popen loop with 8 in flight",
            "reference_figure": popen,
            "ratio": rate / popen,
            "promise": "at least 0.35 x Popen, the aim 0.55",
        },
        {
            "name": "from submission to the start of the process, p50",
            "figure": waits[PACED // 2] * 1000,
            "unit": "ms",
            "reference": "",
            "reference_figure": None,
            "ratio": None,
            "promise": "at most 15 ms",
        },
        {
            "name": "from submission to the start of the process, p99",
            "figure": waits[int(PACED * 0.99)] * 1000,
            "unit": "ms",
            "reference": "",
            "reference_figure": None,
            "ratio": None,
            "promise": "at most 50 ms",
        },
    ]


def run_all(store: SqliteStore, state_dir: Path, job: CompiledJob, count: int) -> float:
    """Runs a second: so many are submitted at once, and the engine is waked."""
    submit(store, job, count)
    begin = time.perf_counter()
    poke(state_dir)
    # A connection of its own and a count: who looks should not be what is measured.
    with contextlib.closing(sqlite3.connect(state_dir / "ledger.db")) as ledger:
        while left := ledger.execute(OPEN).fetchone()[0]:
            time.sleep(0.05 if left > FEW else 0.002)
    return count / (time.perf_counter() - begin)


def paced(state_dir: Path, store: SqliteStore, job: CompiledJob) -> float:
    """One submission to an idle engine; the shim's own time stamp says when it started."""
    time.sleep(0.05)
    begin = datetime.now(UTC)
    (run_id,) = submit(store, job, 1)
    poke(state_dir)
    while (run := store.run(run_id)) is None or not run.state.is_final:
        time.sleep(0.02)
    assert run.started_at is not None
    return (run.started_at - begin).total_seconds()
