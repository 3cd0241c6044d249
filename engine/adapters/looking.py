"""What an attempt's evidence tells: its end, or whether a supervisor lives and anything was executed."""

import fcntl
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple  # results are JSON

from engine.adapters.evidence import NAME, NEW, beside, marker_in, result_in
from engine.lifecycle import Ended, Lost, Outcome, StartError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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
        with open(beside(str(folder), NAME), "rb") as file:  # noqa: PTH123  asked for every run
            return file.read()
    except OSError:
        return None


def look(folder: str) -> Outcome | Seen:
    """A shim lives from before its marker until after its result: so the marker is looked for before the
    lock, and what could have come meanwhile is looked for again after the lock was found free.
    """
    seen = _look_at(beside(str(folder), NAME))
    if seen is not None:
        return seen
    begun = _look_at(beside(folder, NEW))
    if isinstance(begun, Seen) and begun.is_held:
        return Seen(is_held=True, is_marked=False, started_at=None)
    return _look_at(beside(str(folder), NAME)) or Seen(is_held=False, is_marked=False, started_at=None)


def _look_at(path: str) -> Outcome | Seen | None:
    """What one file tells; None when it is not there."""
    try:
        file = open(path, "rb")  # noqa: PTH123, SIM115  asked for every run
    except OSError:
        return None
    with file:
        content = file.read()
        is_held = _is_held(file.fileno())
        if not is_held:
            file.seek(0)
            content = file.read()
    return _outcome_in(content) or Seen(is_held=is_held, is_marked=True, started_at=_begun_in(content))


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
