"""Rules that compare the time between runs with the time a run can take."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final

from jobfile.checks.finding import finding
from jobfile.compile.actions import retry_of
from jobfile.compile.timing import duration_of, entries_of, entry_zone
from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.files.fileset import JobText, Payload
from jobfile.files.merged_settings import Setting
from jobfile.model.jobs import Backoff, CronEntry, DayRule, RetrySpec
from jobfile.schedule.cron import CronProblem, parse_cron
from jobfile.schedule.dates import parse_date, parse_moment, parse_time
from jobfile.schedule.duration import format_duration, parse_duration
from jobfile.schedule.occurrences import fires, load_zone

_DAY = timedelta(days=1)
_ORDINARY = datetime(2026, 1, 14, tzinfo=UTC)
"""A time of year without clock changes in common time zones."""
_SHORT_LOOK = 2 * _DAY
_LONG_LOOK = 70 * _DAY
"""Longer than two months, so that it contains the interval of a monthly schedule."""


def check_timeout_fits(job: JobText) -> Iterator[Diagnostic]:
    """JF607: a run that takes longer than the time between runs makes the next one be skipped."""
    setting = job.settings.get("timeout")
    timeout = duration_of(setting)
    if setting is None or timeout is None or _overlap_is_chosen(job):
        return
    shortest = shortest_interval(job)
    if shortest is not None and timeout > shortest:
        yield finding(
            setting,
            "JF607",
            f"timeout {format_duration(timeout)} is longer than the {format_duration(shortest)} between runs",
            label="a run that takes this long blocks the next one",
            help=("shorten the timeout, or choose what happens then:  concurrency: {on_overlap: …}",),
        )


def check_deadline_fits(job: JobText) -> Iterator[Diagnostic]:
    """JF633: a deadline below the timeout ends each attempt first."""
    setting, timeout = job.settings.get("deadline"), duration_of(job.settings.get("timeout"))
    deadline = duration_of(setting)
    if setting is None or deadline is None or timeout is None or deadline >= timeout:
        return
    yield finding(
        setting,
        "JF633",
        f"the deadline of {format_duration(deadline)} is shorter than the timeout of "
        f"{format_duration(timeout)}",
        label="no attempt ever reaches its timeout",
        help=("use a longer deadline, which is for all attempts together, or a shorter timeout",),
    )


def check_tries_fit(job: JobText) -> Iterator[Diagnostic]:
    """JF614: all attempts and the delays between them end before the next run."""
    retry, timeout = job.settings.get("retry"), duration_of(job.settings.get("timeout"))
    if retry is None or timeout is None or _overlap_is_chosen(job) or _has_bad_duration(retry):
        return
    shortest = shortest_interval(job)
    spec = retry_of(retry)
    longest = timeout * spec.attempts + waits(spec)
    if shortest is not None and spec.attempts > 1 and timeout <= shortest < longest:
        yield finding(
            retry,
            "JF614",
            f"all {spec.attempts} attempts can take {format_duration(_whole(longest))}, "
            f"longer than the {format_duration(shortest)} between runs",
            label="the last attempts block the next run",
            help=("use fewer attempts, a shorter timeout, or  concurrency: {on_overlap: …}",),
            at_key=retry.value.__class__ is dict,
        )


def _overlap_is_chosen(job: JobText) -> bool:
    """Whether the job says what happens when its runs overlap, or a mistake hides that."""
    return "concurrency" in job.settings or job.is_unsure("concurrency")


def _has_bad_duration(setting: Setting) -> bool:
    parts = (
        (setting.part(key) for key in ("delay", "max_delay")) if isinstance(setting.value, Mapping) else ()
    )
    return any(part is not None and parse_duration(part.text) is None for part in parts)


def waits(spec: RetrySpec) -> timedelta:
    """The longest time that all delays between attempts can take."""
    delay, most = spec.delay.total_seconds(), spec.max_delay.total_seconds()
    seconds = 0.0
    for number in range(1, spec.attempts):
        factor = {Backoff.EXPONENTIAL: 2 ** min(number - 1, 40), Backoff.LINEAR: number}
        seconds += min(most, delay * factor.get(spec.backoff, 1))
    return timedelta(seconds=seconds)


def _whole(length: timedelta) -> timedelta:
    return timedelta(seconds=int(length.total_seconds()))


def shortest_interval(job: JobText) -> timedelta | None:
    """The shortest time between two runs of one entry; None if unknown."""
    found = (_shortest(job, entry) for entry in entries_of(job))
    return min((one for one in found if one is not None), default=None)


def _shortest(job: JobText, entry: Setting) -> timedelta | None:
    every = entry.part("every") if isinstance(entry.value, Mapping) else None
    if every is not None:
        return parse_duration(every.text)
    text, zone = cron_text(entry), entry_zone(job, entry)
    if text is None or isinstance(parse_cron(text), CronProblem) or load_zone(zone) is None:
        return None
    return _distances(text, zone, _days_rule(entry))[0]


def cron_text(entry: Setting) -> str | None:
    """The cron expression of an entry, if it is one."""
    cron = entry.part("cron") if isinstance(entry.value, Mapping) else entry
    return None if cron is None else " ".join(cron.text.split())


def _days_rule(entry: Setting) -> DayRule:
    given = entry.value.get("days") if isinstance(entry.value, Mapping) else None
    return DayRule(given) if given in ("both", "either") else DayRule.CRON


@lru_cache(maxsize=4096)
def _distances(text: str, zone: str, days: DayRule) -> tuple[timedelta | None, timedelta | None]:
    """The shortest interval between fires on two ordinary days, and the longest within a month or more."""
    entry = (CronEntry(cron=text, timezone=zone, days=days),)
    near = [fire.at for fire in fires(entry, after=_ORDINARY, until=_ORDINARY + _SHORT_LOOK)]
    shortest = min((after - before for before, after in pairwise(near)), default=None)
    if len(near) > 100:
        return shortest, None
    far = [fire.at for fire in fires(entry, after=_ORDINARY, until=_ORDINARY + _LONG_LOOK)]
    return shortest, max((after - before for before, after in pairwise(far)), default=None)


def check_spread(job: JobText) -> Iterator[Diagnostic]:
    """JF314: the delay is below the spread; it must end before the next run, or their order could change."""
    for entry in entries_of(job):
        spread = entry.part("spread") if isinstance(entry.value, Mapping) else None
        length = duration_of(spread)
        shortest = _shortest(job, entry) if spread is not None else None
        if spread is not None and length is not None and shortest is not None and length > shortest:
            yield finding(
                spread,
                "JF314",
                f"a spread of {format_duration(length)} is longer than "
                f"the {format_duration(shortest)} between runs",
                label="a run could start after the next one is due",
                help=(f"use at most {format_duration(shortest)}",),
            )
        elif spread is not None and length is not None:
            yield from _check_spread_fits_deadline(job, spread, length)


def _check_spread_fits_deadline(job: JobText, spread: Setting, length: timedelta) -> Iterator[Diagnostic]:
    """JF314: a deadline counts from the nominal time, so a delay of that length would miss every run."""
    setting = job.settings.get("start_deadline")
    deadline = duration_of(setting)
    if setting is not None and deadline is not None and length >= deadline:
        yield finding(
            spread,
            "JF314",
            f"a spread of {format_duration(length)} is not smaller than "
            f"the start_deadline of {format_duration(deadline)}",
            label="the delay could pass the deadline",
            help=(f"use less than {format_duration(deadline)}, or a longer `start_deadline`",),
        )


def check_tries_have_pauses(payload: Payload) -> Iterator[Diagnostic]:
    """JF629: many attempts with little delay put load on the system that just failed."""
    setting = payload.settings.get("retry")
    if setting is None or any(part is None for part in _delays_read(setting)):
        return
    retry = retry_of(setting)
    if retry.attempts < MANY_TRIES:
        return
    waits = [_wait(retry, attempt) for attempt in range(1, min(retry.attempts, MOST_COUNTED))]
    mean = sum(waits, timedelta()) / len(waits)
    if mean < MIN_MEAN_WAIT:
        yield finding(
            setting.part("delay") or setting,
            "JF629",
            f"{retry.attempts:,} attempts with less than a second between them",
            label="a program that fails immediately is restarted again and again",
            help=("wait longer:  delay: 10s", "or use fewer attempts:  attempts: 3"),
        )


MANY_TRIES: Final = 10
MOST_COUNTED: Final = 1_000
"""Maximum attempts whose delays are added up."""
MIN_MEAN_WAIT: Final = timedelta(seconds=1)


def _wait(retry: RetrySpec, attempt: int) -> timedelta:
    factor = {Backoff.EXPONENTIAL: 2 ** min(attempt - 1, 40), Backoff.LINEAR: attempt, Backoff.FIXED: 1}
    seconds = min(retry.delay.total_seconds() * factor[retry.backoff], retry.max_delay.total_seconds())
    return timedelta(seconds=seconds)


def _delays_read(setting: Setting) -> list[timedelta | None]:
    """The delays in the file; None for one that is not a duration."""
    if not isinstance(setting.value, Mapping):
        return []
    written = [setting.part(key) for key in ("delay", "max_delay")]
    return [parse_duration(one.text) for one in written if one is not None]


def check_expect_can_hold(job: JobText) -> Iterator[Diagnostic]:
    """JF615: an expectation that no run can meet would report healthy jobs as late."""
    setting = job.settings.get("expect")
    if setting is None:
        return
    done_by, every = setting.part("done_by"), setting.part("success_every")
    if done_by is not None:
        yield from _check_done_by(job, done_by)
    wanted = duration_of(every)
    longest = longest_interval(job)
    if every is not None and wanted and longest is not None and wanted < longest:
        yield finding(
            every,
            "JF615",
            f"a success every {format_duration(wanted)} is impossible: "
            f"the time between runs is up to {format_duration(longest)}",
            label="the job would be late without a failure",
            help=(f"set more than {format_duration(longest)}",),
        )


def longest_interval(job: JobText) -> timedelta | None:
    """The longest time between two runs of a job with one entry, if nothing else can start it."""
    entries = list(entries_of(job))
    if len(entries) != 1 or "triggers" in job.settings or job.is_unsure("triggers", "schedule"):
        return None
    entry = entries[0]
    if isinstance(entry.value, Mapping) and any(
        key in entry.value for key in ("calendar", "from", "until", "at", "business_day")
    ):
        return None
    every = entry.part("every") if isinstance(entry.value, Mapping) else None
    if every is not None:
        return parse_duration(every.text)
    text, zone = cron_text(entry), entry_zone(job, entry)
    if text is None or isinstance(parse_cron(text), CronProblem) or load_zone(zone) is None:
        return None
    return _distances(text, zone, _days_rule(entry))[1]


def _check_done_by(job: JobText, done_by: Setting) -> Iterator[Diagnostic]:
    wanted = parse_time(done_by.text)
    for entry in entries_of(job):
        first = first_time(entry)
        if wanted is not None and first is not None and first >= wanted:
            yield finding(
                done_by,
                "JF615",
                f"a success by {wanted:%H:%M} is impossible: the first run of a day starts at {first:%H:%M}",
                label="before the job has started",
                help=("set a time after the start that leaves enough time for the run",),
            )
            return


def first_time(entry: Setting) -> time | None:
    """The first local time of day at which an entry fires; None if it has none."""
    if isinstance(entry.value, Mapping):
        at = entry.part("time")
        if at is not None:
            return parse_time(at.text)
    text = cron_text(entry)
    parsed = None if text is None else parse_cron(text)
    if parsed is None or isinstance(parsed, CronProblem):
        return None
    hour, minute = ((bits & -bits).bit_length() - 1 for bits in (parsed.hour, parsed.minute))
    return time(hour, minute)


def check_not_over(job: JobText, now: datetime) -> Iterator[Diagnostic]:
    """JF309, JF628: an entry in the past starts nothing."""
    for entry in entries_of(job):
        if not isinstance(entry.value, Mapping):
            continue
        zone = entry_zone(job, entry)
        at, until = entry.part("at"), entry.part("until")
        if at is not None:
            moments = [parse_moment(one.text, zone) for one in at.entries()]
            known = [one for one in moments if isinstance(one, datetime)]
            if known and len(known) == len(moments) and max(known) <= now:
                yield finding(
                    at,
                    "JF309",
                    f"`at` is in the past: {at.text or max(known).date()}",
                    label="never fires",
                    help=("remove the schedule or the job; the history is kept",),
                )
        last = None if until is None else parse_date(until.text)
        loaded = load_zone(zone)
        if until is not None and last is not None and loaded and last < now.astimezone(loaded).date():
            yield finding(
                until,
                "JF628",
                f"the schedule ended on {last}: the job never fires again",
                label="this day is past",
                help=("remove the entry, or set a later day",),
            )
