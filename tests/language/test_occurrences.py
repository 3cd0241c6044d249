"""When schedules fire: the table of clock changes, and a walk minute by minute as the second opinion."""

import pkgutil
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import islice, pairwise

import pytest
from cronsim import CronSim
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jobfile.model.jobs import AtEntry, CronEntry, DayRule, EveryEntry, ScheduleEntry
from jobfile.schedule import occurrences
from jobfile.schedule.occurrences import (
    TZDATA_VERSION,
    Fire,
    clock_changes,
    explain_fire,
    fires,
    fold_dates,
    gap_dates,
    load_zone,
    next_fire,
    previous_fire,
    zone_names,
)
from jobfile.schedule.zones import STEP_SECONDS, changes_of_year
from tests.soak import examples
from tests.together import together

NEW_YORK = "America/New_York"
MINUTE = timedelta(minutes=1)


def cron(text: str, zone: str = "UTC", days: DayRule = DayRule.CRON) -> CronEntry:
    return CronEntry(cron=text, timezone=zone, days=days)


def every(seconds: int) -> EveryEntry:
    return EveryEntry(every=timedelta(seconds=seconds), timezone="UTC")


def zone_of(name: str) -> tzinfo:
    zone = load_zone(name)
    assert zone is not None
    return zone


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def instants(entries: Sequence[ScheduleEntry], after: datetime, until: datetime) -> list[datetime]:
    return [fire.at for fire in fires(entries, after=after, until=until)]


def local_fires(entry: CronEntry, first: str, last: str) -> list[str]:
    """The fires of the local days `first` to `last`, as local times with their offset."""
    zone = zone_of(entry.timezone)
    after = utc(first) - timedelta(days=2)
    found = (
        fire.at.astimezone(zone) for fire in fires([entry], after=after, until=after + timedelta(days=40))
    )
    return [
        at.isoformat(timespec="minutes")
        for at in found
        if date.fromisoformat(first) <= at.date() <= date.fromisoformat(last)
    ]


# --- the table of clock changes


@together(
    ("text", "zone", "first", "last", "expected"),
    [
        # Forward by an hour: a fixed time in the gap fires once at its end, a wildcard's minutes are not.
        ("30 2 * * *", NEW_YORK, "2026-03-08", "2026-03-08", ["2026-03-08T03:00-04:00"]),
        ("0,30 2 * * *", NEW_YORK, "2026-03-08", "2026-03-08", ["2026-03-08T03:00-04:00"]),
        ("0 2,3 * * *", NEW_YORK, "2026-03-08", "2026-03-08", ["2026-03-08T03:00-04:00"]),
        ("* 2 * * *", NEW_YORK, "2026-03-08", "2026-03-08", []),
        ("0-59 2 * * *", NEW_YORK, "2026-03-08", "2026-03-08", ["2026-03-08T03:00-04:00"]),
        ("*/30 2 * * *", NEW_YORK, "2026-03-08", "2026-03-08", []),
        ("50 3 * * *", "Europe/Riga", "2026-03-29", "2026-03-29", ["2026-03-29T04:00+03:00"]),
        # Back by an hour: a fixed time fires on the first pass, a wildcard on both.
        ("30 1 * * *", NEW_YORK, "2026-11-01", "2026-11-01", ["2026-11-01T01:30-04:00"]),
        (
            "* 1 1 11 *",
            NEW_YORK,
            "2025-11-01",
            "2025-11-01",
            [f"2025-11-01T01:{m:02}-04:00" for m in range(60)],
        ),
        ("50 3 * * *", "Europe/Riga", "2026-10-25", "2026-10-25", ["2026-10-25T03:50+03:00"]),
        (
            "*/30 1 * * *",
            NEW_YORK,
            "2026-11-01",
            "2026-11-01",
            [f"2026-11-01T01:{m}-0{h}:00" for h in (4, 5) for m in ("00", "30")],
        ),
        # Half an hour forward and back at Lord Howe.
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-04", "2026-10-04", ["2026-10-04T02:30+11:00"]),
        ("45 1 * * *", "Australia/Lord_Howe", "2026-04-05", "2026-04-05", ["2026-04-05T01:45+11:00"]),
        (
            "*/45 1 * * *",
            "Australia/Lord_Howe",
            "2026-04-05",
            "2026-04-05",
            ["2026-04-05T01:00+11:00", "2026-04-05T01:45+11:00", "2026-04-05T01:45+10:30"],
        ),
        # Changes of the standard offset are no other than those of summer time.
        ("45 2 * * *", "America/Caracas", "2016-05-01", "2016-05-01", ["2016-05-01T03:00-04:00"]),
        (
            "15 0 * * *",
            "Africa/Juba",
            "2021-01-31",
            "2021-02-01",
            ["2021-01-31T00:15+03:00", "2021-02-01T00:15+02:00"],
        ),
        ("45 23 1 2 *", "Africa/Juba", "2021-01-31", "2021-02-01", ["2021-02-01T23:45+02:00"]),
        ("45 23 31 1 *", "Africa/Juba", "2021-01-31", "2021-02-01", ["2021-01-31T23:45+03:00"]),
        # The nominal date counts: 23:45 of the 4th is in the gap 23:30 to 24:00.
        ("45 23 4 5 *", "Asia/Pyongyang", "2018-05-03", "2018-05-06", ["2018-05-05T00:00+09:00"]),
        ("45 23 * * fri", "Asia/Pyongyang", "2018-05-03", "2018-05-06", ["2018-05-05T00:00+09:00"]),
        ("0 0 5 5 *", "Asia/Pyongyang", "2018-05-03", "2018-05-06", ["2018-05-05T00:00+09:00"]),
        # From 00:01 back to 23:01: the second pass of a day comes after the next one began.
        (
            "0,30 0,23 * * *",
            "America/St_Johns",
            "2010-11-06",
            "2010-11-07",
            [
                "2010-11-06T00:00-02:30",
                "2010-11-06T00:30-02:30",
                "2010-11-06T23:00-02:30",
                "2010-11-06T23:30-02:30",
                "2010-11-07T00:00-02:30",
                "2010-11-07T00:30-03:30",
                "2010-11-07T23:00-03:30",
                "2010-11-07T23:30-03:30",
            ],
        ),
        # Three hours and more are not made up for, nor held back.
        (
            "0 9 * * *",
            "Pacific/Apia",
            "2011-12-29",
            "2011-12-31",
            ["2011-12-29T09:00-10:00", "2011-12-31T09:00+14:00"],
        ),
        ("0 9 30 12 *", "Pacific/Apia", "2011-12-29", "2011-12-31", []),
        ("30 3 * * *", "Antarctica/Casey", "2009-10-18", "2009-10-18", []),
        (
            "30 0 * * *",
            "Antarctica/Casey",
            "2010-03-05",
            "2010-03-05",
            ["2010-03-05T00:30+11:00", "2010-03-05T00:30+08:00"],
        ),
    ],
)
def test_a_change_of_the_clock_follows_the_table(
    text: str, zone: str, first: str, last: str, expected: list[str]
) -> None:
    assert local_fires(cron(text, zone), first, last) == expected


def test_every_hour_is_25_fires_on_the_long_day_and_23_on_the_short_one() -> None:
    entry = cron("0 * * * *", NEW_YORK)
    assert len(local_fires(entry, "2026-11-01", "2026-11-01")) == 25
    assert len(local_fires(entry, "2026-03-08", "2026-03-08")) == 23


def test_the_next_fire_is_the_same_from_inside_the_repeated_hour() -> None:
    entry = cron("50 3 * * *", "Europe/Riga")
    assert next_fire([entry], after=utc("2026-10-25T00:49:59")) == Fire(at=utc("2026-10-25T00:50"), entry=0)
    for inside in ("2026-10-25T00:50", "2026-10-25T01:40", "2026-10-25T01:50"):
        assert next_fire([entry], after=utc(inside)) == Fire(at=utc("2026-10-26T01:50"), entry=0)


def test_a_fold_that_reaches_over_the_turn_of_a_year_is_one_pass_for_a_fixed_time() -> None:
    (change,) = clock_changes("Africa/Sao_Tome", after=utc("1883-12-31"), days=1)
    assert change.at.year == 1883
    assert (change.at + change.size).year == 1884
    entry = cron("0-59 0-23 * * *", "Africa/Sao_Tome")
    assert instants([entry], change.at - timedelta(seconds=1), change.at + change.size - MINUTE) == []
    assert instants([entry], change.at - MINUTE, change.at + change.size + MINUTE)


# --- a walk minute by minute, from the rules


@dataclass(frozen=True)
class Written:
    """A cron text, and what each field of it matches, known without reading it."""

    text: str
    values: frozenset[int]


@dataclass(frozen=True)
class Expression:
    minute: Written
    hour: Written
    day: Written
    week: Written

    @property
    def text(self) -> str:
        return f"{self.minute.text} {self.hour.text} {self.day.text} * {self.week.text}"

    @property
    def is_fixed(self) -> bool:
        return self.minute.text[0] != "*" and self.hour.text[0] != "*"

    def matches(self, nominal: datetime, days: DayRule = DayRule.CRON) -> bool:
        by_day = nominal.day in self.day.values
        by_week = nominal.isoweekday() % 7 in self.week.values
        is_either = self.day.text[0] != "*" and self.week.text[0] != "*" and days is not DayRule.BOTH
        is_day = by_day or by_week if is_either else by_day and by_week
        return is_day and nominal.hour in self.hour.values and nominal.minute in self.minute.values


def field_texts(low: int, high: int, *, dense: bool = False) -> st.SearchStrategy[Written]:
    whole = range(low, high + 1)
    value = st.integers(low, high)
    ranges = st.tuples(value, value).map(sorted)
    star = st.just(Written("*", frozenset(whole)))
    step = st.integers(1, high).map(lambda s: Written(f"*/{s}", frozenset(whole[::s])))
    listed = st.lists(value, min_size=1, max_size=4).map(
        lambda some: Written(",".join(map(str, some)), frozenset(some))
    )
    span = ranges.map(lambda r: Written(f"{r[0]}-{r[1]}", frozenset(range(r[0], r[1] + 1))))
    every_day = st.one_of(star, star, star, span, listed) if dense else st.one_of(star, step, listed, span)
    return every_day


EXPRESSIONS = st.builds(
    Expression,
    minute=field_texts(0, 59),
    hour=field_texts(0, 23),
    day=field_texts(1, 31, dense=True),
    week=field_texts(0, 6, dense=True),
)
CHANGES = [
    ("UTC", utc("2026-03-29")),
    ("UTC", utc("1969-12-31T12:00")),
    ("Europe/Riga", utc("1944-10-02T01:00")),
    (NEW_YORK, utc("2026-03-08T07:00")),
    (NEW_YORK, utc("2026-11-01T06:00")),
    ("Europe/Riga", utc("2026-03-29T01:00")),
    ("Europe/Riga", utc("2026-10-25T01:00")),
    ("Africa/Casablanca", utc("2026-02-15T02:00")),
    ("Africa/Casablanca", utc("1985-12-31T23:00")),
    ("America/Caracas", utc("2016-05-01T07:00")),
    ("America/Havana", utc("2026-03-08T05:00")),
    ("America/Havana", utc("2026-11-01T05:00")),
    ("America/St_Johns", utc("2010-03-14T03:31")),
    ("America/St_Johns", utc("2010-11-07T02:31")),
    ("Antarctica/Casey", utc("2009-10-17T18:00")),
    ("Antarctica/Casey", utc("2010-03-04T15:00")),
    ("Antarctica/Troll", utc("2026-03-29T01:00")),
    ("Antarctica/Troll", utc("2026-10-25T01:00")),
    ("Asia/Pyongyang", utc("2018-05-04T15:00")),
    ("Australia/Lord_Howe", utc("2026-04-04T15:00")),
    ("Australia/Lord_Howe", utc("2026-10-03T15:30")),
    ("Pacific/Apia", utc("2011-12-30T10:00")),
    ("Pacific/Kwajalein", utc("1993-08-21T12:00")),
]
AROUND_CHANGES = st.tuples(st.sampled_from(CHANGES), st.integers(-1800, 600), st.integers(60, 2400)).map(
    lambda drawn: (drawn[0][0], drawn[0][1] + drawn[1] * MINUTE, drawn[0][1] + (drawn[1] + drawn[2]) * MINUTE)
)
"""Windows of up to 40 hours, before, over and after a change."""


def walk(expression: Expression, zone: tzinfo, after: datetime, until: datetime) -> list[datetime]:
    """The fires in (after, until], found by asking at every minute what the rules say of it."""
    found, at = [], after
    while at < until:
        before, at = at, at + MINUTE
        nominal = at.astimezone(zone).replace(tzinfo=None)
        shift = nominal - before.astimezone(zone).replace(tzinfo=None) - MINUTE
        if expression.is_fixed and timedelta(0) < shift < timedelta(hours=3):
            skipped = [nominal - n * MINUTE for n in range(1, shift // MINUTE + 1)]
        else:
            skipped = []
        if any(expression.matches(one) for one in skipped) or (
            expression.matches(nominal) and not (expression.is_fixed and is_second_pass(at, zone))
        ):
            found.append(at)
    return found


def is_second_pass(at: datetime, zone: tzinfo) -> bool:
    local = at.astimezone(zone)
    first, second = local.replace(fold=0).utcoffset(), local.utcoffset()
    assert first is not None
    assert second is not None
    return local.fold == 1 and first - second < timedelta(hours=3)


@given(expression=EXPRESSIONS, window=AROUND_CHANGES)
@settings(deadline=None, max_examples=examples(60))
def test_fires_equal_a_walk_minute_by_minute(
    expression: Expression, window: tuple[str, datetime, datetime]
) -> None:
    zone, after, until = window
    expected = walk(expression, zone_of(zone), after, until)
    assert instants([cron(expression.text, zone)], after, until) == expected


# --- properties

ENTRIES = st.lists(
    st.one_of(
        st.builds(
            lambda expression, change, days: cron(expression.text, change[0], days),
            EXPRESSIONS,
            st.sampled_from(CHANGES),
            st.sampled_from([DayRule.CRON, DayRule.EITHER]),
        ),
        st.integers(1, 200_000).map(every),
    ),
    min_size=1,
    max_size=4,
)
STARTS = st.one_of(
    st.sampled_from(CHANGES).map(lambda change: change[1] - timedelta(hours=5)),
    st.integers(-3_650 * 1440, 47_000 * 1440).map(lambda minutes: utc("1970-01-01") + minutes * MINUTE),
)


@given(entries=ENTRIES, after=STARTS)
@settings(deadline=None, max_examples=examples(50))
def test_the_fire_before_a_fire_is_the_one_from_which_it_was_found(
    entries: list[ScheduleEntry], after: datetime
) -> None:
    first = next_fire(entries, after=after)
    assert first is not None
    second = next_fire(entries, after=first.at)
    assert second is not None
    assert previous_fire(entries, before=second.at) == first
    assert previous_fire(entries, before=first.at + timedelta(microseconds=1)) == first


def test_before_the_only_instant_of_a_schedule_there_is_none() -> None:
    noon = datetime(2026, 3, 5, 12, 0, tzinfo=UTC)
    assert previous_fire([AtEntry(at=(noon,), timezone="UTC")], before=noon) is None


@given(entries=ENTRIES, after=STARTS, minutes=st.integers(0, 3000))
@settings(deadline=None, max_examples=examples(50))
def test_fires_are_strictly_increasing_inside_the_window_and_the_union_of_their_entries(
    entries: list[ScheduleEntry], after: datetime, minutes: int
) -> None:
    until = after + minutes * MINUTE
    found = list(islice(fires(entries, after=after, until=until), 2000))
    ats = [fire.at for fire in found]
    assert ats == sorted(set(ats))
    assert all(after < at <= until and at.tzinfo is UTC for at in ats)
    horizon = ats[-1] if len(ats) == 2000 else until
    each = [set(instants([entry], after, horizon)) for entry in entries]
    assert set(ats) == set().union(*each)
    assert all(fire.entry == min(i for i, one in enumerate(each) if fire.at in one) for fire in found)


@given(entries=ENTRIES, after=STARTS)
@settings(deadline=None, max_examples=examples(50))
def test_the_next_fire_is_the_first_one_and_is_found_again_from_a_second_before(
    entries: list[ScheduleEntry], after: datetime
) -> None:
    fire = next_fire(entries, after=after)
    assert fire is not None
    assert fire == next(fires(entries, after=after, until=fire.at))
    assert fire == next_fire(entries, after=fire.at - timedelta(seconds=1))
    later = next_fire(entries, after=fire.at)
    assert later is not None
    assert later.at > fire.at


@given(entries=ENTRIES, after=STARTS, cut=st.integers(0, 2000))
@settings(deadline=None, max_examples=examples(30))
def test_a_window_cut_in_two_has_the_same_fires(
    entries: list[ScheduleEntry], after: datetime, cut: int
) -> None:
    middle, until = after + timedelta(seconds=cut * 37), after + timedelta(seconds=2000 * 37)
    assume(all(isinstance(entry, CronEntry) or entry.every > 10 * MINUTE for entry in entries))
    whole = instants(entries, after, until)
    assert instants(entries, after, middle) + instants(entries, middle, until) == whole


@given(expression=EXPRESSIONS, change=st.sampled_from(CHANGES), minutes=st.integers(600, 1400))
@settings(deadline=None, max_examples=examples(30))
def test_cronsim_agrees_on_changes_by_an_hour_seen_from_before(
    expression: Expression, change: tuple[str, datetime], minutes: int
) -> None:
    zone, at = change
    moved = clock_changes(zone, after=at - 5 * timedelta(days=366), days=10 * 366)
    # It loses minutes when half an hour repeats, and stops when an hour repeats over midnight.
    assume(all(one.size == timedelta(hours=1) for one in moved))
    assume(all(one.local_from.date() == (one.local_from + one.size - MINUTE).date() for one in moved))
    after = at - minutes * MINUTE
    theirs = islice(CronSim(expression.text, after.astimezone(zone_of(zone))), 20)
    ours = islice(fires([cron(expression.text, zone)], after=after, until=after + timedelta(days=3660)), 20)
    assert [fire.at for fire in ours] == [one.astimezone(UTC) for one in theirs]


# --- the ends of the calendar, and long searches


@pytest.mark.parametrize("after", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
@pytest.mark.parametrize(
    "entry", [cron("0 0 29 2 *", NEW_YORK), every(86_400), cron("* * * * *", "Pacific/Apia")]
)
def test_the_ends_of_the_calendar_are_no_error(entry: ScheduleEntry, after: datetime) -> None:
    found = list(islice(fires([entry], after=after, until=datetime.max.replace(tzinfo=UTC)), 3))
    assert len(found) == (3 if after.year == 1 else 0)
    assert all(fire.at.year < 20 for fire in found)
    assert next_fire([entry], after=after) == (found[0] if found else None)


def test_a_rare_day_is_found_decades_ahead_and_no_entries_have_no_fires() -> None:
    rare = cron("0 0 29 2 mon", "Europe/Riga", DayRule.BOTH)
    assert next_fire([rare], after=utc("2072-03-01")) == Fire(at=utc("2112-02-28T22:00"), entry=0)
    assert next_fire([], after=utc("2026-01-01")) is None
    assert instants([], utc("2026-01-01"), utc("2027-01-01")) == []


def test_a_window_that_ends_before_it_begins_is_empty() -> None:
    for entry in (cron("* * * * *"), every(1)):
        assert instants([entry], utc("2026-01-02"), utc("2026-01-01")) == []
        assert instants([entry], utc("2026-01-01"), utc("2026-01-01")) == []


def test_a_period_counts_from_the_epoch_wherever_a_search_begins() -> None:
    assert instants([every(600)], utc("2026-01-01T00:03:07"), utc("2026-01-01T00:30")) == [
        utc("2026-01-01T00:10"),
        utc("2026-01-01T00:20"),
        utc("2026-01-01T00:30"),
    ]
    weekly = next_fire([every(7 * 86_400)], after=utc("2026-01-01"))
    assert weekly is not None
    assert weekly.at.isoweekday() == 4  # 1970-01-01 was a Thursday


def test_an_instant_of_two_entries_fires_once_and_the_first_entry_gives_it() -> None:
    entries = [cron("30 6 * * mon"), cron("*/30 6 * * *"), every(1800)]
    found = list(fires(entries, after=utc("2026-03-09T05:45"), until=utc("2026-03-09T07:00")))
    assert [(fire.at.minute, fire.entry) for fire in found] == [(0, 1), (30, 0), (0, 2)]


# --- notes about clock changes


@pytest.mark.parametrize(
    ("entry", "at", "note"),
    [
        (
            cron("30 2 * * *", NEW_YORK),
            "2026-03-08T07:00",
            "02:30 does not exist: first instant after the gap",
        ),
        (
            cron("0,30 2 * * *", NEW_YORK),
            "2026-03-08T07:00",
            "02:00 and 02:30 do not exist: one run, first instant after the gap",
        ),
        (
            cron("0-59/10 2 * * *", NEW_YORK),
            "2026-03-08T07:00",
            "02:00 to 02:50 do not exist: one run, first instant after the gap",
        ),
        (cron("0 3 * * *", NEW_YORK), "2026-03-08T07:00", ""),
        (cron("0 * * * *", NEW_YORK), "2026-03-08T07:00", ""),
        (cron("30 1 * * *", NEW_YORK), "2026-11-01T05:30", "01:30 occurs twice: the first is used"),
        (cron("*/30 * * * *", NEW_YORK), "2026-11-01T05:30", "01:30 occurs twice: this is the first"),
        (cron("*/30 * * * *", NEW_YORK), "2026-11-01T06:30", "01:30 occurs twice: this is the second"),
        (cron("*/30 * * * *", NEW_YORK), "2026-11-01T07:00", ""),
        (cron("30 1 * * *", NEW_YORK), "2026-07-01T05:30", ""),
        (every(1800), "2026-11-01T05:30", ""),
    ],
)
def test_a_fire_that_a_clock_change_touches_says_so(entry: ScheduleEntry, at: str, note: str) -> None:
    assert explain_fire(entry, utc(at)) == note


def test_gap_and_fold_dates_are_the_days_on_which_a_fixed_time_is_missing_or_doubled() -> None:
    after = utc("2026-03-05T12:00")
    assert gap_dates(cron("30 2 * * *", NEW_YORK), after=after) == ("02:30 does not exist on 2026-03-08",)
    assert fold_dates(cron("30 2 * * *", NEW_YORK), after=after) == ()
    assert fold_dates(cron("0,30 1 * * *", NEW_YORK), after=after) == (
        "01:00 and 01:30 occur twice on 2026-11-01",
    )
    assert gap_dates(cron("30 2 * * 1-5", NEW_YORK), after=after) == ()
    assert gap_dates(cron("30 * * * *", NEW_YORK), after=after) == ()
    assert gap_dates(every(3600), after=after) == ()
    assert gap_dates(cron("45 23 * * *", "Asia/Pyongyang"), after=utc("2018-01-01")) == (
        "23:45 does not exist on 2018-05-04",
    )


def test_without_a_clock_the_year_after_the_zone_rules_is_looked_at() -> None:
    (note,) = gap_dates(cron("30 2 * * *", NEW_YORK))
    assert f"on {int(TZDATA_VERSION[:4]) + 1}-03-" in note


# --- zones


@pytest.mark.parametrize(
    "name",
    [
        "",
        "europe/riga",
        "Europe/riga",
        "../UTC",
        "/etc/localtime",
        "Europe",
        "Europe/",
        "zones",
        "U\0TC",
        "é",
    ],
)
def test_a_name_that_is_not_listed_is_not_a_zone(name: str) -> None:
    assert load_zone(name) is None
    assert clock_changes(name, after=utc("2026-01-01")) == ()


def test_every_listed_zone_loads_and_knows_its_name() -> None:
    assert {"UTC", "Europe/Riga", NEW_YORK} <= zone_names()
    assert all(str(load_zone(name)) == name for name in zone_names())


def transitions(name: str) -> list[tuple[int, int, int]]:
    """The changes of offset that a zone's file lists: instant, offset before, offset after, in seconds."""
    data = pkgutil.get_data("tzdata", f"zoneinfo/{name}")
    assert data is not None
    head: Callable[[int], tuple[int, ...]] = lambda at: struct.unpack_from(">6l", data, at + 20)  # noqa: E731  one expression, used twice
    utc_flags, standard_flags, leaps, times, types, letters = head(0)
    second = 44 + times * 5 + types * 6 + letters + leaps * 8 + standard_flags + utc_flags
    _, _, _, times, types, _ = head(second)
    at = second + 44
    when = struct.unpack_from(f">{times}q", data, at)
    kinds = data[at + 8 * times : at + 9 * times]
    offsets = [struct.unpack_from(">l", data, at + 9 * times + 6 * n)[0] for n in range(types)]
    before = [offsets[0], *(offsets[kind] for kind in kinds)]
    rows = zip(when, before, before[1:], strict=False)
    return [row for row in rows if row[1] != row[2]]


def test_no_zone_changes_its_clock_twice_within_a_probing_step() -> None:
    for name in zone_names():
        times = [row[0] for row in transitions(name)]
        assert all(later - earlier > STEP_SECONDS for earlier, later in pairwise(times))


@pytest.mark.parametrize(
    "name", ["Africa/Casablanca", NEW_YORK, "Asia/Gaza", "Europe/Riga", "Pacific/Apia", "UTC"]
)
def test_the_changes_found_are_those_that_the_zone_lists(name: str) -> None:
    """Up to the last one listed: after it a rule continues, whose changes are months apart."""
    listed = [row for row in transitions(name) if 1890 <= datetime.fromtimestamp(row[0], UTC).year < 2030]
    last = max((row[0] for row in listed), default=0)
    found = [
        tuple(
            int(part.total_seconds())
            for part in (one.at - utc("1970-01-01"), one.offset_before, one.offset_after)
        )
        for year in range(1890, 2030)
        for one in changes_of_year(name, year)
    ]
    assert [row for row in found if row[0] <= last] == listed


def test_a_fire_that_is_not_after_the_start_of_a_search_is_a_bug_and_ends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A caller that moves from fire to fire would never end."""
    at = utc("2026-03-01T12:00")
    entry = CronEntry(cron="0 12 * * *", timezone="UTC")
    for found in (at, at - timedelta(hours=1)):
        monkeypatch.setattr(occurrences, "_instants", lambda *_, found=found: iter([found]))
        with pytest.raises(occurrences.NotAdvancingError):
            next_fire((entry,), after=at)
    monkeypatch.setattr(occurrences, "_instants", lambda *_: iter([at + timedelta.resolution]))
    assert next_fire((entry,), after=at) is not None


def test_what_the_module_gives_to_others_is_there() -> None:
    assert [name for name in occurrences.__all__ if not hasattr(occurrences, name)] == []
