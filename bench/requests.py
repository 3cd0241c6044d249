"""Requests a second while many runs are open: a job without a limit, and one that runs one at a time."""

import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.asking.requests import new_runs, record
from engine.core.lifecycle import Run
from engine.host.lock import make_private_file
from engine.ledger.sqlite.store import SqliteStore
from jobfile.model.catalog import CompiledJob
from jobfile.model.jobs import CommandAction, ConcurrencySpec, JobSpec, Origin

OPEN = (250, 4_000, 20_000)
REQUESTS = 200
LOOKS = 50
ROUNDS = 3
"""The best counts: what is measured is the work, not what else the machine does."""
MOST_WAITING = 1_000_000


def measure() -> list[dict]:
    found = []
    for name, limit in (("no limit", None), ("one at a time", 1)):
        measured = [_measure_one(limit, count) for count in OPEN]
        for what, unit, figures in (
            ("requests", "/s", [rate for rate, _ in measured]),
            ("looks for what may start", "ms", [look for _, look in measured]),
        ):
            for count, figure in zip(OPEN, figures, strict=True):
                found.append(_row(f"{what}, {count:,} open, {name}", figure, unit, figures[0]))
    return found


def _row(name: str, figure: float, unit: str, first: float) -> dict:
    return {
        "name": name,
        "figure": figure,
        "unit": unit,
        "reference": f"the same with {OPEN[0]} open runs",
        "reference_figure": first,
        "ratio": figure / first,
        "promise": "flat",
    }


def _measure_one(limit: int | None, count: int) -> tuple[float, float]:
    """Requests a second, each a transaction of its own, and milliseconds of a look."""
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent, prefix=".state-") as name:
        path = Path(name) / "ledger.db"
        make_private_file(path)
        store = SqliteStore.open(path)
        job = _a_job(limit)
        now = datetime.now(UTC)
        with store.transaction():
            store.add_definition(job)
        _record(store, job, 1, now)
        (first,) = store.open_runs()
        with store.transaction():
            store.start(first, boot_id="bench", now=now)
            reason = "overlap" if limit else ""
            for _ in range(count - 1):
                store.add_run(_waiting(job, now, reason))
        rates, looks = [], []
        for _ in range(ROUNDS):
            begin = time.perf_counter()
            _record(store, job, REQUESTS, now)
            rates.append(REQUESTS / (time.perf_counter() - begin))
            begin = time.perf_counter()
            for _ in range(LOOKS):
                store.startable(now=now + timedelta(seconds=1), limit=8, is_catchup=False)
            looks.append((time.perf_counter() - begin) / LOOKS * 1000)
        store.close()
    return max(rates), min(looks)


def _a_job(limit: int | None) -> CompiledJob:
    concurrency = ConcurrencySpec(limit=limit, max_waiting=MOST_WAITING)
    spec = JobSpec(name="job", action=CommandAction(argv=("true",)), concurrency=concurrency)
    return CompiledJob(spec=spec, origin=Origin(file="jobs.yaml", line=3))


def _waiting(job: CompiledJob, now: datetime, reason: str) -> Run:
    (run,) = new_runs(job.spec, digest=job.digest, generation=None, params={}, at=now, now=now, by="bench")
    return replace(run, reason=reason)


def _record(store: SqliteStore, job: CompiledJob, count: int, now: datetime) -> None:
    for _ in range(count):
        (run,) = new_runs(
            job.spec, digest=job.digest, generation=None, params={}, at=now, now=now, by="bench"
        )
        record(store, [run], job, why="", now=now)
