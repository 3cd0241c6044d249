"""Placeholders for values that only a real run has: shown by name and type, never guessed and never empty."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from jobfile.expressions.expression import EvaluationError, evaluate
from jobfile.expressions.template import (
    evaluate_source,
    find_slots,
    parse_expression,
    render_items,
    render_value,
    to_text,
)
from jobfile.model.jobs import AfterTrigger, FileTrigger, JobSpec, ParamSpec, StepSpec
from jobfile.model.values import Value

UNKNOWN: Final = "⟨"
"""The first character of a placeholder."""


class StillUnknownError(Exception):
    """An expression needs a value that is not known before the run."""

    def __init__(self, path: str, type_: str) -> None:
        """`path` is the name of the value, `type_` its type."""
        super().__init__(path)
        self.path = path
        self.type = type_

    @property
    def text(self) -> str:
        """The placeholder."""
        return f"⟨{self.path}: {self.type}⟩"


class Unknowns(Mapping[str, object]):
    """Names of which some have a value, and the others only a type."""

    def __init__(
        self,
        path: str,
        known: Mapping[str, object],
        types: Mapping[str, str],
        read: set[str] | None = None,
    ) -> None:
        """`path` is the common first part of the names; `read` collects those of several parts."""
        self._path = path
        self._known = known
        self._types = types
        self.read: set[str] = set() if read is None else read
        """The whole names without a value that an expression has read."""

    def __getitem__(self, name: str) -> object:
        """The value. Raises StillUnknownError when it is not known yet."""
        if name in self._known:
            return self._known[name]
        if name in self._types:
            self.read.add(f"{self._path}.{name}")
            raise StillUnknownError(f"{self._path}.{name}", self._types[name])
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        """Whether the language has such a name here."""
        return name in self._known or name in self._types

    def __iter__(self) -> Iterator[str]:
        """Every name once."""
        return iter({**self._types, **self._known})

    def __len__(self) -> int:
        """The number of names."""
        return len({**self._types, **self._known})


_RUN_TYPES: Final = {"id": "string", "started_at": "datetime", "previous_success": "datetime or null"}


def values_before(
    spec: JobSpec,
    values: Mapping[str, object],
    *,
    known_run: Mapping[str, object],
    outputs: Mapping[str, Mapping[str, Value]],
    skipped: frozenset[str],
    trigger: Unknowns,
) -> dict[str, object]:
    """The values of names before a run starts; `outputs` are supplied results of steps."""
    found = dict(values)
    given = found.get("run")
    assert isinstance(given, Mapping)
    known = {key: value for key, value in given.items() if key != "id"} | dict(known_run)
    found["run"] = Unknowns("run", known, _RUN_TYPES)
    found["trigger"] = trigger
    found["secrets"] = dict.fromkeys(spec.given(spec.secrets), "***")
    if spec.matrix:
        found["matrix"] = dict(spec.matrix[0])
    steps = {step.name: _step(step, outputs.get(step.name, {}), skipped) for step in steps_of(spec)}
    return {**found, "steps": steps}


def trigger_before(spec: JobSpec, jobs: Iterable[JobSpec]) -> Unknowns:
    """The values that an event of the job's triggers gives, of which only the types are known."""
    types: dict[str, str] = {}
    read: set[str] = set()
    followed: set[str] = set()
    for trigger in spec.triggers:
        if isinstance(trigger, FileTrigger):
            types |= {**dict.fromkeys(("path", "name", "dir"), "string"), "size": "integer"}
        elif isinstance(trigger, AfterTrigger):
            types |= dict.fromkeys(("job", "run_id", "status", "error"), "string")
            followed.update(trigger.jobs)
    upstream = [one for one in jobs if one.name in followed]
    known = {
        head: Unknowns(f"trigger.{head}", {}, {one.name: one.type.value for one in declared}, read)
        for head, declared in (
            ("outputs", [one for job in upstream for one in job.outputs]),
            ("params", [one for job in upstream for one in job.params]),
        )
    }
    return Unknowns("trigger", known if followed else {}, types, read)


def steps_of(spec: JobSpec) -> tuple[StepSpec, ...]:
    """The steps of a job; empty if it has none."""
    return getattr(spec.action, "steps", ())


def _step(step: StepSpec, outputs: Mapping[str, Value], skipped: frozenset[str]) -> Unknowns:
    holder = f"steps.{step.name}"
    status = {"status": "skipped"} if step.name in skipped else {}
    types = {"status": "string", "total": "integer", "failed": "integer", "succeeded": "integer"}
    results = Unknowns(f"{holder}.outputs", outputs, {one.name: type_text(one, step) for one in step.outputs})
    return Unknowns(holder, {**status, "outputs": results}, types)


def type_text(output: ParamSpec, step: StepSpec) -> str:
    """The type of a step's output; a step with `for_each` has a list of each."""
    return f"list of {output.type.value}" if step.for_each else output.type.value


def shown(source: str, values: Mapping[str, object]) -> str:
    """The value of an expression, or its placeholder before the run."""
    try:
        return to_text(evaluate_source(source, values))
    except StillUnknownError as unknown:
        name = parse_expression(source)
        is_name = name is not None and name.source.strip() == unknown.path
        return unknown.text if is_name else f"⟨{source.strip()}⟩"
    except EvaluationError as error:
        return f"(cannot be filled in: {error})"


def shown_text(text: str, values: Mapping[str, object]) -> str:
    """A text with its templates filled in as far as possible now."""
    slots, _ = find_slots(text)
    parts, at = [], 0
    for slot in slots:
        parts += [text[at : slot.start], shown(slot.source, values)]
        at = slot.end
    return "".join([*parts, text[at:]])


def shown_value(text: str, values: Mapping[str, object]) -> object:
    """A text of `json`: the value with its type, if it is exactly one template."""
    try:
        return render_value(text, values)
    except (StillUnknownError, EvaluationError):
        return shown_text(text, values)


def shown_items(text: str, values: Mapping[str, object]) -> tuple[str, ...]:
    """One argument, or several when it is a list."""
    try:
        return render_items(text, values)
    except (StillUnknownError, EvaluationError):
        return (shown_text(text, values),)


def decided(condition: str | None, values: Mapping[str, object]) -> bool | StillUnknownError:
    """Whether a condition is true, or the value that is not known yet. No condition is always true."""
    if condition is None:
        return True
    slot = parse_expression(condition)
    assert slot is not None, "a condition was checked when the job was compiled"
    try:
        return evaluate(slot.expression, values) is True
    except StillUnknownError as unknown:
        return unknown
    except EvaluationError:
        return False
