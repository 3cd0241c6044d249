"""The band of a window says what its report says: as counts, and occurrence by occurrence."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.answers.band import COMING, Band, Stretch, make_band
from engine.answers.counting import FIXED
from engine.answers.presence import RUNNING, Presence
from engine.answers.report import make_report
from engine.core.lifecycle import OPEN_STATES, RunState
from tests.builders import NOON
from tests.engine.world import World

JOBS = """\
version: 1
jobs:
  often: {schedule: "*/10 * * * *", catchup: none, command: ["true"]}
  rare: {schedule: "5 * * * *", catchup: last, concurrency: {limit: 1, on_overlap: skip}, command: ["true"]}
  each:
    matrix: {region: [eu, us]}
    schedule: "30 * * * *"
    command: ["true"]
  asked: {command: ["true"]}
"""
ACTIONS = ("pass", "pass", "succeed", "succeed", "fail", "crash", "ask", "retry", "pause", "prune")
DEAD = Presence(is_running=False)


def live(world: World, actions: Sequence[tuple[str, int]]) -> None:
    """Let these things happen."""
    for action, number in actions:
        match action:
            case "pass":
                world.pass_time(seconds=120 * number)
            case "succeed" | "fail":
                world.finish(exit_code=0 if action == "succeed" else 1)
            case "crash":
                world.crash()
                world.clock.advance(seconds=600 * number)
                world.boot()
            case "ask":
                world.run_by_hand("asked" if number % 2 else "each")
            case "retry":
                ended = [
                    one for job in ("often", "rare", "each") for one in world.runs(job) if one.state.is_final
                ]
                for run in [one for one in ended if one.was_executed and not one.retry_of][-(number % 3) :]:
                    if not world.view.retries_of(run.id):
                        world.retry(run)
            case "pause":
                world.pause("rare", minutes=10 * number)
            case _:
                world.housekeeper(keep_runs=2 + number).prune(counts=True)


def band_of(world: World, since: datetime, until: datetime, presence: Presence, minutes: int) -> Band:
    length = timedelta(minutes=minutes)
    now = world.clock.now()
    return make_band(world.view, Stretch(since=since, until=until, length=length, now=now, presence=presence))


def word(state: str) -> str:
    return "open" if state in OPEN_STATES else state


@settings(max_examples=10, deadline=None)
@given(
    actions=st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(1, 9)), max_size=14),
    begin=st.integers(-2, 8),
    hours=st.integers(1, 12),
    minutes=st.sampled_from([7, 30, 60, 1440]),
    is_alive=st.booleans(),
)
def test_the_band_adds_up_to_the_report(
    actions: list[tuple[str, int]], begin: int, hours: int, minutes: int, is_alive: bool
) -> None:
    with TemporaryDirectory() as name:
        world = World(Path(name), JOBS, at=NOON)
        live(world, actions)
        since = NOON + timedelta(minutes=20 * begin)
        until, now = since + timedelta(hours=hours), world.clock.now()
        presence = RUNNING if is_alive else DEAD
        total = make_report(world.view, since=since, until=until, now=now, presence=presence).total
        expected = Counter(total.verdicts)
        expected["succeeded"] += expected.pop(FIXED, 0)
        band = band_of(world, since, until, presence, minutes)
        assert +Counter({state: n for state, n in band.total.items() if state != COMING}) == +expected
        placed = Counter(word(one.state) for one in band.placed)
        assert placed == +band.total
        for index, slot in enumerate(band.slots):
            inside = [one for one in band.placed if band.stretch.slot_of(one.at) == index]
            assert Counter(word(one.state) for one in inside) == Counter(slot)
        world.crash()


def test_what_is_still_to_come_is_what_then_comes_and_a_pause_takes_it_away(tmp_path: Path) -> None:
    world = World(tmp_path, JOBS, at=NOON)
    day = NOON, NOON + timedelta(hours=3)
    ahead = band_of(world, *day, RUNNING, 30)
    assert ahead.total[COMING] == 17 + 3 + 3
    world.pause("rare", minutes=90)
    assert band_of(world, *day, RUNNING, 30).total[COMING] == 17 + 1 + 3
    for _ in range(18):
        world.pass_time(seconds=600)
        world.finish()
    came = band_of(world, *day, RUNNING, 30)
    assert came.total[COMING] == 0
    assert came.total[RunState.SUCCEEDED] >= 17 + 1 + 3
    world.crash()


def test_too_many_occurrences_are_counted_and_not_placed(tmp_path: Path) -> None:
    text = 'version: 1\njobs:\n  much: {schedule: {every: 10s}, command: ["true"]}\n'
    world = World(tmp_path, text, at=NOON)
    band = band_of(world, NOON, NOON + timedelta(hours=24), RUNNING, 30)
    assert band.placed == ()
    assert sum(band.total.values()) == 24 * 360 - 1, band.total
    world.crash()
