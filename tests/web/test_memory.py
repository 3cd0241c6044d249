"""Answers that many ask for: computed once, and slow ones in the background."""

import os
import threading
from pathlib import Path

import pytest

from engine.web.memory import BACKGROUND, KEPT_SECONDS, LAG_SECONDS, REST, SLOW_SECONDS, Memory


class Slow:
    """A ledger file, a clock, and an answer that takes some time of that clock."""

    def __init__(self, folder: Path) -> None:
        self.ledger = folder / "ledger.db"
        self.change()
        self.now = 0.0
        self.takes = 2 * SLOW_SECONDS
        self.count = 0
        self.memory = Memory(self.ledger, elapsed=lambda: self.now)

    def answer(self) -> int:
        self.count += 1
        self.now += self.takes
        return self.count

    def change(self) -> None:
        """Something is written to the ledger."""
        with self.ledger.open("a") as file:
            file.write("x")
        os.utime(self.ledger, (1, 1))  # long enough ago to be told from a later write

    def ask(self) -> tuple[int, bool]:
        return self.memory.recall_soon("it", self.answer)

    def join(self) -> None:
        """Wait until what runs in the background is over."""
        for one in threading.enumerate():
            if one.name == BACKGROUND:
                one.join()


@pytest.fixture
def slow(tmp_path: Path) -> Slow:
    return Slow(tmp_path)


def test_a_slow_answer_is_given_as_it_was_while_a_new_one_is_computed(slow: Slow) -> None:
    assert slow.ask() == (1, False)
    assert slow.ask() == (1, False)
    slow.change()
    assert slow.ask() == (1, True), "the next one rests first"
    slow.join()
    assert slow.count == 1
    slow.now += REST * slow.takes + 1
    assert slow.ask() == (1, True)
    slow.join()
    assert slow.ask() == (2, False)


def test_a_quick_answer_is_never_an_old_one(slow: Slow) -> None:
    slow.takes = SLOW_SECONDS / 2
    assert slow.ask() == (1, False)
    slow.change()
    assert slow.ask() == (2, False)
    slow.now += KEPT_SECONDS + 1
    assert slow.ask() == (3, False)


def test_an_answer_that_is_too_old_is_not_given(slow: Slow) -> None:
    slow.ask()
    slow.now += KEPT_SECONDS + LAG_SECONDS + 1
    assert slow.ask() == (2, False)


def test_an_answer_that_fails_in_the_background_leaves_the_last_one_for_a_while(
    slow: Slow, caplog: pytest.LogCaptureFixture
) -> None:
    slow.ask()
    slow.change()
    slow.now += REST * slow.takes + 1

    def fails() -> int:
        raise ValueError("broken")

    slow.answer = fails  # type: ignore[method-assign]
    assert slow.ask() == (1, True)
    slow.join()
    assert "an answer could not be computed" in caplog.text
    slow.now += KEPT_SECONDS + LAG_SECONDS + 1
    with pytest.raises(ValueError, match="broken"):
        slow.ask()
