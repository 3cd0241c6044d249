"""Thousands of runs while engines, launchers, supervisors and jobs are killed: every record is true.

Each run ends with a code that only its own id explains, so that a record can be judged by itself. What
was killed is noted; nothing else may be lost. `make soak` goes on for longer.
"""

import contextlib
import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from engine.core.lifecycle import AttemptState, Run, RunState
from tests.acceptance.engines import (
    SOAK_MINUTES,
    attempt_dir,
    check_every_instant,
    check_nothing_open,
    children_of,
    doctor,
    drain,
    events,
    kill,
    launcher_of,
    lines_of,
    pause,
    put,
    rows,
    runs,
    start,
    state_of,
    supervisor_of,
    view,
)

WANTED_RUNS = 5_000 if SOAK_MINUTES else 2_000
KINDS = ("engine", "launcher", "supervisor", "job")
"""Of processes, each of which has to be killed."""
LONGEST_SECONDS = 240.0
SEED = int(os.environ.get("JOBFILE_SEED", "20261128"))
QUICK, SLOW, FRAGILE, MATRIX = 90, 12, 8, 3
LIMITS = {"JOBFILE_MAX_RUNNING": 40, "JOBFILE_CATCHUP_STARTS": 1000}

# The builtins of sh alone: what is measured here is not how fast programs start.
SCRIPT = """\
      echo "$JOBFILE_RUN_ID-$JOBFILE_ATTEMPT" >> executed
      {pause}
      exit $(( 0x${{JOBFILE_RUN_ID%"${{JOBFILE_RUN_ID#??}}"}} % 4 ))
"""


def expected_code(run: Run) -> int:
    return int(run.id[:2], 16) % 4


def write_jobs(folder: Path) -> None:
    kinds = (
        ("quick", QUICK, ":", ""),
        ("slow", SLOW, "sleep 0.7", ""),
        (
            "fragile",
            FRAGILE,
            "sleep 0.4",
            "    idempotent: true\n"
            "    retry: {attempts: 3, delay: 1s, jitter: none, backoff: fixed, when: [signal]}\n",
        ),
    )
    kinds += (("matrix", MATRIX, "sleep 0.2", "    matrix: {part: [a, b, c]}\n"),)
    jobs = "".join(
        f"  {kind}-{number:02}:\n    schedule: {{every: 1s}}\n    timeout: 1m\n"
        f"{more}    run: |\n{SCRIPT.format(pause=waits)}"
        for kind, count, waits, more in kinds
        for number in range(count)
    )
    put(folder, f"version: 1\njobs:\n{jobs}")


@dataclass
class Faults:
    """What was done to the runs of a folder, by chance."""

    folder: Path
    chance: random.Random
    supervisors: set[str] = field(default_factory=set)
    jobs: set[str] = field(default_factory=set)
    count: Counter[str] = field(default_factory=Counter)

    def strike(self) -> None:
        """Kill a supervisor or a job of one of the attempts that run now."""
        with view(self.folder) as opened:
            found = [run for run in opened.open_runs() if run.state is RunState.RUNNING]
        if not found:
            return
        run = self.chance.choice(found)
        is_boss = self.chance.random() < 0.4
        boss = supervisor_of(attempt_dir(self.folder, run.id, run.attempt))
        if boss is None:
            return
        # It stands still while it is looked at: then it cannot have gone on to something else meanwhile.
        with contextlib.suppress(ProcessLookupError):
            os.kill(boss, signal.SIGSTOP)
            while state_of(boss) not in ("T", "Z", ""):
                pause(0.001)
            if supervisor_of(attempt_dir(self.folder, run.id, run.attempt)) != boss:
                os.kill(boss, signal.SIGCONT)
            elif is_boss:
                self.supervisors.add(f"{run.id}-{run.attempt}")
                self.count["supervisor"] += 1
                os.kill(boss, signal.SIGKILL)
            else:
                for job in children_of(boss):
                    self.jobs.add(f"{run.id}-{run.attempt}")
                    self.count["job"] += 1
                    os.kill(job, self.chance.choice([signal.SIGKILL, signal.SIGTERM]))
                os.kill(boss, signal.SIGCONT)


def soak(folder: Path, *, wanted: int, longest: float) -> Faults:
    """Engines come and are killed, one after the other, until enough has run."""
    faults = Faults(folder, random.Random(SEED))
    began = time.monotonic()
    while time.monotonic() - began < longest:
        process = start(folder, **LIMITS)
        until_ = time.monotonic() + faults.chance.choice([0.3, 0.9, 4.0, 8.0]) * faults.chance.uniform(
            0.5, 1.5
        )
        while time.monotonic() < until_:
            pause(faults.chance.uniform(0.02, 0.2))
            with contextlib.suppress(Exception):  # there may be no ledger yet
                faults.strike()
        if faults.chance.random() < 0.3:
            with contextlib.suppress(AssertionError, ProcessLookupError):
                os.kill(launcher_of(process.pid, patience=0.5), signal.SIGKILL)
                faults.count["launcher"] += 1
        kill(process)
        faults.count["engine"] += 1
        if len(lines_of(folder / "executed")) >= wanted and all(faults.count[kind] for kind in KINDS):
            break
    return faults


@pytest.mark.timeout(SOAK_MINUTES * 60 + 900)
def test_thousands_of_runs_are_recorded_truly_whatever_is_killed(tmp_path: Path) -> None:
    print(f"JOBFILE_SEED={SEED}")
    write_jobs(tmp_path)
    if SOAK_MINUTES:
        faults = soak(tmp_path, wanted=10**9, longest=SOAK_MINUTES * 60)
    else:
        faults = soak(tmp_path, wanted=WANTED_RUNS, longest=LONGEST_SECONDS)
    drain(tmp_path, **LIMITS)
    print(dict(faults.count), len(lines_of(tmp_path / "executed")), "executed")
    check_nothing_open(tmp_path)
    check_executions(tmp_path)
    check_outcomes(tmp_path, faults)
    check_every_instant(tmp_path)
    assert events(tmp_path, "LoopFailed") == []
    doctor(tmp_path)
    assert len(lines_of(tmp_path / "executed")) >= WANTED_RUNS
    assert min(faults.count[kind] for kind in KINDS) > 0


def check_executions(folder: Path) -> None:
    """Each attempt was executed at most once, and none that is not on record."""
    executed = lines_of(folder / "executed")
    twice = [name for name, times in Counter(executed).items() if times > 1]
    assert twice == [], "executed twice"
    known = {
        f"{run}-{number}"
        for run, number in rows(folder, "select id, number from attempt join run on seq = run_seq")
    }
    assert set(executed) <= known, "executed and not on record"


def check_outcomes(folder: Path, faults: Faults) -> None:
    """Nothing is lost but by a supervisor that was killed, and who ended by itself has the code of its id."""
    executed = set(lines_of(folder / "executed"))
    by_id = {run.id: run for run in runs(folder)}
    wrong = []
    for run_id, number, state, code, signal_ in rows(
        folder, "select id, number, a.state, a.exit_code, signal from attempt a join run on seq = run_seq"
    ):
        name, expected = f"{run_id}-{number}", expected_code(by_id[run_id])
        if state == AttemptState.LOST:
            is_right = name in faults.supervisors and code is None
        elif signal_ is not None:
            is_right = name in faults.jobs and state == AttemptState.FAILED
        elif name in faults.jobs and code in (128 + signal.SIGKILL, 128 + signal.SIGTERM):
            is_right = state == AttemptState.FAILED  # its `sleep` was killed, and sh says so
        else:
            wanted = AttemptState.SUCCEEDED if expected == 0 else AttemptState.FAILED
            is_right = (code, state) == (expected, wanted) and name in executed
        if not is_right:
            wrong.append(
                (name, state, code, signal_, expected, name in faults.supervisors, name in faults.jobs)
            )
    assert wrong == []
    for run in by_id.values():
        if run.state is RunState.LOST:
            assert f"{run.id}-{run.attempt}" in faults.supervisors
        elif run.attempt:
            assert run.exit_code == expected_code(run) or f"{run.id}-{run.attempt}" in faults.jobs
        else:
            assert run.state in (RunState.SKIPPED, RunState.MISSED)
