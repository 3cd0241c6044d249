"""Answers of `backfill`: which occurrences it would run, and how far the backfills are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from engine.answers.as_json import iso
from engine.answers.zones import zone_of_job
from engine.core.columns import table
from engine.core.lifecycle import RunState
from engine.core.records import Backfill
from engine.core.vocabulary import backfill_words, instant_text
from engine.ledger.ports import View
from jobfile.model.counts import many
from jobfile.render.style import PLAIN, Style
from jobfile.schedule.occurrences import fires

MAX_OCCURRENCES: Final = 10_000
"""Maximum number of occurrences of one backfill."""
SHOWN_AT_EACH_END: Final = 3
"""How many of the first and of the last occurrences are shown before the user is asked."""
HEADS: Final = ("job", "from", "to", "results", "left", "state")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The occurrences of a job's schedule that a backfill is about, and how many of them have succeeded."""

    job: str
    zone: ZoneInfo
    instants: tuple[datetime, ...]
    succeeded: int
    again: bool
    at_once: int

    @property
    def to_run(self) -> int:
        """The number of occurrences that will run."""
        return len(self.instants) - (0 if self.again else self.succeeded)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A backfill, the results of its occurrences, and the number of those that it has not looked at."""

    backfill: Backfill
    zone: ZoneInfo
    results: tuple[tuple[RunState, int], ...]
    left: int


def progress_of(view: View, job: str | None, *, limit: int) -> tuple[Progress, ...]:
    """The newest backfills of a job, or of all, newest first."""
    return tuple(_progress(view, one) for one in view.backfills(job, limit=limit))


def _progress(view: View, one: Backfill) -> Progress:
    schedules = view.schedules_between(
        one.job, since=one.until, until=datetime.max.replace(tzinfo=one.until.tzinfo)
    )
    entries = schedules[-1].entries if schedules and one.ended_at is None else ()
    left = (
        sum(1 for _ in fires(entries, after=one.covered_until, until=one.until - datetime.resolution))
        if entries
        else 0
    )
    results = view.results_of(one)
    ordered = tuple((state, results[state]) for state in RunState if state in results)
    return Progress(backfill=one, zone=zone_of_job(view, one.job), results=ordered, left=left)


def wanted_to_text(wanted: Wanted, *, style: Style = PLAIN) -> str:  # noqa: ARG001  every answer takes a style
    """What a backfill would run, as text."""
    if not wanted.instants:
        return f"nothing to run: the schedule of {wanted.job} has no occurrence in that time"
    shown = [instant_text(at, wanted.zone) for at in wanted.instants]
    if len(shown) > 2 * SHOWN_AT_EACH_END:
        between = len(shown) - 2 * SHOWN_AT_EACH_END
        shown = [*shown[:SHOWN_AT_EACH_END], f"… {between} more …", *shown[-SHOWN_AT_EACH_END:]]
    lines = [f"{many(len(wanted.instants), 'occurrence')} of {wanted.job}:", *(f"  {one}" for one in shown)]
    if wanted.succeeded and not wanted.again:
        have = many(wanted.succeeded, "of them has succeeded and is", "of them have succeeded and are")
        lines.append(f"{have} left out; to run these, too:  --again")
    return "\n".join(lines)


def wanted_to_json(wanted: Wanted, begun: Backfill | None) -> dict[str, object]:
    """What a backfill would run as JSON data; `begun` when it was begun."""
    return {
        "format": 1,
        "job": wanted.job,
        "occurrences": [at.isoformat() for at in wanted.instants],
        "succeeded": wanted.succeeded,
        "to_run": wanted.to_run,
        "backfill": None if begun is None else begun.id,
    }


def progress_to_text(found: Sequence[Progress], *, width: int | None, style: Style = PLAIN) -> str:
    """How far backfills are, as text."""
    if not found:
        return "no backfill is recorded"
    rows = [
        (
            one.backfill.job,
            instant_text(one.backfill.since, one.zone),
            instant_text(one.backfill.until, one.zone),
            ", ".join(f"{count} {state.value}" for state, count in one.results) or "none yet",
            str(one.left),
            "running" if one.backfill.ended_at is None else backfill_words(one.backfill.ended_because),
        )
        for one in found
    ]
    return table(HEADS, rows, width=width, names=(0,), reason=5, paints={5: style.state})


def progress_to_json(found: Sequence[Progress]) -> dict[str, object]:
    """How far backfills are, as JSON data."""
    return {
        "format": 1,
        "backfills": [
            {
                "id": one.backfill.id,
                "job": one.backfill.job,
                "from": one.backfill.since.isoformat(),
                "to": one.backfill.until.isoformat(),
                "at_once": one.backfill.at_once,
                "again": one.backfill.again,
                "requested_by": one.backfill.requested_by or None,
                "begun_at": one.backfill.begun_at.isoformat(),
                "ended_at": iso(one.backfill.ended_at),
                "ended_because": one.backfill.ended_because or None,
                "results": {state.value: count for state, count in one.results},
                "left": one.left,
            }
            for one in found
        ],
    }
