"""Allows one engine for each state folder: a file lock, held for the engine's life.

A process that a job left behind could lock the file, too. So the holder writes into it, under a seal, which
process it is. If a locked file does not name its holder, an engine takes the next of a few files. It first
writes that it holds that one, and then checks all others. So when two engines take different files at the
same time, at least one of them notices the other, and stops.
"""

import contextlib
import fcntl
import os
import select
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

from engine.core.errors import EngineRunningError, JobfileError, SupersededError
from engine.host.holders import Process, current_boot_id, holders_of, holds, this_process
from engine.host.keys import find_key, keep_key, make_key
from engine.host.locked import lock_files
from engine.host.ownership import SEARCH, WAKE, open_own, refuse_foreign_state
from engine.supervisor.evidence import seal_text
from jobfile.model.dataclass import dataclass

ENGINE = "an engine"
HOST: Final = "a host"
"""How the lock of a state folder names an engine, and a host that executes attempts."""
"""The name of a holder that is an engine; a command that runs jobs itself writes its own name."""
TROUBLE_BYTES = 1280
"""Size of the lock's file. It is reserved at once, so that problems can be noted there on a full disk."""
PRIVATE = 0o700
LOCK_TRIES = 25
LOCK_PAUSE_SECONDS = 0.02
UNNAMED_TRIES = 100
"""How many times a lock without a valid name is checked: an engine writes its
name at once, and each second.
"""
HEAD_BYTES: Final = 320
"""Bytes for the process, its start time, its boot and the seal."""
GITIGNORE = "# the engine's own state: never part of a repository\n*\n"

MAX_PID_DIGITS: Final = 9

NETWORK_FILE_SYSTEMS = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "fuse.sshfs")
"""File systems on which locks and write-ahead logs cannot be trusted."""
MOUNTS = Path("/proc/mounts")


def make_state_dir(path: Path) -> None:
    """Make the state folder, closed to other users; refuse one that is not ours or
    that cannot hold a ledger.
    """
    refuse_foreign_state(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=PRIVATE)
        os.scandir(path).close()  # raises for a file
        if stat.S_IMODE(path.stat().st_mode) & ~SEARCH != PRIVATE:
            path.chmod(PRIVATE)  # it was empty, or a umask removed rights of the owner
        with contextlib.suppress(FileExistsError):
            os.mkfifo(path / WAKE, 0o600)  # first: files without a pipe are refused as foreign
            (path / WAKE).chmod(0o600)
        with contextlib.suppress(FileExistsError):
            ignore = os.open(path / ".gitignore", os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            os.fchmod(ignore, 0o600)
            os.write(ignore, GITIGNORE.encode())
            os.close(ignore)
    except (FileExistsError, NotADirectoryError) as error:
        raise JobfileError(f"the state folder {path} is a file; name a folder with --state") from error
    except OSError as error:
        raise JobfileError(
            f"the state folder {path} cannot be written ({error.strerror or error}); "
            "give its owner the right to write, or name another with --state"
        ) from error
    kind = file_system(path)
    if kind in NETWORK_FILE_SYSTEMS:
        raise JobfileError(
            f"the state folder {path} is on a network file system ({kind}), where a ledger is not safe; "
            "name a folder on a local disk with --state"
        )


def make_private_file(path: Path) -> None:
    """Make an empty file that only its owner may read, before a library makes one that others may read.

    An existing file is not opened: closing it would drop the locks that SQLite holds on it in this process
    (fcntl(2)), and its readers would continue with data that an engine has since discarded.
    """
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        os.fchmod(handle, 0o600)
        os.close(handle)
    except FileExistsError:
        return
    except OSError as error:
        raise JobfileError(f"{path} cannot be created ({error.strerror or error})") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The holder of the lock, as it has written itself into the file."""

    pid: int
    what: str
    """`an engine`, `a host`, or the command that runs jobs itself."""
    ledger: str
    """Why the ledger cannot be written; empty when it can."""
    bug: str
    """Which loop reports a bug in jobfile; empty when none does."""
    stuck: str
    """Which loop is stuck, and since when; empty if none is."""

    @property
    def is_engine(self) -> bool:
        """Whether it is an engine, which serves schedules, and not a command."""
        return self.what == ENGINE


class EngineLock:
    """The lock, while it is held."""

    def __init__(self, handle: int, path: Path, what: str, key: bytes) -> None:
        """Keep a locked descriptor; `key` is the engine's: keys.py."""
        self._handle = handle
        self._path = path
        self._what = what
        self.key = key
        self._me = this_process()
        self._noted = {"ledger": "", "bug": "", "stuck": ""}

    @classmethod
    def take(cls, state_dir: Path, what: str = ENGINE) -> Self:
        """Take the lock for a holder named `what`. Raises EngineRunningError with the present holder."""
        key = find_key(state_dir)
        others: set[int] = set()
        for path in lock_files(state_dir):
            handle = _open(path, os.O_CREAT | os.O_RDWR)
            if _has_lock(handle):
                break
            holder = _holder_of(handle, key, tries=UNNAMED_TRIES)
            others |= set(holders_of(handle))
            os.close(handle)
            if holder is not None:
                raise EngineRunningError(_who_runs(holder, state_dir))
        else:
            raise JobfileError(
                f"the locks of the state folder {state_dir} are held by processes that are not an engine ("
                f"{', '.join(map(str, sorted(others)))}); end them, and try again"
            )
        lock = cls(handle, path, what, make_key(state_dir))
        lock.note()
        if _read(handle) != lock._content():  # other engines would ignore a lock without a name
            lock.release()
            raise JobfileError(f"the lock {path} cannot be written; make room on its disk, and try again")
        if (other := lock._other(state_dir)) is not None:
            lock.release()
            raise EngineRunningError(_who_runs(other, state_dir))
        return lock

    def look_after(self, state_dir: Path) -> None:
        """Restore the lock's file and the key if a job has changed them; call it each second.

        Raises SupersededError when the state folder was removed or replaced, or when another engine has taken
        the folder while this one was suspended.
        """
        try:
            is_there = os.path.samestat(self._path.lstat(), os.fstat(self._handle))
        except OSError:
            is_there = False
        if not is_there:
            raise SupersededError(
                f"the state folder {state_dir} was removed or replaced while this engine ran; it stops. "
                "Running jobs continue under their supervisors. Put the folder back, or run  jobfile up"
            )
        if (other := self._other(state_dir)) is not None:
            raise SupersededError(
                f"another engine (process {other.pid}) has taken the state folder {state_dir}; this one stops"
            )
        keep_key(state_dir, self.key)
        if _read(self._handle) != self._content():
            self.note()

    def note(self, *, ledger: str | None = None, bug: str | None = None, stuck: str | None = None) -> None:
        """Write problems of the engine that cannot be in the ledger; '' deletes one, None keeps it."""
        given = {"ledger": ledger, "bug": bug, "stuck": stuck}
        self._noted |= {name: text for name, text in given.items() if text is not None}
        with contextlib.suppress(OSError):
            os.pwrite(self._handle, self._content(), 0)

    def release(self) -> None:
        """Release the lock for the next engine."""
        with contextlib.suppress(OSError):  # this process may continue without the lock
            os.pwrite(self._handle, b"\n" * TROUBLE_BYTES, 0)
        os.close(self._handle)

    def _content(self) -> bytes:
        return _content(self._me, self.key, self._what, *self._noted.values())

    def _other(self, state_dir: Path) -> Holder | None:
        places = [path for path in lock_files(state_dir) if path != self._path]
        return next(_holders(places, self.key, tries=1), None)


def _open(path: Path, flags: int) -> int:
    try:
        return open_own(path, flags)
    except OSError as error:
        raise JobfileError(
            f"the state folder {path.parent} cannot be written ({error.strerror or error})"
        ) from error


def _has_lock(handle: int) -> bool:
    """Lock the file; False when it stays locked.

    Retried for half a second: a status check holds the lock briefly, an engine for its lifetime.
    """
    for _ in range(LOCK_TRIES):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            select.select([], [], [], LOCK_PAUSE_SECONDS)
        else:
            return True
    return False


def _read(handle: int) -> bytes:
    try:
        return os.pread(handle, TROUBLE_BYTES, 0)
    except OSError:
        return b""


def _content(who: Process, key: bytes, *lines: str) -> bytes:
    """The content of the lock's file: process, name and problems, a line
    each, then the seal; of constant length.
    """
    part = (TROUBLE_BYTES - HEAD_BYTES) // len(lines)
    cut = [" ".join(line.split()).encode("utf-8", "replace")[:part] for line in lines]
    said = b"\n".join([str(who.pid).encode(), *cut, f"{who.began} {who.boot_id}".encode(), b""])
    sealed = said + seal_text(said, key).encode()
    return sealed.ljust(TROUBLE_BYTES - 1) + b"\n"


def _written(content: bytes, key: bytes | None) -> tuple[Holder, Process] | None:
    """The holder that a file names; None without a valid seal.

    Without a key no seal is needed: an engine of an older version may have written the file.
    """
    said, _, rest = content.rstrip(b"\n").rpartition(b"\n")
    if key is not None and rest.strip() != seal_text(said + b"\n", key).encode():
        return None
    lines = [line.strip() for line in content.decode("utf-8", "replace").split("\n")]
    pid, what, ledger, bug, stuck, about = (lines + [""] * 6)[:6]
    if not (pid.isascii() and pid.isdecimal() and len(pid) <= MAX_PID_DIGITS):
        return None
    began, _, boot_id = about.partition(" ")
    who = Process(int(pid), began if key else "", boot_id if key else current_boot_id())
    return Holder(pid=int(pid), what=what or ENGINE, ledger=ledger, bug=bug, stuck=stuck), who


def _holder_of(handle: int, key: bytes | None, *, tries: int) -> Holder | None:
    """The holder of a locked file; None when it is neither an engine nor a command that runs jobs."""
    for left in reversed(range(tries)):
        found = _written(_read(handle), key)
        if found is not None:
            return found[0] if holds(found[1], handle, boot_id=current_boot_id()) else None
        if left:
            select.select([], [], [], LOCK_PAUSE_SECONDS)
    return None


def _holders(places: list[Path], key: bytes | None, *, tries: int) -> Iterator[Holder]:
    """The holders of these files, without those that are not locked."""
    for path in places:
        try:
            handle = open_own(path, os.O_RDONLY)
        except OSError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            if (holder := _holder_of(handle, key, tries=tries)) is not None:
                yield holder
        finally:
            os.close(handle)


def _who_runs(holder: Holder, state_dir: Path) -> str:
    process = f" (process {holder.pid})" if holder.pid else ""
    if holder.what in (ENGINE, HOST):
        return (
            f"another {holder.what.partition(' ')[2]}{process} is running on the state folder {state_dir}; "
            "stop it first, or give this one a state folder of its own with --state"
        )
    return f"`{holder.what}`{process} is using the state folder {state_dir}; try again when it is over"


def lock_holder(state_dir: Path) -> Holder | None:
    """The present holder of the lock: an engine, or a command that runs jobs itself; None without one."""
    key = None
    with contextlib.suppress(JobfileError):  # a key that cannot be trusted is reported when an engine starts
        key = find_key(state_dir)
    return next(_holders(lock_files(state_dir), key, tries=UNNAMED_TRIES), None)


def engine_trouble(state_dir: Path) -> str:
    """Why the running engine cannot write its ledger, by its note in the lock's file; empty when it can."""
    holder = lock_holder(state_dir)
    return "" if holder is None else holder.ledger


def engine_bug(state_dir: Path) -> str:
    """The bugs that loops of the running engine report, by its note in the lock's file; empty without any."""
    holder = lock_holder(state_dir)
    return "" if holder is None else holder.bug


def engine_stuck(state_dir: Path) -> str:
    """Which loops of the running engine are stuck, by its note in the lock's file; empty if none is."""
    holder = lock_holder(state_dir)
    return "" if holder is None else holder.stuck


def is_engine_running(state_dir: Path) -> bool:
    """Whether an engine, and not only a command that runs jobs, holds the lock now."""
    holder = lock_holder(state_dir)
    return holder is not None and holder.is_engine


def file_system(path: Path, *, mounts: Path = MOUNTS) -> str:
    """The kind of file system of a path, by /proc/mounts; empty if unknown."""
    best, kind = "", ""
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    wanted = f"{path.resolve()}/"
    for line in lines:
        _, point, found, *_ = line.split(" ")
        point = point.replace("\\040", " ").rstrip("/") + "/"
        if wanted.startswith(point) and len(point) >= len(best):
            best, kind = point, found
    return kind
