"""Processes that an attempt left behind: found and killed, without risk of killing an unrelated process.

A process id is used again once its process is gone, so a signal goes through a handle (pidfd_open(2)) that
was taken before the process was looked at once more.
"""

import os
import select
import signal
from collections.abc import Callable, Iterator

Told = frozenset[tuple[int, str]]
"""Processes, each by its id and when it began: a later one with the same id is another."""
PAUSE_SECONDS = 0.005
"""Between two looks at what was just killed."""
_PF_EXITING = 0x4
"""A flag of a process: proc(5), `flags`, and linux/sched.h."""
PASSES = 5
"""Looks at all processes: what is being ended may yet have forked."""


def descendants(root: int) -> list[int]:
    """Every live process below one. All that lost their parents are children of a subreaper: prctl(2)."""
    found, todo = [], [root]
    while todo:
        children = _children(todo.pop())
        found += children
        todo += children
    return found


def ended_children(pid: int) -> list[int]:
    """The children of a process that have ended and that it has not waited for."""
    return [child for child in _children(pid) if _stat(child)[:1] == ["Z"]]


def signal_descendants(root: int, number: int) -> int:
    """Send a signal to every live process below one; how many there were."""
    found = descendants(root)
    family = {root, *found}
    for pid in found:
        _send(pid, number, lambda pid: _parent(pid) in family)
    return len(found)


def group_within(root: int, group: int) -> Told:
    """The processes below one that are in a process group."""
    return frozenset((pid, began_at(pid)) for pid in descendants(root) if _group(pid) == group)


def tell_others(root: int, group: int, told: Told) -> int:
    """Send SIGTERM to each process below one that had none; how many processes there are below it.

    A group had it as a whole: what somebody in it started since then belongs to its ending.
    """
    found = descendants(root)
    family = {root, *found}
    for pid in found:
        if _group(pid) != group and (pid, began_at(pid)) not in told:
            _send(pid, signal.SIGTERM, lambda pid: _parent(pid) in family)
    return len(found)


def end_marked(marks: tuple[bytes, ...]) -> int:
    """Kill every process that was started with all of these entries in its environment; how many."""
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
    """Kill every process below this one that is not one of its own, or below one of these; how many.

    Where this one is a subreaper, they lost their parents: whatever their environment says, or hides.
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
    """When a process began, in ticks since boot: with its id, unlike any other of this boot. proc(5)."""
    fields = _stat(pid)
    return fields[19] if len(fields) > 19 else ""


def has_ended(pid: int, began: str) -> bool:
    """Whether a process is gone, or ends and has let its files go; another with its id is not it."""
    fields = _stat(pid)
    if len(fields) <= 19 or (began != "" and fields[19] != began):
        return True
    return fields[0] in ("Z", "X") or bool(int(fields[6]) & _PF_EXITING)


def go_on(pid: int, began: str) -> bool:
    """Continue a stopped process, not another with its id; returns whether it was stopped."""
    if not _is_stopped(pid, began):
        return False
    rouse(pid, began)
    return True


def rouse(pid: int, began: str) -> None:
    """Make a supervisor look at its folder now; another process with its id hears nothing."""
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
    """Whether a live process has the entries; one that has ended and is not reaped has none."""
    entries = _read(f"/proc/{pid}/environ").split(b"\0")
    return all(mark in entries for mark in marks)


def _children(pid: int) -> list[int]:
    """A process's children, whichever of its threads made them."""
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
    """What proc(5) says of a process after its name: its state first, its parent next."""
    return _read(f"/proc/{pid}/stat").rpartition(b")")[2].decode("ascii", "replace").split()


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:  # noqa: PTH123  no pathlib in the shim
            return file.read()
    except OSError:
        return b""
