"""The key of a state folder. It seals what an engine and its supervisors write for each other, and saved
plans.

It is a file in the state folder that only its owner may read. A process that can read it can forge seals:
docs/security.md.
"""

import contextlib
import os
import stat
from functools import lru_cache
from pathlib import Path

from engine.core.errors import JobfileError
from engine.supervisor.evidence import KEY_BYTES, key_from
from engine.supervisor.namespace import FILE, write_all_at

KEY = "engine.key"
KEPT_KEYS = 1_024
"""Number of cached keys of attempts: each is needed when the attempt begins and when it ends."""


def make_key(state_dir: Path) -> bytes:
    """The key of a state folder; it is created atomically if there is none."""
    if (found := find_key(state_dir)) is not None:
        return found
    try:
        new = _write_beside(state_dir, os.urandom(KEY_BYTES))
        with contextlib.suppress(FileExistsError):
            (state_dir / KEY).hardlink_to(new)  # unlike a rename it never replaces another process's key
        new.unlink()
    except OSError as error:
        raise JobfileError(
            f"the state folder {state_dir} cannot be written ({error.strerror or error})"
        ) from error
    found = find_key(state_dir)
    if found is None:
        raise JobfileError(f"the key {state_dir / KEY} was removed while it was created; try again")
    return found


def find_key(state_dir: Path) -> bytes | None:
    """The key; None if there is none yet. Raises JobfileError for one that cannot be trusted."""
    path = state_dir / KEY
    try:
        handle = os.open(path, os.O_RDONLY | FILE)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _bad(path, error.strerror or str(error)) from error
    try:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise _bad(path, "it is not a file")
        if about.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise _bad(path, f"it is open to others (mode {stat.S_IMODE(about.st_mode):04o})")
        key = os.read(handle, KEY_BYTES + 1)
    finally:
        os.close(handle)
    if len(key) != KEY_BYTES:
        raise _bad(path, f"it does not have {KEY_BYTES} bytes")
    return key


def read_key(state_dir: Path) -> bytes:
    """The key, for readers. Without a trusted one it is random, so that no evidence is believed."""
    with contextlib.suppress(JobfileError):
        if (found := find_key(state_dir)) is not None:
            return found
    return os.urandom(KEY_BYTES)


@lru_cache(maxsize=KEPT_KEYS)
def key_of(folder: str, key: bytes) -> bytes:
    """The key of the attempt with this folder.

    Only the folder's name counts: the state folder may be moved.
    """
    return key_from(os.fsencode(folder).rpartition(b"/")[2], key)


def keep_key(state_dir: Path, key: bytes) -> None:
    """Restore the key if it was removed or changed: running attempts are sealed with it."""
    with contextlib.suppress(JobfileError):
        if find_key(state_dir) == key:
            return
    with contextlib.suppress(OSError):
        _write_beside(state_dir, key).rename(state_dir / KEY)


def _write_beside(state_dir: Path, key: bytes) -> Path:
    path = state_dir / f"{KEY}.{os.getpid()}.new"
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | FILE, 0o600)
    try:
        os.fchmod(handle, 0o600)
        write_all_at(handle, key, 0)
        os.fsync(handle)
    finally:
        os.close(handle)
    return path


def _bad(path: Path, why: str) -> JobfileError:
    return JobfileError(
        f"the engine's key {path} cannot be trusted: {why}. Delete it, and a new one is created. Jobs that "
        "run now are then recorded as lost, because their ends cannot be verified; make saved plans again"
    )
