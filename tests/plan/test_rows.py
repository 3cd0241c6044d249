"""Runs beside their counterparts, first differences, rare runs, and the table of starts per hour."""

import dataclasses
import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobfile.model.containers import ContainerSpec
from jobfile.model.expectations import ExpectSpec
from jobfile.model.jobs import (
    AtEntry,
    CatchupSpec,
    ConcurrencySpec,
    JobSpec,
    LimitsSpec,
    ParamSpec,
    RetrySpec,
)
from jobfile.model.keys import key_of_field
from jobfile.plan import Plan
from jobfile.plan.as_json import to_json
from jobfile.plan.load_text import load_lines, mean_text
from jobfile.plan.markdown import render_markdown
from jobfile.plan.runs import NEXT_SHOWN, compare_runs, starts_of
from jobfile.plan.text import render_text
from jobfile.plan.values import Load
from tests.plan.test_plan import NOON, SCHEDULED, hello, only, plan_of
from tests.soak import examples

END = NOON + timedelta(days=30)
SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "job.schema.json").read_text())


def lines_of(plan: Plan) -> list[str]:
    return [" ".join(line.split()) for line in render_text(plan).splitlines()]


# Rows


@settings(max_examples=examples(30))
@given(SCHEDULED, SCHEDULED)
def test_each_row_is_a_run_and_its_counterpart(before: JobSpec | None, after: JobSpec | None) -> None:
    runs, back = (compare_runs(*pair, now=NOON) for pair in ((before, after), (after, before)))
    assert [(row.after, row.before) for row in back.rows] == [(row.before, row.after) for row in runs.rows]
    assert len(runs.rows) <= NEXT_SHOWN
    assert [row.at for row in runs.rows] == sorted(row.at for row in runs.rows)
    until = max([END, *(row.at + timedelta(days=366) for row in runs.rows)])
    old, new = ({*starts_of(job, after=NOON, until=until)} for job in (before, after))
    for row in runs.rows:
        if row.is_same:
            assert row.before in old & new
        else:
            assert row.before is None or row.before in old - new
            assert row.after is None or row.after in new - old
    if not runs.is_same:
        assert not all(row.is_same for row in runs.rows)


@settings(max_examples=examples(30))
@given(SCHEDULED.filter(bool))
def test_a_schedule_that_stays_has_the_same_runs_as_one_that_is_compared(job: JobSpec) -> None:
    """The short way and the long way: an entry that adds no run makes the schedules differ."""
    never = AtEntry(at=(NOON - timedelta(days=1),), timezone="UTC")
    other = dataclasses.replace(job, schedule=(*job.schedule, never)) if job.schedule else job
    short, long = (compare_runs(job, one, now=NOON) for one in (job, other))
    assert short.is_same
    assert short.first_difference is None
    for name in ("next_before", "next_after", "count_before", "count_after", "rows", "compared_until"):
        assert getattr(short, name) == getattr(long, name), name


def test_a_moved_run_is_beside_its_new_time_and_marked() -> None:
    lines = lines_of(plan_of(hello('schedule: "0 3 * * 1"'), hello('schedule: "0 3 * * 2"')))
    assert "~ Mon 09 03:00Z Tue 10 03:00Z" in lines


@pytest.mark.parametrize(
    ("day", "rows"),
    [
        ("08", ["Fri 06 03:00Z Fri 06 03:00Z", "Sat 07 03:00Z Sat 07 03:00Z", "Sun 08 03:00Z Sun 08 03:00Z"]),
        ("09", ["Fri 06 03:00Z Fri 06 03:00Z", "… 3 equal runs"]),
        ("20", ["Fri 06 03:00Z Fri 06 03:00Z", "… 14 equal runs"]),
    ],
)
def test_equal_runs_before_the_first_change_are_counted(day: str, rows: list[str]) -> None:
    at = f'schedule: ["0 3 * * *", {{at: "2026-03-{day}T10:00:00Z"}}]'
    lines = lines_of(plan_of(hello(at), hello('schedule: "0 3 * * *"')))
    first = lines.index("before after") + 1
    assert lines[first : first + len(rows)] == rows
    assert re.fullmatch(rf"- ... {day} 10:00Z", lines[first + len(rows)])
    assert not [line for line in lines if line.startswith("lost")]


# Far away

NORWAY = "calendars:\n  norway: {weekdays: [mon, tue, wed, thu, fri], except: [2027-03-29]}\n"


def closed(rule: str) -> str:
    entry = f"{{cron: '0 3 * * mon', calendar: norway, on_closed: {rule}}}"
    return f"version: 1\n{NORWAY}jobs: {{a: {{schedule: {entry}, command: [x]}}}}\n"


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (closed("next"), closed("skip"), "first difference: Tue 30 Mar 2027 03:00Z is lost"),
        (closed("skip"), closed("next"), "first difference: Tue 30 Mar 2027 03:00Z is gained"),
        (
            hello('schedule: "0 3 * * *"'),
            hello('schedule: {cron: "0 3 * * *", until: 2026-12-24}'),
            "first difference: Fri 25 Dec 2026 03:00Z is lost",
        ),
        (
            hello('schedule: {cron: "0 3 * * *", timezone: Europe/London, from: 2026-01-01}'),
            hello('schedule: {cron: "0 3 * * *", timezone: Europe/London}'),
            None,
        ),
        (hello('schedule: "0 3 * * *"'), hello('schedule: {cron: "0 3 * * *", timezone: Etc/UTC}'), None),
    ],
)
def test_the_first_difference_after_the_thirty_days_is_named(
    before: str, after: str, says: str | None
) -> None:
    plan = plan_of(before, after)
    told = [line for line in lines_of(plan) if line.startswith("first difference")]
    assert told == ([] if says is None else [says])
    found = to_json(plan, version="1")["jobs"][0]["schedule"]["first_difference"]
    assert (found is None) == (says is None)


def test_a_first_difference_is_searched_only_if_nothing_changes_before() -> None:
    plan = plan_of(hello('schedule: "0 3 * * *"'), hello('schedule: "0 4 * * *"'))
    assert only(plan).runs.first_difference is None


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("0 3 29 2 *", "0 3 * * *", "next before: Tue 29 Feb 2028 03:00Z"),
        ("0 3 * * *", "0 3 29 2 *", "next after: Tue 29 Feb 2028 03:00Z"),
        ("0 3 29 2 *", "0 4 29 2 *", "~ Tue 29 Feb 2028 03:00Z Tue 29 Feb 2028 04:00Z"),
    ],
)
def test_a_rare_run_is_shown_with_its_time(before: str, after: str, says: str) -> None:
    assert says in lines_of(plan_of(hello(f'schedule: "{before}"'), hello(f'schedule: "{after}"')))


@pytest.mark.parametrize(
    ("before", "after", "cell"),
    [
        ("0 3 1 1 *", "0 3 1 2 *", "Fri 01 Jan 2027 03:00 → Mon 01 Feb 2027 03:00"),
        ("0 3 1 12 *", "0 3 1 1 *", "Tue 01 Dec 2026 03:00 → Fri 01 Jan 2027 03:00"),
        ("0 3 6 3 *", "0 4 6 3 *", "Fri 06 Mar 03:00 → Fri 06 Mar 04:00"),
    ],
)
def test_a_comment_has_the_year_of_a_run_in_another_year(before: str, after: str, cell: str) -> None:
    plan = plan_of(hello(f'schedule: "{before}"'), hello(f'schedule: "{after}"'))
    assert f"| {cell} |" in render_markdown(plan, name="jobs.yaml", version="1")


# The table


def load_of(before: list[float], after: list[float]) -> Load:
    return Load(
        days=30,
        before=tuple(before),
        after=tuple(after),
        total_before=1,
        total_after=2,
        peak_before=1,
        peak_after=1,
    )


HOURS = st.lists(
    st.one_of(st.just(0.0), st.floats(0.0001, 1), st.floats(1, 99_999)), min_size=24, max_size=24
)


@given(HOURS, HOURS, st.integers(60, 200))
def test_the_table_of_starts_fits_and_shows_every_hour_with_a_start(
    before: list[float], after: list[float], width: int
) -> None:
    _, hours, *rows, total = load_lines(load_of(before, after), width)
    assert total.startswith("  in 30 days: 1 -> 2")
    columns = hours.split()
    step = 24 // len(columns)
    assert columns == [f"{hour:02}" for hour in range(0, 24, step)]
    for line, counts in zip(rows, (before, after), strict=True):
        cells = line.split()[1:]
        sums = [sum(counts[first : first + step]) for first in range(0, 24, step)]
        assert [cell == "0" for cell in cells] == [not count for count in sums]
        assert not re.search(r"(?<![\d.])0?\.0", line)
    assert step == 6 or max(map(len, (hours, *rows))) <= width


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (0.001, "<.1"), (0.05, ".1"), (0.3, ".3"), (0.96, "1"), (1.4, "1"), (430, "430")],
)
def test_a_mean_is_short_and_never_zero_for_something(count: float, text: str) -> None:
    assert mean_text(count) == text


def test_no_table_if_the_starts_stay_where_they_are() -> None:
    plan = plan_of(hello('schedule: "0 3 * * *"'), hello('schedule: "0 3 * * *"', "timeout: 1h"))
    assert "starts per" not in render_text(plan)
    assert "load" not in render_markdown(plan, name="jobs.yaml", version="1")


# Names


@pytest.mark.parametrize(
    ("above", "spec", "definition"),
    [
        ((), JobSpec, "job"),
        (("catchup",), CatchupSpec, "catchup"),
        (("retry",), RetrySpec, "retry"),
        (("concurrency",), ConcurrencySpec, "concurrency"),
        (("expect",), ExpectSpec, "expect"),
        (("limits",), LimitsSpec, "limits"),
        (("container",), ContainerSpec, "container"),
        (("params", "a"), ParamSpec, "param"),
    ],
)
def test_a_changed_field_has_the_name_that_it_has_in_a_file(
    above: tuple[str, ...], spec: type, definition: str
) -> None:
    (definitions,) = (SCHEMA[key] for key in ("definitions", "$defs") if key in SCHEMA)
    keys = {*definitions[definition]["properties"]}
    names = {key_of_field(one.name, above) for one in dataclasses.fields(spec)}
    # The action has many keys, and names, vars and the absence of a default are written elsewhere.
    assert names - keys <= {"name", "vars", "action", "required", "idempotent"}


def test_values_are_below_each_other() -> None:
    before = hello("catchup: {mode: all, max: 5}", "retry: {attempts: 2, delay: 10s}")
    after = hello("catchup: {mode: all, max: 7}", "retry: {attempts: 3, delay: 30s}")
    lines = render_text(plan_of(before, after)).splitlines()
    assert lines[4:7] == [
        "    catchup.max     5 -> 7",
        "    retry.attempts  2 -> 3",
        "    retry.delay     10s -> 30s",
    ]


def test_a_new_param_is_shown_as_it_is_written() -> None:
    plan = plan_of(hello(), hello("params: {a: {type: string, default: x, maxLength: 9}}"))
    assert "params.a none -> {type: string, default: x, maxLength: 9}" in lines_of(plan)
