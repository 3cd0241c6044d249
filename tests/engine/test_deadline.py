"""`deadline`: the time from the first start of a run to the end of its last attempt."""

from datetime import timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from engine.core.lifecycle import AttemptState, RunState
from engine.core.retry import attempt_limit, settle
from jobfile.model.jobs import Jitter, RetrySpec
from tests.builders import NOON, a_job, a_run
from tests.engine.test_retry import ended
from tests.engine.world import World

SECONDS = st.integers(0, 10_000).map(lambda number: timedelta(seconds=number))
LENGTHS = st.integers(1, 10_000).map(lambda number: timedelta(seconds=number))
JOB = """\
version: 1
jobs:
  load:
    timeout: 100s
    retry: {attempts: 9, delay: 60s, backoff: fixed, jitter: none}
    deadline: 4m
    run: load
  etl:
    deadline: 100s
    steps:
      one: {run: one, timeout: 60s, allow_failure: true}
      two: {run: two}
"""


@given(LENGTHS, LENGTHS | st.none(), SECONDS)
def test_an_attempt_may_take_its_timeout_and_no_longer_than_to_the_deadline(
    deadline: timedelta, timeout: timedelta | None, since: timedelta
) -> None:
    spec, run = a_job(deadline=deadline, timeout=timeout), a_run(started_at=NOON)
    limit = attempt_limit(spec, run, now=NOON + since)
    left = deadline - since
    assert limit == (left if timeout is None else min(timeout, left))
    assert attempt_limit(a_job(timeout=timeout), run, now=NOON + since) == timeout


@given(LENGTHS, SECONDS, LENGTHS)
def test_a_retry_is_made_only_before_the_deadline(
    deadline: timedelta, since: timedelta, delay: timedelta
) -> None:
    retry = RetrySpec(attempts=3, delay=delay, max_delay=delay, jitter=Jitter.NONE)
    spec = a_job(deadline=deadline, retry=retry)
    run = a_run(spec, state=RunState.RUNNING, attempt=1, started_at=NOON)
    verdict = settle(run, ended(1), spec=spec, now=NOON + since)
    if since + delay < deadline:
        assert (verdict.run_state, verdict.retry_at) == (RunState.RETRY_WAIT, NOON + since + delay)
    else:
        assert (verdict.run_state, verdict.reason) == (RunState.FAILED, "exit(1)")
        assert verdict.detail == "not retried: it would start after its deadline"


def at(world: World, job: str = "load") -> tuple[str, str, str]:
    (run,) = world.runs(job)
    return run.state.value, run.reason, run.detail


def cut_at_its_timeout(world: World) -> float:
    """Let the running attempt reach its timeout; returns that, in seconds."""
    (attempt,) = world.launcher.running()
    (order,) = [one.order for one in world.launcher.flights.values() if one.order.attempt_id == attempt]
    assert order.timeout_seconds is not None
    world.pass_time(seconds=order.timeout_seconds)
    world.launcher.time_out(attempt)
    world.worker.notice(attempt)
    world.step()
    return order.timeout_seconds


def test_the_last_attempt_is_cut_at_the_deadline_which_its_supervisor_knows(tmp_path: Path) -> None:
    world = World(tmp_path, JOB)
    world.run_by_hand("load")
    world.step()
    limits = []
    for _ in range(2):
        limits.append(cut_at_its_timeout(world))
        world.pass_time(seconds=60)
    assert limits == [100, 80]
    assert at(world)[:2] == ("timed_out", "deadline")
    assert at(world)[2] == "not retried: it would start after its deadline"
    world.check()


def test_an_attempt_that_an_absent_engine_delayed_past_the_deadline_is_not_started(tmp_path: Path) -> None:
    world = World(tmp_path, JOB)
    run = world.run_by_hand("load")
    world.step()
    world.finish(exit_code=1)
    assert at(world)[0] == "retry_wait"
    world.crash()
    world.clock.advance(seconds=3600)
    world.boot()
    world.step()
    assert at(world) == ("failed", "deadline", "its deadline passed before it started")
    assert [one.state for one in world.view.attempts(run.id)] == [
        AttemptState.FAILED,
        AttemptState.NOT_STARTED,
    ]
    assert world.launcher.running() == []
    world.check()


def test_the_deadline_is_for_all_steps_together(tmp_path: Path) -> None:
    world = World(tmp_path, JOB)
    world.run_by_hand("etl")
    world.step()
    limits = [cut_at_its_timeout(world) for _ in range(2)]
    assert limits == [60, 40]
    assert at(world, "etl")[:2] == ("timed_out", "deadline")
    world.check()
