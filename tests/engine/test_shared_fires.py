"""Instants that are computed once for several schedules are those that each of them has."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.answers import shared_fires
from engine.answers.shared_fires import SharedFires
from jobfile.model.jobs import CronEntry, EveryEntry, ScheduleEntry
from jobfile.schedule.occurrences import fires, next_fire

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
ENTRIES: list[tuple[ScheduleEntry, ...]] = [
    (),
    (CronEntry(cron="*/7 * * * *", timezone="UTC"),),
    (CronEntry(cron="0 2 * * *", timezone="Europe/Oslo"), CronEntry(cron="0 */6 * * *", timezone="UTC")),
    (EveryEntry(every=timedelta(hours=5), timezone="UTC"),),
]
instants = st.integers(0, 60 * 24 * 60).map(lambda minutes: BEGIN + timedelta(minutes=minutes))


@given(st.lists(st.tuples(st.sampled_from(range(len(ENTRIES))), instants, instants), max_size=12))
def test_each_schedule_has_its_own_instants(asked: list[tuple[int, datetime, datetime]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared_fires, "MAX_SHARED", 300)
        patch.setattr(shared_fires, "MAX_KEPT", 1_000)
        shared = SharedFires()
        for index, after, until in [*asked, *asked]:
            entries = ENTRIES[index]
            expected = list(fires(entries, after=after, until=until)) if after < until else []
            assert list(shared.between(entries, after=after, until=until)) == expected
            assert shared.first(entries, after=after) == (
                next_fire(entries, after=after) if entries else None
            )


def test_equal_windows_of_one_rule_are_computed_once() -> None:
    shared, entries = SharedFires(), ENTRIES[1]
    asked = [shared.between(entries, after=BEGIN, until=BEGIN + timedelta(days=1)) for _ in range(2)]
    assert asked[0] is asked[1]


def test_a_long_window_is_not_kept() -> None:
    shared, entries = SharedFires(), (CronEntry(cron="* * * * *", timezone="UTC"),)
    asked = [shared.between(entries, after=BEGIN, until=BEGIN + timedelta(days=2)) for _ in range(2)]
    assert asked[0] is not asked[1]
    assert len(list(asked[0])) == len(list(asked[1])) == 2 * 24 * 60
