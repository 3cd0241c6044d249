"""The format of an attempt's evidence: one file that records that the attempt was started and how it ended.

The file is beside the attempt's folder, not in it: most attempts need no folder, and no job has a reason to
write there. Its supervisor locks it for the attempt's life. At first its name ends in `.new`. It is renamed
when its first record, the marker, is written, and before anything is executed: if the file has its final
name, with any content, the attempt counts as executed. The second record is the end; the space for it is
reserved together with the first.

A job runs as the same user and can write here. So each record has a seal: a keyed hash (BLAKE2, RFC 7693).
Each attempt has its own key, which the engine derives from its key and sends to the supervisor with the
order.
"""

import json
import struct
from typing import TYPE_CHECKING, Any, Final  # records are JSON

if TYPE_CHECKING:
    from hashlib import blake2b
else:
    try:
        from _blake2 import blake2b  # hashlib loads OpenSSL: 4 MB of each running job
    except ImportError:
        from hashlib import blake2b

NAME: Final = "evidence"
NEW: Final = "evidence.new"
CONTROL: Final = "control"
"""The file beside it with the engine's requests to the supervisor."""
LEASE: Final = "lease"
"""The file beside it with the end of its lease, which the engine moves: one line."""
OUTPUTS: Final = "outputs"
"""The file beside it with what the job wrote as its outputs, sealed."""
ARTIFACTS: Final = "artifacts"
"""The folder beside it with copies of the files that the job wanted to keep, and their sealed list."""
SIZE: Final = 4096
"""Size of the file in bytes, reserved at once."""
RESULT_AT: Final = 1024
"""Offset of the second record."""
KEY_BYTES: Final = 32
SEAL_BYTES: Final = 16
_MAGIC: Final = b"JFR2"
_HEAD: Final = struct.Struct(f"!4sI{SEAL_BYTES}s")
_PLACE: Final = struct.Struct("!I")
_WISH_AT, _TEXT_AT, _OUTPUTS_AT, _ARTIFACTS_AT, _LEASE_AT = 1, 2, 3, 4, 5
"""Offsets in the place of a record's: a seal covers its offset, so a seal of a request, of an engine's text,
of outputs, of a list of artifacts or of a lease can never pass for the seal of a record.
"""
_DIGITS: Final = 20
LEASE_BYTES: Final = _DIGITS + 1 + 2 * SEAL_BYTES + 1
"""The length of each line in a file of a lease, so that a later one replaces all of an earlier one."""
_encode = json.JSONEncoder().encode


def beside(folder: str, name: str) -> str:
    """The path of a file beside an attempt's folder."""
    return f"{folder}.{name}"


def key_from(name: bytes, key: bytes) -> bytes:
    """Derive the key of the attempt whose folder has this name from the engine's key."""
    return blake2b(name, key=key, digest_size=KEY_BYTES).digest()


def pack(record: dict[str, Any], key: bytes, at: int = 0) -> bytes:
    """A record with its length and its seal, for this offset in the file."""
    return _sealed(_encode(record).encode(), key, at)


def unpack(content: bytes, key: bytes, at: int = 0) -> "bytes | None":
    """The text of the record at an offset; None when it is incomplete or its seal is wrong."""
    return _unsealed(content[at:], key, at)


def pack_outputs(text: bytes, key: bytes) -> bytes:
    """The content of the file of outputs."""
    return _sealed(text, key, _OUTPUTS_AT)


def unpack_outputs(content: bytes, key: bytes) -> "bytes | None":
    """The text in the file of outputs; None when it is incomplete or its seal is wrong."""
    return _unsealed(content, key, _OUTPUTS_AT)


def pack_artifacts(text: bytes, key: bytes) -> bytes:
    """The content of the list of artifacts."""
    return _sealed(text, key, _ARTIFACTS_AT)


def unpack_artifacts(content: bytes, key: bytes) -> "bytes | None":
    """The list of artifacts; None when it is incomplete or its seal is wrong."""
    return _unsealed(content, key, _ARTIFACTS_AT)


def wish_line(wish: str, key: bytes) -> bytes:
    """A request as a line with its seal, which only the engine can make."""
    return b"%b %b" % (wish.encode(), _seal(wish.encode(), key, _WISH_AT).hex().encode())


def lease_line(until_us: int, boot_id: str, key: bytes) -> bytes:
    """The end of a lease, in microseconds since this boot, as a line with its seal.

    The seal covers the boot: after a restart of the host, the same time would be a different one.
    """
    text = b"%0*d" % (_DIGITS, until_us)
    return b"%b %b\n" % (text, _seal(b"%b %b" % (text, boot_id.encode()), key, _LEASE_AT).hex().encode())


def lease_in(content: bytes, boot_id: str, key: bytes) -> int:
    """The end of a lease in a file's content; 0 if it is torn, or not from the engine of this boot."""
    digits = content[:_DIGITS]
    if not digits.isdigit() or content != lease_line(int(digits), boot_id, key):
        return 0
    return int(digits)


def seal_text(text: bytes, key: bytes) -> str:
    """The seal of a text in the engine's lock file, with the engine's own key."""
    return _seal(text, key, _TEXT_AT).hex()


def _sealed(body: bytes, key: bytes, at: int) -> bytes:
    return _HEAD.pack(_MAGIC, len(body), _seal(body, key, at)) + body


def _unsealed(content: bytes, key: bytes, at: int) -> "bytes | None":
    if len(content) < _HEAD.size:
        return None
    magic, size, seal = _HEAD.unpack_from(content)
    body = content[_HEAD.size : _HEAD.size + size]
    if magic != _MAGIC or len(body) != size or seal != _seal(body, key, at):
        return None
    return body


def _seal(body: bytes, key: bytes, at: int) -> bytes:
    return blake2b(_PLACE.pack(at) + body, key=key, digest_size=SEAL_BYTES).digest()
