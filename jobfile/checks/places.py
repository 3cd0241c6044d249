"""Rules about time zones: a zone is a place with known clock changes."""

from collections.abc import Iterator
from typing import Final

from jobfile.checks.finding import finding
from jobfile.compile.timing import entries_of, own_zone, zone_of
from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.diagnostics.suggest import did_you_mean, suggest
from jobfile.expressions.template import find_slots, has_template
from jobfile.files.fileset import JobText, Payload
from jobfile.files.merged_settings import Setting
from jobfile.model.regex import regex
from jobfile.schedule.zones import load_zone, zone_names

FIXED_ZONES = frozenset(
    {"EST", "MST", "HST", "CET", "MET", "EET", "WET", "EST5EDT", "CST6CDT", "MST7MDT", "PST8PDT"}
)
"""Names that are a fixed offset without daylight saving time, or an old name of no place."""
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
    """JF305, JF626: a zone is a place with known clock changes."""
    if "timezone" in job.settings:
        yield from check_zone(job.settings["timezone"])


def check_zone_of_times(job: JobText) -> Iterator[Diagnostic]:
    """JF435: a job formats a time in its own zone, but a schedule entry has a different one."""
    if job.is_unsure("timezone", "schedule"):
        return
    zone = zone_of(job)
    zones = [one for one in map(own_zone, entries_of(job)) if one is not None]
    others = [one for one in zones if one.text != zone and load_zone(one.text) is not None]
    if not others or load_zone(zone) is None:
        return
    user = next((name for payload in job.payloads for name in _times_used(payload)), None)
    if user is None:
        return
    given = "timezone" in job.settings
    label = f"the job's zone is {zone}" if given else f"the job has no timezone, so its zone is {zone}"
    yield finding(
        others[0],
        "JF435",
        f"{user} is in {zone}, but this entry fires in {others[0].text}",
        label=label,
        notes=("templates, TZ and the variables JOBFILE_… use the job's zone, where the date can differ",),
        help=(
            f"set the job's own zone:  timezone: {others[0].text}",
            f"or name the zone of the time:  {{{{ run.scheduled_at | in_zone('{others[0].text}') }}}}",
        ),
    )


_TIME_NAMES: Final = regex(r"\brun\.(?:scheduled_at|started_at|previous_success)\b|\bdate\(")
_NAMES_ZONE: Final = regex(r"\bin_zone\(|%[zZ]")
"""With one of these, a template names the zone of its time."""
_TIME_VARIABLES: Final = regex(
    r"\$\{?(JOBFILE_(?:SCHEDULED_AT|NOT_BEFORE|PREV_SUCCESS_AT|INTERVAL_START|INTERVAL_END))\b"
)


def _times_used(payload: Payload) -> Iterator[str]:
    """The first time that a job or step formats in its zone, as named in a message."""
    settings = [payload.settings[key] for key in _WITH_TIMES if key in payload.settings]
    for text in (text for setting in (*settings, *payload.env.values()) for text in setting.texts()):
        for slot in find_slots(text.text)[0] if has_template(text.text) else ():
            if _TIME_NAMES.search(slot.source) and not _NAMES_ZONE.search(slot.source):
                yield f"`{{{{ {slot.source.strip()} }}}}`"
        variable = _TIME_VARIABLES.search(text.text)
        if variable:
            yield f"`${variable[1]}`"


_WITH_TIMES: Final = ("run", "command", "http", "working_dir", "idempotency_key", "concurrency")


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
    elif name in FIXED_ZONES or name in _NO_PLACES:
        meant = _ZONE_MEANT.get(name, "Europe/Oslo")
        yield finding(
            setting,
            "JF626",
            f"zone `{name}` is a fixed offset or an old name, not a place",
            label="fixed offset: no daylight saving time",
            help=(f"name a place, such as {meant}",),
        )
    else:
        yield from _with_offset(setting, name)


_NO_PLACES: Final = frozenset({"Factory", "localtime", "posixrules"})
_OFFSET: Final = regex(r"Etc/GMT([+-])(\d{1,2})")


def _with_offset(setting: Setting, name: str) -> Iterator[Diagnostic]:
    """JF626 for `Etc/GMT+5`, which is usually written UTC-5."""
    found = _OFFSET.fullmatch(name)
    if found is None or int(found[2]) == 0:
        return
    sign, hours = found[1], int(found[2])
    is_west = sign == "+"
    place = "west of UTC: behind it" if is_west else "east of UTC: ahead of it"
    usual = f"UTC{'-' if is_west else '+'}{hours}"
    other = f"Etc/GMT{'-' if is_west else '+'}{hours}"
    length = "one hour" if hours == 1 else f"{hours} hours"
    yield finding(
        setting,
        "JF626",
        f"zone `{name}` is {length} {place}",
        label=f"this is usually written {usual}",
        notes=("the sign is reversed in these names; the offset is the same all year",),
        help=(
            "name a place, such as America/New_York",
            f"or, for {length} {'ahead of' if is_west else 'behind'} UTC, write {other}",
        ),
    )
