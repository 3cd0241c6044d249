"""`jobfile outputs`, and the outputs in other answers."""

from pathlib import Path

import pytest

from tests.cli.conftest import Jobfile
from tests.cli.test_schemas import fits

GIVING = """\
version: 1
jobs:
  count:
    outputs:
      rows: {type: integer}
      files: {type: array, items: {type: string}}
    run: echo '{"rows":7,"files":["a.csv","b.csv"]}' >> "$JOBFILE_OUTPUT"
  short:
    outputs: {rows: {type: integer}}
    run: echo '{"rows":"seven"}' >> "$JOBFILE_OUTPUT"
  plain:
    run: echo '{"rows":7}' >> "$JOBFILE_OUTPUT"
"""


@pytest.fixture
def giving(jobfile: Jobfile) -> Jobfile:
    Path("jobs.yaml").write_text(GIVING)
    return jobfile


def test_a_run_shows_what_it_gave(giving: Jobfile) -> None:
    run = giving("run", "count", "--json")
    fits(run.json, "run")
    said = giving("outputs", "count")
    assert said.out == "files  a.csv,b.csv\nrows   7\n"
    plain = giving("outputs", run.json["id"], "--json").json
    fits(plain, "outputs")
    assert plain["outputs"] == run.json["outputs"]
    assert [(one["name"], one["value"]) for one in plain["outputs"]] == [
        ("files", ["a.csv", "b.csv"]),
        ("rows", 7),
    ]
    assert "outputs     files=a.csv,b.csv, rows=7" in giving("why", "count").out
    fits(giving("wait", run.json["id"], "--json").json, "wait")


def test_a_run_with_a_wrong_output_failed_and_says_why(giving: Jobfile) -> None:
    said = giving("run", "short")
    assert said.code == 1
    assert "output `rows`: expected an integer, found `seven`" in said.err
    assert giving("outputs", "short").out.startswith("run ")
    assert giving("outputs", "short").out.endswith("of short has returned no outputs\n")


def test_a_job_that_declares_no_outputs_is_reported(giving: Jobfile) -> None:
    assert giving("outputs", "plain").code == 64
    assert giving("run", "plain").code == 0
    assert giving("outputs", "plain").out.endswith("of plain has no outputs: its job declares none\n")
