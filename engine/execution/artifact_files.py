"""Reads what a supervisor kept of an attempt's artifacts: their list, and their copies."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from engine.core.lifecycle import Artifact, AttemptKey
from engine.ports import Pieces
from engine.supervisor.artifacts import CHUNK_BYTES, LIST, MAX_BYTES, MAX_FILES
from engine.supervisor.evidence import ARTIFACTS, beside, unpack_artifacts
from engine.supervisor.namespace import FILE, FOLDER
from jobfile.model.hashing import sha256

MAX_LIST_BYTES: Final = 8 * 2**20
"""Maximum size of a list; more than any supervisor writes."""
LISTED: Final = Artifact(name="", note="the list of its artifacts is gone or damaged")
"""Stands for the list until that is read."""
_SHA256 = re.compile("[0-9a-f]{64}")


class CopyGoneError(Exception):
    """Why a copy cannot be given back, as a text."""


def read_list(folder: str, key: bytes, told: tuple[Artifact, ...]) -> tuple[Artifact, ...]:
    """The artifacts of an attempt: those that its end names, with its list in place of LISTED."""
    if LISTED not in told:
        return told
    found = _listed(beside(folder, ARTIFACTS), key)
    return told if found is None else (*found, *(one for one in told if one is not LISTED))


def _listed(store: str, key: bytes) -> tuple[Artifact, ...] | None:
    """The rows of a list; None when it is not as its supervisor wrote it."""
    try:
        file = os.open(f"{store}/{LIST}", os.O_RDONLY | FILE)
        try:
            text = unpack_artifacts(os.pread(file, MAX_LIST_BYTES, 0), key)  # fails for anything but a file
        finally:
            os.close(file)
        return None if text is None else tuple(_artifact(**row) for row in json.loads(text))
    except (OSError, ValueError, TypeError, RecursionError):
        return None


def _artifact(*, name: str, size: int, sha256: str, copy: int, note: str) -> Artifact:
    """A row whose types and ranges are checked. Raises ValueError or TypeError."""
    is_good = 0 <= size <= MAX_BYTES and 0 <= copy <= MAX_FILES and type(size + copy) is int
    if not is_good or (copy and not _SHA256.fullmatch(sha256)):
        raise ValueError("not a row of a list of artifacts")
    return Artifact(
        name=_storable(name),
        size=size,
        sha256=sha256 if copy else "",
        copy=copy,
        note=_storable(note),
    )


def _storable(text: str) -> str:
    """A text that the ledger takes, from one that may hold any bytes."""
    found = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return found.replace("\ufffd", "\\ufffd")


def read_copy(
    folder: Path, artifact: Artifact, attempt: AttemptKey | None = None, pieces: Pieces | None = None
) -> Iterator[bytes]:
    """The content of a copy, in parts, from its folder or else from `pieces`.

    Raises CopyGoneError, at the end when it was changed.
    """
    digest = sha256()
    try:
        for part in _parts_here(folder, artifact):
            digest.update(part)
            yield part
    except FileNotFoundError:
        if pieces is None or attempt is None:
            raise CopyGoneError("its copy is gone") from None
        from engine.execution.sent_output import read_sent_copy  # noqa: PLC0415  only ledgers of several hosts need it

        for part in read_sent_copy(attempt, artifact, pieces):
            digest.update(part)
            yield part
        if digest.hexdigest() != artifact.sha256:
            raise CopyGoneError("its copy is on the host that executed the attempt, or gone") from None
    except OSError as error:
        raise CopyGoneError(f"its copy cannot be read: {error.strerror or error}") from error
    if digest.hexdigest() != artifact.sha256:
        raise CopyGoneError("its copy was changed: it does not have the recorded SHA-256")


def _parts_here(folder: Path, artifact: Artifact) -> Iterator[bytes]:
    size = 0
    inner = os.open(beside(str(folder), ARTIFACTS), FOLDER)
    try:
        file = os.open(str(artifact.copy), os.O_RDONLY | FILE, dir_fd=inner)
    finally:
        os.close(inner)
    with os.fdopen(file, "rb") as opened:
        while size <= artifact.size and (part := opened.read(CHUNK_BYTES)):
            size += len(part)
            yield part
