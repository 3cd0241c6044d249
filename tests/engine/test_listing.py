"""`list`: each job with its newest result, which is the one that `did` answers with."""

from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.answers.choice import ALL, Choice, Labels, known_labels, unknown_word
from engine.answers.did import did
from engine.answers.expected import NOT_ACCOUNTED
from engine.answers.listing import (
    CHANGED,
    MARKS,
    NOT_APPLIED,
    REMOVED,
    UNREADABLE,
    UNSETTLED,
    JobList,
    ListedJob,
    list_jobs,
)
from engine.answers.listing_text import SIGNS, list_to_text
from engine.answers.overdue import OVERDUE
from engine.answers.presence import GRACE, RUNNING, Presence, presence_of
from engine.answers.report import make_report
from engine.answers.zones import zone_of_job
from engine.core.lifecycle import RunState
from engine.ledger.sqlite.view import SqliteView
from engine.testing import GivenTree
from jobfile.model.catalog import Catalog
from jobfile.pipeline import compile_files
from tests.builders import HOUR, MINUTE, NOON, a_catalog, a_job, every
from tests.engine.test_did import ask
from tests.engine.world import World
from tests.soak import examples

FILE = """\
version: 1
jobs:
  hourly: {schedule: {every: 1h}, timezone: Europe/Oslo, owner: ops, tags: [db, night], command: ['true']}
  often: {schedule: {every: 10m}, tags: [night], command: ['true']}
  by-hand: {owner: web, command: ['true']}
"""
JOBS = ("by-hand", "hourly", "often")


def catalog(text: str) -> Catalog:
    snapshot = GivenTree(text).snapshot()
    found = compile_files(snapshot.files).catalog
    assert found is not None
    return found


def listed(
    world: World, file: Catalog | None = None, *, presence: Presence = RUNNING, choice: Choice = ALL
) -> JobList:
    now = world.clock.now()
    return list_jobs(
        world.view, file, presence=presence, now=now, has_file=True, main_file="jobs.yaml", choice=choice
    )


def one(found: JobList, job: str) -> ListedJob:
    return next(each for each in found.jobs if each.job == job)


def dead(world: World) -> Presence:
    return presence_of(world.view, is_locked=False, trouble="", fates={}, now=world.clock.now())


ACTS = ("succeed", "fail", "wait", "pause", "resume", "run", "retry", "down")
lives = st.lists(st.tuples(st.sampled_from(ACTS), st.sampled_from(JOBS)), max_size=12)
folders = count()


def live(world: World, act: str, job: str) -> None:
    """Let one thing happen, then half an hour pass."""
    match act:
        case "succeed" | "fail":
            world.finish(exit_code=0 if act == "succeed" else 1)
        case "pause":
            world.pause(job, minutes=50)
        case "resume":
            with world.store.transaction():
                world.store.pauses.end(job, by="anna", now=world.clock.now())
        case "run":
            world.run_by_hand(job)
        case "retry":
            run = world.view.newest_run(job, until=world.clock.now())
            if run is not None and run.state.is_final:
                ask(world, job=job, at=run.scheduled_for, retry_of=run.id)
        case "down":
            world.crash()
            world.clock.advance(seconds=3 * 3600)
            world.boot()
    world.pass_time(seconds=1800)


@settings(max_examples=examples(15), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lives, st.booleans())
def test_the_newest_result_of_each_job_is_the_one_that_did_answers_with(
    tmp_path: Path, life: list[tuple[str, str]], is_dead: bool
) -> None:
    folder = tmp_path / str(next(folders))
    folder.mkdir()
    world = World(folder, FILE)
    for act, job in life:
        live(world, act, job)
    if is_dead:
        world.clock.advance(seconds=7200)
    presence = dead(world) if is_dead else RUNNING
    found = listed(world, presence=presence)
    assert [each.job for each in found.jobs] == sorted(JOBS)
    for each in found.jobs:
        answer = did(
            world.view,
            each.job,
            zone=zone_of_job(world.view, each.job),
            params={},
            on=None,
            at=None,
            now=world.clock.now(),
            presence=presence,
        )
        assert len(each.marks) <= MARKS
        assert [mark.at for mark in each.marks] == sorted(mark.at for mark in each.marks)
        if answer.items and (answer.states == (OVERDUE,) or answer.items[0].reason != NOT_ACCOUNTED):
            assert (each.job, each.state) == (each.job, answer.states[0])
        if not answer.items:
            assert each.state == "none"
    assert_reports_are_parts_of_the_whole(world, presence)
    world.crash()


def assert_reports_are_parts_of_the_whole(world: World, presence: Presence) -> None:
    now = world.clock.now()
    window: Any = {"since": NOON + HOUR, "until": now, "now": now, "presence": presence}
    whole = make_report(world.view, **window)
    assert [row.job for row in whole.rows] == sorted(JOBS)
    for row in whole.rows:
        part = make_report(world.view, jobs={row.job}, **window)
        assert part.rows == (row,)
        assert not part.wrong


def test_a_row_has_the_results_the_next_time_the_owner_and_the_tags(tmp_path: Path) -> None:
    world = World(tmp_path, FILE)
    for code in (0, 1, 0):
        world.pass_time(seconds=3600)
        world.finish(exit_code=code)
    found = one(listed(world), "hourly")
    assert [mark.state for mark in found.marks] == ["succeeded", "failed", "succeeded"]
    assert (found.state, found.next_at) == ("succeeded", NOON + 4 * HOUR)
    assert found.labels == Labels("ops", ("db", "night"), "Europe/Oslo")
    assert found.notes == ()
    assert [mark.state for mark in one(listed(world), "often").marks][-1] == "succeeded"
    assert one(listed(world), "by-hand").state == "none"


def test_at_most_ten_results_are_listed_and_a_record_of_many_counts_as_many(tmp_path: Path) -> None:
    world = World(tmp_path, FILE)
    world.pause("often")
    for _ in range(3):
        world.pass_time(seconds=600)
    marks = one(listed(world), "often").marks
    assert [mark.state for mark in marks] == ["skipped"] * 3
    for _ in range(20):
        world.pass_time(seconds=600)
    assert len(one(listed(world), "often").marks) == MARKS


def test_a_manual_retry_counts_as_the_run_that_it_retries(tmp_path: Path) -> None:
    world = World(tmp_path, FILE)
    world.pass_time(seconds=3600)
    world.finish(exit_code=1)
    (failed,) = world.runs("hourly")
    assert one(listed(world), "hourly").state == "failed"
    ask(world, job="hourly", at=failed.scheduled_for, retry_of=failed.id)
    world.finish()
    (mark,) = one(listed(world), "hourly").marks
    assert (mark.state, mark.at) == ("succeeded", failed.scheduled_for)


def test_a_retry_of_an_older_run_counts_for_that_run(tmp_path: Path) -> None:
    world = World(tmp_path, FILE)
    for _ in range(2):
        world.pass_time(seconds=3600)
        world.finish(exit_code=1)
    older, newer = sorted(world.runs("hourly"), key=lambda run: run.scheduled_for)
    ask(world, job="hourly", at=older.scheduled_for, retry_of=older.id)
    world.finish()
    assert [mark.state for mark in one(listed(world), "hourly").marks] == ["succeeded", "failed"]
    seen = [
        UNSETTLED in one(listed(world, presence=RUNNING._replace(fates={run.id: "it ended"})), "hourly").notes
        for run in (older, newer)
    ]
    assert seen == [False, True], "the newest run decides"


def test_of_several_overdue_schedules_the_first_is_shown(tmp_path: Path) -> None:
    world = World(
        tmp_path, "version: 1\njobs:\n  a: {schedule: [{every: 1h}, {every: 20m}], command: ['true']}\n"
    )
    world.clock.advance(seconds=2 * 3600)
    assert one(listed(world, presence=dead(world)), "a").marks[-1].at == NOON + 20 * MINUTE


def test_a_paused_job_has_its_next_run_after_the_pause(tmp_path: Path) -> None:
    world = World(tmp_path, FILE)
    world.pause("hourly", minutes=150)
    world.pause("often")
    found = listed(world)
    assert one(found, "hourly").next_at == NOON + 3 * HOUR
    assert (one(found, "often").next_at, one(found, "by-hand").next_at) == (None, None)
    pause = one(found, "often").pause
    assert pause is not None
    assert pause.actor == "anna"
    assert "paused by anna until 2026-03-05 15:30 CET: vendor outage" in list_to_text(found, width=200)


def test_without_an_engine_what_was_due_is_overdue_and_pauses_are_not(tmp_path: Path) -> None:
    world = World(tmp_path, FILE)
    world.pause("often", minutes=500)
    world.clock.advance(seconds=2 * 3600)
    found = listed(world, presence=dead(world))
    hourly = one(found, "hourly")
    assert (hourly.state, hourly.marks[-1].at) == ("overdue", NOON + HOUR)
    assert one(found, "often").state == "none"
    assert list_to_text(found, width=200).startswith(
        "NOTHING STARTS, no engine has been running since 2026-03-05"
    )
    world.clock.advance(seconds=8 * 3600)
    assert one(listed(world, presence=dead(world)), "often").marks[-1].at == NOON + 500 * MINUTE


def test_an_occurrence_is_overdue_when_it_is_later_than_the_grace(tmp_path: Path) -> None:
    world = World(tmp_path, FILE)
    world.clock.advance(seconds=600 + GRACE.total_seconds())
    assert one(listed(world, presence=dead(world)), "often").state == "none"
    world.clock.advance(seconds=1)
    assert one(listed(world, presence=dead(world)), "often").state == "overdue"


def test_a_pause_counts_for_a_job_that_was_decided_about_longer_ago_than_another(tmp_path: Path) -> None:
    """`hourly` was last decided about at noon, its pause has ended since, and `often` was decided later."""
    world = World(tmp_path, FILE)
    world.pause("hourly", minutes=90)
    world.clock.advance(seconds=100 * 60)
    often = next(one for one in world.store.schedules_in_force() if one.job == "often")
    with world.store.transaction():
        world.store.advance_coverage(often.id, to=world.clock.now())
    found = listed(world, presence=dead(world))
    assert (one(found, "hourly").state, one(found, "often").state) == ("none", "none")


def test_a_job_whose_definition_cannot_be_read_is_in_every_list_and_says_so(tmp_path: Path) -> None:
    world = World(tmp_path, FILE)
    digest = next(each.digest for each in world.view.jobs_in_force() if each.job == "often")
    world.store._db._db.execute("update definition set spec = '{' where digest = ?", (digest,))
    found = listed(world, choice=Choice(tags=("night",), owners=("ops",)))
    assert {each.job: each.notes for each in found.jobs} == {"hourly": (), "often": (UNREADABLE,)}


def test_the_files_and_what_is_in_force_are_compared(tmp_path: Path) -> None:
    world = World(tmp_path, FILE)
    text = FILE.replace("every: 1h", "every: 2h").replace("by-hand", "new")
    found = listed(world, catalog(text))
    notes = {each.job: each.notes for each in found.jobs}
    assert notes == {"by-hand": (REMOVED,), "hourly": (CHANGED,), "new": (NOT_APPLIED,), "often": ()}
    assert [each.job for each in found.jobs if not each.is_in_force] == ["new"]
    assert all(each.notes == () for each in listed(world, None).jobs)


def test_before_anything_is_applied_the_jobs_of_the_file_are_listed() -> None:
    file = a_catalog(
        a_job("a", schedule=every(hours=1), owner="ops"),
        a_job("b", schedule=every(hours=1), enabled=False),
    )
    found = list_jobs(
        None, file, presence=Presence(is_running=False), now=NOON, has_file=True, main_file="jobs.yaml"
    )
    assert [(each.job, each.state, each.next_at) for each in found.jobs] == [
        ("a", "none", NOON + HOUR),
        ("b", "none", None),
    ]
    assert all(each.notes == (NOT_APPLIED,) for each in found.jobs)


@pytest.mark.parametrize(
    ("choice", "jobs"),
    [
        (ALL, ["by-hand", "hourly", "often"]),
        (Choice(tags=("night",)), ["hourly", "often"]),
        (Choice(tags=("db", "other")), ["hourly"]),
        (Choice(owners=("ops", "web")), ["by-hand", "hourly"]),
        (Choice(tags=("night",), owners=("web",)), []),
        (Choice(tags=("nigh",)), []),
    ],
)
def test_a_job_is_chosen_by_one_of_the_tags_and_one_of_the_owners(
    tmp_path: Path, choice: Choice, jobs: list[str]
) -> None:
    world = World(tmp_path, FILE)
    assert [each.job for each in listed(world, choice=choice).jobs] == jobs
    if not jobs:
        assert list_to_text(listed(world, choice=choice), width=80) == "no such jobs"


def test_each_state_has_a_sign_and_only_open_states_share_one(tmp_path: Path) -> None:
    assert SIGNS.keys() == {*RunState, OVERDUE}
    final = [SIGNS[state] for state in SIGNS if state == OVERDUE or RunState(state).is_final]
    assert len(set(final)) == len(final)
    assert not {SIGNS[state] for state in RunState if not state.is_final} & set(final)


def test_the_number_of_queries_does_not_grow_with_the_number_of_jobs(tmp_path: Path) -> None:
    asked = {}
    for number in (2, 40):
        folder = tmp_path / str(number)
        folder.mkdir()
        jobs = "".join(f"  j{i}: {{schedule: {{every: 1h}}, command: ['true']}}\n" for i in range(number))
        world = World(folder, f"version: 1\njobs:\n{jobs}")
        world.pass_time(seconds=3600)
        world.finish()
        world.clock.advance(seconds=7200)
        statements: list[str] = []
        assert isinstance(world.view, SqliteView)
        world.view._db._db.set_trace_callback(statements.append)
        found = listed(world, presence=dead(world))
        world.view._db._db.set_trace_callback(None)
        assert [each.state for each in found.jobs] == ["overdue"] * number
        asked[number] = len(statements)
        world.crash()
    assert asked[2] == asked[40]


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (Choice(tags=("night", "db")), ""),
        (Choice(owners=("ops", "web"), tags=("night",)), ""),
        (Choice(tags=("nigth",)), "no job here has the tag `nigth`; did you mean night?"),
        (Choice(tags=("xyz",)), "no job here has the tag `xyz`; known: db, night"),
        (Choice(owners=("web", "xyz")), "no job here has the owner `xyz`; known: ops, web"),
    ],
)
def test_a_word_that_no_job_has_is_named_with_the_words_that_are_known(
    tmp_path: Path, choice: Choice, words: str
) -> None:
    world = World(tmp_path, FILE)
    assert listed(world, choice=choice).unknown == words
    assert unknown_word(choice, known_labels(world.view).values()) == words


def test_where_no_job_has_a_tag_none_is_known() -> None:
    assert unknown_word(Choice(tags=("x",)), [Labels()]) == "no job here has the tag `x`; known: none"
    assert unknown_word(Choice(owners=("x",)), [Labels()]) == "no job here has the owner `x`; known: none"
    assert unknown_word(ALL, []) == ""
