"""Counts the processes that the kernel has killed because memory ran out.

The counter is that of this process's control group (cgroups(7), version 2, else 1), else of the machine.
"""

import os

READ_BYTES = 65_536
_counter = -1
_word = b""


def start_of_memory_kills() -> None:
    """Find the counter and open it, once; forked supervisors inherit it."""
    global _counter, _word
    for path, _word in _counters():
        try:
            _counter = os.open(path, os.O_RDONLY)
        except OSError:
            continue
        if _count() is not None:
            return
        os.close(_counter)
    _counter = -1


def memory_kills() -> int:
    """The number of killed processes so far; compare two readings. 0 without a counter."""
    return 0 if _counter < 0 else _count() or 0


def _counters() -> "list[tuple[str, bytes]]":
    """Candidate files with the word before the number, the closest group first."""
    found = []
    for line in _groups().splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0":
            found += [
                (f"{root}{path.rstrip('/')}/memory.events", b"oom_kill")
                for root in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
            ]
        elif "memory" in controllers.split(","):
            found.append((f"/sys/fs/cgroup/memory{path.rstrip('/')}/memory.oom_control", b"oom_kill"))
    return [*found, ("/proc/vmstat", b"oom_kill")]


def _count() -> "int | None":
    text = b"\n"
    try:
        while part := os.pread(
            _counter, READ_BYTES, len(text) - 1
        ):  # the kernel returns at most a page for each read
            text += part
            _, found, rest = text.partition(b"\n" + _word + b" ")
            number, is_whole, _ = rest.partition(b"\n")
            if found and is_whole:
                return int(number)
    except OSError:
        return None
    return None


def _groups() -> str:
    try:
        with open("/proc/self/cgroup", encoding="ascii", errors="replace") as file:  # noqa: PTH123  no pathlib in the shim
            return file.read()
    except OSError:
        return ""
