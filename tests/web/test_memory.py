"""What the server remembers: never older than the ledger, unless computing it takes long."""

import threading
import time
from pathlib import Path

import pytest

from engine.core.errors import JobfileError
from engine.ledger.sqlite.reader import SqliteReader
from engine.web import memory
from engine.web.memory import Memory
from tests.acceptance.engines import until


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    path.write_text("")
    return path


def test_a_quick_answer_is_new_after_each_write(ledger: Path) -> None:
    kept, count = Memory(SqliteReader(ledger).mark), iter(range(100))
    until(lambda: kept.recall("a", lambda: next(count)) == kept.recall("a", lambda: next(count)))
    before = kept.recall("a", lambda: next(count))
    ledger.write_text("x")
    assert kept.recall("a", lambda: next(count)) > before
    kept.forget()
    assert kept.recall("a", lambda: -1) == -1


def test_several_who_ask_at_once_wait_for_one_computation(ledger: Path) -> None:
    kept, began, go = Memory(SqliteReader(ledger).mark), [], threading.Event()

    def answer() -> str:
        began.append(1)
        go.wait(30)
        return "x"

    askers = [
        threading.Thread(target=lambda: kept.recall("a", answer, memory.How(is_rough=True))) for _ in range(5)
    ]
    for one in askers:
        one.start()
    until(lambda: began)
    go.set()
    for one in askers:
        one.join(30)
    assert began == [1]


def test_nobody_waits_for_an_answer_that_takes_long(ledger: Path) -> None:
    kept, count = Memory(SqliteReader(ledger).mark), iter(range(100))

    def slow() -> int:
        began = time.monotonic()
        until(lambda: time.monotonic() > began + 2 * memory.QUICK_SECONDS)
        return next(count)

    assert kept.recall("a", slow) == 0
    ledger.write_text("x")
    assert kept.recall("a", slow) == 0  # the old one, at once
    until(lambda: kept.recall("a", slow) >= 1, "the next one")


def test_the_next_answer_waits_for_its_turn_but_not_after_a_change_made_here(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "PAUSE", 1_000)
    monkeypatch.setattr(memory, "LATE_SECONDS", 600.0)
    kept, count = Memory(SqliteReader(ledger).mark), iter(range(100))

    def slow() -> int:
        began = time.monotonic()
        until(lambda: time.monotonic() > began + 1.1 * memory.QUICK_SECONDS)
        return next(count)

    assert kept.recall("a", slow) == 0
    ledger.write_text("x")
    before = set(threading.enumerate())
    assert [kept.recall("a", slow) for _ in range(3)] == [0, 0, 0]
    (computing,) = set(threading.enumerate()) - before
    assert kept.late_answers == 0
    kept.forget()
    computing.join(30)
    assert kept.late_answers == 1
    assert kept.recall("a", slow) >= 1


def test_an_answer_is_computed_again_before_it_is_too_old() -> None:
    for seconds in (0.2, 1.0, 5.0, 7.0):
        kept = memory._Kept((), time.monotonic(), seconds, None)
        assert kept.seconds_to_next() <= max(0.0, memory.LATE_SECONDS - 2 * seconds)
    assert memory._Kept((), time.monotonic(), memory.LATE_SECONDS, None).seconds_to_next() == 0.0


def test_an_error_is_not_kept(ledger: Path) -> None:
    kept = Memory(SqliteReader(ledger).mark)

    def fail() -> int:
        raise JobfileError("busy")

    with pytest.raises(JobfileError):
        kept.recall("a", fail)
    assert kept.recall("a", lambda: 1) == 1
