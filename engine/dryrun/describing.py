"""Describes a run and its steps before they start, as rows of a label and a text."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.actions.kind import Surroundings
from engine.actions.registry import kind_of
from engine.dryrun.unknowns import (
    UNKNOWN,
    StillUnknownError,
    decided,
    shown,
    shown_items,
    shown_text,
    shown_value,
    steps_of,
)
from jobfile.expressions.params import bind_params
from jobfile.expressions.template import evaluate_source, to_text
from jobfile.model.jobs import (
    Action,
    AfterTrigger,
    EnvFile,
    JobSpec,
    RetrySpec,
    SimpleAction,
    StepsAction,
    StepSpec,
)
from jobfile.model.values import Value
from jobfile.schedule.duration import format_duration

Row = tuple[str, str]
WOULD_RUN = "would run"
MakeValues = Callable[[frozenset[str]], Mapping[str, object]]
"""Returns the values of names if these steps are skipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """Functions that ask the machine: whether a variable is set, where a program
    is, whether a file exists.
    """

    where: Surroundings
    is_set: Callable[[str], bool]
    find_program: Callable[[str], str | None]
    has_file: Callable[[str], bool]
    container_rows: Callable[[JobSpec, StepSpec, Mapping[str, object]], list[Row]] = lambda *_: []
    """The command that runs a step in its container."""
    main_folder: Path = Path()
    """The folder of the main file."""
    image: str = ""
    """The image in which programs are found; empty for this machine."""


_NOTHING = Around(
    where=Surroundings(Path(), {}),
    is_set=lambda _: False,
    find_program=lambda _: None,
    has_file=lambda _: False,
)
"""Functions that ask nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPlan:
    """A step: the wave in which it can start, whether it would run, and what it would execute."""

    name: str
    wave: int
    verdict: str
    rows: tuple[Row, ...]


def payload_rows(
    action: SimpleAction,
    values: Mapping[str, object],
    around: Around,
    *,
    env: Mapping[str, str],
    secrets: Mapping[str, str],
) -> list[Row]:
    """Rows for what is executed, with its environment; of a secret only its place."""
    rows = environment_rows(values, around, env=env, secrets=secrets)
    return rows + kind_of(action).describe(action, _Filled(values, around))


def program_of(action: Action, values: Mapping[str, object], where: Surroundings) -> str:
    """The program that would be executed; empty if there is none."""
    if isinstance(action, StepsAction):
        return ""
    return kind_of(action).program(action, _Filled(values, replace(_NOTHING, where=where)))


@dataclass(frozen=True, slots=True)
class _Filled:
    """Fills in templates as far as possible before the run."""

    values: Mapping[str, object]
    machine: Around

    @property
    def around(self) -> Surroundings:
        return self.machine.where

    def expression(self, source: str) -> str:
        return shown(source, self.values)

    def text(self, text: str) -> str:
        return shown_text(text, self.values)

    def value(self, text: str) -> object:
        return shown_value(text, self.values)

    def items(self, text: str) -> tuple[str, ...]:
        return shown_items(text, self.values)

    def program(self, name: str) -> str:
        return _program(name, self.machine)


def environment_rows(
    values: Mapping[str, object], around: Around, *, env: Mapping[str, str], secrets: Mapping[str, str]
) -> list[Row]:
    """Rows for the variables of a job or step; of a secret only its place."""
    rows = [("env", f"{name} = {shown_text(text, values)}") for name, text in sorted(env.items())]
    return rows + [("env", f"{name} = {_secret(source, around)}") for name, source in sorted(secrets.items())]


def file_rows(files: Sequence[EnvFile], around: Around) -> list[Row]:
    """Rows for the files of variables, and whether each exists; nothing in them is read."""
    return [("env_file", _env_file(one, around)) for one in files]


def _env_file(one: EnvFile, around: Around) -> str:
    may_be_absent = one.path.endswith("?")
    path = one.path.removesuffix("?")
    absent = "does not exist, and need not" if may_be_absent else "DOES NOT EXIST"
    state = "exists" if around.has_file(str(around.main_folder / path)) else absent
    return f"{path}   {state}{'; its values are masked' if one.secret else ''}"


def _secret(source: str, around: Around) -> str:
    kind, _, place = source.partition(":")
    is_there = around.is_set(place) if kind == "env" else around.has_file(place)
    state = (
        ("is set" if is_there else "IS NOT SET")
        if kind == "env"
        else ("exists" if is_there else "DOES NOT EXIST")
    )
    return f"(secret {source}: {state})"


def _program(name: str, around: Around) -> str:
    if UNKNOWN in name:
        return f"{name}   known when the run begins"
    if around.image:
        return f"{name}   in the image {around.image}"
    found = around.find_program(name)
    if found:
        return f"{name}   found {found}"
    return f"{name}   NOT FOUND{'' if '/' in name else ' in PATH'}"


def limits_row(timeout: str, retry: RetrySpec) -> Row:
    """A row for the timeout and the retries."""
    again = "none"
    if retry.attempts > 1:
        jitter = "" if retry.jitter.value == "none" else f" ({retry.jitter.value} jitter)"
        on = "" if retry.when == ("any",) else f", on {', '.join(retry.when)}"
        most = format_duration(retry.max_delay)
        delay = f"{format_duration(retry.delay)}, {retry.backoff.value}, at most {most}"
        again = f"up to {retry.attempts} attempts: {delay}{jitter}{on}"
    return ("timeout", f"{timeout}   retry  {again}")


def then_row(spec: JobSpec, jobs: Sequence[JobSpec]) -> Row:
    """A row for notifications, and for the jobs that start after this one."""
    notified = [
        f"{event}: {', '.join(one.name for one in found)}" for event, found in sorted(spec.notify.items())
    ]
    starts = [
        f"{job.name} ({trigger.when.value})"
        for job in jobs
        for trigger in job.triggers
        if isinstance(trigger, AfterTrigger) and spec.name in trigger.jobs
    ]
    return ("then", f"notify {'; '.join(notified) or '-'}   starts {', '.join(starts) or '-'}")


def skipped_steps(spec: JobSpec, make_values: MakeValues) -> frozenset[str]:
    """The steps whose own `if` is known to be false; each may affect the steps after it."""
    skipped: frozenset[str] = frozenset()
    for step in steps_of(spec):
        if decided(step.condition, make_values(skipped)) is False:
            skipped |= {step.name}
    return skipped


def step_plans(
    spec: JobSpec, values: Mapping[str, object], around: Around, skipped: frozenset[str]
) -> list[StepPlan]:
    """The steps in the order in which they can start, those of one wave in the order of the file."""
    waves: dict[str, int] = {}
    verdicts: dict[str, str] = {}
    for step in steps_of(spec):
        waves[step.name] = 1 + max((waves[name] for name in step.needs), default=0)
        verdicts[step.name] = _verdict(step, values, skipped)
    plans = [
        StepPlan(
            name=step.name,
            wave=waves[step.name],
            verdict=verdicts[step.name],
            rows=tuple(_step_rows(spec, step, values, around)),
        )
        for step in steps_of(spec)
    ]
    return sorted(plans, key=lambda plan: plan.wave)


def _verdict(step: StepSpec, values: Mapping[str, object], skipped: frozenset[str]) -> str:
    if step.name in skipped:
        return f"would skip (if is false: {step.condition})"
    found = decided(step.condition, values)
    if isinstance(found, StillUnknownError):
        return f"cannot tell before {_waits_for(found)}"
    return WOULD_RUN  # also after a step that is skipped by its own `if`


def _waits_for(unknown: StillUnknownError) -> str:
    """The step or the moment from which the value will be known."""
    parts = unknown.path.split(".")
    return parts[1] if parts[0] == "steps" else "the run begins"


def _step_rows(spec: JobSpec, step: StepSpec, values: Mapping[str, object], around: Around) -> list[Row]:
    rows: list[Row] = [("needs", ", ".join(step.needs))] if step.needs else []
    if step.condition is not None:
        found = decided(step.condition, values)
        is_open = isinstance(found, StillUnknownError)
        rows.append(("if", f"decided after {_waits_for(found)}" if is_open else str(found).lower()))  # type: ignore[arg-type]  # it is the unknown
    inside = dict(values)
    if step.for_each is not None:
        rows.append(("for_each", _each(step, values)))
        inside["item"] = "⟨item⟩"
    inside["secrets"] = dict.fromkeys(spec.given({**spec.secrets, **step.secrets}), "***")
    if step.container is not None:
        around = replace(around, image=step.container.image)
        rows += around.container_rows(spec, step, inside)
    rows += file_rows(step.env_file, around)
    rows += payload_rows(step.action, inside, around, env=step.env, secrets=spec.given(step.secrets))
    if step.working_dir:
        rows.append(("cwd", shown_text(step.working_dir, inside)))
    rows.append(limits_row(format_duration(step.timeout) if step.timeout else "the job's", step.retry))
    return rows


def _each(step: StepSpec, values: Mapping[str, object]) -> str:
    assert step.for_each is not None
    try:
        items = evaluate_source(step.for_each, values)
    except StillUnknownError as unknown:
        return f"once for each of {unknown.text}, {step.max_parallel} at a time"
    assert isinstance(items, tuple | list)
    names = ", ".join(to_text(item) for item in items)
    return f"{len(items)} times, {step.max_parallel} at a time: {names}"


def given_outputs(spec: JobSpec, given: Mapping[str, str]) -> dict[str, Mapping[str, Value]]:
    """Parse results that a user supplies, such as `join.rows=5`, by step.

    Raises ValueError for anything else.
    """
    texts: dict[str, dict[str, str]] = {}
    known = {step.name: step for step in steps_of(spec)}
    for name, text in given.items():
        step, _, output = name.partition(".")
        if step not in known or not output:
            named = ", ".join(f"{one.name}.{out.name}" for one in known.values() for out in one.outputs)
            raise ValueError(f"there is no output `{name}`; this job has {named or 'none'}")
        texts.setdefault(step, {})[output] = text
    return {step: _parsed(known[step], found) for step, found in texts.items()}


def _parsed(step: StepSpec, texts: Mapping[str, str]) -> Mapping[str, Value]:
    known = [one for one in step.outputs if one.name in texts]
    unknown = sorted(texts.keys() - {one.name for one in known})
    if unknown:
        raise ValueError(f"the step `{step.name}` has no output `{unknown[0]}`")
    bound, problems = bind_params(known, texts, from_text=True)
    if problems:
        raise ValueError(f"{step.name}.{problems[0].name}: {problems[0].message}")
    return bound
