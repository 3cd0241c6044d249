"""One engine for one state folder: a lock held for life."""

import contextlib
import fcntl
import os
import select
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from engine.errors import EngineRunningError, JobfileError, SupersededError
from engine.ownership import WAKE, open_own, refuse_foreign_state

LOCK = "engine.lock"
ENGINE = "an engine"
"""What the holder of the lock is, when it is not a command that runs jobs itself for a while."""
TROUBLE_BYTES = 1024
"""Room in the lock's file for what troubles the engine, taken at once: a full disk cannot deny it."""
PRIVATE = 0o700
LOCK_TRIES = 25
LOCK_PAUSE_SECONDS = 0.02
GITIGNORE = "# the engine's own state: never part of a repository\n*\n"

NETWORK_FILE_SYSTEMS = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "fuse.sshfs")
"""Where locks and write-ahead logs cannot be trusted."""
MOUNTS = Path("/proc/mounts")


def make_state_dir(path: Path) -> None:
    """Make the state folder, closed to others; refuse one that is not ours, or cannot hold a ledger."""
    refuse_foreign_state(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=PRIVATE)
        os.scandir(path).close()  # a file is told as one
        if stat.S_IMODE(path.stat().st_mode) != PRIVATE:
            path.chmod(PRIVATE)  # an empty one, or what the umask of a command took from its owner
        with contextlib.suppress(FileExistsError):
            os.mkfifo(path / WAKE, 0o600)  # before anything else: what has files and no pipe is not ours
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
    """Make an empty file that only its owner may read, before a library makes a wider one.

    A file that is there is not opened: closing it again would drop the locks that SQLite holds on it in
    this process (fcntl(2)), and its readers would go on with what an engine has since thrown away.
    """
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        os.fchmod(handle, 0o600)
        os.close(handle)
    except FileExistsError:
        return
    except OSError as error:
        raise JobfileError(f"{path} cannot be made ({error.strerror or error})") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds the lock, as they wrote it beside it."""

    pid: int
    what: str
    """`an engine`, or the command that runs jobs itself for a while."""
    ledger: str
    """Why the ledger cannot be written; empty when it can."""
    bug: str
    """Which loop reports a bug in jobfile; empty when none does."""
    stuck: str
    """Which loop does not go on, and since when; empty when all do."""

    @property
    def is_engine(self) -> bool:
        """Whether schedules are served, and not only single runs."""
        return self.what == ENGINE


class EngineLock:
    """The lock, while it is held."""

    def __init__(self, handle: int, what: str) -> None:
        """Take over a locked file descriptor."""
        self._handle = handle
        self._what = what
        self._noted = {"ledger": "", "bug": "", "stuck": ""}

    @classmethod
    def take(cls, state_dir: Path, what: str = ENGINE) -> Self:
        """Take the lock, or say who has it. `what` tells others what the holder is."""
        path = state_dir / LOCK
        try:
            handle = open_own(path, os.O_CREAT | os.O_RDWR)
        except OSError as error:
            raise JobfileError(
                f"the state folder {state_dir} cannot be written ({error.strerror or error})"
            ) from error
        if not _has_lock(handle):
            holder = _written(os.pread(handle, TROUBLE_BYTES, 0))
            os.close(handle)
            raise EngineRunningError(_who_runs(holder, state_dir))
        lock = cls(handle, what)
        with contextlib.suppress(OSError):
            os.ftruncate(handle, 0)
        lock.note()
        return lock

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

    def note(self, *, ledger: str | None = None, bug: str | None = None, stuck: str | None = None) -> None:
        """Write beside the lock what troubles the engine and cannot be in the ledger; empty for nothing."""
        given = {"ledger": ledger, "bug": bug, "stuck": stuck}
        self._noted |= {name: text for name, text in given.items() if text is not None}
        content = _content(os.getpid(), self._what, *self._noted.values())
        with contextlib.suppress(OSError):
            os.pwrite(self._handle, content, 0)

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


def _content(pid: int, *lines: str) -> bytes:
    """The process, what it is and its troubles, a line each, always of one length."""
    part = (TROUBLE_BYTES - 64) // len(lines)
    cut = [" ".join(line.split()).encode("utf-8", "replace")[:part] for line in lines]
    return b"\n".join([str(pid).encode(), *cut, b""]).ljust(TROUBLE_BYTES - 1) + b"\n"


def _written(content: bytes) -> Holder:
    lines = [line.strip() for line in content.decode("utf-8", "replace").split("\n")]
    pid, what, ledger, bug, stuck = (lines + [""] * 5)[:5]
    number = int(pid) if pid.isdecimal() else 0
    return Holder(pid=number, what=what or ENGINE, ledger=ledger, bug=bug, stuck=stuck)


def _who_runs(holder: Holder, state_dir: Path) -> str:
    process = f" (process {holder.pid})" if holder.pid else ""
    if holder.is_engine:
        return (
            f"another engine{process} is running on the state folder {state_dir}; "
            "stop it first, or give this one a state folder of its own with --state"
        )
    return f"`{holder.what}`{process} is using the state folder {state_dir}; try again when it is over"


def lock_holder(state_dir: Path) -> Holder | None:
    """Who holds the lock now: an engine, or a command that runs jobs itself; None when nobody does."""
    try:
        handle = open_own(state_dir / LOCK, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _written(os.pread(handle, TROUBLE_BYTES, 0))
    finally:
        os.close(handle)
    return None


def engine_trouble(state_dir: Path) -> str:
    """Why the engine that runs cannot write its ledger, as it noted beside its lock; empty when it can."""
    holder = lock_holder(state_dir)
    return "" if holder is None else holder.ledger


def engine_bug(state_dir: Path) -> str:
    """The bugs that the loops of the engine report, as it noted beside its lock; empty when none do."""
    holder = lock_holder(state_dir)
    return "" if holder is None else holder.bug


def engine_stuck(state_dir: Path) -> str:
    """Which loops of the engine do not go on, as it noted beside its lock; empty when all do."""
    holder = lock_holder(state_dir)
    return "" if holder is None else holder.stuck


def is_engine_running(state_dir: Path) -> bool:
    """Whether an engine holds the lock now; a command that runs a job itself is none."""
    holder = lock_holder(state_dir)
    return holder is not None and holder.is_engine


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
