"""`list` of 10,000 jobs with ten runs each, against `check` of their files in the same run."""

import contextlib
import json
import random
import sqlite3
import subprocess
import tempfile
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
select :id, job, digest, 1, 'schedule', 'default', :at, '{}', 'succeeded', :at,
       :at, :at, :at + 1000000, 1, job
from job_version where job = :job and until_generation is null
"""


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


FAILED = 0.01
LATE = 20_000
"""How long after its time a run starts, in microseconds."""
GUARDS = """
select type, name, sql from sqlite_master where name in ('run_final_is_final', 'run_occurrence')
"""
MOVE = """
update run set scheduled_for = ?, not_before = ?, started_at = ?, ended_at = ?, state = ? where seq = ?
"""


def apply_and_record(folder: Path, days: int) -> None:
    """Apply 10,000 jobs in a new folder, and record the last days of each."""
    (folder / "jobs").mkdir()
    (folder / "jobs.yaml").write_text("version: 1\ninclude: [jobs/*.yaml]\njobs: {}\n")
    for index in range(FILES):
        (folder / "jobs" / f"{index:03}.yaml").write_text(text_of(index))
    subprocess.run([JOBFILE, "apply", "--yes"], cwd=folder, capture_output=True, check=True)
    record_runs(folder / ".jobfile" / "ledger.db", days)


def make_real(ledger: Path) -> None:
    """Let the schedules be in force since before the recorded runs, and the runs be at their times: then all
    adds up. One in a hundred failed.
    """
    draw = random.Random(2)
    with contextlib.closing(sqlite3.connect(ledger, isolation_level=None)) as db:
        (now,) = db.execute("select applied_at from generation").fetchone()
        (days,) = db.execute("select count(*) from run group by job limit 1").fetchone()
        guards = db.execute(GUARDS).fetchall()  # a run is final and unique, and here each gets another time
        db.execute("begin")
        for kind, name, _ in guards:
            db.execute(f"drop {kind} {name}")
        since = now - (days + 1) * DAY
        db.execute("update generation set applied_at = ?", (since,))
        db.execute("update schedule set active_from = ?, covered_until = ?", (since, now))
        for job, rule in db.execute("select job, rule from schedule").fetchall():
            at = _newest_time(json.loads(rule)[0], datetime.fromtimestamp(now / 10**6, UTC))
            runs = db.execute("select seq from run where job = ? order by seq desc", (job,)).fetchall()
            db.executemany(MOVE, [_moved(at, back, draw) + run for back, run in enumerate(runs)])
        for *_, text in guards:
            db.execute(text)
        db.execute("commit")


def _newest_time(entry: dict, now: datetime) -> datetime:
    """The last time of an entry such as `5 4 * * *`, in its zone."""
    minute, hour = map(int, entry["cron"].split()[:2])
    here = now.astimezone(ZoneInfo(entry["timezone"]))
    at = here.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return at if at <= here else at - timedelta(days=1)


def _moved(at: datetime, back: int, draw: random.Random) -> tuple:
    begin = round((at - timedelta(days=back)).timestamp()) * 10**6
    state = "failed" if draw.random() < FAILED else "succeeded"
    return begin, begin, begin + LATE, begin + LATE + draw.randrange(10**6, 60 * 10**6), state


def record_runs(ledger: Path, days: int) -> None:
    """Record the last days of each job: as many runs as an engine would have made."""
    draw = random.Random(1)
    with contextlib.closing(sqlite3.connect(ledger)) as db:
        jobs = [job for (job,) in db.execute("select job from job_version where until_generation is null")]
        (now,) = db.execute("select applied_at from generation").fetchone()
        rows = (
            {"id": f"{draw.getrandbits(128):032x}", "job": job, "at": now - day * DAY}
            for day in range(days, 0, -1)
            for job in jobs
        )
        db.executemany(RECORD, rows)
        db.commit()
