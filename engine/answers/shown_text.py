"""The answer of `show` as text: every key in force, in the order and words of the language."""

import json
from collections.abc import Mapping
from datetime import timedelta

from engine.answers.shown import Shown
from jobfile.actions.kind import Written
from jobfile.actions.registry import kind_of
from jobfile.compile import DEFAULT_QUEUE
from jobfile.diagnostics.escapes import printable
from jobfile.model.canonical import Plain, to_plain
from jobfile.model.jobs import (
    Action,
    EnvFile,
    HttpAction,
    JobSpec,
    StepsAction,
    StepSpec,
)
from jobfile.model.keys import key_of_field
from jobfile.schedule.duration import format_duration

Row = tuple[str, str]


def shown_to_text(shown: Shown) -> str:
    """A line for each value, followed by where it was written, if that is known."""
    lines = [printable(f"{shown.spec.name}:  # {shown.about}")]
    for key, text in _lines(shown.spec):
        first, *rest = printable_lines(text)
        lines.append(f"  {key}: {first}".rstrip() + _origin_of(key, shown.origins))
        lines += [f"    {line}".rstrip() for line in rest]
    return "\n".join(lines)


def _origin_of(key: str, origins: Mapping[str, str] | None) -> str:
    """Where the value of a key comes from: its own place, or that of the nearest key above."""
    if origins is None:
        return ""
    parts = key.split(".")
    above = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    nearest = next((origins[one] for one in above if one in origins), None)
    return printable(f"  # {nearest or 'built in'}")


def printable_lines(text: str) -> list[str]:
    """The lines of a text, free of terminal control sequences."""
    return [printable(line) for line in text.rstrip("\n").split("\n")]


def _lines(spec: JobSpec) -> list[Row]:
    """Key and value of everything in force, in the order and words of the language."""
    plain: Plain = to_plain(spec)
    rows = [("title", spec.title)] if spec.title else []
    rows += [(key, _value(plain.get(key, ""))) for key in ("description", "owner", "tags", "enabled")]
    schedule = [_value(_entry(one)) for one in plain.get("schedule", ())]
    rows += [("schedule", "\n".join(["", *schedule]) if schedule else "none")]
    rows += [("triggers", "\n".join(["", *map(_value, plain["triggers"])]))] if spec.triggers else []
    rows += [("timezone", spec.timezone)]
    rows += [("catchup", _value(_keys(_durations(plain["catchup"], "window"), "catchup")))]
    rows += [
        (
            "expect",
            _value(_durations(plain.get("expect", {}), "success_every", "max_duration", "min_duration")),
        )
    ]
    rows += [(f"params.{one['name']}", _value(_short(one))) for one in plain.get("params", ())]
    rows += [("matrix", "\n".join(["", *map(_value, plain["matrix"])]))] if spec.matrix else []
    rows += [("if", spec.condition or "")]
    rows += [row for step in _steps_of(spec) for row in _step_rows(step, spec)]
    rows += _action_rows(spec.action)
    rows += [("working_dir", spec.working_dir or ""), ("pass_env", _value(list(spec.pass_env)))]
    rows += [(f"env.{name}", text) for name, text in sorted(spec.env.items())]
    rows += [("env_file", _value([_env_file(one) for one in spec.env_file]))]
    rows += [(f"secrets.{name}", text) for name, text in sorted(spec.secrets.items())]
    rows += [
        *((f"container.{key}", _value(value)) for key, value in plain.get("container", {}).items()),
        ("user", spec.user or ""),
        ("umask", spec.umask or ""),
        ("new_privileges", "true" if spec.new_privileges else ""),
        ("nice", "" if spec.nice is None else str(spec.nice)),
        ("io", spec.io or ""),
        *((f"limits.{key}", _value(value)) for key, value in plain.get("limits", {}).items()),
        ("timeout", format_duration(spec.timeout) if spec.timeout else "none"),
        ("kill_grace", format_duration(spec.kill_grace)),
        ("retry", _value(_durations(plain["retry"], "delay", "max_delay"))),
        ("concurrency", _value({"limit": "none", **plain["concurrency"]})),
        ("deadline", format_duration(spec.deadline) if spec.deadline else ""),
        ("start_deadline", format_duration(spec.start_deadline) if spec.start_deadline else ""),
        ("runs_on", _value(list(spec.runs_on))),
        ("queue", spec.queue.name if spec.queue else DEFAULT_QUEUE),
        ("priority", str(spec.priority)),
        ("idempotent", _value(spec.idempotent)),
        ("idempotency_key", spec.idempotency_key or ""),
        ("pause_on_failure", str(spec.pause_on_failure or "")),
    ]
    rows += [("skip_exit", _value(list(spec.skip_exit)))]
    rows += [(f"outputs.{one['name']}", _value(_short(one))) for one in plain.get("outputs", ())]
    rows += [("artifacts", _value(list(spec.artifacts)))]
    rows += [
        (f"notify.{event}", _value([channel.name for channel in channels]))
        for event, channels in sorted(spec.notify.items())
    ]
    rows += [("ping", spec.ping)]
    rows += [("renamed_from", spec.renamed_from or "")]
    return [(key, text) for key, text in rows if text not in ("", "[]", "{}") or _may_be_empty(key)]


def _env_file(one: EnvFile) -> object:
    return {"path": one.path, "secret": True} if one.secret else one.path


def _may_be_empty(key: str) -> bool:
    """Whether an empty value means something: a variable that is set, a step that waits for no other."""
    return key.startswith("env.") or ".env." in key or key.endswith(".needs")


def _steps_of(spec: JobSpec) -> tuple[StepSpec, ...]:
    return spec.action.steps if isinstance(spec.action, StepsAction) else ()


def _action_rows(action: Action) -> list[Row]:
    if isinstance(action, StepsAction):
        return []  # each step has rows of its own
    if isinstance(action, HttpAction):
        return [("http", _value(to_plain(action)))]
    return [_written_row(one) for one in kind_of(action).written(action)]


def _written_row(one: Written) -> Row:
    if one.is_script:
        return one.key, f"|\n{one.value}"
    return one.key, one.value if isinstance(one.value, str) else _value(to_plain(one.value))


def _step_rows(step: StepSpec, job: JobSpec) -> list[Row]:
    """What a step says itself, and not what it has from its job."""
    rows = [
        ("description", step.description),
        ("needs", _value(list(step.needs))),
        ("if", step.condition or ""),
        ("for_each", step.for_each or ""),
    ]
    if step.for_each:
        rows.append(("max_parallel", str(step.max_parallel)))
    rows += _action_rows(step.action)
    plain = to_plain(step)
    rows += [("working_dir", (step.working_dir or "") if step.working_dir != job.working_dir else "")]
    for key, own, shared in (("env", step.env, job.env), ("secrets", step.secrets, job.secrets)):
        rows += [(f"{key}.{name}", text) for name, text in sorted(own.items() - shared.items())]
    if step.container != job.container:
        rows.append(("container", _value(plain.get("container", "none"))))
    rows += [
        ("env_file", _value([_env_file(one) for one in step.env_file]) if step.env_file else ""),
        ("timeout", format_duration(step.timeout) if step.timeout else ""),
        (
            "retry",
            _value(_durations(plain["retry"], "delay", "max_delay")) if step.retry.attempts > 1 else "",
        ),
        ("allow_failure", "true" if step.allow_failure else ""),
        ("skip_exit", _value(list(step.skip_exit)) if step.skip_exit else ""),
    ]
    rows += [(f"outputs.{one['name']}", _value(_short(one))) for one in plain.get("outputs", ())]
    return [(f"steps.{step.name}.{key}", text) for key, text in rows]


def _entry(plain: Plain) -> Plain:
    """A schedule entry in the words of the file."""
    entry = _keys(plain)
    if "calendar" in entry:
        entry["calendar"] = entry["calendar"]["name"]
    return _durations(entry, "every", "spread")


def _durations(plain: Plain, *keys: str) -> Plain:
    return {
        key: format_duration(timedelta(seconds=value)) if key in keys and value is not None else value
        for key, value in plain.items()
    }


def _short(param: Plain) -> Plain:
    """A param in the words of the file: its name is above it, and with a default it is not required."""
    implied = ("name", "is_required")
    return _keys(
        {key: value for key, value in param.items() if key not in implied and value not in (None, "", [])}
    )


def _keys(plain: Plain, *above: str) -> Plain:
    """Fields by the keys that they have in a file."""
    return {key_of_field(name, above): value for name, value in plain.items()}


def _value(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return value if isinstance(value, str) else json.dumps(value)
