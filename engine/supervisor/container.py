"""Ends the container of an attempt: its processes are not below its supervisor, but below its runtime.

A supervisor imports this only for a job in a container.
"""

import os
import select
import signal
import time
from collections.abc import Callable
from typing import Any, Final  # an order is a plain dictionary

from engine.supervisor.spawn import Call, NotBegunError, start_beside, words

COMMAND_SECONDS: Final = 20.0
"""Maximum duration of a command of the runtime."""
LOOK_MILLISECONDS: Final = 1000
"""How often the supervisor looks after its evidence meanwhile."""
ANSWER_BYTES: Final = 4096
KILLED: Final = 128 + signal.SIGKILL
"""The exit code of a container whose program was killed."""
NO_CONTAINER: Final = 125
"""The exit code of `run` when the runtime itself failed, for example to fetch the image."""


class Container:
    """The container of one attempt."""

    def __init__(self, order: "dict[str, Any]", call: Call, look: Callable[[], None]) -> None:
        """`call` is that of its client, `look` is called each second while this waits."""
        self._about: dict[str, Any] = order["container"]
        self._call = call
        self._look = look
        self._is_over = False

    def end(self, result: "dict[str, Any] | None" = None, *, grace_seconds: float = 0.0) -> None:
        """Stop what runs within the grace, and remove the container; once is enough.

        `result` is that of its client: it is completed with what only the runtime knows.
        """
        if self._is_over:
            return
        self._is_over = True
        name = self._about["name"]
        if grace_seconds > 0:
            seconds = max(1, round(grace_seconds))
            self._run((*self._about["stop"], str(seconds), name), COMMAND_SECONDS + seconds)
        if result is not None and result["exit_code"] in (KILLED, NO_CONTAINER):
            is_killed = self._run(self._about["inspect"], COMMAND_SECONDS).strip()
            if is_killed == b"true":
                result["limit"] = "memory"
            elif is_killed != b"false" and result["exit_code"] == NO_CONTAINER:
                result["limit"] = "container"
        self._run(self._about["remove"], COMMAND_SECONDS)

    def _run(self, argv: "tuple[str, ...]", seconds: float) -> bytes:
        """Run a command of the runtime; its output, or what there is of it in time."""
        said, says = os.pipe()
        try:
            pid = start_beside(self._call._replace(paths=words(argv[:1]), argv=words(argv)), says)
        except (NotBegunError, OSError):
            os.close(said)
            return b""
        finally:
            os.close(says)
        answer, until = b"", time.monotonic() + seconds
        poll = select.poll()
        poll.register(said, select.POLLIN)
        while (left := until - time.monotonic()) > 0:
            if poll.poll(min(LOOK_MILLISECONDS, left * 1000)):
                part = os.read(said, ANSWER_BYTES)
                if not part:
                    break
                answer = (answer + part)[:ANSWER_BYTES]
            self._look()
        os.close(said)
        if os.waitpid(pid, os.WNOHANG)[0] == 0:
            self._finish(pid)
        return answer

    def _finish(self, pid: int) -> None:
        """It has closed its output, or its time is over: give it a moment to end, then kill it."""
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            if os.waitpid(pid, os.WNOHANG)[0] != 0:
                return
            select.select([], [], [], 0.01)
        os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
