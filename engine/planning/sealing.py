"""The seal of a saved plan: a keyed hash (HMAC-SHA256) of what is in it, with the key of the state folder.

Anyone who edits a plan can compute a new digest; a new seal needs the key, which never leaves the folder in a
plan or on a screen.
"""

import hmac


def seal_of(content: bytes, key: bytes) -> str:
    """The seal of some bytes, 64 hexadecimal digits."""
    return hmac.digest(key, content, "sha256").hex()


def is_seal_of(seal: str, content: bytes, key: bytes) -> bool:
    """Whether a seal is that of these bytes, compared in constant time."""
    return hmac.compare_digest(seal_of(content, key), seal)
