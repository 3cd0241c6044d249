"""The headers with what a command says beside its answer: lists of texts, as JSON."""

import json
from collections.abc import Sequence
from typing import Final

NOTES: Final = "Jobfile-Notes"
"""What the command says about this answer."""
WARNINGS: Final = "Jobfile-Warnings"
"""What each command warns about at its end: rows of the ledger that cannot be read, files with errors."""
MAX_NOTES: Final = 4_000
"""Characters of one of these headers."""


def notes_header(name: str, notes: Sequence[str]) -> dict[str, str]:
    """A header with these texts, as many as it holds and each once; none if there are none."""
    kept: list[str] = []
    for one in dict.fromkeys(notes):
        if len(json.dumps([*kept, one])) > MAX_NOTES:
            break
        kept.append(one)
    return {name: json.dumps(kept)} if notes else {}
