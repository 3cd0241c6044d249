"""A submission is killed, or its disk fails, at any step: with a key, asking again is safe."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.host.wake import WakePipe
from engine.ledger.sqlite.store import SqliteStore
from tests.engine.world import World
from tests.faults.preload import Mode, Outside

JOBS = "version: 1\njobs: {hello: {run: 'true', concurrency: {limit: none}}}\n"
SUBMITTED, REFUSED, KILLED = 0, 3, -signal.SIGKILL

PROGRAM = """
import os, sys
import engine.client.ledger, engine.ledger.sqlite.store
from jobfile.client import Client, UnavailableError

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            client = Client(state_dir=sys.argv[1])
            client.submit("hello", key=line.strip())
            code = 0
            client.close()
        except UnavailableError:
            code = 3
        finally:
            os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Program:
    """Submits a run with a key, each time in a process of its own, in which the disk has faults."""

    def __init__(self, folder: Path, faults: Outside, text: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", text, str(folder)],
            env={**os.environ, **faults.environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def submit(self, key: str) -> int:
        """The exit code of the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(key, file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


@contextmanager
def program(folder: Path, faults: Outside, text: str = PROGRAM) -> Iterator[Program]:
    opened = Program(folder, faults, text)
    try:
        yield opened
    finally:
        opened.close()


@pytest.mark.parametrize(
    ("mode", "error"),
    [
        (Mode.KILL_BEFORE, 0),
        (Mode.KILL_AFTER, 0),
        (Mode.FAIL_ONCE, errno.EIO),
        (Mode.FAIL_FROM, errno.ENOSPC),
        (Mode.SHORT_ONCE, 0),
    ],
)
def test_a_key_has_one_run_whatever_happens_at_any_step(tmp_path: Path, mode: Mode, error: int) -> None:
    world = World(tmp_path, JOBS)
    WakePipe(world.config.state_dir, lambda _: None).close()
    world.crash()
    folder, faults = world.config.state_dir, Outside(tmp_path / "control")
    with program(folder, faults) as programs:
        assert programs.submit("warm") == SUBMITTED
        faults.arm(folder, Mode.COUNT)
        assert programs.submit("counted") == SUBMITTED
        steps = faults.count
        assert steps > 5
        ends = []
        for step in range(1, steps + 1):
            faults.arm(folder, mode, step, error=error or errno.EIO)
            ends.append(programs.submit(f"step-{step}"))
            faults.disarm()
            assert programs.submit(f"step-{step}") == SUBMITTED, step
    usual = {Mode.KILL_BEFORE: KILLED, Mode.KILL_AFTER: KILLED}.get(mode, REFUSED)
    assert usual in ends or mode is Mode.SHORT_ONCE
    assert set(ends) <= {usual, SUBMITTED}
    store = SqliteStore.open(world.config.ledger)
    store.verify()
    keys = [run.idempotency_key for run in store.open_runs()]
    store.close()
    wanted = ["warm", "counted", *(f"step-{step}" for step in range(1, steps + 1))]
    assert sorted(keys) == sorted(wanted)
