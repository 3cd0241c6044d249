"""Whether the system ran out of memory while a job ran: how often it has killed a process for that.

Of the closest group of processes that counts its own (cgroups(7), version 2, else 1), else of the machine.
"""

import os

READ_BYTES = 65_536
_counter = -1
_word = b""


def start_of_memory_kills() -> None:
    """Find the counter and open it, once, before supervisors are forked."""
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
    """How many processes were killed because memory ran out; only its growth counts."""
    return 0 if _counter < 0 else _count() or 0


def _counters() -> "list[tuple[str, bytes]]":
    """Files that count, and the word that the number follows, the closest first."""
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
        ):  # a page at a time, whatever is asked for
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
