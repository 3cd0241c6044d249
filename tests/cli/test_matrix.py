"""Jobs with a matrix in the commands: each combination is a run, and the job has one answer."""

from pathlib import Path

import pytest

from tests.cli.conftest import Jobfile
from tests.cli.test_files import fits

FILE = """
version: 1
jobs:
  rebuild:
    matrix:
      region: [eu, us, ap]
      index: [a, b]
      exclude: [{region: ap, index: b}]
    run: |
      echo "{{ matrix.region }}-{{ matrix.index }}" "$JOBFILE_MATRIX_REGION"
      test "{{ matrix.region }}" != us || test -e good
  plain:
    command: ["true"]
"""


@pytest.fixture(autouse=True)
def job_file(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(FILE)


def test_each_combination_runs_and_each_line_has_its_name(jobfile: Jobfile) -> None:
    said = jobfile("run", "rebuild")
    assert said.code == 1
    assert "[index=a, region=eu] | eu-a eu\n" in said.out
    assert said.out.count("\n") == 5
    assert "rebuild [index=b, region=us]: failed" in said.err
    assert "rebuild [index=a, region=ap]: succeeded" in said.err


def test_did_counts_all_and_answers_about_some(jobfile: Jobfile) -> None:
    jobfile("run", "rebuild")
    said = jobfile("did", "rebuild")
    assert said.code == 1
    assert "of 5 combinations 3 succeeded, 2 failed: [index=a, region=us], [index=b, region=us]" in said.out
    assert jobfile("did", "rebuild", "--matrix", "region=eu").code == 0
    assert jobfile("did", "rebuild", "--matrix", "region=us", "--matrix", "index=a").code == 1
    assert "has no axis `regin`" in jobfile("did", "rebuild", "--matrix", "regin=eu").err
    assert "1 of [index=a, region=us]" in jobfile("report").out
    assert "rebuild [index=b, region=us]" in jobfile("runs").out
    assert "[index=a, region=us] failed, exit code 1" in jobfile("why", "rebuild").out
    assert "[index=a, region=us]" in jobfile("logs", "rebuild").err


def test_matrix_selects_combinations(jobfile: Jobfile) -> None:
    said = jobfile("run", "rebuild", "--matrix", "region=ap")
    assert said.code == 0
    assert said.out == "ap-a ap\n"
    dry = jobfile("run", "rebuild", "--matrix", "region=eu", "--dry-run")
    assert "2 runs; this is of region = eu, index = a" in dry.out
    assert "`xx` is not a value of region" in jobfile("run", "rebuild", "--matrix", "region=xx").err
    assert (
        "has no axis `zone`; its axes are region, index"
        in jobfile("run", "rebuild", "--matrix", "zone=x").err
    )
    excluded = jobfile("run", "rebuild", "--matrix", "region=ap", "--matrix", "index=b")
    assert "excludes this combination" in excluded.err
    assert "plain has no `matrix`" in jobfile("run", "plain", "--matrix", "region=eu").err
    assert "--matrix takes NAME=VALUE" in jobfile("run", "rebuild", "--matrix", "eu").err


def test_only_what_failed_is_retried(jobfile: Jobfile, tmp_path: Path) -> None:
    jobfile("run", "rebuild")
    (tmp_path / "good").touch()
    failed = [one["run"] for one in jobfile("retry", "--failed", "--dry-run", "--json").json["runs"]]
    assert [one["matrix"] for one in failed] == [
        {"index": "a", "region": "us"},
        {"index": "b", "region": "us"},
    ]
    for one in failed:
        assert jobfile("retry", one["id"][:8]).code == 0
    said = jobfile("did", "rebuild")
    assert said.code == 0
    assert "all 5 combinations" in said.out
    report = jobfile("report", "--json").json["jobs"][0]
    assert (report["expected"], report["fixed_by_hand"]) == (1, 1)


def test_the_run_of_a_combination_is_chosen_by_its_values_and_its_time(
    jobfile: Jobfile, tmp_path: Path
) -> None:
    jobfile("run", "rebuild", "--at", "2026-03-06T02:30Z")
    jobfile("run", "rebuild", "--at", "2026-03-07T02:30Z", "--matrix", "region=ap")
    one = ("--matrix", "region=us", "--matrix", "index=b")
    assert jobfile("logs", "rebuild", *one).out == "us-b us\n"
    assert jobfile("logs", "rebuild", "--matrix", "region=ap").out == "ap-a ap\n"
    assert jobfile("logs", "rebuild", "--at", "2026-03-06T02:30Z", "--matrix", "region=eu").out in (
        "eu-a eu\n",
        "eu-b eu\n",
    )
    assert jobfile("logs", "rebuild", "--since", "2026-03-01", "--matrix", "region=ap").out == "ap-a ap\n" * 2
    assert (
        "job rebuild has no run at 2026-03-06 02:31"
        in jobfile("logs", "rebuild", "--at", "2026-03-06T02:31Z").err
    )
    nowhere = jobfile("logs", "rebuild", "--at", "2026-03-07T02:30Z", *one)
    assert "no run of rebuild has these values; there are [index=a, region=ap]" in nowhere.err
    assert "has no axis `zone`" in jobfile("logs", "rebuild", "--matrix", "zone=x").err
    run = jobfile("runs", "rebuild", "--json").json["runs"][0]["id"]
    assert "choose a run of a JOB" in jobfile("logs", run, "--matrix", "region=us").err
    assert "--since shows several runs" in jobfile("logs", "rebuild", "--since", "1d", "--at", "1d").err
    assert jobfile("outputs", "rebuild", *one).code == 0
    assert jobfile("artifacts", "rebuild", *one).code == 0


def test_the_run_to_retry_is_named_by_its_time(jobfile: Jobfile, tmp_path: Path) -> None:
    at = ("--at", "2026-03-06T02:30Z")
    jobfile("run", "rebuild", *at)
    assert "which run of rebuild? Add --at TIME" in jobfile("retry", "rebuild").err
    assert (
        "rebuild had 5 runs then; add --matrix for one of [index=a, region=eu]"
        in jobfile("retry", "rebuild", *at).err
    )
    one = (*at, "--matrix", "region=us", "--matrix", "index=b")
    (tmp_path / "good").touch()
    assert jobfile("retry", "rebuild", *one).code == 0
    again = jobfile("retry", "rebuild", *one)
    assert "succeeded; to retry it anyway: --force" in again.err
    assert jobfile("logs", "rebuild", *one).out == "us-b us\n"
    retried = [run["retry_of"] for run in jobfile("runs", "rebuild", "--json").json["runs"]]
    assert sum(old is not None for old in retried) == 1
    assert "--at and --matrix name one run" in jobfile("retry", "rebuild", "--failed", *at).err


def test_the_data_has_the_combination(jobfile: Jobfile) -> None:
    ran = jobfile("run", "rebuild", "--json").json
    fits(ran, "wait")
    assert {one["matrix"]["region"] for one in ran["runs"]} == {"eu", "us", "ap"}
    fits(jobfile("run", "rebuild", "--detach", "--json").json, "wait")
    fits(jobfile("run", "rebuild", "--matrix", "region=ap", "--json").json, "run")
    did = jobfile("did", "rebuild", "--json").json
    fits(did, "did")
    assert len(jobfile("did", "rebuild", "--matrix", "index=a", "--json").json["items"][0]["runs"]) >= 1
    fits(jobfile("runs", "--json").json, "runs")
    fits(jobfile("report", "--json").json, "report")
    fits(jobfile("logs", "rebuild", "--json").json, "logs")
    fits(jobfile("why", "rebuild", "--json").json, "why")
    fits(jobfile("retry", "--failed", "--dry-run", "--json").json, "retry-failed")
    assert jobfile("doctor", "--json").json["format"] == 1


def test_a_case_is_about_one_combination(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "a.test.yaml").write_text(
        """
version: 1
tests:
  europe:
    job: rebuild
    given: {matrix: {region: eu}}
    expect: {env: {JOBFILE_MATRIX_REGION: eu}, state: succeeded}
  nowhere:
    job: rebuild
    given: {matrix: {region: xx}}
    expect: {state: succeeded}
"""
    )
    said = jobfile("test")
    assert "the job's matrix has no combination with region=xx" in said.out
    assert "1 passed" in said.out or "europe" in said.out


@pytest.mark.parametrize(("job", "count"), [("check-stock", 5), ("one-at-a-time", 4)])
def test_the_sample_runs(jobfile: Jobfile, job: str, count: int) -> None:
    sample = Path(__file__).parents[2] / "samples" / "matrix.yaml"
    said = jobfile("run", job, "-f", str(sample), "--state", "state")
    assert (said.code, said.out.count("\n")) == (0, count)
