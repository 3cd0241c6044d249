"""The engine at rest, many running at once, a crowd due in one second, and two weeks of absence."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench import rows
from engine.core.records import Generation
from engine.host.lock import make_private_file
from engine.host.run_ids import new_run_id
from engine.ledger.sqlite.store import SqliteStore
from engine.ledger.sqlite.view import SqliteView
from engine.loops.clock_guard import ClockGuard
from engine.loops.scheduler import Scheduler
from engine.supervisor.evidence import NAME
from engine.testing import FakeClock, KeptJournal
from engine.transactions.account import Moment
from engine.transactions.apply import apply_catalog
from jobfile.model.catalog import CompiledJob, build_catalog
from jobfile.model.jobs import CommandAction, CronEntry, JobSpec, Origin

JOBFILE = str(Path(sys.executable).parent / "jobfile")
IDLE_SECONDS = 10.0
DOWN_JOBS = 2_000
AT_ONCE = 200


def row(
    name: str, figure: float, unit: str, promise: str, reference: str = "", against: float | None = None
) -> dict:
    return rows.row(
        name, unit, figure, reference, against, None if not against else figure / against, promise
    )


def measure() -> list[dict]:
    return [
        *at_rest(10, called="ten jobs, nothing due", at_most_mb=40),
        *at_rest(10_000, called="10,000 scheduled jobs", at_most_mb=150),
        *at_once(),
        *two_weeks(),
        *crowd(),
    ]


def at_rest(count: int, *, called: str, at_most_mb: int) -> list[dict]:
    """Jobs of which nothing is due: memory and processor time of the engine."""
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent, prefix=".state-") as name:
        folder = Path(name)
        write_many(folder, count)
        engine = subprocess.Popen([JOBFILE, "up"], cwd=folder, stdout=subprocess.DEVNULL)
        wait_until_applied(folder)
        time.sleep(3)
        before = cpu_seconds(engine.pid)
        time.sleep(IDLE_SECONDS)
        share = (cpu_seconds(engine.pid) - before) / IDLE_SECONDS * 100
        resident = resident_mb(engine.pid)
        engine.send_signal(signal.SIGTERM)
        engine.wait()
    return [
        row(f"engine with {called}: resident", resident, "MB", f"at most {at_most_mb} MB"),
        row(f"engine with {called}: of a core", share, "%", "at most 1 %"),
    ]


def write_many(folder: Path, count: int) -> None:
    """Jobs that are not due for long, fifty in a file."""
    (folder / "jobs.yaml").write_text("version: 1\ninclude: ['part-*.yaml']\njobs: {}\n")
    for first in range(0, count, 50):
        numbers = range(first, min(first + 50, count))
        jobs = "".join(f"  job{n}:\n    schedule: '0 4 1 1 *'\n    run: echo {n}\n" for n in numbers)
        (folder / f"part-{first:05}.yaml").write_text(f"version: 1\njobs:\n{jobs}")


def wait_until_applied(folder: Path) -> None:
    """Until the job file is in force."""
    while True:
        time.sleep(0.2)
        with contextlib.suppress(Exception):  # there is no ledger yet
            view = SqliteView.open(folder / ".jobfile" / "ledger.db")
            is_applied = view.current_generation() is not None
            view.close()
            if is_applied:
                return


def at_once() -> list[dict]:
    """Jobs that run at the same time: what our processes keep for each of them and share with nobody."""
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent, prefix=".state-") as name:
        folder = Path(name)
        os.mkfifo(folder / "gate")
        jobs = "".join(
            f"  job{n}: {{schedule: {{every: 2s}}, timeout: 10m, command: [cat, gate]}}\n"
            for n in range(AT_ONCE)
        )
        (folder / "jobs.yaml").write_text(f"version: 1\njobs:\n{jobs}")
        environ = {**os.environ, "JOBFILE_MAX_RUNNING": str(AT_ONCE)}
        engine = subprocess.Popen([JOBFILE, "up"], cwd=folder, env=environ, stdout=subprocess.DEVNULL)
        while len(bosses := supervisors(folder)) < AT_ONCE:
            time.sleep(0.2)
        time.sleep(1)  # each has forked its job by then
        each = sum(private_mb(pid) for pid in bosses) / AT_ONCE
        engine.send_signal(signal.SIGTERM)
        engine.wait()
        (folder / "gate").write_text("")
        while supervisors(folder):
            time.sleep(0.2)
    return [row("each running job: private memory of ours", each, "MB", "at most 3 MB, with 200 running")]


def supervisors(folder: Path) -> set[int]:
    """The processes that have the lock of an attempt open."""
    found = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            target = os.readlink(link)
            if target.endswith(f".{NAME}") and target.startswith(f"{folder.resolve()}/.jobfile/runs/"):
                found.add(int(link.parts[2]))
    return found


def private_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def two_weeks() -> list[dict]:
    """Planning after 14 days down, every schedule `* * * * *`'s cousin: what the first tick takes."""
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent, prefix=".state-") as name:
        path = Path(name) / "ledger.db"
        make_private_file(path)
        store = SqliteStore.open(path)
        clock = FakeClock(datetime(2026, 3, 5, 12, tzinfo=UTC))
        specs = [a_spec("busy", "* * * * *")]
        specs += [a_spec(f"job{n:05}", f"{n % 60} {n % 24} * * *") for n in range(DOWN_JOBS - 1)]
        catalog = build_catalog(CompiledJob(spec, Origin(file="jobs.yaml", line=3)) for spec in specs)
        wanted = Generation(
            number=0, digest=catalog.digest, applied_at=clock.now(), applied_by="", main_file="", revision=""
        )
        moment = Moment(now=clock.now(), generation=0, new_id=new_run_id)
        with store.transaction():
            list(apply_catalog(store, catalog, wanted, moment))
        clock.advance(seconds=timedelta(days=14).total_seconds())
        guard = ClockGuard(
            store=store,
            clock=clock,
            journal=KeptJournal(),
            boot_id="bench",
            before=None,
            built_at=datetime(2026, 1, 1, tzinfo=UTC),
            is_synchronized=lambda: None,
        )
        scheduler = Scheduler(
            store=store,
            clock=clock,
            guard=guard,
            journal=KeptJournal(),
            before=None,
            new_id=new_run_id,
            boot_id="bench",
            on_recorded=lambda: None,
        )
        begin = time.perf_counter()
        scheduler.tick()
        seconds = time.perf_counter() - begin
        store.close()
    per_thousand = seconds / DOWN_JOBS * 1000
    return [row("14 days down, planned per 1,000 jobs", per_thousand, "s", "under 1 s; one gap record")]


def a_spec(name: str, cron: str) -> JobSpec:
    return JobSpec(
        name=name, action=CommandAction(argv=("true",)), schedule=(CronEntry(cron=cron, timezone="UTC"),)
    )


def crowd() -> list[dict]:
    """1,000 jobs due in the same second, in a real engine."""
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent, prefix=".state-") as name:
        folder = Path(name)
        due = datetime.now(UTC) + timedelta(seconds=75)
        minute = due.replace(second=0, microsecond=0)
        cron = f"{minute.minute} {minute.hour} {minute.day} {minute.month} *"
        jobs = "".join(
            f"  job{n:04}:\n    schedule: '{cron}'\n    command: [/bin/true]\n" for n in range(1000)
        )
        (folder / "jobs.yaml").write_text(f"version: 1\njobs:\n{jobs}")
        engine = subprocess.Popen([JOBFILE, "up"], cwd=folder, stdout=subprocess.DEVNULL)
        begin = time.perf_counter()
        flying: list[subprocess.Popen] = []
        for _ in range(1000):
            if len(flying) == 8:
                flying.pop(0).wait()
            flying.append(subprocess.Popen(["/bin/true"]))
        popen = time.perf_counter() - begin
        wait_until = minute + timedelta(seconds=1)
        time.sleep(max(0.0, (wait_until - datetime.now(UTC)).total_seconds()))
        store = SqliteStore.open(folder / ".jobfile" / "ledger.db")
        while len(store.open_runs()) > 0:
            time.sleep(0.1)
        rows = store._db._db.execute("select started_at from run order by started_at").fetchall()
        store.close()
        engine.send_signal(signal.SIGTERM)
        engine.wait()
    zero = minute.timestamp()
    starts = [at / 1e6 - zero for (at,) in rows]
    assert len(starts) == 1000
    assert starts[0] >= 0
    return [
        row("1,000 due in one second: the first starts after", starts[0] * 1000, "ms", "within 100 ms"),
        row(
            "1,000 due in one second: the last starts after",
            starts[-1],
            "s",
            "within 5 x the Popen loop for 1,000",
            "a Popen loop for 1,000",
            popen,
        ),
    ]
