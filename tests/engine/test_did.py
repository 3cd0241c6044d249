"""`did`: which run it answers for, and that a day of many runs is judged as a whole."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.answers.as_json import run_to_json
from engine.answers.did import Answer, Did, answer_of, did, did_to_json, did_to_text
from engine.answers.expected import INSTANT, Item, expected_items, item_of
from engine.answers.newest import asked_since
from engine.answers.overdue import is_overdue
from engine.answers.presence import RUNNING
from engine.answers.report import OPEN, OVERDUE, make_report
from engine.core.lifecycle import OPEN_STATES, START_REASONS, Run, RunState, StartError
from engine.core.records import Gap, JobVersion, Schedule, Unreadable
from engine.core.retry import settle
from engine.ports import Stop
from engine.transactions.account import Moment, request_runs, requested_runs
from jobfile.model.jobs import RetrySpec
from jobfile.model.values import Value
from jobfile.render.style import COLOURED
from jobfile.schedule.occurrences import load_zone
from tests.builders import DAY, HOUR, MINUTE, NOON, a_job, a_run, every
from tests.engine.test_faults import a_file, down
from tests.engine.world import World
from tests.soak import examples
from tests.together import together

UTC_ZONE = load_zone("UTC")
assert UTC_ZONE is not None

NIGHTLY = '"0 2 * * *"'


def newest(world: World, job: str = "hello", **params: str) -> Did:
    """The answer without a day and without a time."""
    now = world.clock.now()
    return did(world.view, job, zone=UTC_ZONE, params=params, on=None, at=None, now=now, presence=RUNNING)


def of_day(world: World, day: datetime = NOON, **params: str) -> Did:
    """The answer for a day."""
    now = world.clock.now()
    return did(
        world.view,
        "hello",
        zone=UTC_ZONE,
        params=params,
        on=(day.date(), day.date()),
        at=None,
        now=now,
        presence=RUNNING,
    )


def ask(
    world: World,
    *,
    job: str = "hello",
    at: datetime | None = None,
    retry_of: str | None = None,
    **params: Value,
) -> Run:
    """Anna asks for a run with these params."""
    version = next(one for one in world.store.jobs_in_force() if one.job == job)
    spec, now = world.store.definition(version.digest), world.clock.now()
    (run,) = requested_runs(
        spec,
        new_id=world.new_id,
        digest=version.digest,
        generation=version.from_generation,
        params=params,
        at=at or now,
        now=now,
        requested_by="anna",
    )
    run = replace(run, retry_of=retry_of)
    with world.store.transaction():
        request_runs(world.store, [run], spec, Moment(now=now, generation=1, new_id=world.new_id))
    world.step()
    return run


CUSTOMERS = a_file("params: {customer: {type: string, default: none}}", schedule='"0 0 1 1 *"')


@pytest.mark.parametrize("later", [0, 1, 30, 120])
def test_a_run_of_one_customer_is_found_behind_later_runs_of_others(tmp_path: Path, later: int) -> None:
    world = World(tmp_path, CUSTOMERS, at=NOON)
    ask(world, customer="A")
    world.finish(exit_code=3)
    for _ in range(later):
        world.clock.advance(seconds=3600 if later < 100 else 60)
        ask(world, customer="B")
        world.finish()
    assert newest(world, customer="A").answer is Answer.NOT_WELL
    assert newest(world, customer="B").answer is (Answer.SUCCEEDED if later else Answer.NOT_EXPECTED)
    assert newest(world, customer="C").answer is Answer.NOT_EXPECTED


def test_a_job_that_never_ran_has_an_answer_with_and_without_params(tmp_path: Path) -> None:
    (tmp_path / "without").mkdir()
    world = World(tmp_path, a_file("params: {customer: {type: string, default: none}}"), at=NOON)
    assert newest(world).answer is Answer.NOT_OVER
    assert newest(world).line == "hello: not yet due, expected at 2026-03-05 13:00 UTC"
    assert newest(world, customer="A").answer is Answer.NOT_EXPECTED
    none = World(tmp_path / "without", "version: 1\njobs: {hello: {command: ['true']}}\n", at=NOON)
    assert newest(none).answer is Answer.NOT_EXPECTED


class NeverLate:
    """No job was ever late, and no run unusual."""

    def open(self, _job: str | None) -> tuple[()]:
        return ()

    def between(self, _job: str | None, **_window: datetime) -> tuple[()]:
        return ()

    def odd_of(self, _run_id: str) -> tuple[()]:
        return ()


@dataclass
class Rows:
    """A history of a few rows of one job."""

    hosts: ClassVar = None

    lateness: ClassVar = NeverLate()

    runs: tuple[Run, ...] = ()
    gaps: tuple[Gap, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()

    @property
    def following(self) -> "Rows":
        return self

    def upstream(self, _job: str) -> dict[str, int]:
        return {}

    def job_in_force(self, _job: str) -> JobVersion:
        return JobVersion("hello", "digest", "jobs.yaml", 3, 1)

    def definition_text(self, _digest: str) -> None:
        """It is gone."""

    def retries_of(self, _run_id: str) -> tuple[()]:
        return ()

    def pruned_requests(self, _job: str, **_window: datetime) -> dict[RunState, int]:
        return {}

    def runs_between(self, _job: str, *, since: datetime, until: datetime, limit: int) -> tuple[Run, ...]:
        return tuple(run for run in self.runs if since <= run.scheduled_for < until)[:limit]

    def gaps_between(self, _job: str, **_window: datetime) -> tuple[Gap, ...]:
        return self.gaps

    def pauses_between(self, _job: str, **_window: datetime) -> tuple[()]:
        return ()

    def schedules_between(self, _job: str, **_window: datetime) -> tuple[Schedule, ...]:
        return self.schedules


def test_a_record_of_a_stretch_holds_only_for_its_own_schedule_and_from_its_first_instant_to_its_last() -> (
    None
):
    one = Schedule(1, "hello", "a", every(hours=1), 1, NOON - DAY, None, "", NOON, "digest")
    gap = Gap(
        schedule_id=1,
        job="hello",
        entries=one.entries,
        first_at=NOON + HOUR,
        last_at=NOON + 2 * HOUR,
        count=2,
        state=RunState.MISSED,
        reason="engine_down",
        generation=1,
        epoch=1,
        recorded_at=NOON,
    )
    view: Any = Rows(gaps=(gap,), schedules=(one, one._replace(id=2, schedule_key="b")))
    found = expected_items(view, "hello", since=NOON, until=NOON + 4 * HOUR, now=NOON + DAY)
    of_one, of_two = ([item.state for item in found[at::2]] for at in (0, 1))
    assert of_one == [RunState.QUEUED, RunState.MISSED, RunState.MISSED, RunState.QUEUED]
    assert of_two == [RunState.QUEUED] * 4


def about(rows: Rows, *, run: Run | None = None, on: tuple[date, date] | None = None, **params: str) -> Did:
    view: Any = rows
    return did(
        view,
        "hello",
        zone=UTC_ZONE,
        params=params,
        on=on,
        at=None,
        now=NOON + HOUR,
        presence=RUNNING,
        run=run,
    )


BROKEN = Unreadable("run", "7", "its state is 'x'", "hello")
GOOD = a_run(id="a" * 32, state=RunState.SUCCEEDED, attempt=1)


@pytest.mark.parametrize(
    ("state", "broken", "is_certain"),
    [
        (RunState.SUCCEEDED, (), True),
        *((RunState.SUCCEEDED, (BROKEN._replace(table=one),), False) for one in ("run", "gap", "schedule")),
        (RunState.SUCCEEDED, (BROKEN._replace(table="audit"),), True),
        (RunState.SUCCEEDED, (BROKEN._replace(job="other"),), True),
        (RunState.SUCCEEDED, (BROKEN._replace(job="other"), BROKEN), False),
        (RunState.SKIPPED, (BROKEN,), False),
        (RunState.FAILED, (BROKEN,), True),
    ],
)
def test_only_a_failure_is_certain_when_a_part_of_the_record_cannot_be_read(
    state: RunState, broken: tuple[Unreadable, ...], is_certain: bool
) -> None:
    run = replace(GOOD, state=state)
    before, found = about(Rows(), run=run), about(Rows(unreadable=broken), run=run)
    if is_certain:
        assert found == before
        return
    words = next(one.words for one in broken if one.job == "hello")
    line = f"{before.line}; not certain: {words}"
    assert found == replace(before, answer=Answer.NOT_WELL, line=line)


def test_a_day_without_anything_that_could_be_read_is_not_certain_either() -> None:
    found = about(Rows(unreadable=(BROKEN,)), on=(NOON.date(), NOON.date()))
    assert (found.answer, found.items) == (Answer.NOT_WELL, ())
    assert found.line.startswith(
        "hello on 2026-03-05: not expected, and it did not run; not certain: run row 7"
    )


def test_a_job_whose_definition_is_gone_has_no_defaults() -> None:
    given, other = replace(GOOD, params={"day": "monday"}), replace(GOOD, params={"day": "friday"})
    found = about(Rows(runs=(given, other)), on=(NOON.date(), NOON.date()), day="monday")
    assert [item.run for item in found.items] == [given]


def test_a_day_to_come_is_not_over() -> None:
    rows = Rows(
        schedules=(Schedule(1, "hello", "a", every(hours=1), 1, NOON - DAY, None, "", NOON, "digest"),)
    )
    found = about(rows, on=((NOON + DAY).date(),) * 2)
    said = "hello on 2026-03-06: not yet due, expected at 2026-03-06 00:00 UTC"
    assert (found.answer, found.line) == (Answer.NOT_OVER, said)


def test_the_data_of_an_answer_has_its_items_and_what_was_requested_since() -> None:
    found = replace(about(Rows(), run=GOOD), asked_since=replace(GOOD, id="b" * 32))
    gap = Item(NOON, RunState.MISSED, "engine_down", is_scheduled=True)
    found = replace(found, items=(*found.items, gap), states=(*found.states, "missed"))
    at = "2026-03-05T12:00:00+00:00"
    assert did_to_json(found) == {
        "format": 1,
        "job": "hello",
        "answer": "succeeded",
        "exit_code": 0,
        "line": found.line,
        "items": [
            {"scheduled_for": at, "state": "succeeded", "reason": None, "run": run_to_json(GOOD), "runs": []},
            {"scheduled_for": at, "state": "missed", "reason": "engine_down", "run": None, "runs": []},
        ],
        "late": [],
        "odd": [],
        "asked_since": run_to_json(replace(GOOD, id="b" * 32)),
    }
    assert did_to_json(replace(found, asked_since=None))["asked_since"] is None


@pytest.mark.parametrize(
    ("job", "line", "painted"),
    [
        ("hello", "hello: no, failed", "hello: no, \x1b[31mfailed\x1b[0m"),
        ("failed", "failed: yes, succeeded", "failed: yes, \x1b[32msucceeded\x1b[0m"),
        ("hello", "\x1b[1mhello", None),
    ],
)
def test_the_line_of_an_answer_has_colours_but_not_in_the_name_of_the_job(
    job: str, line: str, painted: str | None
) -> None:
    found = Did(job=job, answer=Answer.NOT_WELL, line=line, items=())
    if painted is None:
        assert "\x1b" not in did_to_text(found)
    else:
        assert (did_to_text(found), did_to_text(found, style=COLOURED)) == (line, painted)


@pytest.mark.parametrize(
    ("queued_at", "schedule_key", "is_since"),
    [(NOON, None, False), (NOON + INSTANT, None, True), (NOON + INSTANT, "key", False)],
)
def test_only_what_was_requested_after_an_instant_was_asked_for_since(
    queued_at: datetime, schedule_key: str | None, is_since: bool
) -> None:
    run = a_run(queued_at=queued_at, schedule_key=schedule_key)
    view: Any = Rows(runs=(run,))
    found = asked_since(view, "hello", NOON, now=NOON + HOUR, fits=lambda _: True)
    assert found == (item_of(run) if is_since else None)
    assert asked_since(view, "hello", NOON, now=NOON + HOUR, fits=lambda _: False) is None


UNSCHEDULED = "version: 1\njobs:\n  hello:\n    command: ['true']\n"


def test_a_run_without_a_param_is_not_the_run_with_one(tmp_path: Path) -> None:
    """The job got the param later."""
    world = World(tmp_path, UNSCHEDULED, at=NOON)
    ask(world)
    world.finish()
    world.edit(f"{UNSCHEDULED}    params: {{customer: {{type: string, default: none}}}}\n")
    assert newest(world).answer is Answer.SUCCEEDED
    assert newest(world, customer="none").answer is Answer.NOT_EXPECTED


def test_of_several_retries_of_a_run_the_last_one_counts(tmp_path: Path) -> None:
    world = World(tmp_path, UNSCHEDULED, at=NOON)
    first = ask(world)
    world.finish(exit_code=1)
    for code in (2, 0, 3):
        world.clock.advance(seconds=60)
        last = ask(world, at=first.scheduled_for, retry_of=first.id)
        world.finish(exit_code=code)
        assert newest(world).answer is (Answer.NOT_WELL if code else Answer.SUCCEEDED)
        (item,) = newest(world).items
        assert item.run is not None
        assert item.run.id == last.id


@pytest.mark.parametrize("customer", ["none", "A"])
def test_an_instant_without_a_run_has_the_params_that_its_run_would_have_had(
    tmp_path: Path, customer: str
) -> None:
    entry = "{cron: '0 * * * *', with: {customer: A}}" if customer == "A" else '"0 * * * *"'
    text = a_file("params: {customer: {type: string, default: none}}", "catchup: none", schedule=entry)
    world = World(tmp_path, text, at=NOON)
    world.clock.advance(seconds=3700)
    other = {"none": "A", "A": "none"}[customer]
    assert newest(world, customer=customer).answer is Answer.OVERDUE
    assert newest(world, customer=other).answer is Answer.NOT_EXPECTED
    down(world, seconds=20 * 3600)
    assert world.all_gaps()
    assert of_day(world, NOON, customer=customer).answer is Answer.DID_NOT_RUN
    assert of_day(world, NOON, customer=other).answer is Answer.NOT_EXPECTED


def test_a_test_by_hand_does_not_hide_that_the_scheduled_run_failed(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(schedule=NIGHTLY), at=NOON)
    world.pass_time(seconds=14 * 3600)
    world.finish(exit_code=1)
    world.clock.advance(seconds=3600)
    run = ask(world)
    world.finish()
    answer = newest(world)
    assert answer.answer is Answer.NOT_WELL
    assert "(scheduled for 2026-03-06 02:00 UTC, run" in answer.line
    assert answer.line.endswith(
        f"; a run requested by anna at 2026-03-06 03:00 UTC: succeeded (run {run.id[:8]})"
    )
    assert answer.asked_since is not None
    assert answer.asked_since.id == run.id


def test_what_was_requested_since_is_not_reported_when_it_came_out_alike(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(schedule=NIGHTLY), at=NOON)
    world.pass_time(seconds=14 * 3600)
    world.finish()
    world.clock.advance(seconds=60)
    ask(world)
    world.finish()
    assert newest(world).answer is Answer.SUCCEEDED
    assert "a run requested" not in newest(world).line
    ask(world)
    world.finish(exit_code=1)
    assert newest(world).answer is Answer.SUCCEEDED
    assert "a run requested by anna" in newest(world).line


def test_what_was_requested_since_with_other_params_is_not_reported(tmp_path: Path) -> None:
    text = a_file("params: {customer: {type: string, default: none}}", schedule=NIGHTLY)
    world = World(tmp_path, text, at=NOON)
    world.pass_time(seconds=14 * 3600)
    world.finish()
    world.clock.advance(seconds=60)
    for customer in ("none", "B"):
        ask(world, customer=customer)
        world.finish(exit_code=1)
    told = [newest(world, **params) for params in ({}, {"customer": "none"}, {"customer": "B"})]
    assert [answer.answer for answer in told] == [Answer.SUCCEEDED, Answer.SUCCEEDED, Answer.NOT_WELL]
    since = [None if answer.asked_since is None else answer.asked_since.params for answer in told]
    assert since == [{"customer": "B"}, {"customer": "none"}, None]


def test_a_request_for_the_instant_of_a_run_that_was_caught_up_is_reported(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(schedule=NIGHTLY), at=NOON)
    down(world, seconds=15 * 3600)
    world.finish()
    (run,) = world.runs()
    again = ask(world, at=run.scheduled_for)
    world.finish(exit_code=1)
    answer = newest(world)
    assert answer.answer is Answer.SUCCEEDED
    assert answer.asked_since is not None
    assert answer.asked_since.id == again.id


def test_a_request_that_was_made_before_about_a_later_time_is_not_reported_as_since(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(schedule=NIGHTLY), at=NOON)
    ask(world, at=NOON + 20 * HOUR)
    world.finish(exit_code=1)
    world.pass_time(seconds=14 * 3600)
    world.finish()
    assert (newest(world).answer, newest(world).asked_since) == (Answer.SUCCEEDED, None)


def test_before_its_first_night_a_job_is_not_yet_due_whatever_was_tried(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(schedule=NIGHTLY), at=NOON)
    ask(world)
    world.finish()
    answer = newest(world)
    assert answer.answer is Answer.NOT_OVER
    assert answer.line.startswith(
        "hello: not yet due, expected at 2026-03-06 02:00 UTC; a run requested by anna"
    )


def test_without_a_schedule_the_newest_request_counts_also_one_for_a_time_to_come(tmp_path: Path) -> None:
    world = World(tmp_path, "version: 1\njobs: {hello: {command: ['true']}}\n", at=NOON)
    ask(world)
    world.finish()
    world.clock.advance(seconds=60)
    ask(world, at=NOON + 9 * DAY)
    world.finish(exit_code=1)
    assert newest(world).answer is Answer.NOT_WELL


def test_what_was_cancelled_while_it_ran_did_not_succeed_and_did_run(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    world.pass_time(seconds=3600)
    (run,) = world.runs()
    with world.store.transaction():
        world.store.request_stop(run.id, Stop.CANCEL, reason="by_hand", detail="", now=world.clock.now())
    world.loops.rescuer.tick()
    for attempt in world.launcher.running():
        world.launcher.obey(attempt)
    world.step()
    assert [state for _, state, _ in world.states()] == ["cancelled"]
    assert newest(world).answer is Answer.NOT_WELL
    waiting = World(tmp_path, a_file(), at=world.clock.now(), max_running=0, first_id=9)
    waiting.pass_time(seconds=3600)
    run = waiting.runs()[-1]
    with waiting.store.transaction():
        waiting.store.request_stop(run.id, Stop.CANCEL, reason="by_hand", detail="", now=waiting.clock.now())
    assert newest(waiting).answer is Answer.DID_NOT_RUN


@pytest.mark.parametrize("bad", [5, 0, 23])
def test_a_day_of_many_runs_is_judged_by_its_worst_hour(tmp_path: Path, bad: int) -> None:
    world = World(tmp_path, a_file(), at=NOON - 13 * HOUR)
    for hour in range(24):
        world.pass_time(seconds=3600)
        world.finish(exit_code=int(hour == bad))
    answer = of_day(world)
    assert (answer.answer, len(answer.items)) == (Answer.NOT_WELL, 24)
    at = f"2026-03-05 {bad:02}:00 UTC"
    assert answer.line == f"hello on 2026-03-05: no: 23 succeeded, 1 failed of 24; {at}: exit code 1"


def test_a_day_that_is_half_over_is_not_over(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON - 13 * HOUR)
    for _ in range(12):
        world.pass_time(seconds=3600)
        world.finish()
    answer = of_day(world)
    assert answer.answer is Answer.NOT_OVER
    assert answer.line == "hello on 2026-03-05: yes, all: 12 succeeded of 12; 12 more to come"
    assert of_day(world, NOON + DAY).line.endswith("not yet due, expected at 2026-03-06 00:00 UTC")


@settings(
    deadline=None, max_examples=examples(10), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 10**6))
def test_the_items_of_any_window_are_what_the_report_counts(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    chance = Random(seed)
    schedule = chance.choice(('"*/30 * * * *"', '"0 * * * *"', "{every: 7m}"))
    world = World(tmp_path_factory.mktemp("world"), a_file(schedule=schedule), at=NOON)
    for _ in range(30):
        match chance.randrange(8):
            case 0:
                down(world, seconds=chance.uniform(0, 20_000))
            case 1:
                ask(world)
            case 2:
                world.pause("hello", minutes=chance.randrange(1, 200))
            case 3:
                world.edit(a_file(schedule=chance.choice(('"*/30 * * * *"', '"15 * * * *"'))))
            case _:
                world.finish(exit_code=chance.randrange(2))
        world.pass_time(seconds=chance.uniform(0, 7000))
    now = world.clock.now()
    world.clock.advance(seconds=chance.uniform(0, 7000))
    now = world.clock.now()
    for _ in range(10):
        since = NOON + chance.randrange(0, 3 * 24 * 60) * MINUTE
        until = since + chance.randrange(1, 48 * 60) * MINUTE
        items = expected_items(world.view, "hello", since=since, until=min(until, now + INSTANT), now=now)
        report = make_report(world.view, since=since, until=until, now=now, presence=RUNNING)
        counted: dict[str, int] = {}
        for item in items:
            verdict = OPEN if item.state in OPEN_STATES else item.state.value
            verdict = OVERDUE if is_overdue(item, RUNNING, now) else verdict
            counted[verdict] = counted.get(verdict, 0) + 1
        assert counted == report.total.verdicts
    world.crash()


REASONS_OF_A_RUN = (*sorted(START_REASONS), "exit(1)", "signal(9)", "oom", "stopped", "")


@together("state", [*RunState])
@together("reason", REASONS_OF_A_RUN)
@together("attempt", [0, 1, 2, 3])
def test_one_rule_says_whether_a_command_was_executed(state: RunState, reason: str, attempt: int) -> None:
    run = a_run(state=state, reason=reason, attempt=attempt)
    could_not_start = state is RunState.FAILED and reason in START_REASONS
    assert run.was_executed == (attempt > 1 or (attempt == 1 and not could_not_start))
    assert item_of(run).ran == run.was_executed
    answer = answer_of(state, was_started=run.was_executed)
    if not state.is_final:
        assert answer is Answer.NOT_OVER
    elif state is RunState.FAILED:
        assert (answer is Answer.NOT_WELL) == run.was_executed


@pytest.mark.parametrize("attempts", [1, 2, 5])
@pytest.mark.parametrize("reason", sorted(START_REASONS))
def test_what_could_not_be_started_is_never_tried_again(reason: str, attempts: int) -> None:
    """So the number of the attempt says whether one before it was executed."""
    run = a_run(state=RunState.RUNNING, attempt=1)
    spec = a_job(retry=RetrySpec(attempts=attempts))
    verdict = settle(run, StartError(at=NOON, reason=reason), spec=spec, now=NOON)
    ended = replace(run, state=verdict.run_state, reason=verdict.reason)
    assert (ended.state, ended.was_executed) == (RunState.FAILED, False)
