"""The keys around a run, env_file, skip_exit, deadline and artifacts, in a dry run and in their samples."""

from pathlib import Path

from tests.cli.conftest import Jobfile

SAMPLES = Path(__file__).parents[2] / "samples"
FILE = """\
version: 1
jobs:
  a:
    env_file: [.env, {path: "b.env?", secret: true}]
    skip_exit: [75, 80-89]
    deadline: 1h
    timeout: 10m
    artifacts: ["*.log"]
    run: echo hello
"""


def test_a_dry_run_shows_them_and_reads_nothing(jobfile: Jobfile) -> None:
    Path("jobs.yaml").write_text(FILE)
    Path(".env").write_text("not a variable")
    Path(".env").chmod(0o600)
    lines = {tuple(line.split(None, 1)) for line in jobfile("run", "a", "--dry-run").out.splitlines()}
    assert {
        ("env_file", ".env   exists"),
        ("env_file", "b.env   does not exist, and need not; its values are masked"),
        ("deadline", "1h for all attempts"),
        ("skip_exit", "exit code 75, 80-89: it had nothing to do"),
        ("artifacts", "*.log   copied when an attempt ends"),
    } <= lines


def test_a_dry_run_says_that_a_file_of_variables_is_missing(jobfile: Jobfile) -> None:
    Path("jobs.yaml").write_text(FILE)
    said = jobfile("run", "a", "--dry-run")
    assert "env_file   .env   DOES NOT EXIST" in said.out
    assert "would run: no" in said.out
    assert jobfile("run", "a").code == 3  # it did not run


def test_the_sample_of_a_deadline_runs(jobfile: Jobfile) -> None:
    Path("jobs.yaml").write_text((SAMPLES / "deadline.yaml").read_text())
    said = jobfile("run", "fetch-rates")
    assert (said.code, said.out) == (0, "fetching, attempt 1\n")
