"""Both roles of a host as real processes: what they say at their start."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.engines import JOBFILE, put, say, until
from tests.acceptance.warm import Jobfile
from tests.postgres_servers import a_server

AS_ROOT = "warning: the engine runs as root, and so does every job"


@pytest.mark.skipif(os.geteuid() != 0, reason="only an engine of root warns")
@pytest.mark.parametrize(("role", "times"), [("all", 1), ("worker", 1), ("scheduler", 0)])
def test_what_executes_jobs_as_root_warns_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str, times: int
) -> None:
    """With both roles it is the worker that warns: the process above it and the scheduler execute nothing."""
    put(tmp_path, "version: 1\njobs:\n  one: {run: 'true'}\n")
    with a_server() as server:
        monkeypatch.setenv("JOBFILE_STORE", server.url())
        assert say(tmp_path, "apply", "--yes").returncode == 0  # a worker alone needs a ledger
        with (tmp_path / "said").open("w") as said:
            host = Jobfile(
                [JOBFILE, "up", "--role", role],
                cwd=tmp_path,
                stdin=subprocess.DEVNULL,
                stderr=said,
                stdout=said,
            )
        try:
            wanted = {"all": ("leads", "takes work"), "worker": ("takes work",), "scheduler": ("leads",)}[
                role
            ]
            until(
                lambda: all(one in (tmp_path / "said").read_text() for one in wanted), "every part of it runs"
            )
        finally:
            host.terminate()
            assert host.wait(timeout=60) == 0
        assert (tmp_path / "said").read_text().count(AS_ROOT) == times
