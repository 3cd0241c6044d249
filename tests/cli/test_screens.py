"""Golden screens: what each command shows on a terminal of 80 and 120 columns, and what it paints.

`pytest --update` rewrites tests/cli/screens/*.txt; look at each with your own eyes.
"""

import contextlib
import fcntl
import io
import os
import pty
import pwd
import re
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import termios
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.cli.commands import doctor
from engine.cli.main import COMMANDS, run
from engine.core.lifecycle import RunState
from engine.host.clock import SystemClock
from engine.host.machine import Machine
from engine.ledger.sqlite.view import SqliteView
from tests.builders import NOON
from tests.engine.world import World
from tests.known import known_files
from tests.together import together

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent / "screens"
WIDTHS = (80, 120)
CELLS = 3
"""A line with more parts is a row of a table, and no sentence."""

JOBS = """\
version: 1
defaults: {timezone: Europe/Oslo}
jobs:
  nightly-orders-export-to-the-warehouse:
    description: Orders of the day before, for the warehouse
    owner: data-platform
    tags: [night, warehouse]
    schedule: "30 13 * * *"
    timeout: 30m
    params: {day: {type: string, default: yesterday}, full: {type: boolean, default: false}}
    run: export-orders --day {{ params.day }}
  heartbeat: {owner: ops, schedule: "*/30 * * * *", command: [curl, -fsS, "https://beat.example.org/1"]}
  invoices:
    schedule: {cron: "0 14 * * mon-fri", timezone: Asia/Tokyo}
    owner: finance
    retry: {attempts: 2, delay: 5m, jitter: none}
    run: send-invoices
  cleanup: {tags: [night], command: [find, /var/tmp/exports, -mtime, "+7", -delete]}
"""
CHANGED = JOBS.replace('"30 13 * * *"', '"30 5 * * *"').replace("timeout: 30m", "timeout: 45m")
WRONG = 'version: 1\njobs:\n  backup:\n    schedule: "61 4 * * *"\n    retires: 3\n    run: backup\n'
CASES = """\
version: 1
tests:
  it is tried again:
    job: invoices
    given: {attempts: [exit 3, exit 0]}
    expect: {state: succeeded}
  it gives up:
    job: invoices
    given: {attempts: [exit 3, exit 3]}
    expect: {state: succeeded}
"""

SCREENS = {
    "apply": ("apply --yes",),
    "artifacts": ("artifacts cleanup", "artifacts FAILED '*.log'"),
    "audit": ("audit --limit 5", "audit verify"),
    "cancel": ("cancel OPEN --why 'wrong day'", "cancel OPEN"),
    "check": ("check wrong.yaml", "check"),
    "clock": ("clock", "clock accept"),
    "comment": ("comment",),
    "backfill": (
        "backfill invoices --from 2d --dry-run",
        "backfill heartbeat --from 2h --yes",
        "backfill",
    ),
    "completion": ("completion fish", "completion tcsh"),
    "did": (
        "did heartbeat",
        "did invoices",
        "did nightly-orders-export-to-the-warehouse",
        "did heartbeat --on today",
    ),
    "doctor": ("doctor",),
    "explain": ("explain JF302", "explain keys retry"),
    "export": ("export kubernetes --attempt",),
    "explain-schedule": ("explain-schedule '30 2 * * mon-fri' --timezone Europe/Oslo",),
    "fmt": ("fmt --diff loose.yaml",),
    "generations": ("generations",),
    "init": ("init new",),
    "list": ("list",),
    "logs": ("logs invoices",),
    "next": ("next --limit 6", "next invoices", "next '0 4 * * mon'"),
    "notify": ("notify preview FAILED failed",),
    "outputs": ("outputs cleanup",),
    "pause": ("pause cleanup --why 'the disk is full'", "pause cleanup", "pause invoices --until 2h"),
    "plan": ("plan", "plan --summary"),
    "report": (
        "report",
        "report invoices",
        "report --since 2h --compare",
        "report --since 2h --format markdown --compare",
        "report --since 2h --format junit",
        "report --on yesterday --since 3h",
    ),
    "resume": ("resume heartbeat", "resume heartbeat"),
    "hosts": ("hosts", "hosts drain", "hosts drain worker-2"),
    "migrate": ("migrate --to postgresql://anna:secret@db/jobs",),
    "retry": ("retry --failed --dry-run", "retry --failed --yes"),
    "rollback": ("rollback --yes",),
    "run": ("run invoices --dry-run", "run invoices --detach"),
    "runs": ("runs", "runs --not-ok"),
    "schema": ("schema plain",),
    "show": ("show nightly-orders-export-to-the-warehouse",),
    "simulate": ("simulate --days 7",),
    "status": ("status",),
    "test": ("test",),
    "token": (
        "token add deploy --role operator --jobs 'nightly-*' --expires 90d --why releases",
        "token list",
        "token revoke deploy --why 'left the team'",
        "token list",
    ),
    "wait": ("wait FAILED",),
    "why": ("why invoices", "why heartbeat 12:30", "why FAILED"),
    "errors": (
        "did invoice",
        "did",
        "runs --in broken",
        "retry 12345678",
        "next -f nowhere.yaml",
        "next -f wrong.yaml",
    ),
}
LIVE = "up"
"""Runs until it is stopped, so its screen comes from a process on a terminal."""
SILENT = ("lsp", "mcp")
"""For editors and agents: they show nothing to a person."""
FOR_PROGRAMS = ("metrics", "serve", "ui", "attempt")
"""For monitoring systems, browsers and clusters: tests/cli/test_metrics.py, tests/web and tests/hosts look at
what they print.
"""

SICK = Machine(
    python="3.13.1",
    has_libyaml=True,
    has_spawn=False,
    open_files=32,
    processes=None,
    container="Docker",
    is_synchronized=True,
)
"""What `doctor` finds here, on any machine."""


STEADY = (
    (r"(?m)^[A-Za-z0-9_-]{43}$", "t" * 43),
    (r"(?<=hash )[0-9a-f]{64}", "h" * 64),
    (r"(?:yes|no), according to the system|the system cannot tell", "yes, according to the system"),
    (r"found /\S*/sh\b", "found /usr/bin/sh"),
    (r"digest [0-9a-f]{7,64}", "digest …"),
    (r"\b\d+(?:\.\d+)? [KMGT]i?B\b", "84.1 GB"),
    (r"(?<= in )\d+\.\d+s\b", "0.1s"),
    (r"\btzdata \w+", "tzdata 2026a"),
    (r"tables of version \d+", "tables of version 12"),
    (r"\bjobfile \d+\.\d+\.\d+\S*", "jobfile 1.0.0"),
)
"""What differs between machines and calls, and what is shown here instead."""

COLOURS = {
    "1": "bold",
    "2": "dim",
    "31": "red",
    "32": "green",
    "33": "yellow",
    "34": "blue",
    "35": "magenta",
    "36": "cyan",
}
PAINTED = re.compile(r"((?:\x1b\[\d+m)+)([^\x1b]*)\x1b\[0m")


class Terminal(io.TextIOWrapper):
    """A terminal that keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return 1

    def take(self) -> str:
        """What was written since the last time."""
        self.flush()
        written = self.buffer
        assert isinstance(written, io.BytesIO)
        text = written.getvalue().decode()
        written.seek(0)
        written.truncate()
        return text


class _World(World):
    """Runs whose ids differ in the digits that are shown."""

    def new_id(self) -> str:
        return f"{next(self._ids) * 0x1357ACE1 % 2**32:08x}{'0' * 24}"


def a_history(folder: Path) -> None:
    """Four hours with successes, failures, retries, misses, a pause, and a run that is still open."""
    (folder / "jobs.yaml").write_text(JOBS)
    world = _World(folder, JOBS.replace("timeout: 30m", "timeout: 20m"))
    world.edit(JOBS)
    world.run_by_hand("invoices")
    for code in (0, 3, 0, 1):
        world.pass_time(seconds=900)
        world.finish(exit_code=code)
        world.pass_time(seconds=900)
    world.pause("heartbeat", reason="the monitoring moves to another host")
    world.pass_time(seconds=1800)
    world.finish()
    world.run_by_hand("cleanup")
    world.finish()
    world.pass_time(seconds=600)
    world.run_by_hand("invoices")
    world.crash()


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a job file, cases, wrong files, and a ledger with a history."""
    folder = tmp_path_factory.mktemp("history")
    a_history(folder)
    (folder / "jobs.yaml").write_text(CHANGED)
    (folder / "good.test.yaml").write_text(CASES)
    (folder / "wrong.yaml").write_text(WRONG)
    (folder / "loose.yaml").write_text("version: 1\njobs:\n      a:\n            run:   echo\n")
    return folder


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal; the time, the user and the ids of new runs are always the same."""
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "JOBFILE_STATE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    now = NOON.replace(hour=16, minute=10)
    monkeypatch.setattr(SystemClock, "now", lambda _: now)
    monkeypatch.setattr(doctor, "read_machine", lambda: SICK)
    monkeypatch.setattr(pwd, "getpwuid", lambda _: SimpleNamespace(pw_name="anna", pw_dir="/home/anna"))
    return Terminal()


def screens(
    name: str,
    history: Path,
    folder: Path,
    terminal: Terminal,
    monkeypatch: pytest.MonkeyPatch,
    *,
    width: int,
) -> list[str]:
    """What the commands show, one after the other, in a fresh copy of the folder."""
    shutil.copytree(history, folder, ignore=shutil.ignore_patterns("wake"))
    if (history / ".jobfile" / "wake").exists():
        os.mkfifo(folder / ".jobfile" / "wake", 0o600)
    monkeypatch.chdir(folder)
    ids = count(0xC0FFEE01)
    monkeypatch.setattr(os, "urandom", lambda size: (next(ids).to_bytes(4, "big") * size)[:size])
    monkeypatch.setattr(os, "get_terminal_size", lambda *_: os.terminal_size((width, 40)))
    view = SqliteView.open(folder / ".jobfile" / "ledger.db")
    failed = next(one.id for one in view.recent_runs(job="heartbeat", state=(RunState.FAILED,), limit=1))
    opened = next(one.id for one in view.open_runs())
    view.close()
    found = []
    for command in SCREENS[name]:
        words = shlex.split(command.replace("OPEN", opened[:8]).replace("FAILED", failed[:8]))
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", terminal)
            patch.setattr(sys, "stderr", terminal)
            code = run(words)
        said = terminal.take().replace(str(folder), "/srv/jobs")
        for pattern, text in STEADY:
            said = re.sub(pattern, text, said)
        found.append(f"{said.rstrip()}\n" + (f"[exit code {code}]\n" if code else ""))
    return found


def plain(said: str) -> str:
    return re.sub(r"\x1b\[\d+m", "", said)


def painted(said: str) -> str:
    """The texts in colour, by colour."""
    found: dict[str, list[str]] = {}
    for marks, text in PAINTED.findall(said):
        name = " ".join(COLOURS[one] for one in re.findall(r"\d+", marks))
        found.setdefault(name, []).append(text)
    return "".join(f"  {name}: {' | '.join(dict.fromkeys(texts))}\n" for name, texts in found.items())


@pytest.mark.parametrize("name", SCREENS)
def test_each_command_shows_the_screen_that_was_looked_at(
    name: str,
    history: Path,
    tmp_path: Path,
    terminal: Terminal,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    narrow, wide = (
        screens(name, history, tmp_path / f"at{width}", terminal, monkeypatch, width=width)
        for width in WIDTHS
    )
    monkeypatch.setenv("NO_COLOR", "1")
    without = screens(name, history, tmp_path / "plain", terminal, monkeypatch, width=WIDTHS[0])
    assert without == [plain(said) for said in narrow]
    texts = map(screen, SCREENS[name], narrow, wide)
    as_looked_at(name, "".join(texts), is_update=request.config.getoption("--update"))


def screen(command: str, at80: str, at120: str) -> str:
    """A command's part of a golden file."""
    text = f"$ jobfile {command}\n{plain(at80)}"
    text += f"--- at 120 columns:\n{plain(at120)}" if plain(at120) != plain(at80) else ""
    return text + (f"--- in colour:\n{painted(at120)}\n" if "\x1b" in at120 else "\n")


def as_looked_at(name: str, text: str, *, is_update: bool) -> None:
    path = HERE / f"{name}.txt"
    if is_update:
        path.write_text(text)
    assert text == path.read_text()


LIFE = """\
version: 1
jobs:
  nightly-orders-export-to-the-warehouse-of-the-north: {run: exit 3}
  heartbeat: {run: "true"}
"""
MOVING = (
    (r"\d\d:\d\d:\d\d UTC", "12:00:00 UTC"),
    (r"\b[0-9a-f]{8}\b(?=  )", "c0ffee01"),
    (r"hash [0-9a-f]{16}", "hash c0ffee01c0ffee01"),
    (r"(?<=after )[\d.]+m?s", "61ms"),
    (r"(?<=started)(\x1b\[0m)?, [\d.]+m?s late", r"\1"),
    (r"warning: the engine runs as root, and so does every job\r?\n", ""),
)
"""What differs between two lives of an engine, and what is shown here instead."""


def a_life(folder: Path, width: int, **environ: str) -> str:
    """What `jobfile up` shows on a terminal until Ctrl-C: a change, and a run that fails."""
    folder.mkdir()
    (folder / "jobs.yaml").write_text(LIFE)
    command = [sys.executable, "-m", "engine.cli.main"]
    where = {
        "cwd": folder,
        "env": {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TERM": "xterm", **environ},
    }
    for words in ("apply --yes", "run nightly-orders-export-to-the-warehouse-of-the-north --detach"):
        subprocess.run([*command, *words.split()], check=True, capture_output=True, **where)
    (folder / "jobs.yaml").write_text(LIFE.replace('"true"', '"false"'))
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    with subprocess.Popen([*command, "up"], stdin=theirs, stdout=theirs, stderr=theirs, **where) as engine:
        os.close(theirs)
        said = b""
        with contextlib.suppress(OSError):  # the other side is closed
            while True:
                said += os.read(ours, 4096)
                if b"exit code 3" in said:
                    engine.send_signal(signal.SIGINT)
    os.close(ours)
    text = said.decode().replace("\r\n", "\n").replace(str(folder), "/srv/jobs")
    for pattern, steady in MOVING:
        text = re.sub(pattern, steady, text)
    return text


def test_an_engine_shows_the_screen_that_was_looked_at(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    narrow, wide = (a_life(tmp_path / str(width), width) for width in WIDTHS)
    assert a_life(tmp_path / "plain", WIDTHS[0], NO_COLOR="1") == plain(narrow)
    as_looked_at(LIVE, screen(LIVE, narrow, wide), is_update=request.config.getoption("--update"))


@pytest.mark.parametrize("name", SILENT)
def test_a_server_of_programs_shows_nothing_to_a_person(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "engine.cli.main", name],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=ROOT,
        check=True,
    )
    assert (done.stdout, done.stderr) == (b"", b"")


def test_every_command_has_a_screen() -> None:
    assert SCREENS.keys() | {LIVE, *SILENT, *FOR_PROGRAMS} == COMMANDS.keys() | {"errors"}
    assert {path.stem for path in known_files(HERE, "*.txt")} == SCREENS.keys() | {LIVE}


@together("name", SCREENS)
def test_no_row_of_a_table_is_wider_than_the_terminal(name: str) -> None:
    """Sentences are longer, and a terminal wraps them."""
    written = (HERE / f"{name}.txt").read_text()
    narrow = re.sub(
        r"--- at 120 columns:\n.*?(?=\n\$ |\Z)|--- in colour:\n.*?(?=\n\$ |\Z)", "", written, flags=re.DOTALL
    )
    rows = [line for line in narrow.splitlines() if len(re.split(r" {2,}", line.strip())) > CELLS]
    assert [line for line in rows if len(line) > WIDTHS[0]] == []
