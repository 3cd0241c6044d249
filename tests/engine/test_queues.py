"""Queues: slots, the order in which runs start, and what is said of those that wait."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bench.queues import fill_queues
from engine.answers.presence import RUNNING
from engine.answers.runs import newest_runs, runs_to_json
from engine.answers.status import make_status, status_to_json
from engine.answers.why import story_to_json, why
from engine.core.lifecycle import Run, RunState, TriggerEvent, TriggerKind
from engine.dryrun.queueing import full_queue, queue_rows
from engine.host.lock import make_private_file
from engine.ledger.sqlite.store import SqliteStore
from engine.ports import Stop
from engine.transactions.templates import concurrency_key
from jobfile.expressions.expression import EvaluationError
from jobfile.model.jobs import ConcurrencySpec
from jobfile.plan.fields import changed_fields
from tests.builders import MINUTE, NOON, a_job, a_run
from tests.engine.test_why import UTC_ZONE
from tests.engine.world import World

Make = Callable[..., World]
HEAD = "version: 1\nqueues: {etl: {slots: 2}, web: {slots: 1}}\njobs:\n"


def job(name: str, rest: str = "") -> str:
    return f"  {name}: {{command: [x], concurrency: {{limit: none}}, {rest}}}\n"


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    worlds: list[World] = []

    def make_one(*jobs: str, head: str = HEAD, **settings: Any) -> World:
        worlds.append(World(tmp_path, head + "".join(jobs), **settings))
        return worlds[-1]

    yield make_one
    for world in worlds:
        world.check()
        world.crash()


def started(world: World) -> list[str]:
    """The jobs of the attempts that were launched, in this order."""
    return [one.order.env["JOBFILE_JOB"] for one in world.launcher.flights.values()]


def running(world: World) -> list[str]:
    """The jobs of the running runs, in the order of their recording."""
    return [run.job for run in world.store.open_runs() if run.state is RunState.RUNNING]


def finish(world: World, run: Run, *, exit_code: int = 0) -> None:
    (attempt,) = [one for one in world.launcher.running() if one.startswith(run.id)]
    world.launcher.finish(attempt, exit_code=exit_code)
    world.step()


def words(world: World, run: Run) -> str:
    """The reason that the table of runs shows."""
    now = world.clock.now()
    found = newest_runs(world.view, None, states=(), limit=99, now=now, presence=RUNNING)
    return next(words for one, words in zip(found.runs, found.words, strict=True) if one.id == run.id)


def state(world: World, run: Run) -> RunState:
    found = world.store.run(run.id)
    assert found is not None
    return found.state


def ask(world: World, *jobs: str, at: timedelta = timedelta()) -> None:
    """Trigger events, all of the same instant, before the next turn of the engine."""
    world.tell(
        *(
            TriggerEvent(job=one, trigger=TriggerKind.WEBHOOK, identity=f"{at}{one}{n}", at=NOON + at)
            for n, one in enumerate(jobs)
        )
    )


def test_a_queue_runs_as_many_as_it_has_slots_and_starves_no_other(make: Make) -> None:
    world = make(job("load", "queue: etl"), job("page", "queue: web"), job("free"))
    for _ in range(5):
        world.run_by_hand("load")
    for _ in range(2):
        world.run_by_hand("page")
    for _ in range(3):
        world.run_by_hand("free")
    assert running(world) == ["load", "load", "page", "free", "free", "free"]
    world.finish()
    assert running(world) == ["load", "load", "page"]


def test_runs_without_a_queue_are_limited_by_the_engine_alone(make: Make) -> None:
    world = make(job("load", "queue: etl"), job("free", "queue: default"), max_running=4)
    for _ in range(6):
        world.run_by_hand("free")
    assert running(world) == ["free"] * 4
    world.run_by_hand("load")
    assert running(world) == ["free"] * 4
    world.finish()
    assert running(world) == ["free", "free", "load"]


def test_the_order_is_priority_then_nominal_time_then_arrival(make: Make) -> None:
    names = {"low": -5, "plain": 0, "other": 0, "high": 100}
    world = make(*(job(name, f"queue: web, priority: {value}") for name, value in names.items()))
    first = world.run_by_hand("low")
    ask(world, "plain", "low", at=2 * MINUTE)
    ask(world, "other", "plain", "low", at=MINUTE)
    ask(world, "high", at=9 * MINUTE)
    finish(world, first)
    for _ in range(6):
        world.finish()
    assert started(world) == ["low", "high", "other", "plain", "plain", "low", "low"]


def test_the_order_is_the_same_between_queues_and_without_one(make: Make) -> None:
    world = make(
        job("a"),
        job("b", "queue: etl, priority: 1"),
        job("c", "queue: web"),
        job("d", "priority: 2"),
        max_running=1,
    )
    first = world.run_by_hand("a")
    ask(world, "c", "a", "b", "d")
    finish(world, first)
    for _ in range(4):
        world.finish()
    assert started(world) == ["a", "d", "b", "c", "a"]


def test_a_blocked_head_does_not_block_its_queue(make: Make) -> None:
    world = make(
        "  one: {command: [x], queue: etl, priority: 9, concurrency: {limit: 1, on_overlap: queue}}\n",
        job("two", "queue: etl"),
    )
    for _ in range(3):
        world.run_by_hand("one")
    world.run_by_hand("two")
    assert running(world) == ["one", "two"]


def test_a_run_that_waits_for_its_retry_gives_its_slot_back_and_must_get_one_again(make: Make) -> None:
    world = make(
        "  load: {command: [x], queue: web, retry: {attempts: 2, delay: 1m, jitter: none}}\n",
        job("page", "queue: web"),
    )
    load, page = world.run_by_hand("load"), world.run_by_hand("page")
    assert running(world) == ["load"]
    finish(world, load, exit_code=1)
    assert running(world) == ["page"]
    world.pass_time(seconds=90)
    assert state(world, load) is RunState.RETRY_WAIT
    said = words(world, load)
    assert said.endswith(
        "attempt 2 waits: first of one in queue `web`, which has 1 slot, held by page [00000000]"
    ), said
    assert world.run_by_hand("load").reason == "overlap"  # its place under the concurrency limit it has kept
    finish(world, page)
    assert running(world) == ["load"]


def test_steps_hold_one_slot_together(make: Make) -> None:
    world = make(
        "  flow:\n    queue: web\n"
        "    steps: {a: {run: x, needs: []}, b: {run: x, needs: []}, c: {run: x, needs: [a]}}\n",
        job("page", "queue: web"),
    )
    world.run_by_hand("flow")
    world.run_by_hand("page")
    assert len(world.launcher.running()) == 2
    assert running(world) == ["flow"]
    world.finish()
    assert running(world) == ["flow"]
    world.finish()
    assert running(world) == ["page"]


class UndoneError(Exception):
    """Rolls back what a test has tried."""


@pytest.mark.parametrize("rest", ["command: [x]", "steps: {a: {run: x}}"])
def test_two_deciders_cannot_overbook_a_queue(make: Make, rest: str) -> None:
    world = make(f"  load: {{{rest}, queue: web, concurrency: {{limit: none}}}}\n", max_running=0)
    first, second = world.run_by_hand("load"), world.run_by_hand("load")

    def begins(run: Run) -> bool:
        if rest.startswith("steps"):
            return world.store.steps.begin_round(run, now=world.clock.now())
        return world.store.start(run, boot_id=world.boot_id, now=world.clock.now())

    now = world.clock.now()
    with suppress(UndoneError), world.store.transaction():
        assert [begins(run) for run in (first, second)] == [True, False]
        assert world.store.startable(now=now, limit=9, is_catchup=False) == ()
        world.store.request_stop(first.id, Stop.CANCEL, reason="by_hand", detail="", now=now)
        assert not begins(second)  # one that is being cancelled holds its slot, too
        raise UndoneError
    assert running(world) == []


def resized(slots: int) -> str:
    return HEAD.replace("slots: 2", f"slots: {slots}") + job("load", "queue: etl")


def test_more_slots_start_more_and_with_fewer_nothing_starts_until_there_is_room(make: Make) -> None:
    world = make(job("load", "queue: etl"))
    runs = [world.run_by_hand("load") for _ in range(9)]
    world.edit(resized(4))
    assert running(world) == ["load"] * 4
    world.edit(resized(1))
    for run in runs[:3]:
        assert running(world) == ["load"] * (4 - runs.index(run))
        world.check()
        finish(world, run)
    assert running(world) == ["load"]
    finish(world, runs[3])
    assert running(world) == ["load"]
    assert state(world, runs[4]) is RunState.RUNNING


def test_a_retry_counts_against_the_slots_that_are_in_force(make: Make) -> None:
    text = "  load: {command: [x], queue: etl, concurrency: {limit: none}, retry: {attempts: 2, delay: 1m}}\n"
    world = make(text)
    runs = [world.run_by_hand("load") for _ in range(2)]
    world.edit(HEAD.replace("slots: 2", "slots: 1") + text)
    world.finish(exit_code=1)
    world.pass_time(seconds=200)
    assert [state(world, run) for run in runs] == [RunState.RUNNING, RunState.RETRY_WAIT]


def test_when_a_job_leaves_its_queue_its_waiting_runs_do_too(make: Make) -> None:
    world = make(job("load", "queue: web"))
    for _ in range(4):
        world.run_by_hand("load")
    world.edit(HEAD + job("load", "priority: 3"))
    assert running(world) == ["load"] * 4
    assert [(run.queue, run.queue_slots, run.priority) for run in world.runs("load")] == [
        ("web", 1, 0),
        *[("", None, 3)] * 3,
    ]


def test_a_cancelled_run_leaves_the_line_and_a_crash_changes_no_order(make: Make) -> None:
    world = make(*(job(name, "queue: web") for name in "abcd"))
    first = world.run_by_hand("a")
    ask(world, "b", "c", "d")
    (cancelled,) = world.runs("b")
    with world.store.transaction():
        world.store.request_stop(cancelled.id, Stop.CANCEL, reason="by_hand", detail="", now=NOON)
    world.crash()
    world.launcher.finish(world.launcher.running()[0])
    world.boot()
    assert state(world, first) is RunState.SUCCEEDED
    assert running(world) == ["c"]
    world.finish()
    assert started(world) == ["a", "c", "d"]


def test_runs_that_are_made_up_for_keep_their_pace_and_the_slots_of_their_queue(make: Make) -> None:
    world = make(
        job("load", "queue: etl, schedule: {every: 1m}, catchup: all"),
        job("free", "schedule: {every: 1m}, catchup: all"),
    )
    world.crash()
    world.clock.advance(seconds=600)
    world.boot()
    begun = [run for run in world.store.open_runs() if run.state is RunState.RUNNING]
    late = [run for run in begun if run.trigger is TriggerKind.CATCHUP]
    assert len(late) == world.config.catchup_starts
    most = 0
    for _ in range(30):
        world.pass_time(seconds=1)
        most = max(most, running(world).count("load"))
        world.check()
    assert most == 2
    assert running(world).count("free") == 10


def test_a_run_that_is_skipped_makes_room_for_the_next_at_once(make: Make) -> None:
    world = make(
        job("no", 'queue: web, priority: 9, if: "run.attempt == 2"'),
        job("yes", "queue: web"),
        max_running=1,
    )
    ask(world, *["no"] * 30, "yes")
    world.step()
    assert running(world) == ["yes"]


# what is said


def test_what_waits_in_a_queue_says_its_place_and_who_holds_the_slots(make: Make) -> None:
    world = make(
        job("load", "queue: etl"), job("clean", "queue: etl"), job("late", "queue: etl, priority: -1")
    )
    load, clean = world.run_by_hand("load"), world.run_by_hand("clean")
    behind = world.run_by_hand("late")
    last = [world.run_by_hand("load") for _ in range(4)][-1]
    held = f"in queue `etl`, which has 2 slots, held by load [{load.id[:8]}] and clean [{clean.id[:8]}]"
    assert words(world, last) == f"fourth of five {held}"
    assert words(world, behind) == f"fifth of five {held}"
    now = world.clock.now()
    found = runs_to_json(newest_runs(world.view, None, states=(), limit=99, now=now, presence=RUNNING))
    line = {"queue": "etl", "place": 4, "waiting": 5, "slots": 2, "held_by": [load.id, clean.id]}
    lines = {one["id"]: one["waits_for"] for one in found["runs"]}  # type: ignore[attr-defined]  # a list
    assert (lines[last.id], lines[load.id]) == (line, None)
    story = why(world.view, "late", behind.scheduled_for, zone=UTC_ZONE, now=now)
    assert story.words == f"fifth of five {held}"
    assert story_to_json(story)["waits_for"] == {**line, "place": 5}
    status = make_status(world.view, presence=RUNNING, file=None, free_bytes=1, now=now)
    assert status.waits_for == f"fifth of five {held}"
    assert status_to_json(status)["queues"] == [{"queue": "etl", "slots": 2, "held": 2, "waiting": 5}]


def test_many_that_wait_and_many_that_run_are_counted(make: Make) -> None:
    world = make(job("load", "queue: etl"), head=HEAD.replace("slots: 2", "slots: 5"))
    runs = [world.run_by_hand("load") for _ in range(17)]
    said = words(world, runs[-1])
    assert said.startswith("number 12 of 12 in queue `etl`, which has 5 slots, held by load [")
    assert said.endswith("] and 2 more")


def test_what_waits_for_the_engine_says_its_place_too(make: Make) -> None:
    world = make(job("load"), job("page", "queue: web"), max_running=2)
    runs = [world.run_by_hand("load") for _ in range(2)]
    world.run_by_hand("page")
    last = world.run_by_hand("load")
    world.pass_time(seconds=5)
    oldest = f"run {runs[0].id[:8]} since 2026-03-05 12:00 UTC"
    assert words(world, last) == f"second of two that wait: all 2 slots are taken, oldest: {oldest}"


def test_a_plan_shows_changes_of_queue_slots_and_priority(make: Make) -> None:
    world = make(job("load", "queue: etl"))
    (version,) = world.store.jobs_in_force()
    before = world.store.definition(version.digest)
    world.edit(HEAD.replace("slots: 2", "slots: 7") + job("load", "queue: etl, priority: 3"))
    (version,) = world.store.jobs_in_force()
    found = changed_fields(before, world.store.definition(version.digest))
    assert [(".".join(one.path), one.before, one.after) for one in found] == [
        ("queue.slots", 2, 7),
        ("priority", 0, 3),
    ]


def test_a_dry_run_says_whether_the_queue_is_full(make: Make) -> None:
    world = make(job("load", "queue: etl, priority: 7"), job("free"))
    load, free = (world.store.definition(one.digest) for one in reversed(world.store.jobs_in_force()))
    if load.queue is None:
        load, free = free, load
    assert queue_rows(free, world.view) == []
    assert queue_rows(load, None)[0] == ("queue", "queue etl: 0 of 2 slots are taken")
    world.run_by_hand("load")
    assert queue_rows(load, world.view)[0] == ("queue", "queue etl: 1 of 2 slots are taken")
    assert full_queue(load, world.view) == ""
    for _ in range(3):
        world.run_by_hand("load")
    said = "queue etl: 2 of 2 slots are taken"
    assert queue_rows(load, world.view) == [("queue", f"waits in {said}; 2 waiting"), ("priority", "7")]
    assert full_queue(load, world.view) == said


def test_a_key_that_cannot_be_filled_in_names_the_value_that_is_missing() -> None:
    spec = replace(a_job(), concurrency=ConcurrencySpec(key="load-{{ trigger.path }}"))
    filled = replace(a_run(spec), trigger_values={"path": "/in/a.csv"})
    assert concurrency_key(spec, filled) == "load-/in/a.csv"
    said = "the concurrency key of job `hello` cannot be filled in: `trigger.path` has no value here"
    with pytest.raises(EvaluationError, match=re.escape(said)):
        concurrency_key(spec, a_run(spec))


def test_ten_thousand_waiting_runs_in_fifty_queues_are_looked_through_quickly(tmp_path: Path) -> None:
    """At most 20 ms are promised; here there is ample room for a busy machine."""
    path = tmp_path / "ledger.db"
    make_private_file(path)
    store = SqliteStore.open(path)
    fill_queues(store, runs=10_000, queues=50, now=NOON)
    store.startable(now=NOON, limit=16, is_catchup=False)
    began = time.perf_counter()
    for _ in range(10):
        found = store.startable(now=NOON, limit=16, is_catchup=False)
        store.startable(now=NOON, limit=1, is_catchup=True)
        store.next_wake(now=NOON)
    assert (time.perf_counter() - began) / 10 < 0.2
    assert [run.priority for run in found] == [3] * 16
    store.close()


# events: the overlap policies and the concurrency key


EVENT = TriggerEvent(job="load", trigger=TriggerKind.WEBHOOK, identity="", at=NOON)


@pytest.mark.parametrize("trigger", [TriggerKind.WEBHOOK, TriggerKind.FILE, TriggerKind.AFTER])
@pytest.mark.parametrize(
    ("policy", "outcome"),
    [
        ("", ["running", "queued", "queued", "missed(buffer_full)"]),
        ("on_overlap: queue, ", ["running", "queued", "queued", "missed(buffer_full)"]),
        ("on_overlap: skip, ", ["running", "skipped(overlap)", "skipped(overlap)", "skipped(overlap)"]),
        ("on_overlap: latest, ", ["running", "skipped(superseded)", "skipped(superseded)", "queued"]),
        (
            "on_overlap: cancel_running, ",
            ["cancelling", "skipped(superseded)", "skipped(superseded)", "queued"],
        ),
        (
            "on_overlap: kill_running, ",
            ["cancelling", "skipped(superseded)", "skipped(superseded)", "queued"],
        ),
    ],
)
def test_events_obey_the_overlap_policy(
    make: Make, trigger: TriggerKind, policy: str, outcome: list[str]
) -> None:
    world = make(f"  load: {{command: [x], queue: etl, concurrency: {{{policy}max_waiting: 2}}}}\n")
    for number in range(4):
        world.tell(EVENT._replace(trigger=trigger, identity=str(number), at=NOON + number * MINUTE))
    found = [(run.state.value, run.reason) for run in world.runs("load")]
    told = [f"{one}({why})" if why and one in ("skipped", "missed") else one for one, why in found]
    assert told == outcome
