"""The answer of `fmt`: what happened, or would happen, to each file."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.diagnostics.source import Source


class Outcome(StrEnum):
    """What happened to a file."""

    FORMATTED = "formatted"
    WOULD_CHANGE = "would_change"
    SAME = "same"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFormat:
    """One file: its outcome, and what is wrong with it; with `before` and `after` if it has a new text."""

    name: str
    outcome: Outcome
    problem: str = ""
    before: str = ""
    after: str = ""
    source: Source | None = None
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def diff(self) -> str:
        """What changes, as a unified diff."""
        lines = (self.before.splitlines(keepends=True), self.after.splitlines(keepends=True))
        return "".join(difflib.unified_diff(*lines, self.name, self.name))


def formats_to_json(found: Sequence[FileFormat], *, shows_diff: bool) -> dict[str, object]:
    """The answer as JSON data."""
    return {
        "format": 1,
        "files": [
            {
                "file": one.name,
                "outcome": one.outcome.value,
                "problem": one.problem or None,
                "diff": (one.diff or None) if shows_diff else None,
            }
            for one in found
        ],
    }
