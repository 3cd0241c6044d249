"""The load of a plan as a table: starts for each hour of the day, before and after."""

from typing import Final

from jobfile.model.counts import many
from jobfile.plan.job_text import WIDTH
from jobfile.plan.values import DAYS, Load

_MUCH: Final = 1.5
"""A load that grows by this factor is marked."""
_NAMES: Final = 8
"""Columns for the names of the rows."""
_STEPS: Final = (1, 2, 3, 4, 6)
"""Hours in a column; more of them if the table is too wide otherwise."""
_LEAST: Final = 0.05
"""A smaller number of starts would be rounded to 0."""


def load_lines(load: Load, width: int = WIDTH) -> list[str]:
    """Starts for each hour of the day; for several hours together where the terminal is narrow."""
    for step in _STEPS:
        rows = [_sums(side, step) for side in (load.before, load.after)]
        texts = [[mean_text(count) for count in row] for row in rows]
        cell = max(2, *(len(text) for row in texts for text in row))
        if _NAMES + len(rows[0]) * (cell + 1) <= width:
            break
    hours = [f"{hour:02}".rjust(cell) for hour in range(0, 24, step)]
    unit = "starts per hour" if step == 1 else f"starts per {step} hours"
    lines = [f"{unit} (mean of {many(load.days, 'day')}, UTC)", " ".join([" " * _NAMES, *hours])]
    for name, row in zip(("before", "after"), texts, strict=True):
        lines.append(" ".join([f"  {name:<{_NAMES - 2}}", *(text.rjust(cell) for text in row)]))
    return [*lines, f"  {total_text(load)}"]


def total_text(load: Load) -> str:
    """All starts in thirty days, and the most in one minute."""
    much = load.total_after > load.total_before * _MUCH or load.peak_after > load.peak_before * _MUCH
    total = f"in {DAYS} days: {load.total_before:,} -> {load.total_after:,}"
    peak = f"most in one minute: {load.peak_before:,} -> {load.peak_after:,}"
    return f"{total}   {peak}{'   !' if much else ''}"


def _sums(counts: tuple[float, ...], step: int) -> list[float]:
    return [sum(counts[first : first + step]) for first in range(0, 24, step)]


def mean_text(count: float) -> str:
    """A mean in few digits; a number above 0 is never shown as 0."""
    if count >= 1 - _LEAST or not count:
        return f"{count:.0f}"
    return f"{count:.1f}".lstrip("0") if count >= _LEAST else "<.1"
