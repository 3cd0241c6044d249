"""Units of systemd: timers and services."""

import re
from datetime import timedelta
from typing import Any, Final  # settings of a job

from jobfile.foreign.calendar_events import cron_of
from jobfile.foreign.draft import (
    Draft,
    literal,
    needs_shell,
    present,
    script_of,
    slug,
    words_of,
)
from jobfile.foreign.foreign_text import ForeignText
from jobfile.foreign.ini import Section, first_section, section_of, sections
from jobfile.foreign.kind import Format, Sign
from jobfile.schedule.duration import format_duration, meant_duration, parse_duration

_UNITS: Final = {
    "Timer": "a systemd timer",
    "Service": "a systemd service",
    "Socket": "a systemd unit",
    "Path": "a systemd unit",
    "Mount": "a systemd unit",
    "Automount": "a systemd unit",
    "Target": "a systemd unit",
    "Container": "a Podman unit of systemd",
    "Install": "a systemd unit",
    "Unit": "a systemd unit",
}
"""The sections of units, those that identify a file best first."""
_SPAN: Final = re.compile(r"(\d++(?:\.\d++)?)[ \t]*+([A-Za-z]*+)[ \t]*+")
_PREFIX: Final = re.compile(r"[-@:+!|]*")
_SPECIFIER: Final = re.compile(r"%[A-Za-z]")
_MOST_SPREAD: Final = timedelta(minutes=30)
_LEFT_OUT: Final = (
    *(
        "ExecStartPre",
        "ExecStartPost",
        "EnvironmentFile",
        "Nice",
        "IOSchedulingClass",
        "MemoryMax",
        "CPUQuota",
    ),
    *("Restart", "RandomizedDelaySec", "OnFailure", "ConditionPathExists"),
)


def _find(given: ForeignText) -> Sign | None:
    first = first_section(given)
    if first is None or first.name not in _UNITS:
        return None
    names = {one.name for one in sections(given)}
    title = next(title for name, title in _UNITS.items() if name in names)
    return Sign(title, first.place, "a section of a unit")


def _first_job(given: ForeignText) -> Draft | None:
    names = {one.name for one in sections(given)}
    if "Timer" in names:
        return _of_timer(given, section_of(given, "Timer"))
    return _of_service(given, section_of(given, "Service")) if "Service" in names else None


def _of_timer(given: ForeignText, timer: Section) -> Draft:
    own = _own_name(given, "timer")
    service = timer.get("Unit") or f"{own}.service"
    schedule, left_out = _schedule(timer)
    settings: dict[str, Any] = present(schedule=schedule)
    if schedule and timer.get("Persistent").lower() not in ("true", "yes", "on", "1"):
        settings["catchup"] = "none"
    settings["command"] = ["systemctl", "start", "--wait", service]
    name = slug(re.sub(r"\.\w+$", "", service))
    note = f"the command is in `{service}`: with its `ExecStart` here, the unit is not needed"
    return Draft(name=name, settings=settings, left_out=left_out, notes=(note,))


def _schedule(timer: Section) -> tuple[object, list[str]]:
    """The schedule of a timer, and what it leaves out."""
    events = timer.all("OnCalendar")
    found = [(event, cron_of(event)) for event in events]
    left_out = [f"`OnCalendar={event[:40]}`" for event, entry in found if entry is None]
    entries: list[Any] = [dict(entry) for _, entry in found if entry is not None]
    for key in ("OnUnitActiveSec", "OnUnitInactiveSec"):
        period = time_span(timer.get(key))
        entries += [{"every": period}] if period else []
    left_out += [f"`{key}`" for key in ("OnBootSec", "OnStartupSec", "OnActiveSec") if timer.get(key)]
    spread = time_span(timer.get("RandomizedDelaySec"))
    if spread and (parse_duration(spread) or timedelta()) <= _MOST_SPREAD:
        entries = [{**entry, "spread": spread} for entry in entries]
    elif spread:
        left_out.append("`RandomizedDelaySec`")
    plain = [entry["cron"] if entry.keys() == {"cron"} else entry for entry in entries]
    return (plain[0] if len(plain) == 1 else plain), left_out


def time_span(text: str) -> str:
    """A time span of systemd, as in `1h 30min`, as a duration; empty for any other text."""
    total, at = timedelta(), 0
    while at < len(text):
        part = _SPAN.match(text, at)
        length = parse_duration(meant_duration(f"{part[1]}{part[2]}") or "") if part else None
        if part is None or length is None:
            return ""
        total, at = total + length, part.end()
    return format_duration(total) if total else ""


def _of_service(given: ForeignText, service: Section) -> Draft | None:
    own = _own_name(given, "service")
    commands = [_PREFIX.sub("", one, count=1).strip() for one in service.all("ExecStart")]
    if not commands:
        return None
    left_out = [f"`{key}`" for key in _LEFT_OUT if service.get(key)]
    user = service.get("User")
    texts = (*commands, *service.all("Environment"), service.get("WorkingDirectory"), user)
    if any(_SPECIFIER.search(text) for text in texts):
        note = "systemd fills in words such as `%i`, so the job starts the unit"
        unit = f"{own}NAME.service" if own.endswith("@") else f"{own}.service"
        settings: dict[str, Any] = {"command": ["systemctl", "start", "--wait", unit]}
        return Draft(name=slug(own), settings=settings, notes=(note,))
    words = [words_of(one) for one in service.all("Environment")]
    env = dict(word.split("=", 1) for line in words for word in line if "=" in word)
    folder = service.get("WorkingDirectory").lstrip("-")
    timeout = time_span(service.get("TimeoutStartSec") or service.get("RuntimeMaxSec"))
    settings = present(working_dir="" if folder == "~" else folder, env=env, timeout=timeout)
    script = script_of("\n".join(commands), name=own)
    settings |= present(user="" if user == "root" else user)
    if len(commands) == 1 and not needs_shell(commands[0]):
        settings["command"] = [literal(word) for word in words_of(commands[0])]
    else:
        settings |= {"run": script["run"]}
    return Draft(name=slug(own), settings=settings, left_out=left_out)


def _own_name(given: ForeignText, kind: str) -> str:
    """The name of the unit, which is that of its file."""
    file = re.split(r"[/\\]", given.source.name)[-1]
    return file.removesuffix(f".{kind}") if file.endswith(f".{kind}") else re.sub(r"\.\w+$", "", file)


SYSTEMD: Final = Format("systemd", _find, _first_job)
