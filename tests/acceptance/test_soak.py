"""Thousands of runs while engines, launchers, supervisors and jobs are killed: every record is true.

Each attempt ends with a code that only its own id explains, so that a record can be judged by itself. What
was killed is noted; nothing else may be lost. What a run with steps must have come to follows from its
attempts. `make soak` goes on for longer.
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

from engine.core.lifecycle import AttemptKey, AttemptState, RunState
from tests.acceptance.engines import (
    SOAK_MINUTES,
    check_every_instant,
    check_nothing_open,
    children_of,
    dir_of,
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
    start_ready,
    state_of,
    supervisor_of,
    view,
)

WANTED_RUNS = 5_000 if SOAK_MINUTES else 600
KINDS = ("engine", "launcher", "supervisor", "job")
"""Of processes, each of which has to be killed."""
LONGEST_SECONDS = 240.0
SEED = int(os.environ.get("JOBFILE_SEED", "20261128"))
QUICK, SLOW, FRAGILE, MATRIX, STEPS, CROSSED = (80, 12, 8, 3, 5, 2) if SOAK_MINUTES else (16, 6, 8, 1, 2, 1)
"""How many jobs, each due every second: a slow machine can run a third of that while other tests run."""
LIMITS = {"JOBFILE_MAX_RUNNING": 40, "JOBFILE_CATCHUP_STARTS": 1000}

# The builtins of sh alone: what is measured here is not how fast programs start.
SCRIPT = """\
{indent}      step="${{JOBFILE_STEP:+$JOBFILE_STEP.}}${{JOBFILE_ITEM:+$JOBFILE_ITEM.}}"
{indent}      echo "$JOBFILE_RUN_ID-$step$JOBFILE_ATTEMPT" >> executed
{indent}      {pause}
{indent}      seen=0x${{JOBFILE_RUN_ID%"${{JOBFILE_RUN_ID#??}}"}}
{indent}      exit $(( {code} ))
"""
RETRY = "retry: {attempts: 2, delay: 1s, jitter: none, backoff: fixed}"
ITEMS, TRIES = 4, 2
"""Items of the step `each`; how often each of them is tried in a round, and how many rounds a run has."""
ETL = f"""\
    {RETRY}
    steps:
      first:
SCRIPT
      each:
        for_each: "[1, 2, 3, 4]"
        max_parallel: 2
        {RETRY}
SCRIPT
      beside:
        needs: [first]
        allow_failure: true
SCRIPT
      last:
        needs: [each, beside]
SCRIPT
"""


def expected_code(key: AttemptKey) -> int:
    """Of steps, a quarter fails: one that fails may fail again, or succeed when it is tried again."""
    seen = int(key.run_id[:2], 16)
    return (seen + key.item + key.number) % 8 // 6 if key.step else seen % 4


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
        ("matrix", MATRIX, "sleep 0.2", "    matrix: {part: [a, b, c]}\n"),
    )
    about = "    schedule: {every: 1s}\n    timeout: 1m\n"
    jobs = "".join(
        f"  {kind}-{number:02}:\n{about}{more}{_script(waits, code='seen % 4')}"
        for kind, count, waits, more in kinds
        for number in range(count)
    )
    code = "(seen + ${JOBFILE_ITEM:-0} + JOBFILE_ATTEMPT) % 8 / 6"
    steps = ETL.replace("SCRIPT\n", _script("sleep 0.1", code=code, indent="    "))
    jobs += "".join(f"  steps-{number}:\n{about}{steps}" for number in range(STEPS))
    crossed = f"    matrix: {{part: [a, b]}}\n{steps}"
    jobs += "".join(f"  crossed-{number}:\n{about}{crossed}" for number in range(CROSSED))
    put(folder, f"version: 1\njobs:\n{jobs}")


def _script(pause: str, *, code: str, indent: str = "") -> str:
    return f"{indent}    run: |\n" + SCRIPT.format(pause=pause, code=code, indent=indent)


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
        found = rows(
            self.folder,
            "select id, number, step, item from attempt a join run r on seq = run_seq "
            "where a.state in ('starting', 'running')",
        )
        if not found:
            return
        key = AttemptKey(*self.chance.choice(found))
        is_boss = self.chance.random() < 0.4
        boss = supervisor_of(dir_of(self.folder, key))
        if boss is None:
            return
        # It stands still while it is looked at: then it cannot have gone on to something else meanwhile.
        with contextlib.suppress(ProcessLookupError):
            os.kill(boss, signal.SIGSTOP)
            while state_of(boss) not in ("T", "Z", ""):
                pause(0.001)
            if supervisor_of(dir_of(self.folder, key)) != boss:
                os.kill(boss, signal.SIGCONT)
            elif is_boss:
                self.supervisors.add(key.id)
                self.count["supervisor of a step"] += bool(key.step)
                self.count["supervisor"] += 1
                os.kill(boss, signal.SIGKILL)
            else:
                for job in children_of(boss):
                    self.jobs.add(key.id)
                    self.count["job"] += 1
                    os.kill(job, self.chance.choice([signal.SIGKILL, signal.SIGTERM]))
                os.kill(boss, signal.SIGCONT)


def soak(folder: Path, *, wanted: int, longest: float) -> Faults:
    """Engines come and are killed, one after the other, until enough has run."""
    faults = Faults(folder, random.Random(SEED))
    began = time.monotonic()
    while time.monotonic() - began < longest:
        # One in four may be killed before it is ready. If all were, a slow machine would never get further.
        begin = start_ready if faults.count["engine"] % 4 else start
        process = begin(folder, **LIMITS)
        until_ = time.monotonic() + faults.chance.choice([0.3, 0.9, 4.0, 8.0]) * faults.chance.uniform(
            0.5, 1.5
        )
        while time.monotonic() < until_:
            pause(faults.chance.uniform(0.02, 0.2))
            with contextlib.suppress(Exception):  # there may be no ledger yet
                faults.strike()
        if faults.chance.random() < 0.3 or not faults.count["launcher"]:
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
    check_steps(tmp_path)
    check_every_instant(tmp_path)
    assert events(tmp_path, "LoopFailed") == []
    doctor(tmp_path)
    assert len(lines_of(tmp_path / "executed")) >= WANTED_RUNS
    assert min(faults.count[kind] for kind in KINDS) > 0


def attempts_of_all(folder: Path) -> list[tuple[AttemptKey, str, int | None, int | None]]:
    """Each attempt with its state, exit code and signal, those of a step and item in their order."""
    found = rows(
        folder,
        "select id, number, step, item, a.state, a.exit_code, signal "
        "from attempt a join run on seq = run_seq order by number",
    )
    return [(AttemptKey(*about), state, code, signal_) for *about, state, code, signal_ in found]


def check_executions(folder: Path) -> None:
    """Each attempt was executed at most once, and none that is not on record."""
    executed = lines_of(folder / "executed")
    twice = [name for name, times in Counter(executed).items() if times > 1]
    assert twice == [], "executed twice"
    known = {key.id for key, *_ in attempts_of_all(folder)}
    assert set(executed) <= known, "executed and not on record"


def check_outcomes(folder: Path, faults: Faults) -> None:
    """Nothing is lost but by a supervisor that was killed, and who ended by itself has the code of its id."""
    executed = set(lines_of(folder / "executed"))
    wrong = []
    for key, state, code, signal_ in attempts_of_all(folder):
        name, expected = key.id, expected_code(key)
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
    for run in runs(folder):
        if run.job.startswith(("steps", "crossed")):
            continue
        if run.state is RunState.LOST:
            assert run.last_attempt.id in faults.supervisors
        elif run.attempt:
            assert run.exit_code == expected_code(run.last_attempt) or run.last_attempt.id in faults.jobs
        else:
            assert run.state in (RunState.SKIPPED, RunState.MISSED)


WORST_FIRST = ("lost", "failed", "succeeded", "not run")


def check_steps(folder: Path) -> None:
    """Each step came to what its attempts say, none was left out, and each run came to what its steps say."""
    ends: dict[str, dict[tuple[str, int], list[str]]] = {}
    for key, state, _, _ in attempts_of_all(folder):
        ends.setdefault(key.run_id, {}).setdefault((key.step, key.item), []).append(state)
    seen: Counter[str] = Counter()
    for run in runs(folder):
        if not run.job.startswith(("steps", "crossed")) or run.attempt == 0:
            continue
        with view(folder) as opened:
            found = {(one.step, one.item): one.state.value for one in opened.steps(run.id)}
        wanted, verdict = expected_steps(ends[run.id])
        assert found == wanted, run
        assert run.state == verdict, run
        assert run.attempt == TRIES or verdict != "failed", run
        for (step, item), states in ends[run.id].items():
            assert not item or states[-1] != "failed" or len(states) % TRIES == 0, (run, step, item)
        seen[verdict] += 1
        seen["tried again"] += run.attempt > 1
    print(dict(seen), "with steps")
    assert min(seen[one] for one in ("succeeded", "failed", "tried again")) > 0


def expected_steps(ends: dict[tuple[str, int], list[str]]) -> tuple[dict[tuple[str, int], str], str]:
    """The states of all steps and items after these attempts, and the state of the run."""
    last = {place: states[-1] for place, states in ends.items()}
    items = {
        (name, number): last.get((name, number), "") for name in ("each",) for number in range(1, ITEMS + 1)
    }
    wanted = {("first", 0): last["first", 0]}
    if wanted["first", 0] == "succeeded":
        wanted |= items | {("beside", 0): last["beside", 0]}
        wanted["each", 0] = min(items.values(), key=WORST_FIRST.index)
    else:
        wanted |= {("each", 0): "skipped", ("beside", 0): "skipped"}
    wanted["last", 0] = last["last", 0] if wanted["each", 0] == "succeeded" else "skipped"
    deciding = [state for place, state in wanted.items() if place[0] != "beside" and state in WORST_FIRST]
    return wanted, min(deciding, key=WORST_FIRST.index)
