"""Commands about several jobs or runs: they show what they would change, ask, and change only that."""

from pathlib import Path

import pytest

from engine.core.lifecycle import Run
from engine.core.records import Audited
from engine.ledger.sqlite.view import SqliteView
from tests.cli.conftest import Jobfile
from tests.cli.test_answers import BEGAN, a_past
from tests.cli.test_files import fits
from tests.engine.test_did import ask
from tests.engine.world import World

TEXT = """\
version: 1
jobs:
  backup: {schedule: "0 3 * * *", owner: ops, tags: [night], command: ['true']}
  sync: {schedule: "0 4 * * *", tags: [night, late], command: ['true']}
  mail: {owner: ops, concurrency: {on_overlap: queue}, command: ['true']}
"""


def a_crowd(folder: Path) -> World:
    """Each job has a running run, and `mail` one that waits for it; the engine is dead."""
    world = a_past(folder, TEXT)
    for job in ("backup", "sync", "mail", "mail"):
        ask(world, job=job, at=BEGAN)
    return world


def opened(folder: Path) -> SqliteView:
    return SqliteView.open(folder / ".jobfile" / "ledger.db")


def open_runs(folder: Path) -> list[Run]:
    view = opened(folder)
    found = list(view.open_runs())
    view.close()
    return found


def audited(folder: Path) -> list[Audited]:
    view = opened(folder)
    found = [one for _, one in view.recent_audit(limit=100)]
    view.close()
    return found


@pytest.mark.parametrize(
    ("options", "jobs"),
    [
        (("--all",), ["backup", "sync", "mail", "mail"]),
        (("--queued",), ["mail"]),
        (("--job", "mail"), ["mail", "mail"]),
        (("--job", "mail", "--queued"), ["mail"]),
        (("--job", "mail", "--job", "sync"), ["sync", "mail", "mail"]),
        (("--tag", "night"), ["backup", "sync"]),
        (("--tag", "night", "--queued"), []),
        (("--owner", "ops", "--tag", "night"), ["backup"]),
        (("--job", "mail", "--tag", "night"), []),
    ],
)
def test_only_the_chosen_runs_are_ended(
    jobfile: Jobfile, tmp_path: Path, options: tuple[str, ...], jobs: list[str]
) -> None:
    a_crowd(tmp_path).crash()
    before = open_runs(tmp_path)
    shown = jobfile("cancel", *options, "--dry-run", "--json").json
    fits(shown, "cancel-many")
    assert [run["job"] for run in shown["runs"]] == jobs
    assert open_runs(tmp_path) == before

    jobfile("cancel", *options, "--yes", "--why", "gone mad")
    view = opened(tmp_path)
    chosen = [view.run(run["id"]) for run in shown["runs"]]
    assert all(run is not None and run.state.value in ("cancelled", "lost") for run in chosen)
    others = [view.run(run.id) for run in before if run.id not in {one["id"] for one in shown["runs"]}]
    assert all(run is not None and run.state.value != "cancelled" for run in others)
    view.close()
    noted = [one for one in audited(tmp_path) if one.action == "cancel"]
    assert sorted(one.object for one in noted) == sorted(one["id"] for one in shown["runs"])
    assert all(one.detail == "gone mad" for one in noted)


def test_a_command_for_several_asks_and_without_a_terminal_ends_nothing(
    jobfile: Jobfile, tmp_path: Path
) -> None:
    a_crowd(tmp_path).crash()
    before = open_runs(tmp_path)
    said = jobfile("cancel", "--job", "mail")
    assert (said.code, len(said.out.splitlines())) == (64, 3), "the head and the two runs"
    assert jobfile("cancel", "--job", "mail", "--json").code == 64
    assert open_runs(tmp_path) == before


@pytest.mark.parametrize(
    "words",
    [
        ("cancel",),
        ("cancel", "--yes"),
        ("cancel", "abc", "--all"),
        ("cancel", "abc", "--yes"),
        ("cancel", "--all", "--job", "mail"),
        ("cancel", "--all", "--tag", "night"),
        ("cancel", "--job", "unknown", "--yes"),
        ("cancel", "--tag", "unknown", "--yes"),
        ("pause",),
        ("pause", "mail", "--all"),
        ("pause", "mail", "--yes"),
        ("pause", "--all", "--tag", "night"),
        ("pause", "--tag", "unknown", "--yes"),
        ("pause", "--all"),
        ("resume",),
        ("resume", "mail", "--owner", "ops"),
    ],
)
def test_an_unclear_choice_changes_nothing(jobfile: Jobfile, tmp_path: Path, words: tuple[str, ...]) -> None:
    a_crowd(tmp_path).crash()
    before, noted = open_runs(tmp_path), audited(tmp_path)
    assert jobfile(*words).code == 64
    assert (open_runs(tmp_path), audited(tmp_path)) == (before, noted)


def test_it_says_that_there_is_nothing_to_end(jobfile: Jobfile, tmp_path: Path) -> None:
    a_past(tmp_path, TEXT).crash()
    said = jobfile("cancel", "--all")
    assert (said.code, said.out) == (0, "nothing to cancel: no such run is open\n")


def test_jobs_of_a_tag_are_paused_together_and_resumed_together(jobfile: Jobfile, tmp_path: Path) -> None:
    world = a_past(tmp_path, TEXT)
    world.pause("sync")
    world.crash()
    found = jobfile("pause", "--tag", "night", "--yes", "--json").json
    fits(found, "pause-many")
    assert found["jobs"] == [
        {"job": "backup", "was_paused": False},
        {"job": "sync", "was_paused": True},
    ]
    assert [one.object for one in audited(tmp_path) if one.action == "pause"] == ["backup"]
    assert jobfile("list", "--json", "--tag", "night").json["jobs"][0]["paused"]

    said = jobfile("resume", "--all", "--yes")
    assert said.out.splitlines() == ["job", "backup", "mail    not paused", "sync", "2 jobs are resumed"]
    assert sorted(one.object for one in audited(tmp_path) if one.action == "resume") == ["backup", "sync"]
    said = jobfile("resume", "--all")
    assert (said.code, "resumed" in said.out) == (0, False), "nothing to ask about"


def test_several_jobs_can_be_paused_until_a_time(jobfile: Jobfile, tmp_path: Path) -> None:
    a_past(tmp_path, TEXT).crash()
    assert jobfile("pause", "--owner", "ops", "--until", "2h", "--yes").code == 0
    view = opened(tmp_path)
    pauses = view.pauses_between(None, since=BEGAN, until=BEGAN.replace(year=9000))
    view.close()
    assert sorted(pause.job for pause in pauses) == ["backup", "mail"]
    assert all(pause.until is not None for pause in pauses)


def test_a_backfill_shows_its_occurrences_asks_and_is_recorded(jobfile: Jobfile, tmp_path: Path) -> None:
    a_past(tmp_path, TEXT).crash()
    words = ("backfill", "backup", "--from", "2026-11-01", "--to", "2026-11-11")
    said = jobfile(*words)
    assert said.code == 64, "there is no terminal to ask on"
    assert said.out.splitlines() == [
        "10 occurrences of backup:",
        *(f"  2026-11-0{day} 03:00 UTC" for day in (1, 2, 3)),
        "  … 4 more …",
        "  2026-11-08 03:00 UTC",
        "  2026-11-09 03:00 UTC",
        "  2026-11-10 03:00 UTC",
    ]
    assert jobfile("backfill").out == "no backfill is recorded\n"
    said = jobfile(*words, "--yes", "--why", "the disk was full")
    assert (
        said.out.splitlines()[-1]
        == "backfill 1 of backup has begun; to see its progress:  jobfile backfill backup"
    )
    assert said.err == "no engine is running: its runs wait for  jobfile up\n"
    (found,) = jobfile("backfill", "backup", "--json").json["backfills"]
    assert (found["left"], found["results"], found["ended_at"]) == (10, {}, None)
    (noted,) = [one for one in audited(tmp_path) if one.action == "backfill"]
    assert noted.detail.startswith("the disk was full; backfill 1: 2026-11-01T00:00:00+00:00 to ")
    assert jobfile(*words, "--yes").code == 1
    assert jobfile("backfill", "backup", "--stop").out == (
        "backfill 1 of backup is over: stopped; its recorded runs continue\n"
    )
    assert jobfile("backfill", "backup", "--stop").out == "no backfill of backup is running\n"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("backup", "--to", "1h"), 64),
        (("--from", "1h"), 64),
        (("backup", "--from", "1h", "--to", "2h", "--yes"), 64),
        (("backup", "--from", "1h", "--to", "2099-01-01", "--yes"), 64),
        (("backup", "--from", "1h", "--json"), 64),
        (("backup", "--stop", "--from", "1h"), 64),
        (("--stop",), 64),
        (("unknown", "--from", "1h", "--yes"), 64),
        (("mail", "--from", "1h", "--yes"), 1),
        (("often", "--from", "1990-01-01", "--yes"), 64),
    ],
)
def test_a_backfill_that_makes_no_sense_is_refused(
    jobfile: Jobfile, tmp_path: Path, words: tuple[str, ...], code: int
) -> None:
    a_past(tmp_path, TEXT + "  often: {schedule: {every: 1m}, command: ['true']}\n").crash()
    assert jobfile("backfill", *words).code == code
    assert jobfile("backfill").out == "no backfill is recorded\n"
