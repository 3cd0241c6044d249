"""Deletes files: of a run's temporary folder, for its supervisor; and of old runs, for the engine.

The files that an attempt left in its temporary folder are set aside with one rename, before the next
attempt can use the folder, and deleted after the attempt's end is recorded. Nothing outside is deleted:
links are removed and not followed, and mounted file systems stay, because a mount point cannot be renamed:
rename(2).
"""

import os
import stat
import time
from typing import Final

EMPTY_SECONDS: Final = 30.0
"""How long deleting may take; the rest is deleted with the run's old files."""
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OWN: Final = 0o700


class Litter:
    """The old content of a temporary folder, set aside to be deleted later."""

    def __init__(self, scratch: str, name: str) -> None:
        """Rename the folder `scratch` to `name`, and make an empty one in its place. Raises OSError."""
        run, _, base = scratch.rpartition("/")
        shelf, _, run_name = run.rpartition("/")
        self._name = name
        outer = os.open(shelf, _FOLDER)
        try:
            self._run = os.open(run_name, _FOLDER, dir_fd=outer)
        finally:
            os.close(outer)
        try:
            os.rename(base, name, src_dir_fd=self._run, dst_dir_fd=self._run)
            os.mkdir(base, _OWN, dir_fd=self._run)
        except OSError:
            os.close(self._run)
            raise

    def take_away(self) -> None:
        """Delete it, or as much as the time allows. Files that the job made unwritable are deleted too."""
        try:
            remove(self._name, self._run)
        finally:
            os.close(self._run)


def remove(name: str, folder: int) -> None:
    """Delete the file or tree `name` in an open folder, or as much as the time allows."""
    try:
        if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            _own(name, folder)
            root = os.open(name, _FOLDER, dir_fd=folder)
            try:
                _Emptying().empty(root)
            finally:
                os.close(root)
            os.rmdir(name, dir_fd=folder)
        else:
            os.unlink(name, dir_fd=folder)
    except OSError:
        return


class _Emptying:
    """Empties one folder within a time limit.

    It moves each subfolder up into the folder itself and repeats that, in place of recursion: a job can
    nest folders deeper than paths, descriptors or the stack allow.
    """

    def __init__(self) -> None:
        self._until = time.monotonic() + EMPTY_SECONDS
        self._mark = f"{os.getpid()}.{time.monotonic_ns()}"
        self._passes = self._moved = 0

    def empty(self, root: int) -> None:
        """Repeat passes until one changes nothing."""
        while self._empty(root):
            self._passes += 1

    def _empty(self, root: int) -> bool:
        """One pass over the entries; True when something changed, so that another pass may find more."""
        has_changed = False
        seen = self._ending()
        with os.scandir(root) as entries:
            for entry in entries:
                if time.monotonic() > self._until:
                    return False
                if entry.name.endswith(seen):
                    continue  # moved here in this pass
                if not entry.is_dir(follow_symlinks=False):
                    has_changed |= _unlink(entry.name, root)
                elif name := self._move(entry.name, root, root):
                    has_changed |= self._flatten(name, root)
        return has_changed

    def _flatten(self, name: str, root: int) -> bool:
        """Delete a folder's files and move its folders up to the root; True when something changed."""
        has_changed = False
        try:
            folder = os.open(name, _FOLDER, dir_fd=root)
        except OSError:
            return False
        with os.scandir(folder) as entries:
            for entry in entries:
                if time.monotonic() > self._until:
                    break
                if entry.is_dir(follow_symlinks=False):
                    has_changed |= bool(self._move(entry.name, folder, root))
                else:
                    has_changed |= _unlink(entry.name, folder)
        os.close(folder)
        return _rmdir(name, root) or has_changed

    def _ending(self) -> str:
        return f".{self._mark}.{self._passes}.litter"

    def _move(self, name: str, folder: int, root: int) -> str:
        """Move a folder directly below `root`; return its new name there, or "" when it cannot be moved."""
        self._moved += 1
        new = f"{self._moved}{self._ending()}"
        try:
            try:
                os.rename(name, new, src_dir_fd=folder, dst_dir_fd=root)
            except PermissionError:
                # To move a folder needs write access to it, because its `..` changes. A mount is left as it
                # is.
                if os.stat(name, dir_fd=folder).st_dev != os.fstat(folder).st_dev:
                    return ""
                _own(name, folder)
                os.rename(name, new, src_dir_fd=folder, dst_dir_fd=root)
            _own(new, root)
        except OSError:
            return ""
        return new


def _own(name: str, folder: int) -> None:
    """Make a folder accessible to its owner. A link that replaced it meanwhile is not followed."""
    handle = os.open(name, os.O_PATH | _FOLDER, dir_fd=folder)
    try:
        os.chmod(f"/proc/self/fd/{handle}", _OWN)  # noqa: PTH101  no pathlib in the shim
    finally:
        os.close(handle)


def _unlink(name: str, folder: int) -> bool:
    try:
        os.unlink(name, dir_fd=folder)
    except OSError:
        return False
    return True


def _rmdir(name: str, folder: int) -> bool:
    try:
        os.rmdir(name, dir_fd=folder)
    except OSError:
        return False
    return True
