"""`usual`: a success that is far from those before it is marked and told, and nothing else happens."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.answers.asked import Asked
from engine.answers.did import did, did_to_json
from engine.answers.presence import RUNNING
from engine.answers.why import why_run
from engine.core.lifecycle import RunState
from engine.core.usual import DURATION, LEAST, odd, odd_words
from tests.engine.test_why import UTC_ZONE
from tests.engine.world import World

JOBS = """\
version: 1
channels: {ops: {command: ["true"]}, log: {command: ["true"]}}
jobs:
  load:
    outputs: {rows: {type: integer}}
    expect: {usual: true}
    notify: {odd: [ops], succeeded: [log]}
    run: load
  steps:
    expect: {usual: true}
    steps: {one: {run: one}}
"""


def one_run(world: World, *, seconds: float, rows: int = 100, job: str = "load") -> str:
    run = world.run_by_hand(job)
    world.clock.advance(seconds=seconds)
    (attempt,) = world.launcher.running()
    world.launcher.finish(attempt, outputs=f'{{"rows": {rows}}}')
    world.step()
    found = world.view.run(run.id)
    assert found is not None
    assert found.state is RunState.SUCCEEDED
    return run.id


def marked(world: World, run_id: str) -> list[str]:
    return [odd_words(one) for one in world.view.lateness.odd_of(run_id)]


def test_a_run_far_from_the_others_is_odd_and_succeeds(tmp_path: Path) -> None:
    world = World(tmp_path, JOBS)
    usual = [one_run(world, seconds=60 + number) for number in range(LEAST)]
    assert all(marked(world, run_id) == [] for run_id in usual)
    assert marked(world, one_run(world, seconds=70, rows=101)) == []
    strange = one_run(world, seconds=600, rows=2)
    words = ["odd: it took 10m, usually 1m4s", "odd: output `rows` is 2, usually 100"]
    assert marked(world, strange) == words
    now = world.clock.now()
    found = did(world.view, "load", zone=UTC_ZONE, params={}, on=None, at=None, now=now, presence=RUNNING)
    assert did_to_json(found)["odd"] == words
    assert found.line.endswith("; ".join(words))
    run = world.view.run(strange)
    assert run is not None
    story = why_run(Asked(view=world.view, job="load", zone=UTC_ZONE, now=now, presence=RUNNING), run)
    assert story.odd == tuple(words)
    assert ("odd", "it took 10m, usually 1m4s") in story.facts
    world.check()


def test_an_unusual_success_is_told_once_and_keeps_its_engines_death(tmp_path: Path) -> None:
    world = World(tmp_path, JOBS)
    for number in range(LEAST):
        one_run(world, seconds=60 + number)
    strange = one_run(world, seconds=600, rows=2)
    world.crash()
    world.boot()
    world.send(seconds=120)
    (message,) = [message for channel, message in world.receiver.got if channel == "ops"]
    assert message.title == "load was unusual: it took 10m, usually 1m3s; output `rows` is 2, usually 100"
    assert (message.fields["kind"], message.fields["status"]) == ("odd", "succeeded")
    assert f"jobfile why {strange[:8]}" in message.text
    assert len(message.ids) == 1


def test_the_rounds_of_steps_are_compared_too(tmp_path: Path) -> None:
    world = World(tmp_path, JOBS)
    for _ in range(LEAST):
        one_run(world, seconds=10, job="steps")
    assert marked(world, one_run(world, seconds=100, job="steps")) == ["odd: it took 1m40s, usually 10s"]


@given(st.lists(st.floats(-1e6, 1e6), min_size=LEAST, max_size=40), st.floats(-1e6, 1e6))
def test_the_order_and_the_unit_of_the_history_do_not_matter(history: list[float], value: float) -> None:
    def is_odd(values: list[float], one: float) -> bool:
        return bool(odd("x", {"rows": one}, {"rows": values}))

    if len(history) <= 30:
        assert is_odd(history, value) == is_odd(sorted(history), value)
    assert is_odd(history, value) == is_odd([one * 4 for one in history], value * 4)


@given(st.lists(st.floats(0, 1e4), min_size=LEAST, max_size=30))
def test_a_value_that_most_of_the_history_has_is_never_odd(history: list[float]) -> None:
    middle = sorted(history)[len(history) // 2]
    assert odd("x", {"rows": middle}, {"rows": [middle] * 60 + history}) == ()


@pytest.mark.parametrize("number", range(LEAST))
def test_nothing_is_usual_at_first(number: int) -> None:
    assert odd("x", {DURATION: 1e6}, {DURATION: [1.0] * number}) == ()
