"""A job's own process: in a group of its own, and dead when its supervisor dies. Imported by the shim."""

import ctypes
import errno
import os
import signal
from typing import Any, Final  # an order is JSON

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_OOM_SCORE: Final = "/proc/self/oom_score_adj"
_prctl = ctypes.CDLL(None).prctl
_nothing = os.open(os.devnull, os.O_RDONLY)
_is_spared = False


def note_oom_score() -> None:
    """Look, once, whether this process and its forks are spared when memory runs out: proc(5)."""
    global _is_spared
    try:
        with open(_OOM_SCORE, encoding="ascii") as file:  # noqa: PTH123  no pathlib in the shim
            _is_spared = file.read().startswith("-")
    except OSError:
        _is_spared = False


class Program:
    """One process, from before it exists until nothing of it is held any more."""

    def __init__(self, order: dict[str, Any], script: "str | None") -> None:
        """Prepare everything, so that little is left to do between fork and exec. Starts nothing."""
        self.argv: list[str] = order["argv"] + ([script] if script is not None else [])
        self.env: dict[str, str] = {**order["env"], **order["secrets"]}
        self.working_dir: str = order["working_dir"]
        self.paths = _candidates(self.argv[0], self.env.get("PATH", os.defpath))
        self.pid = self.handle = self.output = -1

    def start(self) -> str:
        """Execute it; returns why that cannot be done, or nothing."""
        supervisor = os.getpid()
        pipes: list[int] = []
        try:
            for _ in range(2):
                pipes += os.pipe()
            self.pid = os.fork()
        except OSError as problem:
            for handle in pipes:
                os.close(handle)
            return f"no process can be made for it: {problem.strerror}"
        self.output, out_write, error_read, error_write = pipes
        if self.pid == 0:
            self._become_job(supervisor, out_write, error_write)
        os.close(out_write)
        os.close(error_write)
        said = os.read(error_read, 4096)
        os.close(error_read)
        if said:
            os.waitpid(self.pid, 0)
            self.pid = -1
            return said.decode("utf-8", "replace")
        os.set_blocking(self.output, False)
        self.handle = os.pidfd_open(self.pid)
        return ""

    def signal(self, number: int) -> None:
        """Send a signal to its group and to it. It is not reaped yet, so its id is nobody else's."""
        if self.pid > 0:
            for send in (os.killpg, os.kill):
                try:
                    send(self.pid, number)
                except (ProcessLookupError, PermissionError):
                    pass

    def reap(self) -> "tuple[int, Any]":
        """Its exit status and what it used; from now on its id may be another's."""
        _, status, usage = os.wait4(self.pid, 0)
        self.pid = -1
        return status, usage

    def close(self) -> None:
        """Hold nothing of it any more."""
        for handle in (self.handle, self.output):
            if handle >= 0:
                os.close(handle)
        self.handle = self.output = -1

    def _become_job(self, supervisor: int, out: int, error: int) -> None:
        """In the forked child: turn into the job, or say why not."""
        try:
            os.setpgid(0, 0)
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != supervisor:
                os._exit(1)  # the shim died before the line above could be for it
            if _is_spared:
                _be_as_killable_as_others()
            os.dup2(_nothing, 0)
            os.dup2(out, 1)
            os.dup2(out, 2)
            os.write(error, self._exec().encode("utf-8", "replace"))
        finally:
            os._exit(127)

    def _exec(self) -> str:
        """Execute the command; returns only with the reason why that cannot be done."""
        try:
            os.chdir(self.working_dir)
        except OSError as problem:
            return f"working folder {self.working_dir}: {problem.strerror}"
        found = errno.ENOENT
        for path in self.paths:
            try:
                os.execve(path, self.argv, self.env)  # noqa: S606  that is what a job is
            except OSError as problem:
                if problem.errno not in (errno.ENOENT, errno.ENOTDIR):
                    found = problem.errno or found
            except ValueError as problem:
                return f"program `{self.argv[0]}` {problem}"
        words = {errno.ENOENT: "not found", errno.EACCES: "not executable"}
        return f"program `{self.argv[0]}` {words.get(found, os.strerror(found))}"


def _candidates(name: str, path: str) -> list[str]:
    """Where a program may be, in order: environ(7). What is surely not there is left out before the fork."""
    if "/" in name:
        return [name]
    places = [f"{folder or '.'}/{name}" for folder in path.split(":")]
    return [place for place in places if not place.startswith("/") or os.path.exists(place)]  # noqa: PTH110


def _be_as_killable_as_others() -> None:
    """The engine is spared when memory runs out; its jobs are not. The file is opened to its user first."""
    _prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
    try:
        handle = os.open(_OOM_SCORE, os.O_WRONLY)
        os.write(handle, b"0")
        os.close(handle)
    except OSError:
        pass
