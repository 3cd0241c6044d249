"""The stored output of an attempt: its format, and how to read it back.

The first HEAD_BYTES are always kept. After them come segments, of which the newest SEGMENTS_KEPT are kept.
So a flood of output keeps its start and its end, and the files are complete after a crash of any process.
"""

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:  # without typing: for the start-up time of the shim
    from collections.abc import Iterator

HEAD_BYTES = 4 * 1024 * 1024
SEGMENT_BYTES = 4 * 1024 * 1024
SEGMENTS_KEPT = 3
READ_BYTES = 1024 * 1024
STREAMS = ("stdout", "stderr")
"""The names of the copies of the streams, of a job that has them apart."""
MAX_DIGITS = 9
"""Maximum number of digits in a segment's number; a file with a longer one is ignored."""
_REAL = os.O_NOFOLLOW | os.O_CLOEXEC


def dropped_line(segments: int) -> bytes:
    """The line in place of segments that were dropped."""
    return f"\n[{segments * SEGMENT_BYTES} bytes of output were dropped here]\n".encode()


class OutputTail:
    """Reads stored output in order; each call returns what was stored since the last one."""

    def __init__(self, folder: "os.PathLike[str]", stem: str = "output") -> None:
        """Read from this attempt's folder, which may not exist yet. `stem` is `output`, or one of STREAMS."""
        self._folder = os.fspath(folder)
        self._stem = stem
        self._number = 0
        self._offset = 0

    def read(self) -> bytes:
        """The output stored since the last call, with a line where a part was dropped."""
        return b"".join(self.parts())

    def parts(self) -> "Iterator[bytes]":
        """The same in parts of at most READ_BYTES, so that it never has to be in memory as a whole."""
        while True:
            part = self._read_file()
            if part:
                yield part
                continue
            following = self._next_number()
            if following is None:
                return
            if part := self._read_file():  # it was filled between the two looks
                yield part
                continue
            missing = following - self._number - 1
            if missing:
                yield dropped_line(missing)
            self._number, self._offset = following, 0

    def _read_file(self, most: int = READ_BYTES) -> bytes:
        name = self._stem if self._number == 0 else f"{self._stem}.{self._number}"
        try:
            with os.fdopen(self._open(name), "rb") as file:
                file.seek(self._offset)
                part = file.read(most)
        except FileNotFoundError:
            part = self._read_packed(f"{name}.gz", most)
        except OSError:
            part = b""  # a job put something else in its place
        self._offset += len(part)
        return part

    def _read_packed(self, name: str, most: int) -> bytes:
        """Read a file that was compressed some time after the attempt's end."""
        import gzip  # noqa: PLC0415  shims import this module and never read
        import zlib  # noqa: PLC0415

        try:
            with os.fdopen(self._open(name), "rb") as packed, gzip.open(packed) as file:
                file.seek(self._offset)
                return file.read(most)
        except (OSError, EOFError, zlib.error):
            return b""

    def _open(self, name: str) -> int:
        """Open a regular file of the folder: a job may have put a link or a named pipe in its place."""
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | _REAL)
        try:
            handle = os.open(name, os.O_RDONLY | os.O_NONBLOCK | _REAL, dir_fd=folder)
        finally:
            os.close(folder)
        if stat.S_ISREG(os.fstat(handle).st_mode):
            return handle
        os.close(handle)
        raise FileExistsError(f"{name} is not a file")

    def _next_number(self) -> int | None:
        """The number of the next stored segment; None if there is none."""
        try:
            names = os.listdir(self._folder)  # noqa: PTH208  no pathlib in the shim
        except OSError:
            return None
        stem = f"{self._stem}."
        numbers = (name.removeprefix(stem).removesuffix(".gz") for name in names if name.startswith(stem))
        later = [
            int(one)
            for one in numbers
            if one.isdecimal() and len(one) <= MAX_DIGITS and int(one) > self._number
        ]
        return min(later, default=None)
