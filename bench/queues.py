"""A look for what may start, and a whole turn, while 10,000 runs wait in 50 queues."""

import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.asking.requests import new_runs
from engine.config import EngineConfig
from engine.core.lifecycle import Run
from engine.host.lock import make_private_file
from engine.host.run_ids import new_run_id
from engine.ledger.sqlite.store import SqliteStore
from engine.service.duties import Parts, make_loops
from engine.testing import FakeClock, KeptJournal, ScriptedLauncher, start_session
from jobfile.model.catalog import CompiledJob
from jobfile.model.jobs import CommandAction, ConcurrencySpec, JobSpec, Origin

RUNS = 10_000
QUEUES = 50
SLOTS = 3
TURNS = 20


def measure() -> list[dict]:
    rows: list[dict] = []
    for name, waiting, is_blocked in (
        ("1 run", 1, False),
        (f"{RUNS:,} runs in {QUEUES} queues", RUNS, False),
        (f"{RUNS:,} runs, every second blocked by its key", RUNS, True),
    ):
        figure = _turn(waiting, is_blocked=is_blocked)
        first = rows[0]["figure"] if rows else figure
        rows.append(_row(f"turn of the engine, waiting: {name}", figure, first))
    return rows


def _row(name: str, figure: float, first: float) -> dict:
    return {
        "name": name,
        "figure": figure,
        "unit": "ms",
        "reference": "the same with 1 waiting run",
        "reference_figure": first,
        "ratio": figure / first,
        "promise": "at most 20 ms",
    }


def fill_queues(
    store: SqliteStore, *, runs: int, queues: int, now: datetime, is_blocked: bool = False
) -> None:
    """Record runs that wait in queues with one free slot each; the other slots are taken."""
    spec = JobSpec(name="job", action=CommandAction(argv=("true",)), concurrency=ConcurrencySpec(limit=None))
    job = CompiledJob(spec=spec, origin=Origin(file="jobs.yaml", line=3))
    (made,) = new_runs(spec, digest=job.digest, generation=None, params={}, at=now, now=now, by="bench")

    def a_run(number: int, **fields: object) -> Run:
        name = f"q{number % queues}"
        return replace(made, id=new_run_id(), queue=name, queue_slots=SLOTS, **fields)  # type: ignore[arg-type]

    with store.transaction():
        store.add_definition(job)
        for number in range(queues * (SLOTS - 1)):
            store.add_run(a_run(number, concurrency_key=f"taken{number}"))
    with store.transaction():
        for run in store.open_runs():
            assert store.start(run, boot_id="bench", now=now)
    with store.transaction():
        for number in range(runs):
            key = f"key{number // 2}" if is_blocked else f"key{number}"
            reason = "overlap" if is_blocked and number % 2 else ""
            run = a_run(number, concurrency_key=key, concurrency_limit=1, reason=reason, priority=number % 4)
            store.add_run(run)


def _turn(waiting: int, *, is_blocked: bool) -> float:
    """Milliseconds of the questions of the worker's turn, with room for 16 runs; nothing is started."""
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent, prefix=".state-") as name:
        path = Path(name) / "ledger.db"
        make_private_file(path)
        store = SqliteStore.open(path)
        clock = FakeClock(datetime.now(UTC))
        fill_queues(store, runs=waiting, queues=QUEUES, now=clock.now(), is_blocked=is_blocked)
        config = EngineConfig(
            main_file=Path(name) / "jobs.yaml", state_dir=Path(name), environ={}, max_running=16
        )
        epoch, before = start_session(store, clock, boot_id="bench")
        loops = make_loops(
            Parts(
                store=store,
                clock=clock,
                launcher=ScriptedLauncher(clock),
                config=config,
                new_id=new_run_id,
                journal=KeptJournal(),
                boot_id="bench",
                epoch=epoch,
                before=before,
                built_at=clock.now() - timedelta(days=60),
                is_synchronized=lambda: None,
            )
        )
        best = float("inf")
        for _ in range(TURNS):
            begin = time.perf_counter()
            with store.transaction():
                store.expire_waiting(now=clock.now())
                loops.worker._claim_steps(clock.now(), 16)
                loops.worker._startable(clock.now(), 16, is_catchup=False)
                loops.worker._startable(clock.now(), 1, is_catchup=True)
                loops.worker._next_wake(clock.now())
            best = min(best, (time.perf_counter() - begin) * 1000)
        store.close()
    return best
