"""Who ran when: the runs of a window job by job, how long each waited and ran, and when no engine ran."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from engine.answers.expected import INSTANT, gap_within, item_of
from engine.answers.overdue import OVERDUE, is_overdue, verdict_word
from engine.answers.presence import Presence
from engine.core.lifecycle import Run, RunState
from engine.core.records import Gap
from engine.core.vocabulary import reason_words
from engine.ledger.ports import View
from jobfile.model.counts import many
from jobfile.model.dataclass import dataclass
from jobfile.model.namedtuple import NamedTuple

MAX_ROWS: Final = 50
"""Maximum number of jobs at once."""
MAX_BARS: Final = 60
"""Maximum number of runs of a job that are shown one by one; of more, their number in each slot."""
MAX_LANES: Final = 4
"""Maximum number of runs of a job beside each other; further ones share the last lane."""
MAX_SESSIONS: Final = 200
"""Maximum number of engine sessions that are read."""
SLOTS: Final = 96
"""Number of slots of a window."""
REACH: Final = timedelta(hours=12)
"""A run that was not over when the window began is shown if it began at most this long before."""


class Bar(NamedTuple):
    """A run, or consecutive occurrences without one."""

    begin: datetime
    """When it could have started."""
    started: datetime | None
    """When it started; None if it has not, or never did."""
    end: datetime
    """When it ended; now, if it is not over."""
    state: str
    lane: int
    words: str
    run: Run | None = None


class Row(NamedTuple):
    """A job: each of its runs, or their number in each slot."""

    job: str
    bars: tuple[Bar, ...]
    lanes: int
    counts: Mapping[int, Mapping[str, int]]
    """By slot, how many runs have each verdict."""


class Absence(NamedTuple):
    """A time in which no engine was there."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """A window of jobs."""

    since: datetime
    until: datetime
    now: datetime
    jobs: int
    """How many jobs ran in it; some of them are shown."""
    rows: tuple[Row, ...]
    absences: tuple[Absence, ...]


def make_timeline(
    view: View,
    *,
    jobs: Collection[str],
    since: datetime,
    until: datetime,
    now: datetime,
    presence: Presence,
    skip: int = 0,
) -> Timeline:
    """The runs of these jobs in [since, until), at most MAX_ROWS jobs after the first `skip`."""
    with view.soundness.snapshot():  # all of one moment: an engine may write meanwhile
        gaps: dict[str, list[Gap]] = {}
        for gap in view.gaps_between(None, since=since, until=until):
            if gap.pruned_at is None:
                gaps.setdefault(gap.job, []).append(gap)
        ran = view.slots.active(jobs, since=since, until=until, reach=since - REACH)
        names = sorted({*ran, *(gaps.keys() & set(jobs))})
        shown = names[skip : skip + MAX_ROWS]
        length = slot_length(since, until)
        counts: dict[str, dict[int, Counter[str]]] = {name: {} for name in shown}
        for one in view.slots.of_each(shown, since=since, until=until, length=length):
            counts[one.job].setdefault(one.slot, Counter())[verdict_word(one.state)] += one.number
        window = _Window(since, until, now, presence)
        rows = tuple(_row(view, name, counts[name], gaps.get(name, ()), window) for name in shown)
        absences = tuple(_absences(view, since=since, until=min(until, now), presence=presence))
    return Timeline(since=since, until=until, now=now, jobs=len(names), rows=rows, absences=absences)


def slot_length(since: datetime, until: datetime) -> timedelta:
    """How long a slot of a window is."""
    return max((until - since) / SLOTS, timedelta(seconds=1))


class _Window(NamedTuple):
    since: datetime
    until: datetime
    now: datetime
    presence: Presence


def _row(
    view: View, job: str, counts: Mapping[int, Mapping[str, int]], gaps: Sequence[Gap], window: _Window
) -> Row:
    if sum(sum(slot.values()) for slot in counts.values()) + len(gaps) > MAX_BARS:
        return Row(job, (), 1, counts)
    since, until = window.since - REACH, window.until
    runs = view.runs_between(job, since=since, until=until, limit=2 * MAX_BARS)
    bars = [_bar(run, window) for run in runs]
    bars += [one for gap in gaps if (one := _gap_bar(gap, window)) is not None]
    kept = sorted((one for one in bars if one.end >= window.since and one.begin < until), key=_begin)
    return Row(job, *_in_lanes(kept[-MAX_BARS:]), {})


def _begin(bar: Bar) -> datetime:
    return bar.begin


def _bar(run: Run, window: _Window) -> Bar:
    begin = max(run.queued_at, run.not_before)
    state = OVERDUE if is_overdue(item_of(run), window.presence, window.now) else run.verdict.value
    if run.started_at is None:
        end = max(begin, window.now) if run.state is RunState.QUEUED else begin
    else:
        end = run.ended_at or max(run.started_at, window.now)
        begin = min(begin, run.started_at)
    words = reason_words(run.reason, run.detail) if run.reason and run.started_at is None else ""
    return Bar(begin, run.started_at, end, state, 0, words, run)


def _gap_bar(gap: Gap, window: _Window) -> Bar | None:
    inside = gap_within(gap, since=window.since, until=window.until)
    if inside is None:
        return None
    words = f"{many(inside.count, 'time')}, {reason_words(gap.reason, gap.detail)}"
    return Bar(inside.first_at, None, inside.last_at, gap.state.value, 0, words)


def _in_lanes(bars: Sequence[Bar]) -> tuple[tuple[Bar, ...], int]:
    """Runs that overlap are in different lanes."""
    ends: list[datetime] = []
    placed = []
    for bar in bars:
        lane = next((index for index, end in enumerate(ends) if end <= bar.begin), len(ends))
        lane = min(lane, MAX_LANES - 1)
        if lane == len(ends):
            ends.append(bar.end)
        ends[lane] = max(ends[lane], bar.end)
        placed.append(bar._replace(lane=lane))
    return tuple(placed), max(1, len(ends))


def _absences(view: View, *, since: datetime, until: datetime, presence: Presence) -> Iterator[Absence]:
    """When no engine was there, newest first: between sessions, and since the last one."""
    if not presence.is_running and presence.since is not None and presence.since < until:
        yield Absence(max(presence.since, since), until)
    session = view.session_before(until)
    for _ in range(MAX_SESSIONS):
        if session is None or session.started_at <= since:
            return
        before = view.session_before(session.started_at - INSTANT)
        if before is None:
            return
        end = before.ended_at or before.last_seen_at
        if end < session.started_at and session.started_at > since:
            yield Absence(max(end, since), session.started_at)
        session = before
