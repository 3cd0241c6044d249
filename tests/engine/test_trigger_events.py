"""Trigger events, each of which leads to one run or to one record of why not; and idempotency keys."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.core.lifecycle import TriggerEvent, TriggerKind
from engine.loops.housekeeper import BATCH, MORE_SECONDS
from engine.transactions.templates import template_values
from tests.builders import DAY, MINUTE, NOON, a_job, a_run
from tests.engine.world import World
from tests.soak import examples

FREE = "concurrency: {limit: none}"


def text(*lines: str, job: str = "hello") -> str:
    return "\n".join(
        ["version: 1", "jobs:", f"  {job}:", '    run: "true"', *(f"    {one}" for one in lines)]
    )


def event(identity: str, **values: str) -> TriggerEvent:
    return TriggerEvent("hello", TriggerKind.FILE, identity, NOON, values)


def test_an_event_that_comes_again_changes_nothing_not_even_after_a_crash(tmp_path: Path) -> None:
    world = World(tmp_path, text(FREE))
    world.tell(event("a", name="a.csv"), event("a"))
    world.crash()
    world.boot()
    world.tell(event("a"), event("b"), event("b"))
    assert [(run.trigger.value, dict(run.trigger_values)) for run in world.runs()] == [
        ("file", {"name": "a.csv"}),
        ("file", {}),
    ]
    assert len(world.launcher.executed) == 2
    world.check()


@pytest.mark.parametrize(
    ("lines", "given", "expected"),
    [
        (("enabled: false",), event("a"), []),
        ((), event("a")._replace(job="unknown"), []),
        ((), event("a")._replace(not_run="overlap", detail="gone"), [("skipped", "overlap", "gone")]),
        (("paused",), event("a"), [("skipped", "paused", "anna: vendor outage")]),
    ],
)
def test_an_event_that_makes_no_run_has_its_record_and_reason(
    tmp_path: Path, lines: tuple[str, ...], given: TriggerEvent, expected: list[tuple[str, str, str]]
) -> None:
    world = World(tmp_path, text(*(one for one in lines if one != "paused")))
    if "paused" in lines:
        world.pause("hello")
    world.tell(given, given)
    assert [(run.state.value, run.reason, run.detail) for run in world.runs()] == expected


def test_each_combination_of_a_matrix_runs_once_for_an_event(tmp_path: Path) -> None:
    world = World(tmp_path, text("matrix: {region: [eu, us]}"))
    world.tell(event("a"), event("a"))
    assert sorted(str(run.matrix["region"]) for run in world.runs()) == ["eu", "us"]
    assert len({run.occurrence for run in world.runs()}) == 1


def test_the_templates_of_a_run_read_the_values_of_its_event() -> None:
    run = a_run(trigger_values={"name": "a.csv", "outputs.rows": 3, "outputs.day": "x", "params.a": True})
    assert template_values(a_job(), run)["trigger"] == {
        "name": "a.csv",
        "outputs": {"rows": 3, "day": "x"},
        "params": {"a": True},
    }
    assert "trigger" not in template_values(a_job(), a_run())


def test_a_second_run_with_the_same_key_is_a_duplicate_for_a_week(tmp_path: Path) -> None:
    key = "idempotency_key: \"{{ run.scheduled_at | date('%Y-%m-%d') }}\""
    world = World(tmp_path, text('schedule: "* * * * *"', key, FREE))
    world.pass_time(seconds=60)
    world.pass_time(seconds=60)
    first, second = world.runs()
    assert (first.state.value, first.idempotency_key) == ("running", "2026-03-05")
    assert (second.state.value, second.reason, second.detail) == ("skipped", "duplicate", first.id)
    world.check()


def test_a_key_is_free_again_after_a_week(tmp_path: Path) -> None:
    world = World(tmp_path, text('idempotency_key: "same"', FREE))
    first = world.run_by_hand("hello")
    world.finish()
    world.clock.advance(seconds=(7 * DAY - MINUTE).total_seconds())
    assert world.run_by_hand("hello").id == first.id
    world.clock.advance(seconds=60)
    assert world.run_by_hand("hello").id != first.id
    assert len(world.runs()) == 2


def test_a_run_that_does_not_run_takes_no_key(tmp_path: Path) -> None:
    world = World(tmp_path, text('idempotency_key: "{{ run.trigger }}"', "concurrency: {on_overlap: skip}"))
    world.run_by_hand("hello")
    world.tell(event("a"))
    world.finish()
    world.tell(event("b"), event("c"))
    assert [(run.state.value, run.reason) for run in world.runs()] == [
        ("succeeded", ""),
        ("skipped", "overlap"),
        ("running", ""),
        ("skipped", "duplicate"),
    ]


def test_a_retry_by_hand_is_no_duplicate_and_keeps_what_its_run_was_given(tmp_path: Path) -> None:
    world = World(tmp_path, text('idempotency_key: "{{ run.id }}"'))
    world.tell(event("a", name="a.csv"))
    world.finish(exit_code=1)
    (old,) = world.runs()
    retried = world.retry(old)
    assert retried.id != old.id
    assert (retried.trigger_values, retried.idempotency_key) == ({"name": "a.csv"}, old.id)


def test_combinations_with_one_key_are_no_duplicates_of_each_other(tmp_path: Path) -> None:
    world = World(tmp_path, text("matrix: {region: [eu, us]}", "idempotency_key: all", FREE))
    first = world.run_by_hand("hello")
    second = world.run_by_hand("hello")
    assert second.occurrence == first.occurrence
    assert [run.state.value for run in world.runs()] == ["running", "running"]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("event"), st.sampled_from("abcd")),
        st.tuples(st.sampled_from(["crash", "finish", "pause"]), st.just("")),
    ),
    max_size=25,
)


@settings(max_examples=examples(20), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_whatever_happens_each_event_has_one_record(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str]]
) -> None:
    world = World(tmp_path_factory.mktemp("world"), text("concurrency: {limit: 1, max_waiting: 1}"))
    told: list[str] = []
    for what, identity in steps:
        if what == "event":
            world.tell(event(identity, name=identity))
            told += [] if identity in told else [identity]
        elif what == "crash":
            world.crash()
            world.boot()
        elif what == "finish":
            world.finish()
        else:
            world.pause("hello", minutes=1)
            world.clock.advance(seconds=61)
    assert [run.trigger_values["name"] for run in sorted(world.runs(), key=lambda one: one.id)] == told
    assert len(world.launcher.executed) == len(set(world.launcher.executed))
    world.check()


def test_the_housekeeper_forgets_keys_that_expired_and_events_that_cannot_come_again(tmp_path: Path) -> None:
    world = World(tmp_path, text(FREE))
    kinds = (TriggerKind.FILE, TriggerKind.AFTER, TriggerKind.WEBHOOK, TriggerKind.BACKFILL)
    with world.store.transaction():
        for kind in kinds:
            world.store.trigger_events.add(event("x")._replace(trigger=kind), run_id="a" * 32, now=NOON)
        for number in range(3):
            until = NOON + (7 + number) * DAY
            world.store.keys.take("hello", f"k{number}", run_id="a" * 32, until=until, now=NOON)
    housekeeper = world.housekeeper(min_free_bytes=1)

    def kept() -> tuple[list[bool], int]:
        events = [bool(world.store.trigger_events.identities("hello", kind)) for kind in kinds]
        keys = [world.store.keys.holder("hello", f"k{number}", now=NOON) for number in range(3)]
        return events, sum(map(bool, keys))

    world.clock.advance(seconds=(8 * DAY).total_seconds())
    housekeeper.tick()
    assert kept() == ([True] * 4, 1)
    world.clock.advance(seconds=(23 * DAY).total_seconds())
    assert housekeeper.forget_identities() is False
    assert kept() == ([True, False, False, False], 0)


def test_many_expired_keys_are_deleted_in_several_batches(tmp_path: Path) -> None:
    world = World(tmp_path, text(FREE))
    with world.store.transaction():
        for number in range(BATCH + 1):
            world.store.keys.take("hello", f"k{number}", run_id="a" * 32, until=NOON + DAY, now=NOON)
    world.clock.advance(seconds=DAY.total_seconds())
    housekeeper = world.housekeeper(min_free_bytes=1)
    assert housekeeper.tick() == MORE_SECONDS
    assert housekeeper.tick() > MORE_SECONDS


def test_events_are_known_for_days_however_few_days_runs_are_kept(tmp_path: Path) -> None:
    world = World(tmp_path, text(FREE))
    with world.store.transaction():
        world.store.trigger_events.add(
            event("x")._replace(trigger=TriggerKind.WEBHOOK), run_id="a" * 32, now=NOON
        )
    housekeeper = world.housekeeper(keep_days=1, min_free_bytes=1)
    world.clock.advance(seconds=(1.9 * DAY).total_seconds())
    housekeeper.forget_identities()
    assert world.store.trigger_events.identities("hello", TriggerKind.WEBHOOK)
    world.clock.advance(seconds=(0.2 * DAY).total_seconds())
    housekeeper.forget_identities()
    assert not world.store.trigger_events.identities("hello", TriggerKind.WEBHOOK)
