"""Ten programs submit runs at once while the engine is killed again and again: none is lost, none runs twice.

One of them uses `jobfile run --detach`, one is killed and begins again, as a program does that has keys.
"""

import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.acceptance.engines import (
    SOAK_MINUTES,
    check_nothing_open,
    doctor,
    drain,
    engine,
    kill,
    lines_of,
    pause,
    put,
    runs,
    start,
)

REQUESTS, DUPLICATES = (5_000, 500) if SOAK_MINUTES else (300, 30)
PROGRAMS = 10
LIMITS = {"JOBFILE_MAX_RUNNING": 40}
JOBS = """\
version: 1
jobs:
  mail:
    params: {n: {type: integer}}
    concurrency: {limit: none}
    run: echo {{ params.n }} >> executed
"""

PROGRAM = """
import contextlib, io, json, os, sys
from engine.cli.main import run
from jobfile.client import Client

number, how, asked = int(sys.argv[1]), sys.argv[2], json.loads(sys.stdin.read())
told = open(f"told.{number}", "a", buffering=1)

def note(n, id, is_duplicate):
    print(n, id, int(is_duplicate), file=told)

def by_command(n):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(["run", "mail", "-p", f"n={n}", "--key", f"mail-{n}", "--detach"])
    assert code == 0, err.getvalue()
    note(n, out.getvalue().strip(), "duplicate of" in err.getvalue())

client = Client(state_dir=".jobfile", wait_seconds=60)
while asked:
    if how == "command":
        by_command(asked.pop())
    elif how == "many":
        some = [asked.pop() for _ in range(min(20, len(asked)))]
        for n, one in zip(some, client.submit_many([("mail", {"n": n}, f"mail-{n}") for n in some])):
            note(n, one.id, one.is_duplicate)
    else:
        n = asked.pop()
        one = client.submit("mail", {"n": n}, key=f"mail-{n}")
        note(n, one.id, one.is_duplicate)
"""


def program(folder: Path, number: int, asked: list[int]) -> "subprocess.Popen[str]":
    """Start a program that submits a run for each number."""
    how = {0: "command", 1: "many", 2: "many"}.get(number, "one")
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(number), how], cwd=folder, stdin=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(asked))
    process.stdin.close()
    return process


def parts(chance: random.Random) -> list[list[int]]:
    """The numbers that each program submits: each once, and some by two programs."""
    distinct = REQUESTS - DUPLICATES
    asked = [[n for n in range(distinct) if n % PROGRAMS == one] for one in range(PROGRAMS)]
    for n in chance.sample(range(distinct), DUPLICATES):
        other = (n + chance.randrange(1, PROGRAMS)) % PROGRAMS
        asked[other].append(n)
    for one in asked:
        one.sort(reverse=True)  # they come to the same numbers at about the same time
    return asked


@pytest.mark.timeout(SOAK_MINUTES * 60 + 300)
def test_no_submission_is_lost_or_runs_twice_while_the_engine_is_killed(tmp_path: Path) -> None:
    chance = random.Random(20261128)
    put(tmp_path, JOBS)
    with engine(tmp_path, **LIMITS):
        pass
    asked = parts(chance)
    assert sum(map(len, asked)) == REQUESTS
    programs = [program(tmp_path, number, one) for number, one in enumerate(asked)]
    killed, is_repeated = 0, False
    try:
        while any(one.poll() is None for one in programs) or killed < 3:
            process = start(tmp_path, **LIMITS)
            pause(chance.uniform(0.3, 1.5))
            kill(process)
            killed += 1
            if not is_repeated and lines_of(tmp_path / "told.9"):
                kill(programs[9])
                programs[9] = program(tmp_path, 9, asked[9])
                is_repeated = True
        assert [one.wait() for one in programs] == [0] * PROGRAMS
        assert is_repeated
    finally:
        for one in programs:
            kill(one)
    drain(tmp_path, **LIMITS)
    check(tmp_path)
    check_nothing_open(tmp_path)
    doctor(tmp_path)


def check(folder: Path) -> None:
    """Each number has one run, which every request for it was told, and which was executed once."""
    distinct = REQUESTS - DUPLICATES
    found = {str(run.params["n"]): run for run in runs(folder)}
    assert len(runs(folder)) == len(found) == distinct
    told = [line.split() for path in folder.glob("told.*") for line in path.read_text().splitlines()]
    assert {n for n, _, _ in told} == found.keys()
    assert all(found[n].id == run_id for n, run_id, _ in told)
    first = Counter(n for n, _, is_duplicate in told if is_duplicate == "0")
    assert max(first.values()) == 1, "a run is new once"
    assert len(told) >= REQUESTS
    assert Counter(lines_of(folder / "executed")) == Counter(dict.fromkeys(found, 1))
    assert {run.state.value for run in found.values()} == {"succeeded"}
