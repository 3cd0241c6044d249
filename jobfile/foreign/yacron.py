"""Configurations of yacron and cronstable."""

from collections.abc import Mapping
from typing import Any, Final  # a value of a configuration

from jobfile.foreign.draft import (
    Draft,
    invalid_schedule,
    literal,
    present,
    schedules_of,
    script_of,
    seconds,
    slug,
    unset_variables,
)
from jobfile.foreign.foreign_text import ForeignText, below, maps, text_of, texts_of
from jobfile.foreign.kind import Format, Sign

_POLICIES: Final[Mapping[str, Mapping[str, Any]]] = {
    "Allow": {"concurrency": {"limit": "none"}},
    "Forbid": {},
    "Replace": {"concurrency": {"on_overlap": "cancel_running"}},
}
_FIELDS: Final = ("minute", "hour", "dayOfMonth", "month", "dayOfWeek")
_LEFT_OUT: Final = (
    *("onPermanentFailure", "onSuccess", "failsWhen", "captureStderr", "user", "group", "env_file"),
    *("statsd", "saveLimit", "streamPrefix", "clusterPolicy", "maxLineLength"),
)


def _find(given: ForeignText) -> Sign | None:
    if not given.has_keys("jobs") or not given.has_keys("name"):
        return None
    jobs = given.top.get("jobs")
    is_known = isinstance(jobs, list) and any(_is_job(one) for one in maps(jobs))
    place = given.key("jobs") or given.first_line()
    return Sign("a yacron configuration", place, "a list of jobs") if is_known else None


def _is_job(job: Mapping[str, Any]) -> bool:
    return "name" in job and ("schedule" in job or "command" in job)


def _first_job(given: ForeignText) -> Draft | None:
    job = next(one for one in maps(given.top["jobs"]) if _is_job(one))
    defaults = below(given.top, "defaults")
    merged = {**(defaults if isinstance(defaults, dict) else {}), **job}
    name = slug(text_of(merged.get("name")))
    command = merged.get("command")
    shell = text_of(merged.get("shell")) or "/bin/sh"
    action: dict[str, Any]
    if isinstance(command, list):
        action = {"command": [literal(one) for one in texts_of(command)]}
    elif text_of(command):
        action = script_of(text_of(command), shell=shell, name=name)
    else:
        return None
    when = _cron(merged.get("schedule"))
    is_boot = when == "@reboot"
    zone = text_of(merged.get("timezone"))
    env = _env(merged.get("environment"))
    left_out = [f"`{key}`" for key in _LEFT_OUT if merged.get(key)]
    left_out += ["`onFailure.report`"] if below(merged, "onFailure", "report") else []
    left_out += [] if is_boot else invalid_schedule([when])
    settings = {
        **({"triggers": [{"boot": True}]} if is_boot else schedules_of([when])),
        **present(timezone=zone, env=env, pass_env=unset_variables(text_of(command), env)),
        **({"enabled": False} if merged.get("enabled") is False else {}),
        **present(timeout=seconds(merged.get("executionTimeout"))),
        **present(kill_grace=seconds(merged.get("killTimeout"))),
        **_POLICIES.get(text_of(merged.get("concurrencyPolicy")) or "Allow", {}),
        **_retry(below(merged, "onFailure", "retry")),
        **action,
    }
    notes = [] if zone or merged.get("utc") is not False else ["`utc: false` means the time zone of the host"]
    return Draft(name=name, settings=settings, left_out=left_out, notes=notes)


def _cron(schedule: object) -> str:
    """A schedule as one text; a map has a key for each field."""
    if isinstance(schedule, dict):
        return " ".join(text_of(schedule.get(field)) or "*" for field in _FIELDS)
    return text_of(schedule)


def _env(given: object) -> dict[str, str]:
    found = {text_of(one.get("key")): text_of(one.get("value")) for one in maps(given)}
    return {key: literal(value) for key, value in found.items() if key.isidentifier()}


def _retry(given: object) -> dict[str, Any]:
    most = below(given, "maximumRetries")
    if not isinstance(most, int) or isinstance(most, bool) or not 0 < most < 20:
        return {}
    delay, longest = seconds(below(given, "initialDelay")), seconds(below(given, "maximumDelay"))
    return {"retry": {"attempts": most + 1, **present(delay=delay, max_delay=longest)}}


YACRON: Final = Format("yacron", _find, _first_job)
