"""Flows of Kestra."""

from collections.abc import Mapping
from typing import Any, Final  # a value of a flow

from jobfile.foreign.draft import (
    Draft,
    invalid_schedule,
    is_long,
    more,
    present,
    schedules_of,
    script_of,
    slug,
)
from jobfile.foreign.foreign_text import ForeignText, maps, text_of, texts_of
from jobfile.foreign.kind import Format, Sign

_LEFT_OUT: Final = ("inputs", "variables", "listeners", "errors", "afterExecution", "pluginDefaults")
_SCRIPTS: Final = {
    "python": ("python3", "py"),
    "node": ("node", "js"),
    "ruby": ("ruby", "rb"),
    "r": ("Rscript", "R"),
}
_GROUPS: Final = (
    "Sequential",
    "Parallel",
    "WorkingDirectory",
    "ForEach",
    "If",
    "Dag",
    "EachParallel",
    "EachSequential",
)


def _find(given: ForeignText) -> Sign | None:
    if not given.has_keys("id", "namespace", "tasks"):
        return None
    is_flow = all(key in given.top for key in ("id", "namespace", "tasks"))
    place = given.key("namespace") or given.first_line()
    return Sign("a Kestra flow", place, "a key of a flow") if is_flow else None


def _first_job(given: ForeignText) -> Draft | None:
    flow = given.top
    tasks = _flat(maps(flow.get("tasks")), 0)
    name = slug(text_of(flow.get("id")))
    found = next(((task, action) for task in tasks if (action := _action(task, name))), None)
    if found is None:
        return None
    task, action = found
    cron = next((one for one in maps(flow.get("triggers")) if text_of(one.get("cron"))), {})
    whens = texts_of(cron.get("cron"))
    left_out = [f"`{key}`" for key in _LEFT_OUT if flow.get(key)]
    left_out += [
        f"`{key}`" for key in ("containerImage", "docker", "taskRunner", "beforeCommands") if task.get(key)
    ]
    settings: dict[str, Any] = {
        **(schedules_of(whens) if whens else {}),
        **present(timezone=text_of(cron.get("timezone"))),
        **({"enabled": False} if flow.get("disabled") is True else {}),
        **action,
    }
    left_out += [*more(len(tasks) - 1, "task"), *invalid_schedule(whens)]
    return Draft(name=name, settings=settings, left_out=left_out)


def _flat(tasks: list[Mapping[str, Any]], depth: int) -> list[Mapping[str, Any]]:
    """The tasks that do something, those inside groups too."""
    found: list[Mapping[str, Any]] = []
    for task in tasks:
        kind = text_of(task.get("type")).rpartition(".")[2]
        inner = (
            maps(task.get("tasks")) if "tasks" in task else maps(task.get("then")) if "then" in task else []
        )
        is_group = kind in _GROUPS and depth < len(_GROUPS)
        found += _flat(inner, depth + 1) if is_group else [task]
    return found


def _action(task: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """What a task does, if it is a script, a request or a line for the log; None for any other."""
    kind = text_of(task.get("type"))
    language = next((one for one in _SCRIPTS if f".{one}." in kind), "")
    texts = [*texts_of(task.get("commands")), *texts_of(task.get("script"))]
    if any("{{" in text for text in (*texts, *texts_of(task.get("uri")), *texts_of(task.get("message")))):
        return None
    if kind.endswith(".Script") and language:
        program, ending = _SCRIPTS[language]
        return {"command": [program, f"{slug(name)}.{ending}"]}
    if kind.endswith((".Commands", ".Script")) and texts:
        script = script_of("\n".join(texts), name=name)
        return {"run": script["run"]}  # Kestra stops at the first error, as `sh -e` does
    if kind.endswith(".http.Request") and text_of(task.get("uri")):
        method = text_of(task.get("method")).upper()
        return {
            "http": {"url": text_of(task["uri"]), **({} if method in ("", "GET") else {"method": method})}
        }
    message = text_of(task.get("message"))
    is_log = kind.endswith(".Log") and message and not is_long(message)
    return {"command": ["echo", message]} if is_log else None


KESTRA: Final = Format("kestra", _find, _first_job)
