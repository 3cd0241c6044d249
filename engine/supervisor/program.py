"""A job's own process: prepare it, start it, signal it, reap it."""

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
    """The process of one attempt."""

    def __init__(self, order: dict[str, Any], script: "str | None") -> None:
        """Prepare everything, so that errors show before the marker. Starts nothing.

        `script` is the path of the job's script, the last argument. Raises ValueError for a text that no
        system takes: it contains a NUL, or cannot be encoded.
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
        """Start it, and wait for the first event: whether that was output, its end, or a signal to the
        supervisor.

        The wait also ends when any child of the supervisor has ended. Raises NotBegunError; OSError when the
        process runs but has no pidfd.
        """
        begun = begin(self.call, before, roused, milliseconds, bereaved)
        self.pid, self.handle, self.output, self._held, has_output, has_ended, is_roused = begun
        if self.handle < 0:
            raise OSError(-self.handle, os.strerror(-self.handle))
        return has_output, has_ended, is_roused

    def signal(self, number: int) -> None:
        """Send a signal to its group, and to the process itself if it has left the group: to each once.

        The process is not reaped yet, so its id cannot have been reused.
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
        """Reap orphans that have ended, so that they take no slots in the process table.

        The job's own process is not reaped here, because its resource usage is needed: so WNOWAIT looks
        first.
        """
        while (found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
            if found.si_pid == self.pid:
                return
            os.waitpid(found.si_pid, 0)

    def reap(self) -> Ended:
        """Reap it, and return how it ended. From now on its id may be reused, and its output can end.

        Until now our write end has kept the output open: a process closes its files before it can be waited
        for, and the supervisor would be woken twice for each end.
        """
        ended: Ended | None = plain.reap(self.pid, self._held, self.output)
        if ended is None:
            _, status, used = os.wait4(self.pid, 0)
            os.close(self._held)
            # 0, 0: this cannot say whether output or children are left, so the caller looks for them.
            ended = Ended(status, used.ru_maxrss, int((used.ru_utime + used.ru_stime) * 1_000_000), 0, 0)
        self.pid = self._held = -1
        return ended

    def close(self) -> None:
        """Close all descriptors."""
        for handle in (self.handle, self.output, self._held):
            if handle >= 0:
                os.close(handle)
        self.handle = self.output = self._held = -1

    def why_not(self, failed: NotBegunError) -> str:
        """Why it was not executed, as a message."""
        stage, problem = failed.stage, failed.problem
        if stage == AT_PROCESS:
            return f"no process can be made for it: {os.strerror(problem)}"
        if stage == AT_LIMIT:
            refused: str = why_no_core(self.call.core)
            return refused
        from engine.supervisor.unstarted import why_denied, why_not_executed  # noqa: PLC0415  memory in each supervisor

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
    """Candidate paths of a program, in the order of PATH: environ(7). Missing absolute paths are left out."""
    if "/" in name:
        return [name]
    places = [f"{folder or '.'}/{name}" for folder in env.get("PATH", os.defpath).split(":")]
    return [place for place in places if not place.startswith("/") or os.path.exists(place)]  # noqa: PTH110
