"""Rules about one schedule entry: its kind, its zone, its dates, its cron expression."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache

from jobfile.checks.finding import finding, located
from jobfile.checks.moments import check_moments
from jobfile.checks.places import check_zone
from jobfile.compile.timing import calendar_of, day_of, entries_of, entry_of, entry_zone, normal_cron
from jobfile.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from jobfile.expressions.expression import Problem
from jobfile.files.fileset import JobText
from jobfile.files.merged_settings import Setting, map_at
from jobfile.model.jobs import CalendarSpec, CronEntry, DayRule, OnClosed
from jobfile.schedule.cron import MONTH_LENGTHS, CronExpression, CronProblem, parse_cron
from jobfile.schedule.cron_fields import SpecialDay
from jobfile.schedule.dates import DATE_FORM, TIME_FORM, parse_date, parse_time
from jobfile.schedule.duration import format_duration, parse_duration
from jobfile.schedule.occurrences import fold_dates, gap_dates, load_zone, next_fire

MIN_PERIOD = timedelta(seconds=1)
KINDS = ("cron", "every", "at", "business_day")
"""The kinds of an entry; each entry has exactly one."""
_ONLY_WITH = {
    "days": ("cron",),
    "time": ("business_day",),
    "calendar": ("cron", "business_day"),
    "on_closed": ("cron",),
}
"""Keys that are valid only for some kinds of entry."""

_PLAIN_KEYS = frozenset({"cron", "every", "at", "timezone", "from", "until", "spread", "with"})
"""Keys that are valid for every kind."""
_DAY = timedelta(days=1)


def check_schedules(job: JobText) -> Iterator[Diagnostic]:
    """JF102, JF106, JF109, JF301-JF314, JF608-JF616: every entry fires, and at the expected times."""
    for entry in entries_of(job):
        if not isinstance(entry.value, Mapping):
            yield from _check_cron(job, entry, entry, DayRule.CRON)
            continue
        found = list(_check_kind(entry))
        yield from found
        if not found and not entry.is_unsure(*KINDS, *_ONLY_WITH):
            yield from _check_map(job, entry)


def _check_kind(entry: Setting) -> Iterator[Diagnostic]:
    """JF102, JF109: exactly one kind, and only keys that are valid for it."""
    kinds = [key for key in KINDS if entry.value.get(key) is not None]
    if len(kinds) == 1 and entry.value.keys() <= _PLAIN_KEYS:
        return
    if not kinds:
        if entry.is_unsure(*KINDS):
            return
        yield finding(
            entry,
            "JF109",
            "a schedule needs one of `cron`, `every`, `at`, `business_day`",
            label="sets no time",
            help=('cron: "0 2 * * *"', "every: 10m"),
        )
        return
    if len(kinds) > 1:
        second = entry.part(kinds[1])
        assert second is not None
        yield finding(
            second,
            "JF109",
            f"`{kinds[0]}` and `{kinds[1]}` exclude each other",
            label="the second of the two keys",
            help=("write two schedules as a list",),
            at_key=True,
        )
        return
    for key, allowed in _ONLY_WITH.items():
        part = entry.part(key)
        if part is not None and kinds[0] not in allowed:
            yield finding(
                part,
                "JF109",
                f"`{key}` and `{kinds[0]}` exclude each other",
                label=f"allowed only with {' or '.join(f'`{one}`' for one in allowed)}",
                at_key=True,
            )
    needed = {"business_day": ("calendar", "time")}.get(kinds[0], ())
    if entry.part("on_closed") is not None:
        needed = (*needed, "calendar")
    for key in needed:
        if entry.part(key) is None and not entry.is_unsure(key):
            examples = {"calendar": "calendar: NAME", "time": 'time: "18:00"'}
            yield finding(
                entry,
                "JF102",
                f"`{'on_closed' if kinds[0] == 'cron' else kinds[0]}` needs `{key}`",
                label=f"`{key}` is missing",
                help=(f"add  {examples[key]}",),
            )


def _check_map(job: JobText, entry: Setting) -> Iterator[Diagnostic]:
    zone, every, cron = entry.part("timezone"), entry.part("every"), entry.part("cron")
    found = [] if zone is None else list(check_zone(zone))
    found += _check_days(entry)
    if every is not None:
        found += _check_every(every)
    elif cron is not None:
        found += _check_cron(job, entry, cron, DayRule(entry.value.get("days", DayRule.CRON)))
    elif entry.part("at") is not None:
        found += check_moments(job, entry)
    else:
        found += _check_business_day(job, entry)
    yield from found
    if not any(one.is_error for one in found) and not entry.is_unsure():
        yield from _check_fires_inside(job, entry)


def _check_days(entry: Setting) -> Iterator[Diagnostic]:
    """JF308, JF310: the first and the last day."""
    for key in ("from", "until"):
        part = entry.part(key)
        if part is not None and parse_date(part.text) is None:
            yield not_a_date(part)
    first, last, until = day_of(entry, "from"), day_of(entry, "until"), entry.part("until")
    if first is not None and last is not None and last < first and until is not None:
        begin = entry.part("from")
        assert begin is not None
        yield finding(
            until,
            "JF310",
            f"`until` {last} is earlier than `from` {first}",
            label="the last day",
            related=(Label(span=begin.document.span(begin.path), text="the first day"),),
            help=("set `until` to the day of `from` or later; both days are included",),
        )


def not_a_date(setting: Setting) -> Diagnostic:
    """JF308 for a text that should be a date."""
    return finding(setting, "JF308", f"`{setting.text[:40]}` is not a date", label=f"expected {DATE_FORM}")


def not_a_time(setting: Setting) -> Diagnostic:
    """JF308 for a text that should be a time of day."""
    return finding(
        setting,
        "JF308",
        f"`{setting.text[:40]}` is not a time of day",
        label=f"expected {TIME_FORM}",
        help=('from "00:00" to "23:59"',),
    )


def _check_every(every: Setting) -> Iterator[Diagnostic]:
    period = parse_duration(every.text)
    if period is None:
        return
    if period < MIN_PERIOD:
        yield finding(every, "JF106", "`every` must be at least 1s", label="expected 1s or more")
    elif period % _DAY == timedelta(0):
        yield finding(
            every,
            "JF612",
            f"every {format_duration(period)} is not at the same local time all year",
            label="this counts seconds, not days",
            help=('for the same local time:  cron: "0 2 * * *"',),
        )


def _check_business_day(job: JobText, entry: Setting) -> Iterator[Diagnostic]:
    """JF308, JF311: a day that at least one month has, and a valid time of day."""
    number, at, calendar = entry.part("business_day"), entry.part("time"), entry.part("calendar")
    assert number is not None
    assert at is not None
    if parse_time(at.text) is None:
        yield not_a_time(at)
    if number.value == 0:
        yield finding(
            number,
            "JF311",
            "there is no business day 0",
            label="the first is 1, the last is -1",
            help=("write 1 for the first open day of the month, -1 for the last",),
        )
    elif calendar is not None and calendar.text in map_at(job.files.main, ("calendars",)):
        most = _most_open_days(job, calendar.text)
        if abs(number.value) > most:
            yield finding(
                number,
                "JF311",
                f"no month has {abs(number.value)} open days in calendar `{calendar.text}`",
                label=f"at most {most}",
            )


def _most_open_days(job: JobText, name: str) -> int:
    """The most open days that a month can have: 31 days are four weeks and three days more."""
    calendar = calendar_of(job.files, name)
    weekdays = len(calendar.weekdays)
    return min(31, 4 * weekdays + min(3, weekdays) + len(calendar.also))


def _check_fires_inside(job: JobText, entry: Setting) -> Iterator[Diagnostic]:
    """JF304: an entry with a calendar, a first or a last day fires on at least one day."""
    name, cron = entry.part("calendar"), entry.part("cron")
    limits = [key for key in ("from", "until", "calendar") if entry.part(key) is not None]
    if not limits or load_zone(entry_zone(job, entry)) is None:
        return
    if name is not None and name.text not in map_at(job.files.main, ("calendars",)):
        return
    every = entry.part("every")
    if every is not None and parse_duration(every.text) is None:
        return
    if name is not None and job.files.main.is_unsure(("calendars", name.text)):
        return
    if name is not None and not list(calendar_days(job.files.section("calendars")[name.text])):
        return
    compiled = entry_of(job, entry)
    if next_fire((compiled,), after=_BEFORE_ALL) is None:
        kind = next(key for key in KINDS if entry.part(key) is not None)
        part = cron or entry.part(kind) or entry
        limits_text = ", ".join(f"`{key}`" for key in limits)
        yield finding(
            part,
            "JF304",
            f"`{part.text}` never fires with this {limits_text}",
            label="no day matches",
        )


_BEFORE_ALL = datetime.fromisoformat("1999-12-31T00:00:00+00:00")


def calendar_days(setting: Setting) -> Iterator[object]:
    """The keys of a calendar that open days."""
    for key in ("weekdays", "also"):
        yield from setting.value.get(key) or ()


def _check_cron(job: JobText, entry: Setting, cron: Setting, days: DayRule) -> Iterator[Diagnostic]:
    text = cron.text
    parsed = parse_cron(text, days=days)
    if isinstance(parsed, CronProblem):
        problem = Problem(
            code=parsed.code,
            message=parsed.message,
            start=parsed.start,
            end=parsed.end,
            label=parsed.label,
            help=parsed.help,
            fix=parsed.fix,
        )
        yield _as_meant(entry, cron, located(cron, problem))
    elif days is DayRule.CRON and parsed.restricts_both_days:
        yield _both_days(cron, text, is_map=cron is not entry)
    else:
        zone = entry_zone(job, entry)
        yield from _lint_cron(cron, parsed)
        if load_zone(zone) is not None:
            yield from _lint_clocks(cron, *_notes_of(normal_cron(text), zone, days, *_closing(job, entry)))


def _as_meant(entry: Setting, cron: Setting, found: Diagnostic) -> Diagnostic:
    """JF301 for a schedule in the form of another tool, or in words, with the entry that it means."""
    from jobfile.foreign import schedule_texts  # noqa: PLC0415  start-up time: only for an invalid expression

    text = cron.text.strip()
    if found.code != "JF301" or found.fixes:
        return found
    if text.lower() in schedule_texts.NOT_SCHEDULED:
        return replace(found, help=("remove `schedule`: the job then starts only by hand",))
    meant = schedule_texts.entry_meant(text)
    if meant is None:
        return found
    written = schedule_texts.as_written(meant)
    if cron is entry:
        span = cron.document.span(cron.path)
        is_line = "\n" not in cron.document.source.text[span.start.offset : span.end.offset]
        edit = Edit(span=span, text=written)
        fixes = (Fix(title=f"replace with `{written}`", edits=(edit,), safe=False),) if is_line else ()
        help_ = found.help if text.startswith("@") else (f"write  {written}",)
        return replace(found, help=help_, fixes=fixes)
    lines = ", ".join(
        f'{key}: "{value}"' if key == "cron" else f"{key}: {value}" for key, value in meant.items()
    )
    return replace(found, help=(f"write `{lines}`" + ("" if "cron" in meant else " instead of `cron:`"),))


def _both_days(cron: Setting, text: str, *, is_map: bool) -> Diagnostic:
    """The worst trap of cron: a day must match either field, but authors usually mean both."""
    fields = text.split()
    written = " ".join(fields)
    week_span = cron.document.within(cron.path, *_field_span(text, 4))
    help_map = (
        f'both:    {{cron: "{written}", days: both}}',
        f'either:  {{cron: "{written}", days: either}}',
    )
    either = f'either:  ["{" ".join(fields[:4])} *", "{" ".join((*fields[:2], "*", *fields[3:]))}"]'
    start, end = _field_span(text, 2)
    problem = Problem(
        code="JF303",
        message="day of month and day of week are both set",
        start=start,
        end=end,
        help=("add `days: both` or `days: either`",) if is_map else (*help_map, f"as a list, {either}"),
    )
    return replace(
        located(cron, problem),
        related=(Label(span=week_span, text="and the day of week"),),
        notes=("cron would run on each day that matches one of them, not only on days that match both",),
    )


def _field_span(text: str, index: int) -> tuple[int, int]:
    at = 0
    for number, field in enumerate(text.split()):
        at = text.index(field, at)
        if number == index:
            return at, at + len(field)
        at += len(field)
    raise AssertionError("a parsed expression has five fields")


def _lint_cron(cron: Setting, parsed: CronExpression) -> Iterator[Diagnostic]:
    text = cron.text
    if parsed.uneven_step is not None:
        yield finding(
            cron,
            "JF611",
            f"uneven step in `{text}`: the last interval of each cycle is shorter",
            label=parsed.uneven_step,
            help=("for equal intervals, use  every:",),
        )
    yield from _lint_late_days(cron, parsed)


def _closing(job: JobText, entry: Setting) -> tuple[CalendarSpec | None, OnClosed]:
    """The calendar of an entry, if it has one, and its rule for closed days."""
    name = entry.part("calendar") if isinstance(entry.value, Mapping) else None
    if name is None or name.text not in map_at(job.files.main, ("calendars",)):
        return None, OnClosed.SKIP
    return calendar_of(job.files, name.text), OnClosed(entry.value.get("on_closed", OnClosed.SKIP))


def _lint_clocks(cron: Setting, folds: tuple[str, ...], gaps: tuple[str, ...]) -> Iterator[Diagnostic]:
    text = cron.text
    for note in folds:
        yield finding(
            cron,
            "JF609",
            f"`{text}` matches a local time that occurs twice on some day each year",
            label=note,
            notes=("it fires once, at the first of the two",),
        )
    for note in gaps:
        yield finding(
            cron,
            "JF608",
            f"`{text}` matches a local time that is skipped on some day each year",
            label=note,
            help=(
                "choose a time outside the skipped hour, or keep it: the job runs once, right after the gap",
            ),
        )


@lru_cache(maxsize=16_384)
def _notes_of(
    cron: str, zone: str, days: DayRule, calendar: CalendarSpec | None, on_closed: OnClosed
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The first fold and the first gap in a year that affect a day on which an expression fires."""
    entry = CronEntry(cron=cron, timezone=zone, days=days, calendar=calendar, on_closed=on_closed)
    return fold_dates(entry)[:1], gap_dates(entry)[:1]


def _lint_late_days(cron: Setting, parsed: CronExpression) -> Iterator[Diagnostic]:
    """JF616: a day that some of the matching months do not have."""
    if text_is_alias(cron.text):
        return
    field = parsed.fields[2]
    days = [int(part) for part in field.split(",") if part.isascii() and part.isdigit()]
    months = [number for number in range(1, 13) if parsed.month >> number & 1]
    shortest = min(min(MONTH_LENGTHS[number - 1]) for number in months)
    late = [day for day in days if day > shortest]
    if not late or SpecialDay(kind="L") in parsed.special_days_of_month:
        return
    start, end = _field_span(cron.text, 2)
    problem = Problem(
        code="JF616",
        message=f"some of these months do not have day {late[0]}",
        start=start,
        end=end,
        label=f"no run in a month without day {late[0]}",
        help=("for the last day of the month, write `L`",),
    )
    yield located(cron, problem)


def text_is_alias(text: str) -> bool:
    """Whether a cron text is a word such as @daily."""
    return text.lstrip().startswith("@")
