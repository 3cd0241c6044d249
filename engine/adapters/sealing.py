"""The seal of a saved plan: a keyed hash (HMAC-SHA256) of what is in it, with a key of the ledger's folder.

A digest alone can be made anew by whoever edits a plan; this cannot without the key, which leaves the folder
neither in a plan nor on a screen. It is made when a plan is first saved. Without it nothing that was sealed
can be told from what was edited, so such plans are made again.
"""

import hmac
import os
import secrets
import stat
from pathlib import Path
from typing import Final

from engine.errors import JobfileError

KEY_FILE: Final = "plan.key"
"""In the state folder, for its owner alone."""
KEY_BYTES: Final = 32

_MODE: Final = 0o600
_OPEN: Final = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def make_key(state_dir: Path) -> bytes:
    """The key of a state folder, made if there is none. Of two that make it at once both get the same."""
    known = read_key(state_dir)
    if known is not None:
        return known
    path = state_dir / KEY_FILE
    beside = state_dir / f"{KEY_FILE}.{secrets.token_hex(4)}.new"
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OPEN, _MODE)
        try:
            os.fchmod(handle, _MODE)
            os.write(handle, secrets.token_bytes(KEY_BYTES))
            os.fsync(handle)
        finally:
            os.close(handle)
        path.hardlink_to(beside)  # whole or not at all, and only if there is none
    except FileExistsError:
        pass
    except OSError as error:
        raise JobfileError(
            f"the key that seals plans cannot be made in {state_dir} ({error.strerror or error}); "
            "save plans as the user that the engine runs as"
        ) from error
    finally:
        beside.unlink(missing_ok=True)
    made = read_key(state_dir)
    if made is None:
        raise JobfileError(f"the key {path} was taken away while it was made; try again")
    return made


def read_key(state_dir: Path) -> bytes | None:
    """The key of a state folder; None when there is none. Raises when it is not a secret of its owner."""
    path = state_dir / KEY_FILE
    try:
        handle = os.open(path, os.O_RDONLY | _OPEN)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from error
    try:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise _unusable(path, "it is not a file")
        if about.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise _unusable(path, f"it is open to others, mode {stat.S_IMODE(about.st_mode):04o}")
        if about.st_uid not in {0, os.geteuid(), state_dir.stat().st_uid}:
            raise _unusable(path, "it belongs to another user")
        key = os.read(handle, KEY_BYTES + 1)
    finally:
        os.close(handle)
    if len(key) != KEY_BYTES:
        raise _unusable(path, "it is not whole")
    return key


def seal_of(content: bytes, key: bytes) -> str:
    """The seal of some bytes, 64 hexadecimal digits."""
    return hmac.digest(key, content, "sha256").hex()


def is_seal_of(seal: str, content: bytes, key: bytes) -> bool:
    """Whether a seal is that of these bytes; tells nothing by how long it takes."""
    return hmac.compare_digest(seal_of(content, key), seal)


def _unusable(path: Path, why: str) -> JobfileError:
    return JobfileError(
        f"the key that seals plans, {path}, cannot be used: {why}. If it is not yours any more, delete it "
        "and make the plans anew:  jobfile plan --out"
    )
