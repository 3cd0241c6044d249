"""Real engines and supervisors, and questions about them. Linux only: processes are identified by /proc."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from engine.answers.expected import INSTANT
from engine.answers.presence import RUNNING
from engine.answers.report import make_report
from engine.core.lifecycle import Attempt, AttemptKey, Run
from engine.core.occurrences import grouped
from engine.ledger.sqlite.view import SqliteView
from engine.supervisor.evidence import NAME, beside
from jobfile.schedule.occurrences import fires
from tests.acceptance.warm import JOBFILE, Jobfile
from tests.known import check_fits

SCHEMAS = Path(__file__).parents[2] / "schemas"
PATIENCE = 30.0
STATE = ".jobfile"
FAR = datetime(2100, 1, 1, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)

SOAK_MINUTES = float(os.environ.get("JOBFILE_SOAK_MINUTES", "0"))
"""How long `make soak` runs, in minutes; 0 in other test runs, which use short versions."""


STARTED: "list[subprocess.Popen[bytes]]" = []
"""All engines of this process; those that a test has not ended are killed at the end of its module."""

Found = TypeVar("Found")


# Asking and waiting


def say(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command; its output and exit code."""
    pipe = subprocess.PIPE
    with Jobfile([JOBFILE, *arguments], cwd=folder, stdout=pipe, stderr=pipe, text=True) as command:
        try:
            out, err = command.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            command.kill()
            raise
    return subprocess.CompletedProcess(command.args, command.returncode, out, err)


def ask(folder: Path, *arguments: str) -> Any:
    """The JSON answer of a command, checked against its schema."""
    found = json.loads(say(folder, *arguments, "--json").stdout)
    check_fits(found, SCHEMAS / f"{arguments[0]}.schema.json")
    return found


def is_there(folder: Path) -> bool:
    """Whether an engine is running and its ledger can be read."""
    return bool(_status(folder)["engine"]["running"])


def has_jobs(folder: Path) -> bool:
    """Whether an engine runs and has jobs in force: it can be asked a moment earlier than it has."""
    said = _status(folder)
    return said["engine"]["running"] and said["generation"] is not None


def _status(folder: Path) -> dict:
    """What `status` says; before there is a ledger, that no engine is running."""
    said = json.loads(say(folder, "status", "--json").stdout)
    return {"engine": {"running": False}} if "error" in said else said


def pause(seconds: float) -> None:
    """Let time pass, only where the time itself is tested; to wait for a condition use `until`."""
    threading.Event().wait(seconds)


def until(found: Callable[[], Found], what: str = "", *, patience: float = PATIENCE) -> Found:
    """Call `found` until it returns something true, and return that."""
    end = (now := time.monotonic()) + patience
    while not (value := found()):
        before, now = now, time.monotonic()
        assert now < end, f"not in time: {what}"
        # What takes long to find, such as the answer of a command, is not asked for without a rest.
        pause(max(0.04, min(now - before, 0.4)))
        now = time.monotonic()
    return value


def put(folder: Path, text: str, name: str = "jobs.yaml") -> None:
    """Save a file as editors do: write a new file, then rename it."""
    (folder / f"{name}.new").write_text(text)
    (folder / f"{name}.new").rename(folder / name)


def lines_of(path: Path) -> list[str]:
    """The lines that jobs have written into a file; none if it does not exist."""
    return path.read_text().split() if path.exists() else []


# Engines


def start(
    folder: Path, *options: str, prefix: Sequence[str] = (), **environ: object
) -> "subprocess.Popen[bytes]":
    """Start an engine, which may not be ready yet; `prefix` is a command that executes it."""
    begin = subprocess.Popen if prefix else Jobfile
    process = begin(
        [*prefix, JOBFILE, "up", *options],
        cwd=folder,
        env={**os.environ, **{name: str(value) for name, value in environ.items()}},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    STARTED.append(process)
    return process


def start_ready(
    folder: Path, *options: str, prefix: Sequence[str] = (), **environ: object
) -> "subprocess.Popen[bytes]":
    """Start an engine, and wait until its loops run."""
    before = sessions(folder)
    process = start(folder, *options, prefix=prefix, **environ)

    def is_ready() -> bool:
        is_there = sessions(folder) > before and generation(folder) is not None
        assert is_there or not process.poll(), f"the engine ended with {process.returncode}"
        return is_there

    until(is_ready, "an engine")
    return process


def kill(process: "subprocess.Popen[Any]") -> None:
    """Kill an engine with SIGKILL, as the kernel does when memory runs out."""
    process.kill()
    process.wait()


def end(process: "subprocess.Popen[bytes]") -> int:
    """End an engine as a user does; its exit code."""
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(timeout=PATIENCE)
    finally:
        kill(process)


@contextlib.contextmanager
def engine(
    folder: Path, *options: str, prefix: Sequence[str] = (), **environ: object
) -> Iterator["subprocess.Popen[bytes]"]:
    """An engine for the `with` block. The test may kill it earlier."""
    process = start_ready(folder, *options, prefix=prefix, **environ)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        end(process)


def events(folder: Path, kind: str) -> list[dict[str, Any]]:
    """The events of one kind in the log of a state folder."""
    path = folder / STATE / "engine.log"
    told = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [event for event in told if event["event"] == kind]


# The ledger


def ledger(folder: Path) -> Path:
    """The ledger's file."""
    return folder / STATE / "ledger.db"


@contextlib.contextmanager
def view(folder: Path) -> Iterator[SqliteView]:
    """The ledger, for reading."""
    opened = SqliteView.open(ledger(folder))
    try:
        yield opened
    finally:
        opened.close()


def rows(folder: Path, statement: str, *values: object) -> list[Any]:
    """The rows of an SQL query.

    Never creates the ledger, which only an engine does with the right permissions.
    """
    there = f"{ledger(folder).absolute().as_uri()}?mode=rw"
    with contextlib.closing(sqlite3.connect(there, timeout=30, uri=True)) as connection, connection:
        return connection.execute(statement, values).fetchall()


def sessions(folder: Path) -> int:
    """The number of the newest session."""
    with contextlib.suppress(sqlite3.Error):
        return int(rows(folder, "select coalesce(max(epoch), 0) from session")[0][0])
    return 0


def generation(folder: Path) -> int | None:
    """The number of the generation in force, if there is one."""
    with contextlib.suppress(Exception), view(folder) as opened:
        found = opened.current_generation()
        return None if found is None else found.number
    return None


def runs(folder: Path, job: str | None = None) -> tuple[Run, ...]:
    """The recorded runs, newest first."""
    with view(folder) as opened:
        return opened.recent_runs(job=job, state=None, limit=10_000_000)


def run_of(folder: Path, run_id: str) -> Run:
    """A run as it is now."""
    with view(folder) as opened:
        found = opened.run(run_id)
    assert found is not None
    return found


def attempts_of(folder: Path, run_id: str) -> tuple[Attempt, ...]:
    """The attempts of a run."""
    with view(folder) as opened:
        return opened.attempts(run_id)


def submit(folder: Path, job: str) -> str:
    """Request a run without waiting; its id."""
    said = say(folder, "run", job, "--detach")
    assert said.returncode == 0, said.stderr
    return said.stdout.strip()


def final(folder: Path, run_id: str) -> Run:
    """Wait until a run has ended; the run."""
    until(lambda: run_of(folder, run_id).state.is_final, f"the end of {run_id}")
    return run_of(folder, run_id)


def attempt_dir(folder: Path, run_id: str, number: int = 1) -> Path:
    """The folder of an attempt."""
    return dir_of(folder, AttemptKey(run_id, number))


def dir_of(folder: Path, key: AttemptKey) -> Path:
    """The folder of an attempt, which may be one of a step."""
    return folder / STATE / "runs" / key.run_id[:2] / key.folder


def evidence_of(folder: Path, run_id: str, number: int = 1) -> Path:
    """The file that proves an attempt."""
    return Path(beside(str(attempt_dir(folder, run_id, number)), NAME))


def output(folder: Path, run_id: str) -> str:
    """The output of a run, from `jobfile logs` into a pipe."""
    found = json.loads(say(folder, "logs", run_id, "--json").stdout)
    return "".join(attempt["output"] for attempt in found["attempts"])


def check_every_instant(folder: Path) -> None:
    """Check that each instant of each schedule in force is recorded once, and that the report adds up."""
    with view(folder) as opened:
        check_instants_of(opened)


def check_instants_of(opened: SqliteView) -> None:
    """The same for an opened ledger."""
    until_ = datetime.now(UTC) + timedelta(days=1)
    found = opened.recent_runs(job=None, state=None, limit=10**6)
    for schedule in opened.schedules_between(None, since=LONG_AGO, until=until_):
        upto = schedule.active_until or schedule.covered_until
        wanted = [one.at for one in fires(schedule.entries, after=schedule.active_from, until=upto)]
        own = grouped(run for run in found if run.job == schedule.job and run.schedule_key)
        assert all(len(one) == (one[0].combinations or 1) for one in own), (
            f"{schedule.job} lacks a combination"
        )
        accounted = [one[0].scheduled_for for one in own]
        for gap in opened.gaps_between(schedule.job, since=LONG_AGO, until=until_):
            within = fires(gap.entries, after=gap.first_at - INSTANT, until=gap.last_at)
            accounted += [one.at for one in within]
        assert sorted(accounted) == wanted, f"{schedule.job} is not accounted for"
    report = make_report(opened, since=LONG_AGO, until=until_, now=datetime.now(UTC), presence=RUNNING)
    assert all(row.adds_up for row in report.rows)


def check_nothing_open(folder: Path) -> None:
    """Check that no run or attempt is open, and that the numbers of attempts have no gap."""
    open_states = "('queued', 'running', 'cancelling', 'retry_wait')"
    assert rows(folder, f"select id, state from run where state in {open_states}") == []
    assert rows(folder, "select run_seq from attempt where state in ('starting', 'running')") == []
    counted = (
        "select id from run left join attempt on run_seq = seq "
        "where not exists (select 1 from step where step.run_seq = seq) "
        "group by id, attempt having count(number) <> attempt or max(number) <> attempt"
    )
    assert rows(folder, counted) == []
    assert rows(folder, "select * from step where state in ('ready', 'running', 'retry_wait')") == []
    of_steps = (
        "select s.run_seq, s.step, s.item from step s "
        "left join attempt a on a.run_seq = s.run_seq and a.step = s.step and a.item = s.item "
        "group by s.run_seq, s.step, s.item, s.attempt "
        "having count(number) <> s.attempt or max(number) <> s.attempt"
    )
    assert rows(folder, of_steps) == []
    assert rows(folder, "pragma integrity_check") == [("ok",)]


def drain(folder: Path, **environ: object) -> None:
    """End the faults: a last engine, without schedules, must end all runs."""
    text = (folder / "jobs.yaml").read_text()

    def is_over() -> bool:
        with view(folder) as opened:
            schedules = opened.schedules_between(None, since=datetime.now(UTC), until=FAR)
            return all(one.active_until is not None for one in schedules) and not opened.open_runs()

    with engine(folder, **environ):
        put(folder, text.replace("schedule: {every: 1s}", "enabled: true"))
        until(is_over, "the end of everything", patience=90)


def doctor(folder: Path) -> None:
    """Check that `jobfile doctor` finds nothing but an unsynchronised clock, as test machines have it."""
    said = say(folder, "doctor", "--json")
    found = [one for one in json.loads(said.stdout)["checks"] if one["severity"] in ("error", "warning")]
    other = [one for one in found if one["code"] != "clock.unsynchronized"]
    assert other == [], other
    assert said.returncode == int(bool(found))


# Processes


def supervisor_of(folder: Path) -> int | None:
    """The process that holds the lock of an attempt; processes that only test the lock do not count."""
    lock = beside(str(folder), NAME)
    who = _locked_by(lock)
    if who is None or (who and _holds(str(who), lock)):
        return who
    holders = []
    for process in os.listdir("/proc"):
        if process.isdigit() and _holds(process, lock):
            holders.append(int(process))
    # Between fork and exec, a job has the handles of its supervisor.
    first = [pid for pid in holders if parent_of(pid) not in holders]
    return first[0] if first else None


def _locked_by(lock: str) -> int | None:
    """Who has locked a file, by the kernel's list; None when nobody has, 0 when only /proc/PID/fd can tell.

    To look at each handle of each process takes a hundred times as long.
    """
    try:
        inode = os.stat(lock).st_ino
    except OSError:
        return 0  # a supervisor may hold a file that its job has removed
    with open("/proc/locks") as known:
        found = [line.split() for line in known if f":{inode} " in line]
    holders = [int(words[4]) for words in found if words[1:4] == ["FLOCK", "ADVISORY", "WRITE"]]
    return max(holders[0], 0) if holders else None


def _holds(process: str, lock: str) -> bool:
    with contextlib.suppress(OSError):
        for handle in os.listdir(f"/proc/{process}/fd"):
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{process}/fd/{handle}").removesuffix(" (deleted)") == lock:
                    about = Path(f"/proc/{process}/fdinfo/{handle}").read_text()
                    return "FLOCK" in about and "WRITE" in about
    return False


def supervisor(folder: Path, run_id: str, number: int = 1) -> int:
    """Wait until an attempt has a supervisor; its process."""
    found = until(lambda: supervisor_of(attempt_dir(folder, run_id, number)), "a supervisor")
    assert found is not None
    return found


def parent_of(pid: int) -> int:
    """The parent of a process; 0 if the process has ended."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def state_of(pid: int) -> str:
    """The state of a process as a letter, such as R, S or T; Z or empty when it has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return ""


def is_gone(pid: int) -> bool:
    """Whether a process has ended."""
    return state_of(pid) in ("", "Z")


def children_of(pid: int) -> list[int]:
    """The children of a process that has one thread."""
    with contextlib.suppress(OSError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def descendants_of(pid: int) -> list[int]:
    """The whole tree below a process."""
    children = children_of(pid)
    return children + [below for child in children for below in descendants_of(child)]


def halt(pid: int) -> None:
    """Pause a process (SIGSTOP), and wait until it is paused."""
    os.kill(pid, signal.SIGSTOP)
    until(lambda: state_of(pid) in ("T", "Z", ""), "it stands still")


def halt_between_writes(folder: Path, pid: int) -> None:
    """Pause an engine while it is not writing: a command would wait in vain for its lock on the ledger."""
    while True:
        halt(pid)
        try:
            with contextlib.closing(sqlite3.connect(ledger(folder), timeout=0)) as connection:
                connection.execute("begin immediate")
        except sqlite3.OperationalError:
            go_on(pid)
        else:
            return


def go_on(pid: int) -> None:
    """Let a paused process continue."""
    os.kill(pid, signal.SIGCONT)


def launcher_of(engine_pid: int, *, patience: float = PATIENCE) -> int:
    """The process that starts supervisors for an engine."""

    def found() -> list[int]:
        children = _children_of_all_threads(engine_pid)
        below = [pid for pid in children if "supervisor/__main__.py" in _command(pid)]
        return [pid for pid in below if not is_gone(pid)]

    return until(found, "a launcher", patience=patience)[0]


def _children_of_all_threads(pid: int) -> list[int]:
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(word) for word in path.read_text().split()]
    return found


def _command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def private_kib(pid: int) -> int:
    """The memory of a process that it shares with no other process."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


def number_in(path: Path) -> int:
    """Wait until a job has written a number into a file; the number."""
    return int(until(lambda: path.exists() and path.read_text().strip(), str(path)))
