"""What holds an attempt's process beyond the usual: its user, its priorities and its limits.

A supervisor imports this only for a job that needs it, and then starts the process without plain.c. All of it
happens in the new process, before its program: each step has words for the case that it fails.
"""

import ctypes
import os
import resource
import signal
from collections.abc import Callable
from typing import Any, Final, NamedTuple  # an order is a plain dictionary

from engine.supervisor import groups
from engine.supervisor.namespace import FOLDER, OWN

_PR_SET_PDEATHSIG: Final = 1
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_IOPRIO_SET: Final = {"x86_64": 251, "aarch64": 30, "riscv64": 30, "ppc64le": 273, "s390x": 282}
"""The number of ioprio_set(2), which no C library wraps."""
_IOPRIO: Final = {"idle": 3 << 13, "low": (2 << 13) | 7}
"""The class in the upper bits: 3 is idle; 2 is best effort, whose lowest level is 7."""
SEARCH: Final = 0o011
"""Others may pass through a folder to a name that they know; they cannot list it."""
CPU_GRACE_SECONDS: Final = 2
"""How long a process may continue after SIGXCPU, before SIGKILL."""
SHELL_SIGNAL: Final = 128
"""A shell exits with this plus the number of the signal that ended its command."""
_libc = ctypes.CDLL(None, use_errno=True)


class Step(NamedTuple):
    """One thing that the new process does before its program, and the words for its failure."""

    words: str
    do: Callable[[int, int], None]
    """Called with the supervisor's process id and the descriptor of the output."""


class Confinement:
    """The steps of one attempt."""

    def __init__(self, order: "dict[str, Any]") -> None:
        """Does nothing yet."""
        self._about: dict[str, Any] = order["confinement"]
        self._scratch: str = order["scratch_dir"]
        self.user: dict[str, Any] | None = self._about["user"]
        self._limits: dict[str, int] = self._about["limits"]
        self._group = ""
        above = groups.base() if self._limits.keys() & {"memory", "processes"} else ""
        controllers = [one for key, one in CONTROLLERS.items() if key in self._limits]
        if above and groups.can_limit(above, *controllers):
            self._group = groups.path_of(above, order["attempt_id"])

    @property
    def uid(self) -> "int | None":
        """The user, if it is another one than the supervisor's."""
        return None if self.user is None else self.user["uid"]

    @property
    def name(self) -> str:
        """The user's name; empty if it is the supervisor's."""
        return "" if self.user is None else self.user["name"]

    def steps(self) -> "tuple[Step, ...]":
        """In this order: the last one gives up the rights that the others need."""
        found = []
        if self.user is not None:
            found.append(Step(f"the run's folder cannot be given to user `{self.name}`", self._give))
        if self._group:
            found.append(Step("limits: its control group cannot be made", self._enter_group))
        if self._about["nice"] is not None:
            found.append(Step(f"nice {self._about['nice']} cannot be set", self._set_nice))
        if self._about["io"] is not None:
            found.append(Step(f"io {self._about['io']} cannot be set", self._set_io))
        for key, limit in self._limits.items():
            if not (self._group and key in CONTROLLERS):
                found.append(_limit_step(key, limit))
        if self.user is not None:
            found.append(Step(f"the process cannot become user `{self.name}`", self._become))
        return tuple(found)

    def own(self, folder: str) -> None:
        """Give a folder of the run to the user. Raises OSError; a link in its place is not followed."""
        if self.user is not None:
            handle = os.open(folder, FOLDER)
            try:
                os.fchown(handle, self.user["uid"], self.user["gid"])
                os.fchmod(handle, OWN)
            finally:
                os.close(handle)

    def limit_that_ended(self, result: "dict[str, Any]") -> str:
        """The limit that ended the process, if one did, by its key."""
        if self._group and groups.memory_kills_in(self._group):
            return "memory"
        code, number = result["exit_code"] or 0, result["signal"] or 0
        for key, one in (("cpu_seconds", signal.SIGXCPU), ("file_size", signal.SIGXFSZ)):
            if key in self._limits and one in (number, code - SHELL_SIGNAL):
                return key
        is_killed = signal.SIGKILL in (number, code - SHELL_SIGNAL) and not result["out_of_memory"]
        most = self._limits.get("cpu_seconds")
        return "cpu_seconds" if is_killed and most is not None and result["cpu_seconds"] >= most else ""

    def end(self) -> None:
        """Remove its control group with all processes that are left in it."""
        if self._group:
            groups.remove(self._group)

    # The steps, in the new process

    def _give(self, supervisor: int, output: int) -> None:  # noqa: ARG002  a step
        run = os.path.dirname(self._scratch)  # noqa: PTH120  no pathlib in the shim
        shelf = os.path.dirname(run)  # noqa: PTH120
        runs = os.path.dirname(shelf)  # noqa: PTH120
        for folder in (os.path.dirname(runs), runs, shelf):  # noqa: PTH120
            mode = os.stat(folder).st_mode & 0o777  # noqa: PTH116
            if mode & SEARCH != SEARCH:
                os.chmod(folder, mode | SEARCH)  # noqa: PTH101
        self.own(self._scratch)
        self.own(run)

    def _enter_group(self, supervisor: int, output: int) -> None:  # noqa: ARG002
        files: dict[str, str] = {}
        if "memory" in self._limits:
            files |= {
                "memory.max": str(self._limits["memory"]),
                "memory.swap.max": "0",
                "memory.oom.group": "1",
            }
        if "processes" in self._limits:
            files["pids.max"] = str(self._limits["processes"])
        groups.enter(self._group, files)

    def _set_nice(self, supervisor: int, output: int) -> None:  # noqa: ARG002
        os.setpriority(os.PRIO_PROCESS, 0, self._about["nice"])

    def _set_io(self, supervisor: int, output: int) -> None:  # noqa: ARG002
        number = _IOPRIO_SET.get(os.uname().machine)
        if number is None:
            raise OSError(38, os.strerror(38))
        if _libc.syscall(number, 1, 0, _IOPRIO[self._about["io"]]) < 0:
            problem = ctypes.get_errno()
            raise OSError(problem, os.strerror(problem))

    def _become(self, supervisor: int, output: int) -> None:
        assert self.user is not None
        uid, gid = self.user["uid"], self.user["gid"]
        for one in {output, 2}:  # else it could not open /dev/stdout and /dev/stderr again
            os.fchown(one, uid, gid)
        _libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)  # an engine without root has them
        os.setgroups(self.user["groups"])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # another user has cleared it: prctl(2)
        if os.getppid() != supervisor:
            os._exit(1)


CONTROLLERS: Final = {"memory": "memory", "processes": "pids"}
"""The limits that a control group can hold."""
_RLIMITS: Final = {
    "memory": resource.RLIMIT_AS,
    "cpu_seconds": resource.RLIMIT_CPU,
    "open_files": resource.RLIMIT_NOFILE,
    "file_size": resource.RLIMIT_FSIZE,
    "processes": resource.RLIMIT_NPROC,
}


def rlimit_of(key: str) -> int:
    """The number of the limit for each process that a key means: setrlimit(2)."""
    return _RLIMITS[key]


def _limit_step(key: str, limit: int) -> Step:
    def set_limit(supervisor: int, output: int) -> None:  # noqa: ARG001  a step
        hard = limit
        if key == "cpu_seconds":
            allowed = resource.getrlimit(resource.RLIMIT_CPU)[1]
            later = limit + CPU_GRACE_SECONDS
            hard = later if allowed == resource.RLIM_INFINITY else max(limit, min(later, allowed))
        resource.setrlimit(_RLIMITS[key], (limit, hard))

    return Step(f"limits: {key} {limit:,} cannot be set", set_limit)
