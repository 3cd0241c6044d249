"""Rules about the times in `at`."""

from collections.abc import Iterator
from datetime import datetime

from jobfile.checks.finding import finding
from jobfile.compile.timing import entry_zone
from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.files.fileset import JobText
from jobfile.files.merged_settings import Setting
from jobfile.schedule.dates import parse_moment, second_moment
from jobfile.schedule.zones import load_zone


def check_moments(job: JobText, entry: Setting) -> Iterator[Diagnostic]:
    """JF308, JF630: each time can be read, exists, and occurs once."""
    at = entry.part("at")
    assert at is not None
    zone = entry_zone(job, entry)
    for one in at.entries():
        found = parse_moment(one.text, zone)
        if isinstance(found, str) and found:
            yield finding(one, "JF308", f"`{one.text[:40]}` is not a date and time", label=found)
        elif isinstance(found, datetime):
            second = second_moment(one.text, zone)
            if second is not None:
                yield _there_twice(one, zone, first=found, second=second)


def _there_twice(setting: Setting, zone: str, *, first: datetime, second: datetime) -> Diagnostic:
    """JF630: the local time is one of two instants."""
    loaded = load_zone(zone)
    earlier, later = first.astimezone(loaded), second.astimezone(loaded)
    return finding(
        setting,
        "JF630",
        f"`{setting.text}` occurs twice in {zone}",
        label=f"{earlier:%H:%M %Z} comes first, then {later:%H:%M %Z}",
        notes=(f"the first is used: {first:%Y-%m-%dT%H:%MZ}",),
        help=(f"for the second, write  {second:%Y-%m-%dT%H:%MZ}",),
    )
