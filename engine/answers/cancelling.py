"""Answers of `cancel` for many runs: which would be ended, and how each is afterwards."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from engine.answers.as_json import run_to_json
from engine.answers.asked import Asked
from engine.answers.expected import item_of
from engine.answers.presence import Presence
from engine.answers.zones import zone_of_job
from engine.core.columns import table
from engine.core.lifecycle import Run, RunState
from engine.core.vocabulary import instant_text, run_text, short
from engine.ledger.ports import View
from jobfile.model.counts import many
from jobfile.render.style import PLAIN, Style

HEADS: Final = ("run", "job", "for", "state", "why")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellable:
    """Open runs, oldest first, each with the reason of its state."""

    runs: tuple[Run, ...]
    words: tuple[str, ...]
    zones: Mapping[str, ZoneInfo]
    """The zone of each job."""


def cancellable(
    view: View, jobs: Collection[str] | None, *, is_queued: bool, now: datetime, presence: Presence
) -> Cancellable:
    """The open runs of these jobs, or of all; with `is_queued`, only those that have not started."""
    runs = [
        run
        for run in view.open_runs()
        if (jobs is None or run.job in jobs)
        and not (is_queued and (run.state is not RunState.QUEUED or run.attempt))
    ]
    zones = {job: zone_of_job(view, job) for job in dict.fromkeys(run.job for run in runs)}
    words = tuple(
        Asked(view=view, job=run.job, zone=zones[run.job], now=now, presence=presence).words(item_of(run))
        for run in runs
    )
    return Cancellable(runs=tuple(runs), words=words, zones=zones)


def cancellable_to_text(found: Cancellable, *, width: int | None, style: Style = PLAIN) -> str:
    """What would be cancelled, as text."""
    if not found.runs:
        return "nothing to cancel: no such run is open"
    rows = [
        (
            short(run.id),
            run_text(run),
            instant_text(run.scheduled_for, found.zones[run.job]),
            run.state.value,
            words,
        )
        for run, words in zip(found.runs, found.words, strict=True)
    ]
    return table(HEADS, rows, width=width, names=(1,), reason=4, paints={3: style.state})


def cancelled_to_text(runs: Sequence[Run]) -> str:
    """How many runs are over now, and how many are still ending."""
    ending = sum(not run.state.is_final for run in runs)
    ended = len(runs) - ending
    parts = [many(ended, "run is over", "runs are over")] if ended else []
    parts += [many(ending, "run is being ended", "runs are being ended")] if ending else []
    return "; ".join(parts)


def cancelled_to_json(runs: Sequence[Run]) -> dict[str, object]:
    """Runs that were cancelled, or would be, as JSON data."""
    return {"format": 1, "runs": [run_to_json(run) for run in runs]}
