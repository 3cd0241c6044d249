"""`list` of 10,000 jobs with ten runs each, against `check` of their files in the same run."""

import contextlib
import random
import sqlite3
import subprocess
import tempfile
from pathlib import Path

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


def apply_and_record(folder: Path, days: int) -> None:
    """Apply 10,000 jobs in a new folder, and record the last days of each."""
    (folder / "jobs").mkdir()
    (folder / "jobs.yaml").write_text("version: 1\ninclude: [jobs/*.yaml]\njobs: {}\n")
    for index in range(FILES):
        (folder / "jobs" / f"{index:03}.yaml").write_text(text_of(index))
    subprocess.run([JOBFILE, "apply", "--yes"], cwd=folder, capture_output=True, check=True)
    record_runs(folder / ".jobfile" / "ledger.db", days)


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
