"""Copies of the project, in which a module is changed and its tests run; the work tree is never changed."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.known import ROOT, project_files
from tests.mutation.mutating import Mutant

LIBRARY = "engine/supervisor/libplain.so"
FEWEST_SECONDS, LONGEST_SECONDS = 30.0, 600.0
SLACK = 5.0
"""A group of tests may take this many times as long as without a change; a longer run counts as noticed."""


class Copy:
    """The project's files in a folder of their own, one module of which may be changed."""

    def __init__(self, folder: Path, *, root: Path = ROOT, names: Sequence[str] = ()) -> None:
        self.folder = folder
        # Outside the copy, which is a repository, and not shared: runs that begin together remove each
        # other's folders before these are marked as in use.
        self.temporary = folder.with_name(f"{folder.name}-temporary")
        self.temporary.mkdir(exist_ok=True)
        for name in (*(names or project_files()), LIBRARY):
            if (root / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, folder / name)
        (folder / ".venv").symlink_to(Path(sys.prefix))
        for command in (["init", "-q"], ["add", "-A"]):
            subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)
        self._modified = time.time_ns() // 1_000_000_000

    def write(self, path: str, text: str) -> None:
        """Write a module. Python recognises stale bytecode by size and
        second, so each version gets its own second.
        """
        place = self.folder / path
        place.write_text(text)
        self._modified += 1
        os.utime(place, (self._modified, self._modified))

    def is_green(self, tests: Sequence[str], *, seconds: float) -> bool:
        """Whether the tests pass in time; without shrinking, because only the verdict counts."""
        options = (
            "-x",
            "-q",
            "-p",
            "no:randomly",
            "-p",
            "no:cacheprovider",
            "--hypothesis-profile",
            "verdict",
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *options, *tests],
            cwd=self.folder,
            env={
                **os.environ,
                "PYTHONPATH": str(self.folder),
                "PYTHONHASHSEED": "0",
                "PYTEST_DEBUG_TEMPROOT": str(self.temporary),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            return process.wait(timeout=seconds) == 0
        except subprocess.TimeoutExpired:
            return False
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def most_seconds(copy: Copy, group: Sequence[str]) -> float | None:
    """The maximum time for these tests in seconds; None if they fail without any change."""
    begun = time.monotonic()
    if not copy.is_green(group, seconds=LONGEST_SECONDS):
        return None
    return max(FEWEST_SECONDS, SLACK * (time.monotonic() - begun))


def is_noticed(copy: Copy, path: str, mutant: Mutant, limits: Mapping[tuple[str, ...], float]) -> bool:
    """Whether a test fails, or hangs, with the change."""
    original = (copy.folder / path).read_text()
    copy.write(path, mutant.text)
    try:
        return not all(copy.is_green(group, seconds=limit) for group, limit in limits.items())
    finally:
        copy.write(path, original)
