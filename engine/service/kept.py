"""Keeps a process running beside this one. Nothing that happens to it reaches this one: a thread waits for
it, and starts it again.
"""

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Self

from engine.execution.launcher_client import Beside
from engine.host.environment import environment
from engine.host.hardening import PARENT
from engine.ports import Clock

FIRST_WAIT_SECONDS: Final = 1.0
LONGEST_WAIT_SECONDS: Final = 60.0
STOP_SECONDS: Final = 5.0
STEADY_SECONDS: Final = 60.0
"""After it ran for this time, the next start waits as the first one did."""


class Kept:
    """A program of ours as a child of this process; the kernel kills it when this process ends."""

    def __init__(
        self,
        argv: Sequence[str],
        clock: Clock,
        *,
        what: str,
        tell: Callable[[str], None],
        env: Mapping[str, str] | None = None,
        stop_seconds: float = STOP_SECONDS,
        longest_wait: float = LONGEST_WAIT_SECONDS,
    ) -> None:
        """`what` names it; `tell` gets a line when it has ended. `env` is added to its environment."""
        self._argv = argv
        self._what = what
        self._env = env or {}
        self._clock = clock
        self._tell = tell
        self._stop_seconds = stop_seconds
        self._longest_wait = longest_wait
        self._ended = threading.Event()
        self._beside: Beside | None = None
        self._thread = threading.Thread(target=self._keep, name=what, daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._ended.set()
        beside = self._beside
        if beside is not None:
            beside.end(seconds=self._stop_seconds)
        self._thread.join(timeout=self._stop_seconds)

    def _keep(self) -> None:
        wait = FIRST_WAIT_SECONDS
        while not self._ended.is_set():
            began = self._clock.elapsed()
            self._beside = Beside(self._argv, env={**environment(), PARENT: str(os.getpid()), **self._env})
            how = self._beside.wait()
            if self._ended.is_set():
                return
            if self._clock.elapsed() - began >= STEADY_SECONDS:
                wait = FIRST_WAIT_SECONDS
            self._tell(f"{self._what} has ended ({how}); it is started again in {wait:.0f} s")
            self._ended.wait(wait)
            wait = min(self._longest_wait, wait * 2)
