"""The options that limit `report`, `runs`, `logs` and `why` to some jobs, to a time, or to the last lines."""

import contextlib
import sqlite3
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.execution.output_text import last_part
from tests.cli.conftest import Jobfile
from tests.cli.test_answers import BEGAN, DUE, a_past
from tests.cli.test_files import fits

TOKYO = ZoneInfo("Asia/Tokyo")
TEXT = f"""\
version: 1
jobs:
  backup:
    schedule: "{DUE[0].minute} * * * *"
    timezone: Asia/Tokyo
    owner: ops
    tags: [db, night]
    command: ['true']
  sync: {{schedule: "{DUE[0].minute} * * * *", tags: [night], command: ['true']}}
  deploy: {{owner: web, tags: [web], command: ['true']}}
"""


def three_hours(folder: Path) -> None:
    """A ledger with three runs of each schedule, of which the second failed, and one manual run."""
    world = a_past(folder, TEXT)
    for code in (0, 1, 0):
        world.pass_time(seconds=3600)
        world.finish(exit_code=code)
    world.run_by_hand("deploy")
    world.finish()
    world.crash()


def iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%MZ}"


@pytest.mark.parametrize(
    ("options", "jobs"),
    [
        ((), {"backup", "sync", "deploy"}),
        (("--tag", "night"), {"backup", "sync"}),
        (("--tag", "db", "--tag", "web"), {"backup", "deploy"}),
        (("--owner", "ops", "--owner", "web"), {"backup", "deploy"}),
        (("--owner", "ops", "--tag", "web"), set()),
    ],
)
def test_a_report_and_a_list_of_runs_are_about_the_chosen_jobs(
    jobfile: Jobfile, tmp_path: Path, options: tuple[str, ...], jobs: set[str]
) -> None:
    three_hours(tmp_path)
    report = jobfile("report", *options, "--json").json
    assert {row["job"] for row in report["jobs"]} == jobs
    assert report["adds_up"]
    assert report["expected"] == sum(row["expected"] for row in report["jobs"])
    assert {run["job"] for run in jobfile("runs", *options, "--json").json["runs"]} == jobs


@pytest.mark.parametrize("command", ["list", "next", "report", "runs", "retry --failed --dry-run"])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--tag", "nigth"), "no job here has the tag `nigth`; did you mean night?"),
        (("--tag", "night", "--tag", "zzzzzz"), "no job here has the tag `zzzzzz`; known: db, night, web"),
        (("--owner", "opps"), "no job here has the owner `opps`; did you mean ops?"),
    ],
)
def test_a_tag_or_an_owner_that_no_job_has_is_a_mistake_and_never_all_is_well(
    jobfile: Jobfile, tmp_path: Path, command: str, options: tuple[str, ...], words: str
) -> None:
    a_past(tmp_path, TEXT).crash()
    said = jobfile(*command.split(), *options)
    assert (said.code, said.out) == (64, "")
    assert words in said.err


def test_a_job_whose_definition_cannot_be_read_is_missing_in_no_choice(
    jobfile: Jobfile, tmp_path: Path
) -> None:
    three_hours(tmp_path)
    with contextlib.closing(sqlite3.connect(tmp_path / ".jobfile" / "ledger.db")) as db:
        db.execute("update definition set spec = replace(spec, 'true', 'evil') where job = 'sync'")
        db.commit()
    for options in (("--tag", "db"), ("--owner", "web")):
        assert {"sync"} < {row["job"] for row in jobfile("report", *options, "--json").json["jobs"]}
        listed = {row["job"]: row["notes"] for row in jobfile("list", *options, "--json").json["jobs"]}
        assert "its definition cannot be read:  jobfile doctor" in listed["sync"]
    assert "sync" not in {row["job"] for row in jobfile("report", "backup", "--json").json["jobs"]}


def test_a_report_of_one_job_is_in_its_zone_and_has_its_exit_code(jobfile: Jobfile, tmp_path: Path) -> None:
    three_hours(tmp_path)
    said = jobfile("report", "backup", "--since", iso(BEGAN))
    assert said.code == 1
    assert " JST to " in said.out
    assert said.out.splitlines()[2:] == [
        "job     expected  succeeded  failed",
        "backup         3          2       1",
    ]
    assert jobfile("report", "deploy").code == 0
    assert jobfile("report", "nope").code == 64
    assert jobfile("report", "backup", "--tag", "db").code == 64
    assert jobfile("report", "--since", "1h", "--until", "2h").code == 64


@pytest.mark.parametrize(
    ("options", "hours"),
    [
        (("--since", iso(DUE[1])), [2, 1]),
        (("--until", iso(DUE[1])), [0]),
        (("--since", iso(DUE[0]), "--until", iso(DUE[2])), [1, 0]),
        (("--since", iso(DUE[0]), "--limit", "1"), [2]),
        (("--since", iso(DUE[0]), "--not-ok"), [1]),
        (("--since", iso(DUE[0]), "--in", "succeeded,lost"), [2, 0]),
        (("--since", iso(DUE[2]), "--not-ok"), []),
    ],
)
def test_runs_of_a_time_are_those_expected_in_it_newest_first(
    jobfile: Jobfile, tmp_path: Path, options: tuple[str, ...], hours: list[int]
) -> None:
    three_hours(tmp_path)
    listed = jobfile("runs", "backup", *options, "--json").json
    fits(listed, "runs")
    found = listed["runs"]
    assert [datetime.fromisoformat(run["scheduled_for"]) for run in found] == [DUE[hour] for hour in hours]
    if not hours:
        assert jobfile("runs", "backup", *options).out == "no such runs\n"


def test_occurrences_without_a_run_are_counted_only_in_their_time_and_of_the_chosen_jobs(
    jobfile: Jobfile, tmp_path: Path
) -> None:
    world = a_past(tmp_path, TEXT)
    world.pause("backup")
    for _ in range(3):
        world.pass_time(seconds=3600)
    world.crash()
    assert "3 more have no run of their own" in jobfile("runs", "--tag", "db").out
    part = jobfile("runs", "backup", "--since", iso(DUE[1])).out
    assert "\n2 more have no run of their own" in part
    assert f"backup  2 skipped, {DUE[1].astimezone(TOKYO):%Y-%m-%d %H:%M} JST to " in part
    assert "more have no run" not in jobfile("runs", "--owner", "web").out
    assert "more have no run" not in jobfile("runs", "--tag", "db", "--until", iso(DUE[0])).out


def test_a_run_takes_no_time_and_no_choice(jobfile: Jobfile) -> None:
    jobfile("run", "good")
    run = jobfile("runs", "--json").json["runs"][0]["id"]
    for command in ("runs", "logs"):
        assert jobfile(command, run, "--since", "1h").code == 64
    assert jobfile("logs", "good", "--since", "1h", "--follow").code == 64
    assert jobfile("runs", "good", "--owner", "ops").code == 64


LINES = """\
version: 1
jobs:
  lines:
    params: {n: {type: integer, default: 3}}
    run: |
      for i in $(seq "$JOBFILE_PARAM_N"); do echo "line $i"; done
"""


def test_the_last_lines_and_all_runs_since_a_time_are_shown(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(LINES)
    jobfile("run", "lines")
    jobfile("run", "lines", "-p", "n=2")
    assert jobfile("logs", "lines").out == "line 1\nline 2\n"
    assert jobfile("logs", "lines", "--tail", "1").out == "line 2\n"
    assert jobfile("logs", "lines", "--tail", "0").out == ""
    said = jobfile("logs", "lines", "--since", "1h", "--tail", "1")
    assert said.out == "line 3\nline 2\n"
    assert [line.split()[0] for line in said.err.splitlines()] == ["run", "run"]
    found = jobfile("logs", "lines", "--since", "1h", "--json").json
    fits(found, "logs")
    assert [run["attempts"][0]["output"] for run in found["runs"]] == [
        "line 1\nline 2\nline 3\n",
        "line 1\nline 2\n",
    ]
    assert jobfile("logs", "lines", "--tail", "1", "--json").json["attempts"][0]["output"] == "line 2\n"
    said = jobfile("logs", "lines", "--since", "in 1h")
    assert (said.code, said.out, said.err) == (0, "", "lines has no run since then\n")


@given(st.lists(st.sampled_from([b"a", b"", b"bc\r"])), st.booleans(), st.integers(0, 5))
def test_the_last_part_has_the_requested_number_of_lines(
    lines: list[bytes], is_ended: bool, count: int
) -> None:
    output = b"\n".join(lines) + (b"\n" if is_ended and lines else b"")
    told = output.removesuffix(b"\n").split(b"\n") if output else []
    expected = b"\n".join(told[max(0, len(told) - count) :]) if count else b""
    assert last_part(output, count).removesuffix(b"\n") == expected
    assert output.endswith(last_part(output, count))
    assert last_part(output, None) == output


def test_why_gives_programs_what_it_shows_users(jobfile: Jobfile) -> None:
    jobfile("run", "bad")
    run = jobfile("runs", "--json").json["runs"][0]
    jobfile("retry", run["id"])
    found = jobfile("why", run["id"], "--json").json
    fits(found, "why")
    assert (found["state"], found["reason"], found["words"]) == ("failed", "exit(7)", "exit code 7")
    assert (found["scheduled_for"], found["last_lines"]) == (run["scheduled_for"], ["trouble"])
    assert [one["action"] for one in found["by_hand"]] == ["run", "retry"]
    (again,) = found["retries"]
    assert (again["retry_of"], again["state"]) == (run["id"], "failed")
    (attempt,) = found["run_list"][0]["attempt_list"]
    assert (attempt["exit_code"], attempt["number"]) == (7, 1)
    assert jobfile("why", "good", "tomorrow", "--json").code == 64
