"""The seal of a saved plan: a keyed hash (HMAC-SHA256) of its content, with the key of the state folder.

A user who edits a plan could compute a new digest, but a new seal needs the key, which is in no plan and no
output.
"""

import hmac


def seal_of(content: bytes, key: bytes) -> str:
    """The seal of some bytes, as 64 hexadecimal digits."""
    return hmac.digest(key, content, "sha256").hex()


def is_seal_of(seal: str, content: bytes, key: bytes) -> bool:
    """Whether a seal is that of these bytes; the comparison takes constant time."""
    return hmac.compare_digest(seal_of(content, key), seal)
