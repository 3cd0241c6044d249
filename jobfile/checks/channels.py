"""Rules about when a channel waits, and about the digest that it gets."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final

from jobfile.checks.fields import no_duration
from jobfile.checks.finding import finding, unknown_name
from jobfile.checks.places import check_zone
from jobfile.checks.references import check_calendar_name, check_calendar_names
from jobfile.checks.schedules import check_schedules
from jobfile.compile.actions import texts_of
from jobfile.compile.timing import entries_of
from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.files.digests import DigestText, digests_of
from jobfile.files.fileset import FileSet
from jobfile.files.merged_settings import Setting, map_at
from jobfile.schedule.dates import parse_hours
from jobfile.schedule.duration import format_duration, parse_duration

SHORTEST_REPEAT: Final = timedelta(minutes=1)
LONGEST_REPEAT: Final = timedelta(days=7)
_ONLY_FOR_RUNS: Final = ("with", "spread")
"""Keys of a schedule entry that a digest cannot use."""


def check_quiet(files: FileSet) -> Iterator[Diagnostic]:
    """JF102, JF106, JF110, JF203, JF305, JF308: a channel is quiet at known times, and not always."""
    for name in map_at(files.main, ("channels",)):
        quiet = Setting(
            map_at(files.main, ("channels", name, "quiet")), ("channels", name, "quiet"), files.main
        )
        hours, calendar, zone = quiet.part("hours"), quiet.part("calendar"), quiet.part("timezone")
        spared, repeat = quiet.part("except"), quiet.part("repeat")
        if hours is not None:
            yield from _check_hours(hours)
        if calendar is not None:
            yield from check_calendar_name(files, calendar)
        if zone is not None:
            yield from check_zone(zone)
        if repeat is not None:
            yield from _check_repeat(repeat)
        if spared is not None and hours is calendar is None and not quiet.is_unsure("hours", "calendar"):
            yield finding(
                spared,
                "JF102",
                "`except` needs `hours` or `calendar`",
                label="the channel never waits, so there is no exception",
                help=('add  hours: "22:00-07:00"',),
                at_key=True,
            )


def _check_hours(hours: Setting) -> Iterator[Diagnostic]:
    parsed = parse_hours(hours.text)
    if parsed is None:
        yield finding(
            hours,
            "JF308",
            f"`{hours.text[:40]}` is not a range of hours",
            label="expected HH:MM-HH:MM",
            help=('from "00:00" to "23:59", such as  hours: "22:00-07:00"',),
        )
    elif parsed[0] == parsed[1]:
        yield finding(
            hours,
            "JF106",
            "these hours are the whole day",
            label="the channel would always wait, and send nothing",
            help=("set a different end, or remove the channel from `notify`",),
        )


def _check_repeat(repeat: Setting) -> Iterator[Diagnostic]:
    parsed = parse_duration(repeat.text)
    if parsed is None:
        yield no_duration(repeat, "repeat")
    elif not SHORTEST_REPEAT <= parsed <= LONGEST_REPEAT:
        least, most = format_duration(SHORTEST_REPEAT), format_duration(LONGEST_REPEAT)
        yield finding(
            repeat,
            "JF106",
            f"`repeat` must be from {least} to {most}, found `{repeat.text}`",
            label="how soon the same event of a job may be sent again",
        )


def check_digests(files: FileSet) -> Iterator[Diagnostic]:
    """JF109, JF203, JF216, JF301-JF314: a digest has times, and is about jobs that exist."""
    for digest in digests_of(files):
        yield from check_calendar_names(digest)
        yield from check_schedules(digest)
        yield from _check_entries(digest)
        if files.is_whole:
            yield from _check_choice(digest)


def _check_entries(digest: DigestText) -> Iterator[Diagnostic]:
    for entry in entries_of(digest):
        for key in _ONLY_FOR_RUNS if isinstance(entry.value, Mapping) else ():
            part = entry.part(key)
            if part is not None:
                yield finding(
                    part,
                    "JF109",
                    f"`{key}` and `digest` exclude each other",
                    label="a digest is not a run: it has no params and no delay",
                    help=("remove it",),
                    at_key=True,
                )


def _check_choice(digest: DigestText) -> Iterator[Diagnostic]:
    jobs = digest.files.jobs.values()
    owner, tags = digest.here.part("owner"), digest.here.part("tags")
    owners = sorted({job.settings["owner"].text for job in jobs if "owner" in job.settings})
    there = sorted({tag for job in jobs for tag in texts_of(job.settings.get("tags"))})
    asked = [(owner, "owner", owners)] if owner is not None else []
    asked += [(tag, "tag", there) for tag in (() if tags is None else tags.parts())]
    for one, kind, known in asked:
        if one.text not in known and not any(job.is_unsure("owner", "tags") for job in jobs):
            yield unknown_name(
                one, "JF216", kind, known, label="no job has it", known=f"no job has any {kind}"
            )
