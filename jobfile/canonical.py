"""A compiled job as plain data and back: what is hashed, stored in a generation and compared."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import timedelta
from typing import Any  # plain JSON data has no narrower type

from jobfile.model import (
    Action,
    Backoff,
    CatchupMode,
    CatchupSpec,
    CommandAction,
    ConcurrencySpec,
    CronEntry,
    DayRule,
    EveryEntry,
    Jitter,
    JobSpec,
    OverlapPolicy,
    ParamSpec,
    ParamType,
    RetrySpec,
    ScheduleEntry,
    ScriptAction,
    Value,
)

Plain = dict[str, Any]


def to_plain(value: object) -> Any:  # noqa: ANN401  JSON data
    """Plain data for a value of the model: durations as seconds, mappings by sorted key."""
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
        return int(seconds) if seconds.is_integer() else seconds
    if isinstance(value, (str, int, float)) or value is None:
        return value
    if is_dataclass(value):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(value[key]) for key in sorted(value)}
    if isinstance(value, Sequence):
        return [to_plain(item) for item in value]
    raise AssertionError(f"{type(value).__name__} is not a value of the model")


def canonical_json(plain: object) -> str:
    """The one text for plain data: sorted keys, no spaces, ASCII."""
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def digest(text: str) -> str:
    """The hash of a canonical text, 64 hexadecimal digits."""
    from hashlib import sha256  # noqa: PLC0415  start-up time: commands that only read need no hash

    return sha256(text.encode()).hexdigest()


def spec_to_json(spec: JobSpec) -> str:
    """The canonical text of a job."""
    return canonical_json(to_plain(spec))


def spec_from_json(text: str) -> JobSpec:
    """The job whose canonical text this is."""
    plain: Plain = json.loads(text)
    return JobSpec(
        **{
            **plain,
            "action": _action(plain["action"]),
            "tags": tuple(plain["tags"]),
            "schedule": schedule_from_plain(plain["schedule"]),
            "params": tuple(_param(param) for param in plain["params"]),
            "vars": {name: _value(value) for name, value in plain["vars"].items()},
            "timeout": _seconds(plain["timeout"]),
            "kill_grace": timedelta(seconds=plain["kill_grace"]),
            "retry": _retry(plain["retry"]),
            "concurrency": _concurrency(plain["concurrency"]),
            "catchup": catchup_from_plain(plain["catchup"]),
        }
    )


def schedule_from_plain(plain: Sequence[Plain]) -> tuple[ScheduleEntry, ...]:
    """The entries of a schedule from their plain form."""
    return tuple(_entry(entry) for entry in plain)


def catchup_from_plain(plain: Plain) -> CatchupSpec:
    """A catch-up policy from its plain form."""
    return CatchupSpec(
        mode=CatchupMode(plain["mode"]), window=_seconds(plain["window"]), limit=plain["limit"]
    )


def _seconds(value: float | None) -> timedelta | None:
    return None if value is None else timedelta(seconds=value)


def _value(value: Any) -> Value:  # noqa: ANN401  JSON data
    return tuple(value) if isinstance(value, list) else value


def _action(plain: Plain) -> Action:
    if "argv" in plain:
        return CommandAction(argv=tuple(plain["argv"]))
    return ScriptAction(
        text=plain["text"],
        compiled=plain["compiled"],
        values=tuple(plain["values"]),
        shell=tuple(plain["shell"]),
    )


def _entry(plain: Plain) -> ScheduleEntry:
    arguments = {name: _value(value) for name, value in plain["arguments"].items()}
    if "every" in plain:
        every = timedelta(seconds=plain["every"])
        return EveryEntry(every=every, timezone=plain["timezone"], arguments=arguments)
    return CronEntry(
        cron=plain["cron"], timezone=plain["timezone"], days=DayRule(plain["days"]), arguments=arguments
    )


def _param(plain: Plain) -> ParamSpec:
    item_type = plain["item_type"]
    return ParamSpec(
        **{
            **plain,
            "type": ParamType(plain["type"]),
            "item_type": None if item_type is None else ParamType(item_type),
            "default": _value(plain["default"]),
            "enum": tuple(plain["enum"]),
        }
    )


def _retry(plain: Plain) -> RetrySpec:
    return RetrySpec(
        attempts=plain["attempts"],
        delay=timedelta(seconds=plain["delay"]),
        backoff=Backoff(plain["backoff"]),
        max_delay=timedelta(seconds=plain["max_delay"]),
        jitter=Jitter(plain["jitter"]),
        when=tuple(plain["when"]),
    )


def _concurrency(plain: Plain) -> ConcurrencySpec:
    policy = plain["on_overlap"]
    return ConcurrencySpec(
        limit=plain["limit"],
        key=plain["key"],
        on_overlap=None if policy is None else OverlapPolicy(policy),
        max_waiting=plain["max_waiting"],
    )
