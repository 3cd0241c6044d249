"""Rules about time: zones, cron expressions, periods."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise

from jobfile.checks.fields import schedule_entries
from jobfile.checks.job import Job, finding, located
from jobfile.compile import DEFAULT_ZONE, normal_cron
from jobfile.cron import CronExpression, CronProblem, parse_cron
from jobfile.diagnostic import Diagnostic, DocumentPath, Label
from jobfile.duration import format_duration, parse_duration
from jobfile.expression import Problem
from jobfile.model import CronEntry, DayRule
from jobfile.occurrences import fires, fold_dates, gap_dates, load_zone
from jobfile.settings import Setting
from jobfile.suggest import suggest
from jobfile.zones import zone_names

MIN_PERIOD = timedelta(seconds=1)
FIXED_ZONES = frozenset(
    {"EST", "MST", "HST", "CET", "MET", "EET", "WET", "EST5EDT", "CST6CDT", "MST7MDT", "PST8PDT"}
)
"""Names that are an offset without the summer time of any place, or a leftover of old systems."""

_DAY = timedelta(days=1)
_ORDINARY = datetime(2026, 1, 14, tzinfo=UTC)
"""A time of year in which clocks change nowhere that people plan for."""


def check_timezone(job: Job) -> Iterator[Diagnostic]:
    """JF305, JF626: a zone is a place whose clocks are known."""
    if "timezone" in job.settings:
        yield from _check_zone(job, job.settings["timezone"].path)


def check_schedules(job: Job) -> Iterator[Diagnostic]:
    """JF109, JF301-JF313, JF608, JF611, JF612: every entry fires, and when its author thinks."""
    for entry in schedule_entries(job.settings):
        if isinstance(entry.value, Mapping):
            yield from _check_map(job, entry)
        else:
            yield from _check_cron(job, entry.path, DayRule.CRON, is_map=False)


def check_timeout_fits(job: Job) -> Iterator[Diagnostic]:
    """JF607: a run that may take longer than the time between runs makes the next one be skipped."""
    setting = job.settings.get("timeout")
    timeout = parse_duration(job.text(setting)) if setting is not None else None
    if setting is None or timeout is None:
        return
    for entry in schedule_entries(job.settings):
        shortest = _shortest(job, entry)
        if shortest is not None and timeout > shortest:
            yield finding(
                job.document,
                setting.path,
                "JF607",
                f"timeout {format_duration(timeout)} is longer than "
                f"the {format_duration(shortest)} between runs",
                label="a run that takes so long is in the way of the next",
                help=("shorten the timeout, or say what then happens with  concurrency: {on_overlap: …}",),
            )
            return


def _shortest(job: Job, entry: Setting) -> timedelta | None:
    """The shortest time between two runs of an entry; None when it is not known, or was decided about."""
    if "concurrency" in job.settings:
        return None
    if isinstance(entry.value, Mapping) and "every" in entry.value:
        return parse_duration(job.document.text((*entry.path, "every")))
    path = (*entry.path, "cron") if isinstance(entry.value, Mapping) else entry.path
    text, zone = normal_cron(job.document.text(path)), zone_of(job, path)
    if isinstance(parse_cron(text), CronProblem) or load_zone(zone) is None:
        return None
    return _shortest_of_cron(text, zone)


@lru_cache(maxsize=4096)
def _shortest_of_cron(text: str, zone: str) -> timedelta | None:
    """The shortest distance among the fires of two ordinary days; rarer ones are never too close."""
    entry = (CronEntry(cron=text, timezone=zone),)
    found = [fire.at for fire in fires(entry, after=_ORDINARY, until=_ORDINARY + 2 * _DAY)]
    return min((after - before for before, after in pairwise(found)), default=None)


def check_started_by_something(job: Job) -> Iterator[Diagnostic]:
    """JF619: told on request only; a job for people is a fine job."""
    if "schedule" not in job.settings:
        yield finding(
            job.document,
            ("jobs", job.name),
            "JF619",
            f"nothing starts job `{job.name}` but a person",
            label="no schedule",
            at_key=True,
        )


def _check_map(job: Job, entry: Setting) -> Iterator[Diagnostic]:
    kinds = [key for key in ("cron", "every") if key in entry.value]
    if len(kinds) != 1:
        missing = not kinds
        yield finding(
            job.document,
            entry.path if missing else (*entry.path, "every"),
            "JF102" if missing else "JF109",
            "a schedule needs `cron` or `every`" if missing else "`cron` and `every` exclude each other",
            label="expected one of them" if missing else "and the other is given too",
            help=('cron: "0 2 * * *"', "every: 10m") if missing else ("write two schedules as a list",),
            at_key=not missing,
        )
        return
    if "timezone" in entry.value:
        yield from _check_zone(job, (*entry.path, "timezone"))
    if "every" in kinds:
        yield from _check_every(job, entry)
    else:
        days = DayRule(entry.value.get("days", DayRule.CRON))
        yield from _check_cron(job, (*entry.path, "cron"), days, is_map=True)


def _check_zone(job: Job, path: DocumentPath) -> Iterator[Diagnostic]:
    name = job.document.text(path)
    if load_zone(name) is None:
        near = suggest(name, zone_names())
        yield finding(
            job.document,
            path,
            "JF305",
            f"unknown time zone `{name[:60]}`",
            label="not in the time zone database",
            help=tuple(f"did you mean `{word}`?" for word in near)
            or ("use a name such as Europe/Oslo or UTC",),
            fix=near[0] if len(near) == 1 else None,
        )
    elif name in FIXED_ZONES:
        yield finding(
            job.document,
            path,
            "JF626",
            f"zone `{name}` is a fixed offset or a leftover, not a place",
            label="no summer time of any place",
            help=("name the place whose clocks you mean, such as America/New_York",),
        )


def _check_every(job: Job, entry: Setting) -> Iterator[Diagnostic]:
    path = (*entry.path, "every")
    period = parse_duration(job.document.text(path))
    if period is None:
        return
    if period < MIN_PERIOD:
        yield finding(
            job.document, path, "JF106", "a period of at least 1s is needed", label="expected 1s or more"
        )
    elif period % _DAY == timedelta(0):
        yield finding(
            job.document,
            path,
            "JF612",
            f"every {format_duration(period)} is not the same local time all year",
            label="counts seconds, not days",
            help=('for the same local time:  cron: "0 2 * * *"',),
        )


def _check_cron(job: Job, path: DocumentPath, days: DayRule, *, is_map: bool) -> Iterator[Diagnostic]:
    text = job.document.text(path)
    parsed = parse_cron(text, days=days)
    if isinstance(parsed, CronProblem):
        yield located(
            job.document,
            path,
            Problem(
                code=parsed.code,
                message=parsed.message,
                start=parsed.start,
                end=parsed.end,
                label=parsed.label,
                help=parsed.help,
                fix=parsed.fix,
            ),
        )
        return
    if days is DayRule.CRON and parsed.restricts_both_days:
        yield _both_days(job, path, text, is_map=is_map)
        return
    yield from _lint_cron(job, path, text, parsed, days)


def _both_days(job: Job, path: DocumentPath, text: str, *, is_map: bool) -> Diagnostic:
    """The worst trap of cron: it means either day, and its authors mean both."""
    fields = text.split()
    day_at = _field_span(text, 2)
    week_at = _field_span(text, 4)
    written = " ".join(fields)
    help_map = (
        f'both:    {{cron: "{written}", days: both}}',
        f'either:  {{cron: "{written}", days: either}}',
    )
    either = f'either:  ["{" ".join(fields[:4])} *", "{" ".join((*fields[:2], "*", *fields[3:]))}"]'
    return Diagnostic(
        code="JF303",
        message="day of month and day of week are both set",
        file=job.document.source.name,
        span=job.document.within(path, *day_at),
        label="the day of month",
        path=path,
        related=(Label(span=job.document.within(path, *week_at), text="and the day of week"),),
        notes=("cron would run on each day that fits one of them, not only where both fit",),
        help=("add `days: both` or `days: either`",) if is_map else (*help_map, f"as a list, {either}"),
    )


def _field_span(text: str, index: int) -> tuple[int, int]:
    at = 0
    for number, field in enumerate(text.split()):
        at = text.index(field, at)
        if number == index:
            return at, at + len(field)
        at += len(field)
    raise AssertionError("a parsed expression has five fields")


def _lint_cron(
    job: Job, path: DocumentPath, text: str, parsed: CronExpression, days: DayRule
) -> Iterator[Diagnostic]:
    uneven = parsed.uneven_step
    if uneven is not None:
        yield finding(
            job.document,
            path,
            "JF611",
            f"uneven step in `{text}`: the last one of each round is shorter",
            label=uneven,
            help=("for an even distance use  every:",),
        )
    zone = zone_of(job, path)
    if load_zone(zone) is None:
        return
    entry = CronEntry(cron=normal_cron(text), timezone=zone, days=days)
    for note in fold_dates(entry)[:1]:
        yield finding(
            job.document,
            path,
            "JF609",
            f"`{text}` names a local time that exists twice on some day each year",
            label=note,
            notes=("the first of the two is used, once",),
        )
    for note in gap_dates(entry):
        yield finding(
            job.document,
            path,
            "JF608",
            f"`{text}` names a local time that does not exist on some day each year",
            label=note,
            help=(
                "choose a time outside the hour that is skipped, or leave it: one run, right after the gap",
            ),
        )
        return


def zone_of(job: Job, path: DocumentPath) -> str:
    """The zone that holds for the cron text at a path."""
    own = (*path[:-1], "timezone")
    if path[-1] == "cron" and "timezone" in _holder(job, path):
        return job.document.text(own)
    return job.text(job.settings["timezone"]) if "timezone" in job.settings else DEFAULT_ZONE


def _holder(job: Job, path: DocumentPath) -> Mapping[str, object]:
    found = job.document.tree
    for part in path[:-1]:
        found = found[part]  # type: ignore[index]  # a path of this document
    return found
