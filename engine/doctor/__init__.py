"""Answers of `doctor`: are the machine and the ledger sound.

Each area checks one thing and changes nothing.
"""

__all__ = ["checking", "reporting"]
