"""A folder with a job file, and the command line in it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from engine.cli.main import run

JOBS = """\
version: 1
jobs:
  good:
    params: {name: {type: string, default: world}, count: {type: integer, default: 1}}
    schedule: "0 4 * * *"
    run: |
      echo "hello, {{ params.name }} {{ params.count }}"
  bad:
    run: echo trouble >&2; exit 7
  flaky:
    retry: {attempts: 2, delay: 1s, jitter: none, max_delay: 1s}
    run: test "$JOBFILE_ATTEMPT" = 2
  slow:
    run: echo begun; sleep 30
    kill_grace: 1s
"""


class Said(NamedTuple):
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Jobfile = Callable[..., Said]


@pytest.fixture
def jobfile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Jobfile:
    """The command `jobfile`, in a folder with JOBS."""
    (tmp_path / "jobs.yaml").write_text(JOBS)
    monkeypatch.chdir(tmp_path)
    for name in ("JOBFILE_STATE", "JOBFILE_STORE"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str) -> Said:
        capfdbinary.readouterr()
        code = run(list(arguments))
        out, err = capfdbinary.readouterr()
        return Said(code, out.decode(), err.decode())

    return call
