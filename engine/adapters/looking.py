"""What an attempt's evidence tells: its end, or whether a supervisor lives and anything was executed."""

import fcntl
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple  # results are JSON

from engine.adapters.evidence import NAME, NEW, beside, marker_in, result_in
from engine.lifecycle import Ended, Lost, Outcome, StartError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
READ_BYTES = 65_536
"""More than any evidence holds."""
LOOKS = 2
"""A supervisor may have put its evidence in place between the looks for one name and the other."""
_ABSENT = (FileNotFoundError, NotADirectoryError, PermissionError)
"""What a living supervisor mends within a second; the worker waits longer than that."""
_NONSENSE = (ValueError, KeyError, TypeError, OverflowError)
"""What somebody else has written there, a job perhaps, must not stop who reads it."""


class Seen(NamedTuple):
    """An attempt without an end: whether a supervisor holds it, and whether anything was executed."""

    is_held: bool
    is_marked: bool
    started_at: datetime | None


def read_result(folder: "str | os.PathLike[str]") -> Outcome | None:
    """The recorded end; a torn or empty one is none, and never means success."""
    return _outcome_in(read_evidence(folder) or b"")


def supervisor_in(folder: Path, boot_id: str) -> tuple[int, str] | None:
    """Its process, and when that began; None where it is not known, or was of another boot or container."""
    try:
        marker = marker_in(read_evidence(folder) or b"")
        is_here = marker is not None and marker["boot_id"] == boot_id
        return (int(marker["pid"]), str(marker["began"])) if marker is not None and is_here else None
    except _NONSENSE:
        return None


def read_evidence(folder: "str | os.PathLike[str]") -> bytes | None:
    """All of the file; None when it is not there."""
    try:
        file = os.open(beside(str(folder), NAME), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return _content(file)
    finally:
        os.close(file)


def look(folder: str) -> Outcome | Seen:
    """A shim lives from before its marker until after its result: so the marker is looked for before the
    lock, and what could have come meanwhile is looked for again after the lock was found free.
    """
    for _ in range(LOOKS):
        seen = _look_at(beside(folder, NAME))
        if seen is not None:
            return seen
        begun = _look_at(beside(folder, NEW))
        if isinstance(begun, Seen) and begun.is_held:
            return Seen(is_held=True, is_marked=False, started_at=None)
    return Seen(is_held=False, is_marked=False, started_at=None)


def _look_at(path: str) -> Outcome | Seen | None:
    """What one file tells; None when it is not there, or was put elsewhere while it was looked at.

    Of what is there and cannot be opened, for want of descriptors perhaps, nobody says that it is dead.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except _ABSENT:
        return None
    except OSError:
        return Seen(is_held=True, is_marked=True, started_at=None)
    try:
        content = _content(file)
        is_held = _is_held(file)
        if not is_held:
            content = _content(file)
            if not _is_still(file, path):
                return None
    finally:
        os.close(file)
    return _outcome_in(content) or Seen(is_held=is_held, is_marked=True, started_at=_begun_in(content))


def _content(file: int) -> bytes:
    """All of it that can be read: a disk that fails, or what is no file, proves nothing."""
    try:
        return os.pread(file, READ_BYTES, 0)
    except OSError:
        return b""


def _is_still(file: int, path: str) -> bool:
    try:
        return os.stat(path).st_ino == os.fstat(file).st_ino  # noqa: PTH116  asked for every run
    except OSError:
        return False


def _begun_in(content: bytes) -> datetime | None:
    try:
        marker = marker_in(content)
        return None if marker is None else _EPOCH + timedelta(microseconds=marker["at"])
    except _NONSENSE:
        return None


def _outcome_in(content: bytes) -> Outcome | None:
    try:
        result = result_in(content)
        return None if result is None else _outcome(result)
    except _NONSENSE:
        return None


def _is_held(handle: int) -> bool:
    """Whether a supervisor lives: it holds the lock for its life, and no pid has to be believed."""
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    return False


def _outcome(result: dict[str, Any]) -> Outcome:
    ended_at = _EPOCH + timedelta(microseconds=result["ended_at"])
    if "start_error" in result:
        return StartError(at=ended_at, reason="start_error", detail=result["start_error"])
    if "exit_code" not in result:
        return Lost(at=ended_at, reason="supervisor_error", detail=result["supervisor_error"])
    is_ours = result.get("was_killed", False)
    return Ended(
        started_at=_EPOCH + timedelta(microseconds=result["started_at"]),
        ended_at=ended_at,
        exit_code=result["exit_code"],
        signal=result["signal"],
        timed_out=result.get("timed_out", False),
        stopped=result.get("stopped", False),
        out_of_memory=result.get("out_of_memory", False) and not is_ours,
        max_rss_kb=result.get("max_rss_kb"),
        cpu_seconds=result.get("cpu_seconds"),
        output_bytes=result["output_bytes"],
        output_dropped=result["output_dropped"],
        leftover_processes=result["leftover_processes"],
    )
