"""Stores the output of an attempt, for its shim. output.py describes the format and reads it back."""

import os
from typing import Protocol

from engine.supervisor.namespace import append_to, open_folder
from engine.supervisor.output import HEAD_BYTES, SEGMENT_BYTES, SEGMENTS_KEPT
from engine.supervisor.waking import READ_BYTES


class Filter(Protocol):
    """Changes a stream of bytes; it may hold back bytes that it cannot decide about yet."""

    def feed(self, part: bytes) -> bytes:
        """Take the next part; return the bytes to store."""
        ...

    def rest(self) -> bytes:
        """The bytes that were held back; call it at the end."""
        ...


class OutputFiles:
    """Stores output in files, through a filter that masks secrets before anything reaches the disk."""

    errors = -1
    """Both streams of the job are one; see streams.py."""

    def __init__(self, folder: str, mask: Filter, stem: str = "output") -> None:
        """Store in files in this folder, which is made with the first byte; their names begin with `stem`."""
        self._folder = folder
        self._stem = stem
        self._mask = mask
        self._file = -1
        self._number = -1
        self._room = 0
        self.total = 0
        self.dropped = 0

    def write(self, part: bytes) -> None:
        """Store the next bytes of output. When the disk is full they are dropped, and the job continues."""
        self.total += len(part)
        self._store(self._mask.feed(part))

    def joined(self, output: int) -> int:
        """The descriptor to wait for and to read from."""
        return output

    def hang_up(self) -> None:
        """The job has ended; there is nothing to do."""

    def take(self, source: int) -> bool:
        """Store what can be read; False at its end."""
        try:
            part = os.read(source, READ_BYTES)
        except BlockingIOError:
            return True
        self.write(part)
        return bool(part)

    def counts(self) -> "dict[str, int]":
        """How many bytes were written, and how many of them are not stored, for the evidence."""
        return {"output_bytes": self.total, "output_dropped": self.dropped}

    def close(self) -> None:
        """Store the bytes that were held back, and close the file."""
        self._store(self._mask.rest())
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def renew(self) -> None:
        """Continue in a new file if the job has deleted the stored output, which then counts as dropped."""
        if self._number < 0:
            return
        try:
            if os.lstat(self._path()).st_ino == os.fstat(self._file).st_ino:
                return
        except OSError:
            pass
        was_open = self._file >= 0
        if was_open:
            os.close(self._file)
            self._file = -1
        if self._number > 0 and os.path.exists(f"{self._folder}/{self._stem}"):  # noqa: PTH110
            if was_open:  # otherwise its bytes were counted when they were dropped
                self.dropped += SEGMENT_BYTES - self._room
            self._number, self._room = self._number - 1, 0  # only this segment is lost: begin it again
        else:
            self._number, self._room, self.dropped = -1, 0, self.total

    def _path(self) -> str:
        return f"{self._folder}/{self._name()}"

    def _name(self) -> str:
        return f"{self._stem}.{self._number}" if self._number else self._stem

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
        self._file = -1
        try:
            folder = open_folder(self._folder)
        except OSError:
            return
        try:
            self._file = append_to(self._name(), folder=folder)
        except OSError:
            pass  # `_store` counts its bytes as dropped
        old = self._number - SEGMENTS_KEPT
        if old >= 1:
            try:
                os.unlink(f"{self._stem}.{old}", dir_fd=folder)
                self.dropped += SEGMENT_BYTES
            except OSError:
                pass
        os.close(folder)
