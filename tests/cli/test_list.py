"""`jobfile list` on the command line: without a ledger, with a dead engine, and beside a wrong file."""

from pathlib import Path

import pytest

from tests.cli.conftest import Jobfile
from tests.cli.test_answers import BEGAN, DUE, a_past
from tests.cli.test_files import fits

TEXT = f"""\
version: 1
jobs:
  backup:
    schedule: "{DUE[0].minute} * * * *"
    owner: ops
    tags: [db, night]
    command: ['true']
  deploy: {{command: ['true']}}
"""


def test_the_list_shows_each_job(jobfile: Jobfile, tmp_path: Path) -> None:
    world = a_past(tmp_path, TEXT)
    for code in (0, 1):
        world.pass_time(seconds=3600)
        world.finish(exit_code=code)
    world.pause("backup", reason="vendor outage")
    world.crash()
    (tmp_path / "jobs.yaml").write_text(TEXT.replace("deploy", "release"))
    since, last = (f"{at:%Y-%m-%d %H:%M} UTC" for at in (world.clock.now(), DUE[1]))
    assert jobfile("list").out == (
        f"NOTHING STARTS, no engine has been running since {since}; start one with  jobfile up\n"
        f"job      state   last 10  {'expected at':<20}  next    owner  tags       notes\n"
        f"backup   failed  ✓✗       {last}  paused  ops    db, night  paused by anna: vendor outage\n"
        f"deploy   none   {'':<58}removed from the file, not applied yet\n"
        f"release  none   {'':<58}not applied yet\n"
        "oldest to newest: ✓ succeeded  ✗ failed\n"
    )
    found = jobfile("list", "--json").json
    fits(found, "list")
    assert [(job["job"], job["state"], job["last"]) for job in found["jobs"]] == [
        ("backup", "failed", ["succeeded", "failed"]),
        ("deploy", "none", []),
        ("release", "none", []),
    ]
    assert found["jobs"][0]["paused"]["why"] == "vendor outage"
    assert (found["engine"]["running"], found["file_valid"]) == (False, True)


@pytest.mark.parametrize(
    ("options", "jobs"),
    [
        (("--tag", "night"), ["backup"]),
        (("--owner", "ops", "--in", "none"), []),
        (("--in", "overdue"), ["backup"]),
        (("--in", "failed,none"), ["deploy"]),
        (("--in", "failed", "--in", "overdue"), ["backup"]),
    ],
)
def test_a_list_is_limited(
    jobfile: Jobfile, tmp_path: Path, options: tuple[str, ...], jobs: list[str]
) -> None:
    a_past(tmp_path, TEXT).crash()
    assert [job["job"] for job in jobfile("list", *options, "--json").json["jobs"]] == jobs


def test_without_a_ledger_the_file_is_listed_or_its_mistakes_are_shown(
    jobfile: Jobfile, tmp_path: Path
) -> None:
    said = jobfile("list")
    assert said.code == 0
    assert said.out.startswith("NOTHING STARTS, no engine is running; start one with  jobfile up\n")
    assert "good   none            " in said.out
    assert not (tmp_path / ".jobfile").exists()
    (tmp_path / "jobs.yaml").write_text("version: 1\njobs: {a: {run: echo, retires: 2}}\n")
    said = jobfile("list")
    assert said.code == 1
    assert said.out.startswith("error[JF101]: unknown key `retires`")
    (tmp_path / "jobs.yaml").unlink()
    said = jobfile("list")
    assert said.code == 65
    assert "jobfile init" in said.err


def test_a_wrong_file_does_not_hide_what_is_in_force(jobfile: Jobfile, tmp_path: Path) -> None:
    a_past(tmp_path, TEXT).crash()
    (tmp_path / "jobs.yaml").write_text("version: 1\njobs: {a: {run: echo, retires: 2}}\n")
    said = jobfile("list")
    assert said.code == 0
    assert "\njobs.yaml cannot be read or has errors:  jobfile check\n" in said.out
    assert "backup  overdue  O" in said.out
    assert jobfile("list", "--json").json["file_valid"] is False


def test_a_word_of_another_tool_and_an_unknown_state_say_what_to_write(jobfile: Jobfile) -> None:
    said = jobfile("ls")
    assert said.code == 64
    assert "There is no command 'ls': the command is 'list'." in said.err
    said = jobfile("run", "a", "user_id=5")
    assert said.code == 64
    assert "(user_id=5); the value of a param follows -p:  -p user_id=5\n" in said.err
    assert "-p" not in jobfile("run", "a", "-q=5").err
    assert "-p" not in jobfile("logs", "a", "user_id=5").err
    said = jobfile("list", "--in", "broken")
    assert said.code == 64
    assert "'broken' is not a state; the states are queued, running" in said.err
    assert f"{BEGAN:%Y}" not in said.err
