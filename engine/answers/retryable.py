"""Answers of `retry --failed`: which runs did not end well and were not retried, and their new runs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from engine.answers.as_json import run_to_json
from engine.answers.asked import Asked
from engine.answers.expected import item_of
from engine.answers.presence import Presence
from engine.answers.runs import BAD, gaps_in
from engine.answers.zones import zone_of_job
from engine.core.columns import table
from engine.core.lifecycle import Run
from engine.core.vocabulary import in_words, instant_text, run_text, short
from engine.ledger.ports import View
from jobfile.model.counts import many
from jobfile.model.namedtuple import NamedTuple
from jobfile.render.style import PLAIN, Style

MAX_RETRIED: Final = 1_000
"""Maximum number of runs that one command retries."""

HEADS: Final = ("run", "job", "for", "state", "why")
NEW_HEADS: Final = ("new run", "retries", "job", "for", "state", "why")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retryable:
    """Runs that did not end well and were not retried, oldest first, each with the reason of its state."""

    runs: tuple[Run, ...]
    words: tuple[str, ...]
    zones: Mapping[str, ZoneInfo]
    """The zone of each job."""
    recorded_only: int
    """Number of missed occurrences without a run of their own, which cannot be retried."""


class Retried(NamedTuple):
    """A run, and the run that retries it."""

    old: Run
    new: Run


def retryable(
    view: View,
    jobs: Collection[str] | None,
    *,
    since: datetime,
    until: datetime,
    now: datetime,
    presence: Presence,
) -> Retryable:
    """The runs expected in [since, until), of these jobs or of all, that did not end well and were not
    retried; at most one more than MAX_RETRIED.

    A run whose retry did not end well is left out: the retry is listed.
    """
    bad = view.runs_in(since=since, until=until, jobs=jobs, state=BAD, limit=MAX_RETRIED * 10)
    retried = {run.retry_of for run in view.retries_between(since=since, until=until)}
    runs = [run for run in reversed(bad) if run.verdict in BAD and run.id not in retried]
    runs = runs[: MAX_RETRIED + 1]
    zones = {job: zone_of_job(view, job) for job in dict.fromkeys(run.job for run in runs)}
    gaps = gaps_in(view, jobs, since=since, until=until, states=BAD)
    return Retryable(
        runs=tuple(runs),
        words=tuple(
            Asked(view=view, job=run.job, zone=zones[run.job], now=now, presence=presence).words(item_of(run))
            for run in runs
        ),
        zones=zones,
        recorded_only=sum(gap.count for gap in gaps),
    )


def retryable_to_text(found: Retryable, *, width: int | None, style: Style = PLAIN) -> str:
    """What would be retried, as text."""
    lines = ["nothing to retry: every run of that time ended well, or was retried"]
    if found.runs:
        rows = [
            (short(run.id), run_text(run), _at(found, run), run.state.value, words)
            for run, words in zip(found.runs, found.words, strict=True)
        ]
        lines = [table(HEADS, rows, width=width, names=(1,), reason=4, paints={3: style.state})]
    if found.recorded_only:
        have = many(
            found.recorded_only, "occurrence that did not run has", "occurrences that did not run have"
        )
        lines.append(f"{have} no run to retry: start one with  jobfile run JOB --at TIME")
    return "\n".join(lines)


def retried_to_text(
    found: Retryable, retried: Sequence[Retried], *, width: int | None, style: Style = PLAIN
) -> str:
    """The new runs as text."""
    rows = [
        (short(one.new.id), short(one.old.id), run_text(one.new), _at(found, one.old), *_state(one.new))
        for one in retried
    ]
    return table(NEW_HEADS, rows, width=width, names=(2,), reason=5, paints={4: style.state})


def retryable_to_json(found: Retryable, retried: Sequence[Retried]) -> dict[str, object]:
    """What would be retried as JSON data, or with `retried` what was."""
    new = {one.old.id: one.new for one in retried}
    return {
        "format": 1,
        "runs": [
            {
                "run": run_to_json(run),
                "words": words,
                "retry": run_to_json(new[run.id]) if run.id in new else None,
            }
            for run, words in zip(found.runs, found.words, strict=True)
        ],
        "recorded_only": found.recorded_only,
    }


def _at(found: Retryable, run: Run) -> str:
    return instant_text(run.scheduled_for, found.zones[run.job])


def _state(run: Run) -> tuple[str, str]:
    return run.state.value, in_words(run)
