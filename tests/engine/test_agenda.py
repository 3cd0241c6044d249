"""`next` of all jobs: exactly the fires of every schedule, in order of time."""

from datetime import timedelta
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from engine.answers.agenda import PAUSED, agenda, agenda_to_text
from engine.core.records import Pause
from jobfile.model.jobs import ScheduleEntry
from jobfile.schedule.occurrences import fires
from tests.builders import DAY, HOUR, MINUTE, NOON, cron, every

ENTRIES = st.sampled_from(
    [
        (),
        every(minutes=7),
        every(hours=1),
        cron("*/15 * * * *"),
        cron("0 * * * *", "Asia/Kolkata"),
        (*cron("30 12 * * *"), *every(hours=6)),
    ]
)


@given(
    st.dictionaries(st.sampled_from("abcdef"), ENTRIES),
    st.integers(1, 40),
    st.one_of(st.none(), st.integers(1, 600)),
)
def test_the_fires_are_those_of_all_schedules_in_order_and_none_is_left_out(
    schedules: dict[str, tuple[ScheduleEntry, ...]], limit: int, minutes: int | None
) -> None:
    until = None if minutes is None else NOON + minutes * MINUTE
    found = agenda(schedules, since=NOON, until=until, limit=limit)
    given_fires = sorted(
        (fire.at, job)
        for job, entries in schedules.items()
        for fire in islice(fires(entries, after=NOON, until=until or NOON + 30 * DAY), limit + 1)
    )
    assert [(one.upcoming.at, one.job) for one in found.fires] == given_fires[:limit]
    assert found.is_all == (len(given_fires) <= limit and (until is not None or not given_fires))


def test_a_fire_in_a_pause_says_so_and_those_after_it_do_not() -> None:
    pause = Pause("a", "hand", "anna", "", NOON, NOON + 2 * HOUR, None, "")
    schedules = {"a": every(hours=1), "b": every(hours=1)}
    found = agenda(schedules, since=NOON, until=NOON + 3 * HOUR, limit=9, pauses=[pause])
    paused = [((one.upcoming.at - NOON) // HOUR, one.job) for one in found.fires if one.is_paused]
    assert paused == [(1, "a")]
    lines = agenda_to_text(found, width=120).splitlines()
    assert [line.endswith(f"in 1h; {PAUSED}") for line in lines[1:3]] == [True, False]


def test_the_distance_of_the_first_fire_counts_from_the_start() -> None:
    found = agenda({"a": every(hours=1)}, since=NOON - timedelta(minutes=20), until=None, limit=1)
    assert "in 20m" in agenda_to_text(found, width=120)
