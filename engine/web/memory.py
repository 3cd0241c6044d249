"""Keeps answers for a moment, so that many tabs that ask the same cost as much as one."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

KEPT_SECONDS: Final = 5.0
"""How long an answer is kept while the ledger does not change: some change with the time alone."""
ROUGH_FACTOR: Final = 20
"""A rough answer is kept for so many times as long as it took, if that is longer."""
ROUGH_SECONDS: Final = 60.0
"""But never longer than this."""
KEPT_ANSWERS: Final = 32
SETTLED_NANOSECONDS: Final = 50_000_000

T = TypeVar("T")
Mark = tuple[tuple[int, ...] | None, ...]


class _Kept(NamedTuple):
    mark: Mark
    until: float
    value: object


def ledger_mark(ledger: Path) -> Mark:
    """What is different after each write to the ledger: of its file and its log the inode, size and time.

    Never opens them: closing one would end the locks that SQLite holds on it in this process. The time of a
    file is coarse, so one that is just now is followed by a mark that no other has: a write at the same time
    could come later.
    """
    found = [_about(ledger), _about(ledger.with_name(f"{ledger.name}-wal"))]
    now = time.clock_gettime_ns(time.CLOCK_REALTIME)
    if any(one is not None and abs(now - one[-1]) < SETTLED_NANOSECONDS for one in found):
        found.append((now,))
    return tuple(found)


def _about(name: Path) -> tuple[int, ...] | None:
    try:
        found = name.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


class Memory:
    """Answers by their question. Several requests for one that is missing wait for a single computation."""

    def __init__(self, ledger: Path) -> None:
        """Remember nothing yet."""
        self._ledger = ledger
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._locks: dict[Hashable, threading.Lock] = {}
        self._own = threading.Lock()

    def recall(self, question: Hashable, answer: Callable[[], T], *, is_rough: bool = False) -> T:
        """The answer: the one that is kept, or a new one. A rough one may be older than the ledger."""
        with self._own:
            lock = self._locks.setdefault(question, threading.Lock())
        with lock:
            mark = ledger_mark(self._ledger)  # before the answer: what is written meanwhile makes it old
            kept = self._kept.get(question)
            if kept is not None and (is_rough or kept.mark == mark) and kept.until > time.monotonic():
                return kept.value  # type: ignore[return-value]  # a question has one kind of answer
            begun = time.monotonic()
            value = answer()
            end = time.monotonic()
            seconds = min(ROUGH_FACTOR * (end - begun), ROUGH_SECONDS) if is_rough else 0.0
            with self._own:
                self._kept[question] = _Kept(mark, end + max(KEPT_SECONDS, seconds), value)
                self._kept.move_to_end(question)
                while len(self._kept) > KEPT_ANSWERS:
                    old, _ = self._kept.popitem(last=False)
                    self._locks.pop(old, None)
        return value
