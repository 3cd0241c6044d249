"""Crontabs, of users and of the system."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final  # settings of a job

from jobfile.foreign.draft import (
    Draft,
    invalid_schedule,
    name_of,
    present,
    schedules_of,
    script_of,
)
from jobfile.foreign.foreign_text import ForeignText, Line
from jobfile.foreign.kind import Format, Sign

_FIRST: Final = r"[*\d][\w*/,~#-]*+"
_LAST: Final = rf"(?:{_FIRST}|[A-Za-z]{{3,9}}(?:[-,/#][\w,#/-]*+)?)"
_ENTRY: Final = re.compile(rf"(-?{_FIRST}(?:[ \t]++{_FIRST}){{2}}(?:[ \t]++{_LAST}){{2}})[ \t]++(\S.*)")
_SHORT: Final = re.compile(
    r"(@(?:reboot|yearly|annually|monthly|weekly|daily|midnight|hourly|every_minute))[ \t]++(\S.*)",
    re.IGNORECASE,
)
_SETTING: Final = re.compile(r"""([A-Za-z_]\w*)[ \t]*+=[ \t]*+(.*)""", re.ASCII)
_HEADER: Final = re.compile(r"(?m)^#[#* \t]*+m(?:in(?:ute)?)?[ \t]++h(?:our)?[ \t]++(?:dom|day|d)\b.*$")
_USER: Final = re.compile(r"([a-z_][a-z0-9_-]*+)[ \t]++(\S.*)")
_KNOWN_USERS: Final = frozenset(
    (
        *("root", "nobody", "daemon", "backup", "www-data", "apache", "nginx", "http", "postgres", "mysql"),
        *("redis", "git", "ubuntu", "debian", "ec2-user"),
    )
)
_SYSTEM_FILES: Final = re.compile(r"(?:^|/)(?:cron\.d/|(?:etc/|system\.|ana)crontab$)|\.cron\.d$")
_SYSTEM_HEADER: Final = re.compile(r"(?m)^#.*\bdow\b.*\buser\b")
_SPECIAL: Final = (
    "MAILTO",
    "MAILFROM",
    "SHELL",
    "CRON_TZ",
    "TZ",
    "RANDOM_DELAY",
    "START_HOURS_RANGE",
    "LOGNAME",
    "USER",
)
_NOT_SET_HERE: Final = ("MAILTO", "MAILFROM", "RANDOM_DELAY", "START_HOURS_RANGE")
_LOOKS_AT: Final = 50
"""Lines that are read to recognise a crontab."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A line with a command: its time in five fields or as a word, and what follows."""

    at: Line
    when: str
    rest: str


def _entries(given: ForeignText) -> Iterator[_Entry]:
    for line in given.lines:
        found = _ENTRY.fullmatch(line.text) or _SHORT.fullmatch(line.text)
        if found is not None:
            yield _Entry(at=line, when=found[1], rest=found[2])


def _find(given: ForeignText) -> Sign | None:
    """A crontab: its first line, or most of its first lines, are entries (not settings); or by its header."""
    lines = [line for line in given.lines[:_LOOKS_AT] if not _SETTING.fullmatch(line.text)]
    starts = {one.at.start for one in _entries(given)}
    count = sum(line.start in starts for line in lines)
    if lines and (lines[0].start in starts or 2 * count > len(lines)):
        entry = next(_entries(given))
        place = (entry.at.start, entry.at.start + len(entry.when))
        label = "a time, then a command" if entry.when[0] == "@" else "a time in five fields, then a command"
        return Sign("a crontab", place, label)
    header = _HEADER.search(given.text)
    if header is not None and not lines:
        return Sign("a crontab", header.span(), "the columns of a crontab")
    return None


def _first_job(given: ForeignText) -> Draft | None:
    entry = next(_entries(given), None)
    if entry is None:
        return None
    given_settings = _settings(given, entry)
    shell = given_settings.get("SHELL", "/bin/sh")
    zone = given_settings.get("CRON_TZ", "")
    user, command = _user(given, entry)
    command, has_input = _unescaped(command)
    name = name_of(command)
    env = {key: value for key, value in given_settings.items() if key not in _SPECIAL}
    action = script_of(command, shell=shell, name=name)
    if user not in ("", "root"):
        action = {"user": user, **action}
    when = entry.when.lower().removeprefix("-")
    is_boot = when == "@reboot"
    when = {"@every_minute": "* * * * *"}.get(when, when)
    left_out = [f"`{key}`" for key in _NOT_SET_HERE if given_settings.get(key)]
    left_out += ["the input after `%`"] if has_input else []
    left_out += [] if is_boot else invalid_schedule([when])
    settings: dict[str, Any] = {
        **({"triggers": [{"boot": True}]} if is_boot else schedules_of([when])),
        **present(timezone=zone, env=env),
        **action,
    }
    return Draft(
        name=name, settings=settings, left_out=left_out, notes=tuple(_notes(is_boot=is_boot, zone=zone))
    )


def _notes(*, is_boot: bool, zone: str) -> Iterator[str]:
    if not (is_boot or zone):
        yield "cron uses the time zone of the host; a job is in UTC unless it has `timezone`"


def _settings(given: ForeignText, entry: _Entry) -> dict[str, str]:
    """The variables that are set above an entry."""
    found = {}
    for line in given.lines:
        if line.start >= entry.at.start:
            break
        setting = _SETTING.fullmatch(line.text)
        if setting is not None:
            value = setting[2].strip()
            is_quoted = len(value) > 1 and value[0] in "\"'" and value[-1] == value[0]
            found[setting[1]] = value[1:-1] if is_quoted else value
    return found


def _user(given: ForeignText, entry: _Entry) -> tuple[str, str]:
    """The user of an entry in a crontab of the system, and the command."""
    found = _USER.fullmatch(entry.rest)
    if found is None:
        return "", entry.rest
    is_system = _SYSTEM_FILES.search(given.source.name) or _SYSTEM_HEADER.search(given.text)
    return (found[1], found[2]) if is_system or found[1] in _KNOWN_USERS else ("", entry.rest)


def _unescaped(command: str) -> tuple[str, bool]:
    """A command without the part after a bare `%`, which cron passes as input; and whether there is one."""
    parts = re.split(r"(?<!\\)%", command, maxsplit=1)
    return parts[0].rstrip().replace("\\%", "%"), len(parts) > 1


CRONTAB: Final = Format("crontab", _find, _first_job)
