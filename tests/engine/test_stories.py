"""What every answer says of a run, whole, for each way in which a run can stand.

`pytest --update` rewrites tests/engine/stories/*.txt; the diff is what is reviewed.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from engine.answers.did import did
from engine.answers.presence import RUNNING, Presence
from engine.answers.report import make_report
from engine.answers.report_json import report_to_json
from engine.answers.status import make_status
from engine.answers.why import Story, why_day, why_newest, why_run
from engine.core.lifecycle import AttemptKey, Ended
from engine.core.records import CLOCK_HOLD
from engine.ports import Stop
from tests.builders import DAY, HOUR, NOON
from tests.engine.test_did import ask
from tests.engine.test_faults import a_file, down
from tests.engine.test_overdue import presence
from tests.engine.test_why import UTC_ZONE, World, as_lines, asked, cancel
from tests.known import known_files

HERE = Path(__file__).parent / "stories"

NIGHTLY = '"0 2 * * *"'
RETRIES = "retry: {attempts: 3, delay: 10s, jitter: none}"
DAILY = '"0 13 * * *"'


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A job file, what happens, and who is asked."""

    text: str
    happens: Callable[[World], None]
    engine: Callable[[World], Presence] = lambda _: RUNNING
    """What the answers know of the engine."""
    places: int = 16


def runs_and_ends(world: World, *codes: int, seconds: float = 3) -> None:
    """It is one o'clock, and each attempt takes three seconds."""
    world.pass_time(seconds=3600)
    for code in codes:
        world.clock.advance(seconds=seconds)
        world.finish(exit_code=code)
        world.pass_time(seconds=20)


def times_out(world: World) -> None:
    world.pass_time(seconds=3600)
    world.clock.advance(seconds=90)
    for attempt in world.launcher.running():
        world.launcher.time_out(attempt)
    world.step()


def is_lost(world: World) -> None:
    world.pass_time(seconds=3600)
    world.clock.advance(seconds=125)
    for attempt in world.launcher.running():
        world.launcher.lose(attempt)
    world.step()


def is_lost_and_found(world: World) -> None:
    is_lost(world)
    (run,) = world.runs()
    end = Ended(started_at=run.scheduled_for, ended_at=run.scheduled_for + timedelta(seconds=61), exit_code=0)
    world.launcher.flights[world.config.attempt_dir(AttemptKey(run.id, 1))].end = end
    world.housekeeper().resolve()


def uses_memory_and_leaves_processes(world: World) -> None:
    world.pass_time(seconds=3600)
    (run,) = world.runs()
    at = world.clock.now()
    world.launcher.flights[world.config.attempt_dir(AttemptKey(run.id, 1))].end = Ended(
        started_at=at, ended_at=at, exit_code=0, max_rss_kb=300 * 1024, leftover_processes=2
    )
    world.step()


def is_paused_for_a_while(world: World) -> None:
    world.pause("hello", minutes=90)
    world.pass_time(seconds=3600)
    world.pass_time(seconds=600)


def is_paused_and_resumed(world: World) -> None:
    world.pause("hello", reason="")
    world.pass_time(seconds=3600)
    with world.store.transaction():
        world.store.pauses.end("hello", by="ben", now=world.clock.now() + timedelta(seconds=1))
    world.pass_time(seconds=600)


def overlaps(world: World) -> None:
    world.pass_time(seconds=3600)
    world.pass_time(seconds=3600)


def is_tried_again(world: World, *, code: int = 0) -> None:
    runs_and_ends(world, 1)
    run = world.runs()[-1]
    world.clock.advance(seconds=3600)
    ask(world, at=run.scheduled_for, retry_of=run.id)
    world.finish(exit_code=code)


def a_request_since_is_tried_again(world: World) -> None:
    runs_and_ends(world, 0)
    run = ask(world)
    world.finish(exit_code=1)
    world.clock.advance(seconds=300)
    ask(world, at=run.scheduled_for, retry_of=run.id)
    world.finish()


def a_request_since_runs(world: World) -> None:
    runs_and_ends(world, 0)
    world.clock.advance(seconds=300)
    ask(world)


def is_cancelled_while_it_runs(world: World) -> None:
    runs_and_ends(world)
    cancel(world, world.runs()[0], why_so="too late")


def is_cancelled_while_it_waits(world: World) -> None:
    run = world.run_by_hand("hello")
    now = world.clock.now()
    with world.store.transaction():
        world.store.request_stop(run.id, Stop.CANCEL, reason="by_hand", detail="", now=now)


def fails_and_waits(world: World) -> None:
    world.pass_time(seconds=3600)
    world.finish(exit_code=1)
    world.clock.advance(seconds=600)


def is_edited(world: World) -> None:
    runs_and_ends(world, 0)
    world.edit(a_file(schedule='"30 13 * * *"'))
    world.pass_time(seconds=3600)
    world.finish()


def is_removed(world: World) -> None:
    runs_and_ends(world, 0)
    world.edit("version: 1\njobs: {}\n")
    world.pass_time(seconds=2 * 3600)


def an_absence_without_catchup(world: World) -> None:
    runs_and_ends(world, 0)
    down(world, seconds=5 * 3600)
    world.pass_time(seconds=60)


def many_hours_without_an_engine(world: World) -> None:
    down(world, seconds=20 * 3600)
    runs_and_ends(world, 0)


def the_clock_is_not_believed(world: World) -> None:
    with world.store.transaction():
        world.store.incidents.begin_hold(CLOCK_HOLD, detail="it is far ahead", now=world.clock.now())
    world.clock.advance(seconds=3700)


def a_file_is_refused(world: World) -> None:
    world.clock.advance(seconds=3599)
    world.edit("version: 1\njobs: {hello: {}}\n")
    world.pass_time(seconds=10)
    world.finish()


ONCE = a_file(schedule=DAILY)
NEVER = "version: 1\njobs:\n  hello:\n    command: ['true']\n"

PLOTS = {
    "succeeds": Plot(text=ONCE, happens=lambda world: runs_and_ends(world, 0)),
    "succeeds_at_the_third_try": Plot(
        text=a_file(RETRIES, schedule=DAILY), happens=lambda world: runs_and_ends(world, 1, 2, 0)
    ),
    "fails": Plot(text=ONCE, happens=lambda world: runs_and_ends(world, 7, seconds=754)),
    "fails_three_times": Plot(
        text=a_file(RETRIES, schedule=DAILY), happens=lambda world: runs_and_ends(world, 1, 2, 3)
    ),
    "waits_for_its_second_try": Plot(
        text=a_file("retry: {attempts: 3, delay: 1h, jitter: none}", schedule=DAILY),
        happens=lambda world: runs_and_ends(world, 1),
    ),
    "times_out": Plot(text=a_file("timeout: 1m", schedule=DAILY), happens=times_out),
    "is_lost": Plot(text=ONCE, happens=is_lost),
    "is_lost_and_found": Plot(text=ONCE, happens=is_lost_and_found),
    "uses_memory_and_leaves_processes": Plot(text=ONCE, happens=uses_memory_and_leaves_processes),
    "runs": Plot(text=ONCE, happens=lambda world: runs_and_ends(world)),
    "is_paused_for_a_while": Plot(text=ONCE, happens=is_paused_for_a_while),
    "is_paused_and_resumed": Plot(text=ONCE, happens=is_paused_and_resumed),
    "overlaps": Plot(text=a_file(), happens=overlaps),
    "is_tried_again": Plot(text=ONCE, happens=is_tried_again),
    "is_tried_again_in_vain": Plot(text=ONCE, happens=lambda world: is_tried_again(world, code=4)),
    "a_request_since_is_tried_again": Plot(text=ONCE, happens=a_request_since_is_tried_again),
    "a_request_since_runs": Plot(text=ONCE, happens=a_request_since_runs),
    "is_cancelled_while_it_runs": Plot(
        text=ONCE,
        happens=is_cancelled_while_it_runs,
    ),
    "is_cancelled_while_it_waits": Plot(text=NEVER, happens=is_cancelled_while_it_waits, places=0),
    "is_edited": Plot(text=ONCE, happens=is_edited),
    "is_removed": Plot(text=ONCE, happens=is_removed),
    "an_absence_without_catchup": Plot(text=a_file("catchup: none"), happens=an_absence_without_catchup),
    "many_hours_without_an_engine": Plot(text=a_file("catchup: none"), happens=many_hours_without_an_engine),
    "the_clock_is_not_believed": Plot(
        text=ONCE, happens=the_clock_is_not_believed, engine=partial(presence, is_locked=True)
    ),
    "a_file_is_refused": Plot(text=ONCE, happens=a_file_is_refused),
    "no_engine_runs": Plot(
        text=ONCE, happens=lambda world: world.clock.advance(seconds=2 * 3600), engine=presence
    ),
    "no_engine_runs_for_hours": Plot(
        text=a_file(), happens=lambda world: world.clock.advance(seconds=3 * 3600 + 60), engine=presence
    ),
    "no_engine_runs_and_a_retry_waits": Plot(
        text=a_file(RETRIES, schedule=DAILY),
        happens=fails_and_waits,
        engine=presence,
    ),
    "was_never_due": Plot(text=a_file(schedule=NIGHTLY), happens=lambda world: world.pass_time(seconds=60)),
    "has_no_schedule": Plot(text=NEVER, happens=lambda world: world.pass_time(seconds=60)),
}


def told(world: World, found: Presence) -> str:
    """Every answer about the job, one below the other."""
    now = world.clock.now()
    question = asked(world, presence=found)

    def line(**about: object) -> str:
        options = {"params": {}, "on": None, "at": None, "zone": UTC_ZONE, "now": now, "presence": found}
        answer = did(world.view, "hello", **options | about)  # type: ignore[arg-type]
        since = f" since: {answer.asked_since.id[:8]}" if answer.asked_since else ""
        return f"{answer.answer.name}{since} [{', '.join(answer.states)}]\n  {answer.line}"

    stories: list[str] = []

    def story(name: str, found: Story) -> str:
        lines = as_lines(found)
        if lines in stories:
            return f"{name}: the same story: {found.headline}"
        stories.append(lines)
        return f"{name}: {lines}"

    report = make_report(world.view, since=NOON, until=NOON + DAY, now=now, presence=found)
    numbers = {key: value for key, value in report_to_json(report).items() if value and key != "jobs"}
    status = make_status(world.view, presence=found, file=None, free_bytes=10**12, now=now)
    says = ("jobs", "running", "waiting", "overdue", "unsettled", "waits_for", "away_words", "is_well")
    shown = {name: getattr(status, name) for name in says if getattr(status, name)}
    return "\n\n".join(
        (
            f"did: {line()}",
            f"did --on today: {line(on=(NOON.date(), NOON.date()))}",
            f"did --on yesterday: {line(on=((NOON - DAY).date(),) * 2)}",
            f"did --at 13:00: {line(at=NOON + HOUR)}",
            story("why", why_newest(question)),
            story("why today", why_day(question, NOON.date())),
            story("why tomorrow", why_day(question, (NOON + DAY).date())),
            *(f"did {run.id[:8]}: {line(run=run)}" for run in world.runs()),
            *(story(f"why {run.id[:8]}", why_run(question, run)) for run in world.runs()),
            f"report: {json.dumps(numbers)}, is_well: {report.total.is_well}",
            f"status: {json.dumps(shown)}\n",
        )
    )


@pytest.mark.parametrize("name", PLOTS)
def test_every_answer_shows_the_story_in_the_same_words_as_before(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    plot = PLOTS[name]
    world = World(tmp_path, plot.text, at=NOON, max_running=plot.places)
    plot.happens(world)
    text = told(world, plot.engine(world))
    path = HERE / f"{name}.txt"
    if request.config.getoption("--update"):
        path.write_text(text)
    assert text == path.read_text()
    world.crash()


def test_each_golden_story_has_its_plot() -> None:
    assert {path.stem for path in known_files("tests/engine/stories", "*.txt")} == set(PLOTS)
