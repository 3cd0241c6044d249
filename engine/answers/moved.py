"""Answers of `migrate`: what was moved, and where the ledger is now."""

from collections.abc import Mapping

from jobfile.model.counts import many
from jobfile.model.dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedLedger:
    """A move that is done, or a trial of one."""

    source: str
    target: str
    rows: Mapping[str, int]
    """The number of rows of each table."""
    was_there: bool
    """Whether an earlier move had copied them already."""
    is_trial: bool
    seconds: float


def moved_to_text(moved: MovedLedger) -> str:
    """The answer as text."""
    count, runs = sum(moved.rows.values()), moved.rows.get("run", 0)
    what = f"{many(count, 'row')} of {many(len(moved.rows), 'table')}, with {many(runs, 'run')}"
    if moved.is_trial:
        return (
            f"would move {what}, from {moved.source} to {moved.target}: "
            f"each was copied and compared in {moved.seconds:.1f}s, and nothing was changed"
        )
    how = "an earlier move had copied each; all were compared" if moved.was_there else "each was compared"
    return f"moved {what}, from {moved.source} to {moved.target}: {how} ({moved.seconds:.1f}s)"


def moved_to_json(moved: MovedLedger) -> dict[str, object]:
    """The answer as JSON data."""
    return {
        "format": 1,
        "from": moved.source,
        "to": moved.target,
        "dry_run": moved.is_trial,
        "was_there": moved.was_there,
        "seconds": round(moved.seconds, 3),
        "rows": dict(moved.rows),
    }
