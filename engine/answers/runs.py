"""Answers of `runs`: the newest runs, of one job or all, and occurrences without a run of their own."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from engine.answers.asked import Asked
from engine.answers.expected import INSTANT, gap_within, item_of
from engine.answers.odd import item_odd_words
from engine.answers.overdue import NOT_WELL
from engine.answers.presence import Presence
from engine.answers.starts import file_of, webhook_of
from engine.answers.waiting import WAITING, Line, line_for, line_to_json
from engine.answers.zones import zone_of_job
from engine.core.artifacts import KeptArtifact
from engine.core.columns import table
from engine.core.lifecycle import Run, RunState
from engine.core.records import Gap
from engine.core.vocabulary import instant_text, reason_words, run_text, seconds_text, short
from engine.ledger.ports import View
from jobfile.diagnostics.escapes import printable
from jobfile.model.dataclass import dataclass
from jobfile.render.style import PLAIN, Style

HEADS = ("run", "job", "scheduled for", "state", "took", "why")

MAX_GAPS = 5
"""Maximum number of gap records shown below the runs."""

BAD = tuple(RunState(name) for name in NOT_WELL if name in list(RunState))
"""The states of runs that did not end well."""

_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Runs, newest first, each with the reason of its state; and gap records of the same time."""

    runs: tuple[Run, ...]
    words: tuple[str, ...]
    artifacts: tuple[tuple[KeptArtifact, ...], ...]
    """Those of each run."""
    lines: tuple[Line | None, ...]
    """In which line each run waits."""
    gaps: tuple[Gap, ...]
    zones: Mapping[str, ZoneInfo]
    """The zone of each job, in which its times are shown."""
    hosts: tuple[str, ...]
    """The host that executes or executed the last attempt of each run; empty if that is not known."""
    is_limited: bool
    """Whether other runs are left out: other states, times or jobs."""


def newest_runs(
    view: View, job: str | None, *, states: Sequence[RunState], limit: int, now: datetime, presence: Presence
) -> Runs:
    """The newest runs, at most `limit`; in any state when none is given."""
    runs = view.recent_runs(job=job, state=tuple(states) or None, limit=limit)
    since = min(run.scheduled_for for run in runs) if len(runs) == limit else _ALWAYS[0]
    found = view.gaps_between(job, since=since, until=_ALWAYS[1])
    gaps = tuple(gap for gap in reversed(found) if not states or gap.state in states)
    return _runs(view, runs, gaps, is_limited=bool(states), now=now, presence=presence)


def runs_of_job(view: View, job: str, *, limit: int) -> tuple[Run, ...]:
    """The newest runs of a job by their time, newest first."""
    return view.runs_between(job, since=_ALWAYS[0], until=_ALWAYS[1], limit=limit)


def listed(view: View, runs: Sequence[Run], *, now: datetime, presence: Presence) -> Runs:
    """These runs as a list of runs."""
    return _runs(view, tuple(runs), (), is_limited=False, now=now, presence=presence)


def runs_in(
    view: View,
    jobs: Collection[str] | None,
    *,
    since: datetime,
    until: datetime,
    states: Sequence[RunState],
    limit: int,
    now: datetime,
    presence: Presence,
) -> Runs:
    """The runs expected in [since, until), of these jobs or of all, at most `limit`, newest first."""
    runs = view.runs_in(since=since, until=until, jobs=jobs, state=tuple(states) or None, limit=limit)
    if len(runs) == limit:
        since = max(since, runs[-1].scheduled_for)
    gaps = gaps_in(view, jobs, since=since, until=until, states=states)
    return _runs(view, runs, gaps, is_limited=True, now=now, presence=presence)


def gaps_in(
    view: View,
    jobs: Collection[str] | None,
    *,
    since: datetime,
    until: datetime,
    states: Sequence[RunState],
) -> tuple[Gap, ...]:
    """The parts in [since, until) of gap records, newest first: of these jobs and states, or of all."""
    parts = (
        gap_within(gap, since=since, until=until)
        for gap in reversed(view.gaps_between(None, since=since, until=until - INSTANT))
        if (jobs is None or gap.job in jobs) and (not states or gap.state in states)
    )
    return tuple(part for part in parts if part is not None)


def one_run(view: View, run: Run, *, now: datetime, presence: Presence) -> Runs:
    """One run as a list of runs."""
    return _runs(view, (run,), (), is_limited=False, now=now, presence=presence)


def _runs(
    view: View,
    runs: tuple[Run, ...],
    gaps: tuple[Gap, ...],
    *,
    is_limited: bool,
    now: datetime,
    presence: Presence,
) -> Runs:
    jobs = dict.fromkeys([*(run.job for run in runs), *(gap.job for gap in gaps[:MAX_GAPS])])
    zones = {job: zone_of_job(view, job) for job in jobs}
    words = (
        Asked(view=view, job=run.job, zone=zones[run.job], now=now, presence=presence).words(item_of(run))
        or "; ".join(item_odd_words(view, item_of(run)))
        for run in runs
    )
    artifacts = tuple(view.artifacts(run.id) if run.attempt else () for run in runs)
    hosts = _hosts_of(view, runs)
    opened = view.open_runs() if any(run.state in WAITING for run in runs) else ()
    return Runs(
        runs=runs,
        words=tuple(words),
        artifacts=artifacts,
        lines=tuple(line_for(run, opened, now) for run in runs),
        gaps=gaps,
        zones=zones,
        hosts=tuple(_last_host(run, hosts) for run in runs),
        is_limited=is_limited,
    )


def _hosts_of(view: View, runs: Sequence[Run]) -> Mapping[str, str]:
    """By the id of each attempt, in the order of time: its host."""
    if view.hosts is None:
        return {}
    from engine.answers.as_json import hosts_of_attempts  # noqa: PLC0415  start-up time: only with a server

    return hosts_of_attempts(view, *runs)


def _last_host(run: Run, hosts: Mapping[str, str]) -> str:
    """The host of the attempt of a run that was taken last."""
    own = [name for attempt, name in hosts.items() if attempt.startswith(run.id)]
    return own[-1] if own else ""


def runs_to_text(found: Runs, *, width: int | None, style: Style = PLAIN) -> str:
    """The answer as text: a table of the runs, and what it leaves out."""
    if found.runs:
        rows = [_cells(found, run, words) for run, words in zip(found.runs, found.words, strict=True)]
        lines = [table(HEADS, rows, width=width, names=(1,), reason=5, paints={3: style.state})]
    else:
        lines = ["no such runs" if found.is_limited else "no runs yet"]
    return "\n".join([*lines, *_gap_lines(found)])


def runs_to_json(found: Runs) -> dict[str, object]:
    """The answer as JSON data."""
    from engine.answers.artifacts import artifact_to_json  # noqa: PLC0415  start-up time: only for JSON
    from engine.answers.as_json import run_to_json  # noqa: PLC0415  start-up time: only for JSON

    runs = zip(found.runs, found.artifacts, found.lines, found.hosts, strict=True)
    return {
        "format": 1,
        "runs": [
            {
                **run_to_json(run),
                "host": host or None,
                "waits_for": line_to_json(line),
                "artifacts": [artifact_to_json(one) for one in artifacts],
            }
            for run, artifacts, line, host in runs
        ],
    }


def _cells(found: Runs, run: Run, words: str) -> tuple[str, ...]:
    took = ""
    if run.started_at and run.ended_at and run.attempt:
        took = seconds_text((run.ended_at - run.started_at).total_seconds())
    tries = f" ({run.attempt} attempts)" if run.attempt > 1 else ""
    at = instant_text(run.scheduled_for, found.zones[run.job], has_seconds=True)
    file = file_of(run).rpartition("/")[2]
    hook = webhook_of(run)
    why = "; ".join(part for part in (words, file and f"file {file}", hook and f"call of {hook}") if part)
    return (short(run.id), run_text(run), at, run.state.value + tries, took, why)


def _gap_lines(found: Runs) -> list[str]:
    """Lines for what the table leaves out: occurrences without a run of their own."""
    if not found.gaps:
        return []
    count = sum(gap.count for gap in found.gaps)
    many = "have no run of their own and are" if count != 1 else "has no run of its own and is"
    lines = [f"{count:,} more {many} not listed:"]
    lines += [f"  {printable(_gap_line(found, gap))}" for gap in found.gaps[:MAX_GAPS]]
    if len(found.gaps) > MAX_GAPS:
        lines.append(f"  and {len(found.gaps) - MAX_GAPS:,} more stretches:  jobfile report")
    return lines


def _gap_line(found: Runs, gap: Gap) -> str:
    zone = found.zones[gap.job]
    first, last = instant_text(gap.first_at, zone), instant_text(gap.last_at, zone)
    span = first if gap.count == 1 else f"{first} to {last}"
    why = "only their results are kept" if gap.pruned_at else reason_words(gap.reason, gap.detail)
    return f"{gap.job}  {gap.count:,} {gap.state.value}, {span}{f': {why}' if why else ''}"
