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
"""How old an answer for a program may be while a new one is computed."""
PAGE_SECONDS: Final = 600.0
"""How old one for a page may be: the page says of when it is, and gets the new one as soon as it is there."""
PAUSE: Final = 8
"""After an answer that took a second, the next one is computed 8 seconds later: the computation slows down
every request beside it.
"""
KEPT_ANSWERS: Final = 32

T = TypeVar("T")


class How(NamedTuple):
    """Which answers suffice."""

    is_rough: bool = False
    """It may be older than the ledger."""
    late: float = LATE_SECONDS
    """How old it may be while a new one is computed, if that takes long."""
    since: float = 0.0
    """It must have begun after this time: then the one who asks has changed something."""


EXACT: Final = How()
PAGE: Final = How(late=PAGE_SECONDS)


class _Kept(NamedTuple):
    mark: Hashable
    """The mark of the ledger before the answer was computed."""
    at: float
    seconds: float
    """How long the computation took."""
    value: object

    def is_fresh(self, mark: Callable[[], Hashable], how: How) -> bool:
        """Whether nothing can have changed since."""
        is_recent = time.monotonic() < self.at + KEPT_SECONDS and self.is_after(how)
        return is_recent and (how.is_rough or self.mark == mark())

    def may_be_late(self, how: How) -> bool:
        """Whether it is given while a new one is computed: nobody waits for an answer that takes long."""
        is_slow = self.seconds > QUICK_SECONDS
        return is_slow and time.monotonic() < self.at + how.late and self.is_after(how)

    def is_after(self, how: How) -> bool:
        """Whether it has what the one who asks has changed."""
        return self.at - self.seconds >= how.since

    def seconds_to_next(self) -> float:
        """How long to wait before the next one is computed: it must be there before this one is too old."""
        pause = min(PAUSE * self.seconds, LATE_SECONDS - 2 * self.seconds)
        return max(0.0, self.at + pause - time.monotonic())


class Memory:
    """Answers by their question. Several requests for one that is missing wait for a single computation.

    An answer that takes long to compute is given once more while a thread computes the next one: with many
    jobs the page answers at once, with what was true a moment ago. The user who changes something here
    gets an answer that has it.
    """

    def __init__(self, mark: Callable[[], Hashable]) -> None:
        """Remember nothing yet. `mark` gives what is different after each write to the ledger."""
        self._mark = mark
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._locks: dict[Hashable, threading.Lock] = {}
        self._own = threading.Lock()
        self._changed: dict[str, float] = {}
        """When each user last changed something."""
        self._forgotten = threading.Event()
        self._slow = threading.Lock()
        """Held while a thread computes an answer that nobody waits for, so that only one does."""
        self.late_answers = 0
        """Number of answers that were computed after an older one had been given."""

    def recall(self, question: Hashable, answer: Callable[[], T], how: How = EXACT) -> T:
        """The answer: the one that is kept, or a new one."""
        with self._own:
            lock = self._locks.setdefault(question, threading.Lock())
            kept = self._kept.get(question)
        is_fresh = kept is not None and kept.is_fresh(self._mark, how)
        if kept is None or not (is_fresh or kept.may_be_late(how)):
            with lock:
                kept = self._kept.get(question)
                if kept is None or not kept.is_fresh(self._mark, how):
                    kept = self._compute(question, answer)
        elif not is_fresh and lock.acquire(blocking=False):
            later = (question, answer, lock, kept.seconds_to_next())
            threading.Thread(target=self._compute_later, args=later, daemon=True).start()
        return kept.value  # type: ignore[return-value]  # a question has one kind of answer

    def recall_for(self, user: str, question: Hashable, answer: Callable[[], T], how: How = EXACT) -> T:
        """The answer for someone, with all that they have changed."""
        return self.recall(question, answer, how._replace(since=self._changed.get(user, 0.0)))

    def note_change(self, user: str) -> None:
        """Someone has changed something through this server: their next answers have it."""
        with self._own:
            now = time.monotonic()
            self._changed = {one: at for one, at in self._changed.items() if now < at + PAGE_SECONDS}
            self._changed[user] = now
        self._hurry()

    def forget(self) -> None:
        """Forget all answers."""
        with self._own:
            self._kept.clear()
        self._hurry()

    def _hurry(self) -> None:
        """Who waits to compute begins now."""
        with self._own:
            self._forgotten.set()
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
                gone, _ = self._kept.popitem(last=False)
                if not self._locks[gone].locked():  # else someone is computing it
                    del self._locks[gone]
        return kept


@contextlib.contextmanager
def lock_held(lock: threading.Lock) -> Iterator[None]:
    """Give back a lock that is held already."""
    try:
        yield
    finally:
        lock.release()
