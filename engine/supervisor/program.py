"""A job's own process, from before it exists until nothing of it is held any more."""

import errno
import os
from typing import Any  # an order is a plain dictionary

from engine.supervisor import plain
from engine.supervisor.plain import Ended
from engine.supervisor.spawn import (
    AT_FOLDER,
    AT_LIMIT,
    AT_PROCESS,
    Before,
    Call,
    NotBegunError,
    begin,
    core_of,
    why_no_core,
    words,
)

_nothing = os.open(os.devnull, os.O_RDONLY)


class Program:
    """One process."""

    def __init__(self, order: dict[str, Any], script: "str | None") -> None:
        """Prepare everything, so that what cannot be right is known before the start. Starts nothing.

        Raises ValueError for what no system takes: a NUL, or text that is no text.
        """
        argv: tuple[str, ...] = order["argv"] if script is None else (*order["argv"], script)
        env: dict[str, str] = {**order["env"], **order["secrets"]}
        self.call = Call(
            paths=words(_candidates(argv[0], env)),
            argv=words(argv),
            env=words(list(map("=".join, env.items()))),
            folder=words((order["working_dir"],))[:-1],
            stdin=_nothing,
            umask=order["umask"],
            core=core_of(order["core_bytes"]),
            may_gain_rights=order["may_gain_rights"],
        )
        self.name = argv[0]
        self.pid = self.handle = self.output = self._held = -1

    def begin(self, before: Before, roused: int, bereaved: int, milliseconds: int) -> "tuple[int, int, int]":
        """Execute it; whether the first wait ended with output, with its end, or with its being roused.

        It also ends when any child of its supervisor has ended.

        Raises NotBegunError.
        """
        begun = begin(self.call, before, roused, milliseconds, bereaved)
        self.pid, self.handle, self.output, self._held, has_output, has_ended, is_roused = begun
        if self.handle < 0:
            raise OSError(-self.handle, os.strerror(-self.handle))
        return has_output, has_ended, is_roused

    def signal(self, number: int) -> None:
        """Send a signal to its group, and to it if it has left that: to each once.

        It is not reaped yet, so its id is nobody else's.
        """
        if self.pid <= 0:
            return
        is_in_group = os.getpgid(self.pid) == self.pid
        for send in (os.killpg,) if is_in_group else (os.killpg, os.kill):
            try:
                send(self.pid, number)
            except (ProcessLookupError, PermissionError):
                pass

    def reap_others(self) -> None:
        """Reap orphans that have ended: until then each takes a slot in the process table.

        Its own process is left as it is; once that has ended, everything is reaped.
        """
        while (found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
            if found.si_pid == self.pid:
                return
            os.waitpid(found.si_pid, 0)

    def reap(self) -> Ended:
        """How it ended; from now on its id may be another's, and its output can end.

        Until then that is held open here: a process closes what it has before it can be waited for, and
        a supervisor that is woken twice for each end is woken once too often.
        """
        ended: Ended | None = plain.reap(self.pid, self._held, self.output)
        if ended is None:
            _, status, used = os.wait4(self.pid, 0)
            os.close(self._held)
            # What is left is looked for by who needs to know.
            ended = Ended(status, used.ru_maxrss, int((used.ru_utime + used.ru_stime) * 1_000_000), 0, 0)
        self.pid = self._held = -1
        return ended

    def close(self) -> None:
        """Hold nothing of it any more."""
        for handle in (self.handle, self.output, self._held):
            if handle >= 0:
                os.close(handle)
        self.handle = self.output = self._held = -1

    def why_not(self, failed: NotBegunError) -> str:
        """Why it was not executed, for people."""
        stage, problem = failed.stage, failed.problem
        if stage == AT_PROCESS:
            return f"no process can be made for it: {os.strerror(problem)}"
        if stage == AT_LIMIT:
            refused: str = why_no_core(self.call.core)
            return refused
        from engine.supervisor.unstarted import why_denied, why_not_executed  # noqa: PLC0415  memory of each running job

        folder = os.fsdecode(self.call.folder)
        if stage == AT_FOLDER:
            denied = why_denied(f"{folder}/.") if problem == errno.EACCES else ""
            return (
                f"working folder {folder} {denied}"
                if denied
                else f"working folder {folder}: {os.strerror(problem)}"
            )
        tried = [os.fsdecode(path).removeprefix("./") for path in self.call.paths.split(b"\0")[:-1]]
        paths = [path if path.startswith("/") else f"{folder}/{path}" for path in tried]
        why: str = why_not_executed(self.name, paths, problem)
        return why


def _candidates(name: str, env: dict[str, str]) -> list[str]:
    """Where a program may be, in order: environ(7). What is surely not there is left out before the start."""
    if "/" in name:
        return [name]
    places = [f"{folder or '.'}/{name}" for folder in env.get("PATH", os.defpath).split(":")]
    return [place for place in places if not place.startswith("/") or os.path.exists(place)]  # noqa: PTH110
