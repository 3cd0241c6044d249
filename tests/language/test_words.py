"""Schedules in words."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from jobfile.model.jobs import CronEntry, DayRule, EveryEntry, ScheduleEntry
from jobfile.schedule.cron import CronExpression, parse_cron
from jobfile.schedule.in_words import describe
from jobfile.schedule.occurrences import clock_effects
from tests.soak import examples
from tests.together import together

NEW_YORK = "America/New_York"


def cron(text: str, zone: str = "UTC", days: DayRule = DayRule.CRON) -> CronEntry:
    return CronEntry(cron=text, timezone=zone, days=days)


def every(seconds: int) -> EveryEntry:
    return EveryEntry(every=timedelta(seconds=seconds), timezone="UTC")


def clock_effects_text(entry: ScheduleEntry, *, after: datetime, days: int = 366) -> str:
    """The local dates affected by a clock change in the days after an instant, in one line."""
    effects = clock_effects(entry, after=after, days=days)
    gaps = [f"{one.date.isoformat()} (gap)" for one in effects if one.is_gap]
    folds = [f"{one.date.isoformat()} (fold)" for one in effects if not one.is_gap]
    if not effects:
        return "none"
    return ", ".join([*(gaps or ["none in a gap"]), *(folds or ["none in a fold"])])


@together(
    ("entry", "words"),
    [
        (cron("30 2 * * *", NEW_YORK), "every day at 02:30, America/New_York (fixed: one run per local day)"),
        (
            cron("0 6,18 * * *", NEW_YORK),
            "every day at 06:00 and 18:00, America/New_York (fixed: each local time once)",
        ),
        (
            cron("0 * * * *", NEW_YORK),
            "at minute 0 of every hour, America/New_York (wildcard: each time the clock shows it)",
        ),
        (cron("*/10 * * * *"), "every 10 minutes, UTC"),
        (cron("* * * * *"), "every minute, UTC"),
        (cron("0,30 8-17 * * mon-fri"), "at minute 0 and 30 past every hour from 08 to 17 on weekdays, UTC"),
        (
            cron("5,6,7 */2 * * sat,sun"),
            "at minute 5 to 7 past every 2nd hour from 00 on Saturday and Sunday, UTC",
        ),
        (cron("* 1,3 * * *"), "every minute of hour 01 and 03, UTC"),
        (cron("0 0 1 1 *"), "at 00:00 on the 1st in January, UTC"),
        (cron("0 0 21-23,11 * *"), "at 00:00 on the 11th and 21st to 23rd, UTC"),
        (cron("0 4 * * mon#1"), "at 04:00 on the first Monday of the month, UTC"),
        (cron("0 4 * * 5L"), "at 04:00 on the last Friday of the month, UTC"),
        (
            cron("0 4 L,15W * *"),
            "at 04:00 on the last day of the month and the weekday nearest to the 15th, UTC",
        ),
        (cron("0 4 LW * *"), "at 04:00 on the last weekday of the month, UTC"),
        (cron("0 4 13 * fri"), "at 04:00 on the 13th or on Friday, UTC"),
        (cron("0 4 13 * fri", days=DayRule.BOTH), "at 04:00 on the 13th if it is Friday, UTC"),
        (cron("@hourly"), "at minute 0 of every hour, UTC"),
        (every(600), "every 10 minutes"),
        (every(3600), "every hour"),
        (every(5400), "every 1 hour 30 minutes"),
        (every(2 * 86_400), "every 2 days"),
    ],
)
def test_an_entry_is_described_as_a_person_would(entry: ScheduleEntry, words: str) -> None:
    assert describe(entry) == words


def test_the_days_of_a_year_that_a_clock_change_affects_are_found() -> None:
    after = datetime(2026, 3, 5, 12, tzinfo=UTC)
    assert clock_effects_text(cron("30 2 * * *", NEW_YORK), after=after) == "2026-03-08 (gap), none in a fold"
    assert clock_effects_text(cron("30 1 * * *", NEW_YORK), after=after) == "none in a gap, 2026-11-01 (fold)"
    assert clock_effects_text(cron("30 5 * * *", NEW_YORK), after=after) == "none"


@given(
    fields=st.tuples(
        st.sampled_from(["*", "0", "*/7", "1-5,9", "59"]),
        st.sampled_from(["*", "0", "*/5", "8-17", "1,2,23"]),
        st.sampled_from(["*", "?", "1", "*/2", "L", "15W,LW", "1-7"]),
        st.sampled_from(["*", "jan", "*/3"]),
        st.sampled_from(["*", "?", "mon", "1-5", "0-6", "mon#1,5L", "*/2"]),
    ),
    days=st.sampled_from(DayRule),
)
@settings(deadline=None, max_examples=examples(100))
def test_every_expression_has_words(fields: tuple[str, ...], days: DayRule) -> None:
    text = " ".join(fields)
    if isinstance(parse_cron(text, days=days), CronExpression):
        words = describe(cron(text, NEW_YORK, days))
        assert "  " not in words
        assert NEW_YORK in words
