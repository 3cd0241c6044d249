"""Whether the engine works: the ledger can be written, and no loop repeats a bug or is stuck."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from engine.core.events import LedgerUnwritable, LedgerWritable
from engine.ports import Clock, Journal

CALM_SECONDS = 5.0
"""How long all loops must have no failure before the ledger counts as writable again."""
BUG_CALM_SECONDS = 60.0
"""A loop that has not repeated its bug for this long counts as well again."""
STUCK_SECONDS = 30.0
"""A loop that a bug stops at every turn, or that is stuck in one turn, for this long does not recover."""
LONG_TURN_SECONDS = 600.0
"""The same for a loop that works through many files in one turn."""
WITH_LONG_TURNS = ("housekeeper",)
NO_DUTY_OF_RUNS = ("housekeeper", "watcher", "outside watch")
"""Loops without which the generation in force continues: no reason to restart the engine."""


@dataclass(slots=True)
class _Bug:
    message: str
    last: float
    stuck_since: float | None = None


class LedgerGuard:
    """Combines the errors of all loops into one report.

    No decision depends on it: the loops retry by themselves, and uncommitted work is never started.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        journal: Journal,
        alarm: Callable[[str], None],
        on_bug: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`alarm` receives why the ledger cannot be written, and "" when it can again; it must not use the
        disk.

        `on_bug` receives the bugs that loops report, in one line, and "" when they are over.
        """
        self._clock = clock
        self._journal = journal
        self._alarm = alarm
        self._on_bug = on_bug
        self._lock = threading.Lock()
        self._failing: set[str] = set()
        self._began = 0.0
        self._failed = 0.0
        self._is_reported = False
        self._bugs: dict[str, _Bug] = {}
        self._turns: dict[str, float] = {}

    @property
    def is_stuck(self) -> bool:
        """Whether a bug stops a loop at every turn: a service manager should restart the engine."""
        now = self._clock.elapsed()
        with self._lock:
            since = [bug.stuck_since for bug in self._bugs.values() if bug.stuck_since is not None]
        if any(now - began >= STUCK_SECONDS for began in since):
            return True
        return any(loop not in NO_DUTY_OF_RUNS for loop in self.standing())

    @property
    def is_unwritable(self) -> bool:
        """Whether the ledger cannot be written now."""
        return self._is_reported

    @contextmanager
    def turn(self, loop: str) -> Iterator[None]:
        """Enclose each turn of a loop, so that a turn that never ends is noticed."""
        self._turns[loop] = self._clock.elapsed()
        try:
            yield
        finally:
            self._turns.pop(loop, None)

    def standing(self) -> dict[str, float]:
        """Loops whose current turn takes too long, with its seconds so far.

        It takes no lock, so it answers at once whatever a loop does.
        """
        now = self._clock.elapsed()
        lasted = {loop: now - began for loop, began in self._turns.copy().items()}
        return {loop: seconds for loop, seconds in lasted.items() if seconds >= _longest_turn(loop)}

    def note_failure(self, loop: str, detail: str) -> None:
        """Note that a loop could not write."""
        with self._lock:
            self._failed = self._clock.elapsed()
            self._failing.add(loop)
            if self._is_reported:
                return
            self._is_reported, self._began = True, self._failed
        self._alarm(detail)
        self._journal.report(LedgerUnwritable(detail=detail))

    def note_bug(self, loop: str, message: str, *, is_whole_turn: bool) -> None:
        """Note that a loop met a bug; `is_whole_turn`: the bug kept it from doing anything in this turn."""
        with self._lock:
            now = self._clock.elapsed()
            before = self._bugs.get(loop)
            since = None
            if is_whole_turn:
                since = now if before is None or before.stuck_since is None else before.stuck_since
            self._bugs[loop] = _Bug(message, now, since)
            is_new = before is None or before.message != message
            text = self._bug_text()
        if is_new:
            self._on_bug(text)

    def note_success(self, loop: str) -> None:
        """Note that a loop finished a turn without an error."""
        self._end_bug(loop)
        with self._lock:
            self._failing.discard(loop)
            now = self._clock.elapsed()
            if not self._is_reported or self._failing or now - self._failed < CALM_SECONDS:
                return
            self._is_reported = False
        self._alarm("")
        self._journal.report(LedgerWritable(seconds=now - self._began))

    def _end_bug(self, loop: str) -> None:
        if loop not in self._bugs:  # the common case, at each turn of each loop: skip the lock
            return
        with self._lock:
            bug = self._bugs[loop]
            bug.stuck_since = None
            if self._clock.elapsed() - bug.last < BUG_CALM_SECONDS:
                return
            del self._bugs[loop]
            text = self._bug_text()
        self._on_bug(text)

    def _bug_text(self) -> str:
        return "; ".join(f"{name}: {bug.message}" for name, bug in sorted(self._bugs.items()))


def _longest_turn(loop: str) -> float:
    return LONG_TURN_SECONDS if loop in WITH_LONG_TURNS else STUCK_SECONDS
