"""A job pings an outside watchdog: each start and each end once, in order, whatever happens in between."""

import json
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.channels.ping import FAIL, LOG, START, SUCCESS, make_ping
from engine.core.events import ChannelDown
from engine.core.lifecycle import Run
from engine.notifications.message import Happening
from engine.ports import Stop
from jobfile.model.canonical import spec_to_json
from tests.builders import NOON, a_job, a_run
from tests.engine.world import World

JOBS = """
version: 1
channels: {oncall: {command: ["true"]}}
jobs:
  hello:
    schedule: {every: 1m}
    catchup: none
    ping: https://watch.example.com/hello
    run: echo hello
  twice: {ping: env:TWICE, retry: {attempts: 2, delay: 10s, jitter: none}, run: echo twice}
  each: {ping: env:EACH, matrix: {n: [1, 2]}, run: echo each}
  staged: {ping: env:STAGED, steps: {one: {run: echo 1}, two: {run: echo 2}}}
  told: {notify: {failed: [oncall]}, run: echo told}
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, JOBS)


def end(world: World, code: int = 0) -> None:
    """Let a second pass, then end all running attempts."""
    world.clock.advance(seconds=1)
    world.finish(exit_code=code)


def rid_of(run: Run) -> str:
    return str(UUID(hex=run.occurrence or run.id))


def pings(world: World, run: Run | None = None) -> list[str]:
    """The ends of the URLs that were pinged, all or about one run."""
    return [one.end for one in world.receiver.pinged if run is None or one.rid == rid_of(run)]


def test_the_start_and_the_success_of_each_run_are_pinged_in_order(world: World) -> None:
    for _ in range(3):
        world.pass_time(seconds=60)
        end(world)
    world.send(seconds=20)
    runs = world.runs()
    assert len(runs) == 3
    assert [one.rid for one in world.receiver.pinged] == [rid_of(run) for run in runs for _ in range(2)]
    assert pings(world) == [START, SUCCESS] * 3


def test_a_failure_is_pinged_after_the_last_try_with_its_exit_code_and_its_message(world: World) -> None:
    run = world.run_by_hand("twice")
    end(world, 3)
    world.pass_time(seconds=10)
    end(world, 7)
    world.send(seconds=20)
    assert pings(world, run) == [START, "/7"]
    body = world.receiver.pinged[-1].body
    assert body.startswith("twice failed: exit code 7\n")
    assert "tries" in body


def test_a_matrix_is_pinged_once_for_its_start_and_once_when_all_of_it_is_over(world: World) -> None:
    run = world.run_by_hand("each")
    end(world)
    world.send(seconds=20)
    assert pings(world, run) == [START, SUCCESS]


def test_steps_are_one_run(world: World) -> None:
    run = world.run_by_hand("staged")
    end(world)
    end(world)
    world.send(seconds=20)
    assert pings(world, run) == [START, SUCCESS]


def test_what_did_not_run_or_was_cancelled_is_no_success(world: World) -> None:
    world.crash()
    world.clock.advance(seconds=90)
    world.boot()
    world.send(seconds=20)
    (missed,) = world.receiver.pinged
    assert (missed.end, missed.body.partition(":")[0]) == (FAIL, "hello did not run")
    run = world.run_by_hand("twice")
    with world.store.transaction():
        world.store.request_stop(run.id, Stop.KILL, reason="by_hand", detail="", now=NOON)
    world.step()
    world.launcher.obey(world.launcher.running()[0])
    world.pass_time(seconds=1)
    world.send(seconds=20)
    assert pings(world, run) == [START, LOG]


def test_pings_wait_for_a_watchdog_that_is_down_and_keep_their_order_over_kills(world: World) -> None:
    world.receiver.error = "HTTP status 500"
    for wait, code in ((60, 0), (29, 5), (29, 0)):
        world.pass_time(seconds=wait)
        end(world, code)
        world.send(seconds=30)
        world.crash()
        world.boot()
    assert world.receiver.pinged == []
    world.receiver.error = ""
    world.send(seconds=1800)
    assert pings(world)[:6] == [START, SUCCESS, START, "/5", START, SUCCESS]
    assert ChannelDown(channel="ping:hello", error="HTTP status 500") in world.journal.events


def test_a_job_that_pings_no_longer_drops_its_pings_and_a_job_without_one_has_none(world: World) -> None:
    world.run_by_hand("told")
    world.finish(exit_code=1)
    world.receiver.error = "down"
    world.pass_time(seconds=60)
    end(world)
    world.send(seconds=30)
    rows = world.store._db._db.execute("select channel from outbox").fetchall()
    assert sorted({row["channel"] for row in rows}) == ["oncall", "ping:hello"]


def test_a_job_without_a_ping_has_the_digest_that_it_had(world: World) -> None:
    assert "ping" not in json.loads(spec_to_json(a_job()))
    assert json.loads(spec_to_json(a_job(ping="env:X")))["ping"] == "env:X"


EVENTS: Sequence[str] = ("started", "succeeded", "failed", "missed", "skipped", "cancelled")


@given(st.sampled_from(EVENTS), st.none() | st.integers(-1, 300))
def test_only_a_success_is_pinged_as_one(event: str, code: int | None) -> None:
    """Exit code 0 can be a failure, when a check of what is expected is broken: URL/0 would be a success."""
    run = a_run(id="1" * 32)
    said = ("the last line",)
    ping = make_ping(Happening("1" * 32, event, "hello", NOON, {"exit_code": code}, a_job(), run, (), said))
    assert ("the last line" in ping.body) == (event != "started")
    assert (ping.end == SUCCESS) == (event == "succeeded")
    assert (ping.end == START) == (event == "started")
    assert (ping.end == LOG) == (event in ("skipped", "cancelled"))
    if event in ("failed", "missed"):
        is_code = event == "failed" and code is not None and 1 <= code <= 255
        assert ping.end == (f"/{code}" if is_code else FAIL)
    assert ping.rid == "11111111-1111-1111-1111-111111111111"
