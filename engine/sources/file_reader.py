"""Reads job files, up to the limits of the language."""

import errno
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from engine.sources.includes import JobFiles, with_includes
from jobfile.files.include import is_pattern
from jobfile.model.dataclass import dataclass
from jobfile.syntax.document import MAX_FILE_BYTES

MAX_ENTRIES: Final = 50_000
"""Maximum number of files and folders that are visited for one pattern."""
_READING: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_FOLDER: Final = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


_OTHER_KINDS: Final = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


class NoFileError(OSError):
    """A folder, a pipe, a device or a link where a regular file was expected."""


class LinkError(NoFileError):
    """A symbolic link where a file was expected: its target was not reviewed with it."""


def read_limited(path: Path, *, most: int = MAX_FILE_BYTES, what: str = "job file") -> bytes:
    """A regular file's bytes, at most one more than allowed, which shows that it is too large.

    Raises OSError for anything else, LinkError for a link; folders before the last part of the path may be
    links. O_NONBLOCK because opening a pipe that is named like a job file must not hang.
    """
    try:
        handle = os.open(path, _READING)
    except OSError as error:
        raise _why_not(error, path, path.is_symlink(), what) from error
    return _read(handle, path, most, what)


def _read_below(folder: Path, name: str) -> bytes:
    """Like `read_limited`, for an included file; also no folder of its path below `folder` may be a link."""
    *folders, last = name.split("/")
    here = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in folders:
            inner = _open_in(here, part, _FOLDER, folder / name)
            os.close(here)
            here = inner
        handle = _open_in(here, last, _READING, folder / name)
    finally:
        os.close(here)
    return _read(handle, folder / name, MAX_FILE_BYTES, "job file")


def _open_in(folder: int, part: str, flags: int, path: Path) -> int:
    try:
        return os.open(part, flags, dir_fd=folder)
    except OSError as error:
        raise _why_not(error, path, _is_link(folder, part), "job file") from error


def _is_link(folder: int, part: str) -> bool:
    try:
        return stat.S_ISLNK(os.stat(part, dir_fd=folder, follow_symlinks=False).st_mode)
    except OSError:
        return False


def _why_not(error: OSError, path: Path, is_link: bool, what: str) -> OSError:
    """Why a file cannot be opened. The target of a link is not named: its name may be secret, too."""
    if is_link:
        other = _other_kind(_mode_behind(path))
        why = f"it leads to {other}" if other else "it is a symbolic link"
        why += f"; a {what} must be a regular file" + ("" if other else ": name the file itself")
        return LinkError(errno.ELOOP, why, str(path))
    if error.errno == errno.ENXIO:
        return NoFileError(
            errno.ENXIO, f"it is a socket or a device; a {what} must be a regular file", str(path)
        )
    return OSError(error.errno, error.strerror, str(path))


def _mode_behind(path: Path) -> int:
    """The mode of a link's target: /dev/stdin is a link, but users expect a message about the pipe."""
    try:
        return path.stat().st_mode
    except OSError:
        return 0


def _read(handle: int, path: Path, most: int, what: str) -> bytes:
    """Check the opened file, then read it: it cannot be replaced between the two."""
    try:
        _refuse_others(os.fstat(handle).st_mode, what)
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read(most + 1)
    except OSError as error:  # of a handle, which has no name
        raise type(error)(error.errno, error.strerror, str(path)) from error
    finally:
        os.close(handle)


def _refuse_others(mode: int, what: str) -> None:
    """Refuse all but regular files: a pipe may contain half of a file, and a device may be endless."""
    if other := _other_kind(mode):
        raise NoFileError(errno.EINVAL, f"it is {other}; a {what} must be a regular file")


def _other_kind(mode: int) -> str:
    return next((name for is_one, name in _OTHER_KINDS if is_one(mode)), "")


def read_job_files(main: Path, given: Mapping[str, bytes] | None = None) -> JobFiles:
    """The main file and all it includes, as they are on disk. Raises OSError.

    `given` has contents by file name, which replace those on disk.
    """
    given = given or {}
    content = given[str(main)] if str(main) in given else read_limited(main)
    return with_includes(main, content, _Folder(main.parent, given))


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder on disk, with other contents given for some of its files."""

    path: Path
    given: Mapping[str, bytes]

    def listed(self, pattern: str) -> Iterator[str]:
        if not is_pattern(pattern):
            path = self.path / pattern
            if os.path.lexists(path) and (path.is_symlink() or not path.is_dir()):
                yield pattern
            return
        parts = pattern.split("/")
        fixed = next(index for index, part in enumerate(parts) if is_pattern(part))
        depth = None if "**" in parts else len(parts) - fixed
        enters_hidden = any(part.startswith(".") for part in parts[fixed:-1])
        found = _files_below(self.path, "/".join(parts[:fixed]), depth, enters_hidden=enters_hidden)
        yield from islice(found, MAX_ENTRIES)

    def read(self, names: Sequence[str], *, room: int) -> Iterator[bytes | None]:  # noqa: ARG002  of the protocol
        for name in names:
            path = str(self.path / name)
            try:
                yield self.given[path] if path in self.given else _read_below(self.path, name)
            except LinkError:
                yield None


def _files_below(folder: Path, start: str, depth: int | None, *, enters_hidden: bool) -> Iterator[str]:
    """Every file in a folder and, down to a depth, in those in it; links to folders are not followed."""
    waiting = [(start, 1)]
    while waiting:
        inner, level = waiting.pop()
        try:
            entries = sorted(os.scandir(folder / inner), key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            name = f"{inner}/{entry.name}" if inner else entry.name
            if entry.is_dir(follow_symlinks=False):
                if (depth is None or level < depth) and (enters_hidden or not entry.name.startswith(".")):
                    waiting.append((name, level + 1))
            elif not entry.is_dir():
                yield name
