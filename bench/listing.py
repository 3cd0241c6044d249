"""`list` of 10,000 jobs with ten runs each, against `check` of their files in the same run."""

import contextlib
import json
import random
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from bench.check import FILES, JOBFILE, text_of, took

RUNS = 10
DAY = 86_400 * 10**6
"""A day in microseconds, the unit of the ledger."""
RECORD = """
insert into run (id, job, digest, generation, trigger, schedule_key, scheduled_for, params, state, queued_at,
                 not_before, started_at, ended_at, attempt, concurrency_key)
select :id, job, digest, 1, 'schedule', 'default', :at, '{}', :state, :at,
       :at, :started, :ended, 1, job
from job_version where job = :job and until_generation is null
"""
BESIDE = """
select type, name, sql from sqlite_master
where tbl_name = 'run' and type in ('index', 'trigger') and sql is not null
"""
FAILED = 0.01
LATE = 20_000
"""How long after its time a run starts, in microseconds."""
SECOND = 10**6


def measure() -> list[dict]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        apply_and_record(folder, RUNS)
        check, listed = took([JOBFILE, "check"], folder), took([JOBFILE, "list"], folder)
    return [
        {
            "name": f"list of 10,000 jobs, {RUNS} runs each",
            "figure": listed,
            "unit": "s",
            "reference": "jobfile check of their files",
            "reference_figure": check,
            "ratio": listed / check,
            "promise": "at most 2 x check of the files",
        }
    ]


def apply_and_record(folder: Path, days: int) -> None:
    """Apply 10,000 jobs in a new folder, and record the last days of each: as many runs as an engine would
    have made, all of them good and a day apart.
    """
    apply(folder)
    with _opened(folder) as db:
        jobs, now, draw = _jobs_of(db), _now_of(db), random.Random(1)
        times = ((now - day * DAY, job) for day in range(days, 0, -1) for job in jobs)
        db.executemany(RECORD, (_run(job, at, at, SECOND, draw) for at, job in times))


def apply_and_record_real(folder: Path, days: int) -> None:
    """The same with runs at the times of their schedules, in force since before them: then all adds up. One
    in a hundred failed.
    """
    apply(folder)
    with _opened(folder) as db, _without_indexes(db):
        now, draw = _now_of(db), random.Random(2)
        since = now - (days + 1) * DAY
        db.execute("update generation set applied_at = ?", (since,))
        db.execute("update schedule set active_from = ?, covered_until = ?", (since, now))
        at = datetime.fromtimestamp(now / SECOND, UTC)
        rules = db.execute("select job, rule from schedule").fetchall()
        newest = [(_newest_time(json.loads(rule)[0], at), job) for job, rule in rules]
        times = sorted((_us(one - timedelta(days=back)), job) for one, job in newest for back in range(days))
        db.executemany(RECORD, (_real_run(job, at, draw) for at, job in times))


def apply(folder: Path) -> None:
    """Apply 10,000 jobs in a new folder."""
    (folder / "jobs").mkdir()
    (folder / "jobs.yaml").write_text("version: 1\ninclude: [jobs/*.yaml]\njobs: {}\n")
    for index in range(FILES):
        (folder / "jobs" / f"{index:03}.yaml").write_text(text_of(index))
    subprocess.run([JOBFILE, "apply", "--yes"], cwd=folder, capture_output=True, check=True)


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[sqlite3.Connection]:
    """The ledger, in a transaction."""
    with contextlib.closing(sqlite3.connect(folder / ".jobfile" / "ledger.db", isolation_level=None)) as db:
        for pragma in ("synchronous = off", "cache_size = -200000", "temp_store = memory"):
            db.execute(f"pragma {pragma}")
        db.execute("begin")
        yield db
        db.execute("commit")
        db.execute("pragma wal_checkpoint(truncate)")


@contextlib.contextmanager
def _without_indexes(db: sqlite3.Connection) -> Iterator[None]:
    """Make the indexes of runs after them: a million runs are then recorded in a fifth of the time."""
    beside = db.execute(BESIDE).fetchall()
    for kind, name, _ in beside:
        db.execute(f"drop {kind} {name}")
    yield
    for *_, text in beside:
        db.execute(text)


def _jobs_of(db: sqlite3.Connection) -> list[str]:
    return [job for (job,) in db.execute("select job from job_version where until_generation is null")]


def _now_of(db: sqlite3.Connection) -> int:
    (now,) = db.execute("select applied_at from generation").fetchone()
    return int(now)


def _newest_time(entry: dict, now: datetime) -> datetime:
    """The last time of an entry such as `5 4 * * *`, in its zone."""
    minute, hour = map(int, entry["cron"].split()[:2])
    here = now.astimezone(ZoneInfo(entry["timezone"]))
    at = here.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return at if at <= here else at - timedelta(days=1)


def _us(at: datetime) -> int:
    return round(at.timestamp()) * SECOND


def _real_run(job: str, at: int, draw: random.Random) -> dict:
    state = "failed" if draw.random() < FAILED else "succeeded"
    return _run(job, at, at + LATE, draw.randrange(SECOND, 60 * SECOND), draw, state)


def _run(job: str, at: int, started: int, length: int, draw: random.Random, state: str = "succeeded") -> dict:
    id = f"{draw.getrandbits(128):032x}"
    return {"id": id, "job": job, "at": at, "state": state, "started": started, "ended": started + length}
