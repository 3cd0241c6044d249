"""The one file in which an attempt leaves that it was begun and how it ended.

It lies beside the attempt's folder, not in it: most attempts have none, and no job has reason to go there.
Its supervisor locks it for the attempt's life, under another name at first. It gets its own when its first
part is written and before anything is executed: where it is, whatever is in it, the attempt counts as
executed. Its second part holds the end; the room for it is taken with the first.

A job can write here, too. So each part has a seal: a keyed hash (BLAKE2, RFC 7693). Its key is the attempt's
own. The engine makes that from a key of its own, and the supervisor gets it with its order.
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
"""Beside it: what is wished of the supervisor."""
SIZE: Final = 4096
"""Bytes of the whole file; its room is taken at once."""
RESULT_AT: Final = 1024
"""Where its second part begins."""
KEY_BYTES: Final = 32
SEAL_BYTES: Final = 16
_MAGIC: Final = b"JFR2"
_HEAD: Final = struct.Struct(f"!4sI{SEAL_BYTES}s")
_PLACE: Final = struct.Struct("!I")
_WISH_AT, _TEXT_AT = 1, 2
"""No record begins here: what is wished, and what an engine says of itself, has seals of its own."""
_encode = json.JSONEncoder().encode


def beside(folder: str, name: str) -> str:
    """The path of what belongs to an attempt and lies beside its folder."""
    return f"{folder}.{name}"


def key_from(name: bytes, key: bytes) -> bytes:
    """The key of the attempt whose folder has this name, from the engine's."""
    return blake2b(name, key=key, digest_size=KEY_BYTES).digest()


def pack(record: dict[str, Any], key: bytes, at: int = 0) -> bytes:
    """A record with its length and its seal, for this place in the file."""
    body = _encode(record).encode()
    return _HEAD.pack(_MAGIC, len(body), _seal(body, key, at)) + body


def unpack(content: bytes, key: bytes, at: int = 0) -> "bytes | None":
    """The text of the record at this place; None where it is not whole, or not its supervisor's."""
    if len(content) < at + _HEAD.size:
        return None
    magic, size, seal = _HEAD.unpack_from(content, at)
    body = content[at + _HEAD.size : at + _HEAD.size + size]
    if magic != _MAGIC or len(body) != size or seal != _seal(body, key, at):
        return None
    return body


def wish_line(wish: str, key: bytes) -> bytes:
    """How a wish is written, so that nobody else can wish it."""
    return b"%b %b" % (wish.encode(), _seal(wish.encode(), key, _WISH_AT).hex().encode())


def seal_text(text: bytes, key: bytes) -> str:
    """The seal of what an engine says of itself, with its own key."""
    return _seal(text, key, _TEXT_AT).hex()


def _seal(body: bytes, key: bytes, at: int) -> bytes:
    return blake2b(_PLACE.pack(at) + body, key=key, digest_size=SEAL_BYTES).digest()
