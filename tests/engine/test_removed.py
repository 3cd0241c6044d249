"""What is not in the files does not run: jobs removed, disabled, renamed or paused while their runs wait."""

from itertools import product
from pathlib import Path

import pytest

from engine.core.events import RunSettled
from engine.core.lifecycle import RunState
from engine.core.vocabulary import in_words
from tests.engine.world import World

JOB = """\
  {name}:
    schedule: "0 * * * *"
    enabled: {enabled}
    retry: {{attempts: 5, delay: 5m, backoff: fixed, jitter: none, max_delay: 5m}}
    concurrency: {{on_overlap: queue}}
    command: ["true"]
{more}"""
OTHER = """\
version: 1
jobs:
  other: {schedule: "0 * * * *", command: ["true"]}
"""


def a_file(*, name: str = "job", enabled: str = "true", more: str = "") -> str:
    return OTHER + JOB.format(name=name, enabled=enabled, more=more)


def wait_to_start(world: World) -> None:
    """The second occurrence waits for the first."""
    world.pass_time(seconds=3600)
    world.pass_time(seconds=3600)


def wait_for_retry(world: World) -> None:
    world.pass_time(seconds=3600)
    world.finish(exit_code=1)


def run_and_fail_later(world: World) -> None:
    world.pass_time(seconds=3600)


WAITS = {"queued": wait_to_start, "retry": wait_for_retry, "running": run_and_fail_later}
EDITS = {"job_removed": OTHER, "disabled": a_file(enabled="false")}


@pytest.mark.parametrize(("wait", "reason"), list(product(WAITS, EDITS)))
def test_nothing_is_started_of_a_job_that_is_gone(tmp_path: Path, wait: str, reason: str) -> None:
    world = World(tmp_path, a_file())
    WAITS[wait](world)
    world.edit(EDITS[reason])
    executed = len(world.launcher.executed)
    world.finish(exit_code=1)  # what runs goes on to its end, which is recorded
    for _ in range(40):
        world.pass_time(seconds=60)
        world.finish(exit_code=1)
    ours = [one for one in world.launcher.executed[executed:] if one.rpartition("-")[0] in ids_of(world)]
    assert ours == []
    assert not [run for run in world.runs("job") if not run.state.is_final]
    last = world.runs("job")[-1]
    if wait == "running":
        assert last.state is RunState.FAILED
        word = "removed" if reason == "job_removed" else "disabled"
        assert in_words(last) == f"exit code 1; not retried: the job was {word}"
    else:
        assert (last.state, last.reason) == (RunState.CANCELLED, reason)
        settled = [event for event in world.journal.events if isinstance(event, RunSettled)]
        assert last.id in [event.run.id for event in settled if event.run.state is RunState.CANCELLED]
    world.check()


def ids_of(world: World) -> set[str]:
    return {run.id for run in world.runs("job")}


@pytest.mark.parametrize("wait", ["retry", "running"])
def test_a_job_that_is_paused_changed_or_renamed_is_still_tried_again(tmp_path: Path, wait: str) -> None:
    """A pause is of the schedule; a retry repeats what it began with, and knows its new name."""
    world = World(tmp_path, a_file())
    WAITS[wait](world)
    world.pause("job")
    world.edit(a_file().replace("attempts: 5", "attempts: 4"))
    world.edit(a_file(name="new", more="    renamed_from: job\n"))
    world.finish(exit_code=1)
    for _ in range(30):
        world.pass_time(seconds=60)
        world.finish(exit_code=1)
    (first, *_) = world.runs("new")
    assert (first.state, first.attempt) == (RunState.FAILED, 5)
    world.check()


def test_a_run_that_a_user_requests_of_a_disabled_job_is_retried(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(enabled="false"))
    run = world.run_by_hand("job")
    world.finish(exit_code=1)
    found = world.store.run(run.id)
    assert found is not None
    assert found.state is RunState.RETRY_WAIT
