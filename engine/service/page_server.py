"""Keeps the server of the page running beside an engine, in a process of its own. Nothing that happens to it
reaches the engine: this thread waits for it, and starts it again.
"""

import os
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Final, Self

from engine.config import STORE
from engine.execution.launcher_client import Beside
from engine.host.environment import environment
from engine.host.hardening import PARENT
from engine.ports import Clock

FIRST_WAIT_SECONDS: Final = 1.0
LONGEST_WAIT_SECONDS: Final = 60.0
STOP_SECONDS: Final = 5.0
STEADY_SECONDS: Final = 60.0
"""After it ran for this time, the next start waits as the first one did."""


class PageServer:
    """The server as a child of this process; the kernel kills it when this process ends."""

    def __init__(
        self, arguments: Sequence[str], clock: Clock, *, store: str, tell: Callable[[str], None]
    ) -> None:
        """`arguments` are those of  jobfile serve; `tell` is called with a line when the server has ended.

        `store`, the URL of a ledger in a server, may have a password, and so is not among the arguments.
        """
        self._argv = (sys.executable, "-m", "engine.cli.main", "serve", *arguments)
        self._store = store
        self._clock = clock
        self._tell = tell
        self._ended = threading.Event()
        self._beside: Beside | None = None
        self._thread = threading.Thread(target=self._keep, name="page", daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the server."""
        self._ended.set()
        beside = self._beside
        if beside is not None:
            beside.end(seconds=STOP_SECONDS)
        self._thread.join(timeout=STOP_SECONDS)

    def _keep(self) -> None:
        wait = FIRST_WAIT_SECONDS
        while not self._ended.is_set():
            began = self._clock.elapsed()
            own = {PARENT: str(os.getpid()), STORE: self._store}
            self._beside = Beside(self._argv, env={**environment(), **own})
            how = self._beside.wait()
            if self._ended.is_set():
                return
            if self._clock.elapsed() - began >= STEADY_SECONDS:
                wait = FIRST_WAIT_SECONDS
            self._tell(f"the page's server has ended ({how}); it is started again in {wait:.0f} s")
            self._ended.wait(wait)
            wait = min(LONGEST_WAIT_SECONDS, wait * 2)
