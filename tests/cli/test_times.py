"""Times: what is printed is read back as the same instant, and all forms that people type are one grammar."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.asking.times import (
    FORMS,
    WEEKDAYS,
    named_day,
    named_days,
    parse_coming,
    parse_days,
    parse_instant,
)
from engine.cli.main import COMMANDS, group
from engine.core.errors import WrongUsageError
from engine.core.vocabulary import instant_text
from jobfile.schedule.occurrences import load_zone
from jobfile.schedule.zones import EPOCH, HORIZON, clock_changes, zone_names
from tests.cli.conftest import Jobfile

NOW = datetime(2026, 11, 28, 18, 30, tzinfo=UTC)


def zone(name: str) -> ZoneInfo:
    found = load_zone(name)
    assert found is not None
    return found


OSLO, UTC_ZONE = zone("Europe/Oslo"), zone("UTC")
YEARS = (1971, 1990, 2007, 2014, 2026, 2040)


@pytest.fixture
def host_zone() -> Iterator[None]:
    """A host whose own zone is another than that of the jobs."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "America/New_York"
    time.tzset()
    yield
    os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
    time.tzset()


@st.composite
def instants_near_changes(draw: st.DrawFn) -> tuple[ZoneInfo, datetime]:
    """A zone, and an instant around one of the times when its clocks change, or any other."""
    name = draw(st.sampled_from(sorted(zone_names())))
    start = datetime(draw(st.sampled_from(YEARS)), 1, 1, tzinfo=UTC)
    changes = [change.at for change in clock_changes(name, after=start)] or [start]
    changes = [at for at in changes if at < datetime(2399, 12, 30, tzinfo=UTC)]
    near = draw(st.sampled_from(changes)) + timedelta(minutes=draw(st.integers(-180, 180)))
    at = draw(st.one_of(st.just(near), st.datetimes(datetime(1971, 1, 1), datetime(2399, 12, 30))))  # noqa: DTZ001  made aware below
    return zone(name), at.replace(tzinfo=UTC, second=draw(st.sampled_from((0, 0, 59))))


@given(instants_near_changes(), st.booleans())
def test_a_printed_time_is_read_back_as_the_same_instant(
    case: tuple[ZoneInfo, datetime], has_seconds: bool
) -> None:
    of_job, at = case
    told = instant_text(at, of_job, has_seconds=has_seconds)
    assert parse_instant(told, of_job, now=NOW) == at.replace(microsecond=0)
    in_utc = instant_text(at, UTC, has_seconds=has_seconds)
    assert parse_instant(in_utc, of_job, now=NOW) == at.replace(microsecond=0)


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("Europe/Oslo", "2026-10-25 02:30 CEST", "2026-10-25 02:30 CET"),
        ("America/Sao_Paulo", "2017-02-18 23:30 -02", "2017-02-18 23:30 -03"),
        ("Europe/Moscow", "2014-10-26 01:30 +0400", "2014-10-26 01:30 +0300"),
    ],
)
def test_the_two_times_of_a_repeated_hour_differ_in_print(name: str, first: str, second: str) -> None:
    at = parse_instant(first, zone(name), now=NOW)
    assert instant_text(at, zone(name)) == first
    assert instant_text(at + timedelta(hours=1), zone(name)) == second


AT = datetime(2026, 11, 28, 17, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("2026-11-28T17:04Z", AT),
        ("2026-11-28T17:04:00+00:00", AT),
        ("2026-11-28T18:04:00.000+01:00", AT),
        ("2026-11-28T18:04", AT),
        ("2026-11-28 18:04", AT),
        ("2026-11-28  18:04   CET", AT),
        ("2026-11-28 18:04:00 cet", AT),
        ("Sat 2026-11-28 18:04 CET", AT),
        ("2026-11-28 17:04 UTC", AT),
        ("2026-11-28 17:04Z", AT),
        ("2026-11-28 12:04 EST", AT),
        ("2026-11-29 02:04 JST", AT),
        ("2026-11-28 14:04 -03", AT),
        ("2026-11-28 14:04 -0300", AT),
        ("2026-11-28 12:04 America/New_York", AT),
        ("20261128T1804", AT),
        ("18:04", AT),
        ("18:04 CET", AT),
        ("17:04 UTC", AT),
        ("8:00", datetime(2026, 11, 28, 7, tzinfo=UTC)),
        ("yesterday 8:00", datetime(2026, 11, 27, 7, tzinfo=UTC)),
        ("today", datetime(2026, 11, 27, 23, tzinfo=UTC)),
        ("yesterday", datetime(2026, 11, 26, 23, tzinfo=UTC)),
        ("tomorrow", datetime(2026, 11, 28, 23, tzinfo=UTC)),
        ("tomorrow 8:00", datetime(2026, 11, 29, 7, tzinfo=UTC)),
        ("2026-11-28", datetime(2026, 11, 27, 23, tzinfo=UTC)),
        ("saturday", datetime(2026, 11, 27, 23, tzinfo=UTC)),
        ("Sat 8:00", datetime(2026, 11, 28, 7, tzinfo=UTC)),
        ("friday", datetime(2026, 11, 26, 23, tzinfo=UTC)),
        ("sun", datetime(2026, 11, 21, 23, tzinfo=UTC)),
        ("last saturday", datetime(2026, 11, 20, 23, tzinfo=UTC)),
        ("last sunday 8:00", datetime(2026, 11, 22, 7, tzinfo=UTC)),
        ("last sunday 8:00 UTC", datetime(2026, 11, 22, 8, tzinfo=UTC)),
        ("next Saturday", datetime(2026, 12, 4, 23, tzinfo=UTC)),
        ("next monday", datetime(2026, 11, 29, 23, tzinfo=UTC)),
        ("2026-W47", datetime(2026, 11, 15, 23, tzinfo=UTC)),
        ("this week", datetime(2026, 11, 22, 23, tzinfo=UTC)),
        ("last month", datetime(2026, 9, 30, 22, tzinfo=UTC)),
        ("2026-11", datetime(2026, 10, 31, 23, tzinfo=UTC)),
        ("last year", datetime(2024, 12, 31, 23, tzinfo=UTC)),
        ("now", NOW),
        ("7d", NOW - timedelta(days=7)),
        ("1h30m", NOW - timedelta(minutes=90)),
        ("2h ago", NOW - timedelta(hours=2)),
        ("2 hours ago", NOW - timedelta(hours=2)),
        ("1 week ago", NOW - timedelta(weeks=1)),
        ("1 Hour Ago", NOW - timedelta(hours=1)),
        ("in 2h", NOW + timedelta(hours=2)),
        ("in 3 days", NOW + timedelta(days=3)),
        (str(int(AT.timestamp())), AT),
        (f"@{int(AT.timestamp())}", AT),
        (f"{int(AT.timestamp())}.5", AT + timedelta(seconds=0.5)),
    ],
)
@pytest.mark.usefixtures("host_zone")
def test_each_form_of_a_time_is_understood(text: str, means: datetime) -> None:
    assert parse_instant(text, OSLO, now=NOW) == means


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("2h", NOW + timedelta(hours=2)),
        ("in 2h", NOW + timedelta(hours=2)),
        ("2h ago", NOW - timedelta(hours=2)),
        ("20:00", datetime(2026, 11, 28, 19, tzinfo=UTC)),
        ("8:00", datetime(2026, 11, 29, 7, tzinfo=UTC)),
        ("8:00 UTC", datetime(2026, 11, 29, 8, tzinfo=UTC)),
        ("today 8:00", datetime(2026, 11, 28, 7, tzinfo=UTC)),
        ("tomorrow", datetime(2026, 11, 28, 23, tzinfo=UTC)),
        ("monday 8:00", datetime(2026, 11, 30, 7, tzinfo=UTC)),
        ("saturday", datetime(2026, 12, 4, 23, tzinfo=UTC)),
        ("last monday", datetime(2026, 11, 22, 23, tzinfo=UTC)),
        ("2026-11-28T08:00", datetime(2026, 11, 28, 7, tzinfo=UTC)),
    ],
)
def test_a_length_and_a_clock_time_are_in_the_future_where_only_that_makes_sense(
    text: str, means: datetime
) -> None:
    assert parse_coming(text, OSLO, now=NOW) == means


@pytest.mark.usefixtures("host_zone")
def test_an_abbreviation_of_several_zones_is_that_of_the_job_then_of_the_host() -> None:
    text = "2026-11-28 18:04 CST"
    assert parse_instant(text, zone("Asia/Shanghai"), now=NOW).hour == 10
    assert parse_instant(text, zone("America/Chicago"), now=NOW).hour == 0
    with pytest.raises(WrongUsageError, match=r"'CST' means more than one zone .*Asia.*America"):
        parse_instant(text, OSLO, now=NOW)
    assert parse_instant("2026-07-01 18:04 EDT", OSLO, now=NOW).hour == 22


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("soon", "is not a time; write 2026-11-28T18:04Z"),
        ("", "is not a time"),
        ("25:00", "is not a time"),
        ("2026-W60", "is not a time"),
        ("2026-13", "is not a time"),
        ("last someday", "is not a time"),
        ("monda", "is not a time"),
        ("2026-02-30", "is not a time"),
        ("12345678", "is not a time"),
        ("2026-11-28 18:04 XYZ", "no zone is called 'XYZ' at that time; Europe/Oslo is called CET then"),
        ("2026-07-01 18:04 Europe/Nowhere", "there is no time zone 'Europe/Nowhere'"),
        ("1969-12-31", "it knows the years 1970 to 2399"),
        ("0001-01-01", "is not a time"),
        ("9999-12-31T23:59", "it knows the years 1970 to 2399"),
    ],
)
def test_a_text_that_is_no_time_is_refused_in_words(text: str, told: str) -> None:
    with pytest.raises(WrongUsageError, match=told):
        parse_instant(text, OSLO, now=NOW)


@given(st.text(max_size=30))
def test_any_text_is_a_time_or_is_refused(text: str) -> None:
    try:
        at = parse_instant(text, OSLO, now=NOW)
    except WrongUsageError:
        return
    assert EPOCH <= at < HORIZON


def test_a_day_is_named_by_a_date_a_word_or_a_time_in_it() -> None:
    assert named_day("yesterday", OSLO, now=NOW) == date(2026, 11, 27)
    assert named_day("2026-11-28", OSLO, now=NOW) == date(2026, 11, 28)
    assert named_day("yesterday 8:00", OSLO, now=NOW) is None
    assert named_day("2026-02-30", OSLO, now=NOW) is None
    assert parse_days("2026-11-27T23:30Z", OSLO, now=NOW) == (date(2026, 11, 28),) * 2
    assert parse_days("7d", UTC_ZONE, now=NOW) == (date(2026, 11, 21),) * 2


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("last sunday", (2026, 11, 22), (2026, 11, 22)),
        ("2026-W47", (2026, 11, 16), (2026, 11, 22)),
        ("2026-w53", (2026, 12, 28), (2027, 1, 3)),
        ("last week", (2026, 11, 16), (2026, 11, 22)),
        ("This  Week", (2026, 11, 23), (2026, 11, 29)),
        ("2026-02", (2026, 2, 1), (2026, 2, 28)),
        ("2024-02", (2024, 2, 1), (2024, 2, 29)),
        ("this month", (2026, 11, 1), (2026, 11, 30)),
        ("next month", (2026, 12, 1), (2026, 12, 31)),
        ("last year", (2025, 1, 1), (2025, 12, 31)),
    ],
)
def test_a_week_a_month_and_a_year_are_days_in_a_row(
    text: str, first: tuple[int, int, int], last: tuple[int, int, int]
) -> None:
    assert named_days(text, OSLO, now=NOW) == (date(*first), date(*last))
    assert parse_instant(text, OSLO, now=NOW) == datetime(*first, tzinfo=OSLO)


@given(st.dates(date(1971, 2, 1), date(2398, 11, 30)))
def test_last_this_and_next_are_consecutive(today: date) -> None:
    now = datetime(today.year, today.month, today.day, 12, tzinfo=UTC)
    for unit in ("week", "month", "year"):
        found = [named_days(f"{which} {unit}", UTC_ZONE, now=now) for which in ("last", "this", "next")]
        last, this, coming = (one for one in found if one is not None)
        assert this.first <= today <= this.last
        assert last.last + timedelta(days=1) == this.first
        assert this.last + timedelta(days=1) == coming.first
    for name in WEEKDAYS:
        day, before = (named_day(f"{which}{name}", UTC_ZONE, now=now) for which in ("", "last "))
        coming_day = named_day(f"next {name}", UTC_ZONE, now=now)
        assert day is not None
        assert before is not None
        assert coming_day is not None
        assert before < today < coming_day
        assert timedelta(0) <= today - day < timedelta(days=7)
        assert {one.strftime("%A").lower() for one in (day, before, coming_day)} == {name}
        assert named_day(f"{name[:3]}", UTC_ZONE, now=now) == day


NEEDED = {
    "did": ("good",),
    "run": ("good", "--dry-run"),
    "pause": ("good",),
    "backfill": ("good", "--from", "1h", "--dry-run"),
    "logs": ("good",),
    "next": ("good",),
    "explain-schedule": ("@daily",),
    "retry": ("--failed", "--dry-run"),
    "retry --at": ("good",),
    "outputs": ("good",),
    "artifacts": ("good",),
    "report": (),
    "runs": (),
    "plan": (),
    "simulate": (),
}
"""What each command with an option for a time needs beside it."""


def options_for_a_time() -> list[tuple[str, str]]:
    found = []
    for name in COMMANDS:
        command = group.get_command(click.Context(group), name)
        assert command is not None
        for option in command.params:
            is_time = isinstance(option, click.Option) and option.metavar in ("TIME", "DAY")
            if is_time and "length of time" not in (getattr(option, "help", None) or ""):
                found.append((name, option.opts[0]))
    return found


@pytest.mark.parametrize(("command", "option"), options_for_a_time())
def test_every_option_for_a_time_takes_the_same_forms(jobfile: Jobfile, command: str, option: str) -> None:
    jobfile("run", "good")
    needed = NEEDED.get(f"{command} {option}", NEEDED[command])
    said = jobfile(command, *needed, option, "soon")
    assert said.code == 64
    assert f"'soon' is not a time; write {FORMS}" in " ".join(said.err.split())


def test_the_argument_of_why_and_the_times_of_simulate_take_them_too(jobfile: Jobfile) -> None:
    jobfile("run", "good")
    for arguments in (("why", "good", "soon"), ("simulate", "--down", "soon/6h")):
        assert f"'soon' is not a time; write {FORMS}" in jobfile(*arguments).err
