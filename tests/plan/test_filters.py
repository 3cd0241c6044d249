"""Selected jobs of a plan, what is left out, and the summary of a plan."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobfile.plan.as_json import to_json
from jobfile.plan.filters import filtered, left_out_text, unknown_to
from jobfile.plan.groups import group_changes
from jobfile.plan.markdown import render_markdown
from jobfile.plan.page import render_page
from jobfile.plan.risks import RISKS
from jobfile.plan.summary import GROUPS_SHOWN, render_summary
from jobfile.plan.text import render_text, summary_line
from jobfile.plan.values import Filter, Plan
from tests.plan.test_groups import SET, many, text_of
from tests.plan.test_outputs import the_plan
from tests.plan.test_plan import jobs, plan_of
from tests.soak import examples

BEFORE = jobs(
    "a: {command: [x], tags: [night], owner: ann}",
    "b: {command: [x], tags: [night, day], owner: ben}",
    "c: {command: [x], owner: ann}",
    "d: {command: [x], tags: [day], owner: ann}",
    "gone: {command: [y], owner: ben}",
)
AFTER = jobs(
    "a: {command: [x], tags: [night], owner: ann, timeout: 1h, retry: 3}",
    "b: {command: [x], tags: [day], owner: ben, timeout: 2h}",
    "c: {command: [x], owner: ben}",
    "d: {command: [x], tags: [day], owner: ann}",
    "new: {renamed_from: gone, command: [y], owner: ben}",
)
FILTERS = st.builds(
    Filter,
    jobs=st.lists(st.sampled_from(["j0", "j1", "j2"]), max_size=2).map(tuple),
    tags=st.lists(st.sampled_from(["a", "b"]), max_size=1).map(tuple),
    owners=st.lists(st.just("me"), max_size=1).map(tuple),
)


@pytest.mark.parametrize(
    ("wanted", "changed", "same"),
    [
        (Filter(), ["a", "b", "c", "new"], ["d"]),
        (Filter(jobs=("b",)), ["b"], []),
        (Filter(jobs=("b", "d")), ["b"], ["d"]),
        (Filter(jobs=("gone",)), ["new"], []),
        (Filter(tags=("night",)), ["a", "b"], []),
        (Filter(tags=("day",)), ["b"], ["d"]),
        (Filter(owners=("ann",)), ["a", "c"], ["d"]),
        (Filter(owners=("ben",)), ["b", "c", "new"], []),
        (Filter(tags=("night",), owners=("ann",)), ["a"], []),
        (Filter(tags=("night", "day"), owners=("ben",)), ["b"], []),
    ],
)
def test_a_job_is_selected_by_its_version_on_either_side(
    wanted: Filter, changed: list[str], same: list[str]
) -> None:
    plan = plan_of(BEFORE, AFTER)
    assert unknown_to(plan, wanted) == ""
    found = filtered(plan, wanted)
    assert ([one.name for one in found.jobs], list(found.same)) == (changed, same)


@settings(max_examples=examples(20))
@given(SET, SET, FILTERS)
def test_what_is_shown_and_what_is_left_out_is_everything(
    before: object, after: object, wanted: Filter
) -> None:
    plan = plan_of(text_of(before), text_of(after))
    found = filtered(plan, wanted)
    if found.left_out is None:
        assert (found, wanted) == (plan, Filter())
        return
    left = found.left_out
    assert all(one in plan.jobs for one in found.jobs)
    assert len(found.jobs) + left.jobs == left.of == len(plan.jobs)
    assert len(found.all_risks) + left.risks == len(plan.all_risks)
    assert found.warnings + left.warnings == plan.warnings
    assert found.risks == plan.risks
    if wanted.jobs:
        assert all(group.is_calendar and not group.members for group in group_changes(found).groups)


def test_every_form_says_what_is_left_out() -> None:
    plan = filtered(plan_of(BEFORE, AFTER), Filter(tags=("day",)))
    says = "only tag day: 1 of 4 changed jobs; left out: 3 jobs, 1 risk, 0 warnings"
    assert left_out_text(plan) == says
    assert says in render_text(plan)
    assert says in render_summary(plan)
    assert says in render_markdown(plan, name="jobs.yaml", version="1")
    assert says in render_page(plan)
    assert summary_line(plan) == "plan: 1 to change.  0 risks, 0 warnings.  3 changed jobs left out."
    assert to_json(plan, version="1")["filter"] == {
        "jobs": [],
        "tags": ["day"],
        "owners": [],
        "left_out": {"jobs": 3, "risks": 1, "warnings": 0},
    }


def test_a_filter_that_selects_no_change_still_says_what_is_left_out() -> None:
    plan = filtered(plan_of(BEFORE, AFTER), Filter(jobs=("d",)))
    assert summary_line(plan) == "plan: no change, 1 job.  4 changed jobs left out."
    assert "4 jobs, 1 risk" in render_markdown(plan, name="jobs.yaml", version="1")


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (Filter(jobs=("a", "goen")), "no job `goen` before or after the change; did you mean gone?"),
        (
            Filter(tags=("weekly",)),
            "no job has the tag `weekly` before or after the change; there are day, night",
        ),
        (
            Filter(owners=("x\x1b[1m",)),
            "no job has the owner `x\\x1b[1m` before or after the change; there are ann, ben",
        ),
    ],
)
def test_an_unknown_name_is_a_mistake_and_no_empty_plan(wanted: Filter, says: str) -> None:
    assert unknown_to(plan_of(BEFORE, AFTER), wanted) == says


def test_a_table_of_the_load_is_not_shown_for_some_jobs_only() -> None:
    plan = the_plan()
    assert "starts per" in render_text(plan)
    some = filtered(plan, Filter(jobs=("price-sync",)))
    for text in (render_text(some), render_markdown(some, name="x", version="1"), render_page(some)):
        assert "starts per" not in text


# The summary


def test_a_summary_has_the_groups_the_other_jobs_and_the_risks() -> None:
    assert render_summary(the_plan()).splitlines()[3:] == [
        "~ 2 jobs: nightly-orders, price-sync",
        "> 1 job: db-backup",
        "+ 1 job: cert-renewal",
        "- 1 job: old-report",
        "",
        "# etl-orders, vacuum: no change",
        "",
        "runs in 30 days: 5,108 -> 44,044   most in one minute: 3 -> 3   !",
        "",
        "! RISK01 10 times as many runs   (1 job: price-sync)",
        "! RISK02 the timeout is shorter than the longest of the last 20 runs (2h11m)"
        "   (1 job: nightly-orders)",
        "! RISK03 1 waiting run will be cancelled   (1 job: old-report)",
        "! JF607 timeout 5m is longer than the 1m between runs   (1 job: price-sync)",
        "! JF608 02:30 does not exist on 2026-03-08 in America/New_York   (1 job: nightly-orders)",
        "",
        "plan: 1 to add, 2 to change, 1 to rename, 1 to remove.  3 risks, 2 warnings.",
    ]


def test_a_summary_names_a_kind_of_risk_once_for_all_its_jobs() -> None:
    plan = plan_of(many(9), many(9, j1="retry: 2", j2="concurrency: 3", j3="retry: 4", j4="concurrency: 5"))
    lines = [line for line in render_summary(plan).splitlines() if line.startswith("!")]
    assert lines == [
        "! RISK06 a failed run is now retried; the job has no idempotency_key and is not idempotent"
        "   (2 jobs: j1, j3)",
        f"! RISK07 {RISKS['RISK07']}   (2 jobs: j2, j4)",
    ]


def large() -> Plan:
    """Many groups, and many jobs in each and beside them."""
    keys = ("timeout", "kill_grace", "start_deadline")
    values = [f"{number}m" for number in range(11, 20)]
    before = many(400)
    after = many(
        400,
        **{
            f"j{n}": f"{keys[n % 3]}: {values[n % 9]}" if n % 7 else f"timeout: {n + 30}m" for n in range(400)
        },
    )
    return plan_of(before, after)


def test_a_summary_is_one_screen_however_many_jobs_change() -> None:
    plan = large()
    assert len(group_changes(plan).groups) > GROUPS_SHOWN
    lines = render_summary(plan).splitlines()
    assert len(lines) <= 24
    assert "~ 1 more equal change of several jobs" in lines
    assert "~ 58 other jobs: j0, j105, j112, j119, j126, j133 and 52 more" in lines
