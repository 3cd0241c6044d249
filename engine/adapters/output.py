"""What an attempt wrote: kept by its shim with head and tail, read back in order.

The first HEAD_BYTES are kept for good; after them come segments of which the newest are kept. So a flood
keeps its beginning and its end, needs no putting together, and survives whoever dies while it is written.
Imported by the shim: standard library only.
"""

import os
from typing import Protocol

HEAD_BYTES = 4 * 1024 * 1024
SEGMENT_BYTES = 4 * 1024 * 1024
SEGMENTS_KEPT = 3
READ_BYTES = 1024 * 1024


class Filter(Protocol):
    """Changes a stream of bytes on its way, holding back what it cannot decide about yet."""

    def feed(self, part: bytes) -> bytes:
        """The next bytes to store."""
        ...

    def rest(self) -> bytes:
        """What was held back, at the end."""
        ...


class OutputFiles:
    """The writing half: in the shim, through the masker, before anything is stored."""

    def __init__(self, folder: str, mask: Filter) -> None:
        """Store into files in this folder, which is made when there is something to store."""
        self._folder = folder
        self._mask = mask
        self._file = -1
        self._number = -1
        self._room = 0
        self.total = 0
        self.dropped = 0

    def write(self, part: bytes) -> None:
        """Store the next bytes of output. A full disk drops them; the job goes on."""
        self.total += len(part)
        self._store(self._mask.feed(part))

    def close(self) -> None:
        """Store what was held back, and finish."""
        self._store(self._mask.rest())
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def renew(self) -> None:
        """Begin anew if what was stored was taken away with its folder; that counts as dropped."""
        if self._number < 0:
            return
        try:
            if os.stat(self._path()).st_ino == os.fstat(self._file).st_ino:  # noqa: PTH116
                return
        except OSError:
            pass
        was_open = self._file >= 0
        if was_open:
            os.close(self._file)
            self._file = -1
        if self._number > 0 and os.path.exists(f"{self._folder}/output"):  # noqa: PTH110
            if was_open:  # else what was meant for it counts already
                self.dropped += SEGMENT_BYTES - self._room
            self._number, self._room = self._number - 1, 0  # this part alone: it is begun again
        else:
            self._number, self._room, self.dropped = -1, 0, self.total

    def _path(self) -> str:
        return f"{self._folder}/output" + (f".{self._number}" if self._number else "")

    def _store(self, part: bytes) -> None:
        while part:
            if self._room == 0:
                self._next_file()
            piece = part[: self._room]
            part = part[len(piece) :]
            self._room -= len(piece)
            try:
                done = os.write(self._file, piece)
            except OSError:
                done = 0
            self.dropped += len(piece) - done

    def _next_file(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._number += 1
        self._room = HEAD_BYTES if self._number == 0 else SEGMENT_BYTES
        try:
            os.mkdir(self._folder, 0o700)  # noqa: PTH102  no pathlib in the shim
        except OSError:
            pass  # most often it is there; else the next line says so
        try:
            self._file = os.open(self._path(), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError:
            self._file = -1
        old = self._number - SEGMENTS_KEPT
        if old >= 1:
            try:
                os.unlink(f"{self._folder}/output.{old}")  # noqa: PTH108  no pathlib in the shim
            except OSError:
                return
            self.dropped += SEGMENT_BYTES


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
            with open(f"{self._folder}/{name}", "rb") as file:  # noqa: PTH123  no pathlib in the shim
                file.seek(self._offset)
                part = file.read(READ_BYTES)
        except FileNotFoundError:
            part = self._read_packed(f"{self._folder}/{name}.gz")
        self._offset += len(part)
        return part

    def _read_packed(self, path: str) -> bytes:
        """What was compressed because the attempt has been over for a while."""
        import gzip  # noqa: PLC0415  the shim does not read, and pays for no import

        try:
            with gzip.open(path, "rb") as file:
                file.seek(self._offset)
                return file.read(READ_BYTES)
        except (OSError, EOFError):
            return b""

    def _next_number(self) -> int | None:
        """The segment after the one that is being read, if there is one."""
        try:
            names = os.listdir(self._folder)  # noqa: PTH208  no pathlib in the shim
        except FileNotFoundError:
            return None
        numbers = (
            name.removeprefix("output.").removesuffix(".gz") for name in names if name[:7] == "output."
        )
        later = [int(one) for one in numbers if one.isdecimal() and int(one) > self._number]
        return min(later, default=None)
