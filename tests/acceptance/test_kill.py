"""kill -9 of the engine at random instants: accounted once, executed once, every exit code true."""

import random
import time
from pathlib import Path

from engine.core.lifecycle import Run, RunState
from tests.acceptance.engines import (
    check_every_instant,
    check_nothing_open,
    doctor,
    drain,
    kill,
    lines_of,
    pause,
    runs,
    start,
)

JOBS = 12
WANTED_RUNS = 200
LONGEST = 90.0

# Each run writes its name and ends with a code that only its own id explains.
SCRIPT = """\
      echo "$JOBFILE_RUN_ID-$JOBFILE_ATTEMPT" >> executed
      sleep 0.$(( 0x$(printf %.1s "$JOBFILE_RUN_ID") % 5 ))
      exit $(( 0x$(printf %.2s "$JOBFILE_RUN_ID") % 4 ))
"""


def expected_code(run: Run) -> int:
    return int(run.id[:2], 16) % 4


def write_jobs(folder: Path) -> None:
    jobs = "".join(
        f"  job{index:02}:\n    schedule: {{every: 1s}}\n    timeout: 1m\n    run: |\n{SCRIPT}"
        for index in range(JOBS)
    )
    (folder / "jobs.yaml").write_text(f"version: 1\njobs:\n{jobs}")


def test_f01_nothing_is_lost_doubled_or_invented_when_the_engine_is_killed(tmp_path: Path) -> None:
    write_jobs(tmp_path)
    chance = random.Random(20260305)
    kills = 0
    began = time.monotonic()
    while time.monotonic() - began < LONGEST:
        engine = start(tmp_path)
        pause(chance.uniform(0.2, 2.5))
        kill(engine)
        kills += 1
        if kills >= 12 and len(lines_of(tmp_path / "executed")) >= WANTED_RUNS:
            break
    drain(tmp_path)
    executed = lines_of(tmp_path / "executed")
    assert len(executed) >= WANTED_RUNS
    assert len(executed) == len(set(executed)), "a command was executed twice"
    tried = [run for run in runs(tmp_path) if run.attempt]
    assert set(executed) == {f"{run.id}-{run.attempt}" for run in tried}, "executed and recorded differ"
    for run in tried:
        assert run.exit_code == expected_code(run), "a wrong exit code"
        wanted = RunState.SUCCEEDED if expected_code(run) == 0 else RunState.FAILED
        assert run.state is wanted
    check_nothing_open(tmp_path)
    check_every_instant(tmp_path)
    doctor(tmp_path)
