"""Keeps answers for a moment, so that many tabs that ask the same cost as much as one."""

import contextlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Final, TypeVar

from engine.core.errors import JobfileError
from jobfile.model.namedtuple import NamedTuple

KEPT_SECONDS: Final = 5.0
"""How long an answer is kept while the ledger does not change: some change with the time alone."""
QUICK_SECONDS: Final = 0.1
"""An answer that takes no longer is computed for each request."""
LATE_SECONDS: Final = 30.0
"""How old an answer may be while a new one is computed."""
PAUSE: Final = 8
"""After an answer that took a second, the next one is computed 8 seconds later: the computation slows down
every request beside it.
"""
KEPT_ANSWERS: Final = 32

T = TypeVar("T")


class _Kept(NamedTuple):
    mark: Hashable
    """The mark of the ledger before the answer was computed."""
    at: float
    seconds: float
    """How long the computation took."""
    value: object

    def is_fresh(self, mark: Callable[[], Hashable], *, is_rough: bool) -> bool:
        """Whether the answer is recent and, unless it may be rough, the ledger is unchanged since."""
        is_recent = time.monotonic() < self.at + KEPT_SECONDS
        return is_recent and (is_rough or self.mark == mark())

    def may_be_late(self) -> bool:
        """Whether this answer may be given while a new one is computed, because that takes long."""
        return self.seconds > QUICK_SECONDS and time.monotonic() < self.at + LATE_SECONDS

    def seconds_to_next(self) -> float:
        """How long to wait before the next one is computed: it must be there before this one is too old."""
        pause = min(PAUSE * self.seconds, LATE_SECONDS - 2 * self.seconds)
        return max(0.0, self.at + pause - time.monotonic())


class Memory:
    """Answers by their question. Several requests for one that is missing wait for a single computation.

    An answer that takes long to compute is given once more while a thread computes the next one: with many
    jobs the page answers at once, with what was true a moment ago. A change made here is never late.
    """

    def __init__(self, mark: Callable[[], Hashable]) -> None:
        """Remember nothing yet. `mark` gives what is different after each write to the ledger."""
        self._mark = mark
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._locks: dict[Hashable, threading.Lock] = {}
        self._own = threading.Lock()
        self._forgotten = threading.Event()
        self._slow = threading.Lock()
        """Held while a thread computes an answer that nobody waits for, so that only one does."""
        self.late_answers = 0
        """Number of answers that were computed after an older one had been given."""

    def recall(self, question: Hashable, answer: Callable[[], T], *, is_rough: bool = False) -> T:
        """The answer: the one that is kept, or a new one. If `is_rough`, it may be older than the ledger."""
        with self._own:
            lock = self._locks.setdefault(question, threading.Lock())
            kept = self._kept.get(question)
        is_fresh = kept is not None and kept.is_fresh(self._mark, is_rough=is_rough)
        if kept is None or not (is_fresh or kept.may_be_late()):
            with lock:
                kept = self._kept.get(question)
                if kept is None or not kept.is_fresh(self._mark, is_rough=is_rough):
                    kept = self._compute(question, answer)
        elif not is_fresh and lock.acquire(blocking=False):
            later = (question, answer, lock, kept.seconds_to_next())
            threading.Thread(target=self._compute_later, args=later, daemon=True).start()
        return kept.value  # type: ignore[return-value]  # a question has one kind of answer

    def forget(self) -> None:
        """Forget all answers: something was changed through this server."""
        with self._own:
            self._kept.clear()
            self._forgotten.set()  # who waits to compute begins now
            self._forgotten = threading.Event()

    def _compute_later(
        self, question: Hashable, answer: Callable[[], object], lock: threading.Lock, pause: float
    ) -> None:
        with lock_held(lock), contextlib.suppress(JobfileError):  # the next request gets the error
            self._forgotten.wait(pause)
            with self._slow:
                self._compute(question, answer)
            self.late_answers += 1

    def _compute(self, question: Hashable, answer: Callable[[], object]) -> _Kept:
        began, mark = time.monotonic(), self._mark()  # before: what is written meanwhile makes it old
        value, now = answer(), time.monotonic()
        kept = _Kept(mark, now, now - began, value)
        with self._own:
            self._kept[question] = kept
            self._kept.move_to_end(question)
            while len(self._kept) > KEPT_ANSWERS:
                self._kept.popitem(last=False)
        return kept


@contextlib.contextmanager
def lock_held(lock: threading.Lock) -> Iterator[None]:
    """Give back a lock that is held already."""
    try:
        yield
    finally:
        lock.release()
