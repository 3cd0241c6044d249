"""A run that had nothing to do, in each answer."""

from pathlib import Path

from tests.cli.conftest import Jobfile
from tests.cli.test_schemas import fits

SAMPLE = Path(__file__).parents[2] / "samples" / "skip_exit.yaml"


def test_every_answer_says_that_there_was_nothing_to_do(jobfile: Jobfile) -> None:
    Path("jobs.yaml").write_text(SAMPLE.read_text())
    run = jobfile("run", "load-if-new", "--json")
    assert run.code == 3
    fits(run.json, "run")
    assert (run.json["state"], run.json["reason"], run.json["exit_code"]) == ("skipped", "nothing_to_do", 75)
    did = jobfile("did", "load-if-new")
    assert did.code == 3
    assert did.out.startswith("load-if-new: no, it ran and had nothing to do: skipped (requested at ")
    assert "skipped, it had nothing to do: exit code 75" in jobfile("why", "load-if-new").out
    assert "it had nothing to do" in jobfile("runs").out
    assert jobfile("runs", "--not-ok").out == "no such runs\n"
    assert jobfile("retry", "--failed", "--dry-run").out.startswith("nothing to retry")
    (row,) = jobfile("report", "--json").json["jobs"]
    assert (row["skipped"], row["failed"], row["succeeded"]) == (1, 0, 0)
    Path("orders.csv").write_text("order-1\n")
    assert jobfile("run", "load-if-new").code == 0
