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


LABELS = "version: 1\njobs:\n  a: {runs_on: [gpu, eu], run: echo hello}\n  b: {run: ls}\n"
SAID = "warning: the ledger is a file, so every job runs on this host, whatever its labels"


def test_labels_are_shown_and_without_hosts_to_choose_from_they_have_no_effect(jobfile: Jobfile) -> None:
    Path("jobs.yaml").write_text(LABELS)
    host = "runs on a host with the labels eu, gpu   (on this one, whatever its labels: the ledger is a file)"
    assert f"host     {host}" in jobfile("run", "a", "--dry-run").out
    assert "host " not in jobfile("run", "b", "--dry-run").out
    assert "runs_on: [eu, gpu]" in jobfile("show", "a").out
    assert "runs_on" not in jobfile("show", "b").out
    assert (said := jobfile("apply", "--yes")).code == 0
    assert said.err == f"{SAID}: `runs_on` has no effect (`a`)\n"
    assert jobfile("run", "a").out == "hello\n"


def test_a_change_of_labels_is_a_change_of_hosts(jobfile: Jobfile) -> None:
    Path("jobs.yaml").write_text(LABELS)
    jobfile("apply", "--yes")
    Path("jobs.yaml").write_text(
        LABELS.replace("[gpu, eu]", "gpu").replace("run: ls", "run: ls, runs_on: gpu")
    )
    said = jobfile("plan").out
    assert "runs_on     a host with the labels eu, gpu -> a host with the label gpu" in said
    assert "runs_on     any host -> a host with the label gpu" in said
    Path("jobs.yaml").write_text(LABELS.replace("  a: {runs_on: [gpu, eu], run: echo hello}\n", ""))
    assert jobfile("apply", "--yes").err == ""


def test_a_simulation_and_a_case_ignore_labels(jobfile: Jobfile) -> None:
    plain = "version: 1\njobs:\n  a: {schedule: 0 3 * * *, description: x, run: echo hello}\n"
    Path("jobs.test.yaml").write_text(
        "version: 1\ntests:\n  it says hello: {job: a, expect: {state: succeeded}}\n"
    )
    said = []
    for text in (plain, plain.replace("run:", "runs_on: [gpu, eu], run:")):
        Path("jobs.yaml").write_text(text)
        said.append(jobfile("simulate", "--from", "2026-03-01", "--days", "3").out)
        assert jobfile("test").code == 0
    assert said[0] == said[1]
