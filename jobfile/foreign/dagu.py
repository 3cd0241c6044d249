"""DAGs of dagu."""

import re
from collections.abc import Mapping
from typing import Any, Final  # a value of a DAG

from jobfile.foreign.draft import (
    Draft,
    invalid_schedule,
    is_long,
    literal,
    more,
    present,
    schedules_of,
    script_of,
    seconds,
    slug,
    words_of,
)
from jobfile.foreign.foreign_text import ForeignText, below, maps, text_of, texts_of
from jobfile.foreign.kind import Format, Sign

MAX_STEPS: Final = 6
_ACTIONS: Final = ("command", "run", "script", "call", "executor", "action", "child", "parallel", "depends")
_OWN_KEYS: Final = (
    *(
        "handlerOn",
        "handler_on",
        "maxActiveRuns",
        "max_active_runs",
        "histRetentionDays",
        "hist_retention_days",
    ),
    *(
        "logDir",
        "log_dir",
        "preconditions",
        "mailOn",
        "mail_on",
        "smtp",
        "dotenv",
        "skipIfSuccessful",
        "type",
    ),
)
_OF_OTHERS: Final = (
    "jobs",
    "version",
    "trigger",
    "pool",
    "pr",
    "kind",
    "pipeline",
    "runs",
    "apiVersion",
    "on",
)
"""Keys of tools whose files have `steps` at the top too, and of job files."""
_LEFT_OUT: Final = ("params", *_OWN_KEYS[:-1], "queue", "precondition")


def _find(given: ForeignText) -> Sign | None:
    if not given.has_keys("steps"):
        return None
    top = given.top
    if "steps" not in top or any(key in top for key in _OF_OTHERS):
        return None
    steps = top["steps"]
    is_list = isinstance(steps, list) and bool(steps) and all(_is_step(one) for one in steps)
    is_map = isinstance(steps, dict) and any(key in top for key in _OWN_KEYS)
    place = given.key("steps") or given.first_line()
    return Sign("a dagu DAG", place, "a list of steps at the top") if is_list or is_map else None


def _is_step(step: object) -> bool:
    if isinstance(step, str):
        return True
    return isinstance(step, dict) and any(key in step for key in _ACTIONS)


def _first_job(given: ForeignText) -> Draft | None:
    top = given.top
    steps = _steps(top)
    if not steps:
        return None
    left_out = [f"`{key}`" for key in _LEFT_OUT if top.get(key)]
    written = _written(steps[:MAX_STEPS], is_graph=_is_graph(top, steps), left_out=left_out)
    if not written:
        return None
    schedule = top.get("schedule")
    whens = texts_of(below(schedule, "start") if isinstance(schedule, dict) else schedule)
    zone = ""
    if whens and whens[0].startswith("CRON_TZ="):
        zone = whens[0].split()[0].partition("=")[2]
        whens = [one.partition(" ")[2] if one.startswith("CRON_TZ=") else one for one in whens]
    settings: dict[str, Any] = {
        **(schedules_of(whens) if whens else {}),
        **present(timezone=zone, env=_env(top.get("env"), left_out)),
        **present(timeout=seconds(top.get("timeoutSec", top.get("timeout_sec")))),
    }
    only = next(iter(written.values()))
    settings |= (
        {key: only[key] for key in only if key != "needs"} if len(written) == 1 else {"steps": written}
    )
    file = given.source.name.replace("\\", "/").rpartition("/")[2].partition(".")[0]
    name = text_of(top.get("name")) or file
    left_out += [*more(len(steps) - MAX_STEPS, "step"), *invalid_schedule(whens)]
    return Draft(name=slug(name), settings=settings, left_out=left_out)


def _steps(top: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The steps in their order; one that is a text is a command."""
    given = top.get("steps")
    if isinstance(given, dict):
        return [{"name": name, **one} for name, one in given.items() if isinstance(one, dict)]
    items = given if isinstance(given, list) else []
    return [
        {"command": one} if isinstance(one, str) else one for one in items if isinstance(one, (str, dict))
    ]


def _is_graph(top: Mapping[str, Any], steps: list[Mapping[str, Any]]) -> bool:
    """Whether a step without `depends` waits for nothing."""
    return top.get("type") == "graph" or ("type" not in top and any("depends" in one for one in steps))


def _written(
    steps: list[Mapping[str, Any]], *, is_graph: bool, left_out: list[str]
) -> dict[str, dict[str, Any]]:
    """The steps as steps of the language, by their names."""
    found: dict[str, dict[str, Any]] = {}
    for number, step in enumerate(steps, 1):
        name = slug(text_of(step.get("id")) or text_of(step.get("name")) or f"step {number}", glue="_")
        action = _action(step, name)
        if action is None or name in found:
            left_out.append(f"the step `{name}`")
            continue
        needs = [slug(one, glue="_") for one in texts_of(step.get("depends"))]
        known = [one for one in needs if one in found]
        is_allowed = below(step, "continueOn", "failure") is True or step.get("continue_on") == "failed"
        limit = below(step, "retryPolicy", "limit")
        found[name] = {
            **({"needs": known} if known or (is_graph and number > 1) else {}),
            **({"working_dir": step["dir"]} if isinstance(step.get("dir"), str) else {}),
            **({"retry": limit + 1} if isinstance(limit, int) and 0 < limit < 20 else {}),
            **({"allow_failure": True} if is_allowed else {}),
            **action,
        }
    if len(found) == 1:
        next(iter(found.values())).pop("allow_failure", None)
    return found


def _action(step: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    if any(key in step for key in ("executor", "call", "parallel", "action", "child")):
        return None
    script = text_of(step.get("script") or step.get("run"))
    command = step.get("command")
    if isinstance(command, list) and not script:
        return {"command": [literal(one) for one in texts_of(command)]}
    program = text_of(command)
    if script and program.rpartition("/")[2] not in ("", "sh", "bash"):
        if is_long(script) or not re.match(r"(?:\S*/)?(?:python[\d.]*|zsh|dash)$", program):
            return None
        return {"command": [*map(literal, words_of(program)), "-c", literal(script)]}
    text = script or program
    return script_of(text, name=name) if text else None


def _env(given: object, left_out: list[str]) -> dict[str, str]:
    """The variables that are not made of others."""
    found: dict[str, str] = {}
    for one in maps(given):
        found |= {key: text_of(value) for key, value in one.items()}
    for line in given if isinstance(given, list) else []:
        if isinstance(line, str) and "=" in line:
            key, _, value = line.partition("=")
            found[key] = value
    plain = {key: value for key, value in found.items() if key.isidentifier() and not set(value) & {"$", "`"}}
    left_out += [f"`{key}`" for key in found if key not in plain]
    return {key: literal(value) for key, value in plain.items()}


DAGU: Final = Format("dagu", _find, _first_job)
