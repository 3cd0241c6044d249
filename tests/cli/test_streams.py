"""A full standard output is told in one line, with an exit code of its own, whatever the command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.cli.main import COMMANDS, UNWRITTEN, run
from tests.cli.conftest import Jobfile

PRINTS = [
    "did good",
    "did good --json",
    "why good",
    "list",
    "report",
    "report --json",
    "runs",
    "runs good --json",
    "logs good",
    "status",
    "doctor",
    "clock",
    "show good",
    "next",
    "next --json",
    "explain JF101",
    "explain-schedule @daily",
    "schema",
    "check --format json",
    "simulate --from 2026-01-01",
    "plan",
    "init fresh",
    "run good --dry-run",
    "--version",
    "--help",
    *(f"{name} --help" for name in COMMANDS),
]


@pytest.mark.parametrize("line", PRINTS)
def test_a_full_standard_output_is_no_bug(
    line: str, jobfile: Jobfile, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    if "--help" not in line:
        jobfile("run", "good")
    capfdbinary.readouterr()
    with open("/dev/full", "w", encoding="utf-8") as full, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", full)
        assert run(line.split()) == UNWRITTEN
    *before, last = capfdbinary.readouterr().err.splitlines()
    assert last == b"error: cannot write: No space left on device"
    assert len(before) == int(line == "logs good"), "logs says there which run it shows"


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [["--version"], ["check", "--json"], ["nope"]])
def test_nothing_more_is_said_at_the_end_of_the_process(
    arguments: list[str], unbuffered: str, tmp_path: Path
) -> None:
    (tmp_path / "jobs.yaml").write_text("version: 1\njobs: {}\n")
    environ = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    command = [sys.executable, "-m", "engine.cli.main", *arguments]
    with open("/dev/full", "wb") as full:
        said = subprocess.run(command, cwd=tmp_path, env=environ, stdout=full, stderr=subprocess.PIPE)
        if arguments == ["nope"]:
            assert said.returncode == 64  # a usage error is told on standard error
        else:
            told = "error: cannot write: No space left on device\n"
            assert (said.returncode, said.stderr.decode()) == (UNWRITTEN, told)
        both = subprocess.run(command, cwd=tmp_path, env=environ, stdout=full, stderr=full)
        assert both.returncode == UNWRITTEN


def test_a_reader_that_has_left_is_no_failure_to_write(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text("version: 1\njobs: {}\n")
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "engine.cli.main", "schema"]
    said = subprocess.run(command, cwd=tmp_path, stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert said.returncode != UNWRITTEN
    assert said.stderr == b""
