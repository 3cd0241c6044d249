"""How often schedules fire over whole periods, and risks that do not depend on when a plan is made."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobfile.model.jobs import ScheduleEntry
from jobfile.pipeline import compile_files
from jobfile.plan import make_plan
from jobfile.plan.rates import DAYS_IN_ALL, YEARS, runs_a_day
from jobfile.plan.values import Side
from jobfile.schedule.occurrences import fires
from tests.builders import a_job, cron, every
from tests.soak import examples
from tests.together import together

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "schedule",
    [
        cron("0 4 * * *"),
        cron("30 4,16 * * mon-fri"),
        cron("0 0 29 2 *"),
        cron("0 4 31 * *"),
        cron("0 4 L * *"),
        cron("0 4 * * mon#2"),
        (*cron("0 4 * * *"), *cron("0 4 1 * *")),
        (*cron("0 4 * * mon"), *cron("30 4 * * tue"), *cron("0 4 * * mon")),
    ],
)
def test_a_rate_is_what_fires_in_all_the_years(schedule: tuple[ScheduleEntry, ...]) -> None:
    first = datetime(YEARS[0], 1, 1, tzinfo=UTC) - timedelta.resolution
    last = datetime(YEARS[-1] + 1, 1, 1, tzinfo=UTC) - timedelta.resolution
    assert (last - first).days == DAYS_IN_ALL
    count = sum(1 for _ in fires(schedule, after=first, until=last))
    assert runs_a_day(a_job(schedule=schedule)) == Fraction(count, DAYS_IN_ALL)


def test_a_period_fires_evenly_and_nothing_fires_when_a_job_is_off() -> None:
    assert runs_a_day(a_job(schedule=every(minutes=10))) == 144
    assert runs_a_day(a_job(schedule=every(minutes=7))) == Fraction(1440, 7)
    assert runs_a_day(a_job(schedule=every(minutes=10), enabled=False)) == 0
    assert runs_a_day(a_job()) == 0
    assert runs_a_day(None) == 0


MINUTES = st.sampled_from(["0", "*/5", "*/15", "*/20", "*", "0,30"])
HOURS = st.sampled_from(["*", "4", "6-22", "*/2", "0-7"])
WEEKDAYS = st.sampled_from(["*", "mon-fri", "mon", "sat,sun"])
CRON = st.builds(lambda m, h, w: f'"{m} {h} * * {w}"', MINUTES, HOURS, WEEKDAYS)
MONTHLY = st.sampled_from(
    ['"0 4 1 * *"', '"0 4 1,11,21 * *"', '"0 4 L * *"', '"0 4 1 */3 *"', '"0 4 31 * *"']
)
EVERY = st.sampled_from(["{every: 5m}", "{every: 15m}", "{every: 7m}", "{every: 1h}", "{every: 100h}"])
SCHEDULE = CRON | MONTHLY | EVERY
ZONE = st.sampled_from(["UTC", "Europe/Oslo", "America/New_York"])


def side(schedule: str, zone: str) -> Side:
    text = f"version: 1\njobs:\n  a: {{schedule: {schedule}, timezone: {zone}, run: x}}\n"
    compiled = compile_files([("jobs.yaml", text.encode())])
    assert compiled.catalog is not None
    return Side(kind="file", name="x", catalog=compiled.catalog, diagnostics=compiled.diagnostics)


@settings(max_examples=examples(30), deadline=None)
@given(
    SCHEDULE,
    SCHEDULE,
    ZONE,
    st.lists(st.integers(0, 3 * 366 * 86_400), min_size=2, max_size=4),
)
def test_a_risk_does_not_come_and_go_with_the_minute_of_the_plan(
    before: str, after: str, zone: str, seconds: list[int]
) -> None:
    one, other = side(before, zone), side(after, zone)
    found = [
        {
            (risk.code, risk.message)
            for risk in make_plan(one, other, now=BEGIN + timedelta(seconds=at)).all_risks
            if risk.code != "RISK05"  # speaks of the run that is due soon
        }
        for at in seconds
    ]
    assert all(one == found[0] for one in found)


@together(("minute", "hour"), [(6, 18), (11, 18), (20, 18), (0, 0), (59, 23)])
@together("day", range(1, 31, 4))
def test_three_times_as_many_runs_are_found_at_every_minute_of_planning(
    minute: int, hour: int, day: int
) -> None:
    one, other = side('"*/15 6-22 * * mon-fri"', "UTC"), side('"*/5 6-22 * * mon-fri"', "UTC")
    plan = make_plan(one, other, now=datetime(2026, 11, day, hour, minute, tzinfo=UTC))
    assert [(one.code, one.message) for one in plan.all_risks if one.code == "RISK01"] == [
        ("RISK01", "3 times as many runs")
    ]
