"""Rules about time zones: a zone is a place whose clocks are known."""

from collections.abc import Iterator

from jobfile.checks.finding import finding
from jobfile.diagnostic import Diagnostic
from jobfile.jobtext import JobText
from jobfile.settings import Setting
from jobfile.suggest import did_you_mean, suggest
from jobfile.zones import load_zone, zone_names

FIXED_ZONES = frozenset(
    {"EST", "MST", "HST", "CET", "MET", "EET", "WET", "EST5EDT", "CST6CDT", "MST7MDT", "PST8PDT"}
)
"""Names that are an offset without the summer time of any place, or a leftover of old systems."""
_ZONE_MEANT = {
    "EST": "America/New_York",
    "EST5EDT": "America/New_York",
    "CST6CDT": "America/Chicago",
    "MST": "America/Denver",
    "MST7MDT": "America/Denver",
    "PST8PDT": "America/Los_Angeles",
    "HST": "Pacific/Honolulu",
    "CET": "Europe/Paris",
    "MET": "Europe/Paris",
    "EET": "Europe/Athens",
    "WET": "Europe/Lisbon",
}


def check_timezone(job: JobText) -> Iterator[Diagnostic]:
    """JF305, JF626: a zone is a place whose clocks are known."""
    if "timezone" in job.settings:
        yield from check_zone(job.settings["timezone"])


def check_zone(setting: Setting) -> Iterator[Diagnostic]:
    """JF305, JF626 for the name of a zone."""
    name = setting.text
    if load_zone(name) is None:
        near = suggest(name, zone_names())
        yield finding(
            setting,
            "JF305",
            f"unknown time zone `{name[:60]}`",
            label="not in the time zone database",
            help=(did_you_mean(near),) if near else ("use a name such as Europe/Oslo or UTC",),
            fix=near[0] if len(near) == 1 else None,
        )
    elif name in FIXED_ZONES:
        meant = _ZONE_MEANT[name]
        yield finding(
            setting,
            "JF626",
            f"zone `{name}` is a fixed offset or a leftover, not a place",
            label="no summer time of any place",
            help=(f"name the place whose clocks you mean, such as {meant}",),
        )
