"""Keeps answers for a moment, so that many tabs that ask the same cost as much as one."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Final, Generic, NamedTuple, TypeVar

KEPT_SECONDS: Final = 5.0
"""How long an answer is kept while the ledger does not change: some change with the time alone."""
KEPT_ANSWERS: Final = 32
SETTLED_NANOSECONDS: Final = 50_000_000
SLOW_SECONDS: Final = 0.1
"""An answer that took longer than this is given as it was, while a new one is computed."""
LAG_SECONDS: Final = 60.0
"""How long it is given so."""
REST: Final = 3
"""How many times as long as an answer took is waited before the next: other requests need the processor."""
BACKGROUND: Final = "answer in the background"
LOG: Final = logging.getLogger("jobfile.web")

T = TypeVar("T")
Mark = tuple[tuple[int, ...] | None, ...]


class _Kept(NamedTuple):
    mark: Mark
    until: float
    value: object
    took: float


class Told(NamedTuple, Generic[T]):
    """An answer, and whether it is an old one while a new one is computed."""

    value: T
    is_old: bool


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

    def __init__(self, ledger: Path, *, elapsed: Callable[[], float] = time.monotonic) -> None:
        """Remember nothing yet."""
        self._ledger = ledger
        self._elapsed = elapsed
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
            if kept is not None and (is_rough or kept.mark == mark) and kept.until > self._elapsed():
                return kept.value  # type: ignore[return-value]  # a question has one kind of answer
            began = self._elapsed()
            value = answer()
            now = self._elapsed()
            with self._own:
                self._kept[question] = _Kept(mark, now + KEPT_SECONDS, value, now - began)
                self._kept.move_to_end(question)
                while len(self._kept) > KEPT_ANSWERS:
                    old, _ = self._kept.popitem(last=False)
                    self._locks.pop(old, None)
        return value

    def recall_soon(self, question: Hashable, answer: Callable[[], T]) -> Told[T]:
        """The answer; of one that takes long, the last one while a new one is computed in the background."""
        with self._own:
            kept, lock = self._kept.get(question), self._locks.get(question)
        now = self._elapsed()
        if kept is None or lock is None or kept.took <= SLOW_SECONDS or now > kept.until + LAG_SECONDS:
            return Told(self.recall(question, answer), is_old=False)
        is_old = kept.mark != ledger_mark(self._ledger) or kept.until <= now
        rested = kept.until - KEPT_SECONDS + REST * kept.took
        if is_old and now >= rested and not lock.locked():
            again = threading.Thread(
                target=self._refresh, args=(question, answer), name=BACKGROUND, daemon=True
            )
            again.start()
        return Told(kept.value, is_old)  # type: ignore[arg-type]  # a question has one kind of answer

    def _refresh(self, question: Hashable, answer: Callable[[], object]) -> None:
        try:
            self.recall(question, answer)
        except Exception:
            LOG.exception(
                "an answer could not be computed"
            )  # the next request tries again, and gets the error
