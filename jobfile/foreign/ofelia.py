"""Ofelia's ini files: jobs that run in containers of Docker."""

import re
from typing import Any, Final  # settings of a job

from jobfile.foreign.draft import (
    Draft,
    docker_run,
    literal,
    present,
    schedule_of,
    script_of,
    words_of,
)
from jobfile.foreign.foreign_text import ForeignText
from jobfile.foreign.ini import Section, first_section, sections
from jobfile.foreign.kind import Format, Sign

_JOB: Final = re.compile(r"""job-(exec|run|local|service-run)(?:[ \t]++["']?([^"']*)["']?)?""")
_NOT_HERE: Final = (
    "save-folder",
    "slack-webhook",
    "smtp-host",
    "mail-only-on-error",
    "volume",
    "network",
    "tty",
)


def _find(given: ForeignText) -> Sign | None:
    first = first_section(given)
    if first is None:
        return None
    if first.name == "global" and re.search(r"(?m)^[ \t]*+\[job-", given.text):
        return Sign("an Ofelia configuration", first.place, "a section of an ini file")
    if _JOB.fullmatch(first.name):
        return Sign("an Ofelia configuration", first.place, "a job of Ofelia")
    return None


def _first_job(given: ForeignText) -> Draft | None:
    for section in sections(given):
        found = _JOB.fullmatch(section.name)
        if found is not None:
            return _drafted(section, found[1], found[2] or "job")
    return None


def _drafted(section: Section, kind: str, name: str) -> Draft | None:
    command = section.get("command")
    action = _action(section, kind, command, name)
    if action is None:
        return None
    when, has_seconds = _without_seconds(section.get("schedule"))
    schedule = schedule_of(when)
    left_out = [f"`{key}`" for key in _NOT_HERE if section.get(key)]
    left_out += [] if schedule else [f"the schedule `{section.get('schedule')[:40]}`"]
    left_out += ["the seconds of the schedule"] if has_seconds else []
    settings: dict[str, Any] = present(schedule=schedule)
    if section.get("no-overlap") != "true":
        settings["concurrency"] = {"limit": "none"}
    environment = dict(one.split("=", 1) for one in section.all("environment") if "=" in one)
    settings |= present(env=environment if kind == "local" else {}, working_dir=section.get("dir"))
    return Draft(name=name, settings={**settings, **action}, left_out=left_out)


def _action(section: Section, kind: str, command: str, name: str) -> dict[str, Any] | None:
    words = words_of(command)
    if kind == "local":
        return script_of(command, name=name) if command else None
    if kind == "exec":
        user = ["-u", section.get("user")] if section.get("user") else []
        container = section.get("container")
        return {"command": ["docker", "exec", *user, container, *map(literal, words)]} if container else None
    image = section.get("image")
    if kind == "run" and not image and section.get("container"):
        return {"command": ["docker", "start", "--attach", section.get("container")]}
    return {"command": docker_run(image, words)} if image else None


def _without_seconds(text: str) -> tuple[str, bool]:
    """A schedule without the first of its six fields, the seconds; and whether that was not just 0."""
    fields = text.split()
    is_six = len(fields) == 6 and not text.startswith("@")
    return (" ".join(fields[1:]), fields[0] not in ("0", "00")) if is_six else (text, False)


OFELIA: Final = Format("ofelia", _find, _first_job)
