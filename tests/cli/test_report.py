"""`jobfile report`: which jobs, which time, which form."""

import csv
import io
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.cli.conftest import Jobfile
from tests.cli.test_files import fits
from tests.cli.test_filters import three_hours

MATRIX = """\
version: 1
jobs:
  rebuild:
    tags: [night]
    matrix: {region: [eu, us], index: [a, b]}
    run: test "{{ matrix.region }}" = eu
  plain: {tags: [night], command: ["true"]}
"""


@pytest.fixture
def past(jobfile: Jobfile, tmp_path: Path) -> Jobfile:
    """Three hours: of three runs of each schedule the second failed."""
    three_hours(tmp_path)
    return jobfile


def test_several_jobs_are_counted_in_utc_and_one_in_its_zone(past: Jobfile) -> None:
    since = ("--since", "2026-01-01")
    both = past("report", "backup", "deploy", "backup", *since)
    assert [line.split()[0] for line in both.out.splitlines()[3:]] == ["backup", "deploy", "total"]
    assert " UTC to " in both.out
    assert " JST to " in past("report", "backup", *since).out
    assert "choose from all jobs" in past("report", "backup", "--tag", "web").err
    assert "no job `backp`" in past("report", "backup", "backp").err


def test_on_is_a_day_a_week_or_a_month_and_the_only_time(past: Jobfile) -> None:
    week = past("report", "backup", "--on", "2026-W47", "--json").json
    assert (week["since"], week["until"]) == ("2026-11-15T15:00:00+00:00", "2026-11-22T15:00:00+00:00")
    assert "both say when; remove one" in past("report", "--on", "today", "--since", "2h").err
    assert past("report", "--on", "today", "--until", "now").code == 64
    assert "is not a time" in past("report", "--on", "someday").err


def test_months_are_compared_with_months(past: Jobfile) -> None:
    found = past("report", "backup", "--on", "2024-03", "--compare", "--json").json
    fits(found, "report")
    assert found["compare"]["since"] == "2024-01-31T15:00:00+00:00"
    assert found["compare"]["until"] == found["since"]
    assert past("report", "--json").json["compare"] is None


def test_a_second_period_has_no_place_in_junit_xml(past: Jobfile) -> None:
    said = past("report", "--compare", "--format", "junit")
    assert (said.code, said.out) == (64, "")
    assert "remove --compare" in said.err


def test_each_form_is_printed_with_the_same_exit_code(past: Jobfile) -> None:
    forms = {
        form: past("report", "--since", "2026-01-01", "--format", form)
        for form in ("text", "json", "markdown", "junit", "html", "csv")
    }
    assert {said.code for said in forms.values()} == {1}
    assert ElementTree.fromstring(forms["junit"].out).get("tests") == "3"
    assert forms["html"].out.startswith("<!doctype html>")
    assert forms["markdown"].out.startswith("<!-- jobfile-report -->\n### jobfile report: ")
    lines = list(csv.DictReader(io.StringIO(forms["csv"].out)))
    assert sum(int(one["failed"]) for one in lines) == forms["json"].json["failed"] > 0
    assert {one["period"] for one in lines} == {"now"}
    assert forms["csv"].out.count("\r\n") == forms["csv"].out.count("\n") == len(lines) + 1
    compared = past("report", "--since", "1h", "--compare", "--format", "csv").out
    assert compared.splitlines()[0] == forms["csv"].out.splitlines()[0]


def test_combinations_are_chosen_of_one_job_or_of_all(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(MATRIX)
    jobfile("run", "rebuild")
    jobfile("run", "plain")
    assert jobfile("report").code == 1
    good = jobfile("report", "--matrix", "region=eu")
    assert (good.code, good.out.splitlines()[-1].split()) == (0, ["rebuild", "1", "1"])
    assert jobfile("report", "rebuild", "--matrix", "region=us", "--matrix", "index=a").code == 1
    assert jobfile("report", "--tag", "night", "--matrix", "region=eu").code == 0
    assert "no job has a matrix with region=ap" in jobfile("report", "--matrix", "region=ap").err
    assert "has no `matrix`; remove --matrix" in jobfile("report", "plain", "--matrix", "region=eu").err
    assert "has no axis `regin`" in jobfile("report", "rebuild", "--matrix", "regin=eu").err
