"""In quiet hours and on closed days a channel waits, and then sends all; what it excepts does not wait."""

from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.notifications.quiet import LOUD, REPEAT, quiet_now
from jobfile.model.canonical import spec_to_json
from jobfile.model.jobs import CalendarSpec, QuietSpec
from jobfile.schedule.zones import load_zone
from tests.builders import DAY, HOUR, MINUTE, NOON
from tests.engine.test_sending import messages, noted, told
from tests.engine.world import World

ZONES = ("UTC", "Europe/Oslo", "Australia/Lord_Howe", "America/Havana")
FILE = """
version: 1
calendars: {office: {weekdays: [mon, tue, wed, thu, fri]}}
channels:
  oncall: {command: [notify-send, "{{ event.title }}"], quiet: %s}
jobs:
  hello:
    schedule: {every: 1h}
    notify: {failed: [oncall], recovered: [oncall], missed: [oncall]}
    run: echo hello
"""


def times() -> st.SearchStrategy[str]:
    return st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))


def zone_of(quiet: QuietSpec) -> ZoneInfo:
    """The zone as the engine knows it: that of the host may be older."""
    zone = load_zone(quiet.timezone)
    assert zone is not None
    return zone


def is_quiet(quiet: QuietSpec, at: datetime) -> bool:
    """The definition, for an instant whose local time is not near a change of the clocks."""
    local = at.astimezone(zone_of(quiet))
    if quiet.calendar is not None:
        calendar, day = quiet.calendar, local.date()
        if day not in calendar.also and (day.weekday() not in calendar.weekdays or day in calendar.closed):
            return True
    if quiet.hours is None:
        return False
    begin, end = quiet.hours.split("-")
    now = f"{local:%H:%M}"
    return begin <= now < end if begin < end else now >= begin or now < end


def changes_near(quiet: QuietSpec, at: datetime) -> bool:
    zone = zone_of(quiet)
    return (at - 2 * DAY).astimezone(zone).utcoffset() != (at + 2 * DAY).astimezone(zone).utcoffset()


@settings(max_examples=150, deadline=None)
@given(
    st.tuples(times(), times()).filter(lambda two: two[0] != two[1]) | st.none(),
    st.sets(st.integers(0, 6), min_size=1) | st.none(),
    st.sampled_from(ZONES),
    st.integers(0, 366 * 24 * 60),
)
def test_it_is_quiet_exactly_until_the_first_minute_that_is_not(
    hours: tuple[str, str] | None, weekdays: set[int] | None, zone: str, minute: int
) -> None:
    days = None
    if weekdays is not None:
        closed, also = (date(2026, 12, 25),), (date(2026, 5, 17),)
        days = CalendarSpec(name="a", weekdays=tuple(sorted(weekdays)), closed=closed, also=also)
    quiet = QuietSpec(hours="-".join(hours) if hours else None, calendar=days, timezone=zone)
    at = datetime(2026, 1, 1, tzinfo=UTC) + minute * MINUTE
    until = quiet_now(quiet, at).until
    assert until is None or until > at
    if changes_near(quiet, at):
        return
    assert (until is not None) == is_quiet(quiet, at)
    if until is None or changes_near(quiet, until):
        return
    assert not is_quiet(quiet, until)
    steps = range(0, round((until - at) / MINUTE), 17)
    assert all(
        is_quiet(quiet, at + step * MINUTE) for step in steps if not changes_near(quiet, at + step * MINUTE)
    )


def test_a_time_that_the_clock_leaves_out_ends_after_the_gap_and_a_repeated_one_at_its_first_pass() -> None:
    quiet = QuietSpec(hours="01:30-02:30", timezone="Europe/Oslo")
    night = datetime(2026, 3, 29, 0, 45, tzinfo=UTC)
    assert quiet_now(quiet, night).until == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    night = datetime(2026, 10, 24, 23, 45, tzinfo=UTC)
    assert quiet_now(quiet, night).until == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_a_day_that_a_zone_left_out_and_a_calendar_that_is_never_open_end_the_search() -> None:
    quiet = QuietSpec(hours="22:00-07:00", timezone="Pacific/Apia")
    night = datetime(2011, 12, 30, 9, 30, tzinfo=UTC)  # half past eleven on the 29th; the 30th did not exist
    assert quiet_now(quiet, night).until == datetime(2011, 12, 30, 17, 0, tzinfo=UTC)
    never = CalendarSpec(name="a", weekdays=(), also=(date(2026, 1, 1),))
    until = quiet_now(QuietSpec(calendar=never), NOON).until
    assert until is not None
    assert until > NOON + 300 * DAY


def test_a_channel_without_quiet_is_loud() -> None:
    assert quiet_now(None, NOON) is LOUD
    assert quiet_now(QuietSpec(repeat=6 * HOUR), NOON) == (None, (), 6 * HOUR)
    assert LOUD.repeat == REPEAT


# The sender on a real ledger: it begins on a Thursday at noon


def test_what_falls_into_quiet_hours_is_sent_together_when_they_end(tmp_path: Path) -> None:
    world = World(tmp_path, FILE % '{hours: "12:00-16:00"}', at=NOON)
    for code in (1, 0, 1):
        world.pass_time(seconds=3600)
        world.finish(exit_code=code)
        world.send(seconds=60)
    assert messages(world) == []
    world.send(seconds=45 * 60)
    assert messages(world) == []
    world.send(seconds=30 * 60)
    (message,) = messages(world)
    assert "it failed and has recovered 2 more times since" in message.text
    assert told(world) == noted(world)
    assert len(noted(world)) == 3


def test_a_closed_day_is_quiet_and_the_next_open_one_begins_at_its_local_midnight(tmp_path: Path) -> None:
    world = World(tmp_path, FILE % "{calendar: office, timezone: Europe/Oslo}", at=NOON + 2 * DAY)
    world.pass_time(seconds=3600)
    world.finish(exit_code=1)
    world.send(seconds=60)
    world.clock.advance(seconds=(NOON + 3 * DAY + 11 * HOUR - MINUTE - world.clock.now()).total_seconds())
    world.loops.sender.tick()
    assert messages(world) == []
    world.send(seconds=120)
    assert len(messages(world)) == 1


def test_an_event_that_is_excepted_is_sent_at_once_with_those_of_its_job_before_it(tmp_path: Path) -> None:
    world = World(tmp_path, FILE % '{hours: "12:00-16:00", except: [recovered]}', at=NOON)
    world.pass_time(seconds=3600)
    world.finish(exit_code=1)
    world.send(seconds=120)
    assert messages(world) == []
    world.pass_time(seconds=3600)
    world.finish()
    world.send(seconds=120)
    assert [message.title for message in messages(world)] == ["hello has recovered"]
    assert told(world) == noted(world), "in their order"


def test_a_message_that_was_made_before_is_tried_again_also_in_quiet_hours(tmp_path: Path) -> None:
    world = World(tmp_path, FILE % '{hours: "13:01-16:00"}', at=NOON)
    world.receiver.error = "no route"
    world.pass_time(seconds=3600)
    world.finish(exit_code=1)
    world.send(seconds=60)
    world.receiver.error = ""
    world.send(seconds=60)
    assert len(messages(world)) == 1


def test_while_the_clock_is_not_believed_no_channel_is_quiet(tmp_path: Path) -> None:
    world = World(tmp_path, FILE % '{hours: "12:00-11:59"}', at=NOON)
    world.pass_time(seconds=3600)
    world.finish(exit_code=1)
    world.guard.look()
    world.send(seconds=60)
    assert messages(world) == []
    world.clock.jump(seconds=400 * 86_400)
    assert world.guard.look().is_held
    world.send(seconds=60)
    assert len(messages(world)) == 1


@pytest.mark.parametrize(("quiet", "count"), [("{repeat: 6h}", 3), ("{repeat: 1m}", 13)])
def test_the_same_failure_is_told_again_after_the_time_that_the_channel_names(
    tmp_path: Path, quiet: str, count: int
) -> None:
    world = World(tmp_path, FILE % quiet, at=NOON)
    world.pass_time(seconds=60)
    for _ in range(13):
        world.pass_time(seconds=3600 - 60)
        world.finish(exit_code=1)
        world.send(seconds=60)
    assert len(messages(world)) == count
    assert all(id in noted(world) for id in told(world))


def test_a_channel_without_quiet_leaves_the_text_of_its_jobs_as_it_was(tmp_path: Path) -> None:
    world = World(tmp_path, FILE.replace(", quiet: %s", ""), at=NOON)
    (version,) = world.store.jobs_in_force()
    assert "quiet" not in spec_to_json(world.store.definition(version.digest))
