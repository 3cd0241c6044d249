"""The seal of a saved plan: a keyed hash (HMAC-SHA256) of what is in it, with the key of the state folder.

A digest alone can be made anew by whoever edits a plan; this cannot without the key, which leaves the folder
neither in a plan nor on a screen.
"""

import hmac


def seal_of(content: bytes, key: bytes) -> str:
    """The seal of some bytes, 64 hexadecimal digits."""
    return hmac.digest(key, content, "sha256").hex()


def is_seal_of(seal: str, content: bytes, key: bytes) -> bool:
    """Whether a seal is that of these bytes; tells nothing by how long it takes."""
    return hmac.compare_digest(seal_of(content, key), seal)
