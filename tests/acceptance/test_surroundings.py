"""What an engine and its jobs take from whoever started the engine, and what they do not."""

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from engine.lifecycle import RunState
from tests.acceptance.engines import (
    JOBFILE,
    attempts_of,
    end,
    final,
    output,
    put,
    start_ready,
    submit,
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
    assert [of_status(status, name) for name in ("SigBlk", "SigIgn", "SigCgt")] == [0, 0, 0]
    assert ended.state is RunState.TIMED_OUT
    assert attempts_of(tmp_path, ended.id)[0].signal == signal.SIGTERM


def test_a_run_without_an_engine_blocks_no_signal_either(tmp_path: Path) -> None:
    put(tmp_path, "version: 1\njobs:\n  long: {run: touch begun; sleep 60, timeout: 1s, kill_grace: 50s}\n")
    run = subprocess.Popen([*DEAF, JOBFILE, "run", "long"], cwd=tmp_path)
    until((tmp_path / "begun").exists, "it runs")
    assert of_status(Path(f"/proc/{run.pid}/status").read_text(), "SigBlk") == 0
    assert run.wait(20) == 1, "the timeout's signal was heard, long before the kill"
