"""Checks owners, rights and kinds of files before the engine trusts them.

Files that decide what runs as this user must belong to this user or to root, and must not be writable by
others, as with sshd's StrictModes. A state folder also needs its named pipe, as a proof that it was made
here: a folder from a git repository or an archive has none.
"""

import os
import pwd
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from engine.core.errors import JobfileError, StoreRefusedError
from jobfile.model.namedtuple import NamedTuple

WAKE: Final = "wake"
"""The engine's named pipe. git and plain copies do not contain one,
so a folder without it came from elsewhere.
"""
STATE_FOLDER, STATE_FILE, STATE_ORIGIN = "rights.state_folder", "rights.state_file", "rights.state_origin"
LINK, JOB_FILE = "rights.symlink", "rights.job_file"

LOCKS: Final = 8
"""Number of files that can be the engine's lock. The first one is used unless a foreign process holds it."""
KINDS: Final[Mapping[str, int]] = {
    "ledger.db": stat.S_IFREG,
    "ledger.db-wal": stat.S_IFREG,
    "ledger.db-shm": stat.S_IFREG,
    "ledger.db-journal": stat.S_IFREG,
    "engine.lock": stat.S_IFREG,
    **{f"engine.lock.{number}": stat.S_IFREG for number in range(1, LOCKS)},
    "engine.key": stat.S_IFREG,
    "high_water": stat.S_IFREG,
    "high_water.new": stat.S_IFREG,
    "engine.log": stat.S_IFREG,
    "engine.log.1": stat.S_IFREG,
    WAKE: stat.S_IFIFO,
    "token": stat.S_IFREG,
    "web.address": stat.S_IFREG,
    "web.sock": stat.S_IFSOCK,
    "runs": stat.S_IFDIR,
    "asked": stat.S_IFDIR,
    ".gitignore": stat.S_IFREG,
}
"""The names in a state folder, and the kind of each."""
_READABLE: Final = frozenset({".gitignore", "runs", "asked"})
"""Names that may be readable by others, because the folder around them is closed."""
_NAMES: Final = {
    stat.S_IFREG: "a file",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFDIR: "a folder",
    stat.S_IFSOCK: "a socket",
}
_FOR_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
SEARCH: Final = stat.S_IXGRP | stat.S_IXOTH
"""A state folder may let others pass: a job with another `user` has its run's folder in it. They cannot list
it, and everything else in it is closed.
"""
NAME_ONE: Final = "name one:  --state"
MOST_LISTED: Final = 3
"""Maximum number of problems that one message names."""


class NotOursError(StoreRefusedError):
    """The state folder is not trusted: others can write to it, or it was made elsewhere."""


class Trouble(NamedTuple):
    """One problem: the code of `doctor`, the path, what was found, and the command that corrects it."""

    code: str
    path: Path
    found: str
    help: str


def refuse_foreign_state(folder: Path) -> None:
    """Raise NotOursError when a state folder is not this user's own.

    Call it before anything in it is read.
    """
    found = list(state_troubles(folder))
    if not found or found[0].help == NAME_ONE:  # a file; creating the folder reports that
        return
    them = "; ".join(one.found for one in found[:MOST_LISTED])
    more = f" (and {len(found) - MOST_LISTED} more)" if len(found) > MOST_LISTED else ""
    ways = " && ".join(dict.fromkeys(one.help for one in found))
    raise NotOursError(
        f"the state folder {folder} is not trusted: {them}{more}. If it came from elsewhere, for example in "
        "a repository or an archive, remove it: it decides what runs as you. If you made it yourself:  "
        f"{ways}"
    )


def state_troubles(folder: Path) -> Iterator[Trouble]:
    """The problems of a state folder and its files; none if it does not exist."""
    about = _seen(folder)
    if about is None:
        return
    if stat.S_ISLNK(about.st_mode):
        help_ = f"name the folder itself:  --state {_quoted(os.path.realpath(folder))}"
        yield Trouble(LINK, folder, f"{folder} is a symbolic link", help_)
        return
    if not stat.S_ISDIR(about.st_mode):
        yield Trouble(STATE_FOLDER, folder, f"the state folder {folder} is not a folder", NAME_ONE)
        return
    inside = {name: found for name in KINDS if (found := _seen(folder / name)) is not None}
    is_used = bool(inside.keys() - {".gitignore", WAKE})
    if is_foreign(about) or is_shared(about) or (is_used and about.st_mode & _FOR_OTHERS & ~SEARCH):
        found_ = f"the state folder {folder} {_openness(about)}"
        yield Trouble(STATE_FOLDER, folder, found_, _closing(folder, about))
    for name, found in inside.items():
        yield from _file_troubles(folder / name, found)
    if is_used and WAKE not in inside:
        path = folder / WAKE
        found_ = f"it has no named pipe {WAKE}, so it was not made here: a clone or a plain copy has none"
        yield Trouble(STATE_ORIGIN, path, found_, f"mkfifo -m 600 {_quoted(path)}")


def _file_troubles(path: Path, about: os.stat_result) -> Iterator[Trouble]:
    """The problems of one file in a state folder."""
    kind = stat.S_IFMT(about.st_mode)
    if kind == stat.S_IFLNK:
        yield Trouble(LINK, path, f"{path.name} is a symbolic link", f"rm {_quoted(path)}")
    elif kind != KINDS[path.name]:
        is_folder = kind == stat.S_IFDIR
        found = f"{path.name} is not {_NAMES[KINDS[path.name]]}"
        yield Trouble(STATE_FILE, path, found, f"rm {'-r ' * is_folder}{_quoted(path)}")
    elif is_foreign(about) or is_shared(about) or _is_read_by_others(path, about):
        yield Trouble(STATE_FILE, path, f"{path.name} {_openness(about)}", _closing(path, about))


def _is_read_by_others(path: Path, about: os.stat_result) -> bool:
    return path.name not in _READABLE and bool(about.st_mode & _FOR_OTHERS)


def refuse_foreign_files(paths: Iterable[Path]) -> None:
    """Raise JobfileError when users other than this one and root could change one of these job files."""
    found = next(file_troubles(paths), None)
    if found is not None:
        raise JobfileError(unsafe_text(found))


def unsafe_text(trouble: Trouble) -> str:
    """The message about a job file that is not put in force."""
    found = f"{trouble.found}, and with it the commands that run as you"
    return f"{found}:  {trouble.help}  (or continue with  --no-strict-modes)"


def file_troubles(paths: Iterable[Path]) -> Iterator[Trouble]:
    """Problems of job files and the folders above them: other users could change them.

    A folder counts, because a user who can write to it can replace the file; one with the sticky bit, such as
    /tmp, does not. A group with the same number as the owner is the owner's own group, as Debian creates
    them. Missing files are not reported.
    """
    seen: set[Path] = set()
    for path in paths:
        for whole in (path.absolute(), path.resolve()):
            for one in (whole, *whole.parents):
                if one not in seen:
                    seen.add(one)
                    yield from _changeable(one)


def _changeable(path: Path) -> Iterator[Trouble]:
    try:
        about = path.stat()
    except OSError:
        return
    if is_foreign(about):
        owner = owner_name(about)
        help_ = f"run jobfile as {owner}, or  chown $(id -un) {_quoted(path)}"
        yield Trouble(JOB_FILE, path, f"{path} belongs to {owner}, who may change it", help_)
    elif is_shared(about):
        found = f"users other than its owner may change {path} (mode {stat.S_IMODE(about.st_mode):04o})"
        yield Trouble(JOB_FILE, path, found, f"chmod go-w {_quoted(path)}")


def is_foreign(about: os.stat_result) -> bool:
    """Whether a file belongs neither to this user nor to root."""
    return about.st_uid not in (0, os.geteuid())


def is_shared(about: os.stat_result) -> bool:
    """Whether users other than the owner may write to a file or folder."""
    by_group = about.st_mode & stat.S_IWGRP and about.st_gid != about.st_uid
    is_sticky = stat.S_ISDIR(about.st_mode) and about.st_mode & stat.S_ISVTX
    return bool(by_group or about.st_mode & stat.S_IWOTH) and not is_sticky


def owner_name(about: os.stat_result) -> str:
    """The name of a file's owner, or `user NUMBER`."""
    try:
        return pwd.getpwuid(about.st_uid).pw_name
    except KeyError:
        return f"user {about.st_uid}"


def _openness(about: os.stat_result) -> str:
    if is_foreign(about):
        return f"belongs to {owner_name(about)}, not to you or root"
    expected = "0700" if stat.S_ISDIR(about.st_mode) else "0600"
    return f"is open to others (mode {stat.S_IMODE(about.st_mode):04o}, expected {expected})"


def _closing(path: Path, about: os.stat_result) -> str:
    if is_foreign(about):
        return f"chown -R $(id -un) {_quoted(path)}"
    return f"chmod {'700' if stat.S_ISDIR(about.st_mode) else '600'} {_quoted(path)}"


def _seen(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError:
        return None


def _quoted(path: str | Path) -> str:
    from shlex import quote  # noqa: PLC0415  start-up time: only for advice

    return quote(str(path))


def open_own(path: str | Path, flags: int, *, kind: int = stat.S_IFREG) -> int:
    """Open a file of a state folder: never through a link, never blocking, and only of one kind.

    A new file is closed to other users. Raises OSError; its text says what is wrong.
    """
    handle = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    found = stat.S_IFMT(os.fstat(handle).st_mode)
    if found != kind:
        os.close(handle)
        raise OSError(22, f"{path} is not {_NAMES[kind]}", str(path))
    return handle
