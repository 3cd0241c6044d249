"""What an engine and its jobs take from whoever started the engine, and what they do not."""

import os
import pwd
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from engine.core.lifecycle import RunState
from engine.host.orphans import Orphans
from tests.acceptance.engines import (
    JOBFILE,
    attempts_of,
    children_of,
    end,
    final,
    has_jobs,
    launcher_of,
    output,
    put,
    say,
    start,
    start_ready,
    state_of,
    submit,
    supervisor,
    until,
)

CHANGED = """\
import os, signal, sys
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""Runs a command with every signal blocked and ignored, as some runtimes and shells do with some of them."""
DEAF: Sequence[str] = (sys.executable, "-c", CHANGED)


CORE = """\
import os, resource, sys
resource.setrlimit(resource.RLIMIT_CORE, ({}, {}))
os.execv(sys.argv[1], sys.argv[1:])
"""
ROOT = Path(__file__).parents[2]
MASKS = (0o000, 0o027, 0o077, 0o277)


@pytest.mark.parametrize("umask", MASKS, ids=oct)
def test_jobs_make_files_as_the_engine_was_started_and_the_engine_keeps_its_own_closed(
    tmp_path: Path, umask: int
) -> None:
    made = (
        "  made: {run: touch file; mkdir folder; umask; echo to stderr >&2; touch $TMPDIR/file; sleep 0.3}\n"
    )
    put(tmp_path, f"version: 1\njobs:\n{made}")
    engine = start(tmp_path, prefix=("sh", "-c", f'umask {umask:03o}; exec "$0" "$@"'))
    until(lambda: has_jobs(tmp_path), "an engine")  # which makes no file of the ledger itself
    ended = final(tmp_path, submit(tmp_path, "made"))
    assert output(tmp_path, ended.id) == f"{umask:04o}\nto stderr\n"
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o666 & ~umask
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o777 & ~umask
    own = [path for path in (tmp_path / ".jobfile").rglob("*") if "tmp" not in path.parts[-2:]]
    assert len(own) > 8
    for path in (tmp_path / ".jobfile", *own):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
    assert end(engine) == 0


def test_a_job_may_have_a_umask_of_its_own(tmp_path: Path) -> None:
    jobs = "  own: {run: umask; touch own, umask: 027}\n  none: {run: umask; touch none, umask: null}\n"
    put(tmp_path, f"version: 1\ndefaults: {{umask: '0077'}}\njobs:\n{jobs}  all: {{run: umask; touch all}}\n")
    start = ("sh", "-c", 'umask 002; exec "$0" "$@"', JOBFILE, "run")
    for job, umask in (("own", 0o027), ("none", 0o002), ("all", 0o077)):
        done = subprocess.run([*start, job], cwd=tmp_path, capture_output=True, text=True)
        assert done.stdout == f"{umask:04o}\n"
        assert (tmp_path / job).stat().st_mode & 0o777 == 0o666 & ~umask


@pytest.mark.parametrize("hard", [0, 4096, resource.RLIM_INFINITY])
def test_jobs_have_the_limit_of_a_core_that_the_engine_was_started_with(tmp_path: Path, hard: int) -> None:
    """Also its hard part: an ordinary user cannot raise that again. What supervises jobs leaves no core."""
    put(tmp_path, "version: 1\njobs:\n  ask: {command: [cat, /proc/self/limits]}\n  long: {run: sleep 60}\n")
    soft = min(hard, 1024) if hard >= 0 else 1024
    engine = start_ready(tmp_path, prefix=(sys.executable, "-c", CORE.format(soft, hard)))
    ended = final(tmp_path, submit(tmp_path, "ask"))
    (line,) = [one for one in output(tmp_path, ended.id).splitlines() if one.startswith("Max core file size")]
    said = ["unlimited" if one == "unlimited" else int(one) for one in line.split()[4:6]]
    assert said == [soft, "unlimited" if hard == resource.RLIM_INFINITY else hard]
    run_id = submit(tmp_path, "long")
    for pid in (supervisor(tmp_path, run_id), launcher_of(engine.pid)):
        assert resource.prlimit(pid, resource.RLIMIT_CORE)[0] == 0
    assert say(tmp_path, "cancel", run_id).returncode == 0
    final(tmp_path, run_id)
    assert end(engine) == 0


LIMITS = """\
version: 1
defaults: {limits: {core: 0}}
jobs:
  defaults: {run: ulimit -S -c; ulimit -H -c}
  own: {run: ulimit -S -c; ulimit -H -c, limits: {core: 4KiB}}
  most: {run: ulimit -S -c; ulimit -H -c, limits: {core: none}}
  engine: {run: ulimit -S -c; ulimit -H -c, limits: null}
  more: {run: touch done, limits: {core: 1GiB}}
"""
BARE: Sequence[str] = ("setpriv", "--inh-caps=-sys_resource", "--bounding-set=-sys_resource")
"""A user that may not raise a hard limit, although the tests are root."""


@pytest.mark.parametrize(
    ("job", "blocks"), [("defaults", (0, 0)), ("own", (8, 8)), ("most", (32, 32)), ("engine", (2, 32))]
)
def test_a_job_may_have_a_limit_of_core_files_of_its_own(
    tmp_path: Path, job: str, blocks: tuple[int, int]
) -> None:
    put(tmp_path, LIMITS)
    start = (*BARE, sys.executable, "-c", CORE.format(1024, 16384), JOBFILE, "run", job)
    done = subprocess.run(start, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == f"{blocks[0]}\n{blocks[1]}\n", done.stderr


def test_a_limit_of_core_files_above_that_of_the_engine_is_refused_in_words(tmp_path: Path) -> None:
    put(tmp_path, LIMITS)
    start = (*BARE, sys.executable, "-c", CORE.format(1024, 16384), JOBFILE, "run", "more")
    done = subprocess.run(start, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode != 0
    assert "core files of 1,073,741,824 bytes" in done.stderr
    assert "hard limit is 16,384" in done.stderr
    assert not (tmp_path / "done").exists()


OF_GLIBC = 1 << 31 | 1 << 32
"""Signals 32 and 33, which glibc keeps for itself and nobody can change through it."""


def of_status(text: str, name: str) -> int:
    return next(int(line.split()[1], 16) for line in text.splitlines() if line.startswith(f"{name}:"))


def test_no_blocked_or_ignored_signal_reaches_a_job_or_keeps_the_engine_from_ending(tmp_path: Path) -> None:
    look = "  look: {command: [cat, /proc/self/status]}\n"
    deaf = "  deaf: {command: [sleep, '60'], timeout: 1s, kill_grace: 50s}\n"
    put(tmp_path, f"version: 1\njobs:\n{look}{deaf}")
    engine = start_ready(tmp_path, prefix=DEAF)
    looked = final(tmp_path, submit(tmp_path, "look"))
    ended = final(tmp_path, submit(tmp_path, "deaf"))
    began = time.monotonic()
    assert end(engine) == 0
    assert time.monotonic() - began < 10
    status = output(tmp_path, looked.id)
    masks = [of_status(status, name) & ~OF_GLIBC for name in ("SigBlk", "SigIgn", "SigCgt")]
    assert masks == [0, 0, 0]
    assert ended.state is RunState.TIMED_OUT
    assert attempts_of(tmp_path, ended.id)[0].signal == signal.SIGTERM


def test_a_run_without_an_engine_blocks_no_signal_either(tmp_path: Path) -> None:
    put(tmp_path, "version: 1\njobs:\n  long: {run: touch begun; sleep 60, timeout: 1s, kill_grace: 50s}\n")
    run = subprocess.Popen([*DEAF, JOBFILE, "run", "long"], cwd=tmp_path)
    until((tmp_path / "begun").exists, "it runs")
    assert of_status(Path(f"/proc/{run.pid}/status").read_text(), "SigBlk") == 0
    assert run.wait(20) == 1, "the timeout's signal was heard, long before the kill"


EVERYTHING = "version: 1\njobs:\n  show: {run: env, pass_env: [%s], env: {%s}}\n"


def environment_of(folder: Path, *prefix: str) -> dict[str, str]:
    done = subprocess.run([*prefix, JOBFILE, "run", "show"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def test_a_job_knows_its_user_where_the_engine_was_started_with_nothing(tmp_path: Path) -> None:
    put(tmp_path, EVERYTHING % ("", ""))
    known = pwd.getpwuid(os.getuid())
    found = environment_of(tmp_path, "env", "-i")
    names = ("HOME", "USER", "LOGNAME", "SHELL")
    assert [found[name] for name in names] == [known.pw_dir, known.pw_name, known.pw_name, "/bin/sh"]


def test_what_the_engine_has_and_what_a_job_names_win(tmp_path: Path) -> None:
    put(tmp_path, EVERYTHING % ("SHELL", "USER: eve"))
    own = ("HOME=/srv", "USER=adam", "LOGNAME=adam", "SHELL=/bin/zsh", "OTHER=1")
    found = environment_of(tmp_path, "env", "-i", *own)
    names = ("HOME", "USER", "LOGNAME", "SHELL", "OTHER")
    assert [found.get(name) for name in names] == ["/srv", "eve", "adam", "/bin/zsh", None]


def test_a_user_that_the_system_does_not_know_has_no_name() -> None:
    code = "import os; from engine.host.environment import account; os.setuid(64123); print(account())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("{}\n", "")


def test_an_engine_that_is_the_first_process_reaps_what_lost_its_parent(tmp_path: Path) -> None:
    """As in a container without an init: here in a pid namespace of its own."""
    loses = "  loses: {run: setsid sleep 71 & sleep 0.2; kill -9 $PPID; sleep 72}\n"
    fails = "  fails: {run: exit 7}\n"
    put(tmp_path, f"version: 1\njobs:\n{loses}{fails}")
    engine = start_ready(tmp_path, prefix=("unshare", "--pid", "--fork", "--mount-proc", "--kill-child"))
    (first,) = children_of(engine.pid)
    for _ in range(3):
        assert final(tmp_path, submit(tmp_path, "loses")).state is RunState.LOST
    until(lambda: not zombies_of(first), "no zombie is left")
    (launcher,) = (pid for pid in children_in_threads(first) if b"supervisor/__main__.py" in command_of(pid))
    os.kill(launcher, signal.SIGKILL)
    ended = final(tmp_path, submit(tmp_path, "fails"))
    assert (ended.exit_code, ended.attempt) == (7, 1)
    until(lambda: not zombies_of(first), "the launcher's end was asked for by its maker")
    os.kill(first, signal.SIGTERM)
    assert engine.wait(20) == 0


def children_in_threads(pid: int) -> list[int]:
    found = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    return [int(word) for words in found for word in words]


def zombies_of(pid: int) -> list[int]:
    return [child for child in children_in_threads(pid) if state_of(child) == "Z"]


def command_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def test_only_what_nobody_waits_for_is_taken_for_an_orphan() -> None:
    own, other = (subprocess.Popen(["sh", "-c", "exit 3"]) for _ in range(2))
    until(lambda: state_of(own.pid) == state_of(other.pid) == "Z", "both have ended")
    orphans = Orphans(is_own=lambda pid: pid != other.pid)
    assert orphans.reap() == 0, "who made it may be about to ask"
    assert orphans.reap() == 1
    assert orphans.reap() == 0
    assert own.wait() == 3
    assert other.poll() == 0, "its end is known to nobody"
