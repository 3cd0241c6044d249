"""kill -9 of the engine at random instants: accounted once, executed once, every exit code true."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.answers.expected import INSTANT
from engine.answers.report import make_report
from engine.lifecycle import OPEN_STATES, Run, RunState
from engine.store.sqlite.view import SqliteView
from jobfile.occurrences import fires

JOBFILE = [sys.executable, "-m", "engine.cli.main"]
JOBS = 12
WANTED_RUNS = 200
LONGEST = 90.0
FAR = datetime(2100, 1, 1, tzinfo=UTC)

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


def wait(seconds: float) -> None:
    threading.Event().wait(seconds)


def start_engine(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*JOBFILE, "up"], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def test_nothing_is_lost_doubled_or_invented_when_the_engine_is_killed(tmp_path: Path) -> None:
    write_jobs(tmp_path)
    chance = random.Random(20260305)
    kills = 0
    began = datetime.now(UTC)
    while (datetime.now(UTC) - began).total_seconds() < LONGEST:
        engine = start_engine(tmp_path)
        wait(chance.uniform(0.2, 2.5))
        engine.send_signal(signal.SIGKILL)
        engine.wait()
        kills += 1
        if kills >= 12 and started_runs(tmp_path) >= WANTED_RUNS:
            break
    drain(tmp_path)
    view = SqliteView.open(tmp_path / ".jobfile" / "ledger.db")
    runs = view.recent_runs(job=None, state=None, limit=100_000)
    executed = (tmp_path / "executed").read_text().split()
    assert len(executed) >= WANTED_RUNS
    assert len(executed) == len(set(executed)), "a command was executed twice"
    started = {f"{run.id}-{run.attempt}" for run in runs if run.attempt}
    assert set(executed) == started, "executed and recorded are not the same"
    assert not [run for run in runs if run.state in OPEN_STATES]
    for run in runs:
        if run.attempt:
            assert run.exit_code == expected_code(run), "a wrong exit code"
            wanted = RunState.SUCCEEDED if expected_code(run) == 0 else RunState.FAILED
            assert run.state is wanted
    check_every_instant(view, runs)


def started_runs(folder: Path) -> int:
    path = folder / "executed"
    return len(path.read_text().split()) if path.exists() else 0


def end_in_order(engine: subprocess.Popen[bytes]) -> None:
    engine.send_signal(signal.SIGTERM)
    try:
        assert engine.wait(20) == 0
    finally:
        engine.kill()
        engine.wait()


def drain(folder: Path) -> None:
    """Faults stop: a last engine without schedules must bring everything to its end."""
    text = (folder / "jobs.yaml").read_text().replace("schedule: {every: 1s}", "enabled: true")
    engine = start_engine(folder)
    wait(1.5)
    (folder / "jobs.yaml").write_text(text)
    view = SqliteView.open(folder / ".jobfile" / "ledger.db")
    for _ in range(150):
        wait(0.1)
        schedules = view.schedules_between(None, since=datetime.now(UTC), until=FAR)
        is_ended = all(schedule.active_until is not None for schedule in schedules)
        if is_ended and not view.open_runs():
            break
    end_in_order(engine)
    view.close()


def check_every_instant(view: SqliteView, runs: tuple[Run, ...]) -> None:
    since, until = datetime(2020, 1, 1, tzinfo=UTC), datetime.now(UTC) + timedelta(days=1)
    for schedule in view.schedules_between(None, since=since, until=until):
        assert schedule.active_until is not None
        expected = [
            fire.at
            for fire in fires(schedule.entries, after=schedule.active_from, until=schedule.active_until)
        ]
        accounted = [run.scheduled_for for run in runs if run.job == schedule.job]
        for gap in view.gaps_between(schedule.job, since=since, until=until):
            found = fires(gap.entries, after=gap.first_at - INSTANT, until=gap.last_at)
            accounted += [fire.at for fire in found]
        assert sorted(accounted) == expected, f"{schedule.job} is not accounted for"
    report = make_report(view, since=since, until=until, now=datetime.now(UTC))
    assert all(row.adds_up for row in report.rows)


def test_an_engine_that_is_killed_leaves_its_jobs_running_and_the_next_adopts_them(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(
        "version: 1\njobs:\n  long:\n    timeout: 1m\n    run: |\n"
        "      echo begun; sleep 3; echo done; exit 7\n"
    )
    engine = start_engine(tmp_path)
    wait(1.5)
    detached = subprocess.run(
        [*JOBFILE, "run", "long", "--detach"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    run_id = detached.stdout.strip()
    wait(0.7)
    os.kill(engine.pid, signal.SIGKILL)
    engine.wait()
    second = start_engine(tmp_path)
    view = SqliteView.open(tmp_path / ".jobfile" / "ledger.db")
    for _ in range(100):
        wait(0.1)
        run = view.run(run_id)
        if run is not None and run.state.is_final:
            break
    assert run is not None
    assert (run.state, run.exit_code, run.attempt) == (RunState.FAILED, 7, 1)
    logs = subprocess.run(
        [*JOBFILE, "logs", run_id, "--json"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert json.loads(logs.stdout)["attempts"][0]["output"] == "begun\ndone\n"
    end_in_order(second)
