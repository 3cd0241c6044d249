"""Equal changes are one entry, with their cause; nothing is lost by it."""

import json
import re
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import validate

from jobfile.model.canonical import canonical_json, to_plain
from jobfile.plan import JobFacts, Plan, make_plan
from jobfile.plan.as_json import text_of as text_of_json
from jobfile.plan.as_json import to_json
from jobfile.plan.groups import MANY, group_changes
from jobfile.plan.markdown import LIMIT, render_markdown
from jobfile.plan.page import render_page
from jobfile.plan.text import render_text
from jobfile.plan.values import FieldChange, Kind
from jobfile.plan.wording import notes_of
from tests.plan.test_outputs import SCHEMA
from tests.plan.test_plan import NOON, hello, plan_of, side
from tests.soak import examples

CALENDAR = "calendars:\n  norway: {weekdays: [mon, tue, wed, thu, fri], except: [%s]}\n"


def many(count: int, *defaults: str, before_jobs: str = "", **own: str) -> str:
    """Jobs that start at different minutes; `own` are lines of single jobs, by name."""
    lines = ["version: 1", "defaults:", "  owner: a@example.com", *(f"  {one}" for one in defaults)]
    lines += [before_jobs.rstrip("\n")] if before_jobs else []
    lines.append("jobs:")
    for number in range(count):
        lines += [f"  j{number}:", "    command: [x]", f"    {own.get(f'j{number}', 'priority: 0')}"]
        lines += [f"    schedule: '{number % 60} 3 * * 1-5'"]
    return "\n".join(lines) + "\n"


def with_calendar(days: str, count: int, on_closed: str = "skip") -> str:
    entry = "{cron: '%d 3 * * *', calendar: norway, on_closed: %s}"
    jobs = "".join(
        f"  j{number}: {{schedule: {entry % (number, on_closed)}, command: [x]}}\n" for number in range(count)
    )
    return f"version: 1\n{CALENDAR % days}jobs:\n{jobs}"


def lines_of(plan: Plan, **options: Any) -> list[str]:
    return [" ".join(line.split()) for line in render_text(plan, **options).splitlines()]


# Nothing is lost

VALUES = st.sampled_from(["", "timeout: 1h", "timeout: 2h", "retry: 3", "retry: {attempts: 3, delay: 1m}"])
ZONES = st.sampled_from(["", "timezone: Europe/Oslo", "timezone: America/New_York"])
SCHEDULES = st.sampled_from(
    [
        "'0 2 * * *'",
        "{cron: '0 2 * * *', calendar: norway}",
        "{every: 7h}",
        "{cron: '0 4 * * 1', timezone: Asia/Tokyo}",
    ]
)
JOB = st.tuples(
    VALUES, SCHEDULES, st.sampled_from(["", "enabled: false", "tags: [a, b]", "env: {TOKEN: aB3-x9Zk_11}"])
)
SET = st.tuples(
    VALUES, ZONES, st.sampled_from(["2026-03-10", "2026-03-11, 2026-05-17"]), st.lists(JOB, max_size=7)
)


def text_of(one: Any) -> str:
    value, zone, days, jobs = one
    lines = ["version: 1", (CALENDAR % days).rstrip("\n"), "defaults:", "  owner: me"]
    lines += [f"  {line}" for line in (value, zone) if line]
    lines.append("jobs:" if jobs else "jobs: {}")
    for number, (own, schedule, more) in enumerate(jobs):
        lines += [f"  j{number}:", "    command: [x]", f"    schedule: {schedule}"]
        lines += [f"    {line}" for line in (own, more) if line]
    return "\n".join(lines) + "\n"


def item(job: str, field: FieldChange) -> tuple[str, str]:
    return job, canonical_json([field.path, to_plain(field.before), to_plain(field.after), field.kind])


@settings(max_examples=examples(30))
@given(SET, SET)
def test_groups_and_own_entries_say_what_the_jobs_say(before: Any, after: Any) -> None:
    plan = plan_of(text_of(before), text_of(after))
    grouped = group_changes(plan)
    expected = Counter(item(one.name, field) for one in plan.jobs for field in one.fields)
    shown = Counter(item(own.change.name, field) for own in grouped.own for field in own.fields)
    for group in grouped.groups:
        shown.update(item(member.change.name, field) for member in group.members for field in member.fields)
    assert shown == expected
    notes = Counter((one.name, note) for one in plan.jobs for note in notes_of(one))
    found = Counter((own.change.name, note) for own in grouped.own for note in own.notes)
    found.update((job, note.text) for group in grouped.groups for note in group.notes for job in note.jobs)
    assert found == notes
    assert {job["job"] for job in to_json(plan, version="1")["jobs"]} == {one.name for one in plan.jobs}
    explained = {
        item(one.name, field) for one in plan.jobs for field in one.fields if field.kind is Kind.SCHEDULE
    }
    explained &= {
        item(member.change.name, field)
        for group in grouped.groups
        for member in group.members
        for field in member.fields
    }
    entries = {own.change.name for own in grouped.own} | {job for job, _ in explained}
    assert {one.name for one in plan.jobs if not one.runs.is_same} <= entries
    for group in grouped.groups:
        assert group.is_calendar or len(group.jobs) >= MANY
        assert {member.change.name for member in group.members} <= {*group.jobs}
    assert not any(one.is_hidden for group in grouped.groups for one in group.fields)


@settings(max_examples=examples(15))
@given(SET)
def test_the_plan_of_a_set_with_itself_has_no_groups(one: Any) -> None:
    plan = plan_of(text_of(one), text_of(one))
    assert (plan.jobs, group_changes(plan).groups) == ((), ())
    assert plan.load.is_same


# One entry for one cause


def test_a_default_that_changes_for_many_jobs_is_one_entry_and_the_exceptions_follow() -> None:
    before = many(150, "timeout: 30m")
    after = many(150, "timeout: 20m", j7="timeout: 1h", j9="timeout: 30m")
    plan = plan_of(before, after)
    lines = lines_of(plan)
    assert lines[3:] == [
        "~ 148 jobs: timeout 30m -> 20m (defaults, jobs.yaml:4)",
        "j0, j1, j10, j100, j101, j102 and 142 more",
        "",
        "~ j7 jobs.yaml:34 owner a@example.com",
        "timeout 30m -> 1h",
        "",
        "# j9: no change",
        "",
        "plan: 149 to change. 0 risks, 0 warnings.",
    ]
    assert re.search(r"\bj142\b", render_text(plan, is_full=True))


@pytest.mark.parametrize(
    ("before", "after", "title"),
    [
        (["timeout: 1h"], ["timeout: 2h"], "timeout 1h -> 2h (defaults, jobs.yaml:4)"),
        ([], ["timeout: 2h"], "timeout 1d -> 2h (defaults, jobs.yaml:4)"),
        (["timeout: 2h"], [], "timeout 2h -> 1d (no longer in defaults, jobs.yaml:4)"),
        (["tags: [a]"], ["tags: [b]"], "tags - a, + b (defaults, jobs.yaml:4)"),
        (["env: {A: x}"], ["env: {A: z}"], "env.A x -> z (defaults, jobs.yaml:4)"),
        (
            ["secrets: {A: env:A}"],
            ["secrets: {A: env:B}"],
            "secrets.A env:A -> env:B (defaults, jobs.yaml:4)",
        ),
        (
            ["retry: {attempts: 2, delay: 1m}"],
            ["retry:", "  attempts: 3", "  delay: 2m"],
            "retry.attempts 2 -> 3, retry.delay 1m -> 2m (defaults, jobs.yaml:5)",
        ),
    ],
)
def test_a_group_names_the_place_of_its_value(before: list[str], after: list[str], title: str) -> None:
    plan = plan_of(many(3, *before), many(3, *after))
    assert f"~ 3 jobs: {title}" in lines_of(plan)
    (group,) = to_json(plan, version="1")["groups"]
    assert group["jobs"] == ["j0", "j1", "j2"]
    assert (group["cause"]["section"], group["cause"]["removed"]) == ("defaults", "no longer" in title)


@pytest.mark.parametrize("has_files", [True, False])
def test_a_value_that_no_file_has_any_more_is_built_in(has_files: bool) -> None:
    """Of the jobs in force it is not known where their values were written."""
    before = side(many(3, "timeout: 1h", **{f"j{n}": "umask: '027'" for n in range(3)}))
    before = before if has_files else replace(before, written=None)
    plan = make_plan(before, side(many(3)), now=NOON)
    lines = lines_of(plan)
    assert "~ 3 jobs: umask 027 -> none (built in)" in lines
    place = "no longer in defaults, jobs.yaml:4" if has_files else "built in"
    assert f"~ 3 jobs: timeout 1h -> 1d ({place})" in lines
    validate(json.loads(text_of_json(to_json(plan, version="1"))), json.loads(SCHEMA.read_text()))
    assert "built in" in render_markdown(plan, name="jobs.yaml", version="1")


def test_a_constant_and_a_queue_are_causes_too() -> None:
    text = "version: 1\nvars: {days: %d}\nqueues: {db: {slots: %d}}\njobs:\n" + "".join(
        f"  j{number}: {{run: 'echo {{{{ vars.days }}}}', queue: db}}\n" for number in range(3)
    )
    lines = lines_of(plan_of(text % (1, 2), text % (7, 3)))
    assert "~ 3 jobs: vars.days 1 -> 7 (vars, jobs.yaml:2)" in lines
    assert "~ 3 jobs: queue.slots 2 -> 3 (queues, jobs.yaml:3)" in lines


@pytest.mark.parametrize("count", [2, 3])
def test_three_equal_changes_are_a_group_even_if_each_job_has_its_own(count: int) -> None:
    jobs = [many(3, **{f"j{number}": f"timeout: {time}" for number in range(count)}) for time in ("1h", "2h")]
    titles = [line for line in lines_of(plan_of(*jobs)) if line.startswith("~ ")]
    assert titles == (
        ["~ 3 jobs: timeout 1h -> 2h"]
        if count == 3
        else [f"~ j{n} jobs.yaml:{5 + 4 * n} owner a@example.com" for n in range(2)]
    )


def test_a_zone_and_the_schedules_that_follow_it_are_one_entry() -> None:
    plan = plan_of(many(40), many(40, "timezone: Europe/Oslo", j3="timeout: 1h"))
    lines = lines_of(plan)
    at = lines.index("~ 40 jobs: timezone UTC -> Europe/Oslo (defaults, jobs.yaml:4)")
    assert lines[at + 1 : at + 4] == [
        "j0, j1, j10, j11, j12, j13 and 34 more",
        "fires in 30 days 840 -> 840 (840 moved)",
        "j0 Fri 06 03:00Z -> Fri 06 02:00Z (03:00 CET)",
    ]
    own = lines.index("~ j3 jobs.yaml:18 owner a@example.com")
    assert lines[own + 1 : own + 4] == [
        "timeout 1d -> 1h",
        "timezone UTC -> Europe/Oslo (several jobs, above)",
        "schedule as for several jobs, above",
    ]
    assert len(lines) < 35


def test_a_schedule_that_changes_in_more_than_the_zone_has_its_own_entry() -> None:
    after = many(4, "timezone: Europe/Oslo").replace("'2 3 * * 1-5'", "'2 4 * * 1-5'")
    lines = lines_of(plan_of(many(4), after))
    at = lines.index("~ j2 jobs.yaml:14 owner a@example.com")
    assert lines[at + 1] == 'schedule cron "2 3 * * 1-5" UTC -> cron "2 4 * * 1-5" Europe/Oslo'


@pytest.mark.parametrize("count", [1, 3])
def test_a_calendar_that_changes_is_named_with_what_it_does_to_the_runs(count: int) -> None:
    before, after = (with_calendar(days, count) for days in ("2026-05-17", "2026-03-10, 2026-03-11"))
    lines = lines_of(plan_of(before, after))
    title = "~ calendars.norway changed: added 2 days to except, removed 1 day from except"
    at = lines.index(f"{title} (calendars, jobs.yaml:3)")
    assert lines[at + 1 : at + 4] == ["except - 2026-05-17", "+ 2026-03-10", "+ 2026-03-11"]
    if count == 1:
        assert lines[at + 6 : at + 8] == [
            "~ j0 jobs.yaml:5",
            'schedule cron "0 3 * * *" UTC, calendar norway, on_closed skip',
        ]
        assert "- Tue 10 03:00Z" in lines
    else:
        assert lines[at + 4 : at + 7] == [
            "j0, j1, j2",
            "fires in 30 days 63 -> 57 (6 lost)",
            "j0 Tue 10 03:00Z is lost",
        ]
        assert not [line for line in lines if line.startswith("~ j")]


def test_a_risk_of_all_jobs_of_a_group_is_one_line() -> None:
    lines = lines_of(plan_of(many(5), many(5, "retry: 3")))
    risks = [line for line in lines if line.startswith("!")]
    assert [line.partition(";")[0] for line in risks] == ["! RISK06 a failed run is now retried"]
    assert risks[0].endswith(" (all 5 jobs)")
    lines = lines_of(plan_of(many(5), many(5, "retry: 3", j2="idempotent: true")))
    assert [line.partition("(")[2] for line in lines if line.startswith("!")] == ["4 jobs: j0, j1, j3, j4)"]


def test_a_risk_of_jobs_in_two_groups_is_in_both() -> None:
    own = {f"j{n}": f"retry: {3 if n < 3 else 4}" for n in range(6)}
    lines = lines_of(plan_of(many(6), many(6, **own)))
    risks = [line.partition("(")[2] for line in lines if line.startswith("! RISK06")]
    assert risks == ["all 3 jobs)", "all 3 jobs)"]


def test_jobs_that_lose_their_runs_keep_their_own_entries() -> None:
    lines = lines_of(plan_of(many(4), many(4, **{f"j{n}": "enabled: false" for n in range(4)})))
    assert "~ 4 jobs: enabled true -> false" in lines
    assert lines.count("fires in 30 days 21 -> 0 (21 lost)") == 4
    assert "enabled true -> false (several jobs, above)" in lines


def test_a_paused_job_keeps_its_own_entry() -> None:
    facts = {"j1": JobFacts(paused="by anna since 2026-03-04 08:10Z")}
    lines = lines_of(plan_of(many(4), many(4, "timeout: 1h"), facts=facts))
    assert "paused by anna since 2026-03-04 08:10Z; it stays paused" in lines


def test_a_value_that_looks_like_a_secret_is_in_no_group() -> None:
    plan = plan_of(many(4, "env: {API_TOKEN: aB3-x9Zk_11}"), many(4, "env: {API_TOKEN: zY7-q2Lm_98}"))
    assert group_changes(plan).groups == ()
    assert "aB3" not in render_text(plan) + render_page(plan)


def test_comments_and_pages_have_a_row_for_each_group() -> None:
    plan = plan_of(many(300, "timeout: 30m"), many(300, "timeout: 20m", j7="timeout: 1h"))
    comment = render_markdown(plan, name="jobs.yaml", version="1", links="https://host/")
    assert (
        "| ~ | `299 jobs: timeout 30m -> 20m` ([defaults, jobs.yaml:4](https://host/jobs.yaml#L4)) |"
        in comment
    )
    assert "| ~ | [`j7`](https://host/jobs.yaml#L34) | timeout |" in comment
    assert len(comment) < LIMIT / 2
    page = render_page(plan)
    assert page.count('<tr class="job">') == 2
    assert "299 jobs: timeout 30m -&gt; 20m" in page


def test_a_row_of_a_group_has_all_risks_and_few_of_the_other_notes() -> None:
    minutes = ["timezone: America/New_York", "retry: 3"]
    plan = plan_of(
        many(8).replace(" 3 * * 1-5", " 2 * * *"), many(8, *minutes).replace(" 3 * * 1-5", " 2 * * *")
    )
    comment = render_markdown(plan, name="jobs.yaml", version="1")
    row = next(line for line in comment.splitlines() if line.startswith("| ~ |") and "timezone" in line)
    assert row.count("does not exist on 2026-03-08") == 3
    assert row.endswith(" · and 5 more, in the details |")
    assert comment.count("! JF608") == 8
    page = render_page(plan)
    assert page.count("! JF608") == 8
    assert "RISK06 a failed run is now retried" in page.partition("<table")[0]


def test_one_job_is_no_group() -> None:
    assert group_changes(plan_of(hello("timeout: 1h"), hello("timeout: 2h"))).groups == ()


def test_days_that_are_only_removed_and_days_that_are_also_open_are_named() -> None:
    before, after = (
        with_calendar(f"2026-05-17], also: [{days}", 2) for days in ("2026-03-14, 2026-03-15", "2026-03-14")
    )
    lines = lines_of(plan_of(before, after))
    assert any("~ calendars.norway changed: removed 1 day from also" in line for line in lines), lines
    before, after = (with_calendar(days, 2) for days in ("2026-05-17, 2026-03-10", "2026-05-17"))
    lines = lines_of(plan_of(before, after))
    assert any("~ calendars.norway changed: removed 1 day from except" in line for line in lines), lines
