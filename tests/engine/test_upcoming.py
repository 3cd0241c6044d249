"""`next` and `explain-schedule`: which fires are listed, what follows them, and effects of clock changes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from engine.answers.upcoming import (
    MAX_SHOWN,
    Fires,
    distance_text,
    explained_to_json,
    explained_to_text,
    fires_to_json,
    fires_to_text,
    next_fires,
)
from engine.core.records import Pause
from jobfile.model.jobs import AtEntry, ScheduleEntry
from tests.builders import DAY, HOUR, MINUTE, NOON, cron, every

WIDE = 500
SECOND = timedelta(seconds=1)
NIGHTLY = cron("30 2 * * *", "Europe/Oslo")


def at(*instants: datetime) -> tuple[AtEntry, ...]:
    return (AtEntry(at=instants, timezone="UTC"),)


def fires(
    entries: tuple[ScheduleEntry, ...],
    *,
    limit: int = 2,
    until: datetime | None = None,
    is_job: bool = True,
    now: datetime = NOON,
) -> Fires:
    return next_fires("hello", entries, limit, now=now, is_job=is_job, until=until)


@pytest.mark.parametrize(
    ("entries", "until", "hours", "is_all", "ending"),
    [
        (every(hours=1), None, [1, 2], False, ""),
        (every(hours=1), NOON + 3 * HOUR, [1, 2], False, ""),
        (every(hours=1), NOON + 2 * HOUR, [1, 2], False, ""),
        (every(hours=1), NOON + 2 * HOUR - SECOND, [1], True, "  none after that in that time"),
        (every(hours=1), NOON + HOUR - SECOND, [], True, "  none in that time"),
        (at(NOON + HOUR), None, [1], True, "  none after that"),
        (at(NOON), None, [], True, "  none from now on"),
        ((), None, [], True, ""),
    ],
)
def test_the_next_fires_are_at_most_so_many_up_to_an_instant(
    entries: tuple[ScheduleEntry, ...],
    until: datetime | None,
    hours: list[int],
    is_all: bool,
    ending: str,
) -> None:
    found = fires(entries, until=until)
    assert [one.at for one in found.fires] == [NOON + hour * HOUR for hour in hours]
    assert (found.name, found.is_job, found.now, found.until, found.is_all) == (
        *("hello", True, NOON, until),
        is_all,
    )
    effects = ["affected by clock changes in 366 days: none"] if hours else []
    words, *lines = fires_to_text(found, width=WIDE).split("\n")
    assert (words == "no schedule: started by hand") is (not entries)
    assert lines[len(hours) :] == [*([ending] if ending else []), *effects]
    assert ("none" in explained_to_text(found, asks_days=False, width=WIDE).split("\n")[-2]) is is_all


def test_a_schedule_is_its_words_a_line_for_each_fire_and_the_changes_of_its_clock() -> None:
    entry = replace(NIGHTLY[0], spread=30 * MINUTE)
    found = fires((entry, *at(NOON + timedelta(seconds=90, microseconds=5))), limit=2)
    lines = [
        "  runs start 7m later: the delay of hello within its spread of 30m",
        "  Thu 2026-03-05 12:01:30 UTC   12:01:30Z   in 1m30s",
        "  Fri 2026-03-06 02:30 CET   01:30Z",
        "affected by clock changes in 366 days: 2026-03-29 (time skipped); 2026-10-25 (time occurs twice)",
    ]
    text = fires_to_text(found, width=WIDE).split("\n")
    assert text[1:] == lines
    assert text[0].startswith("every day at 02:30, Europe/Oslo")
    of_no_job = fires_to_text(replace(found, is_job=False), width=WIDE).split("\n")
    assert of_no_job[1:] == lines[1:]
    assert len(fires_to_text(found, width=30).split("\n")[-1]) == 30


def test_a_fire_that_a_clock_change_moves_says_so() -> None:
    found = fires(NIGHTLY, limit=1, now=datetime(2026, 3, 28, 12, tzinfo=UTC))
    (one,) = found.fires
    assert (one.zone, f"{one.local:%H:%M}") == ("CEST", "03:00")
    assert one.note
    assert fires_to_text(found, width=WIDE).split("\n")[1].endswith(f"   in 13h   {one.note}")


@pytest.mark.parametrize("pause", [None, Pause("hello", "hand", "a", "", NOON, NOON + 2 * HOUR, None, "")])
def test_the_data_of_fires_says_which_a_pause_prevents(pause: Pause | None) -> None:
    found = fires(cron("0 * * * *", "Asia/Tokyo"), until=NOON + 2 * HOUR)
    plain = {"zone": "JST", "note": None}
    rows = [
        {**plain, "utc": "2026-03-05T13:00:00+00:00", "local": "2026-03-05T22:00:00+09:00"},
        {**plain, "utc": "2026-03-05T14:00:00+00:00", "local": "2026-03-05T23:00:00+09:00"},
    ]
    pauses = [] if pause is None else [pause]
    assert fires_to_json(found, pauses=pauses, obstacle="no engine") == {
        "format": 1,
        "now": "2026-03-05T12:00:00+00:00",
        "until": "2026-03-05T14:00:00+00:00",
        "obstacle": "no engine",
        "fires": [
            {"job": "hello", **rows[0], "paused": pause is not None},
            {"job": "hello", **rows[1], "paused": False},
        ],
        "is_all": False,
        "starts": {},
    }
    of_no_job = fires_to_json(replace(found, is_job=False, until=None, is_all=True))
    assert (of_no_job["until"], of_no_job["obstacle"], of_no_job["is_all"]) == (None, None, True)
    assert [row["job"] for row in of_no_job["fires"]] == [None, None]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(), "0ms"),
        (2 * DAY - SECOND, "1d23h"),
        (2 * DAY, "2d"),
        (2 * DAY + 29 * MINUTE, "2d"),
        (3 * DAY + 31 * MINUTE, "3d"),
        (30 * DAY - HOUR, "29d23h"),
        (30 * DAY, "30d"),
        (1_200 * DAY + HOUR, "1,200d"),
        (1_200 * DAY - HOUR, "1,199d"),
    ],
)
def test_a_distance_is_in_days_and_hours_when_it_is_long(length: timedelta, text: str) -> None:
    assert distance_text(length) == text


TWO_DAY_FIELDS = "Both day fields are restricted: cron fires on either."


@pytest.mark.parametrize(
    ("entries", "asks", "is_reported"),
    [
        (cron("0 2 1 * mon"), True, True),
        (cron("0 2 1 * mon"), False, False),
        (cron("0 2 1 * *"), True, False),
        (cron("0 2 * * mon"), True, False),
        (every(hours=1), True, False),
        ((*every(hours=1), *cron("0 2 1 * mon")), True, True),
    ],
)
def test_two_day_fields_are_asked_about(
    entries: tuple[ScheduleEntry, ...], asks: bool, is_reported: bool
) -> None:
    text = explained_to_text(fires(entries), asks_days=asks, width=WIDE)
    assert (TWO_DAY_FIELDS in text) is is_reported


@pytest.mark.parametrize(
    ("entries", "kind", "effects"),
    [
        (
            NIGHTLY,
            "fixed",
            [
                {"date": "2026-03-29", "kind": "gap", "times": "02:30"},
                {"date": "2026-10-25", "kind": "fold", "times": "02:30"},
            ],
        ),
        (cron("*/20 * * * *", "Europe/Oslo"), "wildcard", []),
        (every(hours=1), "elapsed", []),
        (at(NOON + HOUR), "instants", []),
    ],
)
def test_the_data_of_an_expression_says_how_it_follows_the_clock(
    entries: tuple[ScheduleEntry, ...], kind: str, effects: list[dict[str, str]]
) -> None:
    found = fires(entries, limit=1)
    data = explained_to_json(found)
    words = fires_to_text(found, width=WIDE).split("\n")[0]
    assert (data["format"], data["now"], data["words"]) == (1, "2026-03-05T12:00:00+00:00", words)
    assert (data["kind"], data["effects"]) == (kind, effects)
    (row,) = data["fires"]  # type: ignore[misc]  # a list
    assert set(row) == {"utc", "local", "zone", "note"}


@pytest.mark.parametrize(
    ("entries", "line"),
    [
        (cron("30 2 29 3 *", "Europe/Oslo"), "2026-03-29 (time skipped)"),
        (cron("30 2 25 10 *", "Europe/Oslo"), "2026-10-25 (time occurs twice)"),
        (
            (*NIGHTLY, *cron("45 2 * * *", "Europe/Oslo")),
            "2026-03-29 (time skipped); 2026-10-25 (time occurs twice)",
        ),
    ],
)
def test_each_day_with_a_skipped_or_repeated_time_is_named_once(
    entries: tuple[ScheduleEntry, ...], line: str
) -> None:
    text = fires_to_text(fires(entries, now=NOON), width=WIDE)
    assert text.split("\n")[-1] == f"affected by clock changes in 366 days: {line}"


ZONES = (
    *("America/Adak", "America/Asuncion", "America/Bahia_Banderas", "Antarctica/McMurdo", "Asia/Amman"),
    *("Asia/Gaza", "Africa/Ceuta", "Africa/Sao_Tome", "America/Metlakatla", "Antarctica/Macquarie"),
    "Pacific/Fiji",
)
"""Zones that changed their clocks on different days of the year from March 2018 on."""


@pytest.mark.parametrize("is_gap", [True, False])
def test_only_some_of_the_days_are_named(is_gap: bool) -> None:
    """A schedule with an entry in one zone, then in two, and so on."""
    kind, words = ("gap", "time skipped") if is_gap else ("fold", "time occurs twice")
    spring = datetime(2018, 3, 1, tzinfo=UTC)
    days: set[str] = set()
    entries: tuple[ScheduleEntry, ...] = ()
    counts = set()
    for zone in ZONES:
        (entry,) = cron("10 0,1,2,3 * * *", zone)
        effects = explained_to_json(fires((entry,), now=spring))["effects"]
        days |= {one["date"] for one in effects if one["kind"] == kind}  # type: ignore[attr-defined]
        entries = (*entries, entry)
        line = fires_to_text(fires(entries, now=spring), width=WIDE).split("\n")[-1]
        more = f" and {len(days) - MAX_SHOWN} more" if len(days) > MAX_SHOWN else ""
        named = ", ".join(sorted(days)[:MAX_SHOWN])
        assert f" {named}{more} ({words})" in line if days else words not in line
        counts.add(len(days))
    assert {MAX_SHOWN - 1, MAX_SHOWN, MAX_SHOWN + 1} <= counts
