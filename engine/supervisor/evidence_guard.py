"""Holds an attempt's evidence for its supervisor, and restores it when the job damages it.

A job runs as the same user, so it can delete, replace or change any of these files. It cannot forge a seal,
and it cannot take the lock of a file that its supervisor has open.
"""

import fcntl
import os
import select
import time
from typing import Any, Final  # records are JSON

from engine.supervisor import plain
from engine.supervisor.evidence import CONTROL, NAME, NEW, RESULT_AT, SIZE, beside, pack, wish_line
from engine.supervisor.namespace import FILE, make_folder, own_folder, sync_folder, write_all_at
from engine.supervisor.spawn import Before

LOCK_TRIES: Final = 100
READ_BYTES: Final = 65_536
_NEW, _NAME, _CONTROL = [os.fsencode(beside("", name)) for name in (NEW, NAME, CONTROL)]
WISHES: Final = ("cancel", "kill")


class HeldEvidence:
    """The evidence file and the file of requests beside it; evidence.py describes both."""

    def __init__(self, folder: bytes, scratch: bytes, key: bytes) -> None:
        """`folder` is the attempt's, `scratch` the run's temporary folder, `key` the attempt's.

        Does nothing yet.
        """
        self._folder = folder
        self._key = key
        self._scratch = scratch
        self._run = scratch.rpartition(b"/")[0]
        self._shelf = folder.rpartition(b"/")[0]
        self._new, self._name, self._control = folder + _NEW, folder + _NAME, folder + _CONTROL
        self._file = -1
        self._marker = b""

    def take(self, about: dict[str, Any]) -> bool:
        """Lock the evidence; False when another supervisor holds it, or has already put it in place.

        Then write at once who holds it: a lock alone could be held by any process.
        """
        if not self._is_taken():
            return False
        write_all_at(self._file, pack(about, self._key), 0)
        return True

    def _is_taken(self) -> bool:
        if self._scratch:
            self._file = plain.take(self._run, self._scratch, self._new, self._name)
            if self._file >= 0:
                return True
        self._make_folders()
        if not self._lock():
            return False
        try:
            os.lstat(self._name)
        except FileNotFoundError:
            return True
        os.unlink(self._new)  # noqa: PTH108
        return False

    def before(self, about: dict[str, Any], acks: int, ack: bytes, *, start_by: float = 0.0) -> Before:
        """The input of step 1: the marker that makes the attempt count as executed."""
        self._marker = pack(about, self._key)
        names = (self._new, self._name, self._control, self._shelf)
        return Before(self._file, *names, self._content(), acks, ack, int(start_by * 1_000_000))

    def unmark(self) -> None:
        """Delete the marker of an attempt that was not executed after all; a
        foreign file in its place is kept.
        """
        try:
            if self._is(self._name):
                os.unlink(self._name)  # noqa: PTH108
        except OSError:
            pass  # then the attempt counts as lost

    def look_after(self) -> None:
        """Restore the evidence and the rights of the attempt's folder, if the job has changed them."""
        if plain.is_whole(self._file, self._name, self._marker, self._folder):
            return
        try:
            os.fchmod(self._file, 0o600)
        except OSError:
            pass
        if not self._is_in_place():
            self._put_back()
        try:
            own_folder(self._folder)
        except NotADirectoryError:
            self._take_away(self._folder)
        except OSError:
            pass  # most attempts have none

    def wishes(self) -> list[str]:
        """All requests of the engine so far; a repeated one changes nothing."""
        try:
            control = os.open(self._control, os.O_RDONLY | FILE)
        except OSError:
            return []
        try:
            lines = os.pread(control, READ_BYTES, 0).split(b"\n")
        except OSError:
            return []
        finally:
            os.close(control)
        return [wish for wish in WISHES if wish_line(wish, self._key) in lines]

    def conclude(self, result: dict[str, Any]) -> None:
        """Write how the attempt ended. A torn record has no valid seal, so it is ignored.

        An error is ignored: without an end the attempt counts as lost.
        """
        try:
            write_all_at(self._file, pack(result, self._key, RESULT_AT), RESULT_AT)
            os.fdatasync(self._file)
        except OSError:
            pass

    def close(self) -> None:
        """Release the lock: from here on the attempt counts as unsupervised."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _lock(self) -> bool:
        """Lock the file at its first path; False when another shim holds it.

        Retried for a moment: a reader holds the lock only for an instant, a shim for its attempt's life.
        """
        for _ in range(LOCK_TRIES):
            self._file = os.open(self._new, os.O_CREAT | os.O_RDWR | FILE, 0o600)
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._is(self._new):
                    return True
            except OSError:
                pass
            self.close()
            select.select([], [], [], 0.001)
        return False

    def _content(self) -> bytes:
        return self._marker.ljust(SIZE, b"\0")

    def _put_in_place(self, file: int) -> None:
        """Write the complete content into a locked file, then rename it into place.

        The content has the full size, so that the space for the end is reserved: a disk that fills up cannot
        prevent that the end is recorded.
        """
        write_all_at(file, self._content(), 0)
        try:
            os.rename(self._new, self._name)  # noqa: PTH104
        except IsADirectoryError:
            self._take_away(self._name)
            os.rename(self._new, self._name)  # noqa: PTH104

    def _is_in_place(self) -> bool:
        """Whether our open file is still at its path, with its marker."""
        try:
            return self._is(self._name) and os.pread(self._file, len(self._marker), 0) == self._marker
        except OSError:
            return False

    def _is(self, path: bytes) -> bool:
        """Whether the file at a path is our open file."""
        return os.lstat(path).st_ino == os.fstat(self._file).st_ino

    def _put_back(self) -> None:
        """Put a new evidence file in the place of a lost one.

        It is locked before it gets its name: an unlocked one would mean that this supervisor is dead. When
        the folder of all runs is gone too, the state folder was moved, and our open file with it: do
        nothing.
        """
        if not os.path.exists(self._shelf.rpartition(b"/")[0]):  # noqa: PTH110
            return
        try:
            if os.path.lexists(self._shelf):
                own_folder(self._shelf)
            self._make_folders()
            self._replace()
        except OSError:
            return  # the next look tries it again

    def _replace(self) -> None:
        try:
            file = os.open(self._new, os.O_CREAT | os.O_TRUNC | os.O_RDWR | FILE, 0o600)
        except OSError:  # a link or a folder; no supervisor has locked it
            self._take_away(self._new)
            file = os.open(self._new, os.O_CREAT | os.O_EXCL | os.O_RDWR | FILE, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._put_in_place(file)
        except OSError:
            os.close(file)
            raise
        self.close()
        self._file = file
        os.fsync(file)
        sync_folder(self._shelf)

    def _take_away(self, path: bytes) -> None:
        """Remove what a job put there; a folder is only renamed, and deleted with the run's files later."""
        try:
            os.unlink(path)  # noqa: PTH108
        except OSError:
            os.rename(path, b"%b.%d.away" % (self._folder, time.monotonic_ns()))  # noqa: PTH104

    def _make_folders(self) -> None:
        for folder in (self._run, self._scratch) if self._run else (self._shelf,):
            make_folder(folder)
