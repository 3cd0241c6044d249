"""How long runs took and how late they started: the medians are those of the report."""

from datetime import timedelta
from pathlib import Path

from engine.answers.courses import durations, latenesses
from engine.answers.presence import RUNNING
from engine.answers.report import Measures, Parts, make_report
from tests.engine.world import World

JOBS = """\
version: 1
jobs:
  a: {schedule: "*/10 * * * *", run: echo}
"""


def test_the_medians_are_those_of_the_report(tmp_path: Path) -> None:
    world = World(tmp_path, JOBS)
    world.step()
    for number in range(9):
        world.pass_time(seconds=600 + number * 3)
        world.step()
        world.clock.advance(seconds=(7 * number) % 5 + 1)
        for attempt in world.launcher.running():
            world.launcher.finish(attempt, exit_code=3 if number % 4 == 1 else 0)
        world.step()
    runs = world.view.recent_runs(job="a", state=None, limit=100)
    since = min(run.scheduled_for for run in runs)
    now = world.clock.now()
    report = make_report(
        world.view, since=since, until=now, now=now, presence=RUNNING, jobs=("a",), parts=Parts(measures=True)
    )
    lengths, late = durations(runs), latenesses(runs)
    assert report.measures["a"] == Measures(lengths.median, late.median, 0)
    assert lengths.median
    assert late.median
    assert lengths.count < len(lengths.points)  # those that failed have a point, and no part in the median
    assert [one.at for one in lengths.points] == sorted(run.scheduled_for for run in runs)
    assert lengths.longest == max(one.length for one in lengths.points)
    world.view.close()
    world.store.close()


def test_without_runs_there_is_no_median() -> None:
    assert durations(()).median is None
    assert durations(()).longest == timedelta()
