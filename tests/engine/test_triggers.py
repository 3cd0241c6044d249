"""The door of triggers: each kind has its place in the registry, and what is due comes with its identity."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from engine.core.due import GAP_FROM, Due, due
from engine.core.lifecycle import Occurrence, TriggerKind
from engine.core.records import Schedule
from engine.triggers.kind import Found
from engine.triggers.manual import requested
from engine.triggers.registry import TRIGGERS, WATCHED, trigger_of, watched_by
from engine.triggers.schedule import rules_of
from jobfile.model.jobs import AtEntry, CatchupMode, CatchupSpec, ScheduleEntry
from jobfile.schedule.occurrences import fires, load_zone
from tests.builders import HOUR, MINUTE, NOON, a_job, a_run, cron, every
from tests.engine.test_faults import a_file
from tests.engine.world import World

UTC_ZONE = load_zone("UTC")
assert UTC_ZONE is not None


def the_schedule(world: World) -> Schedule:
    (schedule,) = world.store.schedules_in_force()
    return schedule


def due_in(world: World) -> Found:
    schedule = the_schedule(world)
    spec = world.store.definition(schedule.digest)
    return watched_by(schedule).due(world.store, schedule, spec, now=world.clock.now())


def identity(one: Occurrence) -> tuple[object, ...]:
    return one.job, one.schedule_key, one.scheduled_for, one.clock_epoch


def test_each_word_for_the_cause_of_a_run_is_of_one_trigger() -> None:
    words = [kind for trigger in TRIGGERS for kind in trigger.kinds]
    assert sorted(words) == sorted(TriggerKind)
    for kind in TriggerKind:
        assert kind in trigger_of(a_run(trigger=kind)).kinds


def test_each_watched_trigger_is_registered_and_has_a_key_of_its_own() -> None:
    assert set(WATCHED) <= set(TRIGGERS)
    keys = [trigger.key for trigger in WATCHED]
    assert len(keys) == len(set(keys))


def test_only_what_a_schedule_asked_for_is_scheduled() -> None:
    scheduled = {kind for kind in TriggerKind if kind.is_scheduled}
    assert scheduled == set(trigger_of(a_run(trigger=TriggerKind.SCHEDULE)).kinds)


def test_a_row_with_an_unknown_key_is_still_a_schedule(tmp_path: Path) -> None:
    schedule = the_schedule(World(tmp_path, a_file(), at=NOON))
    assert watched_by(schedule._replace(schedule_key="x")) is watched_by(schedule)


def test_the_next_occurrence_is_the_first_after_the_coverage(tmp_path: Path) -> None:
    schedule = the_schedule(World(tmp_path, a_file(), at=NOON))
    trigger = watched_by(schedule)
    entries = (*cron("30 12 * * *"), *every(hours=2))
    assert trigger.next_at(schedule._replace(entries=entries, covered_until=NOON)) == NOON + HOUR / 2
    past = NOON + HOUR / 2
    assert trigger.next_at(schedule._replace(entries=entries, covered_until=past)) == NOON + 2 * HOUR
    assert trigger.next_at(schedule._replace(entries=())) is None


def test_a_definition_asks_for_its_entries() -> None:
    (trigger,) = WATCHED
    assert trigger.rule(a_job(schedule=every(hours=2))) == every(hours=2)
    assert trigger.rule(a_job()) == ()


CATCHUPS = (
    CatchupSpec(mode=CatchupMode.NONE),
    CatchupSpec(mode=CatchupMode.LAST),
    CatchupSpec(mode=CatchupMode.ALL, limit=3),
)
SPREAD = tuple(replace(one, spread=5 * MINUTE) for one in cron("*/10 * * * *"))


@pytest.mark.parametrize("entries", [every(minutes=10), SPREAD], ids=["plain", "spread"])
@pytest.mark.parametrize("catchup", CATCHUPS, ids=lambda one: one.mode)
@pytest.mark.parametrize("deadline", [None, 25 * MINUTE], ids=str)
def test_what_is_due_is_what_the_core_decides_and_each_has_its_identity(
    tmp_path: Path,
    entries: tuple[ScheduleEntry, ...],
    catchup: CatchupSpec,
    deadline: timedelta | None,
) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    row = the_schedule(world)._replace(entries=entries)
    spec = replace(world.store.definition(row.digest), catchup=catchup, start_deadline=deadline)
    rules = rules_of(spec, entries)
    for is_paused in (False, True):
        if is_paused:
            world.pause("hello", minutes=15)
        for minutes in (0, 5, 10, 11, 35, 85, 200):
            now = NOON + minutes * MINUTE
            pauses = world.store.pauses.between("hello", since=NOON, until=now)
            planned = due(rules, covered_until=NOON, now=now, pauses=pauses)
            found = watched_by(row).due(world.store, row, spec, now=now)
            check_is_the_same(found, planned)
            check_identities(found, deadline)
            instants = [fire.at for fire in fires(entries, after=NOON, until=now)]
            assert found.covered_until == max(instants, default=None)
            assert watched_by(row).due(world.store, row, spec, now=now) == found, "it only reads"


def check_is_the_same(found: Found, planned: Due) -> None:
    assert [one.scheduled_for for one in found.to_run] == [one.fire.at for one in planned.to_run]
    late = [one.trigger is TriggerKind.CATCHUP for one in found.to_run]
    assert late == [one.is_late for one in planned.to_run]
    assert [one.about for one in found.not_run] == list(planned.not_run)
    for one in found.not_run:
        assert [each.scheduled_for for each in one.listed] == [fire.at for fire in one.about.fires]
        assert all(each.trigger is TriggerKind.CATCHUP for each in one.listed)
    assert found.unseen == planned.unseen


def check_identities(found: Found, deadline: timedelta | None) -> None:
    listed = [*found.to_run, *(each for one in found.not_run for each in one.listed)]
    assert len({identity(one) for one in listed}) == len(listed)
    for one in listed:
        assert (one.job, one.schedule_key, one.clock_epoch) == ("hello", "default", 0)
        assert one.scheduled_for <= one.not_before <= one.scheduled_for + 5 * MINUTE
        start_by = None if deadline is None else one.scheduled_for + deadline
        assert (one.start_by, one.requested_by, one.retry_of) == (start_by, "", None)


ENTRIES = """
      - {cron: "0 13 * * *", with: {name: one}}
      - {cron: "0,30 13 * * *", with: {name: all}, spread: 5m}"""


def test_an_occurrence_becomes_a_run_with_its_identity_and_arguments(tmp_path: Path) -> None:
    text = a_file("params: {name: {type: string, default: nobody}}", "start_deadline: 2h", schedule=ENTRIES)
    world = World(tmp_path, text, at=NOON)
    world.clock.advance(seconds=3601)
    (wanted,) = due_in(world).to_run
    assert wanted.arguments == {"name": "one"}, "the first entry that names it"
    world.step()
    world.pass_time(seconds=1800)
    run, spread = world.runs()
    assert (run.job, run.schedule_key, run.scheduled_for, run.clock_epoch) == identity(wanted)
    assert (run.trigger, run.params) == (wanted.trigger, wanted.arguments)
    assert (run.not_before, run.start_by) == (wanted.not_before, NOON + 3 * HOUR)
    assert (spread.params, spread.reason) == ({"name": "all"}, "spread")
    assert NOON + HOUR * 3 / 2 < spread.not_before < NOON + HOUR * 3 / 2 + 5 * MINUTE


def test_a_long_stretch_is_not_listed(tmp_path: Path) -> None:
    world = World(tmp_path, a_file("catchup: none", schedule='"* * * * *"'), at=NOON)
    world.clock.advance(seconds=(GAP_FROM + 1) * 60 + 30)
    (stretch,) = due_in(world).not_run
    assert (stretch.about.count, stretch.listed) == (GAP_FROM + 1, ())


def test_two_requests_are_never_the_same_occurrence(tmp_path: Path) -> None:
    asked = requested("hello", at=NOON, now=NOON + MINUTE, arguments={"name": "x"}, requested_by="anna")
    assert (asked.trigger, asked.schedule_key, asked.clock_epoch) == (TriggerKind.MANUAL, None, 0)
    assert (asked.scheduled_for, asked.not_before, asked.start_by) == (NOON, NOON + MINUTE, None)
    assert (asked.arguments, asked.requested_by, asked.retry_of) == ({"name": "x"}, "anna", None)
    world = World(tmp_path, a_file("concurrency: {limit: none}"), at=NOON)
    first, second = world.run_by_hand("hello"), world.run_by_hand("hello")
    assert (first.job, first.scheduled_for) == (second.job, second.scheduled_for)
    assert first.id != second.id
    assert len(world.runs()) == 2


def test_only_a_run_on_schedule_covers_an_interval() -> None:
    spec = a_job(schedule=every(hours=1))
    run = a_run(spec, trigger=TriggerKind.CATCHUP, scheduled_for=NOON)
    interval = trigger_of(run).environment(run, spec, UTC_ZONE)
    assert interval == {
        "JOBFILE_INTERVAL_START": (NOON - HOUR).isoformat(),
        "JOBFILE_INTERVAL_END": NOON.isoformat(),
    }
    assert trigger_of(run).environment(run, a_job(), UTC_ZONE) == {}, "the schedule is gone since"
    by_hand = a_run(spec, scheduled_for=NOON)
    assert trigger_of(by_hand).environment(by_hand, spec, UTC_ZONE) == {}


def test_a_schedule_without_a_past_covers_no_known_interval() -> None:
    spec = a_job(schedule=(AtEntry(at=(NOON,), timezone="UTC"),))
    run = a_run(spec, trigger=TriggerKind.SCHEDULE, scheduled_for=NOON)
    assert trigger_of(run).environment(run, spec, UTC_ZONE)["JOBFILE_INTERVAL_START"] == ""


def test_instants_are_reported_in_the_zone_of_the_job() -> None:
    zone = load_zone("Asia/Tokyo")
    assert zone is not None
    spec = a_job(schedule=every(hours=1))
    run = a_run(spec, trigger=TriggerKind.SCHEDULE, scheduled_for=NOON)
    interval = trigger_of(run).environment(run, spec, zone)
    assert interval["JOBFILE_INTERVAL_END"] == (NOON.astimezone(zone)).isoformat()
    assert NOON.astimezone(zone).utcoffset() == timedelta(hours=9)
