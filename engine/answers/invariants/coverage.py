"""Invariants I1 to I3: each instant that a schedule names has exactly one record, and nothing else has one.

Occurrences, runs and gap records are read in parallel in the order of their instants (a merge), so that a
ledger of any size takes little memory.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, groupby
from typing import Final

from engine.answers.findings import Finding, limited
from engine.core.records import Gap, Schedule, SetKey
from engine.core.vocabulary import short
from engine.ledger.soundness_ports import Soundness
from jobfile.schedule.occurrences import TZDATA_VERSION, fires

REPORT_IT: Final = "keep a copy of the state folder and report it"


def check_coverage(look: Soundness) -> Iterator[Finding]:
    """Completeness (I1), no phantoms (I2) and uniqueness (I3), for every schedule that was ever in force."""
    others = [one for one in look.tzdata_versions() if one != TZDATA_VERSION]
    hint = f" (with the zone rules of tzdata {others[0]} it may have been right)" if others else ""
    sets = (_check_set(look, key, hint) for key in look.set_keys())
    yield from limited(chain.from_iterable(sets))


@dataclass
class _Span:
    """A gap record that the walk is inside of."""

    gap: Gap
    seen: int = 0


@dataclass
class _Walk:
    """The gap records of one schedule, opened and closed while the walk passes its instants."""

    gaps: Iterator[Gap]
    following: Gap | None = None
    open: list[_Span] = field(default_factory=list)

    def at(self, instant: datetime) -> Iterator[Gap]:
        """The gap records that account for an instant of their schedule."""
        while self.following is not None and self.following.first_at <= instant:
            self.open.append(_Span(self.following))
            self.following = next(self.gaps, None)
        for span in self.open:
            if instant <= span.gap.last_at:
                span.seen += 1
                yield span.gap

    def passed(self, instant: datetime | None) -> Iterator[_Span]:
        """The gap records that end before an instant; all remaining ones for None."""
        while instant is None and self.following is not None:
            self.open.append(_Span(self.following))
            self.following = next(self.gaps, None)
        done = [span for span in self.open if instant is None or span.gap.last_at < instant]
        if done:
            self.open = [span for span in self.open if span not in done]
        yield from done


def _check_set(look: Soundness, key: SetKey, hint: str) -> Iterator[Finding]:
    schedules = look.schedules(key)
    walks = [_walk(look, schedule) for schedule in schedules]
    covered = max((one.covered_until for one in schedules), default=None)
    runs = look.instants(key)
    run = next(runs, None)
    for instant, owners in _expected_instants(schedules):
        while run is not None and run[0] < instant:
            yield _phantom(key, run, covered, hint)
            run = next(runs, None)
        records = 0
        while run is not None and run[0] == instant:
            records += 1
            run = next(runs, None)
        for index in owners:
            records += sum(1 for _ in walks[index].at(instant))
            yield from _ended(key, walks[index], instant, hint)
        if records != 1:
            yield _not_once(key, instant, records, hint)
    while run is not None:
        yield _phantom(key, run, covered, hint)
        run = next(runs, None)
    for walk in walks:
        yield from _ended(key, walk, None, hint)


def _walk(look: Soundness, schedule: Schedule) -> _Walk:
    gaps = look.gaps(schedule.id)
    return _Walk(gaps, next(gaps, None))


def _expected_instants(schedules: tuple[Schedule, ...]) -> Iterator[tuple[datetime, list[int]]]:
    """Every instant up to the coverage, with the schedules that name it, oldest first."""

    def of(index: int, schedule: Schedule) -> Iterator[tuple[datetime, int]]:
        for fire in fires(schedule.entries, after=schedule.active_from, until=schedule.covered_until):
            yield fire.at, index

    merged = heapq.merge(*(of(index, schedule) for index, schedule in enumerate(schedules)))
    for instant, group in groupby(merged, key=lambda one: one[0]):
        yield instant, [index for _, index in group]


def _ended(key: SetKey, walk: _Walk, instant: datetime | None, hint: str) -> Iterator[Finding]:
    for span in walk.passed(instant):
        gap = span.gap
        if gap.job != key.job:
            yield Finding(
                code="invariant.I2",
                found=f"a gap record from {_utc(gap.first_at)} on names `{gap.job}`, but belongs to "
                f"`{key.job}`",
                help=f"`jobfile why {key.job} {_utc(gap.first_at)}` shows its first occurrence; {REPORT_IT}",
                job=key.job,
            )
        if gap.count == span.seen:
            continue
        counted = (
            f"a gap record says {gap.count:,} occurrences from {_utc(gap.first_at)} to {_utc(gap.last_at)}"
        )
        yield Finding(
            code="invariant.I1",
            found=f"{counted}, but its schedule has {span.seen:,} of them up to its coverage{hint}",
            help=f"`jobfile why {key.job} {_utc(gap.first_at)}` shows the first of them; {REPORT_IT}",
            job=key.job,
        )


def _phantom(key: SetKey, run: tuple[datetime, str], covered: datetime | None, hint: str) -> Finding:
    at, run_id = run
    is_early = covered is not None and at > covered
    about = f"run {short(run_id)} is recorded for {_utc(at)}"
    return Finding(
        code="invariant.I3" if is_early else "invariant.I2",
        found=f"{about}, which is after the coverage of its schedule"
        if is_early
        else f"{about}, but no schedule has this time{hint}",
        help=f"`jobfile why {key.job} {_utc(at)}` shows what is known; {REPORT_IT}",
        job=key.job,
        run=run_id,
    )


def _not_once(key: SetKey, at: datetime, records: int, hint: str) -> Finding:
    is_missing = records == 0
    return Finding(
        code="invariant.I1" if is_missing else "invariant.I3",
        found=f"{_utc(at)} was due and has no record{hint}"
        if is_missing
        else f"{_utc(at)} has {records} records",
        help=f"`jobfile why {key.job} {_utc(at)}` shows what is known; {REPORT_IT}",
        job=key.job,
    )


def _utc(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
