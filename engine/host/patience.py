"""Calls functions that may block forever, for example about a file on a network share that is gone.

While the kernel blocks in open(2) or stat(2), neither O_NONBLOCK nor a signal ends the call. So the call is
made in a thread, which is left behind when it takes too long: one thread for each file, until the system
answers.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

AT_ONCE_SECONDS: Final = 0.1
"""How many seconds the caller, a loop, blocks for an answer; a healthy disk needs a hundredth of it."""
ANSWER_SECONDS: Final = 2.0
"""How many seconds callers that ask repeatedly wait for an answer in total."""
STALE_SECONDS: Final = 10.0
"""An answer that no caller has fetched for this many seconds is outdated: the question is asked again."""
MOST_STUCK: Final = 32
"""Maximum number of threads that wait for an answer."""

Answer = TypeVar("Answer")


class NotYetError(Exception):
    """The system has not answered yet: ask the same again later."""


class NoAnswerError(Exception):
    """The system has not answered in time."""


class _Question:
    """A question in its own thread."""

    def __init__(self, question: Callable[[], Any]) -> None:
        self._question = question
        self._answer: Any = None
        self._problem: BaseException | None = None
        self.asked_at = time.monotonic()
        self.thread = threading.Thread(target=self._ask, name="question", daemon=True)
        self.thread.start()

    def _ask(self) -> None:
        try:
            self._answer = self._question()
        except BaseException as problem:  # noqa: BLE001  raised again in the caller
            self._problem = problem

    def answer(self) -> Any:  # noqa: ANN401  of whatever was asked
        if self._problem is not None:
            raise self._problem
        return self._answer


_open: dict[str, _Question] = {}
_lock = threading.Lock()


def ask(what: str, question: Callable[[], Answer]) -> Answer:
    """Call `question` and return its result, or raise its exception. `what` identifies the question.

    When it takes too long, it raises NotYetError for ANSWER_SECONDS, and then NoAnswerError until the system
    answers.
    """
    asked = _asked(what, question)
    asked.thread.join(AT_ONCE_SECONDS if time.monotonic() - asked.asked_at < AT_ONCE_SECONDS else 0)
    if not asked.thread.is_alive():
        with _lock:
            _open.pop(what, None)
        answer: Answer = asked.answer()
        return answer
    if time.monotonic() - asked.asked_at < ANSWER_SECONDS:
        raise NotYetError(what)
    raise NoAnswerError(f"timed out: the system has not answered within {ANSWER_SECONDS:g} seconds")


def wait_for(what: Callable[[], Answer]) -> Answer:
    """Call a function that uses `ask` until it has its answer; for callers that may block."""
    while True:
        try:
            return what()
        except NotYetError:
            threading.Event().wait(AT_ONCE_SECONDS)


def _asked(what: str, question: Callable[[], object]) -> _Question:
    """The question with this name, asked now or earlier."""
    with _lock:
        known = _open.get(what)
        is_stale = known is not None and time.monotonic() - known.asked_at > STALE_SECONDS
        if known is not None and (known.thread.is_alive() or not is_stale):
            return known
        if known is None and sum(one.thread.is_alive() for one in _open.values()) >= MOST_STUCK:
            raise NoAnswerError(f"not tried: {MOST_STUCK} other files and folders do not respond")
        _open[what] = asked = _Question(question)
        return asked
