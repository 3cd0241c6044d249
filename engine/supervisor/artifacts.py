"""Finds the files that a job wants to keep, and copies them beside its evidence.

It runs in a process of its own (copier.py): reading a file may hang for ever. A file is found by patterns
below two folders: the run's own, and the job's working folder. No link is followed below them, and only
regular files are opened, with the rights of the job's user: a job can put anything there, also while it is
read, and hard links to files of others. Copies have numbers as names.
What they are called, and why a file was not kept, is in a sealed list beside them.
"""

import errno
import json
import os
import re
import stat
import time
from fnmatch import translate
from typing import TYPE_CHECKING, Any, Final  # an order is a plain dictionary

from engine.supervisor.emptying import remove
from engine.supervisor.evidence import ARTIFACTS, beside, pack_artifacts
from engine.supervisor.namespace import FILE, FOLDER, write_all_at
from engine.supervisor.rights import Rights
from engine.supervisor.storing import Filter

if TYPE_CHECKING:
    from hashlib import sha256
else:
    try:
        from _sha2 import sha256  # hashlib loads OpenSSL
    except ImportError:
        try:
            from _sha256 import sha256
        except ImportError:
            from hashlib import sha256

MAX_FILES: Final = 1_000
"""Most files that are kept of an attempt."""
MAX_BYTES: Final = 2**30
"""Most bytes that are kept of an attempt, all files together."""
MAX_NOTES: Final = 100
"""Most files that are named although they are not kept."""
MAX_NAME_BYTES: Final = 512 * 1024
"""Most bytes of names in a list; a name may take up to 8 KiB."""
MAX_LOOKED: Final = 200_000
"""Most names in folders that are compared with the patterns."""
MAX_DEPTH: Final = 32
"""How deep folders are searched."""
CLOCK_SLACK_NS: Final = 20_000_000
"""File systems take their times from a clock that moves only at the kernel's ticks, up to 10 ms each."""
CHUNK_BYTES: Final = 256 * 1024
LIST: Final = "list"
_ANY: Final = "**"
_MAGIC: Final = re.compile(r"[*?\[]")
_KINDS: Final = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFLNK: "a link, and links are not followed",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}

State = tuple[int, int]
"""A pattern, and the index of the part that the next name must match."""


def keep(order: dict[str, Any], mask: Filter, rights: Rights, *, since_ns: int, seconds: float) -> bool:
    """Copy the files of an attempt that have changed since a time; False when there is nothing to say.

    Raises OSError when the copies cannot be kept.
    """
    folder: str = order["run_dir"]
    shelf = os.open(os.path.dirname(folder), FOLDER)  # noqa: PTH120  no pathlib in the shim
    store = beside(os.path.basename(folder), ARTIFACTS)  # noqa: PTH119
    remove(store, shelf)  # the job may have put something there
    os.mkdir(store, 0o700, dir_fd=shelf)
    handle = os.open(store, FOLDER, dir_fd=shelf)
    room = order["min_free_bytes"]
    kept = _Keeping(handle, mask, rights, min_free=room, since_ns=since_ns, seconds=seconds)
    rights.become()
    for root, patterns in _roots(order, kept).items():
        if patterns:
            _Search(patterns, kept).begin(root)
    rows = kept.rows()
    with rights.own():
        if rows:
            kept.seal(rows, order["key"])
            os.fsync(shelf)
        else:
            os.rmdir(store, dir_fd=shelf)
    return bool(rows)


def _roots(order: dict[str, Any], kept: "_Keeping") -> dict[str, list[str]]:
    """The folders to search, each with its patterns: the run's own, and the working folder with a slash."""
    base: str = order["working_dir"].rstrip("/") + "/"
    found: dict[str, list[str]] = {os.path.dirname(order["scratch_dir"]): [], base: []}  # noqa: PTH120
    own = next(iter(found))
    for pattern in order["artifacts"]:
        if not pattern.startswith("/"):
            found[own].append(pattern)
        elif pattern.startswith(base):
            found[base].append(pattern[len(base) :])
        else:
            kept.leave(pattern, f"not inside the working folder {base}")
    return found


class _Keeping:
    """What is kept so far, and the limits."""

    def __init__(
        self, store: int, mask: Filter, rights: Rights, *, min_free: int, since_ns: int, seconds: float
    ) -> None:
        self._store = store
        self._mask = mask
        self._rights = rights
        self._since_ns = since_ns - CLOCK_SLACK_NS
        about = os.fstatvfs(store)
        self._room = max(0, min(MAX_BYTES, about.f_bavail * about.f_frsize - min_free))
        self._seconds = seconds
        self._until = time.monotonic() + seconds
        self._rows: list[dict[str, Any]] = []
        self._copies = self._notes = self._left_out = self._looked = self._name_bytes = 0
        self._is_stopped = ""

    @property
    def is_over(self) -> bool:
        """Whether the time or the number of names is used up."""
        if not self._is_stopped and time.monotonic() > self._until:
            self._is_stopped = f"it took longer than {self._seconds:.0f} seconds, so files may be missing"
        return bool(self._is_stopped)

    def look(self) -> bool:
        """Count a name; False when there are too many."""
        self._looked += 1
        if self._looked > MAX_LOOKED:
            self._is_stopped = f"more than {MAX_LOOKED:,} names in its folders, so files may be missing"
        return not self.is_over

    def leave(self, name: str, why: str) -> None:
        """Note a file that is not kept."""
        self._notes += 1
        if self._notes > MAX_NOTES or not self._add(name, note=why):
            self._left_out += 1

    def take(self, name: str, entry: str, folder: int) -> None:
        """Keep a file of an open folder, if it has changed."""
        try:
            about = os.stat(entry, dir_fd=folder, follow_symlinks=False)
            if max(about.st_mtime_ns, about.st_ctime_ns) < self._since_ns:
                return
            if not stat.S_ISREG(about.st_mode):
                self.leave(name, _KINDS.get(stat.S_IFMT(about.st_mode), "not a file"))
                return
            file = os.open(entry, os.O_RDONLY | FILE | os.O_NOCTTY, dir_fd=folder)
        except FileNotFoundError:
            return  # a file that is deleted by now is none that the job left
        except OSError as problem:
            self.leave(name, f"cannot be read: {_words(problem)}")
            return
        try:
            self._take(name, file)
        finally:
            os.close(file)

    def _take(self, name: str, file: int) -> None:
        about = os.fstat(file)
        if not stat.S_ISREG(about.st_mode):
            self.leave(name, "not a file any more")
        elif about.st_size > self._room:
            self.leave(name, f"too large: {about.st_size:,} bytes, and {self._room:,} are left")
        elif self._copies == MAX_FILES:
            self._left_out += 1
        else:
            self._copy(name, file, about)

    def _copy(self, name: str, file: int, before: os.stat_result) -> None:
        number = self._copies + 1
        try:
            size, digest = self._bytes(file, before.st_size, str(number))
            after = os.fstat(file)
        except OSError as problem:
            self._drop(number)
            self.leave(name, f"cannot be copied: {_words(problem)}")
            return
        if self._is_stopped:
            self._drop(number)
            return
        is_same = (size, after.st_mtime_ns) == (after.st_size, before.st_mtime_ns)
        note = "" if is_same else "it changed while it was copied"
        if self._add(name, size=size, sha256=digest, copy=number, note=note):
            self._copies, self._room = number, self._room - size
        else:
            self._drop(number)
            self._left_out += 1

    def _bytes(self, file: int, size: int, name: str) -> tuple[int, str]:
        """Copy at most `size` bytes: the file may grow meanwhile. What is only zeros becomes a hole."""
        with self._rights.own():
            target = os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | FILE, 0o600, dir_fd=self._store)
        try:
            digest, at = sha256(), 0
            while at < size and not self.is_over:
                part = os.pread(file, min(CHUNK_BYTES, size - at), at)
                if not part:
                    break
                digest.update(part)
                if part.strip(b"\0"):
                    write_all_at(target, part, at)
                at += len(part)
            os.ftruncate(target, at)
            os.fsync(target)
        finally:
            os.close(target)
        return at, digest.hexdigest()

    def _drop(self, number: int) -> None:
        """Delete a copy that is not kept."""
        with self._rights.own():
            os.unlink(str(number), dir_fd=self._store)

    def _add(self, name: str, *, size: int = 0, sha256: str = "", copy: int = 0, note: str = "") -> bool:
        """Add a row with the masked name; False when the names take too much space."""
        raw = name.encode("utf-8", "surrogateescape")
        shown = (self._mask.feed(raw) + self._mask.rest()).decode("utf-8", "surrogateescape")
        if self._name_bytes + len(shown) > MAX_NAME_BYTES:
            return False
        self._name_bytes += len(shown)
        self._rows.append({"name": shown, "size": size, "sha256": sha256, "copy": copy, "note": note})
        return True

    def rows(self) -> list[dict[str, Any]]:
        """The list: a row for each file; rows without a name tell what the limits left out."""
        told = [self._is_stopped] if self._is_stopped else []
        if self._left_out:
            told.append(
                f"{self._left_out:,} more are not kept: the limits are {MAX_FILES:,} files, "
                f"and {MAX_NOTES} notes about others"
            )
        return self._rows + [{"name": "", "size": 0, "sha256": "", "copy": 0, "note": one} for one in told]

    def seal(self, rows: list[dict[str, Any]], key: bytes) -> None:
        """Write the list, after all copies are on the disk."""
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | FILE
        file = os.open(LIST, flags, 0o600, dir_fd=self._store)
        try:
            write_all_at(file, pack_artifacts(json.dumps(rows).encode(), key), 0)
            os.fsync(file)
        finally:
            os.close(file)
        os.fsync(self._store)


class _Search:
    """A search below one folder for the files that match any of its patterns. Each folder is read once."""

    def __init__(self, patterns: list[str], kept: _Keeping) -> None:
        parsed = [[part for part in pattern.split("/") if part not in ("", ".")] for pattern in patterns]
        self._parts = _Parts(parsed)
        self._first = self._parts.closed({(number, 0) for number, one in enumerate(parsed) if one})
        self._kept = kept

    def begin(self, root: str) -> None:
        """Search below `root`. The names of files in the working folder are their full paths."""
        name = root if root.endswith("/") else ""
        try:
            # The working folder is the author's, and may be a link; the run's is in the hands of the job.
            folder = os.open(root, FOLDER & ~os.O_NOFOLLOW if name else FOLDER)
        except OSError as problem:
            self._kept.leave(root, f"cannot be read: {_words(problem)}")
            return
        try:
            self._descend(folder, name, self._first, 1)
        finally:
            os.close(folder)

    def _descend(self, folder: int, above: str, states: set[State], depth: int) -> None:
        kept = self._kept
        for entry, is_folder, is_link in self._entries(folder):
            if kept.is_over:
                return
            ends, is_named, below = self._parts.after(states, entry)
            name = f"{above}{entry}"
            if is_folder and below:
                self._enter(folder, entry, above, below, depth)
            elif is_folder and ends and is_named:
                kept.leave(name, f"a folder; to keep its files, write {name}/**")
            elif not is_folder and (ends or (is_link and is_named and below)):
                kept.take(name, entry, folder)

    def _entries(self, folder: int) -> list[tuple[str, bool, bool]]:
        """The names in a folder, each with whether it is a folder, and a link."""
        found = []
        with os.scandir(folder) as entries:
            for entry in entries:
                if not self._kept.look():
                    break
                found.append((entry.name, entry.is_dir(follow_symlinks=False), entry.is_symlink()))
        return sorted(found)

    def _enter(self, folder: int, entry: str, above: str, states: set[State], depth: int) -> None:
        name = f"{above}{entry}/"
        if depth == MAX_DEPTH:
            self._kept.leave(name, f"deeper than {MAX_DEPTH} folders")
            return
        try:
            inner = os.open(entry, FOLDER, dir_fd=folder)
        except FileNotFoundError:
            return
        except OSError as problem:
            self._kept.leave(name, f"cannot be read: {_words(problem)}")
            return
        try:
            self._descend(inner, name, states, depth + 1)
        finally:
            os.close(inner)


class _Parts:
    """The patterns, cut at the slashes. `**` stands for any number of folders, also none."""

    def __init__(self, patterns: list[list[str]]) -> None:
        self._patterns = patterns
        self._compiled: dict[str, re.Pattern[str]] = {}

    def closed(self, states: set[State]) -> set[State]:
        """The states, with those behind each `**`."""
        found = set(states)
        for number, index in states:
            parts = self._patterns[number]
            while parts[index] == _ANY and index + 1 < len(parts):
                index += 1
                found.add((number, index))
        return found

    def after(self, states: set[State], name: str) -> tuple[bool, bool, set[State]]:
        """Whether a name ends a pattern, whether one names it without a wildcard, and the states below it."""
        ends = is_named = False
        below: set[State] = set()
        for number, index in states:
            parts = self._patterns[number]
            part, is_last = parts[index], index + 1 == len(parts)
            if part == _ANY:
                if not name.startswith("."):
                    below.add((number, index))
                    ends |= is_last
            elif self._fits(part, name):
                ends |= is_last
                is_named |= not _MAGIC.search(part)
                if not is_last:
                    below.add((number, index + 1))
        return ends, is_named, self.closed(below)

    def _fits(self, part: str, name: str) -> bool:
        """Whether a name matches one part. As in a shell, a wildcard does not match a dot at the start."""
        if not _MAGIC.search(part):
            return part == name
        if part not in self._compiled:
            self._compiled[part] = re.compile(translate(part))
        is_hidden = name.startswith(".") and not part.startswith(".")
        return not is_hidden and self._compiled[part].match(name) is not None


def _words(problem: OSError) -> str:
    return os.strerror(problem.errno or errno.EIO)
