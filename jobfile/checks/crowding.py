"""JF606: many jobs that start in the same minute."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Final

from jobfile.checks.finding import finding
from jobfile.checks.intervals import cron_text
from jobfile.compile.timing import entries_of, entry_zone
from jobfile.diagnostics.diagnostic import Diagnostic, Edit, Fix
from jobfile.files.fileset import FileSet, JobText
from jobfile.files.merged_settings import Setting
from jobfile.model.jobs import DayRule
from jobfile.schedule.cron import CronExpression, parse_cron
from jobfile.schedule.day_sets import MatchingDays
from jobfile.schedule.local_times import EPOCH_DAY, days_between

CROWD: Final = 4
"""From this number of jobs in one minute on, each further job is reported."""
MOST_MINUTES: Final = 24
"""A job that starts more often than this in a day is not compared: it has no time of day of its own."""

_FIRST: Final = date(2027, 1, 1).toordinal() - EPOCH_DAY
_LAST: Final = date(2027, 12, 31).toordinal() - EPOCH_DAY
"""An ordinary year, used to compare days."""


@dataclass(slots=True)
class _Minute:
    """The jobs of one local minute: the days of the year with one, two or three jobs; and how many in all."""

    once: int = 0
    twice: int = 0
    thrice: int = 0
    jobs: int = 0

    def crowds(self, days: int) -> bool:
        """Add a job that starts on these days; return whether three others start on any of them."""
        is_crowd = bool(self.thrice & days)
        self.thrice |= self.twice & days
        self.twice |= self.once & days
        self.once |= days
        self.jobs += 1
        return is_crowd


def check_crowds(files: FileSet) -> Iterator[Diagnostic]:
    """JF606: the fourth job in a minute is reported, and each one after it."""
    minutes: dict[tuple[str, int], _Minute] = {}
    for job in files.jobs.values():
        told = False
        for entry in entries_of(job):
            for key, days in _starts(job, entry):
                minute = minutes.setdefault(key, _Minute())
                if minute.crowds(days) and not told:
                    told = True
                    yield _crowded(entry, key[1], minute.jobs)


def _starts(job: JobText, entry: Setting) -> Iterator[tuple[tuple[str, int], int]]:
    """The local minutes at which an entry fires, each with the days of the year."""
    if job.settings.get("enabled") is not None and job.settings["enabled"].value is False:
        return
    if entry.is_unsure() or job.is_unsure("enabled"):
        return
    if not isinstance(entry.value, str) and entry.part("spread") is not None:
        return
    text = cron_text(entry)
    if text is None:
        return
    given = None if isinstance(entry.value, str) else entry.value.get("days")
    minutes, days = _parsed(text, DayRule(given) if given in ("both", "either") else DayRule.CRON)
    zone = entry_zone(job, entry)
    for minute in minutes:
        yield (zone, minute), days


@lru_cache(maxsize=16_384)
def _parsed(text: str, rule: DayRule) -> tuple[tuple[int, ...], int]:
    parsed = parse_cron(text, days=rule)
    if not isinstance(parsed, CronExpression):
        return (), 0
    hours = [hour for hour in range(24) if parsed.hour >> hour & 1]
    minutes = [minute for minute in range(60) if parsed.minute >> minute & 1]
    if len(hours) * len(minutes) > MOST_MINUTES:
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


def _crowded(entry: Setting, minute: int, jobs: int) -> Diagnostic:
    clock = f"{minute // 60:02}:{minute % 60:02}"
    is_text = isinstance(entry.value, str)
    cron = entry if is_text else entry.part("cron") or entry
    found = finding(
        cron,
        "JF606",
        f"{jobs} jobs start at {clock} on the same day",
        label="they all start together",
        help=(
            "spread them:  {cron: …, spread: 20m}  gives each job its own fixed delay",
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
    edit = Edit(span=span, text=f"{{cron: {text}, spread: 20m}}")
    fix = Fix(title="spread the starts over 20 minutes", edits=(edit,), safe=False)
    return replace(found, fixes=(fix,))
