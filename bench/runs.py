"""`/bin/true` a second with full durability, and from submission to start."""

import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from engine.adapters.clock import SystemClock
from engine.adapters.journal import EngineJournal
from engine.adapters.wake import poke
from engine.cli.asking import new_run
from engine.config import EngineConfig
from engine.service import Service
from engine.store.sqlite.store import SqliteStore
from jobfile.catalog import CompiledJob
from jobfile.model import CommandAction, ConcurrencySpec, JobSpec, Origin

RUNS, AT_ONCE, PACED = 800, 8, 60


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
            run = new_run(job.spec, digest=job.digest, generation=None, params={}, at=now, now=now)
            store.add_run(run)
            ids.append(run.id)
    return ids


def measure() -> list[dict]:
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent, prefix=".state-") as name:
        folder = Path(name)
        (folder / "jobs.yaml").write_text("version: 1\njobs: {}\n")
        config = EngineConfig(
            main_file=folder / "jobs.yaml",
            state_dir=folder / ".jobfile",
            environ=dict(os.environ),
            max_running=AT_ONCE,
        )
        clock = SystemClock()
        service = Service(
            config, EngineJournal(folder / "log", clock=clock, stream=None, as_json=False), clock
        )
        service.open()
        service.start()
        store = SqliteStore.open(config.ledger)
        job = a_job()
        submit(store, job, 50)
        service.wake()
        wait_until_done(store)
        popen = popen_rate()
        submit(store, job, RUNS)
        begin = time.perf_counter()
        service.wake()
        wait_until_done(store)
        rate = RUNS / (time.perf_counter() - begin)
        waits = sorted(paced(config, store, job) for _ in range(PACED))
        service.stop()
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


def wait_until_done(store: SqliteStore) -> None:
    while store.open_runs():
        time.sleep(0.02)


def paced(config: EngineConfig, store: SqliteStore, job: CompiledJob) -> float:
    """One submission to an idle engine; the shim's own time stamp says when it started."""
    time.sleep(0.05)
    begin = datetime.now(UTC)
    (run_id,) = submit(store, job, 1)
    poke(config.state_dir)
    wait_until_done(store)
    run = store.run(run_id)
    assert run is not None
    assert run.started_at is not None
    return (run.started_at - begin).total_seconds()
