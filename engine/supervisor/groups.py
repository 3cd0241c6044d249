"""Control groups (cgroups(7), version 2): they hold the memory and the number of all processes of an attempt.

A group can be made only below one whose limits this process may set: below its own, if systemd delegated it
(`Delegate=yes`) or it is the first of a container. Everywhere else the limits of each process are used.
"""

import errno
import os
import select
import time
from typing import Final

ROOTS: Final = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
"""Where version 2 is mounted: alone, or beside version 1."""
PREFIX: Final = "jobfile-"
"""The names of our groups begin with it."""
OWN: Final = f"{PREFIX}engine"
"""The group for the engine itself: a group with limits below it must not have processes of its own."""
DELEGATED: Final = ("user.delegate", "trusted.delegate")
"""Extended attributes with which systemd marks a group that it leaves to a service."""
EMPTY_SECONDS: Final = 2.0
"""How long to wait for the end of killed processes."""
PAUSE_SECONDS: Final = 0.005
STALE_SECONDS: Final = 60.0
"""A group without processes is a leftover after this time."""
MOVES: Final = 5
"""How often all processes are moved: some may be forked meanwhile."""


def base() -> str:
    """The group below which this process makes groups; empty where version 2 is not mounted."""
    path = next((line[3:] for line in _read("/proc/self/cgroup").splitlines() if line[:3] == "0::"), "..")
    path = path.removesuffix(f"/{OWN}").rstrip("/")
    if ".." in path:  # outside of this process's namespace
        return ""
    found = (root + path for root in ROOTS if os.path.exists(f"{root}{path}/cgroup.procs"))  # noqa: PTH110  no pathlib in the shim
    return next(found, "")


def can_limit(above: str, *controllers: str) -> bool:
    """Whether groups below this one can have limits of these kinds; prepares it, if that is allowed."""
    if not above or not {*controllers} <= {*_read(f"{above}/cgroup.controllers").split()}:
        return False
    if {*controllers} <= {*_read(f"{above}/cgroup.subtree_control").split()}:
        return os.access(above, os.W_OK) and os.access(f"{above}/cgroup.procs", os.W_OK)
    try:
        _enable(above, controllers)
    except OSError as problem:
        if problem.errno != errno.EBUSY or not _is_ours(above):
            return False
        try:
            _move_down(above)
            _enable(above, controllers)
        except OSError:
            return False
    return True


def _enable(above: str, controllers: "tuple[str, ...]") -> None:
    _write(f"{above}/cgroup.subtree_control", " ".join(f"+{one}" for one in controllers))


def _is_ours(above: str) -> bool:
    """Whether all processes in a group are ours to move: systemd says so, or it is that of a container."""
    for name in DELEGATED:
        try:
            if os.getxattr(above, name) == b"1":
                return True
        except OSError:
            continue
    return above in ROOTS and os.path.exists(f"{above}/cgroup.type")  # noqa: PTH110


def _move_down(above: str) -> None:
    own = f"{above}/{OWN}"
    try:
        os.mkdir(own)  # noqa: PTH102
    except FileExistsError:
        pass
    for _ in range(MOVES):
        pids = _read(f"{above}/cgroup.procs").split()
        for pid in pids:
            try:
                _write(f"{own}/cgroup.procs", pid)
            except ProcessLookupError:
                continue
        if not pids:
            return


def path_of(above: str, attempt: str) -> str:
    """The group of an attempt; empty if there can be none."""
    return f"{above}/{PREFIX}{attempt}" if above else ""


def enter(group: str, limits: "dict[str, str]") -> None:
    """Make a group with these limits, by the names of their files, and move this process into it."""
    try:
        os.mkdir(group)  # noqa: PTH102
    except FileExistsError:
        pass  # left by a supervisor that was killed before it began
    for name, limit in limits.items():
        try:
            _write(f"{group}/{name}", limit)
        except FileNotFoundError:
            if name not in OPTIONAL:
                raise
    _write(f"{group}/cgroup.procs", "0")


OPTIONAL: Final = ("memory.swap.max", "memory.oom.group")
"""Files that a kernel without swap, or an older one, does not have."""


def memory_kills_in(group: str) -> int:
    """How many processes the kernel has killed because the group reached its limit of memory."""
    for line in _read(f"{group}/memory.events").splitlines():
        name, _, number = line.partition(" ")
        if name == "oom_kill":
            return int(number)
    return 0


def remove(group: str) -> None:
    """Kill all processes of a group, and remove it. Does nothing if there is none."""
    until = time.monotonic() + EMPTY_SECONDS
    while group and os.path.exists(group):  # noqa: PTH110
        try:
            _write(f"{group}/cgroup.kill", "1")
        except OSError:
            pass  # before Linux 5.14; its processes are also killed one by one
        try:
            os.rmdir(group)  # noqa: PTH106
        except OSError:
            if time.monotonic() > until:
                return
            select.select([], [], [], PAUSE_SECONDS)


def sweep(above: str) -> None:
    """Remove the groups of attempts that were left behind without a process."""
    try:
        names = os.listdir(above) if above else []  # noqa: PTH208
    except OSError:
        return
    for name in names:
        group = f"{above}/{name}"
        if name.startswith(PREFIX) and name != OWN and _is_stale(group):
            try:
                os.rmdir(group)  # noqa: PTH106  fails when a process is in it
            except OSError:
                continue


def _is_stale(group: str) -> bool:
    try:
        return time.clock_gettime(time.CLOCK_REALTIME) - os.stat(group).st_mtime > STALE_SECONDS  # noqa: PTH116
    except OSError:
        return False


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123
            return file.read()
    except OSError:
        return ""


def _write(path: str, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(handle, text.encode())
    finally:
        os.close(handle)
