"""Faults of time, of definitions and of people, numbered, each with what must come of it.

The real loops on a real ledger, under a clock that is set.
"""

from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from engine.answers.why import why
from engine.core.events import (
    ClockBelieved,
    ClockHeld,
    ClockJumped,
    ConfigRejected,
    EngineWasAway,
    Event,
    JobPaused,
    JobRenamed,
    RemovalsHeld,
    SkipsInARow,
)
from engine.core.lifecycle import RunState
from engine.journal.lines import event_text
from jobfile.schedule.occurrences import load_zone
from tests.builders import DAY, HOUR, MINUTE, NOON
from tests.engine.world import World


def a_file(*lines: str, schedule: str = '"0 * * * *"', name: str = "hello") -> str:
    body = [f"schedule: {schedule}", "command: ['true']", *lines]
    return "\n".join(["version: 1", "jobs:", f"  {name}:", *(f"    {line}" for line in body)]) + "\n"


def down(world: World, *, seconds: float) -> None:
    """The engine is killed, and another starts so much later."""
    world.crash()
    world.clock.advance(seconds=seconds)
    world.boot()


def told(world: World, kind: type[Event]) -> list[Event]:  # type: ignore[valid-type]  # a union of classes
    return [event for event in world.journal.events if isinstance(event, kind)]  # type: ignore[arg-type]


def resume(world: World) -> None:
    with world.store.transaction():
        assert world.store.pauses.end("hello", by="anna", now=world.clock.now())


TWO_TEN = datetime.fromisoformat("2026-03-06T02:10:00+00:00")
OUTAGE = timedelta(hours=4, minutes=30).total_seconds()


def test_f18_last_runs_the_newest_and_one_incident_names_the_outage(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=TWO_TEN)
    down(world, seconds=OUTAGE)
    assert world.states() == [
        ("06 03:00", "skipped", "superseded"),
        ("06 04:00", "skipped", "superseded"),
        ("06 05:00", "skipped", "superseded"),
        ("06 06:00", "running", ""),
    ]
    (away,) = told(world, EngineWasAway)
    assert isinstance(away, EngineWasAway)
    assert (away.since, away.until, away.occurrences) == (TWO_TEN, world.clock.now(), 4)
    (incident,) = world.view.recent_incidents(limit=5)
    assert (incident.kind, incident.began_at, incident.occurrences, incident.jobs) == ("away", TWO_TEN, 4, 1)
    world.check()


def test_f19_all_runs_the_newest_in_order_up_to_its_limit(tmp_path: Path) -> None:
    world = World(tmp_path, a_file("catchup: {mode: all, max: 2}"), at=TWO_TEN)
    down(world, seconds=OUTAGE)
    for _ in range(3):
        world.finish()
        world.catch_up(seconds=2)
    assert world.states() == [
        ("06 03:00", "missed", "catchup_limit"),
        ("06 04:00", "missed", "catchup_limit"),
        ("06 05:00", "succeeded", ""),
        ("06 06:00", "succeeded", ""),
    ]
    fifth, sixth = world.runs()[2:]
    assert fifth.ended_at is not None
    assert sixth.started_at is not None
    assert fifth.ended_at <= sixth.started_at
    world.check()


def test_f20_none_misses_all_and_the_next_one_runs(tmp_path: Path) -> None:
    world = World(tmp_path, a_file("catchup: none"), at=TWO_TEN)
    down(world, seconds=OUTAGE)
    world.pass_time(seconds=20 * 60)
    states = world.states()
    assert [state[1:] for state in states[:4]] == [("missed", "engine_down")] * 4
    assert states[4] == ("06 07:00", "running", "")
    world.check()


def test_f21_two_weeks_down_are_one_run_and_one_gap_record(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(schedule='"*/1 * * * *"'), at=NOON)
    down(world, seconds=14 * 86_400)
    (gap,) = world.all_gaps()
    assert (gap.count, gap.state, gap.reason) == (20_159, RunState.SKIPPED, "superseded")
    assert [state for state, _ in [(run.state, run) for run in world.runs()]] == [RunState.RUNNING]
    world.finish()
    world.pass_time(seconds=60)
    assert len(world.runs()) == 2
    world.check()


def test_f22_an_occurrence_beyond_its_deadline_is_missed(tmp_path: Path) -> None:
    text = a_file("start_deadline: 1h", schedule='"0 2 * * *"')
    world = World(tmp_path, text, at=datetime.fromisoformat("2026-03-06T01:30:00+00:00"))
    down(world, seconds=2 * 3600)
    assert world.states() == [("06 02:00", "missed", "start_deadline")]
    world.check()


def test_f22_a_waiting_run_is_missed_when_its_deadline_passes(tmp_path: Path) -> None:
    lines = ("start_deadline: 90s", "concurrency: {on_overlap: queue}")
    world = World(tmp_path, a_file(*lines, schedule='"*/5 * * * *"'), at=NOON)
    world.pass_time(seconds=300)
    world.pass_time(seconds=300)
    assert world.states()[1] == ("05 12:10", "queued", "overlap")
    world.pass_time(seconds=89)
    assert world.states()[1] == ("05 12:10", "queued", "overlap")
    world.pass_time(seconds=2)
    assert world.states()[1] == ("05 12:10", "missed", "start_deadline")
    assert world.runs()[1].detail == "overlap"
    world.finish()
    assert len(world.launcher.executed) == 1
    world.check()


@pytest.mark.parametrize("is_suspended", [True, False], ids=["suspended", "stopped"])
def test_f23_f24_a_stalled_engine_takes_the_path_of_one_that_was_down(
    tmp_path: Path, is_suspended: bool
) -> None:
    """SIGSTOP and suspend look the same: both clocks went on, and nobody was there."""
    world = World(tmp_path, a_file(schedule='"*/5 * * * *"'), at=NOON)
    world.pass_time(seconds=60)
    world.clock.advance(seconds=8 * 3600 if is_suspended else 12 * 60)
    world.step()
    assert told(world, ClockJumped) == []
    assert [run.state for run in world.runs()][-1] is RunState.RUNNING
    rest = {run.reason for run in world.runs()[:-1]} | {gap.reason for gap in world.all_gaps()}
    assert rest == {"superseded"}
    (away,) = told(world, EngineWasAway)
    assert isinstance(away, EngineWasAway)
    assert away.since == NOON + MINUTE
    assert "the engine was running but could not decide" in event_text(away)
    assert "not running" not in event_text(away)
    world.check()


class LateWorld(World):
    """Its engine has begun and its first turn comes late: the host slept, say, or the disk was full."""

    late = 0.0

    def step(self) -> None:
        self.clock.advance(seconds=self.late)
        super().step()


@pytest.mark.parametrize("is_engine_before", [True, False])
@pytest.mark.parametrize(
    ("late", "said"),
    [
        (0, ": the engine was not running"),
        (
            1800,
            ": the engine was not running; then it ran but could not decide: its ledger was not writable",
        ),
    ],
)
def test_the_end_of_an_absence_says_no_more_of_it_than_is_known(
    tmp_path: Path, late: float, said: str, *, is_engine_before: bool
) -> None:
    world = LateWorld(tmp_path, a_file(schedule='"*/5 * * * *"'), at=NOON)
    if not is_engine_before:
        world.crash()
        world.clock.advance(seconds=900)
        world.boot()
    world.crash()
    world.clock.advance(seconds=3600)
    world.late = late
    world.boot()
    text = event_text(told(world, EngineWasAway)[-1])
    assert said in text
    assert late or text.endswith(said)


def test_f24_after_an_absence_at_most_two_runs_start_a_second(tmp_path: Path) -> None:
    jobs = "\n".join(f"  job-{n}: {{schedule: '0 * * * *', command: ['true']}}" for n in range(9))
    world = World(tmp_path, f"version: 1\njobs:\n{jobs}\n", at=NOON + MINUTE)
    down(world, seconds=3600)
    started = [len(world.launcher.executed)]
    for _ in range(5):
        world.catch_up(seconds=1)
        started.append(len(world.launcher.executed))
    assert started == [2, 4, 6, 8, 9, 9]
    waiting = [run for run in world.view.recent_runs(job=None, state=None, limit=99) if run.reason]
    assert waiting == []
    world.check()


def test_f25_a_clock_set_forward_is_an_absence_with_its_own_name(tmp_path: Path) -> None:
    world = World(tmp_path, a_file("catchup: none", schedule='"*/1 * * * *"'), at=NOON)
    world.pass_time(seconds=30)
    world.clock.jump(seconds=7200)
    world.step()
    (jumped,) = told(world, ClockJumped)
    assert isinstance(jumped, ClockJumped)
    assert jumped.seconds == 7200
    (gap,) = world.all_gaps()
    assert (gap.count, gap.state, gap.reason) == (120, RunState.MISSED, "clock_jump")
    world.pass_time(seconds=30)
    assert world.states()[-1] == ("05 14:01", "running", "")
    world.check()


def test_f26_a_clock_set_back_starts_nothing_until_it_has_caught_up(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(schedule='"*/1 * * * *"'), at=NOON)
    for _ in range(5):
        world.pass_time(seconds=60)
        world.finish()
    before = world.states()
    world.clock.jump(seconds=-1800)
    for _ in range(30):
        world.pass_time(seconds=60)
    assert world.states() == before
    assert len(told(world, ClockJumped)) == 1
    world.pass_time(seconds=60)
    assert len(world.states()) == len(before) + 1
    world.check()


def test_f27_a_daily_job_is_not_run_again_when_the_clock_is_set_back(tmp_path: Path) -> None:
    two = datetime.fromisoformat("2026-03-06T02:00:00+00:00")
    world = World(tmp_path, a_file(schedule='"0 2 * * *"'), at=two - HOUR)
    world.pass_time(seconds=3600)
    world.finish()
    world.clock.jump(seconds=-600)
    world.step()
    for _ in range(40):
        world.pass_time(seconds=60)
    assert world.states() == [("06 02:00", "succeeded", "")]
    world.check()


def test_f28_an_absurd_clock_changes_nothing_and_is_forgotten_when_it_is_fixed(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    covered = world.store.covered_in_force()
    away = (datetime.fromisoformat("2099-01-01T00:00:00+00:00") - NOON).total_seconds()
    world.clock.jump(seconds=away)
    for _ in range(3):
        world.pass_time(seconds=600)
    world.edit(a_file(schedule='"*/7 * * * *"'))
    assert world.store.covered_in_force() == covered
    assert len(told(world, ClockHeld)) == 1
    assert world.states() == []
    down(world, seconds=60)
    assert world.guard.is_held
    world.clock.jump(seconds=-away)
    world.step()
    assert not world.guard.is_held
    assert len(told(world, ClockBelieved)) == 1
    world.edit(a_file())
    until = NOON + HOUR - world.clock.now()
    world.pass_time(seconds=until.total_seconds())
    assert world.states() == [("05 13:00", "running", "")]
    world.check()


def test_f28_a_held_engine_settles_what_runs(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    world.pass_time(seconds=3600)
    world.clock.jump(seconds=1e9)
    world.step()
    world.finish(exit_code=0)
    assert [state[1] for state in world.states()] == ["succeeded"]


def test_f28_a_clock_that_the_system_calls_synchronized_is_believed_after_a_minute(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    world.clock.jump(seconds=40 * 86_400)
    world.is_synchronized = True
    world.step()
    for _ in range(5):
        world.pass_time(seconds=10)
    assert world.guard.is_held
    world.pass_time(seconds=10)
    assert not world.guard.is_held
    assert world.runs()[-1].state is RunState.RUNNING
    world.check()


def test_f29_a_year_back_is_held_until_a_person_accepts_it_and_then_true_times_run(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    world.pass_time(seconds=3600)
    world.finish()
    world.clock.jump(seconds=86_400 * 20)
    world.is_synchronized = True
    world.step()
    world.pass_time(seconds=60)
    world.is_synchronized = None
    world.finish()
    assert world.runs()[-1].scheduled_for > NOON + 20 * DAY  # the false time was believed
    down(world, seconds=60)
    world.clock.jump(seconds=-86_400 * 20)
    down(world, seconds=0)
    assert world.guard.is_held
    before = len(world.runs())
    world.pass_time(seconds=3 * 3600)
    assert len(world.runs()) == before
    with world.store.transaction():
        assert world.store.incidents.accept_hold(actor="anna")
    world.step()
    assert not world.guard.is_held
    assert world.store.incidents.clock_epoch() == 1
    world.pass_time(seconds=3600)
    true_run = world.runs_of_epoch(1)[-1]
    assert true_run.state is RunState.RUNNING
    assert true_run.scheduled_for < NOON + DAY
    world.check()


def test_f30_with_an_unsteady_clock_no_run_is_early_or_doubled(tmp_path: Path) -> None:
    jobs = "\n".join(
        f"  job-{n}: {{schedule: {{every: {n + 1}m}}, concurrency: {{limit: none}}, command: ['true']}}"
        for n in range(12)
    )
    world = World(tmp_path, f"version: 1\njobs:\n{jobs}\n", at=NOON, max_running=10_000)
    chance = Random(30)
    for _ in range(3600):
        world.clock.jump(seconds=chance.uniform(-0.05, 0.05))
        world.clock.advance(seconds=1)
        world.scheduler.tick()
        world.worker.tick()
    for run in world.view.recent_runs(job=None, state=None, limit=10**6):
        assert run.started_at is None or run.started_at >= run.scheduled_for
    assert told(world, ClockJumped) == []
    assert told(world, EngineWasAway) == []
    world.check()


def test_f31_a_timer_that_wakes_early_waits_and_the_next_one_counts_from_the_plan(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    world.pass_time(seconds=3599.7)
    assert world.states() == []
    assert world.scheduler.tick() == pytest.approx(0.3)
    world.pass_time(seconds=0.4)
    world.finish()
    world.pass_time(seconds=3599.8)
    assert world.states() == [("05 13:00", "succeeded", "")]
    world.pass_time(seconds=0.1)
    assert [state[0] for state in world.states()] == ["05 13:00", "05 14:00"]


def local(world: World, zone: str) -> list[str]:
    found = load_zone(zone)
    return [f"{run.scheduled_for.astimezone(found):%H:%M%z}" for run in world.runs()]


NEW_YORK = "America/New_York"


def a_clock_day(tmp_path: Path, cron: str, day: str, restarts: tuple[int, ...]) -> World:
    """Twelve hours around a change of the clock, minute by minute, with restarts in some of them."""
    text = a_file("timezone: America/New_York", schedule=f'"{cron}"')
    world = World(tmp_path, text, at=datetime.fromisoformat(f"{day}T04:00:00+00:00"))
    for minute in range(8 * 60):
        if minute in restarts:
            down(world, seconds=0)
        world.pass_time(seconds=60)
        world.finish()
    return world


def test_f33_a_time_that_does_not_exist_runs_once_whatever_restarts(tmp_path: Path) -> None:
    world = a_clock_day(tmp_path, "30 2 * * *", "2026-03-08", restarts=(179, 180, 181, 200))
    assert local(world, NEW_YORK) == ["03:00-0400"]
    world.check()


def test_f34_a_time_that_exists_twice_runs_at_the_first_whatever_restarts(tmp_path: Path) -> None:
    world = a_clock_day(tmp_path, "30 1 * * *", "2026-11-01", restarts=(91, 119, 121, 150, 151))
    assert local(world, NEW_YORK) == ["01:30-0400"]
    world.check()


def test_f35_an_hour_that_exists_twice_has_two_runs(tmp_path: Path) -> None:
    world = a_clock_day(tmp_path, "0 * * * *", "2026-11-01", restarts=(70,))
    found = local(world, NEW_YORK)
    assert found.index("01:00-0400") + 1 == found.index("01:00-0500")
    assert len(found) == len(set(found)) == 8
    world.check()


def test_f38_an_edit_never_runs_what_lies_before_it(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(schedule='"0 23 * * *"'), at=NOON)
    world.edit(a_file(schedule='"0 5 * * *"'))
    world.pass_time(seconds=16 * 3600)
    assert world.states() == []
    world.pass_time(seconds=2 * 3600)
    assert world.states() == [("06 05:00", "running", "")]
    world.check()


def test_f39_an_edit_of_the_description_starts_nothing_and_covers_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    world.pass_time(seconds=3600)
    (before,) = world.store.schedules_in_force()
    world.edit(a_file("description: another"))
    (after,) = world.store.schedules_in_force()
    assert (after.id, after.covered_until) == (before.id, before.covered_until)
    assert len(world.runs()) == 1


def test_f40_what_was_missed_before_an_edit_follows_the_old_rule(tmp_path: Path) -> None:
    world = World(tmp_path, a_file("catchup: none"), at=NOON)
    (old,) = world.store.jobs_in_force()
    world.crash()
    world.tree.text = a_file(schedule='"30 * * * *"')
    world.clock.advance(seconds=2.7 * 3600)
    world.boot()
    world.pass_time(seconds=3600)
    assert world.states() == [
        ("05 13:00", "missed", "engine_down"),
        ("05 14:00", "missed", "engine_down"),
        ("05 15:30", "running", ""),
    ]
    digests = [run.digest for run in world.runs()]
    assert digests[0] == digests[1] == old.digest != digests[2]
    world.check()


def test_f41_a_removed_job_ends_its_runs_and_nothing_is_expected_until_it_is_back(tmp_path: Path) -> None:
    world = World(tmp_path, a_file("concurrency: {on_overlap: queue}"), at=NOON)
    world.pass_time(seconds=3600)
    world.pass_time(seconds=3600)
    world.edit("version: 1\njobs: {}\n")
    assert [state[1:] for state in world.states()] == [("running", ""), ("cancelled", "job_removed")]
    world.finish()
    world.pass_time(seconds=3 * 3600)
    hole = world.clock.now() - HOUR
    world.edit(a_file())
    world.pass_time(seconds=3600)
    assert [state[1] for state in world.states()] == ["succeeded", "cancelled", "running"]
    story = why(world.view, "hello", hole.replace(minute=0, second=0), zone=load_zone("UTC"), now=NOON + DAY)  # type: ignore[arg-type]
    assert not story.is_expected
    assert "removed" in story.headline
    world.check()


def many(count: int, *, first: int = 0) -> str:
    jobs = (
        f"  job-{n}: {{schedule: '{n % 60} * * * *', command: ['true']}}" for n in range(first, first + count)
    )
    return "version: 1\njobs:" + ("\n" + "\n".join(jobs) if count else " {}") + "\n"


def test_f43_a_mass_removal_is_not_applied_until_it_is_confirmed(tmp_path: Path) -> None:
    world = World(tmp_path, many(40), at=NOON)
    world.edit(many(10))
    assert len(world.store.jobs_in_force()) == 40
    assert len(told(world, RemovalsHeld)) == 1
    rejection = world.view.open_rejection()
    assert rejection is not None
    assert "30 jobs would be removed at once" in rejection.diagnostics[0]
    world.clock.advance(seconds=290)
    world.watcher.tick()
    assert len(world.store.jobs_in_force()) == 40
    world.clock.advance(seconds=20)
    world.watcher.tick()
    assert len(world.store.jobs_in_force()) == 10
    assert world.view.open_rejection() is None
    world.check()


@pytest.mark.parametrize(("before", "after", "in_force"), [(40, 32, 32), (40, 31, 40), (6, 1, 1), (6, 0, 6)])
def test_f43_many_are_more_than_five_and_more_than_a_fifth(
    tmp_path: Path, before: int, after: int, in_force: int
) -> None:
    world = World(tmp_path, many(before), at=NOON)
    world.edit(many(after))
    assert len(world.store.jobs_in_force()) == in_force
    assert len(told(world, RemovalsHeld)) == (in_force == before)


def test_f43_the_wait_for_a_confirmation_begins_again_when_the_files_change(tmp_path: Path) -> None:
    world = World(tmp_path, many(40), at=NOON)
    world.edit(many(10))
    world.clock.advance(seconds=200)
    world.edit(many(11))
    world.clock.advance(seconds=200)
    world.watcher.tick()
    assert len(world.store.jobs_in_force()) == 40
    world.edit(many(40))
    assert world.view.open_rejection() is None
    world.clock.advance(seconds=400)
    world.watcher.tick()
    assert len(world.store.jobs_in_force()) == 40


@pytest.mark.parametrize(("before", "after", "is_applied"), [(40, 33, True), (6, 1, True), (10, 4, False)])
def test_f43_a_few_jobs_are_removed_at_once(
    tmp_path: Path, before: int, after: int, is_applied: bool
) -> None:
    world = World(tmp_path, many(before), at=NOON)
    world.edit(many(after))
    assert len(world.store.jobs_in_force()) == (after if is_applied else before)


def test_f43_a_folder_that_is_gone_changes_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, many(3), at=NOON)
    world.tree.problem = "jobs.yaml: no such file"
    for _ in range(300):
        world.clock.advance(seconds=10)
        world.watcher.tick()
    assert len(world.store.jobs_in_force()) == 3
    assert len(told(world, ConfigRejected)) == 1


def test_f44_a_set_with_an_error_is_refused_whole_and_nothing_is_missed(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    bad = a_file(schedule='"0 61 * * *"') + (
        "  other: {schedule: '0 1 * * *', timezone: Mars/Olympus, command: ['true']}\n"
    )
    world.edit(bad)
    (rejected,) = told(world, ConfigRejected)
    assert isinstance(rejected, ConfigRejected)
    assert len([line for line in rejected.diagnostics if "jobs.yaml:" in line]) == 2
    world.pass_time(seconds=3600)
    assert world.states() == [("05 13:00", "running", "")]
    world.edit(a_file("description: mended"))
    generation = world.store.current_generation()
    assert generation is not None
    assert generation.number == 2
    world.check()


def test_f46_a_pause_is_one_gap_record_and_nothing_of_it_is_caught_up(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON + 30 * MINUTE)
    world.pause("hello")
    for _ in range(72):
        world.pass_time(seconds=3600)
    resume(world)
    world.step()
    assert world.states() == []
    (gap,) = world.all_gaps()
    assert (gap.count, gap.state, gap.reason) == (72, RunState.SKIPPED, "paused")
    assert gap.detail == "anna: vendor outage"
    world.pass_time(seconds=3600)
    assert [state[1] for state in world.states()] == ["running"]
    world.check()


def test_f47_a_pause_outlives_engines_and_edits(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    world.pause("hello")
    down(world, seconds=3600)
    world.edit(a_file("description: another"))
    world.edit(a_file(schedule='"*/30 * * * *"'))
    world.pass_time(seconds=3600)
    assert world.states() == []
    (one,) = world.view.pauses_between("hello", since=world.clock.now(), until=world.clock.now())
    assert (one.actor, one.reason) == ("anna", "vendor outage")
    assert sum(gap.count for gap in world.all_gaps()) == len(
        [gap for gap in world.all_gaps() for _ in range(gap.count) if gap.reason == "paused"]
    )
    world.check()


def test_a_pause_with_an_end_ends_by_itself_even_while_no_engine_runs(tmp_path: Path) -> None:
    world = World(tmp_path, a_file("catchup: none"), at=NOON)
    world.pause("hello", minutes=150)
    down(world, seconds=4.5 * 3600)
    (gap,) = world.all_gaps()
    assert (gap.count, gap.reason) == (2, "paused")
    assert world.states() == [("05 15:00", "missed", "engine_down"), ("05 16:00", "missed", "engine_down")]
    world.check()


def test_a_job_pauses_itself_after_failures_and_is_forgiven_when_it_is_resumed(tmp_path: Path) -> None:
    world = World(tmp_path, a_file("pause_on_failure: 2"), at=NOON)
    for _ in range(4):
        world.pass_time(seconds=3600)
        world.finish(exit_code=1)
    assert [state[1] for state in world.states()] == ["failed", "failed"]
    (paused,) = told(world, JobPaused)
    assert isinstance(paused, JobPaused)
    assert paused.reason.startswith("2 failed runs in a row, the last is ")
    resume(world)
    world.pass_time(seconds=3600)
    world.finish(exit_code=1)
    world.pass_time(seconds=3600)
    world.finish(exit_code=0)
    for _ in range(2):
        world.pass_time(seconds=3600)
        for attempt in world.launcher.running():
            world.launcher.lose(attempt)
        world.step()
    assert [state[1] for state in world.states()][2:] == ["failed", "succeeded", "lost", "lost"]
    assert len(told(world, JobPaused)) == 2
    world.check()


def test_f48_runs_are_skipped_while_one_hangs_and_that_is_reported_once(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(schedule='"*/5 * * * *"'), at=NOON)
    for _ in range(6):
        world.pass_time(seconds=300)
    first, *others = world.runs()
    assert {(run.state, run.reason, run.detail) for run in others} == {
        (RunState.SKIPPED, "overlap", first.id)
    }
    assert len(others) == 5
    (alarm,) = told(world, SkipsInARow)
    assert isinstance(alarm, SkipsInARow)
    assert alarm.detail == first.id
    world.launcher.time_out(world.launcher.running()[0])
    world.step()
    assert world.runs()[0].state is RunState.TIMED_OUT
    world.check()


def test_f49_a_run_by_hand_is_in_the_way(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    by_hand = world.run_by_hand("hello")
    world.pass_time(seconds=3600)
    scheduled = world.runs()[-1]
    assert (scheduled.state, scheduled.reason, scheduled.detail) == (RunState.SKIPPED, "overlap", by_hand.id)
    world.check()


def test_f50_a_run_that_was_taken_over_is_in_the_way(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    world.pass_time(seconds=3600)
    down(world, seconds=60)
    world.pass_time(seconds=3540)
    assert [state[1:] for state in world.states()] == [("running", ""), ("skipped", "overlap")]
    world.check()


def test_f51_latest_keeps_one_waiting_the_newest(tmp_path: Path) -> None:
    world = World(tmp_path, a_file("concurrency: {on_overlap: latest}"), at=NOON)
    for _ in range(3):
        world.pass_time(seconds=3600)
        assert len([run for run in world.runs() if run.state is RunState.QUEUED]) <= 1
    assert [state[1:] for state in world.states()] == [
        ("running", ""),
        ("skipped", "superseded"),
        ("queued", "overlap"),
    ]
    world.finish()
    assert world.states()[2][1] == "running"
    world.check()


def test_f52_a_successor_waits_as_long_as_the_old_one_cannot_be_killed(tmp_path: Path) -> None:
    world = World(tmp_path, a_file("concurrency: {on_overlap: kill_running}"), at=NOON)
    world.pass_time(seconds=3600)
    for _ in range(4):
        world.pass_time(seconds=3600)
        states = [run.state for run in world.runs()]
        assert states[0] is RunState.CANCELLING
        assert states[-1] is RunState.QUEUED
        assert len(world.launcher.running()) == 1
    world.launcher.obey(world.launcher.running()[0])
    world.step()
    assert [run.state for run in world.runs()][-1] is RunState.RUNNING
    world.check()


def test_a_rename_keeps_history_coverage_and_pause(tmp_path: Path) -> None:
    world = World(tmp_path, a_file("concurrency: {on_overlap: queue}"), at=NOON)
    world.pass_time(seconds=3600)
    world.pass_time(seconds=3600)
    (before,) = world.store.schedules_in_force()
    world.edit(a_file("renamed_from: hello", "concurrency: {on_overlap: queue}", name="goodbye"))
    (after,) = world.store.schedules_in_force()
    assert (after.id, after.covered_until) == (before.id, before.covered_until)
    assert world.states("hello") == []
    assert [state[1] for state in world.states("goodbye")] == ["running", "queued"]
    (renamed,) = told(world, JobRenamed)
    assert renamed == JobRenamed(old="hello", new="goodbye", is_kept=True)
    world.finish()
    assert [state[1] for state in world.states("goodbye")] == ["succeeded", "running"]
    world.pass_time(seconds=3600)
    assert len(world.states("goodbye")) == 3
    world.check()


def test_a_rename_to_a_name_with_a_history_is_a_new_beginning(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(name="goodbye"), at=NOON)
    world.pass_time(seconds=3600)
    world.finish()
    world.edit(a_file(name="hello"))
    world.pass_time(seconds=3600)
    world.finish()
    world.edit(a_file("renamed_from: hello", name="goodbye"))
    assert len(world.states("hello")) == len(world.states("goodbye")) == 1
    world.pass_time(seconds=3600)
    assert len(world.states("goodbye")) == 2
    world.check()


def test_a_spread_delays_the_start_and_what_is_in_the_way_counts_then(tmp_path: Path) -> None:
    text = a_file(schedule="{cron: '0 * * * *', spread: 30m}")
    world = World(tmp_path, text, at=NOON)
    world.pass_time(seconds=3600)
    (run,) = world.runs()
    delay = run.not_before - run.scheduled_for
    assert timedelta(0) < delay < 30 * MINUTE
    assert (run.state, run.reason) == (RunState.QUEUED, "spread")
    by_hand = world.run_by_hand("hello")
    assert world.store.run(by_hand.id).state is RunState.RUNNING  # type: ignore[union-attr]
    world.pass_time(seconds=delay.total_seconds() - 1)
    assert world.states()[0] == ("05 13:00", "queued", "spread")
    world.finish()
    world.pass_time(seconds=1)
    assert world.runs()[0].state is RunState.RUNNING
    assert world.runs()[0].started_at == run.not_before
    world.pass_time(seconds=3600)
    assert world.states()[-1][1:] == ("skipped", "overlap")
    world.check()


def test_a_spread_that_had_not_passed_before_an_absence_is_not_late(tmp_path: Path) -> None:
    text = a_file("catchup: none", schedule="{cron: '0 * * * *', spread: 59m}")
    world = World(tmp_path, text, at=NOON + 30 * MINUTE)
    down(world, seconds=30 * 60 + 5)
    assert world.states() == [("05 13:00", "queued", "spread")]
    down(world, seconds=3000)
    assert world.states()[0][1] == "running"
    world.check()


def test_a_waiting_run_starts_with_the_definition_in_force(tmp_path: Path) -> None:
    queue = "concurrency: {on_overlap: queue}"
    world = World(tmp_path, a_file(queue, "retry: {attempts: 2, delay: 10m, jitter: none}"), at=NOON)
    world.pass_time(seconds=3600)
    world.pass_time(seconds=3600)
    first, second = world.runs()
    world.edit(a_file(queue, "env: {NEW: 'yes'}"))
    assert world.runs()[0].digest == first.digest
    assert world.runs()[1].digest != second.digest
    assert world.runs()[1].generation == second.generation
    world.finish(exit_code=1)
    world.pass_time(seconds=600)
    world.finish()
    orders = [flight.order for flight in world.launcher.flights.values()]
    assert [order.env.get("NEW") for order in orders] == [None, None, "yes"]
    world.check()


def test_f74_why_has_an_answer_for_every_instant_of_a_year_of_faults(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(schedule='"0 */3 * * *"'), at=NOON)
    chance = Random(74)
    texts = [a_file(schedule='"0 */3 * * *"'), a_file(schedule='"0 7 * * *"'), "version: 1\njobs: {}\n"]
    while world.clock.now() < NOON + 366 * DAY:
        hours = chance.uniform(1, 80)
        match chance.randrange(7):
            case 0:
                down(world, seconds=hours * 3600)
            case 1:
                world.edit(chance.choice(texts))
            case 2:
                world.pause("hello", minutes=int(hours * 60))
            case 3:
                world.clock.jump(seconds=-hours * 60)
            case 4:
                world.clock.jump(seconds=hours * 600)
            case _:
                world.finish(exit_code=chance.randrange(2))
        world.pass_time(seconds=hours * 1800)
        world.finish()
    world.check()
    now, zone = world.clock.now(), load_zone("UTC")
    assert zone is not None
    expected = {run.scheduled_for: (run.state, run.reason) for run in world.runs() if run.schedule_key}
    for gap in world.all_gaps():
        expected |= {at: (gap.state, gap.reason) for at in world.instants(gap)}
    asked = [NOON + timedelta(minutes=chance.randrange(366 * 24 * 60)) for _ in range(200)]
    asked += chance.sample(sorted(expected), min(300, len(expected)))
    for at in asked:
        story = why(world.view, "hello", at, zone=zone, now=now)
        assert story.headline
        if at in expected:
            assert (story.state, story.reason) == expected[at]
        else:
            assert story.state is None
            assert story.reason or at > now


def test_what_a_clock_that_was_ahead_let_wait_goes_on_when_it_is_right(tmp_path: Path) -> None:
    world = World(tmp_path, a_file("retry: {attempts: 2, delay: 10s, max_delay: 1m}"), at=NOON)
    world.pass_time(seconds=3600)
    world.clock.jump(seconds=7_200)
    world.finish(exit_code=1)
    (tried, *_) = world.runs()
    assert tried.state is RunState.RETRY_WAIT
    world.clock.jump(seconds=90 * 86_400)
    world.step()
    assert world.guard.is_held
    asked = world.run_by_hand("hello")
    world.clock.jump(seconds=-90 * 86_400 - 7_200)
    world.step()
    assert not world.guard.is_held
    world.pass_time(seconds=60)
    world.finish()
    found = {run.id: (run.state, run.attempt) for run in world.runs()}
    assert found[tried.id] == (RunState.SUCCEEDED, 2)
    world.pass_time(seconds=1)
    world.finish()
    asked_now = world.store.run(asked.id)
    assert asked_now is not None
    assert asked_now.state in (RunState.SUCCEEDED, RunState.SKIPPED)
    world.check()


def test_a_future_occurrence_of_a_wrong_clock_is_missed_after_the_correction(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(schedule='{cron: "0 * * * *", spread: 50m}'), at=NOON)
    world.clock.jump(seconds=20 * 3600)
    world.step()
    waiting = [run for run in world.runs() if run.state is RunState.QUEUED]
    world.crash()
    world.boot_id += "'"
    world.clock.jump(seconds=-20 * 3600)
    world.boot()
    assert world.guard.is_held
    with world.store.transaction():
        world.store.incidents.accept_hold(actor="anna")
    world.step()
    assert waiting
    for run in waiting:
        now = world.store.run(run.id)
        assert now is not None
        assert (now.state, now.reason) == (RunState.MISSED, "clock_jump")
    world.check()
