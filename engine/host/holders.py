"""Finds out which process holds a lock: the one that the locked file names, or a different one.

Every process of a user can lock the user's files, so a lock alone proves nothing. So engines and supervisors
write into the file, under a seal, which process they are.
"""

import os
import time
from pathlib import Path
from typing import Final

from engine.core.reasons import Reason
from engine.supervisor.leftovers import began_at, has_ended
from jobfile.model.namedtuple import NamedTuple

LOCKS: Final = "/proc/locks"
"""The list of locked files with their processes: proc(5). It does not show locks of other containers."""
FRESH_SECONDS: Final = 1.0
"""How long a list may be used to prove that a lock is held. Only a new list proves that a lock is free."""
_LOCK_WORDS: Final = 8
"""Number of words on a line: number, kind, way, access, process, file
(device and inode), first and last byte.
"""


class Process(NamedTuple):
    """A process: its id, its start time (`began_at`), and its boot and container."""

    pid: int
    began: str
    boot_id: str


class _Locks:
    """The list of locks, cached for a moment."""

    def __init__(self) -> None:
        self._read_at = float("-inf")
        self._pids: dict[str, set[int]] = {}

    def of(self, inode: int, pid: int) -> set[int]:
        """The processes that hold this file. A cached list is used only if `pid` is among them."""
        name, now = str(inode), time.monotonic()
        found = self._pids.get(name, set())
        if pid in found and now - self._read_at < FRESH_SECONDS:
            return found
        self._pids, self._read_at = _read_locks(), now
        return self._pids.get(name, set())


_locks = _Locks()


def current_boot_id() -> str:
    """Identifies this boot and pid namespace: process ids of another container mean other processes.

    It has three parts: the boot, the number of the pid namespace, and the start time of that namespace's
    first process, because the number may be reused: namespaces(7).
    """
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    try:
        began = os.fsdecode(Path("/proc/1/stat").read_bytes()).rpartition(")")[2].split()[19]
    except OSError:
        began = ""  # other users' processes may be hidden: proc(5), hidepid
    return f"{boot}/{Path('/proc/self/ns/pid').readlink()}/{began}"


def why_gone(then: str, now: str) -> str:
    """The event between two boot ids that ended all processes, as a reason; empty if there was none."""
    (boot, *before), (same, *after) = then.split("/"), now.split("/")
    if boot != same:
        return Reason.HOST_REBOOT
    return (
        Reason.CONTAINER_RESTART
        if any(one != other for one, other in zip(before, after, strict=False))
        else ""
    )


def this_process() -> Process:
    """The calling process."""
    return Process(os.getpid(), began_at(os.getpid()), current_boot_id())


def lives(one: Process, *, boot_id: str) -> bool:
    """Whether a process exists. One of a different container cannot be seen, so it counts as existing."""
    match why_gone(one.boot_id, boot_id):
        case Reason.HOST_REBOOT:
            return False
        case "":
            return not has_ended(one.pid, one.began)
        case _:
            return True


def holds(one: Process, handle: int, *, boot_id: str) -> bool:
    """Whether a locked file is held by the process that it names.

    It is not when that process is gone, or when the system lists other holders. When the system lists none,
    for example because /proc is restricted, the file is believed.
    """
    if not lives(one, boot_id=boot_id):
        return False
    if why_gone(one.boot_id, boot_id):
        return True
    holders = _locks.of(os.fstat(handle).st_ino, one.pid)
    return not holders or one.pid in holders


def holders_of(handle: int) -> tuple[int, ...]:
    """The processes that have locked a file, as the system lists them."""
    return tuple(sorted(_read_locks().get(str(os.fstat(handle).st_ino), ())))


def _read_locks() -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    try:
        lines = Path(LOCKS).read_text().splitlines()
    except OSError:
        return found
    for line in lines:
        words = line.split()
        if len(words) == _LOCK_WORDS and words[1] == "FLOCK" and words[4].isdecimal():
            found.setdefault(words[5].rpartition(":")[2], set()).add(int(words[4]))
    return found
