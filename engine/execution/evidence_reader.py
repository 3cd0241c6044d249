"""Reads an attempt's evidence: its end, or whether a supervisor lives and anything was executed.

A job may have written, locked or replaced any part of it. Only records with the supervisor's seal are
believed, and an end only when the supervisor no longer holds the evidence.
"""

import fcntl
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Never  # records are JSON

from engine.core.lifecycle import Artifact, Ended, Lost, Outcome, StartError
from engine.core.reasons import Reason
from engine.execution.artifact_files import LISTED, read_list
from engine.host.holders import Process, holds, lives
from engine.host.keys import key_of
from engine.supervisor.evidence import NAME, NEW, OUTPUTS, RESULT_AT, beside, unpack, unpack_outputs
from engine.supervisor.namespace import FILE
from engine.supervisor.outputs import MAX_OUTPUT_BYTES
from jobfile.model.namedtuple import NamedTuple

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
READ_BYTES = 65_536
"""Maximum size in bytes; more than any evidence has."""
LOOKS = 2
"""A supervisor may put its evidence in place between the checks of its two names, so they are repeated."""
MAX_INTEGER: Final = 2**63 - 1
"""The largest number that the ledger takes."""
MAX_MICROSECONDS: Final = 253_402_300_799_999_999
"""The last instant of the year 9999."""
MAX_EXIT_CODE: Final = 255
MAX_SIGNAL: Final = 64
MAX_CPU_SECONDS: Final = 1e12
_ABSENT = (FileNotFoundError, NotADirectoryError, PermissionError)
"""Problems that a living supervisor fixes within a second; the worker waits longer than that."""
_NONSENSE = (ValueError, KeyError, RecursionError)
"""The errors that an invalid record raises."""
_NOT_ITS_MARKER = "its start record is not from its supervisor"
_NOT_ITS_END = "its end record is not from its supervisor"
_OUTPUTS_GONE = "the copy of its outputs is gone or damaged"
_NO_FILE = "its evidence is not a file any more"
REPLACED: Final = "its supervisor lives, but its evidence was replaced"


def _no_number(name: str) -> Never:
    raise ValueError(f"{name} is not a number")


_decode = json.JSONDecoder(parse_constant=_no_number).decode


class Seen(NamedTuple):
    """An attempt without an end: whether its supervisor holds it, and whether anything was executed."""

    is_held: bool
    is_marked: bool
    started_at: datetime | None = None
    doubt: str = ""
    """Foreign content in place of the evidence. A living supervisor restores it within a second."""


class Marker(NamedTuple):
    """When an attempt began, and its supervisor."""

    started_at: datetime
    supervisor: Process


def read_result(folder: "str | os.PathLike[str]", key: bytes) -> Outcome | None:
    """The recorded end of an attempt that is over. A torn or forged one is ignored: it is not a success."""
    return result_in(read_evidence(folder) or b"", key_of(str(folder), key))


def supervisor_in(folder: "str | os.PathLike[str]", key: bytes, *, boot_id: str) -> Process | None:
    """The supervisor of an attempt; None if unknown, or from another boot or container."""
    marker = marker_in(read_evidence(folder) or b"", key_of(str(folder), key))
    return None if marker is None or marker.supervisor.boot_id != boot_id else marker.supervisor


def read_evidence(folder: "str | os.PathLike[str]") -> bytes | None:
    """All of the file; None if it does not exist."""
    try:
        file = os.open(beside(str(folder), NAME), os.O_RDONLY | FILE)
    except OSError:
        return None
    try:
        return _content(file)
    finally:
        os.close(file)


def look(folder: str, key: bytes, *, boot_id: str) -> Outcome | Seen:
    """The end of an attempt, or what its evidence shows without one.

    A shim holds its lock from before the marker until after the result. It renames the evidence once, from
    one of the two names to the other. So both names are checked twice: a rename between two checks is
    noticed.
    """
    own = key_of(folder, key)
    for _ in range(LOOKS):
        seen = _look_at(beside(folder, NAME), own, boot_id)
        if seen is not None:
            return seen if isinstance(seen, Seen) else _with_results(seen, folder, own)
        begun = _look_at(beside(folder, NEW), own, boot_id)
        if isinstance(begun, Seen) and begun.is_held:
            return Seen(is_held=True, is_marked=False)
    return Seen(is_held=False, is_marked=False)


def look_for_end(folder: str, key: bytes, *, boot_id: str) -> Outcome | None:
    """How an attempt ended, if that is known: a single read, for callers that need nothing else."""
    own = key_of(folder, key)
    found = _look_at(beside(folder, NAME), own, boot_id)
    return None if found is None or isinstance(found, Seen) else _with_results(found, folder, own)


def _with_results(outcome: Outcome, folder: str, key: bytes) -> Outcome:
    """The end of an attempt with the outputs and artifacts that it mentions."""
    if not isinstance(outcome, Ended):
        return outcome
    outcome = replace(outcome, artifacts=read_list(folder, key, outcome.artifacts))
    if not outcome.outputs_bytes or outcome.outputs_trouble:
        return outcome
    if outcome.outputs_bytes > MAX_OUTPUT_BYTES:
        trouble = f"it wrote {outcome.outputs_bytes} bytes of outputs, and {MAX_OUTPUT_BYTES} are allowed"
        return replace(outcome, outputs_trouble=trouble)
    try:
        file = os.open(beside(folder, OUTPUTS), os.O_RDONLY | FILE)
    except OSError:
        return replace(outcome, outputs_trouble=_OUTPUTS_GONE)
    try:
        # A mask can be longer than a form of a secret, so the copy can be larger than the limit.
        text = unpack_outputs(os.pread(file, READ_BYTES * 2, 0), key)
    except OSError:
        text = None
    finally:
        os.close(file)
    if text is None:
        return replace(outcome, outputs_trouble=_OUTPUTS_GONE)
    return replace(outcome, outputs=text.decode("utf-8", "surrogateescape"))


def _look_at(path: str, key: bytes, boot_id: str) -> Outcome | Seen | None:
    """The evidence in one file; None if it does not exist, or was moved while it was read.

    A file that cannot be opened, perhaps because descriptors ran out, does not count as dead.
    """
    try:
        file = os.open(path, os.O_RDONLY | FILE)
    except _ABSENT:
        return None
    except OSError:
        is_file = stat.S_ISREG(_mode_of(path))
        return Seen(is_held=is_file, is_marked=True, doubt="" if is_file else _NO_FILE)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            return Seen(is_held=False, is_marked=True, doubt=_NO_FILE)
        is_locked = _is_locked(file)
        content = _content(file)  # an end is written before the lock is released
        if not is_locked and (end := result_in(content, key)) is not None:
            return end
        marker = marker_in(content, key)
        if is_locked and marker is not None and holds(marker.supervisor, file, boot_id=boot_id):
            return Seen(is_held=True, is_marked=True, started_at=marker.started_at)
        if is_locked and (end := result_in(content, key)) is not None:
            return end
        if not is_locked and not _is_still(file, path):
            return None
    finally:
        os.close(file)
    return Seen(is_held=False, is_marked=True, doubt=_doubt(content, marker, boot_id))


def _doubt(content: bytes, marker: Marker | None, boot_id: str) -> str:
    if marker is None:
        return _NOT_ITS_MARKER
    if lives(marker.supervisor, boot_id=boot_id):
        return REPLACED
    return _NOT_ITS_END if content[RESULT_AT:].strip(b"\0") else ""


def _mode_of(path: str) -> int:
    try:
        return os.lstat(path).st_mode
    except OSError:
        return stat.S_IFREG


def _content(file: int) -> bytes:
    """The readable part: a failing disk, or something that is not a file, proves nothing."""
    try:
        return os.pread(file, READ_BYTES, 0)
    except OSError:
        return b""


def _is_still(file: int, path: str) -> bool:
    try:
        return os.lstat(path).st_ino == os.fstat(file).st_ino
    except OSError:
        return False


def _is_locked(handle: int) -> bool:
    """Whether any process holds the lock; the supervisor does for its life."""
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    return False


# The content: each field has a type and a range; anything else is not a record


def marker_in(content: bytes, key: bytes) -> Marker | None:
    """The start: when and by which supervisor; None if it is incomplete, or not from its supervisor."""
    try:
        record = _record(unpack(content, key))
        if record is None:
            return None
        who = Process(_integer(record, "pid"), _text(record, "began"), _text(record, "boot_id"))
        return Marker(_instant(record, "at"), who)
    except _NONSENSE:
        return None


def result_in(content: bytes, key: bytes) -> Outcome | None:
    """The end; None if it is incomplete, or not from its supervisor. None never means success."""
    try:
        record = _record(unpack(content, key, RESULT_AT))
        return None if record is None else _outcome(record)
    except _NONSENSE:
        return None


def _record(body: bytes | None) -> dict[str, Any] | None:
    if body is None:
        return None
    record = _decode(body.decode())
    if not isinstance(record, dict):
        raise ValueError("a record is an object")  # noqa: TRY004  what is wrong with a record is one error
    return record


def _outcome(result: dict[str, Any]) -> Outcome:
    ended_at = _instant(result, "ended_at")
    if "start_error" in result:
        return StartError(at=ended_at, reason=Reason.START_ERROR, detail=_text(result, "start_error"))
    if "exit_code" not in result:
        return Lost(at=ended_at, reason=Reason.SUPERVISOR_ERROR, detail=_text(result, "supervisor_error"))
    if _flag(result, "cut_off"):  # whatever its signal or exit code: it was not its own end
        left = _integer(result, "leftover_processes")
        return Lost(at=ended_at, reason=Reason.HOST_CUT_OFF, leftover_processes=left)
    exit_code = _optional(result, "exit_code", MAX_EXIT_CODE)
    signal = _optional(result, "signal", MAX_SIGNAL)
    if (exit_code is None) == (signal is None):
        raise ValueError("a process ends with an exit code or by a signal")
    return Ended(
        started_at=_instant(result, "started_at"),
        ended_at=ended_at,
        exit_code=exit_code,
        signal=signal,
        timed_out=_flag(result, "timed_out"),
        stopped=_flag(result, "stopped"),
        out_of_memory=_flag(result, "out_of_memory") and not _flag(result, "was_killed"),
        limit=_text(result, "limit") if "limit" in result else "",
        max_rss_kb=_optional(result, "max_rss_kb", MAX_INTEGER),
        cpu_seconds=_seconds(result, "cpu_seconds"),
        output_bytes=_integer(result, "output_bytes"),
        output_dropped=_integer(result, "output_dropped"),
        stdout_bytes=_optional(result, "stdout_bytes", MAX_INTEGER),
        stderr_bytes=_optional(result, "stderr_bytes", MAX_INTEGER),
        leftover_processes=_integer(result, "leftover_processes"),
        outputs_bytes=_optional(result, "outputs_bytes", MAX_INTEGER) or 0,
        outputs_trouble=_text(result, "outputs_trouble") if "outputs_trouble" in result else "",
        artifacts=_artifacts(result),
    )


def _artifacts(result: Mapping[str, Any]) -> tuple[Artifact, ...]:
    """What the end says about artifacts, before their list is read."""
    found = [LISTED] if _flag(result, "has_artifacts") else []
    if "artifacts_trouble" in result:
        found.append(Artifact(name="", note=f"artifacts are missing: {_text(result, 'artifacts_trouble')}"))
    return tuple(found)


def _integer(record: Mapping[str, Any], name: str, most: int = MAX_INTEGER) -> int:
    value = record[name]
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError(f"{name} is not an integer from 0 to {most}")
    return value


def _optional(record: Mapping[str, Any], name: str, most: int) -> int | None:
    return None if record.get(name) is None else _integer(record, name, most)


def _instant(record: Mapping[str, Any], name: str) -> datetime:
    return _EPOCH + timedelta(microseconds=_integer(record, name, MAX_MICROSECONDS))


def _flag(record: Mapping[str, Any], name: str) -> bool:
    value = record.get(name, False)
    if type(value) is not bool:
        raise ValueError(f"{name} is not true or false")
    return value


def _seconds(record: Mapping[str, Any], name: str) -> float | None:
    value = record.get(name)
    if value is None:
        return None
    if type(value) not in (int, float) or not 0 <= value <= MAX_CPU_SECONDS:
        raise ValueError(f"{name} is not a length of time")
    return float(value)


def _text(record: Mapping[str, Any], name: str) -> str:
    value = record[name]
    if not isinstance(value, str):
        raise ValueError(f"{name} is not a text")  # noqa: TRY004  as above
    return value.encode(
        "utf-8", "backslashreplace"
    ).decode()  # it may contain a path that is not UTF-8, which the ledger refuses
