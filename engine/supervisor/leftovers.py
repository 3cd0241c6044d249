"""Finds and kills the processes that an attempt left behind, without risk of killing an unrelated process.

The kernel reuses a process id once its process is gone. So a handle is opened first (pidfd_open(2)), then
the process is checked once more, and the signal goes to the handle, which can only mean the process that
was checked.
"""

import os
import select
import signal
from collections.abc import Callable, Iterator

Told = frozenset[tuple[int, str]]
"""Processes, each by its id and start time: the id alone may be reused."""
PAUSE_SECONDS = 0.005
"""Pause between two passes: killed processes need a moment to end."""
_PF_EXITING = 0x4
"""The process is ending: a bit of `flags` in /proc/PID/stat, see proc(5) and linux/sched.h."""
PASSES = 5
"""Maximum number of passes over all processes: one may have forked before it was killed."""


def descendants(root: int) -> list[int]:
    """All live processes below one. When it is a subreaper, its orphans are its children: prctl(2)."""
    found, todo = [], [root]
    while todo:
        children = _children(todo.pop())
        found += children
        todo += children
    return found


def ended_children(pid: int) -> list[int]:
    """The zombies of a process: children that have ended and that it has not waited for."""
    return [child for child in _children(pid) if _stat(child)[:1] == ["Z"]]


def signal_descendants(root: int, number: int) -> int:
    """Send a signal to all live processes below one; return their number."""
    found = descendants(root)
    family = {root, *found}
    for pid in found:
        _send(pid, number, lambda pid: _parent(pid) in family)
    return len(found)


def group_within(root: int, group: int) -> Told:
    """The processes below one that are in a process group."""
    return frozenset((pid, began_at(pid)) for pid in descendants(root) if _group(pid) == group)


def tell_others(root: int, group: int, told: Told) -> int:
    """Send SIGTERM to each process below one that has not got it; return the number of processes below it.

    The whole `group` got it before. Processes started in that group since then are left alone: they are
    probably part of its orderly end.
    """
    found = descendants(root)
    family = {root, *found}
    for pid in found:
        if _group(pid) != group and (pid, began_at(pid)) not in told:
            _send(pid, signal.SIGTERM, lambda pid: _parent(pid) in family)
    return len(found)


def end_marked(marks: tuple[bytes, ...]) -> int:
    """Kill every process whose environment had all of these entries at its start; return the number."""
    ended: set[int] = set()
    for _ in range(PASSES):
        found = [pid for pid in _pids() if _is_marked(pid, marks)]
        if not found:
            break
        for pid in found:
            _send(pid, signal.SIGKILL, lambda pid: _is_marked(pid, marks))
        ended.update(found)
    return len(ended)


def end_strangers(own: "set[int]") -> int:
    """Kill every process below this one that is not in `own` or below one of those; return the number.

    This process is a subreaper, so these are orphans of killed supervisors. It works for jobs that have
    hidden or changed their environment, unlike `end_marked`.
    """
    me = os.getpid()
    ended: set[int] = set()
    for _ in range(PASSES):
        strangers = [pid for pid in _children(me) if pid not in own]
        found = strangers + [pid for stranger in strangers for pid in descendants(stranger)]
        if not found:
            break
        family = {me, *found}
        for pid in found:
            _send(pid, signal.SIGKILL, lambda pid: _parent(pid) in family)  # noqa: B023  asked at once
        ended.update(found)
        select.select([], [], [], PAUSE_SECONDS)
    return len(ended)


def began_at(pid: int) -> str:
    """When a process started, in ticks since boot: proc(5). With its id it is unique during this boot."""
    fields = _stat(pid)
    return fields[19] if len(fields) > 19 else ""


def has_ended(pid: int, began: str) -> bool:
    """Whether a process is gone, or is ending and has closed its files.

    A later one with its id does not count.
    """
    fields = _stat(pid)
    if len(fields) <= 19 or (began != "" and fields[19] != began):
        return True
    return fields[0] in ("Z", "X") or bool(int(fields[6]) & _PF_EXITING)


def go_on(pid: int, began: str) -> bool:
    """Continue a stopped process, unless the id was reused; return whether it was stopped."""
    if not _is_stopped(pid, began):
        return False
    rouse(pid, began)
    return True


def rouse(pid: int, began: str) -> None:
    """Wake a supervisor, so that it reads requests now. A process that reused its id gets no signal."""
    _send(pid, signal.SIGCONT, lambda pid: began_at(pid) == began)


def _is_stopped(pid: int, began: str) -> bool:
    fields = _stat(pid)
    return len(fields) > 19 and fields[0] == "T" and fields[19] == began


def _send(pid: int, number: int, is_meant: Callable[[int], bool]) -> None:
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return
    try:
        if is_meant(pid):
            signal.pidfd_send_signal(handle, number)
    except OSError:
        pass
    finally:
        os.close(handle)


def _pids() -> Iterator[int]:
    me = os.getpid()
    for name in os.listdir("/proc"):  # noqa: PTH208  no pathlib in the shim
        if name.isdigit() and int(name) != me:
            yield int(name)


def _is_marked(pid: int, marks: tuple[bytes, ...]) -> bool:
    """Whether a live process has the entries. A zombie has no environment."""
    entries = _read(f"/proc/{pid}/environ").split(b"\0")
    return all(mark in entries for mark in marks)


def _children(pid: int) -> list[int]:
    """A process's children, of all its threads."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208  no pathlib in the shim
    except OSError:
        return []
    return [int(word) for thread in threads for word in _read(f"/proc/{pid}/task/{thread}/children").split()]


def _group(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[2]) if len(fields) > 2 else 0


def _parent(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[1]) if len(fields) > 1 else 0


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name: the state is 0, the parent 1, the group 2, see proc(5).

    Split at the last `)`: the name is in parentheses and may itself contain spaces and parentheses.
    """
    return _read(f"/proc/{pid}/stat").rpartition(b")")[2].decode("ascii", "replace").split()


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:  # noqa: PTH123  no pathlib in the shim
            return file.read()
    except OSError:
        return b""
