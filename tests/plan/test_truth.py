"""The runs that a plan says are gained, lost and moved are those that the engine then records."""

from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.planning.facts import facts_of
from jobfile.pipeline import compile_files
from jobfile.plan import Plan, Side, make_plan
from jobfile.plan.values import DAYS, Action, Start
from tests.builders import DAY, NOON
from tests.engine.world import World
from tests.soak import examples

NAMES = ("one", "two", "three")
SCHEDULES = (
    '"0 2 * * *"',
    '"30 2 * * *"',
    '"0 14 * * 1-5"',
    '{cron: "30 2 * * *", timezone: America/New_York}',
    '{cron: "*/30 1-3 * * *", timezone: Europe/Oslo}',
    '{cron: "0 3 * * *", spread: 2h}',
    '{cron: "0 3 * * *", spread: 4h}',
    "{every: 7h}",
    "{every: 90m}",
    '{cron: "0 0 1,15 * *"}',
    '["0 9 * * *", {every: 11h}]',
    '{at: ["2026-03-10T10:00:00Z", "2026-03-20T10:00:00Z"]}',
    '{cron: "0 5 * * *", until: 2026-03-12}',
)
BEFORE_THE_CLOCKS_CHANGE = NOON
JOBS = st.dictionaries(
    st.sampled_from(NAMES), st.tuples(st.sampled_from(SCHEDULES), st.booleans()), min_size=1
)


def text_of(jobs: dict[str, tuple[str, bool]], renames: dict[str, str] | None = None) -> str:
    lines = ["version: 1", "jobs:"]
    for name, (schedule, is_on) in jobs.items():
        lines += [f"  {name}:", f"    schedule: {schedule}", '    command: ["true"]']
        lines += [f"    enabled: {'true' if is_on else 'false'}"]
        lines += [f"    renamed_from: {renames[name]}"] if renames and name in renames else []
    return "\n".join(lines) + "\n"


def side(text: str) -> Side:
    compiled = compile_files([("jobs.yaml", text.encode())])
    assert compiled.catalog is not None, compiled.diagnostics
    return Side(kind="file", name="jobs.yaml", catalog=compiled.catalog)


def test_the_last_run_of_a_job_has_its_year_unless_it_was_in_the_last_days(tmp_path: Path) -> None:
    world = World(tmp_path, "version: 1\njobs: {one: {command: ['true']}}\n", at=NOON)
    world.run_by_hand("one")
    world.pass_time(seconds=1)
    world.finish()
    said = [facts_of(world.view, ["one"], now=NOON + DAY * days)["one"].last_run for days in (3, 365)]
    assert said == ["Thu 05 12:00Z succeeded", "Thu 05 Mar 2026 12:00Z succeeded"]
    world.crash()


def accounted(world: World, job: str, since: datetime) -> dict[datetime, datetime | None]:
    """Every instant of a job that the ledger accounts for, with when its run could start if it has one."""
    until = since + timedelta(days=DAYS)
    found: dict[datetime, datetime | None] = {
        at: None for gap in world.all_gaps() if gap.job == job for at in world.instants(gap)
    }
    found |= {run.scheduled_for: run.not_before for run in world.runs(job) if run.schedule_key is not None}
    return {at: start for at, start in found.items() if since < at <= until}


def lived(
    before: str, after: str | None
) -> tuple[World, datetime, dict[str, dict[datetime, datetime | None]]]:
    """Thirty days of an engine; with a second text, that is put in force at their beginning."""
    with TemporaryDirectory() as folder:
        world = World(Path(folder), before)
        world.edit(before if after is None else after)
        world.clock.advance(seconds=1 - world.clock.now().microsecond / 1_000_000)
        begun = world.clock.now() - timedelta(seconds=1)
        for _ in range(DAYS * 4):
            world.pass_time(seconds=DAY.total_seconds() / 4)
            world.finish()
        world.pass_time(seconds=60)
        world.check()
        names = [*NAMES, "renamed"]
        told = {name: accounted(world, name, begun) for name in names}
        world.crash()
        return world, begun, told


def agrees(
    plan: Plan,
    before: dict[str, dict[datetime, datetime | None]],
    after: dict[str, dict[datetime, datetime | None]],
) -> None:
    for change in plan.jobs:
        runs = change.runs
        old = before[change.before.spec.name] if change.before else {}
        new = after[change.after.spec.name] if change.after else {}
        assert runs.count_before == len(old)
        assert runs.count_after == len(new)
        left = {one.at for one in (*runs.lost, *(one for one, _ in runs.moved))}
        come = {one.at for one in (*runs.gained, *(one for _, one in runs.moved))}
        assert left - come == old.keys() - new.keys()
        assert come - left == new.keys() - old.keys()
        for at in left & come:  # the same occurrence, which starts at another time
            assert old[at] is None or new[at] is None or old[at] != new[at]
        starts = {one.at: one.starts for one in (*runs.gained, *runs.next_after)}
        assert all(new.get(at) in (None, start) for at, start in starts.items())
    told = {change.name for change in plan.jobs} | {c.before.spec.name for c in plan.jobs if c.before}
    for name in set(NAMES) - told:
        assert before[name].keys() == after[name].keys()


@settings(max_examples=examples(8), deadline=None)
@given(JOBS, JOBS)
def test_the_plan_of_a_random_change_is_what_the_engine_then_records(
    first: dict[str, tuple[str, bool]], second: dict[str, tuple[str, bool]]
) -> None:
    before, after = text_of(first), text_of(second)
    _, begun, old = lived(before, None)
    _, again, new = lived(before, after)
    assert begun == again
    agrees(make_plan(side(before), side(after), now=begun), old, new)


def test_the_plan_of_a_rename_is_what_the_engine_then_records() -> None:
    before = text_of({"one": (SCHEDULES[5], True)})
    after = text_of({"renamed": (SCHEDULES[5], True)}, {"renamed": "one"})
    _, begun, old = lived(before, None)
    _, _, new = lived(before, after)
    plan = make_plan(side(before), side(after), now=begun)
    assert [change.action for change in plan.jobs] == [Action.RENAME]
    old["one"] |= {}
    agrees(plan, {**old, "renamed": {}}, {**new, "one": {}})
    (change,) = plan.jobs
    assert len(change.runs.moved) == DAYS, "another name has another place in the spread"
    assert all(isinstance(one, Start) for pair in change.runs.moved for one in pair)
