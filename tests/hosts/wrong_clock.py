"""A clock that is wrong on one host, for its supervisors and jobs too: its file says how wrong."""

import struct
import subprocess
import time
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")
AHEAD = struct.Struct("d")
NUMBERS = struct.Struct("ddd")


def build(place: Path) -> None:
    """Compile what is preloaded."""
    command = ["gcc", "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(place), str(SOURCE)]
    subprocess.run(command, check=True)


class WrongClock:
    """The file of one host."""

    def __init__(self, path: Path, *, drift: float) -> None:
        """Its wall clock is right, and elapsed time runs faster by this share, from now on."""
        self.path = path
        self.ahead = 0.0
        path.write_bytes(NUMBERS.pack(0.0, drift, time.clock_gettime(time.CLOCK_BOOTTIME)))

    def set(self, ahead: float) -> None:
        """Set the wall clock so many seconds ahead, for all processes of the host at once."""
        self.ahead = ahead
        with self.path.open("r+b") as file:
            file.write(AHEAD.pack(ahead))
