"""A container is gone, whatever dies: its processes are below no supervisor, but below a daemon."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.core.lifecycle import RunState
from tests.acceptance.engines import (
    end,
    final,
    kill,
    put,
    say,
    start_ready,
    submit,
    supervisor,
    supervisor_of,
    until,
)
from tests.engine.containers import Docker, docker_in

JOBS = """\
version: 1
jobs:
  plain: {container: {image: a}, run: 'echo $$ > "$JOBFILE_RUN_DIR/pid"; exec sleep 1000'}
  steps: {steps: {one: {container: {image: a}, run: 'echo $$ > "$JOBFILE_RUN_DIR/pid"; exec sleep 1000'}}}
"""


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Docker]:
    with docker_in(tmp_path / "bin") as made:
        monkeypatch.setenv("PATH", f"{made.folder}:{os.environ['PATH']}")
        yield made


def inside(folder: Path) -> int:
    """The process in the container."""
    found = until(lambda: [one for one in (folder / ".jobfile/runs").rglob("pid") if one.read_text().strip()])
    return int(found[0].read_text())


def is_over(pid: int) -> bool:
    """The daemon waits for its processes, so one that has ended is gone."""
    return not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("job", ["plain", "steps"])
@pytest.mark.parametrize("is_engine_there", [True, False])
def test_a_container_whose_supervisor_was_killed_is_removed_before_its_run_is_lost(
    tmp_path: Path, docker: Docker, job: str, *, is_engine_there: bool
) -> None:
    put(tmp_path, JOBS)
    engine = start_ready(tmp_path)
    run_id = submit(tmp_path, job)
    pid = inside(tmp_path)
    if not is_engine_there:
        kill(engine)
    os.kill(supervisor(tmp_path, run_id) if job == "plain" else step_supervisor(tmp_path), signal.SIGKILL)
    if not is_engine_there:
        engine = start_ready(tmp_path)
    assert final(tmp_path, run_id).state is RunState.LOST
    until(lambda: is_over(pid))
    (removed,) = docker.calls("rm")
    assert removed[-1].startswith(f"jobfile-{run_id}.")
    assert end(engine) == 0
    assert len(docker.calls("run")) == 1


def step_supervisor(folder: Path) -> int:
    """The supervisor of the only attempt of a step."""
    (evidence,) = (folder / ".jobfile/runs").rglob("*.evidence")
    found = until(lambda: supervisor_of(evidence.with_suffix("")))
    assert found is not None
    return found


def test_a_cancelled_container_is_stopped_and_removed(tmp_path: Path, docker: Docker) -> None:
    put(tmp_path, JOBS)
    engine = start_ready(tmp_path)
    run_id = submit(tmp_path, "plain")
    pid = inside(tmp_path)
    assert say(tmp_path, "cancel", run_id).returncode == 0
    assert final(tmp_path, run_id).state is RunState.CANCELLED
    assert is_over(pid)
    assert docker.calls("rm")
    assert end(engine) == 0


def test_a_client_that_is_killed_takes_its_container_with_it(tmp_path: Path, docker: Docker) -> None:
    put(tmp_path, JOBS)
    engine = start_ready(tmp_path)
    run_id = submit(tmp_path, "plain")
    pid = inside(tmp_path)
    clients = [
        one
        for one in Path("/proc").glob("[0-9]*/cmdline")
        if f"--name=jobfile-{run_id}".encode() in one.read_bytes()
    ]
    os.kill(int(clients[0].parent.name), signal.SIGKILL)
    assert final(tmp_path, run_id).state is RunState.FAILED
    assert is_over(pid)
    assert end(engine) == 0
