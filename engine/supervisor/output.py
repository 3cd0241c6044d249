"""What an attempt wrote: kept by its shim with head and tail, read back in order.

The first HEAD_BYTES are always kept; after them come segments, of which the newest are kept. So a flood
keeps its start and its end, needs no reassembly, and survives a crash of any process that writes it.
"""

import os
import stat

HEAD_BYTES = 4 * 1024 * 1024
SEGMENT_BYTES = 4 * 1024 * 1024
SEGMENTS_KEPT = 3
READ_BYTES = 1024 * 1024
MAX_DIGITS = 9
"""Of a segment's number; a longer one is nobody's."""
_REAL = os.O_NOFOLLOW | os.O_CLOEXEC


class OutputTail:
    """The reading half: what was stored, in order; asked again, what came since."""

    def __init__(self, folder: "os.PathLike[str]") -> None:
        """Read from this attempt's folder; it may not be there yet."""
        self._folder = os.fspath(folder)
        self._number = 0
        self._offset = 0

    def read(self) -> bytes:
        """Everything that was stored since the last time, with one line where something was dropped."""
        parts = []
        while True:
            part = self._read_file()
            parts.append(part)
            if part:
                continue
            following = self._next_number()
            if following is None:
                return b"".join(parts)
            missing = following - self._number - 1
            if missing:
                parts.append(f"\n[{missing * SEGMENT_BYTES} bytes of output were dropped here]\n".encode())
            self._number, self._offset = following, 0

    def _read_file(self) -> bytes:
        name = "output" if self._number == 0 else f"output.{self._number}"
        try:
            with os.fdopen(self._open(name), "rb") as file:
                file.seek(self._offset)
                part = file.read(READ_BYTES)
        except FileNotFoundError:
            part = self._read_packed(f"{name}.gz")
        except OSError:
            part = b""  # a job put something else there
        self._offset += len(part)
        return part

    def _read_packed(self, name: str) -> bytes:
        """What was compressed because the attempt has been over for a while."""
        import gzip  # noqa: PLC0415  the shim does not read, and pays for no import
        import zlib  # noqa: PLC0415

        try:
            with os.fdopen(self._open(name), "rb") as packed, gzip.open(packed) as file:
                file.seek(self._offset)
                return file.read(READ_BYTES)
        except (OSError, EOFError, zlib.error):
            return b""

    def _open(self, name: str) -> int:
        """A plain file of the folder; a link is not followed, and a named pipe holds nobody up."""
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
        """The segment after the one that is being read, if there is one."""
        try:
            names = os.listdir(self._folder)  # noqa: PTH208  no pathlib in the shim
        except OSError:
            return None
        numbers = (
            name.removeprefix("output.").removesuffix(".gz") for name in names if name[:7] == "output."
        )
        later = [
            int(one)
            for one in numbers
            if one.isdecimal() and len(one) <= MAX_DIGITS and int(one) > self._number
        ]
        return min(later, default=None)
