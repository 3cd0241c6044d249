"""Groups of processes with a limit: cgroups(7), version 1 or 2. Needs root."""

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path

from tests.acceptance.engines import until

ROOT = Path("/sys/fs/cgroup")
LIMITS = {"pids": ("pids.max", "pids.max"), "memory": ("memory.limit_in_bytes", "memory.max")}


@contextlib.contextmanager
def limited(controller: str, limit: int, *pids: int) -> Iterator[Path]:
    """Put processes into a group with a limit; their children are in it, too."""
    own = ROOT / controller
    is_first_version = own.is_dir()
    if not is_first_version:
        own = ROOT
        (ROOT / "cgroup.subtree_control").write_text(f"+{controller}")
    group = own / f"jobfile-test-{uuid.uuid4().hex}"
    group.mkdir()
    try:
        (group / LIMITS[controller][0 if is_first_version else 1]).write_text(str(limit))
        for pid in pids:
            (group / "cgroup.procs").write_text(str(pid))
        yield group
    finally:
        until(lambda: _is_dissolved(group, own), "an empty group")


def _is_dissolved(group: Path, own: Path) -> bool:
    """Move the processes out of a group and remove it; False while one is ending, or was just forked."""
    with contextlib.suppress(OSError):
        for pid in (group / "cgroup.procs").read_text().split():
            (own / "cgroup.procs").write_text(pid)
        group.rmdir()
    return not group.exists()
