"""What `run --dry-run` says: what would be executed, without executing, reading a secret or writing."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import click

from engine.actions.prepare import folder_trouble, refusals
from engine.actions.unsupported import beyond_engine_of
from engine.cli.exit_codes import GOOD, WOULD_NOT_RUN
from engine.cli.output import print_json, width
from engine.cli.params import split_params
from engine.cli.place import Place
from engine.core.admission import Hold, Listed, Skip, admit, policy_for
from engine.core.columns import facts
from engine.core.lifecycle import Run, RunState, TriggerKind
from engine.core.vocabulary import short
from engine.dryrun.describing import (
    WOULD_RUN,
    Around,
    Row,
    StepPlan,
    environment_rows,
    given_outputs,
    limits_row,
    payload_rows,
    program_of,
    skipped_steps,
    step_plans,
    then_row,
)
from engine.dryrun.programs import find_program, program_trouble
from engine.dryrun.unknowns import UNKNOWN, StillUnknownError, decided, shown_text, values_before
from engine.host.patience import wait_for
from engine.ledger.ports import View
from engine.transactions.account import template_values
from jobfile.diagnostics.escapes import message, printable
from jobfile.expressions.params import bind_params
from jobfile.expressions.template import to_text
from jobfile.model.catalog import CompiledJob
from jobfile.model.jobs import JobSpec, StepsAction, StepSpec
from jobfile.model.values import Value
from jobfile.schedule.duration import format_duration

FIRST_LINE = "dry run: nothing is started, no secret is read, nothing is written"


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """A run that is only looked at; `jobs` are all jobs, `outputs` results supplied for steps."""

    job: CompiledJob
    params: Mapping[str, Value]
    given: frozenset[str]
    at: datetime
    jobs: Sequence[JobSpec]
    outputs: Sequence[str]


def tell_dry_run(dry: DryRun, place: Place, *, as_json: bool) -> int:
    """Print what a run would be. Exit code 0 it would run, 6 it would not."""
    spec = dry.job.spec
    view = place.trace_free_view()
    try:
        outputs = given_outputs(spec, split_params(tuple(dry.outputs)), _parsed)
    except ValueError as error:
        raise click.UsageError(f"--output: {error}") from error

    def make_values(skipped: frozenset[str]) -> dict[str, object]:
        known = {"attempt": 1, "idempotency_key": "", **_previous(view, spec.name)}
        plain = template_values(spec, _as_run(dry))
        return values_before(spec, plain, known_run=known, outputs=outputs, skipped=skipped)

    skipped = skipped_steps(spec, make_values)
    values = make_values(skipped)
    where = _where(spec, values, place)
    around = _around(place, where)
    verdict, would_run = _verdict(dry, values, view, place, where)
    rows = _rows(dry, values, around, view, str(where.folder))
    steps = step_plans(spec, values, around, skipped)
    if view is not None:
        view.close()
    if as_json:
        print_json(_as_json(dry, rows, steps, verdict, would_run=would_run))
    else:
        click.echo(_as_text(rows, steps, verdict, is_known=would_run is not None))
    return GOOD if would_run is not False else WOULD_NOT_RUN


def _rows(
    dry: DryRun, values: Mapping[str, object], around: Around, view: View | None, cwd: str
) -> list[Row]:
    spec, origin = dry.job.spec, dry.job.origin
    zone_time = values["run"]["scheduled_at"]  # type: ignore[index]  # a mapping
    rows: list[Row] = [
        ("job", f"{spec.name} ({origin.file}:{origin.line})"),
        ("as", f"manual, scheduled_at {zone_time.isoformat()}"),
        ("if", _condition(spec, values)),
        ("key", _key(spec, values, view)),
    ]
    if spec.idempotency_key is not None:
        rows.append(("idempotency", shown_text(spec.idempotency_key, values)))
    rows += [
        ("params", f"{name} = {_param(value)}   ({'given' if name in dry.given else 'default'})")
        for name, value in dry.params.items()
    ]
    if spec.matrix:
        rows.append(("matrix", f"{len(spec.matrix)} runs; this is of {_named(spec.matrix[0])}"))
        rows += [("", _named(one)) for one in spec.matrix[1:]]
    rows.append(("cwd", cwd))
    rows += [("umask", spec.umask)] if spec.umask else []
    rows += (
        [("new_privileges", "true: its programs may gain rights, as sudo does")]
        if spec.new_privileges
        else []
    )
    rows += [("limits", f"core {spec.limits.core}")] if spec.limits.core else []
    if isinstance(spec.action, StepsAction):
        rows += environment_rows(values, around, env=spec.env, secrets=spec.secrets)
    else:
        rows += payload_rows(spec.action, values, around, env=spec.env, secrets=spec.secrets)
    rows.append(limits_row("none" if spec.timeout is None else format_duration(spec.timeout), spec.retry))
    return [*rows, then_row(spec, dry.jobs)]


def _condition(spec: JobSpec, values: Mapping[str, object]) -> str:
    if spec.condition is None:
        return "none: it always runs"
    found = decided(spec.condition, values)
    return (
        f"decided when the run begins: {spec.condition}"
        if isinstance(found, StillUnknownError)
        else str(found).lower()
    )


class _Where(NamedTuple):
    """Where a run's process would be, and look for its program."""

    folder: Path
    shown: str
    path: str

    @property
    def is_known(self) -> bool:
        """Whether the folder's name needs nothing that only the run has."""
        return UNKNOWN not in self.shown


def _where(spec: JobSpec, values: Mapping[str, object], place: Place) -> _Where:
    shown = shown_text(spec.working_dir, values) if spec.working_dir else ""
    path = spec.env.get("PATH", place.config.environ.get("PATH", os.defpath))
    return _Where(place.main_file.absolute().parent / shown, shown, shown_text(path, values))


def _refusals(dry: DryRun, values: Mapping[str, object], place: Place, where: _Where) -> list[str]:
    """Why the run would be refused: what the engine cannot do, and what it would find when it prepares it."""
    spec = dry.job.spec
    beyond = beyond_engine_of(dry.job)
    if beyond:
        return [beyond]
    config = replace(place.config, main_file=place.main_file.absolute())
    found = list(refusals(spec, config, values, unknown=StillUnknownError))
    program = program_of(spec.action, values)
    if (
        program
        and UNKNOWN not in program
        and where.is_known
        and not wait_for(lambda: folder_trouble(where.folder))
    ):
        found.append(program_trouble(program, folder=where.folder, path=where.path))
    return [one for one in found if one]


def _verdict(
    dry: DryRun, values: Mapping[str, object], view: View | None, place: Place, where: _Where
) -> tuple[str, bool | None]:
    """Whether it would run, in the words of the language; None when only the run itself will tell."""
    spec = dry.job.spec
    found = decided(spec.condition, values)
    if found is False:
        return f"would skip (if is false: {spec.condition})", False
    refused = _refusals(dry, values, place, where)
    if refused:
        return f"{WOULD_RUN}: no; {'; '.join(refused)}", False
    if isinstance(found, StillUnknownError):
        return "cannot tell before the run begins", None
    active = _active(spec, values, view)
    policy = policy_for(spec, TriggerKind.MANUAL)
    waiting = [one for one in active if one.state is RunState.QUEUED]
    running = [one for one in active if one.state is not RunState.QUEUED]
    decision = admit(concurrency=spec.concurrency, policy=policy, others=Listed(running, waiting))
    if isinstance(decision, Skip):
        return f"would skip (run {short(decision.detail)} is in the way)", False
    if isinstance(decision, Hold) and active:
        first = active[0]
        since = f" since {first.started_at:%Y-%m-%d %H:%M:%SZ}" if first.started_at else ""
        return f"would wait ({first.job} is {first.state.value}{since}, run {short(first.id)})", True
    return WOULD_RUN, True


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
    return f"{key}   {limit}, {policy}   {len(_active(spec, values, view))} running now"


def _previous(view: View | None, job: str) -> dict[str, object]:
    """When the job last succeeded, if a ledger says so; before the first run there is none."""
    found = () if view is None else view.recent_runs(job=job, state=RunState.SUCCEEDED, limit=1)
    return {"previous_success": found[0].ended_at if found else None}


def _as_run(dry: DryRun) -> Run:
    return Run(
        id="",
        job=dry.job.spec.name,
        digest=dry.job.digest,
        generation=None,
        trigger=TriggerKind.MANUAL,
        schedule_key=None,
        scheduled_for=dry.at,
        params=dry.params,
        state=RunState.QUEUED,
        queued_at=dry.at,
        not_before=dry.at,
        concurrency_key="",
        concurrency_limit=dry.job.spec.concurrency.limit,
    )


def _around(place: Place, where: _Where) -> Around:
    return Around(
        is_set=place.config.environ.__contains__,
        find_program=lambda name: find_program(name, folder=where.folder, path=where.path),
        has_file=lambda name: Path(name).exists(),
    )


def _parsed(step: StepSpec, texts: Mapping[str, str]) -> Mapping[str, Value]:
    known = [one for one in step.outputs if one.name in texts]
    unknown = sorted(texts.keys() - {one.name for one in known})
    if unknown:
        raise ValueError(f"the step `{step.name}` has no output `{unknown[0]}`")
    bound, problems = bind_params(known, texts, from_text=True)
    if problems:
        raise ValueError(f"{step.name}.{problems[0].name}: {problems[0].message}")
    return bound


def _param(value: Value) -> str:
    return str(list(value)) if isinstance(value, tuple) else to_text(value)


def _named(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name} = {to_text(value)}" for name, value in values.items())


def _as_text(rows: Sequence[Row], steps: Sequence[StepPlan], verdict: str, *, is_known: bool) -> str:
    parts = [FIRST_LINE, facts([(label, text) for label, text in rows], width=width())]
    for step in steps:
        lines = facts(step.rows, width=width()).splitlines()
        head = f"wave {step.wave}  {step.name}: {step.verdict}"
        parts.append("\n".join([printable(head), *(f"  {line}" for line in lines)]))
    end = f"{WOULD_RUN}: yes" if verdict == WOULD_RUN else verdict
    return "\n\n".join([*parts, message(end if is_known else verdict)])


def _as_json(
    dry: DryRun, rows: Sequence[Row], steps: Sequence[StepPlan], verdict: str, *, would_run: bool | None
) -> dict[str, object]:
    return {
        "format": 1,
        "job": dry.job.spec.name,
        "would_run": would_run,
        "verdict": verdict,
        "facts": [list(row) for row in rows],
        "steps": [
            {
                "step": one.name,
                "wave": one.wave,
                "verdict": one.verdict,
                "facts": [list(row) for row in one.rows],
            }
            for one in steps
        ],
    }
