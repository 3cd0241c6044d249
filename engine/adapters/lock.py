"""One engine for one state folder: a lock held for life."""

import contextlib
import fcntl
import os
import select
from pathlib import Path
from typing import Self

from engine.errors import EngineRunningError, JobfileError, SupersededError

LOCK = "engine.lock"
TROUBLE_BYTES = 1024
"""Room in the lock's file for what troubles the engine, taken at once: a full disk cannot deny it."""
LOCK_TRIES = 25
LOCK_PAUSE_SECONDS = 0.02
GITIGNORE = "# the engine's own state: never part of a repository\n*\n"

NETWORK_FILE_SYSTEMS = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "fuse.sshfs")
"""Where locks and write-ahead logs cannot be trusted."""
MOUNTS = Path("/proc/mounts")


def make_state_dir(path: Path) -> None:
    """Make the state folder, closed to others; refuse one that cannot hold a ledger."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        ignore = path / ".gitignore"
        if not ignore.exists():
            ignore.write_text(GITIGNORE)
    except FileExistsError as error:
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
    """Make an empty file that only its owner may read, before a library makes a wider one.

    A file that is there is not opened: closing it again would drop the locks that SQLite holds on it in
    this process (fcntl(2)), and its readers would go on with what an engine has since thrown away.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise JobfileError(f"{path} cannot be made ({error.strerror or error})") from error


class EngineLock:
    """The lock, while it is held."""

    def __init__(self, handle: int) -> None:
        """Take over a locked file descriptor."""
        self._handle = handle

    @classmethod
    def take(cls, state_dir: Path) -> Self:
        """Take the lock, or say who has it."""
        path = state_dir / LOCK
        try:
            handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JobfileError(
                f"the state folder {state_dir} cannot be written ({error.strerror or error})"
            ) from error
        if not _has_lock(handle):
            holder = os.pread(handle, 64, 0).decode("ascii", "replace").partition("\n")[0].strip()
            os.close(handle)
            who = f" (process {holder})" if holder else ""
            raise EngineRunningError(
                f"another engine{who} is running on the state folder {state_dir}; "
                "stop it first, or give this one a state folder of its own with --state"
            )
        with contextlib.suppress(OSError):
            os.ftruncate(handle, 0)
            os.pwrite(handle, _noted(""), 0)
        return cls(handle)

    def refuse_when_gone(self, state_dir: Path) -> None:
        """An engine whose state folder was taken away or replaced must not go on as if it had one."""
        try:
            is_there = os.path.samestat((state_dir / LOCK).stat(), os.fstat(self._handle))
        except OSError:
            is_there = False
        if not is_there:
            raise SupersededError(
                f"the state folder {state_dir} was taken away or replaced while this engine ran; it stops. "
                "Jobs that run go on under their supervisors. Put the folder back, or start anew:  jobfile up"
            )

    def note(self, trouble: str) -> None:
        """Write beside the lock what troubles the engine and cannot be in the ledger; empty for nothing."""
        with contextlib.suppress(OSError):
            os.pwrite(self._handle, _noted(trouble), 0)

    def release(self) -> None:
        """Let the next engine in."""
        os.close(self._handle)


def _has_lock(handle: int) -> bool:
    """Somebody who only asks whether an engine runs holds the lock for an instant; an engine for its life."""
    for _ in range(LOCK_TRIES):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            select.select([], [], [], LOCK_PAUSE_SECONDS)
        else:
            return True
    return False


def _noted(trouble: str) -> bytes:
    """The process and its trouble, always of one length."""
    text = f"{os.getpid()}\n{trouble}".encode("utf-8", "replace")[: TROUBLE_BYTES - 1]
    return text.ljust(TROUBLE_BYTES - 1) + b"\n"


def engine_trouble(state_dir: Path) -> str:
    """What troubles the engine that runs, as it noted beside its lock; empty when nothing does."""
    if not is_engine_running(state_dir):
        return ""
    with contextlib.suppress(OSError):
        return (state_dir / LOCK).read_text(errors="replace").partition("\n")[2].strip()
    return ""


def is_engine_running(state_dir: Path) -> bool:
    """Whether an engine holds the lock now."""
    try:
        handle = os.open(state_dir / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def file_system(path: Path, *, mounts: Path = MOUNTS) -> str:
    """The kind of file system that holds a path, from /proc/mounts; empty where that is not known."""
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
