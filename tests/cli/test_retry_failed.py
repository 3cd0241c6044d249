"""`jobfile retry --failed`: every run that did not end well and was not retried, and no other."""

import json
from pathlib import Path

import pytest

from engine.core.lifecycle import Run
from engine.ledger.sqlite.view import SqliteView
from jobfile.model.jobs import OverlapPolicy
from tests.cli.conftest import Jobfile
from tests.cli.test_answers import BEGAN, DUE, a_past
from tests.cli.test_files import fits
from tests.engine.test_did import ask
from tests.engine.world import World

TEXT = f"""\
version: 1
jobs:
  backup: {{schedule: "{DUE[0].minute} * * * *", owner: ops, tags: [night], command: ['true']}}
  sync: {{schedule: "{DUE[0].minute} * * * *", tags: [night, late], command: ['true']}}
"""
HOURS = ("--since", f"{BEGAN:%Y-%m-%dT%H:%MZ}")


def a_night(folder: Path, *codes: int) -> World:
    """A ledger in which both jobs ended with these codes, hour by hour; the engine is dead."""
    world = a_past(folder, TEXT)
    for code in codes:
        world.pass_time(seconds=3600)
        world.finish(exit_code=code)
    return world


def runs(folder: Path) -> list[Run]:
    view = SqliteView.open(folder / ".jobfile" / "ledger.db")
    found = view.recent_runs(job=None, state=None, limit=100)
    view.close()
    return list(reversed(found))


def test_it_shows_the_runs_and_hands_over_a_new_one_for_each_oldest_first(
    jobfile: Jobfile, tmp_path: Path
) -> None:
    a_night(tmp_path, 1, 0, 2).crash()
    before = runs(tmp_path)
    failed = [run for run in before if run.state == "failed"]
    said = jobfile("retry", "--failed", *HOURS, "--dry-run")
    assert said.code == 0
    head, *lines = said.out.splitlines()
    assert head.split() == ["run", "job", "for", "state", "why"]
    assert [line.split()[0] for line in lines] == [run.id[:8] for run in failed]
    assert lines[0].endswith("failed  exit code 1")
    assert runs(tmp_path) == before
    assert jobfile("retry", "--failed", *HOURS).code == 64, "there is no terminal to ask on"
    assert runs(tmp_path) == before

    said = jobfile("retry", "--failed", *HOURS, "--yes")
    assert said.code == 0
    made = runs(tmp_path)[len(before) :]
    assert [(run.retry_of, run.scheduled_for, run.state) for run in made] == [
        (run.id, run.scheduled_for, "queued") for run in failed
    ]
    assert f"{made[0].id[:8]}  {failed[0].id[:8]}  " in said.out
    assert said.err == "no engine is running: the new runs wait for  jobfile up\n"
    assert jobfile("retry", "--failed", *HOURS, "--yes").out.startswith("nothing to retry")
    assert len(runs(tmp_path)) == len(before) + len(made)


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (("backup",), 2),
        (("--tag", "night"), 4),
        (("--owner", "ops"), 2),
        (("--owner", "ops", "--tag", "late"), 0),
        (("--until", f"{DUE[1]:%Y-%m-%dT%H:%MZ}"), 2),
        (("--since", f"{DUE[1]:%Y-%m-%dT%H:%MZ}"), 2),
    ],
)
def test_only_the_chosen_runs_are_retried(
    jobfile: Jobfile, tmp_path: Path, options: tuple[str, ...], count: int
) -> None:
    a_night(tmp_path, 1, 0, 1).crash()
    found = jobfile("retry", "--failed", *HOURS, *options, "--yes", "--json").json
    fits(found, "retry-failed")
    assert len(found["runs"]) == count
    assert all(one["retry"]["retry_of"] == one["run"]["id"] for one in found["runs"])
    assert len(runs(tmp_path)) == 6 + count


def test_of_a_run_and_its_retries_only_the_last_counts(jobfile: Jobfile, tmp_path: Path) -> None:
    world = a_night(tmp_path, 1)
    first, second = (run for run in world.view.recent_runs(job=None, state=None, limit=9))
    ask(world, job=first.job, at=first.scheduled_for, retry_of=first.id)
    world.finish(exit_code=0)
    again = ask(world, job=second.job, at=second.scheduled_for, retry_of=second.id)
    world.finish(exit_code=3)
    world.crash()
    found = jobfile("retry", "--failed", *HOURS, "--dry-run", "--json").json
    assert [one["run"]["id"] for one in found["runs"]] == [again.id]
    assert found["runs"][0]["words"] == "exit code 3"


def test_what_has_no_run_of_its_own_is_counted_and_not_retried(jobfile: Jobfile, tmp_path: Path) -> None:
    minutely = "version: 1\njobs:\n  m: {schedule: {every: 1m}, catchup: none, command: ['true']}\n"
    world = a_past(tmp_path, minutely)
    world.crash()
    world.clock.advance(seconds=7199)
    world.boot()
    world.crash()
    said = jobfile("retry", "--failed", *HOURS, "--yes")
    assert said.out.splitlines() == [
        "nothing to retry: every run of that time ended well, or was retried",
        "119 occurrences that did not run have no run to retry: start one with  jobfile run JOB --at TIME",
    ]
    assert runs(tmp_path) == []


@pytest.mark.parametrize("policy", OverlapPolicy)
def test_the_new_runs_of_a_job_run_one_after_another_whatever_its_overlap_policy_is(
    jobfile: Jobfile, tmp_path: Path, policy: OverlapPolicy
) -> None:
    text = TEXT.replace("owner: ops", f"concurrency: {{on_overlap: {policy}}}")
    world = a_past(tmp_path, text)
    for _ in range(3):
        world.pass_time(seconds=3600)
        world.finish(exit_code=1)
    world.crash()
    found = jobfile("retry", "--failed", *HOURS, "backup", "--yes", "--json").json["runs"]
    assert [one["retry"]["state"] for one in found] == ["queued"] * 3
    ids = [one["retry"]["id"] for one in found]
    world.boot()
    for done in range(3):
        states = [run.state for run in runs(tmp_path) if run.id in ids]
        assert states == ["succeeded"] * done + ["running"] + ["queued"] * (2 - done)
        world.finish(exit_code=0)
    assert {run.state for run in runs(tmp_path) if run.id in ids} == {"succeeded"}
    world.crash()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "name one RUN; or add --failed"),
        (("abcd", "--since", "1h"), "name one RUN; or add --failed"),
        (("abcd", "--yes"), "name one RUN; or add --failed"),
        (("--failed", "--detach"), "remove --detach and --force"),
        (("--failed", "--json"), "--json does not ask: add --yes, or --dry-run"),
        (("--failed", "good", "--tag", "x", "--dry-run"), "--tag and --owner choose from all jobs"),
        (("--failed", "nope", "--dry-run"), "no job `nope`"),
    ],
)
def test_options_that_do_not_fit_say_what_to_write(
    jobfile: Jobfile, options: tuple[str, ...], words: str
) -> None:
    jobfile("run", "good")
    said = jobfile("retry", *options)
    assert said.code == 64
    assert words in said.err


@pytest.mark.parametrize(
    ("options", "argv"), [((), ["false"]), (("--current",), ["false"]), (("--original",), ["true"])]
)
def test_a_retry_uses_the_definition_in_force_or_that_of_the_old_run(
    jobfile: Jobfile, tmp_path: Path, options: tuple[str, ...], argv: list[str]
) -> None:
    world = a_night(tmp_path, 1)
    old = next(run for run in runs(tmp_path) if run.job == "sync")
    changed = TEXT.replace(
        "tags: [night, late], command: ['true']", "tags: [night, late], command: ['false']"
    )
    world.edit(changed)
    world.crash()
    (tmp_path / "jobs.yaml").write_text(changed)
    made = jobfile("retry", old.id, "--detach", *options).out.strip()
    view = SqliteView.open(tmp_path / ".jobfile" / "ledger.db")
    run = view.run(made)
    assert run is not None
    text = view.definition_text(run.digest)
    view.close()
    assert text is not None
    assert json.loads(text)["action"]["argv"] == argv
    assert (run.digest == old.digest) == (argv == ["true"])


def test_the_old_definition_of_a_renamed_job_runs_under_its_new_name(
    jobfile: Jobfile, tmp_path: Path
) -> None:
    world = a_night(tmp_path, 1)
    old = next(run for run in runs(tmp_path) if run.job == "sync")
    renamed = TEXT.replace("  sync: {", "  later: {renamed_from: sync, ")
    world.edit(renamed)
    world.crash()
    (tmp_path / "jobs.yaml").write_text(renamed)
    made = jobfile("retry", old.id, "--detach", "--original").out.strip()
    (run,) = [one for one in runs(tmp_path) if one.id == made]
    assert (run.job, run.digest, run.concurrency_key) == ("later", old.digest, "later")
