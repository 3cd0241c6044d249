"""How an engine ends: what runs goes on, or with --stop-jobs is cancelled, recorded and gone."""

import signal
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.engines import JOBFILE, ask, say, until

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
"""


def states(folder: Path) -> dict[str, tuple[str, str]]:
    return {run["job"]: (run["state"], run["reason"]) for run in ask(folder, "runs")}


@pytest.mark.parametrize("stops", [True, False])
def test_a_stopped_engine_leaves_jobs_or_ends_them(tmp_path: Path, stops: bool) -> None:
    (tmp_path / "jobs.yaml").write_text(JOBS)
    options = ["--stop-jobs"] if stops else []
    engine = subprocess.Popen([JOBFILE, "up", *options], cwd=tmp_path, stdout=subprocess.DEVNULL)
    until(lambda: ask(tmp_path, "status")["engine"]["running"], "running")
    for job in ("polite", "deaf"):
        assert say(tmp_path, "run", job, "--detach").returncode == 0
        until(lambda: (tmp_path / f"{job}-runs").exists(), job)  # noqa: B023  asked for at once
    engine.send_signal(signal.SIGTERM)
    assert engine.wait(timeout=20) == 0
    if stops:
        assert states(tmp_path) == {"polite": ("cancelled", "stopped"), "deaf": ("cancelled", "stopped")}
        assert (tmp_path / "polite").read_text() == "bye\n"
        assert ask(tmp_path, "status")["running"] == 0
        return
    assert states(tmp_path) == {"polite": ("running", ""), "deaf": ("running", "")}
    engine = subprocess.Popen([JOBFILE, "up", "--stop-jobs"], cwd=tmp_path, stdout=subprocess.DEVNULL)
    until(lambda: ask(tmp_path, "status")["engine"]["running"], "the next one")
    engine.send_signal(signal.SIGTERM)
    assert engine.wait(timeout=20) == 0
    assert {state for state, _ in states(tmp_path).values()} == {"cancelled"}
