"""Jobs that start with the host: once for each of its starts, whatever crashes."""

from pathlib import Path

import pytest

from engine.core.events import ScheduleQuarantined
from engine.core.lifecycle import RunState, TriggerKind
from engine.core.reasons import Reason
from tests.builders import NOON
from tests.engine.world import World

BOOT = """version: 1
jobs:
  hello: {triggers: [{boot: true}], command: ['true']}
  daily: {schedule: "0 3 * * *", command: ['true']}
"""


def reboot(world: World, name: str) -> None:
    world.crash()
    world.boot_id = name
    world.clock.advance(seconds=60)
    world.boot()


def test_the_first_engine_after_a_start_of_the_host_starts_the_job_once(tmp_path: Path) -> None:
    world = World(tmp_path, BOOT, at=NOON)
    (first,) = world.runs()
    assert (first.trigger, first.state, first.scheduled_for) == (TriggerKind.BOOT, RunState.RUNNING, NOON)
    world.finish()
    reboot(world, "boot-1")  # only the engine was restarted
    world.pass_time(seconds=3600)
    assert len(world.runs()) == 1
    reboot(world, "boot-2")
    world.finish()
    reboot(world, "boot-2")
    assert [run.state for run in world.runs()] == [RunState.SUCCEEDED] * 2
    assert world.runs("daily") == []


def test_a_job_that_is_added_later_starts_with_the_next_start(tmp_path: Path) -> None:
    world = World(tmp_path, "version: 1\njobs: {daily: {schedule: '0 3 * * *', command: ['true']}}\n")
    world.edit(BOOT)
    reboot(world, "boot-1")
    assert world.runs() == []
    reboot(world, "boot-2")
    assert len(world.runs()) == 1


def test_a_paused_job_is_skipped_and_a_disabled_one_is_not_expected(tmp_path: Path) -> None:
    world = World(tmp_path, BOOT)
    world.finish()
    world.pause("hello")
    reboot(world, "boot-2")
    assert (world.runs()[-1].state, world.runs()[-1].reason) == (RunState.SKIPPED, Reason.PAUSED)
    world.edit(BOOT.replace("{boot: true}]", "{boot: true}], enabled: false"))
    reboot(world, "boot-3")
    assert len(world.runs()) == 2


def test_a_crash_before_the_commit_neither_loses_nor_repeats_a_run(tmp_path: Path) -> None:
    world = World(tmp_path, BOOT)
    world.finish()
    world.crash()
    world.boot_id = "boot-2"
    working, failing = world.new_id, lambda: (_ for _ in ()).throw(OSError("killed"))
    world.new_id = failing  # type: ignore[method-assign,assignment]  # the engine ends within the transaction
    with pytest.raises(OSError, match="killed"):
        world.boot()
    world.new_id = working  # type: ignore[method-assign]
    reboot(world, "boot-2")
    assert [run.state for run in world.runs()] == [RunState.SUCCEEDED, RunState.RUNNING]


def test_a_job_whose_run_cannot_be_made_stops_no_other(tmp_path: Path) -> None:
    text = (
        BOOT
        + "  odd: {triggers: [{boot: true}], params: {n: {type: integer, default: 0}}, command: ['true'],"
    )
    text += " concurrency: {key: '{{ 1 // params.n }}'}}\n"
    world = World(tmp_path, text)
    assert (len(world.runs()), len(world.runs("odd"))) == (1, 0)
    (told,) = [one for one in world.journal.events if isinstance(one, ScheduleQuarantined)]
    assert told.message.startswith("it was not started with the host")


def test_a_start_with_a_used_key_is_recorded_as_a_duplicate(tmp_path: Path) -> None:
    world = World(
        tmp_path, BOOT.replace("command: ['true']}", "command: ['true'], idempotency_key: same}", 1)
    )
    world.finish()
    reboot(world, "boot-2")
    assert [(run.state, run.reason) for run in world.runs()] == [
        (RunState.SUCCEEDED, ""),
        (RunState.SKIPPED, Reason.DUPLICATE),
    ]
