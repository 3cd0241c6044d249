"""A ledger that cannot be written, or is damaged: told once, tried again, and no loop ends of it but one."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.errors import JobfileError, StoreDamagedError, StoreUnwritableError
from engine.core.events import (
    ClockJumped,
    DiskHeld,
    LedgerUnwritable,
    LedgerWritable,
    LoopFailed,
    RemovalsHeld,
    RunsPruned,
)
from engine.core.records import DISK_HOLD
from engine.host.lock import EngineLock, engine_trouble, make_private_file
from engine.journal.file import LogFile
from engine.journal.lines import event_text
from engine.journal.stream import EventStream
from engine.ledger.health import (
    BUG_CALM_SECONDS,
    CALM_SECONDS,
    LONG_TURN_SECONDS,
    STUCK_SECONDS,
    LedgerGuard,
)
from engine.ledger.sqlite.store import SqliteStore
from engine.loops.housekeeper import Housekeeper
from engine.loops.loop import RETRY_SECONDS, Loop
from engine.loops.overseer import STANDS_STILL, Overseer
from engine.testing import FakeClock, KeptJournal
from tests.builders import NOON, a_job, compiled
from tests.engine.world import World
from tests.together import together

HOURLY = "version: 1\njobs:\n  hello: {schedule: '0 * * * *', command: ['true']}\n"


class Duties:
    """Some loops whose ticks do what a test says."""

    def __init__(self) -> None:
        self.clock = FakeClock(NOON)
        self.journal = KeptJournal()
        self.alarms: list[str] = []
        self.ended: list[BaseException] = []
        self.error: Exception | None = None
        self.guard = LedgerGuard(clock=self.clock, journal=self.journal, alarm=self.alarms.append)

    def loop(self, name: str) -> Loop:
        return Loop(name, self._tick, journal=self.journal, ledger=self.guard, on_end=self.ended.append)

    def _tick(self) -> float:
        if self.error is not None:
            raise self.error
        return 15.0


def test_many_loops_that_cannot_write_are_one_trouble_and_its_end_is_reported_once() -> None:
    duties = Duties()
    loops = [duties.loop(name) for name in ("worker", "scheduler", "heartbeat")]
    duties.error = StoreUnwritableError("the disk is full")
    for _ in range(5):
        assert [loop.turn() for loop in loops] == [RETRY_SECONDS] * 3
        duties.clock.advance(seconds=2)
    assert duties.alarms == ["the disk is full"]
    duties.error = None
    assert loops[0].turn() == 15.0
    duties.clock.advance(seconds=CALM_SECONDS)
    loops[1].turn()
    assert duties.alarms == ["the disk is full"], "the heartbeat has not written yet"
    for loop in loops * 2:
        loop.turn()
    assert duties.alarms == ["the disk is full", ""]
    assert duties.journal.events == [
        LedgerUnwritable(detail="the disk is full"),
        LedgerWritable(seconds=10 + CALM_SECONDS),
    ]
    assert "NOTHING STARTS: the disk is full" in event_text(duties.journal.events[0])
    assert "is writable again after 15s" in event_text(duties.journal.events[1])


AROUND = tuple(
    limit + more
    for limit in (0, STUCK_SECONDS, LONG_TURN_SECONDS)
    for more in (-1, 0, 1)
    if limit + more >= 0
)


@together("loop", ["worker", "scheduler", "rescuer", "heartbeat", "watcher", "housekeeper"])
@together("seconds", AROUND)
def test_a_loop_that_is_in_one_turn_for_too_long_is_seen_and_one_that_sleeps_is_not(
    loop: str, seconds: float
) -> None:
    duties = Duties()
    guard = duties.guard
    with guard.turn(loop):
        duties.clock.advance(seconds=seconds)
        longest = LONG_TURN_SECONDS if loop == "housekeeper" else STUCK_SECONDS
        expected = {loop: seconds} if seconds >= longest else {}
        assert guard.standing() == expected
        assert guard.is_stuck == (bool(expected) and loop not in ("watcher", "housekeeper"))
    assert not guard.standing()
    duties.loop(loop).turn()
    duties.clock.advance(seconds=seconds)
    assert not guard.standing()
    assert not guard.is_stuck


def test_a_loop_that_stands_still_is_noted_once_with_its_time_and_so_is_its_end() -> None:
    duties = Duties()
    notes: list[str] = []
    overseer = Overseer(loops=duties.guard, clock=duties.clock, journal=duties.journal, note=notes.append)
    with duties.guard.turn("worker"):
        for _ in range(20):
            overseer.tick()
            duties.clock.advance(seconds=5)
        assert notes == [f"worker since {NOON:%Y-%m-%d %H:%M:%S} UTC"]
    overseer.tick()
    assert notes[1:] == [""]
    assert duties.journal.events == [LoopFailed(loop="worker", message=STANDS_STILL)]


def test_a_loop_that_does_not_end_is_not_waited_for() -> None:
    duties = Duties()
    is_over = threading.Event()

    def tick() -> float:
        is_over.wait()
        return 0

    loop = Loop("worker", tick, journal=duties.journal, ledger=duties.guard, on_end=duties.ended.append)
    loop.start()
    loop.stop()
    assert not loop.join(0.01)
    is_over.set()
    assert loop.join()


def test_a_trouble_that_comes_and_goes_is_not_reported_as_often() -> None:
    duties = Duties()
    loop = duties.loop("worker")
    for turn in range(10):
        duties.error = StoreUnwritableError("the disk is full") if turn % 2 == 0 else None
        loop.turn()
        duties.clock.advance(seconds=2)
    assert duties.alarms == ["the disk is full"]


LOOPS = ("heartbeat", "scheduler", "worker")
STEPS = st.one_of(
    st.tuples(st.just("fails"), st.sampled_from(LOOPS), st.sampled_from(("full", "read-only"))),
    st.tuples(
        st.sampled_from(("whole", "part")), st.sampled_from(LOOPS), st.sampled_from(("KeyError", "OSError"))
    ),
    st.tuples(st.just("does"), st.sampled_from(LOOPS), st.just("")),
    st.tuples(st.just("waits"), st.sampled_from(("1", "4", "5", "25", "30", "55", "60")), st.just("")),
)


@given(st.lists(STEPS, max_size=40))
def test_what_a_guard_shows_is_what_its_loops_last_said(steps: list[tuple[str, str, str]]) -> None:
    """Held to a model that keeps all that was said and looks through it after each step."""
    clock, journal = FakeClock(NOON), KeptJournal()
    alarms: list[str] = []
    bugs: list[str] = []
    guard = LedgerGuard(clock=clock, journal=journal, alarm=alarms.append, on_bug=bugs.append)
    failing: set[str] = set()
    last_failure = began = 0.0
    is_reported = False
    known: dict[str, tuple[str, float, float | None]] = {}
    expected_alarms: list[str] = []
    expected_bugs: list[str] = []
    expected_events: list[object] = []
    for what, name, detail in steps:
        now = clock.elapsed()
        if what == "waits":
            clock.advance(seconds=float(name))
        elif what == "fails":
            guard.note_failure(name, detail)
            failing.add(name)
            last_failure = now
            if not is_reported:
                is_reported, began = True, now
                expected_alarms.append(detail)
                expected_events.append(LedgerUnwritable(detail=detail))
        elif what == "does":
            guard.note_success(name)
            failing.discard(name)
            if name in known:
                message, last, _ = known[name]
                known[name] = (message, last, None)
                if now - last >= BUG_CALM_SECONDS:
                    del known[name]
                    expected_bugs.append("; ".join(f"{one}: {known[one][0]}" for one in sorted(known)))
            if is_reported and not failing and now - last_failure >= CALM_SECONDS:
                is_reported = False
                expected_alarms.append("")
                expected_events.append(LedgerWritable(seconds=now - began))
        else:
            guard.note_bug(name, detail, is_whole_turn=what == "whole")
            before = known.get(name, ("", 0.0, None))
            stuck = None if what == "part" else now if before[2] is None else before[2]
            known[name] = (detail, now, stuck)
            if before[0] != detail:
                expected_bugs.append("; ".join(f"{one}: {known[one][0]}" for one in sorted(known)))
        stuck_since = [since for _, _, since in known.values() if since is not None]
        assert guard.is_stuck == any(clock.elapsed() - since >= STUCK_SECONDS for since in stuck_since)
        assert (alarms, bugs, journal.events) == (expected_alarms, expected_bugs, expected_events)


def test_a_damaged_ledger_ends_the_engine_and_another_trouble_does_not() -> None:
    duties = Duties()
    loop = duties.loop("worker")
    duties.error = JobfileError("something")
    assert (loop.turn(), duties.ended) == (RETRY_SECONDS, [])
    assert duties.journal.events == [LoopFailed(loop="worker", message="something")]
    duties.error = StoreDamagedError("damaged")
    loop.turn()
    assert duties.ended == [duties.error]


def test_a_full_ledger_is_shown_as_such_and_nothing_is_half_written(tmp_path: Path) -> None:
    store = _a_store(tmp_path)
    pages = store._db.pragma("page_count")
    store._db.pragma(f"max_page_count={pages}")
    with pytest.raises(StoreUnwritableError, match="cannot be written"), store.transaction():
        for number in range(500):
            store.add_definition(compiled(a_job(f"job-{number}")))
    store._db.pragma("max_page_count=1000000")
    with store.transaction():
        store.add_definition(compiled(a_job()))
    assert len(store._db._db.execute("select * from definition").fetchall()) == 1
    store.close()


def test_a_ledger_that_is_damaged_under_way_is_named_as_that(tmp_path: Path) -> None:
    store = _a_store(tmp_path)
    with store.transaction():
        store.add_definition(compiled(a_job()))
    store._db.pragma("wal_checkpoint(truncate)")
    store.close()
    path = tmp_path / "ledger.db"
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(StoreDamagedError, match="damaged"):
        SqliteStore.open(path).verify()


def _a_store(folder: Path) -> SqliteStore:
    make_private_file(folder / "ledger.db")
    return SqliteStore.open(folder / "ledger.db")


def test_what_troubles_the_engine_stands_beside_its_lock_while_it_lives(tmp_path: Path) -> None:
    lock = EngineLock.take(tmp_path)
    assert engine_trouble(tmp_path) == ""
    lock.note(ledger="the disk is full; " * 100)
    assert engine_trouble(tmp_path).startswith("the disk is full; the disk")
    size = (tmp_path / "engine.lock").stat().st_size
    lock.note(ledger="")
    assert (engine_trouble(tmp_path), (tmp_path / "engine.lock").stat().st_size) == ("", size)
    lock.note(ledger="again")
    lock.release()
    assert engine_trouble(tmp_path) == "", "what an engine noted that is gone is past"
    EngineLock.take(tmp_path).release()


def test_a_journal_on_a_full_disk_raises_nothing(tmp_path: Path) -> None:
    """/dev/full takes nothing, as a disk without room."""
    journal = EventStream(LogFile(Path("/dev/full")), clock=FakeClock(NOON))
    for _ in range(3):
        journal.report(RunsPruned(count=1))
    missing = EventStream(LogFile(tmp_path / "missing" / "log"), clock=FakeClock(NOON))
    missing.report(RunsPruned(count=1))


@contextmanager
def unwritable(world: World) -> Iterator[None]:
    """SQLite itself refuses every write."""
    world.store._db._db.execute("pragma query_only=on")
    with pytest.raises(StoreUnwritableError):
        yield
    world.store._db._db.execute("pragma query_only=off")


def test_a_nearly_full_disk_is_noted_as_soon_as_the_ledger_takes_it(tmp_path: Path) -> None:
    world = World(tmp_path, HOURLY)
    housekeeper = Housekeeper(
        store=world.store,
        clock=world.clock,
        executor=world.loops.executor,
        journal=world.journal,
        config=replace(world.config, min_free_bytes=2**60),
    )
    with unwritable(world):
        housekeeper.tick()
    assert housekeeper.is_disk_low
    assert world.store.incidents.hold(DISK_HOLD) is None
    housekeeper.tick()
    assert world.store.incidents.hold(DISK_HOLD) is not None
    assert len([event for event in world.journal.events if isinstance(event, DiskHeld)]) == 1


def test_a_clock_that_is_not_believed_is_noted_and_released_as_soon_as_the_ledger_takes_it(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, HOURLY)
    world.clock.jump(seconds=900 * 86_400)
    with unwritable(world):
        world.guard.look()
    assert not [event for event in world.journal.events if isinstance(event, ClockJumped)]
    assert world.guard.look().is_held
    assert world.store.incidents.hold() is not None
    assert len([event for event in world.journal.events if isinstance(event, ClockJumped)]) == 1
    world.clock.jump(seconds=-900 * 86_400)
    with unwritable(world):
        world.guard.look()
    assert world.guard.is_held, "nothing starts before that is written down"
    assert not world.guard.look().is_held
    assert world.store.incidents.hold() is None


def test_a_set_of_files_that_is_doubted_is_shown_as_soon_as_the_ledger_takes_it(tmp_path: Path) -> None:
    jobs = [f"  job-{number}: {{command: ['true']}}\n" for number in range(40)]
    world = World(tmp_path, "version: 1\njobs:\n" + "".join(jobs))
    world.tree.text = "version: 1\njobs:\n" + "".join(jobs[:10])
    world.watcher.tick()
    world.clock.advance(seconds=1)
    with unwritable(world):
        world.watcher.tick()
    assert world.view.open_rejection() is None
    world.watcher.tick()
    rejection = world.view.open_rejection()
    assert rejection is not None
    assert "30 jobs would be removed" in rejection.diagnostics[0]
    assert len([event for event in world.journal.events if isinstance(event, RemovalsHeld)]) == 1
