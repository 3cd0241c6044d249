"""When a job pauses itself, and what a pause or a resume by a user leaves in the ledger."""

from datetime import datetime
from pathlib import Path

import pytest

from engine.core.errors import JobfileError
from engine.core.events import JobPaused
from engine.core.records import Pause
from engine.ports import Stop
from engine.transactions.pause import BY_HAND, holding, pause_by_hand, resume_by_hand
from tests.builders import HOUR, MINUTE, NOON
from tests.engine.test_faults import a_file
from tests.engine.world import World


def end(world: World, letter: str) -> None:
    """Run the job once, by hand, and let it end: s(uccess), f(ailure), t(ime over), l(ost), c(ancelled)."""
    run = world.run_by_hand("hello")
    (attempt,) = world.launcher.running()
    match letter:
        case "s":
            world.launcher.finish(attempt)
        case "f":
            world.launcher.finish(attempt, exit_code=1)
        case "t":
            world.launcher.time_out(attempt)
        case "l":
            world.launcher.lose(attempt)
        case _:
            with world.store.transaction():
                world.store.request_stop(run.id, Stop.CANCEL, reason="by_hand", detail="", now=NOON)
            world.launcher.obey(attempt)
    world.pass_time(seconds=1)


def resume(world: World) -> bool:
    with world.store.transaction():
        return resume_by_hand(world.store, "hello", by="bob", why="fixed", now=world.clock.now())


@pytest.mark.parametrize(
    ("limit", "story", "paused_after"),
    [
        (1, "t", [1]),
        (1, "l", [1]),
        (1, "sc", []),
        (1, "frf", [1, 3]),
        (3, "ftl", [3]),
        (3, "fsftf", [5]),
        (3, "ffcf", [4]),
        (3, "fffrffsfff", [3, 10]),
    ],
)
def test_a_job_pauses_itself_at_its_limit_of_bad_ends_since_it_was_resumed(
    tmp_path: Path, limit: int, story: str, paused_after: list[int]
) -> None:
    world = World(tmp_path, a_file(f"pause_on_failure: {limit}", schedule='"0 0 1 1 *"'), at=NOON)
    found = []
    for number, letter in enumerate(story, 1):
        before = sum(isinstance(one, JobPaused) for one in world.journal.events)
        if letter == "r":
            assert resume(world)
            world.pass_time(seconds=1)
        else:
            end(world, letter)
        if sum(isinstance(one, JobPaused) for one in world.journal.events) > before:
            found.append(number)
    assert found == paused_after
    assert len(holding(world.view, world.clock.now())) == (len(paused_after) > story.count("r"))


def test_a_job_without_a_limit_never_pauses_itself(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(schedule='"0 0 1 1 *"'), at=NOON)
    for _ in range(3):
        end(world, "f")
    assert holding(world.view, world.clock.now()) == ()


def test_a_run_that_was_cancelled_pauses_nothing_even_when_the_limit_has_just_become_lower(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, a_file("pause_on_failure: 3", schedule='"0 0 1 1 *"'), at=NOON)
    end(world, "f")
    end(world, "f")
    world.edit(a_file("pause_on_failure: 2", schedule='"0 0 1 1 *"'))
    end(world, "c")
    assert holding(world.view, world.clock.now()) == ()
    end(world, "l")
    assert len(holding(world.view, world.clock.now())) == 1


def a_pause(*, at: datetime = NOON, until: datetime | None = None, reason: str = "") -> Pause:
    return Pause("hello", BY_HAND, "anna", reason, at, until, None, "")


def audited(world: World) -> list[tuple[str, str, str, str, datetime]]:
    """What the audit says of pauses, oldest first."""
    found = [one for _, one in reversed(world.view.recent_audit(limit=99))]
    told = [one for one in found if one.action in ("pause", "resume")]
    return [(one.actor, one.action, one.object, one.detail, one.at) for one in told]


@pytest.mark.parametrize(
    ("reason", "until", "detail"),
    [
        ("", None, ""),
        ("vendor outage", None, "vendor outage"),
        ("", NOON + HOUR, "until 2026-03-05T13:00:00+00:00"),
        ("vendor outage", NOON + HOUR, "vendor outage; until 2026-03-05T13:00:00+00:00"),
    ],
)
def test_a_pause_by_a_user_is_kept_and_audited_with_its_reason_and_its_end(
    tmp_path: Path, reason: str, until: datetime | None, detail: str
) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    with world.store.transaction():
        pause_by_hand(world.store, a_pause(until=until, reason=reason))
    assert holding(world.view, NOON) == (Pause("hello", "hand", "anna", reason, NOON, until, None, ""),)
    assert audited(world) == [("anna", "pause", "hello", detail, NOON)]


def test_a_second_pause_changes_nothing_until_the_first_is_over(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    until = NOON + HOUR
    with world.store.transaction():
        first = a_pause(until=until)
        assert pause_by_hand(world.store, first) == first
        assert pause_by_hand(world.store, a_pause(at=until - MINUTE)) == first
        assert pause_by_hand(world.store, a_pause(at=until - MINUTE, until=until)) == first
        with pytest.raises(JobfileError, match=r"^hello is paused already, with a different end"):
            pause_by_hand(world.store, a_pause(at=until - MINUTE, until=until + MINUTE))
        pause_by_hand(world.store, a_pause(at=until))
    assert [one.paused_at for one in holding(world.view, until)] == [until]
    assert [at for *_, at in audited(world)] == [NOON, until]


def test_a_resume_says_whether_there_was_a_pause_and_is_audited_only_then(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(), at=NOON)
    assert not resume(world)
    assert audited(world) == []
    world.pause("hello")
    world.clock.advance(seconds=60)
    assert resume(world)
    assert holding(world.view, world.clock.now()) == ()
    assert audited(world) == [("bob", "resume", "hello", "fixed", NOON + MINUTE)]
    assert not resume(world)
    assert len(audited(world)) == 1
