"""The library of faults: built once for a test run, preloaded, and controlled through a block of memory."""

import atexit
import ctypes
import errno
import mmap
import os
import shutil
import struct
import subprocess
import tempfile
from enum import IntEnum, IntFlag
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).with_name("faults.c")


class Mode(IntEnum):
    """What happens at the k-th step. The STOP modes pause the process at each step from there on."""

    OFF = 0
    COUNT = 1
    KILL_BEFORE = 2
    KILL_AFTER = 3
    FAIL_ONCE = 4
    FAIL_FROM = 5
    SHORT_ONCE = 6
    STOP_BEFORE = 7
    STOP_AFTER = 8


class Kind(IntFlag):
    """The kinds of steps that are counted."""

    WRITE = 1
    SYNC = 2
    NAME = 4
    SIZE = 8
    NOTE = 16
    DISK = WRITE | SYNC | NAME | SIZE
    ALL = DISK | NOTE


@cache
def library() -> Path:
    """The compiled library. Each test process builds its own, which takes a fifth of a second."""
    folder = tempfile.mkdtemp(prefix="jobfile-faults-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    built = Path(folder) / "faults.so"
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", str(built), str(SOURCE)],
        check=True,
    )
    return built


class Inside:
    """Controls the library in this process, which has it loaded."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)
        self._library.faults_count.restype = ctypes.c_long
        self._library.faults_fired.restype = ctypes.c_long

    def arm(
        self,
        folder: Path,
        mode: Mode,
        at: int = 0,
        *,
        error: int = errno.EIO,
        kinds: Kind = Kind.ALL,
        log: Path | None = None,
        skips_sync: bool = True,
    ) -> None:
        self._library.faults_log(os.fsencode(log or ""))
        self._library.faults_arm(
            os.fsencode(folder), int(mode), ctypes.c_long(at), error, int(kinds), int(skips_sync)
        )

    def step(self, text: str) -> None:
        """Count the next action as a step, although it does not touch the folder."""
        self._library.faults_step(text.encode())

    def disarm(self) -> None:
        self._library.faults_disarm()

    @property
    def count(self) -> int:
        return int(self._library.faults_count())

    @property
    def fired(self) -> int:
        return int(self._library.faults_fired())


class Outside:
    """Controls the library in other processes, which are started with `environ`, through a file."""

    _LAYOUT = struct.Struct("@4i3q512s512s")

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(self._LAYOUT.size))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), self._LAYOUT.size)
        self.environ = {"LD_PRELOAD": str(library()), "FAULTS_CONTROL": str(path)}

    def arm(
        self,
        folder: Path,
        mode: Mode,
        at: int = 0,
        *,
        error: int = errno.EIO,
        kinds: Kind = Kind.DISK,
        log: Path | None = None,
    ) -> None:
        named = os.fsencode(folder), os.fsencode(log or "")
        self.disarm()
        self._LAYOUT.pack_into(self._memory, 0, Mode.OFF, error, kinds, 0, at, 0, 0, *named)
        struct.pack_into("@i", self._memory, 0, mode)

    def disarm(self) -> None:
        struct.pack_into("@i", self._memory, 0, Mode.OFF)

    def _numbers(self) -> tuple[int, ...]:
        return self._LAYOUT.unpack_from(self._memory, 0)[4:7]

    @property
    def count(self) -> int:
        return self._numbers()[1]

    @property
    def fired(self) -> int:
        return self._numbers()[2]
