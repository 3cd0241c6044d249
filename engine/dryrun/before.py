"""Previews a run: what would be executed, with which values, and whether it would run at all."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from engine.actions.beyond_host import beyond_host_of
from engine.actions.confining import held_by_group, limits_of
from engine.actions.prepare import folder_trouble, refusals, surroundings
from engine.actions.unsupported import beyond_engine_of
from engine.config import EngineConfig
from engine.core.admission import Hold, Listed, Skip, admit, policy_for
from engine.core.lifecycle import Run, RunState, TriggerKind
from engine.core.vocabulary import short
from engine.dryrun.containers import container_rows
from engine.dryrun.describing import (
    WOULD_RUN,
    Around,
    Row,
    StepPlan,
    environment_rows,
    file_rows,
    limits_row,
    payload_rows,
    program_of,
    skipped_steps,
    step_plans,
    then_row,
)
from engine.dryrun.programs import find_program, program_trouble
from engine.dryrun.queueing import full_queue, queue_rows
from engine.dryrun.unknowns import (
    UNKNOWN,
    StillUnknownError,
    decided,
    shown_text,
    trigger_before,
    values_before,
)
from engine.host.patience import wait_for
from engine.ledger.ports import View
from engine.supervisor.confinement import CONTROLLERS
from engine.transactions.steps import step_as_job
from engine.transactions.templates import template_values
from jobfile.expressions.template import to_text
from jobfile.model.catalog import CompiledJob
from jobfile.model.counts import many
from jobfile.model.expectations import ExpectSpec
from jobfile.model.jobs import AfterTrigger, FileTrigger, JobSpec, StepsAction
from jobfile.model.labels import hosts_text
from jobfile.model.namedtuple import NamedTuple
from jobfile.model.values import Value
from jobfile.schedule.duration import format_duration

_WITH_VALUES: Final = (FileTrigger.KIND, AfterTrigger.KIND)
"""The triggers whose events have values."""
_HELD: Final = {
    True: "   for all processes together",
    False: "   for each process: no control group",
}
"""How the limits are held that a control group can hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The run to preview; `jobs` are all jobs, `outputs` the results of steps that the user supplies."""

    job: CompiledJob
    params: Mapping[str, Value]
    given: frozenset[str]
    at: datetime
    jobs: Sequence[JobSpec]
    outputs: Mapping[str, Mapping[str, Value]]
    now: datetime
    key: str = ""
    """An idempotency key in place of that of the job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """A preview, and whether the run would start; None when only the run itself can show that."""

    job: str
    rows: tuple[Row, ...]
    steps: tuple[StepPlan, ...]
    verdict: str
    would_run: bool | None


def look_before(preview: Preview, view: View | None, config: EngineConfig) -> DryRun:
    """Preview a run without executing, reading a secret or writing."""
    spec = preview.job.spec
    trigger = trigger_before(spec, preview.jobs)

    def make_values(skipped: frozenset[str]) -> dict[str, object]:
        known = {"attempt": 1, "idempotency_key": "", **_previous(view, spec.name)}
        plain = template_values(spec, _as_run(preview))
        return values_before(
            spec, plain, known_run=known, outputs=preview.outputs, skipped=skipped, trigger=trigger
        )

    config = replace(config, main_file=config.main_file.absolute())
    skipped = skipped_steps(spec, make_values)
    values = make_values(skipped)
    where = _where(spec, values, config)
    around = _around(config, where)
    rows, steps = _rows(preview, values, around, view, config), step_plans(spec, values, around, skipped)
    verdict, would_run = _verdict(preview, values, view, config, where)
    if trigger.read:
        verdict, would_run = _without_event(spec, sorted(trigger.read)), False
    return DryRun(
        job=spec.name,
        rows=tuple(rows),
        steps=tuple(steps),
        verdict=verdict,
        would_run=would_run,
    )


def _rows(
    preview: Preview, values: Mapping[str, object], around: Around, view: View | None, config: EngineConfig
) -> list[Row]:
    spec, origin = preview.job.spec, preview.job.origin
    zone_time = values["run"]["scheduled_at"]  # type: ignore[index]  # a mapping
    rows: list[Row] = [
        ("job", f"{spec.name} ({origin.file}:{origin.line})"),
        ("as", f"manual, scheduled_at {zone_time.isoformat()}"),
        ("if", _condition(spec, values)),
        ("key", _key(spec, values, view)),
        *queue_rows(spec, view),
        *_host_rows(spec, config),
    ]
    if key := _idempotency_key(preview, values):
        rows.append(("idempotency", key))
    rows += [
        ("params", f"{name} = {_param(value)}   ({'given' if name in preview.given else 'default'})")
        for name, value in preview.params.items()
    ]
    if spec.matrix:
        rows.append(("matrix", f"{len(spec.matrix)} runs; this is of {_named(spec.matrix[0])}"))
        rows += [("", _named(one)) for one in spec.matrix[1:]]
    rows += [] if spec.container else [("cwd", str(_where(spec, values, config).folder))]
    rows += _process_rows(spec)
    rows += file_rows(spec.env_file, around)
    if isinstance(spec.action, StepsAction):
        rows += environment_rows(values, around, env=spec.env, secrets=spec.given(spec.secrets))
    else:
        if spec.container is not None:
            around = replace(around, image=spec.container.image)
        rows += container_rows(spec, values, config)
        rows += payload_rows(spec.action, values, around, env=spec.env, secrets=spec.given(spec.secrets))
    rows.append(limits_row("none" if spec.timeout is None else format_duration(spec.timeout), spec.retry))
    return [*rows, *_end_rows(spec), then_row(spec, preview.jobs)]


def _host_rows(spec: JobSpec, config: EngineConfig) -> list[Row]:
    """Where a job with labels runs."""
    here = "" if config.store else "   (on this one, whatever its labels: the ledger is a file)"
    return [("host", f"runs on {hosts_text(spec.runs_on)}{here}")] if spec.runs_on else []


def _end_rows(spec: JobSpec) -> list[Row]:
    """Rows for what else decides the end of a run, and for what is kept of it."""
    codes = ", ".join(spec.skip_exit)
    rows = (
        [] if spec.deadline is None else [("deadline", f"{format_duration(spec.deadline)} for all attempts")]
    )
    rows += [("skip_exit", f"exit code {codes}: it had nothing to do")] if codes else []
    rows += [("expect", one) for one in _checks(spec.expect)]
    return rows + [("artifacts", f"{pattern}   copied when an attempt ends") for pattern in spec.artifacts]


def _checks(expect: ExpectSpec) -> Iterator[str]:
    """What a success must leave, or it has failed: one line for each check."""
    for one in expect.files:
        size = f", each at least {one.min_size}" if one.min_size else ""
        yield f"{many(one.count, 'file')} {one.path}{size}{', changed by the run' if one.newer_than else ''}"
    for where, check in (("log", expect.log), ("stdout", expect.stdout), ("stderr", expect.stderr)):
        if check.contains is not None:
            yield f"`{check.contains}` in the {where}"
        if check.matches is not None:
            yield f"a line of the {where} that matches `{check.matches}`"
        if check.empty is not None:
            yield f"an empty {where}" if check.empty else f"something in the {where}"
    for name, found in expect.outputs.items():
        limits = (("at least", found.min), ("at most", found.max))
        yield f"output {name}: {', '.join(f'{word} {limit}' for word, limit in limits if limit is not None)}"
    if expect.min_duration is not None:
        yield f"it takes at least {format_duration(expect.min_duration)}"
    if expect.max_duration is not None:
        yield f"it is late after {format_duration(expect.max_duration)}"


def _process_rows(spec: JobSpec) -> list[Row]:
    """Rows for what the job's process is given beyond its environment."""
    rights = "true: its programs may gain rights, as sudo does" if spec.new_privileges else ""
    rows = [("user", spec.user or ""), ("umask", spec.umask or ""), ("new_privileges", rights)]
    rows += [("nice", "" if spec.nice is None else str(spec.nice)), ("io", spec.io or "")]
    together = held_by_group(limits_of(spec.limits))
    limits = {one.name: getattr(spec.limits, one.name) for one in fields(spec.limits)}
    rows += [
        ("limits", f"{key} {limit}{_HELD[key in together] if key in CONTROLLERS else ''}")
        for key, limit in limits.items()
        if limit is not None
    ]
    return [row for row in rows if row[1]]


def _without_event(spec: JobSpec, names: Sequence[str]) -> str:
    """Why a run by hand would fail: its templates read what only an event gives."""
    kinds = " or ".join(dict.fromkeys(f"`{one.KIND}`" for one in spec.triggers if one.KIND in _WITH_VALUES))
    listed = ", ".join(f"`{name}`" for name in names)
    verb = "has" if len(names) == 1 else "have"
    return f"{WOULD_RUN}: not by hand; {listed} {verb} a value only in a run that {kinds} starts"


def _condition(spec: JobSpec, values: Mapping[str, object]) -> str:
    if spec.condition is None:
        return "none: it always runs"
    found = decided(spec.condition, values)
    if not isinstance(found, StillUnknownError):
        return str(found).lower()
    is_event = found.path.startswith("trigger.")
    when = "decided by the event that starts a run" if is_event else "decided when the run begins"
    return f"{when}: {spec.condition}"


class _Where(NamedTuple):
    """The working folder of a run's process, and where to find its program."""

    folder: Path
    shown: str
    path: str

    @property
    def is_known(self) -> bool:
        """Whether the folder's name is known before the run."""
        return UNKNOWN not in self.shown


def _where(spec: JobSpec, values: Mapping[str, object], config: EngineConfig) -> _Where:
    shown = shown_text(spec.working_dir, values) if spec.working_dir else ""
    path = spec.env.get("PATH", config.environ.get("PATH", os.defpath))
    return _Where(config.main_file.parent / shown, shown, shown_text(path, values))


def _refusals(
    preview: Preview, values: Mapping[str, object], config: EngineConfig, where: _Where
) -> list[str]:
    """The reasons for which the run would be refused: unsupported features, and problems in preparing it."""
    spec = preview.job.spec
    beyond = beyond_engine_of(preview.job) or beyond_host_of(preview.job, config, is_engine=True)
    if beyond:
        return [beyond]
    if not isinstance(spec.action, StepsAction):
        return _refusals_of(spec, values, config, where)
    found = []
    for step in spec.action.steps:
        if decided(step.condition, values) is not False:
            seen = step_as_job(spec, step.name)
            reasons = _refusals_of(seen, values, config, _where(seen, values, config))
            found += [f"step {step.name}: {reason}" for reason in reasons]
    return found


def _refusals_of(
    spec: JobSpec, values: Mapping[str, object], config: EngineConfig, where: _Where
) -> list[str]:
    """Problems in preparing a job with one action, or a step."""
    found = list(refusals(spec, config, values, unknown=StillUnknownError))
    program = program_of(spec.action, values, surroundings(config))
    if (
        program
        and spec.container is None
        and UNKNOWN not in program
        and where.is_known
        and not wait_for(lambda: folder_trouble(where.folder))
    ):
        found.append(program_trouble(program, folder=where.folder, path=where.path))
    return [one for one in found if one]


def _verdict(
    preview: Preview, values: Mapping[str, object], view: View | None, config: EngineConfig, where: _Where
) -> tuple[str, bool | None]:
    """Whether it would run, as text and as a truth value; None when only the run itself can show it."""
    spec = preview.job.spec
    found = decided(spec.condition, values)
    if found is False:
        return f"would skip (if is false: {spec.condition})", False
    refused = _refusals(preview, values, config, where)
    if refused:
        return f"{WOULD_RUN}: no; {'; '.join(refused)}", False
    if earlier := _earlier(preview, values, view):
        return f"{WOULD_RUN}: no; run {short(earlier)} has the same idempotency key", False
    if isinstance(found, StillUnknownError):
        return "cannot tell before the run begins", None
    active = _active(spec, values, view)
    policy = policy_for(spec, TriggerKind.MANUAL)
    waiting = [one for one in active if one.state is RunState.QUEUED]
    running = [one for one in active if one.state is not RunState.QUEUED]
    decision = admit(concurrency=spec.concurrency, policy=policy, others=Listed(running, waiting))
    if isinstance(decision, Skip):
        return f"would skip (blocked by run {short(decision.detail)})", False
    if isinstance(decision, Hold) and active:
        first = active[0]
        since = f" since {first.started_at:%Y-%m-%d %H:%M:%SZ}" if first.started_at else ""
        return f"would wait ({first.job}: {first.state.value}{since}, run {short(first.id)})", True
    if full := full_queue(spec, view):
        return f"would wait ({full})", True
    return WOULD_RUN, True


def _idempotency_key(preview: Preview, values: Mapping[str, object]) -> str:
    """The key that the run would have, as far as it is known before; empty if none."""
    key = preview.job.spec.idempotency_key
    return preview.key or ("" if key is None else shown_text(key, values))


def _earlier(preview: Preview, values: Mapping[str, object], view: View | None) -> str:
    """The id of the run of which it would be a duplicate; empty if there is none."""
    key = _idempotency_key(preview, values)
    return "" if view is None or not key else view.key_holder(preview.job.spec.name, key, now=preview.now)


def _active(spec: JobSpec, values: Mapping[str, object], view: View | None) -> list[Run]:
    """The open runs that count against the same limit."""
    if view is None:
        return []
    key = spec.name if spec.concurrency.key is None else shown_text(spec.concurrency.key, values)
    return [run for run in view.open_runs() if run.concurrency_key == key]


def _key(spec: JobSpec, values: Mapping[str, object], view: View | None) -> str:
    key = spec.name if spec.concurrency.key is None else shown_text(spec.concurrency.key, values)
    limit = f"limit {spec.concurrency.limit}" if spec.concurrency.limit else "no limit"
    policy = policy_for(spec, TriggerKind.MANUAL).value
    running = "" if UNKNOWN in key else f"   {len(_active(spec, values, view))} running now"
    return f"{key}   {limit}, {policy}{running}"


def _previous(view: View | None, job: str) -> dict[str, object]:
    """When the job last succeeded, if there is a ledger with a success."""
    found = () if view is None else view.recent_runs(job=job, state=RunState.SUCCEEDED, limit=1)
    return {"previous_success": found[0].ended_at if found else None}


def _as_run(preview: Preview) -> Run:
    return Run(
        id="",
        job=preview.job.spec.name,
        digest=preview.job.digest,
        generation=None,
        trigger=TriggerKind.MANUAL,
        schedule_key=None,
        scheduled_for=preview.at,
        params=preview.params,
        state=RunState.QUEUED,
        queued_at=preview.at,
        not_before=preview.at,
        concurrency_key="",
        concurrency_limit=preview.job.spec.concurrency.limit,
    )


def _around(config: EngineConfig, where: _Where) -> Around:
    return Around(
        where=surroundings(config),
        is_set=config.environ.__contains__,
        find_program=lambda name: find_program(name, folder=where.folder, path=where.path),
        has_file=lambda name: Path(name).exists(),
        main_folder=config.main_file.parent,
        container_rows=lambda spec, step, values: container_rows(
            step_as_job(spec, step.name), values, config, step=step.name
        ),
    )


def _param(value: Value) -> str:
    return str(list(value)) if isinstance(value, tuple) else to_text(value)


def _named(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name} = {to_text(value)}" for name, value in values.items())
