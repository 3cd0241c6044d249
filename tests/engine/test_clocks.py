"""What is believed of the wall clock: each sentence at its edge; an absurd clock decides nothing."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.clocks import (
    FAR_AHEAD,
    FAR_BEHIND,
    JUMP,
    LONGEST_ABSENCE,
    Reading,
    implausible,
    jump_between,
)
from engine.core.events import ClockHeld, ClockJumped
from tests.builders import DAY, HOUR, MINUTE, NOON
from tests.engine.world import World

SECOND = timedelta(seconds=1)
BUILT = NOON - 30 * DAY
EVERY_MINUTE = "version: 1\njobs: {hello: {schedule: {every: 1m}, command: [a]}}\n"


def reading(wall: datetime, elapsed: float = 1000.0) -> Reading:
    return Reading(wall=wall, elapsed=elapsed)


def why(wall: datetime = NOON, **known: object) -> str:
    """What is said of a clock that says NOON, when nothing else is known."""
    nothing = {"trusted": None, "last_seen": None, "covered_until": None, "built_at": BUILT}
    return implausible(reading(wall), **{**nothing, **known})  # type: ignore[arg-type]  # by name


@given(st.timedeltas(-9 * DAY, 9 * DAY), st.floats(0, 1e6))
def test_a_jump_is_what_the_wall_clock_went_more_than_the_time_that_passed(
    step: timedelta, passed: float
) -> None:
    before = reading(NOON)
    after = Reading(wall=NOON + timedelta(seconds=passed) + step, elapsed=1000.0 + passed)
    assert abs(jump_between(before, after) - step) < timedelta(microseconds=5)
    assert abs(jump_between(after, before) + step) < timedelta(microseconds=5)


@pytest.mark.parametrize(
    ("known", "at_the_edge", "beyond", "says"),
    [
        ({"built_at": NOON}, NOON, NOON - SECOND, "before this version of jobfile was built"),
        (
            {"trusted": reading(NOON)},
            NOON + FAR_AHEAD,
            NOON + FAR_AHEAD + SECOND,
            "but much less time passed",
        ),
        (
            {"last_seen": NOON},
            NOON + LONGEST_ABSENCE,
            NOON + LONGEST_ABSENCE + SECOND,
            "but an engine last ran at 2026-03-05 12:00:00Z",
        ),
        (
            {"covered_until": NOON + FAR_BEHIND},
            NOON,
            NOON - SECOND,
            "everything up to 2026-03-05 15:00:00Z is already recorded",
        ),
    ],
    ids=["built", "ahead", "absent", "behind"],
)
def test_each_reason_not_to_believe_the_clock_begins_beyond_its_edge(
    known: dict[str, object], at_the_edge: datetime, beyond: datetime, says: str
) -> None:
    assert why(at_the_edge, **known) == ""
    said = why(beyond, **known)
    assert said.startswith("the clock ")
    assert says in said
    assert f"{beyond:%Y-%m-%d %H:%M:%SZ}" in said


def test_a_clock_about_which_nothing_is_known_is_believed() -> None:
    assert why() == ""


def test_what_this_boot_knows_counts_more_than_when_the_engine_was_last_seen() -> None:
    """The time since boot cannot lie: within one boot a long absence is a long absence."""
    long_ago = Reading(
        wall=NOON - LONGEST_ABSENCE - DAY, elapsed=1000.0 - (LONGEST_ABSENCE + DAY).total_seconds()
    )
    assert why(trusted=long_ago, last_seen=long_ago.wall) == ""
    assert why(last_seen=long_ago.wall) != ""


@pytest.mark.parametrize("year", [1970, 1980, 2000, 2025])
def test_a_first_engine_under_a_clock_that_is_before_its_own_making_decides_nothing(
    tmp_path: Path, year: int
) -> None:
    """Nothing is in the ledger yet, so nothing else could tell."""
    world = World(tmp_path, EVERY_MINUTE, at=datetime(year, 1, 1, tzinfo=UTC))
    world.pass_time(seconds=600)
    (held,) = [one for one in world.journal.events if isinstance(one, ClockHeld)]
    assert "before this version of jobfile was built" in held.reason
    assert world.view.recent_runs(job=None, state=None, limit=9) == ()
    assert world.all_gaps() == []
    world.clock.wall = NOON
    world.step()
    world.edit(EVERY_MINUTE)
    world.pass_time(seconds=120)
    assert world.view.recent_runs(job=None, state=None, limit=9) != ()
    assert all(run.scheduled_for >= NOON for run in world.runs())
    world.check()


@pytest.mark.parametrize("step", [-2 * MINUTE, -3 * SECOND, -SECOND, SECOND, 3 * SECOND, HOUR])
def test_only_a_step_beyond_the_limit_is_a_jump(tmp_path: Path, step: timedelta) -> None:
    world = World(tmp_path, EVERY_MINUTE)
    world.pass_time(seconds=30)
    world.clock.jump(seconds=step.total_seconds())
    world.step()
    told = [one.seconds for one in world.journal.events if isinstance(one, ClockJumped)]
    assert told == ([] if abs(step) <= JUMP else [step.total_seconds()])
