"""The guard of the wall clock: when it holds the engine, for how long, and which waits it corrects."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from engine.core.clocks import FAR_AHEAD, FAR_BEHIND, JUMP, LONGEST_ABSENCE
from engine.core.events import ClockBelieved, ClockHeld, ClockJumped
from engine.core.lifecycle import Run, RunState
from engine.core.records import Incident, Session
from engine.core.retry import retry_delay
from engine.loops.clock_guard import SYNCHRONIZED_SECONDS, ClockGuard, Look
from tests.builders import DAY, HOUR, MINUTE, NOON
from tests.engine.world import World

SECOND = timedelta(seconds=1)
ONE_JOB = (
    "version: 1\njobs: {hello: {schedule: {every: 1m}, command: [a], retry: {attempts: 9, max_delay: 10m}}}\n"
)


def a_guard(
    world: World, *, before: Session | None = None, built_at: datetime = NOON - 60 * DAY
) -> ClockGuard:
    """One more guard of this engine; nothing was reported yet."""
    world.journal.events.clear()
    return ClockGuard(
        store=world.store,
        clock=world.clock,
        journal=world.journal,
        boot_id="boot-1",
        before=before,
        built_at=built_at,
        is_synchronized=lambda: world.is_synchronized,
    )


def believing(world: World) -> ClockGuard:
    """One more guard, which has looked once and believed what it saw."""
    guard = a_guard(world)
    assert not guard.look().is_held
    return guard


def a_session(
    last_seen: datetime, *, boot_id: str = "boot-1", boot_seconds: float | None = 1000.0
) -> Session:
    """The session before this one, which was last seen at a second of its boot."""
    return Session(1, boot_id, 1, "1", last_seen, last_seen, None, "", boot_seconds)


def said(world: World) -> list[str]:
    """What the guard reported, in one word each."""
    words = {ClockHeld: "held", ClockBelieved: "believed", ClockJumped: "jumped"}
    return [words[type(one)] for one in world.journal.events]  # type: ignore[index]  # only these


def of_clock(world: World) -> list[Incident]:
    """The incidents of the clock, oldest first."""
    return [one for one in reversed(world.view.recent_incidents(limit=99)) if one.kind.startswith("clock")]


def accept(world: World) -> None:
    with world.store.transaction():
        assert world.store.incidents.accept_hold(actor="anna")


@pytest.mark.parametrize(
    ("before", "reported"),
    [
        (None, []),
        (a_session(NOON), []),
        (a_session(NOON - JUMP), []),
        (a_session(NOON - HOUR), ["jumped"]),
        (a_session(NOON - FAR_AHEAD), ["jumped"]),
        (a_session(NOON - FAR_AHEAD - SECOND), ["jumped", "held"]),
        (a_session(NOON - FAR_AHEAD - SECOND, boot_seconds=999 - FAR_AHEAD.total_seconds()), []),
        (a_session(NOON - FAR_AHEAD - SECOND, boot_id="boot-0"), []),
        (a_session(NOON - FAR_AHEAD - SECOND, boot_seconds=None), []),
        (a_session(NOON - LONGEST_ABSENCE, boot_id="boot-0"), []),
        (a_session(NOON - LONGEST_ABSENCE - SECOND, boot_id="boot-0"), ["held"]),
        (a_session(NOON - LONGEST_ABSENCE - SECOND, boot_seconds=None), ["held"]),
    ],
)
def test_the_first_look_compares_with_what_the_session_before_knew_of_this_boot(
    tmp_path: Path, before: Session | None, reported: list[str]
) -> None:
    world = World(tmp_path, ONE_JOB)
    guard = a_guard(world, before=before)
    look = guard.look()
    assert said(world) == reported
    assert look.is_held == guard.is_held == ("held" in reported)
    assert (look.now, bool(look.jumped)) == (NOON, "jumped" in reported)


def test_an_engine_that_starts_under_a_clock_behind_the_records_holds_at_its_first_look(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, ONE_JOB)
    world.clock.jump(seconds=-86_400)
    assert a_guard(world).look().is_held
    assert said(world) == ["held"]


def test_a_step_of_the_clock_is_an_incident_from_the_time_that_it_should_have_shown(tmp_path: Path) -> None:
    world = World(tmp_path, ONE_JOB)
    guard = a_guard(world)
    for step, detail in ((HOUR, "+3600.0s"), (-HOUR, "-3600.0s")):
        world.clock.advance(seconds=10)
        due = world.clock.now()
        world.clock.jump(seconds=step.total_seconds())
        assert guard.look() == Look(now=due + step, is_held=False, jumped=step)
        assert guard.look() == Look(now=due + step, is_held=False)
        assert of_clock(world)[-1] == Incident("clock_jump", due, due + step, detail, 0, 0, "")
    world.clock.jump(seconds=JUMP.total_seconds())
    assert guard.look().jumped == timedelta(0)
    assert said(world) == ["jumped", "jumped"]


def test_steps_during_a_hold_are_seen_and_not_recorded_one_by_one(tmp_path: Path) -> None:
    world = World(tmp_path, ONE_JOB)
    guard = believing(world)
    world.clock.jump(seconds=40 * 86_400)
    guard.look()
    world.clock.jump(seconds=3600)
    assert guard.look().jumped == HOUR
    assert said(world) == ["jumped", "held"]
    assert [one.kind for one in of_clock(world)] == ["clock_jump", "clock_hold"]


def test_a_clock_behind_the_coverage_is_held_until_it_has_almost_caught_up(tmp_path: Path) -> None:
    """The coverage is NOON: the engine has looked at everything that was due until then."""
    world = World(tmp_path, ONE_JOB)
    guard = a_guard(world)
    assert not guard.look().is_held
    world.clock.jump(seconds=-(FAR_BEHIND + MINUTE).total_seconds())
    assert guard.look().is_held
    world.clock.advance(seconds=59)
    assert guard.look().is_held
    world.clock.advance(seconds=1)
    assert not guard.look().is_held
    assert said(world) == ["jumped", "held", "believed"]
    (_, hold) = of_clock(world)
    assert (hold.began_at, hold.ended_at) == (NOON - FAR_BEHIND - MINUTE, NOON - FAR_BEHIND)
    assert hold.accepted_by == "the clock is plausible again"
    assert world.store.incidents.clock_epoch() == 0


@pytest.mark.parametrize(
    ("story", "believed_after"),
    [
        ((True, True, True, True), 3),
        ((False, True, True, True, True), 4),
        ((None, True, True, True, True), 4),
        ((True, True, None, True, True, True), 6),
        ((True, True, False, True, True, True), 6),
    ],
)
def test_the_system_has_to_call_its_clock_synchronized_for_the_whole_time(
    tmp_path: Path, story: tuple[bool | None, ...], believed_after: int
) -> None:
    """A look every half of the time that it takes."""
    world = World(tmp_path, ONE_JOB)
    guard = believing(world)
    world.clock.jump(seconds=40 * 86_400)
    looks = []
    for world.is_synchronized in story:
        looks.append(guard.look().is_held)
        world.clock.advance(seconds=SYNCHRONIZED_SECONDS / 2)
    assert looks == [number < believed_after for number in range(1, len(story) + 1)]
    assert said(world) == ["jumped", "held", "believed"]
    assert of_clock(world)[-1].accepted_by == "the system's clock is synchronized"


def test_a_second_less_than_the_whole_time_is_not_enough_and_a_new_hold_begins_to_count_again(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, ONE_JOB)
    guard = believing(world)
    world.is_synchronized = True
    for _ in range(2):
        world.clock.jump(seconds=40 * 86_400)
        assert guard.look().is_held
        world.clock.advance(seconds=SYNCHRONIZED_SECONDS - 1)
        assert guard.look().is_held
        world.clock.advance(seconds=1)
        assert not guard.look().is_held


def test_the_system_is_not_believed_while_the_clock_is_behind_the_records(tmp_path: Path) -> None:
    world = World(tmp_path, ONE_JOB)
    guard = a_guard(world)
    world.is_synchronized = True
    world.clock.jump(seconds=-86_400)
    for _ in range(5):
        assert guard.look().is_held
        world.clock.advance(seconds=SYNCHRONIZED_SECONDS)


def test_the_system_is_believed_from_the_first_moment_that_this_version_could_have_run(
    tmp_path: Path,
) -> None:
    """The session before, of an older version, saw a time before this version was built."""
    world = World(tmp_path, ONE_JOB)
    guard = a_guard(world, before=a_session(NOON - 2 * DAY), built_at=NOON)
    world.is_synchronized = True
    assert guard.look().is_held
    world.clock.advance(seconds=SYNCHRONIZED_SECONDS)
    assert not guard.look().is_held

    guard = a_guard(world, built_at=world.clock.now() + MINUTE)
    assert guard.look().is_held
    world.clock.advance(seconds=59)
    assert guard.look().is_held
    world.clock.advance(seconds=1)
    assert not guard.look().is_held
    assert of_clock(world)[-1].accepted_by == "the clock is plausible again"


def test_a_clock_that_was_accepted_is_the_measure_from_then_on(tmp_path: Path) -> None:
    world = World(tmp_path, ONE_JOB)
    guard = believing(world)
    world.clock.jump(seconds=40 * 86_400)
    assert guard.look().is_held
    accept(world)
    assert not guard.look().is_held
    assert not guard.look().is_held
    assert said(world) == ["jumped", "held", "believed"]
    assert [one.by for one in world.journal.events if isinstance(one, ClockBelieved)] == ["anna"]
    assert of_clock(world)[-1].accepted_by == "anna"
    assert world.store.incidents.hold() is None
    assert world.store.incidents.clock_epoch() == 0


def test_a_user_who_accepts_a_clock_behind_the_records_begins_a_new_epoch(tmp_path: Path) -> None:
    """The second time, the clock has crept back: by so little at a time that no step was seen."""
    world = World(tmp_path, ONE_JOB)
    guard = a_guard(world)
    world.clock.jump(seconds=-86_400)
    guard.look()
    accept(world)
    assert not guard.look().is_held
    assert world.store.incidents.clock_epoch() == 1
    world.step()

    guard = a_guard(world, built_at=world.clock.now())
    assert not guard.look().is_held
    world.clock.jump(seconds=-1)
    assert guard.look().is_held
    accept(world)
    assert not guard.look().is_held
    assert world.store.incidents.clock_epoch() == 2
    assert said(world) == ["held", "believed"]


def test_at_the_very_instant_of_the_coverage_nothing_has_to_be_undone(tmp_path: Path) -> None:
    world = World(tmp_path, ONE_JOB)
    guard = a_guard(world, built_at=NOON + DAY)
    assert guard.look().is_held
    assert world.store.covered_in_force() == NOON
    accept(world)
    assert not guard.look().is_held
    assert world.store.incidents.clock_epoch() == 0


def test_a_hold_of_the_engine_before_goes_on_and_keeps_its_words(tmp_path: Path) -> None:
    world = World(tmp_path, ONE_JOB)
    world.clock.jump(seconds=40 * 86_400)
    world.guard.look()
    (_, first) = of_clock(world)
    guard = a_guard(world, before=a_session(NOON))
    assert guard.is_held
    assert guard.look().is_held
    assert said(world) == []
    assert of_clock(world)[-1] == first


def test_a_hold_that_another_process_has_begun_is_joined(tmp_path: Path) -> None:
    world = World(tmp_path, ONE_JOB)
    guard = believing(world)
    with world.store.transaction():
        world.store.incidents.begin_hold(detail="another saw it", now=NOON)
    world.clock.jump(seconds=40 * 86_400)
    assert guard.look().is_held
    assert said(world) == ["jumped", "held"]
    assert [one.detail for one in of_clock(world) if one.kind == "clock_hold"] == ["another saw it"]


def test_a_hold_that_is_gone_from_the_ledger_begins_again_while_the_clock_is_wrong(tmp_path: Path) -> None:
    world = World(tmp_path, ONE_JOB)
    guard = believing(world)
    world.clock.jump(seconds=40 * 86_400)
    guard.look()
    with world.store.transaction():
        world.store.incidents.end_hold(by="nobody", now=NOON)
    assert guard.look().is_held
    assert said(world) == ["jumped", "held", "held"]
    assert world.store.incidents.hold() is not None


def retried(world: World, at: datetime) -> Run:
    """A run that waits for its second attempt until a time that some clock has set."""
    run = world.run_by_hand("hello")
    world.finish(exit_code=1)
    with world.store.transaction():
        assert world.store.incidents.wait_until(now_of(world, run), at)
    return now_of(world, run)


def now_of(world: World, run: Run) -> Run:
    found = world.store.run(run.id)
    assert found is not None
    return found


@pytest.mark.parametrize("more", [-SECOND, timedelta(0), SECOND, 90 * DAY])
def test_a_retry_waits_at_most_for_the_longest_delay_of_its_job(tmp_path: Path, more: timedelta) -> None:
    world = World(tmp_path, ONE_JOB)
    run = retried(world, NOON + 10 * MINUTE + more)
    a_guard(world).look()
    after = now_of(world, run)
    retry = world.store.definition(run.digest).retry
    right = NOON + retry_delay(retry, run_id=run.id, attempt=1)
    assert (after.state, after.attempt) == (RunState.RETRY_WAIT, 1)
    assert after.retry_at == (right if more > timedelta(0) else run.retry_at)


def test_only_a_run_by_hand_that_waits_for_a_later_time_may_start_at_once(tmp_path: Path) -> None:
    """A scheduled one waits for its spread; one whose time has come keeps it: it shows how long it waited."""
    text = ONE_JOB.replace("every: 1m", "cron: '0 13 * * *', spread: 50m")
    world = World(tmp_path, text, at=NOON + 59 * MINUTE, max_running=0)
    world.pass_time(seconds=60)
    (scheduled,) = world.runs()
    late, early = world.run_by_hand("hello"), world.run_by_hand("hello")
    now = world.clock.now()
    assert scheduled.not_before > now
    with world.store.transaction():
        world.store.incidents.wait_until(late, now + 9 * DAY)
        world.store.incidents.wait_until(early, now - MINUTE)
    a_guard(world).look()
    assert now_of(world, late).not_before == now
    assert now_of(world, early).not_before == now - MINUTE
    assert now_of(world, scheduled) == scheduled


def test_waiting_times_are_corrected_at_the_first_look_after_a_step_and_after_a_hold(tmp_path: Path) -> None:
    world = World(tmp_path, ONE_JOB)
    far = NOON + 400 * DAY
    run = retried(world, far)
    guard = a_guard(world)

    def is_corrected() -> bool:
        """Whether a look corrects the time; it is wrong again afterwards."""
        guard.look()
        found = now_of(world, run).retry_at
        with world.store.transaction():
            world.store.incidents.wait_until(run, far)
        return found != far

    assert is_corrected()
    assert not is_corrected()
    world.clock.jump(seconds=3)
    assert is_corrected()
    assert not is_corrected()
    world.clock.jump(seconds=86_400 * 40)
    assert not is_corrected()
    assert not is_corrected()
    accept(world)
    assert is_corrected()
    assert not is_corrected()
