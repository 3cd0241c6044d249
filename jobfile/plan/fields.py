"""Compares two versions of a job: the fields that differ, in the order and words of the language."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Final, cast

from jobfile.actions.registry import KEYS, key_of, kind_of
from jobfile.checks.plain_secrets import looks_like_secret
from jobfile.model.canonical import canonical_json, to_plain
from jobfile.model.jobs import (
    Action,
    ChannelSpec,
    CronEntry,
    JobSpec,
    ParamSpec,
    SimpleAction,
    StepsAction,
    StepSpec,
)
from jobfile.model.keys import key_of_field
from jobfile.plan.values import FieldChange, Kind
from jobfile.schedule.cron import CronExpression, parse_cron

Path = tuple[str, ...]

_ORDER: Final = (
    *("title", "description", "owner", "tags", "enabled", "schedule", "triggers", "timezone"),
    *("catchup", "expect"),
    *("params", "matrix", "condition", "action", "working_dir", "vars", "env", "env_file"),
    *("pass_env", "secrets"),
    *("container", "user", "umask", "new_privileges", "nice", "io", "limits"),
    *("timeout", "kill_grace", "retry", "concurrency", "start_deadline", "deadline"),
    *("runs_on", "queue", "priority", "idempotent"),
    *("idempotency_key", "pause_on_failure", "skip_exit", "outputs", "artifacts", "notify"),
    *("ping", "renamed_from"),
)
"""The order of a job's fields."""
_SETS: Final = frozenset(
    {"tags", "when", "pass_env", "artifacts", "skip_exit", "enum", "needs", "matrix", "triggers"}
)
"""Lists that show only added and removed items."""


def changed_fields(before: JobSpec, after: JobSpec) -> tuple[FieldChange, ...]:
    """Every field in which two jobs differ, except the name."""
    assert {*_ORDER, "name"} == {one.name for one in fields(JobSpec)}
    found: list[FieldChange] = []
    for name in _ORDER:
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            found += _field(name, old, new, ())
    return tuple(map(_hidden, found))


def whole_fields(job: JobSpec) -> tuple[FieldChange, ...]:
    """The fields of a new job to show beside its schedule and owner: all that differ from the defaults."""
    known = {"action": job.action, "schedule": job.schedule, "timezone": job.timezone, "owner": job.owner}
    plain = replace(JobSpec(name=job.name, action=job.action), **known)  # type: ignore[arg-type]  # its own fields
    told = changed_fields(plain, job)
    word = key_of(job.action)
    if isinstance(job.action, StepsAction):
        action = FieldChange((word,), None, tuple(step.name for step in job.action.steps))
    else:
        (action,) = _action((), None, job.action)
    return (_hidden(action), *told)


def _field(name: str, old: object, new: object, above: Path) -> Iterator[FieldChange]:
    path = (*above, key_of_field(name, above))
    if name == "schedule":
        yield from _list(path, old, new, Kind.SCHEDULE)
    elif name == "action":
        yield from _action(above, cast("Action", old), cast("Action", new))
    elif name in _SETS:
        yield from _list(path, old, new, Kind.LIST)
    else:
        yield from _differences(path, old, new)


def _differences(path: Path, old: object, new: object) -> Iterator[FieldChange]:
    """The differences below a path: part by part if both sides have parts, else as a whole."""
    if old == new:
        return
    parts = _parts(old, new)
    if parts is None:
        yield FieldChange(path, old, new)
        return
    has_fields = is_dataclass(old) or is_dataclass(new)  # otherwise users chose the names of the parts
    for name, (one, other) in parts.items():
        if one != other:
            below = _field(name, one, other, path) if has_fields else _differences((*path, name), one, other)
            yield from below


def _parts(old: object, new: object) -> dict[str, tuple[object, object]] | None:
    """The parts of two values by name, None for a missing part; None if the values have no parts."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return {str(key): (old.get(key), new.get(key)) for key in sorted({*old, *new})}
    if _is_named(old) and _is_named(new):
        before, after = _by_name(old), _by_name(new)
        return {key: (before.get(key), after.get(key)) for key in {**before, **after}}
    if is_dataclass(old) and type(old) is type(new):
        names = [one.name for one in fields(old) if one.name != "name" or not isinstance(old, StepSpec)]
        return {name: (getattr(old, name), getattr(new, name)) for name in names}
    return None


def _is_named(value: object) -> bool:
    return isinstance(value, tuple) and all(
        isinstance(one, ParamSpec | StepSpec | ChannelSpec) for one in value
    )


def _by_name(value: object) -> dict[str, object]:
    assert isinstance(value, tuple)
    return {one.name: one for one in value}


def _action(above: Path, old: Action | None, new: Action | None) -> Iterator[FieldChange]:
    """The action; a different kind of action is one field removed and one added."""
    if old is None or new is None or type(old) is not type(new):
        present = [(side, one) for side, one in (("before", old), ("after", new)) if one is not None]
        # The same order in both directions of time.
        for side, value in sorted(present, key=lambda one: KEYS.index(key_of(one[1]))):
            told, kind = _as_written(value)
            sides = {"before": None, "after": None, side: told}
            yield FieldChange((*above, key_of(value)), sides["before"], sides["after"], kind)
        return
    path = (*above, key_of(old))
    if isinstance(old, StepsAction) and isinstance(new, StepsAction):
        yield from _steps(path, old, new)
    elif not isinstance(old, StepsAction) and not isinstance(new, StepsAction):
        yield from _differences(path, old, new) if kind_of(old).has_parts else _written(above, old, new)


def _written(above: Path, old: SimpleAction, new: SimpleAction) -> Iterator[FieldChange]:
    """The keys of an action that differ; the one that names it where only its compiled form does."""
    pairs = list(zip(kind_of(old).written(old), kind_of(new).written(new), strict=True))
    for before, after in [(one, other) for one, other in pairs if one != other] or pairs[:1]:
        kind = Kind.SCRIPT if before.is_script else Kind.VALUE
        yield FieldChange((*above, before.key), before.value, after.value, kind)


def _steps(path: Path, old: StepsAction, new: StepsAction) -> Iterator[FieldChange]:
    before = {step.name: step for step in old.steps}
    after = {step.name: step for step in new.steps}
    for name in {**before, **after}:
        one, other = before.get(name), after.get(name)
        if one is None or other is None:
            told = [None if step is None else _as_written(step.action)[0] for step in (one, other)]
            kind = _as_written((one or other).action)[1]  # type: ignore[union-attr]  # one of them is there
            yield FieldChange((*path, name), told[0], told[1], kind)
        else:
            yield from _differences((*path, name), one, other)
    shared = [name for name in before if name in after]
    if shared != [name for name in after if name in before]:
        yield FieldChange((*path, "order"), tuple(before), tuple(after))


def _as_written(action: Action) -> tuple[object, Kind]:
    """The action as written in the file."""
    if isinstance(action, StepsAction):
        return tuple(step.name for step in action.steps), Kind.VALUE
    first = kind_of(action).written(action)[0]
    return first.value, Kind.SCRIPT if first.is_script else Kind.VALUE


def _list(path: Path, old: object, new: object, kind: Kind) -> Iterator[FieldChange]:
    """The items that only one side has, in its order; a change of order alone is not a difference."""
    before, after = (() if side is None else side for side in (old, new))
    assert isinstance(before, tuple)
    assert isinstance(after, tuple)
    forms = [{normal_form(one) for one in side} for side in (before, after)]
    gone = tuple(one for one in before if normal_form(one) not in forms[1])
    come = tuple(one for one in after if normal_form(one) not in forms[0])
    if gone or come:
        yield FieldChange(path, gone, come, kind)


def normal_form(item: object) -> str:
    """A canonical text for the meaning of an item: a cron expression becomes its sets."""
    plain = to_plain(item)
    if isinstance(item, CronEntry):
        parsed = parse_cron(item.cron, days=item.days)
        assert isinstance(parsed, CronExpression), f"cron expression {item.cron} was checked"
        plain["cron"] = [
            *(parsed.minute, parsed.hour, parsed.day_of_month, parsed.month, parsed.day_of_week),
            *(str(parsed.special_days_of_month), str(parsed.special_days_of_week)),
            *(parsed.is_fixed, parsed.is_either),
        ]
        del plain["days"]
    return canonical_json(plain)


def _hidden(change: FieldChange) -> FieldChange:
    """A change, marked as hidden if a side must not be shown."""
    if "secrets" in change.path:
        return change  # the names of places, never the secrets
    texts = [pair for side in (change.before, change.after) for pair in _texts(change.path[-1], side)]
    names = [(name, text) for _, text in texts for name in change.path]
    return change._replace(is_hidden=any(looks_like_secret(name, text) for name, text in (*texts, *names)))


def _texts(name: str, value: object) -> Iterator[tuple[str, str]]:
    """Every text in a value, with its name."""
    if isinstance(value, str) and not isinstance(value, Enum):
        yield name, value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from _texts(str(key), one)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for one in value:
            yield from _texts(name, one)
    elif is_dataclass(value):
        for field in fields(value):
            yield from _texts(field.name, getattr(value, field.name))
