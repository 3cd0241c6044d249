"""How an engine ends: what runs goes on, or with --stop-jobs is cancelled, recorded and gone."""

import resource
import signal
import subprocess
from pathlib import Path
from subprocess import PIPE

import pytest

from tests.acceptance.engines import JOBFILE, ask, has_jobs, is_there, say, until
from tests.acceptance.warm import Jobfile

JOBS = """\
version: 1
jobs:
  polite:
    run: trap 'echo bye > polite; exit 3' TERM; touch polite-runs; sleep 60 & wait
    working_dir: .
  deaf:
    run: trap '' TERM; touch deaf-runs; sleep 60 & wait; sleep 60
    working_dir: .
    kill_grace: 1s
  saves:
    run: |
      (
        trap 'sleep 2.5; echo saved > saved; exit 0' TERM; touch saves-runs
        while :; do sleep 0.05; done
      )
      echo never
    working_dir: .
"""
ALL = ("polite", "deaf", "saves")


def states(folder: Path) -> dict[str, tuple[str, str]]:
    return {run["job"]: (run["state"], run["reason"]) for run in ask(folder, "runs")["runs"]}


@pytest.mark.parametrize("stops", [True, False])
def test_a_stopped_engine_leaves_jobs_or_ends_them(tmp_path: Path, stops: bool) -> None:
    (tmp_path / "jobs.yaml").write_text(JOBS)
    options = ["--stop-jobs"] if stops else []
    engine = Jobfile([JOBFILE, "up", *options], cwd=tmp_path, stdout=subprocess.DEVNULL)
    until(lambda: has_jobs(tmp_path), "running")
    for job in ALL:
        assert say(tmp_path, "run", job, "--detach").returncode == 0
        until(lambda: (tmp_path / f"{job}-runs").exists(), job)  # noqa: B023  asked for at once
    engine.send_signal(signal.SIGTERM)
    assert engine.wait(timeout=20) == 0
    if stops:
        assert states(tmp_path) == dict.fromkeys(ALL, ("cancelled", "stopped"))
        assert (tmp_path / "polite").read_text() == "bye\n"
        assert (tmp_path / "saved").read_text() == "saved\n", "its shell died at once, and it had its grace"
        assert ask(tmp_path, "status")["running"] == 0
        return
    assert states(tmp_path) == dict.fromkeys(ALL, ("running", None))
    engine = Jobfile([JOBFILE, "up", "--stop-jobs"], cwd=tmp_path, stdout=subprocess.DEVNULL)
    until(lambda: is_there(tmp_path), "the next one")
    engine.send_signal(signal.SIGTERM)
    assert engine.wait(timeout=20) == 0
    assert {state for state, _ in states(tmp_path).values()} == {"cancelled"}


def test_the_engine_takes_many_open_files_and_its_jobs_keep_their_limit(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text("version: 1\njobs: {ask: {run: ulimit -Sn}}\n")
    soft, hard = 256, resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    engine = subprocess.Popen(
        [JOBFILE, "up"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard)),
    )
    until(lambda: has_jobs(tmp_path), "running")
    assert say(tmp_path, "run", "ask").stdout.splitlines()[0] == str(soft)
    assert resource.prlimit(engine.pid, resource.RLIMIT_NOFILE) == (hard, hard)
    engine.send_signal(signal.SIGTERM)
    assert engine.wait(timeout=20) == 0


@pytest.mark.parametrize("is_engine_there", [True, False])
def test_who_loses_the_state_folder_says_so_and_ends(tmp_path: Path, is_engine_there: bool) -> None:
    (tmp_path / "jobs.yaml").write_text(JOBS)
    (tmp_path / "deaf-runs").touch()
    engine = None
    if is_engine_there:
        engine = Jobfile([JOBFILE, "up"], cwd=tmp_path, stdout=PIPE, stderr=PIPE, text=True)
        until(lambda: has_jobs(tmp_path), "running")
    following = Jobfile([JOBFILE, "run", "polite"], cwd=tmp_path, stdout=PIPE, stderr=PIPE, text=True)
    until(lambda: (tmp_path / "polite-runs").exists(), "the run")
    (tmp_path / ".jobfile").rename(tmp_path / "elsewhere")
    for process in (following, engine):
        if process is not None:
            _, said = process.communicate(timeout=25)
            assert process.returncode == 1
            assert "was removed or replaced while" in said
    (tmp_path / "elsewhere").rename(tmp_path / ".jobfile")
    with_engine = Jobfile([JOBFILE, "up", "--stop-jobs"], cwd=tmp_path, stdout=subprocess.DEVNULL)
    until(lambda: is_there(tmp_path), "the next one")
    with_engine.send_signal(signal.SIGTERM)
    assert with_engine.wait(timeout=20) == 0
    assert {state for state, _ in states(tmp_path).values()} == {"cancelled"}


def test_an_engine_that_is_spared_when_memory_runs_out_does_not_spare_its_jobs(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text("version: 1\njobs: {ask: {run: cat /proc/self/oom_score_adj}}\n")
    spared = 'echo -500 > /proc/self/oom_score_adj; exec "$@"'
    done = subprocess.run(
        ["sh", "-c", spared, "sh", JOBFILE, "run", "ask"], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "0\n")
