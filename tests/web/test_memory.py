"""What the server remembers: never older than the ledger, unless computing it takes long."""

import threading
import time
from pathlib import Path

import pytest

from engine.core.errors import JobfileError
from engine.web import memory
from engine.web.memory import Memory
from tests.acceptance.engines import until


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    path.write_text("")
    return path


def test_a_quick_answer_is_new_after_each_write(ledger: Path) -> None:
    kept, count = Memory(ledger), iter(range(100))
    until(lambda: kept.recall("a", lambda: next(count)) == kept.recall("a", lambda: next(count)))
    before = kept.recall("a", lambda: next(count))
    ledger.write_text("x")
    assert kept.recall("a", lambda: next(count)) > before
    kept.forget()
    assert kept.recall("a", lambda: -1) == -1


def test_several_who_ask_at_once_wait_for_one_computation(ledger: Path) -> None:
    kept, began, go = Memory(ledger), [], threading.Event()

    def answer() -> str:
        began.append(1)
        go.wait(30)
        return "x"

    askers = [threading.Thread(target=lambda: kept.recall("a", answer, is_rough=True)) for _ in range(5)]
    for one in askers:
        one.start()
    until(lambda: began)
    go.set()
    for one in askers:
        one.join(30)
    assert began == [1]


def test_nobody_waits_for_an_answer_that_takes_long(ledger: Path) -> None:
    kept, count = Memory(ledger), iter(range(100))

    def slow() -> int:
        began = time.monotonic()
        until(lambda: time.monotonic() > began + 2 * memory.QUICK_SECONDS)
        return next(count)

    assert kept.recall("a", slow) == 0
    ledger.write_text("x")
    assert kept.recall("a", slow) == 0  # the old one, at once
    until(lambda: kept.recall("a", slow) >= 1, "the next one")


def test_an_error_is_not_kept(ledger: Path) -> None:
    kept = Memory(ledger)

    def fail() -> int:
        raise JobfileError("busy")

    with pytest.raises(JobfileError):
        kept.recall("a", fail)
    assert kept.recall("a", lambda: 1) == 1
