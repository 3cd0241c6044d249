"""The one file in which an attempt leaves that it was begun and how it ended. Imported by the shim.

It lies beside the attempt's folder, not in it: most attempts have none, and no job has reason to go there.
Its supervisor locks it for the attempt's life, under another name at first. It gets its own when its first
part is written and before anything is executed: where it is, whatever is in it, the attempt counts as
executed. Its second part holds the end; the room for it is taken with the first.
"""

import json
import struct
import zlib
from typing import Any, Final  # records are JSON

NAME: Final = "evidence"
NEW: Final = "evidence.new"
CONTROL: Final = "control"
"""Beside it: what is wished of the supervisor."""
SIZE: Final = 4096
"""Bytes of the whole file; its room is taken at once."""
RESULT_AT: Final = 1024
"""Where its second part begins."""
_MAGIC: Final = b"JFR1"
_HEAD: Final = struct.Struct("!4sII")
_encode = json.JSONEncoder().encode


def beside(folder: str, name: str) -> str:
    """The path of what belongs to an attempt and lies beside its folder."""
    return f"{folder}.{name}"


def pack(record: dict[str, Any]) -> bytes:
    """A record with its length and checksum."""
    body = _encode(record).encode()
    return _HEAD.pack(_MAGIC, zlib.crc32(body), len(body)) + body


def marker_in(content: bytes) -> "dict[str, Any] | None":
    """When and by whom it was begun; None where that is not whole."""
    return _unpack(content, 0)


def result_in(content: bytes) -> "dict[str, Any] | None":
    """How it ended; None where that is not whole, which never means success."""
    return _unpack(content, RESULT_AT)


def _unpack(content: bytes, at: int) -> "dict[str, Any] | None":
    if len(content) < at + _HEAD.size:
        return None
    magic, checksum, size = _HEAD.unpack_from(content, at)
    body = content[at + _HEAD.size : at + _HEAD.size + size]
    if magic != _MAGIC or len(body) != size or zlib.crc32(body) != checksum:
        return None
    record: dict[str, Any] = json.loads(body)
    return record
