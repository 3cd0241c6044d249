"""JF606: many jobs that start in the same minute."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from heapq import nsmallest
from itertools import pairwise
from typing import Final

from jobfile.checks.finding import finding
from jobfile.checks.intervals import cron_text
from jobfile.compile.timing import entries_of, entry_zone
from jobfile.diagnostics.diagnostic import Diagnostic, Edit, Fix
from jobfile.files.fileset import FileSet, JobText
from jobfile.files.merged_settings import Setting
from jobfile.model.jobs import DayRule
from jobfile.model.namedtuple import NamedTuple
from jobfile.schedule.cron import CronExpression, parse_cron
from jobfile.schedule.day_sets import MatchingDays
from jobfile.schedule.duration import parse_duration
from jobfile.schedule.local_times import EPOCH_DAY, days_between
from jobfile.schedule.zones import load_zone

CROWD: Final = 4
"""From this number of jobs in one minute on, the minute is reported."""
MOST_STARTS: Final = 288
"""A job that starts more often than this in a day, every five minutes, cannot avoid the others."""
WIDEST: Final = 20
"""The spread that the help suggests, in minutes, if the time between runs allows it."""

_FIRST: Final = date(2027, 1, 1).toordinal() - EPOCH_DAY
_LAST: Final = date(2027, 12, 31).toordinal() - EPOCH_DAY
"""An ordinary year, used to compare days."""
_EVERY_DAY: Final = (2 << _LAST - _FIRST) - 1
_DAY: Final = 24 * 60
_SEASONS: Final = (datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 7, 1, tzinfo=UTC))
"""A zone has its two offsets at these instants."""


class _Start(NamedTuple):
    """An entry, and the number of its job in the order of the files."""

    job: int
    entry: Setting


class _Times(NamedTuple):
    """The local minutes of a day at which entries fire, and the days of the year, as bits."""

    zone: str
    minutes: tuple[int, ...]
    days: int


class _Crowd(NamedTuple):
    """Entries that fire together: how many, at which minutes of a day, and the fourth of them."""

    jobs: int
    minutes: tuple[int, ...]
    groups: frozenset[int]
    """Their numbers: entries with the same times are one group."""
    fourth: _Start
    gap: int
    """The shortest time between two runs of the fourth entry, in minutes."""


def check_crowds(files: FileSet) -> Iterator[Diagnostic]:
    """JF606: one finding for each minute in which four jobs or more start, at the fourth of them.

    The same jobs are reported once, however many minutes they share.
    """
    groups: dict[_Times, list[_Start]] = {}
    for number, job in enumerate(files.jobs.values()):
        for entry in entries_of(job):
            times = _times(job, entry)
            if times is not None:
                groups.setdefault(times, []).append(_Start(number, entry))
    covered: set[int] = set()
    for crowd in sorted(_crowds(groups), key=lambda one: (-one.jobs, one.minutes)):
        if not crowd.groups <= covered:
            covered |= crowd.groups
            yield _crowded(crowd)


def _crowds(groups: Mapping[_Times, Sequence[_Start]]) -> Iterator[_Crowd]:
    """The minutes in which enough jobs start on one day; those with the same jobs as one crowd."""
    times, starts = list(groups), list(groups.values())
    minutes: dict[tuple[str, int], list[int]] = defaultdict(list)
    for group, one in enumerate(times):
        for minute in one.minutes:
            minutes[one.zone, minute].append(group)
    together: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for (_, minute), found in minutes.items():
        together[tuple(found)].append(minute)
    for members, shared in together.items():
        day = _crowded_day([(times[group].days, len(starts[group])) for group in members])
        present = [group for group in members if times[group].days & day]
        if present:
            near = [(one.job, group, one) for group in present for one in starts[group][:CROWD]]
            _, group, fourth = nsmallest(CROWD, near, key=lambda one: one[:2])[-1]
            yield _Crowd(
                jobs=sum(len(starts[one]) for one in present),
                minutes=tuple(sorted(shared)),
                groups=frozenset(present),
                fourth=fourth,
                gap=_gap(times[group].minutes),
            )


def _crowded_day(members: Sequence[tuple[int, int]]) -> int:
    """A day on which enough jobs start, as one bit; 0 if there is none. A member: its days, its jobs."""
    reached = [0] * CROWD
    for days, count in members:
        for _ in range(min(count, CROWD)):
            for level in range(CROWD - 1, 0, -1):
                reached[level] |= reached[level - 1] & days
            reached[0] |= days
    return reached[-1] & -reached[-1]


def _gap(minutes: Sequence[int]) -> int:
    """The shortest time between two of these minutes of a day, also over midnight."""
    around = (*minutes, minutes[0] + _DAY)
    return min(after - before for before, after in pairwise(around))


def _times(job: JobText, entry: Setting) -> _Times | None:
    """When an entry fires; None if it has a spread, names neither times nor a period, or fires too often."""
    if job.settings.get("enabled") is not None and job.settings["enabled"].value is False:
        return None
    if entry.is_unsure() or job.is_unsure("enabled"):
        return None
    if not isinstance(entry.value, str) and entry.part("spread") is not None:
        return None
    zone = entry_zone(job, entry)
    every = entry.part("every") if isinstance(entry.value, Mapping) else None
    if every is not None:
        return _periodic(every.text, zone)
    text = cron_text(entry)
    if text is None:
        return None
    given = None if isinstance(entry.value, str) else entry.value.get("days")
    minutes, days = _parsed(text, DayRule(given) if given in ("both", "either") else DayRule.CRON)
    return _Times(zone, minutes, days) if minutes else None


@lru_cache(maxsize=1024)
def _periodic(text: str, zone_name: str) -> _Times | None:
    """The minutes of a day at which a period fires, if they are the same on each day it fires.

    A period is counted in UTC. If the zone's offsets are multiples of it, its minutes are the same there.
    """
    period, zone = parse_duration(text), load_zone(zone_name)
    if period is None or zone is None or period % timedelta(minutes=1):
        return None
    length = period // timedelta(minutes=1)
    if not length or _DAY // length > MOST_STARTS:
        return None
    if length % _DAY == 0:
        days = range(_FIRST, _LAST + 1)
        bits = sum(1 << day - _FIRST for day in days if day % (length // _DAY) == 0)
        return _Times("UTC", (0,), bits)
    if _DAY % length:
        return None
    is_shared = all(not (one.astimezone(zone).utcoffset() or timedelta()) % period for one in _SEASONS)
    return _Times(zone_name if is_shared else "UTC", tuple(range(0, _DAY, length)), _EVERY_DAY)


@lru_cache(maxsize=16_384)
def _parsed(text: str, rule: DayRule) -> tuple[tuple[int, ...], int]:
    parsed = parse_cron(text, days=rule)
    if not isinstance(parsed, CronExpression):
        return (), 0
    hours = [hour for hour in range(24) if parsed.hour >> hour & 1]
    minutes = [minute for minute in range(60) if parsed.minute >> minute & 1]
    if len(hours) * len(minutes) > MOST_STARTS:
        return (), 0
    return tuple(60 * hour + minute for hour in hours for minute in minutes), _year(
        " ".join(text.split()[-3:]), rule
    )


@lru_cache(maxsize=4096)
def _year(day_fields: str, rule: DayRule) -> int:
    """The days of the year that match the last three fields of an expression, as bits."""
    text = f"0 0 {day_fields}" if len(day_fields.split()) == 3 else day_fields
    parsed = parse_cron(text, days=rule)
    if not isinstance(parsed, CronExpression):
        return 0
    bits = 0
    for day in days_between(MatchingDays(parsed), _FIRST, _LAST):
        bits |= 1 << day - _FIRST
    return bits


def _crowded(crowd: _Crowd) -> Diagnostic:
    entry, first = crowd.fourth.entry, crowd.minutes[0]
    when = f"at {first // 60:02}:{first % 60:02} on the same day"
    if len(crowd.minutes) > 1:
        when = f"in the same minute, {len(crowd.minutes)} times a day"
    spread = f"{min(WIDEST, crowd.gap)}m"
    is_text = isinstance(entry.value, str)
    named = entry if is_text else entry.part("cron") or entry.part("every") or entry
    key = "every" if not is_text and entry.part("every") else "cron"
    found = finding(
        named,
        "JF606",
        f"{crowd.jobs} jobs start {when}",
        label="they all start together",
        help=(
            f"spread them:  {{{key}: …, spread: {spread}}}  gives each job its own fixed delay",
            "or choose a different minute",
        ),
    )
    if not is_text:
        return found
    span = entry.document.span(entry.path)
    written = entry.document.source.text[span.start.offset : span.end.offset]
    if "\n" in written:
        return found
    text = written if written[:1] in "\"'" else f'"{written}"'
    edit = Edit(span=span, text=f"{{cron: {text}, spread: {spread}}}")
    fix = Fix(title=f"spread the starts over {spread}", edits=(edit,), safe=False)
    return replace(found, fixes=(fix,))
