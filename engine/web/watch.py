"""Looks at the ledger for all who wait for a change: at most once a second, in one thread."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from engine.core.errors import JobfileError

LOOK_SECONDS: Final = 1.0
AWAY: Final = "away"
"""The mark of a ledger that cannot be reached, so that open pages notice when it goes and comes back."""


class Watch:
    """The mark of the ledger, for tabs and requests that wait; however many they are, it is read once."""

    def __init__(self, mark: Callable[[], Hashable]) -> None:
        """`mark` gives what is different after each write to the ledger."""
        self._mark = mark
        self._own = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="watch")
        self._looking: Future[Hashable] | None = None
        self._began = 0.0
        self.is_over = False
        """Whether the server ends, and nobody should wait any more."""
        self._resting: set[asyncio.Future[None]] = set()

    async def look(self) -> Hashable:
        """The mark, as it is or was at most a second ago."""
        with self._own:
            is_old = time.monotonic() >= self._began + LOOK_SECONDS
            if self._looking is None or (is_old and self._looking.done()):
                self._began, self._looking = time.monotonic(), self._thread.submit(self._found)
            looking = self._looking
        # A client that goes away must not cancel the look for the others.
        return await asyncio.shield(asyncio.wrap_future(looking))

    async def changed(
        self, mark: object, *, seconds: float, look: Callable[[], Awaitable[object]] | None = None
    ) -> object:
        """Wait until `look` finds something else than this mark, the time is up, or the server ends; return
        what it finds. Without `look`, the mark of the ledger.
        """
        look, until = look or self.look, time.monotonic() + seconds
        while (now := await look()) == mark and time.monotonic() < until and not self.is_over:
            await self._rest()
        return now

    def end(self) -> None:
        """Let nobody wait any more. Called in the thread of those who wait."""
        self.is_over = True
        for one in self._resting:
            one.cancel()

    async def _rest(self) -> None:
        """Wait until the next look, or the end."""
        rest = asyncio.get_running_loop().create_future()
        self._resting.add(rest)
        try:
            await asyncio.wait((rest,), timeout=LOOK_SECONDS)
        finally:
            self._resting.discard(rest)

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown()

    def _found(self) -> Hashable:
        try:
            return self._mark()
        except JobfileError:
            return AWAY
