"""Keeps a mark beside the ledger of how far it has come, to detect an older copy in its place.

A restored copy lacks the newest runs; an engine that starts from it would run them again.
"""

import contextlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path

from engine.host.ownership import open_own
from jobfile.model.namedtuple import NamedTuple

HIGH_WATER = "high_water"
MAX_NOTE_BYTES = 4_096
MAX_EPOCH = 2**62
"""The largest epoch that is accepted from the mark: the ledger must still be able to count one more."""


def note_high_water(state_dir: Path, *, epoch: int, covered_until: datetime | None) -> None:
    """Replace the mark atomically. If it cannot be written, the old one stays."""
    path = state_dir / HIGH_WATER
    new = state_dir / f"{HIGH_WATER}.new"
    note = {"epoch": epoch, "covered_until": covered_until.isoformat() if covered_until else None}
    with contextlib.suppress(OSError):
        new.unlink(missing_ok=True)  # left by a crash, or a link that was put there
        handle = open_own(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            os.write(handle, json.dumps(note).encode())
            os.fsync(handle)
        finally:
            os.close(handle)
        new.rename(path)


class Rewind(NamedTuple):
    """The ledger is behind the mark: the mark's content and its time, and the message about it."""

    epoch: int
    covered_until: datetime | None
    message: str
    noted_at: datetime


def find_rewind(state_dir: Path, *, epoch: int, covered_until: datetime | None) -> Rewind | None:
    """Whether a ledger is behind the mark; `epoch` is the newest in the ledger, 0 when it is new."""
    try:
        handle = open_own(state_dir / HIGH_WATER, os.O_RDONLY)
        with os.fdopen(handle, "rb") as file:
            noted_at = datetime.fromtimestamp(os.fstat(handle).st_mtime, UTC)
            note = json.loads(file.read(MAX_NOTE_BYTES))
        noted_epoch = int(note["epoch"])
        text = note["covered_until"]
        noted = datetime.fromisoformat(text).astimezone(UTC) if text else None
        is_possible = 0 <= noted_epoch < MAX_EPOCH
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    if not is_possible:
        return None
    is_behind = noted_epoch > epoch or (
        noted is not None and (covered_until is None or covered_until < noted)
    )
    if not is_behind:
        return None
    upto = f", accounting up to {noted:%Y-%m-%d %H:%M:%SZ}" if noted else ""
    message = (
        f"the ledger in {state_dir} is an older copy: it ends at engine {epoch}, and engine "
        f"{noted_epoch} has run here{upto}. Runs since then would be executed again. "
        "Put the newer ledger back, or continue from the copy with  jobfile up --accept-rewind"
    )
    return Rewind(noted_epoch, noted, message, noted_at)
