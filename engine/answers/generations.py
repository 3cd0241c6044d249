"""Answers of `generations`: what was in force when, who applied it, and from which commit."""

import re
from collections.abc import Sequence
from datetime import UTC
from typing import Final

from engine.core.columns import table
from engine.core.records import Applied
from engine.core.vocabulary import instant_text
from jobfile.render.style import PLAIN, Style

HEADS = ("generation", "applied", "by", "commit", "changed", "note")
COMMIT_DIGITS = 7
"""Number of digits shown of a commit."""
_COUNT: Final = re.compile(r"(?<=  |\d )[+~-]\d+(?= |$)", re.MULTILINE)


def generations_to_text(found: Sequence[Applied], *, width: int | None, style: Style = PLAIN) -> str:
    """Generations as text: a line for each."""
    if not found:
        return "nothing was applied yet:  jobfile up  or  jobfile apply"
    rows = [
        (
            str(one.generation.number),
            instant_text(one.generation.applied_at, UTC, has_seconds=True),
            one.generation.applied_by,
            one.generation.revision[:COMMIT_DIGITS],
            _changes(one),
            one.generation.note,
        )
        for one in found
    ]
    text = table(HEADS, rows, right=(0,), names=(2,), reason=len(HEADS) - 1, width=width)
    return _COUNT.sub(lambda count: style.change(count[0], of_diff=True), text)


def generations_to_json(found: Sequence[Applied]) -> dict[str, object]:
    """Generations as JSON data."""
    return {"format": 1, "generations": [_applied(one) for one in found]}


def _changes(one: Applied) -> str:
    parts = [
        f"{sign}{count}"
        for sign, count in (("+", one.added), ("~", one.changed), ("-", one.removed))
        if count
    ]
    return " ".join(parts) or "-"


def _applied(one: Applied) -> dict[str, object]:
    generation = one.generation
    return {
        "generation": generation.number,
        "applied_at": generation.applied_at.isoformat(),
        "applied_by": generation.applied_by,
        "main_file": generation.main_file,
        "commit": generation.revision or None,
        "digest": generation.digest,
        "plan": generation.plan_id or None,
        "note": generation.note or None,
        "added": one.added,
        "changed": one.changed,
        "removed": one.removed,
    }
