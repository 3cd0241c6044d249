"""Reads a secret from a file without blocking; no error message ever has its value."""

import errno
import os
import stat
from pathlib import Path
from shlex import quote
from typing import Final

from engine.host.ownership import is_foreign, is_shared, owner_name
from engine.host.patience import NoAnswerError, ask

MAX_SECRET_BYTES: Final = 64 * 1024
_KINDS: Final = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class NotAvailableError(Exception):
    """Why a secret is not available; the text follows its name in a message."""


def read_secret(path: Path) -> str:
    """The text of a file without its last line end. Raises NotAvailableError."""
    try:
        content = ask(f"the content of {path}", lambda: _content(path))
    except NoAnswerError as error:
        raise NotAvailableError(f"is not there: {path}: {error}") from error
    except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
        raise NotAvailableError(f"is not there: {path}: {_reason(path, error)}") from error
    if len(content) > MAX_SECRET_BYTES:
        raise NotAvailableError(f": {path} is not a text of at most 64 KiB")
    if b"\0" in content:
        raise NotAvailableError(f": {path} has a NUL character, and no environment can pass it on")
    try:
        return content.decode().removesuffix("\n")
    except UnicodeDecodeError:
        raise NotAvailableError(f": {path} is not a text of at most 64 KiB") from None


def refuse_unreadable(path: Path) -> None:
    """Raise NotAvailableError for problems that are visible without opening the file."""
    try:
        ask(f"the rights of {path}", lambda: _refuse_closed(path))
    except NoAnswerError as error:
        raise NotAvailableError(f"is not there: {path}: {error}") from error
    except (OSError, ValueError) as error:
        raise NotAvailableError(f"is not there: {path}: {_reason(path, error)}") from error


def _content(path: Path) -> bytes:
    handle = _opened(path)
    with os.fdopen(handle, "rb") as file:
        return file.read(MAX_SECRET_BYTES + 1)


def _opened(path: Path) -> int:
    """Open and check the file: the open file is checked, so it cannot be replaced in between.

    A link is followed, because Kubernetes mounts secrets as links, but only if it belongs to this user or
    root. Raises OSError or NotAvailableError.
    """
    _refuse_link(path)
    _refuse_rights(path, path.stat())  # before it is opened: opening a device may have effects
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        _refuse_rights(path, os.fstat(handle))
    except BaseException:
        os.close(handle)
        raise
    return handle


def _refuse_closed(path: Path) -> None:
    _refuse_link(path)
    _refuse_rights(path, path.stat())
    if not os.access(path, os.R_OK, effective_ids=True):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _refuse_link(path: Path) -> None:
    link = os.lstat(path)
    if stat.S_ISLNK(link.st_mode) and is_foreign(link):
        raise NotAvailableError(f": {path} is a symbolic link that belongs to {owner_name(link)}")


def _refuse_rights(path: Path, about: os.stat_result) -> None:
    """Refuse anything but a regular file of this user or root that no other user can change.

    A file of this user must not be readable by others either. One of root may be: secrets of containers are,
    and this user could not change that.
    """
    if not stat.S_ISREG(about.st_mode):
        kind = _KINDS.get(stat.S_IFMT(about.st_mode), "something else")
        raise NotAvailableError(f"is not there: {path} is not a file but {kind}")
    if is_foreign(about):
        owner = owner_name(about)
        raise NotAvailableError(f": {path} belongs to {owner}, and the engine's user or root was expected")
    if is_shared(about):
        raise NotAvailableError(
            f": users other than its owner may change {path}; close it:  chmod 600 {quote(str(path))}"
        )
    if about.st_uid != 0 and about.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        mode = f"mode {stat.S_IMODE(about.st_mode):04o}"
        raise NotAvailableError(
            f": users other than its owner may read {path} ({mode}); close it:  chmod 600 {quote(str(path))}"
        )


def _reason(path: Path, error: Exception) -> str:
    if isinstance(error, FileNotFoundError) and path.is_symlink():
        return f"it is a link to {path.readlink()}, which does not exist"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return "its name has a NUL character"
