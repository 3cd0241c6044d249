"""A dry run as text and as JSON data."""

from collections.abc import Sequence

from engine.core.columns import facts
from engine.dryrun.before import DryRun
from engine.dryrun.describing import WOULD_RUN
from jobfile.diagnostics.escapes import message, printable

FIRST_LINE = "dry run: nothing is started, no secret is read, nothing is written"


def dry_run_to_text(dry: DryRun, *, width: int) -> str:
    """The answer as text: the run, then each step, then whether it would run."""
    parts = [FIRST_LINE, facts(dry.rows, width=width)]
    for step in dry.steps:
        lines = facts(step.rows, width=width).splitlines()
        head = f"wave {step.wave}  {step.name}: {step.verdict}"
        parts.append("\n".join([printable(head), *(f"  {line}" for line in lines)]))
    end = f"{WOULD_RUN}: yes" if dry.would_run is not None and dry.verdict == WOULD_RUN else dry.verdict
    return "\n\n".join([*parts, message(end)])


def dry_run_to_json(dry: DryRun) -> dict[str, object]:
    """The answer as JSON data."""
    return {
        "format": 1,
        "job": dry.job,
        "would_run": dry.would_run,
        "verdict": dry.verdict,
        "facts": _facts(dry.rows),
        "steps": [
            {
                "step": one.name,
                "wave": one.wave,
                "verdict": one.verdict,
                "facts": _facts(one.rows),
            }
            for one in dry.steps
        ],
    }


def _facts(rows: Sequence[tuple[str, str]]) -> list[list[str | None]]:
    """Facts as pairs; the label is None if it is that of the fact before."""
    return [[label or None, text] for label, text in rows]
