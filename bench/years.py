"""The answers over a ledger of a year: many runs against 1,000, both in the same run.

Both ledgers have the same three quiet jobs (1,000 runs a year). The large one has jobs that run every minute
beside them: the same question has the same answer in both, and only the past is larger.

`python -m bench.years 10000000` measures that many runs: they need 10 GB, and ten minutes of processor time.
`python -m bench.years 10000000 FOLDER` only makes the ledger.
"""

import contextlib
import os
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bench.check import JOBFILE
from engine.answers.did import did
from engine.answers.presence import Presence
from engine.answers.report import make_report
from engine.answers.runs import newest_runs
from engine.answers.status import make_status
from engine.answers.why import why
from engine.ledger.sqlite.view import SqliteView
from jobfile.model.canonical import spec_from_json
from jobfile.schedule.occurrences import fires

FEW = 1_000
MANY = 500_000
YEAR = timedelta(days=365)
MINUTES = YEAR // timedelta(minutes=1)
TRIES = 7
LONG_SECONDS = 2
"""The best of several counts."""
PROMISE = "at most 2 x of 1,000 runs"
OSLO = ZoneInfo("Europe/Oslo")
DEAD = Presence(is_running=False)

QUIET = """\
  daily:
    schedule: {cron: "30 2 * * *", timezone: Europe/Oslo}
    params: {region: {type: string, default: eu}}
    expect: {done_by: "06:30", max_duration: 1h}
    command: ["true"]
  evening:
    schedule: {cron: "0 19 * * *", timezone: Europe/Oslo}
    command: ["true"]
  often:
    schedule: {cron: "0 8 * * 1-5", timezone: Europe/Oslo}
    command: ["true"]
"""
BUSY = """\
  busy-{n:02}:
    schedule: {{every: 1m}}
    concurrency: {{limit: 1, on_overlap: skip}}
    command: ["true"]
"""

RUN = """
insert into run (seq, id, job, digest, generation, trigger, schedule_key, scheduled_for, params, state,
                 reason, queued_at, not_before, started_at, ended_at, attempt, concurrency_key,
                 concurrency_limit, exit_code)
values (?, ?, ?, ?, 1, 'schedule', 'default', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?)
"""
ATTEMPT = """
insert into attempt (run_seq, number, state, boot_id, created_at, started_at, ended_at, exit_code, reason)
values (?, 1, ?, 'bench', ?, ?, ?, ?, ?)
"""
LATE = """
insert into late (job, kind, about, since, found_at, run_id) values ('daily', 'done_by', ?, ?, ?, '')
"""
ENDS = (
    *[("succeeded", "", 0)] * 194,
    ("failed", "exit(1)", 1),
    ("failed", "exit(1)", 1),
    ("timed_out", "timeout", None),
    ("lost", "host_reboot", None),
    ("skipped", "overlap", None),
    ("missed", "engine_down", None),
)
"""How runs end, equally likely."""
NOT_RUN = ("skipped", "missed")


def measure() -> list[dict]:
    return _compare(MANY)


def _compare(many: int) -> list[dict]:
    with tempfile.TemporaryDirectory() as name:
        small, large = Path(name) / "small", Path(name) / "large"
        make_year(small, FEW)
        return compare(small, large, make_year(large, many))


def compare(small: Path, large: Path, made: int) -> list[dict]:
    """Ask the same questions of two ledgers."""
    rows = []
    for how, ask in (("", _asked_inside), ("jobfile ", _asked_by_command)):
        before, after = ask(small, busy=""), ask(large, busy="busy-00")
        for words, (seconds, like, promise) in after.items():
            reference = before[like or words][0]
            rows.append(_row(f"{how}{words}, {made:,} runs", seconds, reference, promise))
    return rows


def _row(name: str, seconds: float, reference: float, promise: str) -> dict:
    return {
        "name": name,
        "figure": seconds * 1000,
        "unit": "ms",
        "reference": f"{FEW:,} runs",
        "reference_figure": reference * 1000,
        "ratio": seconds / reference,
        "promise": promise,
    }


def make_year(folder: Path, count: int) -> int:
    """Write a ledger with about so many runs in the year until now; returns the number."""
    folder.mkdir()
    busy = max(0, -(-(count - FEW) // MINUTES))
    text = "version: 1\njobs:\n" + QUIET + "".join(BUSY.format(n=number) for number in range(busy))
    (folder / "jobs.yaml").write_text(text)
    subprocess.run([JOBFILE, "apply", "--yes"], cwd=folder, capture_output=True, check=True)
    with contextlib.closing(sqlite3.connect(folder / ".jobfile" / "ledger.db")) as db:
        (now,) = db.execute("select applied_at from generation").fetchone()
        return _record(db, datetime.fromtimestamp(now // 10**6, UTC), count - FEW)


def _record(db: sqlite3.Connection, now: datetime, busy_runs: int) -> int:
    """Record the runs of all jobs in order of time. Indexes are made afterwards: that is much faster."""
    for pragma in ("synchronous = off", "cache_size = -2000000", "temp_store = memory"):
        db.execute(f"pragma {pragma}")
    made = (
        "select name, type, sql from sqlite_master where tbl_name in ('run', 'attempt') and sql is not null"
    )
    apart = [row for row in db.execute(made) if row[1] in ("index", "trigger")]
    for name, kind, _ in apart:
        db.execute(f"drop {kind} {name}")
    since = _us(now - YEAR)
    db.execute("update generation set applied_at = ?", (since,))
    db.execute("update schedule set active_from = ?", (since,))
    db.execute("update session set started_at = ?", (since,))
    digests = dict(db.execute("select job, digest from job_version"))
    seq = 0
    draw = random.Random(1)
    for chunk in _chunks(db, digests, now, busy_runs):
        runs, attempts = [], []
        for at, job in chunk:
            seq += 1
            run, attempt = _a_run(seq, job, digests[job], at, draw)
            runs.append(run)
            if attempt:
                attempts.append(attempt)
        db.executemany(RUN, runs)
        db.executemany(ATTEMPT, attempts)
    late = "select scheduled_for from run where job = 'daily' and state not in ('succeeded', 'skipped')"
    for (at,) in db.execute(late).fetchall():
        day = datetime.fromtimestamp(at // 10**6, OSLO)
        by = _us(day.replace(hour=6, minute=30))
        db.execute(LATE, (day.date().isoformat(), by, by))
    for _, _, sql in apart:
        db.execute(sql)
    db.commit()
    db.execute("pragma wal_checkpoint(truncate)")
    return seq


def _chunks(
    db: sqlite3.Connection, digests: dict[str, str], now: datetime, busy_runs: int
) -> Iterator[list[tuple[int, str]]]:
    """The instants and jobs of all runs, a day at a time. With few runs, the busy jobs came later."""
    busy = sorted(job for job in digests if job.startswith("busy-"))
    quiet = [job for job in digests if job not in busy]
    texts = dict(db.execute("select job, spec from definition"))
    minutes = 0 if not busy else min(MINUTES, busy_runs // len(busy))
    begin = now - YEAR
    first = int(begin.timestamp()) // 60 + 1
    for day in range(YEAR.days):
        since = begin + timedelta(days=day)
        until = since + timedelta(days=1)
        found = [
            (_us(fire.at), job)
            for job in quiet
            for fire in fires(spec_from_json(texts[job]).schedule, after=since, until=until)
        ]
        first_minute = max(day * 1440, MINUTES - minutes)
        found += [
            ((first + minute) * 60 * 10**6, job)
            for minute in range(first_minute, (day + 1) * 1440)
            if first + minute <= int(now.timestamp()) // 60
            for job in busy
        ]
        yield sorted(found)
    if busy and minutes < MINUTES:  # the jobs came later
        since_busy = (first + MINUTES - minutes) * 60 * 10**6 - 1
        db.executemany(
            "update schedule set active_from = ? where job = ?", [(since_busy, job) for job in busy]
        )


def _a_run(seq: int, job: str, digest: str, at: int, draw: random.Random) -> tuple[tuple, tuple]:
    state, reason, code = ENDS[int(draw.random() * len(ENDS))]
    id = f"{draw.getrandbits(128):032x}"
    length = int(draw.random() * 50 * 10**6)
    params = '{"region":"eu"}' if job == "daily" else "{}"
    if state in NOT_RUN:
        return (
            (seq, id, job, digest, at, params, state, reason, at, at, None, at, 0, job, None),
            (),
        )
    end = at + length
    run = (seq, id, job, digest, at, params, state, reason, at, at, at, end, 1, job, code)
    return run, (seq, state, at, at, end, code, reason)


def _us(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)


Measured = dict[str, tuple[float, str, str]]
"""By question: seconds, the question of the small ledger that it is compared with, the promise."""


def _asked_inside(folder: Path, *, busy: str) -> Measured:
    """The answers alone, in this process, from an open ledger."""
    with contextlib.closing(SqliteView.open(folder / ".jobfile" / "ledger.db")) as view:
        now = datetime.now(UTC)
        day = now.astimezone(OSLO).date() - timedelta(days=100)
        at = datetime(day.year, day.month, day.day, 2, 30, tzinfo=OSLO)
        about: dict[str, Any] = {"presence": DEAD, "now": now}
        did_about: dict[str, Any] = {"zone": OSLO, "params": {}, "on": None, "at": None, **about}

        def report(days: int, jobs: tuple[str, ...] | None = None) -> object:
            return make_report(view, since=now - timedelta(days=days), until=now, jobs=jobs, **about)

        def runs(job: str) -> object:
            return newest_runs(view, job, states=(), limit=20, **about)

        asked = {
            "did": lambda: did(view, "daily", **did_about),
            "did --on": lambda: did(view, "daily", **(did_about | {"on": (day, day)})),
            "did --at": lambda: did(view, "daily", **(did_about | {"at": at})),
            "why": lambda: why(view, "daily", at, zone=OSLO, **about),
            "runs": lambda: runs("daily"),
            "status": lambda: make_status(view, file=None, free_bytes=10**12, **about),
            "report of a job's year": lambda: report(365, ("daily",)),
            "report of a day": lambda: report(1),
            "report of a month": lambda: report(30),
        }
        like = {}
        if busy:
            then = (now - timedelta(days=100)).replace(second=0, microsecond=0)
            asked |= {
                "did, a run a minute": lambda: did(view, busy, **did_about),
                "did --at, a run a minute": lambda: did(view, busy, **(did_about | {"at": then})),
                "why, a run a minute": lambda: why(view, busy, then, zone=OSLO, **about),
                "runs, a run a minute": lambda: runs(busy),
            }
            like = {words: words.partition(",")[0] for words in asked if "," in words}
        return {
            words: (_best(ask), like.get(words, ""), "" if "day" in words or "month" in words else PROMISE)
            for words, ask in asked.items()
        }


def _asked_by_command(folder: Path, *, busy: str) -> Measured:
    day = (datetime.now(OSLO) - timedelta(days=100)).date().isoformat()
    asked = {
        "did daily": ["did", "daily"],
        "did daily --on": ["did", "daily", "--on", day],
        "why daily": ["why", "daily", f"{day} 02:30"],
        "runs daily": ["runs", "daily"],
        "status": ["status"],
        "list": ["list"],
        "report daily, a year": ["report", "daily", "--since", "365d"],
        "report": ["report"],
        "report, a month": ["report", "--since", "30d"],
    }
    like = {}
    if busy:
        asked |= {
            "did of a run a minute": ["did", busy],
            "why of a run a minute": ["why", busy, f"{day} 02:30"],
            "runs of a run a minute": ["runs", busy],
        }
        like = {words: f"{words.split()[0]} daily" for words in asked if words.endswith("of a run a minute")}
    free = ("report", "report, a month", "list")
    return {
        words: (_best(partial(_call, folder, command)), like.get(words, ""), "" if words in free else PROMISE)
        for words, command in asked.items()
    }


def _call(folder: Path, command: list[str]) -> None:
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([JOBFILE, *command], cwd=folder, env=env, capture_output=True, check=False)


def _best(ask: Callable[[], object]) -> float:
    """Seconds of processor time, which depend less on what else the machine does; the best of several."""
    best = float("inf")
    for number in range(TRIES):
        begin = _spent()
        ask()
        best = min(best, _spent() - begin)
        if best > LONG_SECONDS and number:
            break
    return best


def _spent() -> float:
    """The processor time of this process and of those that have ended under it."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


if __name__ == "__main__":
    from bench.__main__ import line

    if len(sys.argv) > 2:  # keep the ledger, for questions by hand
        shutil.rmtree(sys.argv[2], ignore_errors=True)
        print(make_year(Path(sys.argv[2]), int(sys.argv[1])))
    else:
        for row in _compare(int(sys.argv[1])):
            print(line(row), flush=True)
