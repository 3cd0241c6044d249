"""When a job is late: found by an engine within a minute, once, and by every answer without an engine."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.answers.lateness import late_now
from engine.answers.presence import RUNNING, Presence
from engine.core.events import JobLate
from engine.core.lateness import Known, Late, LateKind, Occurred, deadline_of, late, late_words
from engine.core.lifecycle import RunState
from engine.core.records import Pause
from engine.notifications.noting import owe_for_run
from engine.transactions.lateness import note_late
from jobfile.model.expectations import ExpectSpec
from jobfile.model.jobs import ChannelSpec
from tests.builders import NOON, a_job, a_run
from tests.engine.world import World

DEAD = Presence(is_running=False)
JOBS = """\
version: 1
jobs:
  hello:
    schedule: {cron: "0 4 * * *", timezone: Europe/Oslo}
    expect: {done_by: "06:30"}
    run: hello
"""
EVERY = """\
version: 1
jobs:
  hello:
    expect: {success_every: 24h}
    run: hello
"""
LONG = """\
version: 1
jobs:
  hello:
    expect: {max_duration: 1h}
    run: hello
"""


def look(world: World) -> None:
    assert world.loops.late_watch is not None
    world.loops.late_watch.tick()


def until(world: World, at: datetime, *, seconds: float = 30.0) -> None:
    """Let time pass until an instant; the engine looks as often as it does."""
    while world.clock.now() < at:
        world.pass_time(seconds=min(seconds, (at - world.clock.now()).total_seconds()))
        look(world)


def told(world: World) -> list[str]:
    """What is recorded, and whether a success has ended it."""
    found = world.view.lateness.between(
        None, since=NOON - timedelta(days=99), until=NOON + timedelta(days=999)
    )
    assert len(found) == sum(isinstance(event, JobLate) for event in world.journal.events)
    return [event for one in found for event in ("late", *(["recovered"] if one.over_at else []))]


def recorded(world: World) -> list[tuple[str, str]]:
    found = world.view.lateness.between(
        None, since=NOON - timedelta(days=99), until=NOON + timedelta(days=999)
    )
    return [(one.kind.value, one.about) for one in found]


def words(world: World, presence: Presence = RUNNING) -> list[str]:
    zone, now = ZoneInfo("Europe/Oslo"), world.clock.now()
    found = late_now(world.view, presence, now=now)
    return [late_words(one, zone=zone, now=now) for lateness in found.values() for one in lateness]


def oslo(day: int, hour: int, minute: int = 0, *, month: int = NOON.month) -> datetime:
    return datetime(NOON.year, month, day, hour, minute, tzinfo=ZoneInfo("Europe/Oslo")).astimezone(UTC)


def test_a_run_that_does_not_succeed_by_the_time_of_its_day_is_late_once(tmp_path: Path) -> None:
    world = World(tmp_path, JOBS)
    tomorrow = NOON.day + 1
    until(world, oslo(tomorrow, 6, 30), seconds=600)
    assert recorded(world) == []
    until(world, oslo(tomorrow, 6, 31))
    day = f"{NOON:%Y-%m}-{tomorrow:02d}"
    assert recorded(world) == [("done_by", day)]
    assert words(world)[0].startswith("late: no success by 06:30 CE")
    (one,) = world.view.lateness.open("hello")
    assert one.since == oslo(tomorrow, 6, 30)
    assert one.found_at is not None
    assert one.found_at - one.since <= timedelta(minutes=1)
    until(world, oslo(tomorrow, 9))
    assert sum(isinstance(event, JobLate) for event in world.journal.events) == 1
    world.finish()
    assert words(world) == []
    until(world, oslo(tomorrow + 1, 4, 30), seconds=600)
    world.finish()
    until(world, oslo(tomorrow + 1, 12), seconds=600)
    assert recorded(world) == [("done_by", day)]
    assert told(world) == ["late", "recovered"]
    world.check()


def test_a_success_in_time_is_not_late(tmp_path: Path) -> None:
    world = World(tmp_path, JOBS)
    until(world, oslo(NOON.day + 1, 6, 29, month=NOON.month), seconds=600)
    world.finish()
    until(world, oslo(NOON.day + 1, 12), seconds=600)
    assert recorded(world) == []


def test_a_job_that_never_succeeds_is_late_after_its_time(tmp_path: Path) -> None:
    world = World(tmp_path, EVERY)
    until(world, NOON + timedelta(hours=24), seconds=600)
    assert recorded(world) == []
    until(world, NOON + timedelta(hours=24, minutes=1))
    assert [kind for kind, _ in recorded(world)] == ["success_every"]
    until(world, NOON + timedelta(hours=26), seconds=600)
    assert words(world) == ["late: no success for 1d2h (limit 1d)"]
    world.run_by_hand("hello")
    world.finish()
    assert words(world) == []
    until(world, NOON + timedelta(hours=49), seconds=600)
    assert len(recorded(world)) == 1
    until(world, NOON + timedelta(hours=51), seconds=600)
    assert len(recorded(world)) == 2
    assert told(world) == ["late", "recovered", "late"]


def test_a_paused_job_is_not_late_and_counts_from_its_resume(tmp_path: Path) -> None:
    world = World(tmp_path, EVERY)
    world.pass_time(seconds=3600)
    world.pause("hello")
    until(world, NOON + timedelta(hours=30), seconds=600)
    with world.store.transaction():
        world.store.pauses.end("hello", by="anna", now=world.clock.now())
    until(world, NOON + timedelta(hours=54), seconds=600)
    assert recorded(world) == []
    until(world, NOON + timedelta(hours=55), seconds=60)
    assert len(recorded(world)) == 1


def test_a_job_whose_newer_file_is_rejected_is_late(tmp_path: Path) -> None:
    world = World(tmp_path, EVERY)
    world.edit("version: 1\njobs: {hello: {rum: x}}\n")
    until(world, NOON + timedelta(hours=24, minutes=2), seconds=60)
    assert len(recorded(world)) == 1


def test_a_disabled_job_is_not_late(tmp_path: Path) -> None:
    world = World(tmp_path, EVERY.replace("run: hello", "run: hello\n    enabled: false"))
    until(world, NOON + timedelta(hours=30), seconds=600)
    assert recorded(world) == []
    world.edit(EVERY)
    until(world, NOON + timedelta(hours=53), seconds=600)
    assert recorded(world) == []
    until(world, NOON + timedelta(hours=55), seconds=600)
    assert len(recorded(world)) == 1


def test_a_run_that_takes_too_long_is_late_while_it_runs(tmp_path: Path) -> None:
    world = World(tmp_path, LONG)
    run = world.run_by_hand("hello")
    until(world, NOON + timedelta(hours=1), seconds=60)
    assert recorded(world) == []
    until(world, NOON + timedelta(hours=1, minutes=1))
    assert recorded(world) == [("max_duration", run.id)]
    until(world, NOON + timedelta(hours=2, minutes=10), seconds=60)
    assert words(world) == ["late: running for 2h10m (limit 1h)"]
    world.finish()
    assert words(world) == []
    assert told(world) == ["late", "recovered"]


def test_a_run_that_took_too_long_without_an_engine_is_recorded_with_both_times(tmp_path: Path) -> None:
    world = World(tmp_path, LONG)
    run = world.run_by_hand("hello")
    world.crash()
    world.clock.advance(seconds=3 * 3600)
    world.launcher.finish(f"{run.id}-1")
    world.clock.advance(seconds=3600)
    world.boot()
    (one,) = world.view.lateness.between("hello", since=NOON, until=NOON + timedelta(days=1))
    assert (one.run_id, one.since) == (run.id, NOON + timedelta(hours=1))
    assert one.found_at == NOON + timedelta(hours=4)
    assert told(world) == ["late", "recovered"]


def test_days_without_an_engine_are_found_at_its_next_start(tmp_path: Path) -> None:
    world = World(tmp_path, JOBS)
    look(world)
    world.crash()
    world.clock.advance(seconds=3 * 86_400)
    world.boot()
    world.pass_time(seconds=16)
    look(world)
    days = [about for kind, about in recorded(world) if kind == "done_by"]
    # Two of the three days were superseded by the newest run, so only that one was to run.
    assert days == [f"{NOON + timedelta(days=3):%Y-%m-%d}"]
    look(world)
    assert told(world) == ["late"]


def test_answers_find_it_without_an_engine(tmp_path: Path) -> None:
    world = World(tmp_path, EVERY)
    world.clock.advance(seconds=26 * 3600)
    assert words(world) == []
    assert words(world, DEAD) == ["late: no success for 1d2h (limit 1d)"]
    world.pause("hello")
    assert words(world, DEAD) == []


@pytest.mark.parametrize(
    ("done_by", "day", "at"),
    [
        ("02:30", date(2026, 3, 29), "2026-03-29T01:00:00+00:00"),  # skipped: right after the gap
        ("02:30", date(2026, 10, 25), "2026-10-25T00:30:00+00:00"),  # twice: the first pass
        ("06:30", date(2026, 7, 1), "2026-07-01T04:30:00+00:00"),
        ("06:30", date(2026, 12, 1), "2026-12-01T05:30:00+00:00"),
        ("00:00", date(2026, 12, 1), "2026-11-30T23:00:00+00:00"),
    ],
)
def test_the_time_of_a_day_follows_the_rules_of_schedules(done_by: str, day: date, at: str) -> None:
    found = deadline_of(done_by, "Europe/Oslo", day)
    assert found is not None
    assert found.isoformat() == at


def test_a_day_that_a_zone_left_out_has_no_deadline() -> None:
    assert deadline_of("09:00", "Pacific/Apia", date(2011, 12, 30)) is None


def owed(world: World) -> list[str]:
    return [one.event for one in world.store.outbox.pending("call", of_each=9, limit=9)]


def test_late_is_notified_once_and_so_is_the_first_success_after_it(tmp_path: Path) -> None:
    world = World(tmp_path, EVERY)
    spec = a_job(notify=dict.fromkeys(("late", "recovered"), (ChannelSpec(name="call", command=("call",)),)))
    found = Late("hello", LateKind.SUCCESS_EVERY, "x", NOON, limit=timedelta(hours=24))
    for _ in range(2):
        with world.store.transaction():
            note_late(world.store, [found], spec, now=NOON)
    (one,) = world.store.outbox.pending("call", of_each=9, limit=9)
    facts = json.loads(one.facts)
    assert (facts["event"], facts["kind"], facts["limit_seconds"]) == ("late", "success_every", 86_400)
    assert facts["since"] == NOON.isoformat()
    for number in range(2):
        run = replace(a_run(id=f"{number:032x}", attempt=1), state=RunState.SUCCEEDED, ended_at=NOON)
        with world.store.transaction():
            world.store.outbox.sent(one.id, now=NOON)
            owe_for_run(world.store, run, spec, now=NOON + timedelta(hours=number))
        assert owed(world) == ["recovered"]


def test_an_engine_that_dies_after_the_record_does_not_repeat_it(tmp_path: Path) -> None:
    world = World(tmp_path, EVERY)
    for _ in range(3):
        until(world, world.clock.now() + timedelta(hours=25), seconds=600)
        world.crash()
        world.boot()
        look(world)
    assert told(world) == ["late"]
    assert world.runs() == []


HOURS = st.integers(0, 24 * 12)


@given(
    every=st.integers(1, 60),
    successes=st.lists(HOURS, max_size=12),
    pauses=st.lists(st.tuples(HOURS, st.integers(1, 40)), max_size=3),
    now=HOURS,
)
def test_success_every_agrees_with_a_count_hour_by_hour(
    every: int, successes: list[int], pauses: list[tuple[int, int]], now: int
) -> None:
    """Hour by hour: the time without a success begins anew with a success or a resume."""

    def at(hour: int) -> datetime:
        return NOON + timedelta(hours=hour)

    def is_paused(hour: int) -> bool:
        return any(begin <= hour < begin + length for begin, length in pauses)

    anchor = 0
    for hour in range(now + 1):
        if hour in successes or any(begin + length == hour for begin, length in pauses):
            anchor = hour
    is_late = now - anchor >= every and not is_paused(now) and not is_paused(anchor + every)
    known = Known(
        zone="UTC",
        since=NOON,
        last_success=max((at(hour) for hour in successes if hour <= now), default=None),
        resumed_at=max((at(b + n) for b, n in pauses if b + n <= now), default=None),
        pauses=[Pause("j", "", "", "", at(begin), at(begin + n), None, "") for begin, n in pauses],
    )
    found = late("j", ExpectSpec(success_every=timedelta(hours=every)), known, now=at(now))
    assert [(one.about, one.since) for one in found] == (
        [(at(anchor).isoformat(), at(anchor + every))] if is_late else []
    )


ZONES = st.sampled_from(["Europe/Oslo", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "UTC"])


@given(
    zone=ZONES,
    minute=st.integers(0, 24 * 60 - 1),
    month=st.integers(1, 12),
    runs=st.lists(
        st.tuples(st.integers(0, 60 * 72), st.one_of(st.none(), st.integers(0, 60 * 30)), st.booleans()),
        max_size=8,
    ),
    passed=st.integers(0, 60 * 100),
)
def test_a_day_is_late_when_one_of_its_runs_is(
    zone: str,
    minute: int,
    month: int,
    runs: list[tuple[int, int | None, bool]],
    passed: int,
) -> None:
    """The deadline is found here by looking at a clock of the zone, minute by minute."""
    start = datetime(2026, month, 27, tzinfo=UTC)
    now, loaded = start + timedelta(minutes=passed), ZoneInfo(zone)
    occurred = [
        Occurred(
            start + timedelta(minutes=begin),
            None if took is None else start + timedelta(minutes=begin + took),
            is_excused,
        )
        for begin, took, is_excused in runs
    ]
    clock = [start - timedelta(days=2) + timedelta(minutes=number) for number in range(60 * 24 * 8)]
    shown = [one.astimezone(loaded) for one in clock]
    expected = set()
    for one in occurred:
        day = one.at.astimezone(loaded).date()
        wanted = (day, minute)
        by = next(
            t for t, s in zip(clock, shown, strict=True) if (s.date(), s.hour * 60 + s.minute) >= wanted
        )
        if one.at < by <= now and not one.is_excused and (one.done_at is None or one.done_at > by):
            expected.add((day.isoformat(), by))
    done_by = f"{minute // 60:02}:{minute % 60:02}"
    known = Known(zone=zone, since=start, occurrences=occurred)
    found = late("j", ExpectSpec(done_by=done_by), known, now=now)
    assert {(one.about, one.since) for one in found} == expected
