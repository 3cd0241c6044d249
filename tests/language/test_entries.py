"""Entries of every kind, with calendars, limits and spreads, against a walk by day and by minute."""

import calendar as months
import time as clocks
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobfile.model.jobs import (
    AtEntry,
    BusinessDayEntry,
    CalendarSpec,
    CronEntry,
    DayRule,
    EveryEntry,
    OnClosed,
    ScheduleEntry,
)
from jobfile.pipeline import compile_files
from jobfile.schedule.dates import parse_date, parse_moment, parse_time
from jobfile.schedule.in_words import describe
from jobfile.schedule.local_times import LAST_SINGULAR_YEAR
from jobfile.schedule.occurrences import (
    Fire,
    explain_fire,
    fires,
    next_fire,
    spread_delay,
    zone_names,
)
from tests.language.test_occurrences import (
    CHANGES,
    EXPRESSIONS,
    Expression,
    instants,
    transitions,
    utc,
    walk,
    zone_of,
)
from tests.language.test_words import clock_effects_text
from tests.soak import examples
from tests.together import together

OSLO = "Europe/Oslo"
NEW_YORK = "America/New_York"
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
WORKING_DAYS = (0, 1, 2, 3, 4)
WEEK = CalendarSpec(name="week", weekdays=WORKING_DAYS)
US_HOLIDAYS_2026 = (
    "2026-01-01 2026-01-19 2026-02-16 2026-05-25 2026-06-19 2026-07-03 2026-09-07 2026-10-12 "
    "2026-11-11 2026-11-26 2026-12-25"
)
BANK = CalendarSpec(
    name="bank", weekdays=WORKING_DAYS, closed=tuple(map(date.fromisoformat, US_HOLIDAYS_2026.split()))
)


def cron(text: str, zone: str = "UTC", *, to: OnClosed = OnClosed.SKIP, **more: object) -> CronEntry:
    return CronEntry(cron=text, timezone=zone, on_closed=to, **more)  # type: ignore[arg-type]


def business(
    number: int, at: str, calendar: CalendarSpec = WEEK, zone: str = "UTC", **more: object
) -> BusinessDayEntry:
    return BusinessDayEntry(business_day=number, time=at, calendar=calendar, timezone=zone, **more)  # type: ignore[arg-type]


def local_fires(entry: ScheduleEntry, first: str, last: str) -> list[str]:
    """The fires of the local days `first` to `last`, as local times with their offset."""
    zone = zone_of(entry.timezone)
    days = (date.fromisoformat(first), date.fromisoformat(last))
    begin, end = utc(first) - 2 * DAY, utc(last) + 3 * DAY
    found = (fire.at.astimezone(zone) for fire in fires([entry], after=begin, until=end))
    return [at.isoformat(timespec="minutes") for at in found if days[0] <= at.date() <= days[1]]


def days_of(entry: ScheduleEntry, year: int) -> list[str]:
    """The local days of a year on which an entry fires, without the year."""
    return [text[5:10] for text in local_fires(entry, f"{year}-01-01", f"{year}-12-31")]


# --- the rules, asked day by day and minute by minute


def opens(calendar: CalendarSpec, day: date) -> bool:
    return day in calendar.also or (day.weekday() in calendar.weekdays and day not in calendar.closed)


def fits(entry: CronEntry | BusinessDayEntry, fires_on: Callable[[date], bool], day: date) -> bool:
    """Whether an entry names a local day, asked of one day after another."""
    if (entry.from_day and day < entry.from_day) or (entry.until_day and day > entry.until_day):
        return False
    if isinstance(entry, BusinessDayEntry):
        length = months.monthrange(day.year, day.month)[1]
        open_days = [one for one in range(1, length + 1) if opens(entry.calendar, day.replace(day=one))]
        numbers = [*range(1, len(open_days) + 1)]
        named = {
            *zip(numbers, open_days, strict=True),
            *zip([-n for n in numbers], open_days[::-1], strict=True),
        }
        return (entry.business_day, day.day) in named
    if entry.calendar is None:
        return fires_on(day)
    if not opens(entry.calendar, day):
        return False
    if fires_on(day) or entry.on_closed is OnClosed.SKIP:
        return fires_on(day)
    step = -DAY if entry.on_closed is OnClosed.NEXT else DAY
    for distance in range(1, 16_000):
        source = day + distance * step
        if opens(entry.calendar, source):
            return False
        if fires_on(source):
            return True
    return False


@dataclass(frozen=True)
class Named:
    """What `walk` asks of an expression, with the days of an entry."""

    entry: CronEntry | BusinessDayEntry
    expression: Expression | None

    @property
    def is_fixed(self) -> bool:
        return self.expression is None or self.expression.is_fixed

    def matches(self, nominal: datetime) -> bool:
        if self.expression is None:
            assert isinstance(self.entry, BusinessDayEntry)
            is_time = f"{nominal:%H:%M}" == self.entry.time
        else:
            is_time = nominal.hour in self.expression.hour.values
            is_time = is_time and nominal.minute in self.expression.minute.values
        return is_time and nominal.second == 0 and fits(self.entry, self._fires_on, nominal.date())

    def _fires_on(self, day: date) -> bool:
        assert self.expression is not None
        some = datetime.combine(
            day, time(min(self.expression.hour.values), min(self.expression.minute.values))
        )
        return self.expression.matches(some)


PLACES = [
    *CHANGES,
    (OSLO, utc("2026-03-29T01:00")),
    (OSLO, utc("2026-10-25T01:00")),
    ("America/Sao_Paulo", utc("2018-11-04T03:00")),
    ("America/Sao_Paulo", utc("2018-02-18T02:00")),
    ("America/Toronto", utc("1919-03-31T04:30")),
    ("Asia/Beirut", utc("2026-03-28T22:00")),
    ("Asia/Beirut", utc("2026-10-24T21:00")),
    ("Africa/Cairo", utc("2026-04-23T22:00")),
    ("Africa/Cairo", utc("2026-10-29T21:00")),
    ("Africa/Casablanca", utc("2026-03-22T02:00")),
]


@st.composite
def calendars(draw: st.DrawFn, near: date) -> CalendarSpec:
    days = st.lists(st.integers(-40, 40).map(lambda n: near + n * DAY), max_size=12)
    weekdays = draw(st.sets(st.integers(0, 6), max_size=7))
    also = draw(days)
    if not weekdays and not also:
        weekdays = {0, 1, 2, 3, 4}
    return CalendarSpec(
        name="some", weekdays=tuple(sorted(weekdays)), closed=tuple(draw(days)), also=tuple(also)
    )


@st.composite
def windowed(draw: st.DrawFn, near: date) -> dict[str, date | None]:
    first = draw(st.none() | st.integers(-3, 3).map(lambda n: near + n * DAY))
    last = draw(st.none() | st.integers(0, 3).map(lambda n: (first or near) + n * DAY))
    return {"from_day": first, "until_day": last}


@st.composite
def local_entries(draw: st.DrawFn, zone: str, near: date) -> Named:
    """A cron entry with or without a calendar, or a business day, near a day."""
    limits = draw(windowed(near))
    if draw(st.integers(0, 3)) == 0:
        at = f"{draw(st.integers(0, 23)):02}:{draw(st.integers(0, 59)):02}"
        calendar = draw(calendars(near))
        length = sum(opens(calendar, near.replace(day=day)) for day in range(1, 29))
        number = draw(st.sampled_from([1, 2, 3, -1, -2, -3, 15, -15, 23, max(1, length), -max(1, length)]))
        return Named(business(number, at, calendar, zone, **limits), None)
    expression = draw(EXPRESSIONS)
    calendar_or_none = draw(st.none() | calendars(near))
    to = draw(st.sampled_from(OnClosed))
    return Named(cron(expression.text, zone, to=to, calendar=calendar_or_none, **limits), expression)


@st.composite
def other_entries(draw: st.DrawFn, zone: str, near: date) -> EveryEntry | AtEntry:
    limits = draw(windowed(near))
    if draw(st.booleans()):
        period = timedelta(seconds=draw(st.integers(300, 200_000)))
        return EveryEntry(every=period, timezone=zone, **limits)
    base = utc(near.isoformat())
    some = draw(st.sets(st.integers(-3000, 3000), min_size=1, max_size=6))
    return AtEntry(at=tuple(base + n * MINUTE for n in sorted(some)), timezone=zone, **limits)


@st.composite
def situations(draw: st.DrawFn) -> tuple[str, list[Named | EveryEntry | AtEntry], datetime, datetime]:
    """A zone, entries in it, and a window of up to 40 hours before, over or after a change of its clock."""
    zone, change = draw(st.sampled_from(PLACES))
    near = change.astimezone(zone_of(zone)).date()
    each = st.one_of(local_entries(zone, near), local_entries(zone, near), other_entries(zone, near))
    after = change + draw(st.integers(-1800, 600)) * MINUTE
    until = after + draw(st.integers(60, 2400)) * MINUTE
    return zone, draw(st.lists(each, min_size=1, max_size=3)), after, until


def entry_of(one: Named | EveryEntry | AtEntry) -> ScheduleEntry:
    return one.entry if isinstance(one, Named) else one


def walked(
    one: Named | EveryEntry | AtEntry, zone: tzinfo, after: datetime, until: datetime
) -> list[datetime]:
    """The fires of an entry in (after, until], found by asking of every instant what the rules say of it."""
    if isinstance(one, Named):
        return walk(one, zone, after, until)  # type: ignore[arg-type]  # it asks for two attributes
    if isinstance(one, AtEntry):
        candidates: Iterator[datetime] = iter(sorted(one.at))
    else:
        seconds = int(one.every.total_seconds())
        begin, end = int(after.timestamp()), int(until.timestamp())
        candidates = (
            datetime.fromtimestamp(second, UTC)
            for second in range(begin - begin % seconds, end + 1)
            if second % seconds == 0
        )
    first, last = one.from_day or date.min, one.until_day or date.max
    return [at for at in candidates if after < at <= until and first <= at.astimezone(zone).date() <= last]


@given(situation=situations())
@settings(deadline=None, max_examples=examples(125))
def test_fires_equal_a_walk_by_day_and_minute(
    situation: tuple[str, list[Named | EveryEntry | AtEntry], datetime, datetime],
) -> None:
    zone, drawn, after, until = situation
    entries = [entry_of(one) for one in drawn]
    found = list(fires(entries, after=after, until=until))
    each = [walked(one, zone_of(zone), after, until) for one in drawn]
    first_wins = {at: index for index, ats in reversed([*enumerate(each)]) for at in ats}
    assert found == [Fire(at=at, entry=first_wins[at]) for at in sorted(first_wins)]
    assert all(before.at < later.at for before, later in pairwise(found))
    assert all(fire.at.tzinfo is UTC for fire in found)
    following = next_fire(entries, after=after)
    if found:
        assert following == found[0]
    else:
        assert following is None or following.at > until


@given(situation=situations(), part=st.integers(0, 100))
@settings(deadline=None, max_examples=examples(75))
def test_what_fires_does_not_depend_on_where_a_search_begins(
    situation: tuple[str, list[Named | EveryEntry | AtEntry], datetime, datetime], part: int
) -> None:
    _, drawn, after, until = situation
    entries = [entry_of(one) for one in drawn]
    whole = list(fires(entries, after=after - 2 * DAY, until=until))
    middle = after + (until - after) * part / 100
    assert list(fires(entries, after=middle, until=until)) == [fire for fire in whole if fire.at > middle]
    for fire in whole[:20]:
        assert next_fire(entries, after=fire.at - timedelta.resolution) == fire
        assert list(fires(entries, after=fire.at - timedelta.resolution, until=fire.at)) == [fire]
        assert fire not in fires(entries, after=fire.at, until=until)


@st.composite
def years(draw: st.DrawFn) -> tuple[Named, date]:
    """An entry that fires at noon, in a zone, and a day near which its calendar says something."""
    near = draw(st.dates(date(1995, 1, 1), date(2060, 1, 1)))
    zone = draw(st.sampled_from(["UTC", OSLO, "Pacific/Kiritimati", NEW_YORK]))
    drawn = draw(local_entries(zone, near))
    entry = drawn.entry
    if isinstance(entry, BusinessDayEntry):
        return Named(replace(entry, time="12:00"), None), near
    assert drawn.expression is not None
    noon = replace(
        drawn.expression,
        minute=replace(drawn.expression.minute, text="0", values=frozenset({0})),
        hour=replace(drawn.expression.hour, text="12", values=frozenset({12})),
    )
    return Named(replace(entry, cron=noon.text), noon), near


@given(drawn=years())
@settings(deadline=None, max_examples=examples(100))
def test_the_days_of_months_equal_a_walk_by_day(drawn: tuple[Named, date]) -> None:
    named, near = drawn
    zone = zone_of(named.entry.timezone)
    days = [near + n * DAY for n in range(-70, 71)]
    expected = [day for day in days if named.matches(datetime.combine(day, time(12)))]
    after, until = utc(days[0].isoformat()) - 2 * DAY, utc(days[-1].isoformat()) + 3 * DAY
    found = [at.astimezone(zone) for at in instants([named.entry], after, until)]
    assert {at.time() for at in found} <= {time(12)}
    assert [at.date() for at in found if days[0] <= at.date() <= days[-1]] == expected


# --- dates that were looked up by hand


@together(
    ("entry", "days"),
    [
        (
            business(3, "18:00", BANK),
            "01-06 02-04 03-04 04-03 05-05 06-03 07-06 08-05 09-03 10-05 11-04 12-03",
        ),
        (
            business(-1, "18:00", BANK),
            "01-30 02-27 03-31 04-30 05-29 06-30 07-31 08-31 09-30 10-30 11-30 12-31",
        ),
        (
            business(1, "18:00", BANK),
            "01-02 02-02 03-02 04-01 05-01 06-01 07-01 08-03 09-01 10-01 11-02 12-01",
        ),
        (
            business(-2, "18:00", BANK),
            "01-29 02-26 03-30 04-29 05-28 06-29 07-30 08-28 09-29 10-29 11-27 12-30",
        ),
        (business(22, "18:00", BANK), "03-31 04-30 07-31 12-31"),
        (business(23, "18:00", BANK), ""),
        (business(23, "18:00"), "07-31 12-31"),
        (business(-23, "18:00"), "07-01 12-01"),
        (cron("0 9 13 * fri", days=DayRule.BOTH), "02-13 03-13 11-13"),
        (cron("0 9 L * *"), "01-31 02-28 03-31 04-30 05-31 06-30 07-31 08-31 09-30 10-31 11-30 12-31"),
        (
            cron("0 9 L * *", calendar=BANK, to=OnClosed.PREVIOUS),
            "01-30 02-27 03-31 04-30 05-29 06-30 07-31 08-31 09-30 10-30 11-30 12-31",
        ),
        (
            cron("0 9 L * *", calendar=BANK, to=OnClosed.NEXT),
            "02-02 03-02 03-31 04-30 06-01 06-30 07-31 08-31 09-30 11-02 11-30 12-31",
        ),
        (cron("0 9 L * *", calendar=BANK), "03-31 04-30 06-30 07-31 08-31 09-30 11-30 12-31"),
        (
            cron("0 9 1 * *", calendar=BANK, to=OnClosed.NEXT),
            "01-02 02-02 03-02 04-01 05-01 06-01 07-01 08-03 09-01 10-01 11-02 12-01",
        ),
        (cron("0 9 3,4,5 7 *", calendar=BANK, to=OnClosed.NEXT), "07-06"),
        (cron("0 9 3,4,5 7 *", calendar=BANK, to=OnClosed.PREVIOUS), "07-02"),
        (cron("0 9 24-26 12 *", calendar=BANK), "12-24"),
        (cron("0 9 24-26 12 *", calendar=BANK, to=OnClosed.NEXT), "12-24 12-28"),
        (cron("0 9 24-26 12 *", calendar=BANK, to=OnClosed.PREVIOUS), "12-24"),
        (
            cron("0 9 24-26 12 *", calendar=replace(BANK, also=(date(2026, 12, 25), date(2026, 12, 26)))),
            "12-24 12-25 12-26",
        ),
        (cron("0 9 * * *", from_day=date(2026, 12, 30)), "12-30 12-31"),
        (cron("0 9 * * *", until_day=date(2026, 1, 2)), "01-01 01-02"),
        (cron("0 9 * * *", from_day=date(2026, 5, 5), until_day=date(2026, 5, 5)), "05-05"),
    ],
)
def test_the_days_of_2026_are_those_of_the_calendar_on_the_wall(entry: ScheduleEntry, days: str) -> None:
    assert days_of(entry, 2026) == days.split()


def test_the_banking_days_of_2026_are_the_weekdays_without_the_holidays() -> None:
    found = days_of(cron("0 9 * * *", calendar=BANK), 2026)
    assert len(found) == 261 - 11
    assert not {day[5:] for day in US_HOLIDAYS_2026.split()} & set(found)


@pytest.mark.parametrize(
    ("entry", "first", "last", "expected"),
    [
        (cron("30 2 * * *", OSLO), "2026-03-29", "2026-03-29", ["2026-03-29T03:00+02:00"]),
        (cron("30 2 * * *", OSLO), "2027-03-28", "2027-03-28", ["2027-03-28T03:00+02:00"]),
        (cron("30 2 * * *", OSLO), "2026-10-25", "2026-10-25", ["2026-10-25T02:30+02:00"]),
        (cron("30 2 * * *", OSLO), "2027-10-31", "2027-10-31", ["2027-10-31T02:30+02:00"]),
        # The 29th of March 2026 is a Sunday: on Monday the time is the one that was named, and once.
        (
            cron("30 2 * * *", OSLO, calendar=WEEK, to=OnClosed.NEXT),
            "2026-03-27",
            "2026-03-30",
            ["2026-03-27T02:30+01:00", "2026-03-30T02:30+02:00"],
        ),
        (
            cron(
                "30 2 L * *",
                OSLO,
                calendar=CalendarSpec(name="sunday", weekdays=(6,)),
                to=OnClosed.PREVIOUS,
            ),
            "2026-03-25",
            "2026-04-05",
            ["2026-03-29T03:00+02:00"],
        ),
        # On an open day with two passes a wildcard has both, whatever becomes of closed days.
        (
            cron(
                "*/30 2 * * *",
                OSLO,
                calendar=CalendarSpec(name="sunday", weekdays=(6,)),
                to=OnClosed.NEXT,
            ),
            "2026-10-25",
            "2026-10-25",
            [f"2026-10-25T02:{m}+0{h}:00" for h in (2, 1) for m in ("00", "30")],
        ),
        (
            cron(
                "*/30 2 * * *",
                OSLO,
                calendar=CalendarSpec(name="sunday", weekdays=(6,)),
                to=OnClosed.NEXT,
            ),
            "2026-03-29",
            "2026-03-29",
            [],
        ),
        (
            business(-1, "02:30", CalendarSpec(name="sunday", weekdays=(6,)), OSLO),
            "2026-03-29",
            "2026-03-29",
            ["2026-03-29T03:00+02:00"],
        ),
        (
            business(-1, "02:30", CalendarSpec(name="sunday", weekdays=(6,)), OSLO),
            "2026-10-25",
            "2026-10-25",
            ["2026-10-25T02:30+02:00"],
        ),
        # Midnight itself is left out: the day begins at one, and belongs to the entry as a whole.
        (
            cron("0 0 * * *", "America/Sao_Paulo", from_day=date(2018, 11, 4), until_day=date(2018, 11, 4)),
            "2018-11-01",
            "2018-11-07",
            ["2018-11-04T01:00-02:00"],
        ),
        (
            EveryEntry(
                every=timedelta(hours=12),
                timezone="Asia/Beirut",
                from_day=date(2026, 3, 29),
                until_day=date(2026, 3, 29),
            ),
            "2026-03-27",
            "2026-03-31",
            ["2026-03-29T03:00+03:00", "2026-03-29T15:00+03:00"],
        ),
        # 23:00 to 24:00 of the last day comes twice: both passes belong to it.
        (
            cron("30 * * * *", "America/Sao_Paulo", until_day=date(2018, 2, 17), from_day=date(2018, 2, 17)),
            "2018-02-16",
            "2018-02-19",
            [f"2018-02-17T{h:02}:30-02:00" for h in range(24)] + ["2018-02-17T23:30-03:00"],
        ),
        # From 00:01 back to 23:01: the first minute of the next day lies within the last hour of this one.
        (
            cron("*/30 0,23 * * *", "America/St_Johns", until_day=date(2010, 11, 6)),
            "2010-11-06",
            "2010-11-08",
            [
                f"2010-11-{text}"
                for text in (
                    "06T00:00-02:30",
                    "06T00:30-02:30",
                    "06T23:00-02:30",
                    "06T23:30-02:30",
                    "06T23:30-03:30",
                )
            ],
        ),
        (
            EveryEntry(every=30 * MINUTE, timezone="America/St_Johns", from_day=date(2010, 11, 7)),
            "2010-11-06",
            "2010-11-07",
            ["2010-11-07T00:00-02:30"]
            + [f"2010-11-07T{h:02}:{m}-03:30" for h in range(24) for m in ("00", "30")],
        ),
        # The nominal day counts: 23:45 of Friday the 4th is in the gap that ends with Saturday.
        (
            cron("45 23 * * *", "Asia/Pyongyang", calendar=WEEK),
            "2018-05-03",
            "2018-05-07",
            ["2018-05-03T23:45+08:30", "2018-05-05T00:00+09:00", "2018-05-07T23:45+09:00"],
        ),
        (
            cron("45 23 * * *", "Asia/Pyongyang", until_day=date(2018, 5, 4)),
            "2018-05-03",
            "2018-05-07",
            ["2018-05-03T23:45+08:30", "2018-05-05T00:00+09:00"],
        ),
        (cron("45 23 * * *", "Asia/Pyongyang", from_day=date(2018, 5, 5)), "2018-05-03", "2018-05-05",
         ["2018-05-05T23:45+09:00"]),
        # A date that was left out as a whole is not made up for.
        (business(-1, "09:00", replace(WEEK, closed=(date(2011, 12, 31),)), "Pacific/Apia"), "2011-12-26",
         "2012-01-02", []),
    ],
)  # fmt: skip
def test_a_change_of_the_clock_meets_calendars_and_limits(
    entry: ScheduleEntry, first: str, last: str, expected: list[str]
) -> None:
    assert local_fires(entry, first, last) == expected


def test_a_fire_is_moved_over_a_closure_of_any_length() -> None:
    once = CalendarSpec(name="once", weekdays=(), also=(date(2030, 6, 3),))
    for to in (OnClosed.NEXT, OnClosed.PREVIOUS):
        entry = cron("0 8 29 2 *", calendar=once, to=to)
        assert instants([entry], utc("2026-01-01"), utc("2090-01-01")) == [utc("2030-06-03T08:00")]


def test_effects_of_a_clock_change_are_reported_for_open_days_only() -> None:
    sunday = CalendarSpec(name="sunday", weekdays=(6,))
    after = utc("2026-01-01")
    for entry, effects in (
        (cron("30 2 * * *", OSLO), "2026-03-29 (gap), 2026-10-25 (fold)"),
        (cron("30 2 * * *", OSLO, calendar=WEEK), "none"),
        (cron("30 2 * * *", OSLO, calendar=WEEK, to=OnClosed.NEXT), "none"),
        (cron("30 2 * * *", OSLO, calendar=sunday), "2026-03-29 (gap), 2026-10-25 (fold)"),
        (cron("30 2 * * *", OSLO, until_day=date(2026, 6, 1)), "2026-03-29 (gap), none in a fold"),
        (business(-1, "02:30", sunday, OSLO), "2026-03-29 (gap), 2026-10-25 (fold)"),
        (business(1, "02:30", sunday, OSLO), "none"),
    ):
        assert clock_effects_text(entry, after=after) == effects
    assert explain_fire(business(-1, "02:30", sunday, OSLO), utc("2026-03-29T01:00")) == (
        "02:30 does not exist: first instant after the gap"
    )
    assert explain_fire(business(-1, "02:30", sunday, OSLO), utc("2026-10-25T00:30")) == (
        "02:30 occurs twice: the first is used"
    )
    assert explain_fire(cron("0 3 * * *", OSLO, calendar=sunday), utc("2026-03-29T01:00")) == ""


# --- the spread


def test_a_spread_is_whole_seconds_below_its_length_and_a_matter_of_the_name_alone() -> None:
    names = [f"job-{number}" for number in range(6000)]
    for length in (timedelta(seconds=1), timedelta(seconds=60), timedelta(minutes=20), timedelta(days=3)):
        delays = [spread_delay(length, name) for name in names]
        assert all(timedelta(0) <= one < length and one.microseconds == 0 for one in delays)
        assert delays == [spread_delay(length, name) for name in names]
    assert {spread_delay(None, name) for name in names} == {timedelta(0)}
    assert spread_delay(timedelta(0), "a") == spread_delay(timedelta(microseconds=1), "a") == timedelta(0)


@pytest.mark.parametrize("cells", [12, 60])
def test_the_spread_of_many_names_is_even(cells: int) -> None:
    """Chi-square: the bound is beyond one in a million for chance."""
    names = [f"job-{number}" for number in range(6000)]
    counts = Counter(spread_delay(timedelta(hours=1), name).seconds * cells // 3600 for name in names)
    expected = len(names) / cells
    distance = sum((counts[cell] - expected) ** 2 / expected for cell in range(cells))
    assert distance < cells - 1 + 5 * (2 * (cells - 1)) ** 0.5
    assert distance > cells / 5, "hashes are not dealt out in turn"


def test_the_spread_of_a_name_is_frozen() -> None:
    """A release that gives other delays moves the runs of everybody."""
    found = [spread_delay(timedelta(minutes=20), name).seconds for name in ("a", "backup", "load-orders")]
    assert found == [1099, 355, 757]


# --- dates, times and date-times

HOSTILE_DATES = (
    "", " ", "2026", "2026-1-1", "20260101", "2026-W01-1", "2026-001", "2026/01/01", " 2026-01-01",
    "2026-01-01 ", "2026-01-01\n", "+2026-01-01", "-2026-01-01", "02026-01-01", "2026-00-10", "2026-13-01",
    "2026-02-29", "2100-02-29", "2026-04-31", "0000-01-01", "0001-01-01", "1969-12-31", "2400-01-01",
    "9999-12-31", "２０２６-01-01", "٢٠٢٦-٠١-٠١", "2026‐01‐01", "2026-01-01T00:00", "today", "2026-01-0\x00",
)  # fmt: skip
HOSTILE_TIMES = (
    "", "24:00", "23:60", "7:30", "07:3", "0730", "07:30:00", "+7:30", "-1:30", " 07:30", "07:30\n", "07.30",
    "٠٧:٣٠", "０７:30", "07：30", "7pm", "07:30Z", "1e:30", "99:99",
)  # fmt: skip


@pytest.mark.parametrize("text", ["1970-01-01", "2024-02-29", "2000-02-29", "2026-12-31", "2399-12-31"])
def test_a_date_is_read(text: str) -> None:
    assert parse_date(text) == date.fromisoformat(text)


@together("text", HOSTILE_DATES)
def test_an_invalid_date_is_none(text: str) -> None:
    assert parse_date(text) is None


@pytest.mark.parametrize("text", HOSTILE_TIMES)
def test_an_invalid_time_is_none(text: str) -> None:
    assert parse_time(text) is None


def test_every_minute_of_a_day_is_a_time() -> None:
    for minute in range(1440):
        hour, rest = divmod(minute, 60)
        assert parse_time(f"{hour:02}:{rest:02}") == time(hour, rest)


GAP = "this local time does not exist in {}: the clock skips it when it is set forward"
FORM = "expected YYYY-MM-DDTHH:MM, with optional seconds and Z or an offset"


@together(
    ("text", "zone", "found"),
    [
        ("2026-07-01T08:00", "UTC", "2026-07-01T08:00:00"),
        ("2026-07-01T08:00", OSLO, "2026-07-01T06:00:00"),
        ("2026-12-31T23:59:59", OSLO, "2026-12-31T22:59:59"),
        ("2026-07-01T08:00Z", OSLO, "2026-07-01T08:00:00"),
        ("2026-07-01T08:00:30Z", OSLO, "2026-07-01T08:00:30"),
        ("2026-07-01T08:00+05:45", OSLO, "2026-07-01T02:15:00"),
        ("2026-07-01T08:00-00:00", OSLO, "2026-07-01T08:00:00"),
        ("2026-07-01T08:00:00-23:59", OSLO, "2026-07-02T07:59:00"),
        ("1970-01-01T00:00+23:59", OSLO, "1969-12-31T00:01:00"),
        ("2399-12-31T23:59:59-23:59", OSLO, "2400-01-01T23:58:59"),
        ("2024-02-29T00:00", NEW_YORK, "2024-02-29T05:00:00"),
        # Twice on the clock: the first of the two, unless the offset says which.
        ("2026-10-25T02:30", OSLO, "2026-10-25T00:30:00"),
        ("2026-10-25T02:30+01:00", OSLO, "2026-10-25T01:30:00"),
        ("2026-11-01T01:00", NEW_YORK, "2026-11-01T05:00:00"),
        ("2026-04-05T01:45", "Australia/Lord_Howe", "2026-04-04T14:45:00"),
        ("2018-02-17T23:30", "America/Sao_Paulo", "2018-02-18T01:30:00"),
        # Never on the clock; its edges are.
        ("2026-03-29T01:59:59", OSLO, "2026-03-29T00:59:59"),
        ("2026-03-29T02:00", OSLO, GAP),
        ("2026-03-29T02:59:59", OSLO, GAP),
        ("2026-03-29T03:00", OSLO, "2026-03-29T01:00:00"),
        ("2026-03-29T02:30+01:00", OSLO, "2026-03-29T01:30:00"),
        ("2026-03-08T02:30", NEW_YORK, GAP),
        ("2026-10-04T02:15", "Australia/Lord_Howe", GAP),
        ("2018-11-04T00:00", "America/Sao_Paulo", GAP),
        ("2026-03-29T00:30", "Asia/Beirut", GAP),
        ("2026-04-24T00:00", "Africa/Cairo", GAP),
        ("2011-12-30T12:00", "Pacific/Apia", GAP),
        ("2018-05-04T23:45", "Asia/Pyongyang", GAP),
        ("2018-05-05T00:00", "Asia/Pyongyang", "2018-05-04T15:00:00"),
        ("2026-03-22T02:30", "Africa/Casablanca", GAP),
        ("2026-07-01T08:00", "Mars/Base", ""),
        *(
            (text, OSLO, FORM)
            for text in (
                "", "2026-07-01", "08:00", "2026-07-01 08:00", "2026-07-01t08:00", "2026-07-01T08",
                "20260701T0800",
                "2026-07-01T24:00", "2026-06-30T23:59:60", "2026-07-01T08:60", "2026-07-01T08:00:00.5",
                "2026-07-01T08:00z", "2026-07-01T08:00+2", "2026-07-01T08:00+0200", "2026-07-01T08:00+24:00",
                "2026-07-01T08:00-24:00", "2026-07-01T08:00+99:99", "2026-07-01T08:00+14:60",
                "2026-07-01T08:00+02:00:00", "2026-07-01T08:00 Z", "2026-07-01T08:00\n", "2026-02-30T08:00",
                "0000-01-01T00:00", "1969-12-31T23:59", "2400-01-01T00:00", "９999-01-01T00:00",
                "2026-07-01T０8:00", "2026-07-01T08:00−01:00", "2026-W27-3T08:00", "now",
            )
        ),
    ],
)  # fmt: skip
def test_a_moment_is_an_instant_or_says_why_it_is_none(text: str, zone: str, found: str) -> None:
    said = parse_moment(text, zone)
    if isinstance(said, str):
        assert said == found.format(zone)
    else:
        assert said == utc(found)
        assert said.tzinfo is UTC


@pytest.mark.parametrize(
    ("schedule", "codes"),
    [
        ('{at: "2026-03-29T02:30"}', ["JF308"]),
        ('{at: ["2026-03-28T02:30", "2026-03-29T02:30"]}', ["JF308"]),
        ('{at: "2026-03-29T02:30+24:00"}', ["JF308"]),
        ('{at: "2026-03-29T02:30", timezone: UTC}', []),
        ('{at: "2026-03-29T02:30+01:00"}', []),
        ('{at: "2026-10-25T02:30"}', []),
        ('{business_day: 1, time: "24:00", calendar: week}', ["JF308"]),
        ('{business_day: 1, time: "02:30", calendar: week, from: "2026-02-30"}', ["JF308"]),
        (
            '{business_day: 1, time: "02:30", calendar: week, from: "2026-02-03", until: "2026-02-20"}',
            ["JF304"],
        ),
        ('{business_day: 23, time: "02:30", calendar: week}', []),
        ('{business_day: 24, time: "02:30", calendar: week}', ["JF311"]),
        ('{cron: "0 4 * * sat", calendar: week}', ["JF304"]),
        ('{cron: "0 4 * * sat", calendar: week, on_closed: next}', []),
        # What a calendar or a last day keeps from the gap and the fold is not warned of.
        ('"30 2 * * *"', ["JF608", "JF609"]),
        ('{cron: "30 2 * * *", calendar: sundays}', ["JF608", "JF609"]),
        ('{cron: "30 2 * * *", calendar: week}', []),
        ('{cron: "30 2 * * *", calendar: week, on_closed: next}', []),
    ],
)
def test_times_that_do_not_exist_are_reported(schedule: str, codes: list[str]) -> None:
    week = "{weekdays: [mon, tue, wed, thu, fri]}"
    head = f"version: 1\ncalendars: {{week: {week}, sundays: {{weekdays: [sun]}}}}\n"
    text = f"{head}jobs: {{a: {{timezone: Europe/Oslo, schedule: {schedule}, timeout: 1m, run: echo}}}}\n"
    found = compile_files([("jobs.yaml", text.encode())]).diagnostics
    told = sorted(one.code for one in found)
    assert [code for code in told if code.startswith(("JF3", "JF608", "JF609"))] == codes


DIGITS = st.text(alphabet="0123456789-:TZ+. ２٣−", max_size=28)
NEARLY = st.from_regex(
    r"[0-9]{4}-[0-1][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9](:[0-6][0-9])?(Z|[+-][0-9]{2}:[0-9]{2})?"
)


@given(
    text=st.one_of(st.text(max_size=40), DIGITS, NEARLY),
    zone=st.sampled_from([OSLO, "Pacific/Apia", "", "x"]),
)
@settings(deadline=None, max_examples=examples(200))
def test_no_text_breaks_the_reading_of_dates(text: str, zone: str) -> None:
    parse_date(text)
    parse_time(text)
    found = parse_moment(text, zone)
    if isinstance(found, datetime):
        assert text.isascii()
        assert fires([AtEntry(at=(found,), timezone=OSLO)], after=found - MINUTE, until=found)
        assert next_fire([AtEntry(at=(found,), timezone=OSLO)], after=found - MINUTE) == Fire(
            at=found, entry=0
        )


# --- in words


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (
            AtEntry(at=(utc("2026-10-25T00:30"),), timezone=OSLO),
            "once, at 2026-10-25 02:30, Europe/Oslo",
        ),
        (
            AtEntry(at=(utc("2026-01-01T08:00"), utc("2026-01-01T08:00:30")), timezone="UTC"),
            "at 2026-01-01 08:00 and 2026-01-01 08:00:30, once each, UTC",
        ),
        (
            AtEntry(at=tuple(utc(f"2026-01-{day:02}") for day in range(1, 10)), timezone="UTC"),
            "at 2026-01-01 00:00, 2026-01-02 00:00, 2026-01-03 00:00, 2026-01-04 00:00, 2026-01-05 00:00, "
            "2026-01-06 00:00 and 3 more, once each, UTC",
        ),
        (
            business(1, "18:00", BANK),
            "at 18:00 on the 1st open day of each month (calendar bank), UTC",
        ),
        (
            business(3, "18:00", BANK, OSLO),
            "at 18:00 on the 3rd open day of each month (calendar bank), Europe/Oslo "
            "(fixed: one run per local day)",
        ),
        (
            business(-1, "07:05", BANK),
            "at 07:05 on the last open day of each month (calendar bank), UTC",
        ),
        (
            business(-2, "07:05", BANK, from_day=date(2026, 3, 1)),
            "at 07:05 on the 2nd open day from the end of each month (calendar bank), UTC, "
            "from 2026-03-01 on",
        ),
        (
            cron("0 9 * * *", calendar=BANK),
            "every day at 09:00, UTC, only on open days (calendar bank)",
        ),
        (
            cron("0 9 L * *", calendar=BANK, to=OnClosed.NEXT),
            "at 09:00 on the last day of the month, UTC, "
            "on the next open day if that day is closed (calendar bank)",
        ),
        (
            cron("0 9 L * *", calendar=BANK, to=OnClosed.PREVIOUS, until_day=date(2026, 12, 31)),
            "at 09:00 on the last day of the month, UTC, "
            "on the previous open day if that day is closed (calendar bank), until 2026-12-31 inclusive",
        ),
        (
            cron("0 4 * * *", from_day=date(2026, 1, 1), until_day=date(2026, 12, 31)),
            "every day at 04:00, UTC, from 2026-01-01 to 2026-12-31 inclusive",
        ),
        (
            cron("0 * * * *", from_day=date(2026, 1, 1), until_day=date(2026, 1, 1)),
            "at minute 0 of every hour, UTC, only on 2026-01-01",
        ),
        (
            cron("0 4 * * *", spread=timedelta(minutes=20)),
            "every day at 04:00, UTC, started up to 20 minutes later by a fixed delay",
        ),
        (
            cron("0 4 * * *", spread=timedelta(hours=1)),
            "every day at 04:00, UTC, started up to 1 hour later by a fixed delay",
        ),
        (
            EveryEntry(every=timedelta(minutes=10), timezone=OSLO, from_day=date(2026, 1, 1)),
            "every 10 minutes, from 2026-01-01 on (Europe/Oslo)",
        ),
        (EveryEntry(every=timedelta(minutes=10), timezone=OSLO), "every 10 minutes"),
    ],
)
def test_an_entry_is_described_as_a_person_would(entry: ScheduleEntry, words: str) -> None:
    assert describe(entry) == words


@given(situation=situations(), spread=st.none() | st.integers(1, 200_000))
@settings(deadline=None, max_examples=examples(100))
def test_every_entry_has_words(
    situation: tuple[str, list[Named | EveryEntry | AtEntry], datetime, datetime], spread: int | None
) -> None:
    zone, drawn, after, _ = situation
    for one in drawn:
        entry = replace(entry_of(one), spread=None if spread is None else timedelta(seconds=spread))
        words = describe(entry)
        assert words.isprintable()
        assert not words.startswith((" ", ","))
        assert not words.endswith((" ", ","))
        assert "  " not in words
        assert ", ," not in words
        assert zone in words or (isinstance(entry, EveryEntry) and entry.from_day is entry.until_day is None)
        assert clock_effects_text(entry, after=after)


# --- how long a search takes

NEVER = CalendarSpec(name="never", weekdays=(), also=(date(2026, 12, 24),))
FAR = CalendarSpec(name="far", weekdays=(), also=(date(2399, 12, 24),))
LONG = CalendarSpec(
    name="long", weekdays=(0,), closed=tuple(date(2026, 1, 5) + 7 * n * DAY for n in range(52 * 300))
)
SUNDAYS = CalendarSpec(name="sundays", weekdays=(6,))
RARE = {
    "saturdays of a working week": cron("0 0 * * sat", OSLO, calendar=WEEK),
    "always in a gap": cron("*/10 2 * 3 7L", OSLO),
    "always in a gap, moved there": cron("*/10 2 * 3 7L", OSLO, calendar=SUNDAYS, to=OnClosed.NEXT),
    "one open day, another wanted": cron("* * 25 * *", OSLO, calendar=NEVER),
    "one open day, far away": cron("0 0 * * *", OSLO, calendar=FAR),
    "moved far on": cron("0 0 1 1 *", OSLO, calendar=FAR, to=OnClosed.NEXT),
    "moved far back": cron("0 0 1 1 *", OSLO, calendar=FAR, to=OnClosed.PREVIOUS),
    "closed for centuries": cron("0 0 * * *", OSLO, calendar=LONG),
    "closed for centuries, moved on": cron("0 0 * * *", OSLO, calendar=LONG, to=OnClosed.NEXT),
    "closed for centuries, moved back": cron("0 0 * * *", OSLO, calendar=LONG, to=OnClosed.PREVIOUS),
    "closed for centuries, numbered": business(4, "18:00", LONG, OSLO),
    "the 23rd open day": business(23, "18:00", BANK, OSLO),
    "the 31st open day, which never is": business(-31, "18:00", BANK, OSLO),
    "not in the time between": cron(
        "0 0 1 1 *", OSLO, from_day=date(2026, 1, 2), until_day=date(2026, 12, 31)
    ),
    "every second, over": EveryEntry(every=timedelta(seconds=1), timezone=OSLO, until_day=date(2020, 1, 1)),
    "every second, in the far future": EveryEntry(
        every=timedelta(seconds=1), timezone=OSLO, from_day=date(2399, 1, 1)
    ),
    "every thousand years": EveryEntry(
        every=timedelta(days=400_000), timezone=OSLO, from_day=date(2300, 1, 1)
    ),
    "every minute, over": cron("* * * * *", OSLO, until_day=date(2020, 1, 1)),
    "business day, over": business(1, "18:00", BANK, OSLO, until_day=date(2020, 1, 1)),
    "every minute, a year": cron("* * * * *", OSLO),
    "every minute of open days, a year": cron("* * * * *", OSLO, calendar=BANK, to=OnClosed.NEXT),
    "every minute by distance, a year": EveryEntry(every=MINUTE, timezone=OSLO, from_day=date(2026, 1, 1)),
    "once": AtEntry(at=(utc("2020-01-01"),), timezone=OSLO),
}
MOST_SECONDS = 0.5


@pytest.mark.parametrize("name", RARE)
def test_a_search_takes_no_long_time(name: str) -> None:
    entry = RARE[name]
    now = utc("2026-07-01")
    for search in (
        lambda: next_fire([entry], after=now),
        lambda: next_fire([entry], after=utc("1999-12-31")),
        lambda: sum(1 for _ in fires([entry], after=now, until=now + 365 * DAY)),
        lambda: [
            fire
            for _, fire in zip(range(100), fires([entry], after=now, until=now + 36_525 * DAY), strict=False)
        ],
    ):
        begun = clocks.process_time()
        search()
        assert clocks.process_time() - begun < MOST_SECONDS


@pytest.mark.parametrize("name", [name for name in RARE if "over" in name or name == "once"])
def test_a_schedule_that_is_over_is_asked_in_no_time(name: str) -> None:
    begun = clocks.process_time()
    for hour in range(1000):
        assert next_fire([RARE[name]], after=utc("2026-07-01") + hour * 60 * MINUTE) is None
    assert clocks.process_time() - begun < MOST_SECONDS


def test_a_search_that_gives_up_after_a_cycle_of_the_calendar_misses_nothing() -> None:
    """No zone lists a single change after the year from which on the cycles are counted."""
    last = max(row[0] for name in zone_names() for row in transitions(name))
    assert datetime.fromtimestamp(last, UTC).year <= LAST_SINGULAR_YEAR
    beyond = {
        name: at and at.at
        for name, at in ((name, next_fire([RARE[name]], after=utc("2026-07-01"))) for name in RARE)
    }
    assert beyond["one open day, far away"] == utc("2399-12-23T23:00")
    assert beyond["moved far on"] == beyond["moved far back"] == utc("2399-12-23T23:00")
    assert beyond["closed for centuries"] == utc((LONG.closed[-1] + 7 * DAY).isoformat()) - 60 * MINUTE
    assert [name for name, at in beyond.items() if at is None] == [
        "saturdays of a working week",
        "always in a gap",
        "always in a gap, moved there",
        "one open day, another wanted",
        "the 31st open day, which never is",
        "not in the time between",
        "every second, over",
        "every minute, over",
        "business day, over",
        "once",
    ]


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "America/New_York"])
@pytest.mark.parametrize(
    ("first", "last", "days"), [(10, 12, 3), (10, 10, 1), (None, 12, 12), (10, None, 22)]
)
def test_an_hourly_entry_fires_on_its_local_days_and_on_no_other(
    zone: str, first: int | None, last: int | None, days: int
) -> None:
    entry = EveryEntry(
        every=timedelta(hours=1),
        timezone=zone,
        from_day=None if first is None else date(2026, 1, first),
        until_day=None if last is None else date(2026, 1, last),
    )
    found = [
        fire.at.astimezone(zone_of(zone))
        for fire in fires((entry,), after=utc("2025-12-01"), until=utc("2026-03-01"))
    ]
    found = [at for at in found if at.year == 2026 and at.month == 1]
    assert {at.day for at in found} == set(range(first or 1, (last or 31) + 1))
    assert len(found) == 24 * days
