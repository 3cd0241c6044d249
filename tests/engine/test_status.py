"""`status`: what makes a system unwell, at the edges, and what it counts."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.answers.presence import RUNNING, SILENT, Presence
from engine.answers.status import LOW_DISK_BYTES, RECENT, THE_FILES, Status, make_status
from engine.core.records import (
    CLOCK_HOLD,
    DISK_HOLD,
    RESTORED_HOLD,
    SOURCE,
    Generation,
    Incident,
    Rejection,
    Session,
    Source,
)
from engine.ledger.source_fact import source_to_text
from tests.builders import HOUR, NOON, a_catalog, a_job, every
from tests.engine.test_faults import a_file, down
from tests.engine.world import World

SESSION = Session(1, "boot", 1, "1", NOON - HOUR, NOON, None, "")
APPLIED = Generation(3, "d" * 64, NOON, "anna", "jobs.yaml", "c" * 40)
REJECTION = Rejection(NOON, "e" * 64, ("jobs.yaml:1: wrong",), None)

WELL = Status(
    zones={},
    is_running=True,
    session=SESSION,
    generation=APPLIED,
    rejection=None,
    jobs=1,
    running=0,
    waiting=0,
    overdue=0,
    unsettled=0,
    file_digest=APPLIED.digest,
    differing=0,
    free_bytes=LOW_DISK_BYTES,
    now=NOON + SILENT,
)


def hold(kind: str) -> Incident:
    return Incident(kind, NOON, None, "because", 0, 0, "")


@pytest.mark.parametrize(
    ("is_well", "fields"),
    [
        (True, {}),
        (True, {"session": None}),
        (True, {"running": 3, "waiting": 9, "unsettled": 1, "differing": 1}),
        (False, {"is_running": False}),
        (False, {"now": NOON + SILENT + timedelta(seconds=1)}),
        (False, {"rejection": REJECTION}),
        (False, {"trouble": "the disk is full"}),
        (False, {"bug": "scheduler: KeyError"}),
        (False, {"free_bytes": LOW_DISK_BYTES - 1}),
        (False, {"overdue": 1}),
        *((False, {"holds": (hold(kind),)}) for kind in (CLOCK_HOLD, DISK_HOLD, RESTORED_HOLD)),
    ],
)
def test_a_system_is_well_until_one_thing_is_wrong(is_well: bool, fields: dict[str, Any]) -> None:
    assert replace(WELL, **fields).is_well is is_well


def test_an_engine_is_silent_that_runs_and_was_not_heard_of_unless_its_clock_is_not_believed() -> None:
    later = replace(WELL, now=NOON + HOUR)
    assert (WELL.is_silent, later.is_silent) == (False, True)
    assert not replace(later, is_running=False).is_silent
    assert not replace(later, session=None).is_silent
    assert not replace(later, holds=(hold(DISK_HOLD), hold(CLOCK_HOLD))).is_silent
    assert replace(later, holds=(hold(DISK_HOLD),)).is_silent
    assert replace(later, holds=(hold(DISK_HOLD), hold(CLOCK_HOLD))).hold == hold(CLOCK_HOLD)


def test_the_files_differ_that_are_read_and_are_not_in_force() -> None:
    assert not WELL.differs
    assert not replace(WELL, file_digest=None).differs
    assert replace(WELL, file_digest="other").differs
    assert replace(WELL, generation=None).differs


def test_a_commit_waits_for_a_person_only_under_an_engine_that_applies_none_by_itself() -> None:
    news = Source(ref="main", commit="d" * 40, is_manual=True)
    assert replace(WELL, source=news).waits_for_apply
    assert replace(WELL, source=news, generation=None).waits_for_apply
    assert not replace(WELL, source=news, rejection=REJECTION).waits_for_apply
    assert not replace(WELL, source=news._replace(is_manual=False)).waits_for_apply
    assert not replace(WELL, source=news._replace(commit=APPLIED.revision)).waits_for_apply
    assert not replace(WELL, source=news._replace(commit="")).waits_for_apply


def status(world: World, presence: Presence = RUNNING, *specs: Any) -> Status:
    now = world.clock.now()
    return make_status(
        world.view, presence=presence, file=a_catalog(*specs) if specs else None, free_bytes=10**12, now=now
    )


def test_before_there_is_a_ledger_nothing_is_there() -> None:
    found = make_status(
        None, presence=Presence(is_running=False), file=a_catalog(a_job()), free_bytes=1, now=NOON
    )
    assert (found.session, found.generation, found.rejection, found.source) == (None, None, None, THE_FILES)
    assert (found.jobs, found.running, found.waiting, found.overdue, found.differing) == (0, 0, 0, 0, 0)
    assert (found.pauses, found.incidents, found.holds, found.away_words, found.waits_for) == (
        (),
        (),
        (),
        "",
        "",
    )


def test_what_is_open_is_counted_as_running_waiting_and_unsettled(tmp_path: Path) -> None:
    text = a_file(schedule='"0 0 1 1 *"') + "  other:\n    command: ['true']\n"
    world = World(tmp_path, text, at=NOON, max_running=2)
    first, _ = world.run_by_hand("hello"), world.run_by_hand("other")
    for _ in range(3):
        world.run_by_hand("other")
    found = status(world, Presence(is_running=True, fates={first.id: "it ended", "f" * 32: "it ended"}))
    assert (found.jobs, found.running, found.waiting, found.unsettled) == (2, 2, 3, 1)
    assert (found.file_digest, found.differing) == (None, 0)


def test_jobs_that_differ_are_counted_by_name(tmp_path: Path) -> None:
    world = World(tmp_path, a_file() + "  other:\n    command: ['true']\n", at=NOON)
    in_force = [world.store.definition(one.digest) for one in world.view.jobs_in_force()]
    assert status(world, RUNNING, *in_force).differing == 0
    assert status(world, RUNNING, in_force[0]).differing == 1
    changed = replace(in_force[0], schedule=every(minutes=9))
    assert status(world, RUNNING, changed, in_force[1], a_job("new")).differing == 2


def test_a_job_that_is_paused_and_enabled_in_the_file_is_counted(tmp_path: Path) -> None:
    world = World(tmp_path, a_file() + "  other:\n    command: ['true']\n", at=NOON)
    world.pause("hello")
    world.pause("other")
    found = status(world, RUNNING, a_job("hello"), a_job("other", enabled=False))
    assert ({one.job for one in found.pauses}, found.paused_though_enabled) == ({"hello", "other"}, 1)
    assert status(world).paused_though_enabled == 0


@pytest.mark.parametrize("kind", [CLOCK_HOLD, RESTORED_HOLD, DISK_HOLD])
def test_each_hold_is_reported(tmp_path: Path, kind: str) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    with world.store.transaction():
        world.store.incidents.begin_hold(kind, detail="because", now=NOON)
    assert [one.kind for one in status(world).holds] == [kind]


def test_the_newest_absences_are_reported_and_why_of_the_last_in_which_something_was_due(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    for _ in range(RECENT + 1):
        down(world, seconds=2 * 3600)
    found = status(world)
    assert len(found.incidents) == RECENT
    assert found.away_words == "the engine was not running"
    down(world, seconds=60)  # nothing was due
    assert status(world).away_words == "the engine was not running"


def test_where_the_jobs_come_from_is_known_of_an_engine_that_runs(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    with world.store.transaction():
        world.store.past.note(SOURCE, source_to_text(Source(ref="main", commit="d" * 40)))
    assert status(world).source.ref == "main"
    assert status(world, Presence(is_running=False)).source == THE_FILES
