"""How an answer of `did` looks on a page."""

from collections.abc import Mapping
from typing import Final

from engine.answers.did import Answer

LOOKS: Final[Mapping[Answer, tuple[str, str]]] = {
    Answer.SUCCEEDED: ("good", "✓"),
    Answer.NOT_WELL: ("bad", "✗"),
    Answer.DID_NOT_RUN: ("bad", "–"),
    Answer.NOT_OVER: ("active", "…"),
    Answer.NOT_EXPECTED: ("faint", "·"),
    Answer.OVERDUE: ("bad", "O"),
}
"""The class and the sign of an answer."""
