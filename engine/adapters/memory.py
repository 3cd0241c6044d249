"""Whether the system ran out of memory while a job ran: how often it has killed a process for that.

Of the closest group of processes that counts its own (cgroups(7), version 2, else 1), else of the machine.
Imported by the shim: standard library only.
"""

_counter: "tuple[str, str] | None" = None


def start_of_memory_kills() -> None:
    """Find the counter, once, before supervisors are forked."""
    global _counter
    _counter = next((one for one in _counters() if _count(one) is not None), None)


def memory_kills() -> int:
    """So often a process was killed for want of memory; only its growth means anything."""
    return 0 if _counter is None else _count(_counter) or 0


def _counters() -> "list[tuple[str, str]]":
    """Files that count, and the word that the number follows, the closest first."""
    found = []
    for line in _read("/proc/self/cgroup").splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0":
            found += [
                (f"{root}{path.rstrip('/')}/memory.events", "oom_kill")
                for root in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
            ]
        elif "memory" in controllers.split(","):
            found.append((f"/sys/fs/cgroup/memory{path.rstrip('/')}/memory.oom_control", "oom_kill"))
    return [*found, ("/proc/vmstat", "oom_kill")]


def _count(counter: "tuple[str, str]") -> "int | None":
    path, word = counter
    for line in _read(path).splitlines():
        name, _, number = line.partition(" ")
        if name == word:
            return int(number)
    return None


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:  # noqa: PTH123  no pathlib in the shim
            return file.read()
    except OSError:
        return ""
