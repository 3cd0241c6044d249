"""`jobfile show`: a job as it is understood, with the origin of each value."""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import click

from engine.cli.exit_codes import GOOD, NOT_WELL
from engine.cli.findings import print_errors
from engine.cli.naming import find_run, is_known, is_run_id
from engine.cli.output import print_json
from engine.cli.params import split_params
from engine.cli.place import Place, UnknownJobError, json_option, place_options
from engine.core.errors import JobfileError
from engine.core.lifecycle import Run
from engine.core.vocabulary import short
from engine.ledger.ports import View
from engine.planning.enforcing import refuse_stale
from engine.planning.saved import PlanRefusedError, is_plan_file, ledger_here, read_plan_file
from engine.sources.folder import FolderTree
from jobfile.compile import DEFAULT_QUEUE
from jobfile.diagnostics.escapes import printable
from jobfile.diagnostics.suggest import suggest
from jobfile.files.fileset import JobText
from jobfile.files.merged_settings import Setting
from jobfile.model.canonical import Plain, spec_from_json, to_plain
from jobfile.model.catalog import CompiledJob
from jobfile.model.jobs import (
    Action,
    CommandAction,
    HttpAction,
    JobSpec,
    PythonAction,
    ScriptAction,
    StepSpec,
)
from jobfile.pipeline import compile_files
from jobfile.plan.as_json import text_of
from jobfile.schedule.duration import format_duration

Row = tuple[str, str]
UNSEALED = "was not saved here, so nobody here can tell whether it was changed since it was made"


@click.command("show")
@click.argument("job", metavar="JOB, RUN or PLAN")
@click.option("--set", "given", multiple=True, metavar="NAME=VALUE", help="Another value for a var.")
@json_option
@place_options
def command(job: str, given: tuple[str, ...], *, as_json: bool, place: Place) -> int:
    """JOB with all its defaults filled in, and where each value comes from.

    Or the job as a RUN had it, named by the beginning of its id. Or a saved plan, by its file.
    """
    if is_plan_file(Path(job)):
        return _show_plan(Path(job), place, as_json=as_json)
    run = _run_named(job, place)
    if run is not None:
        return _show_run(*run, as_json=as_json)
    snapshot = FolderTree(place.main_file).snapshot()
    if snapshot.problem:
        raise JobfileError(snapshot.trouble)
    compiled = compile_files(snapshot.files, outside=snapshot.outside, overrides=split_params(given))
    if compiled.catalog is None or compiled.files is None:
        print_errors(compiled)
        return NOT_WELL
    found = compiled.catalog.job(job)
    if found is None:
        near = suggest(job, compiled.catalog.names)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise UnknownJobError(f"no job `{job}` in {place.main_file}{hint}")
    origins = _origins(compiled.files.jobs[job])
    if as_json:
        plain = to_plain(found.spec)
        print_json({"format": 1, "digest": found.digest, "job": plain, "origins": origins})
    else:
        click.echo(_as_text(found, origins))
    return GOOD


def _run_named(text: str, place: Place) -> tuple[View, Run] | None:
    """The run whose id begins so, unless it is a job's name, and the ledger that it is in."""
    view = place.view_if_any() if is_run_id(text) else None
    if view is None or is_known(view, text) or not view.runs_with_prefix(text.lower()):
        return None
    return view, find_run(view, text)


def _show_run(view: View, run: Run, *, as_json: bool) -> int:
    """The job as a run had it. Where each value was written is not kept, only where the job was."""
    text = view.definition_text(run.digest)
    if text is None:
        raise JobfileError(f"the definition that run {short(run.id)} had is no longer kept")
    spec = spec_from_json(text)
    if as_json:
        print_json({"format": 1, "digest": run.digest, "job": to_plain(spec), "origins": {}})
        return GOOD
    generation = f", generation {run.generation}" if run.generation else ""
    lines = [f"{spec.name}:  # as run {short(run.id)} had it{generation}, digest {run.digest[:12]}"]
    for key, value in _lines(spec):
        first, *rest = printable_lines(value)
        lines.append(f"  {key}: {first}".rstrip())
        lines += [f"    {line}".rstrip() for line in rest]
    click.echo("\n".join(lines))
    return GOOD


def _show_plan(path: Path, place: Place, *, as_json: bool) -> int:
    """A saved plan as it was printed when it was made; whether it can still be applied is told beside it."""
    view = place.view_if_any()
    saved = read_plan_file(path, here=ledger_here(view, place.state_dir))
    if not saved.is_sealed:
        click.echo(f"warning: {printable(str(path))} {UNSEALED}", err=True)
    if view is not None:
        try:
            refuse_stale(saved, view, name=str(path))
        except PlanRefusedError as error:
            click.echo(f"warning: {printable(str(error))}", err=True)
    click.echo(text_of(saved.plan).rstrip("\n") if as_json else "\n".join(printable_lines(saved.text)))
    return GOOD


def _origins(job: JobText) -> dict[str, str]:
    """Key -> `file:line` of the value that holds; built-in values are not here."""
    settings: dict[str, Setting] = dict(job.settings)
    for key, named in (("env", job.env), ("secrets", job.secrets)):
        settings |= {f"{key}.{name}": one for name, one in named.items()}
    for key in ("params", "outputs", "notify", "steps"):
        for part in job.settings[key].parts() if key in job.settings else ():
            settings[f"{key}.{part.path[-1]}"] = part
    for step in job.steps.values():
        settings |= {f"steps.{step.name}.{key}": one for key, one in step.settings.items()}
    return {key: _place(setting) for key, setting in settings.items()}


def _place(setting: Setting) -> str:
    line = setting.document.key_span(setting.path).start.line
    place = f"{setting.document.source.name}:{line}"
    return f"from defaults ({place})" if setting.path[0] == "defaults" else place


def _as_text(found: CompiledJob, origins: Mapping[str, str]) -> str:
    place = f"{found.origin.file}:{found.origin.line}"
    lines = [printable(f"{found.spec.name}:  # {place}, digest {found.digest[:12]}")]
    for key, text in _lines(found.spec):
        parts = key.split(".")
        above = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
        nearest = next((origins[one] for one in above if one in origins), None)
        first, *rest = printable_lines(text)
        lines.append(f"  {key}: {first}".rstrip() + printable(f"  # {nearest or 'built in'}"))
        lines += [f"    {line}".rstrip() for line in rest]
    return "\n".join(lines)


def printable_lines(text: str) -> list[str]:
    """The lines of a text, none of which can steer a terminal."""
    return [printable(line) for line in text.rstrip("\n").split("\n")]


def _lines(spec: JobSpec) -> list[Row]:
    """Key and value of everything that holds, in the language's order and words."""
    plain: Plain = to_plain(spec)
    rows = [(key, _value(plain.get(key, ""))) for key in ("description", "owner", "tags", "enabled")]
    schedule = [_value(_entry(one)) for one in plain.get("schedule", ())]
    rows += [("schedule", "\n".join(["", *schedule]) if schedule else "none")]
    rows += [("triggers", "\n".join(["", *map(_value, plain["triggers"])]))] if spec.triggers else []
    rows += [("timezone", spec.timezone)]
    rows += [("catchup", _value(_durations(plain["catchup"], "window")))]
    rows += [("expect", _value(_durations(plain.get("expect", {}), "success_every", "max_duration")))]
    rows += [(f"params.{one['name']}", _value(_short(one))) for one in plain.get("params", ())]
    rows += [("matrix", "\n".join(["", *map(_value, plain["matrix"])]))] if spec.matrix else []
    rows += [("if", spec.condition or "")]
    rows += _action_rows(spec.action)
    rows += [("working_dir", spec.working_dir or ""), ("pass_env", _value(list(spec.pass_env)))]
    rows += [(f"env.{name}", text) for name, text in sorted(spec.env.items())]
    rows += [(f"secrets.{name}", text) for name, text in sorted(spec.secrets.items())]
    rows += [
        ("umask", spec.umask or ""),
        ("new_privileges", "true" if spec.new_privileges else ""),
        ("limits.core", spec.limits.core or ""),
        ("timeout", format_duration(spec.timeout) if spec.timeout else "none"),
        ("kill_grace", format_duration(spec.kill_grace)),
        ("retry", _value(_durations(plain["retry"], "delay", "max_delay"))),
        ("concurrency", _value({"limit": "none", **plain["concurrency"]})),
        ("start_deadline", format_duration(spec.start_deadline) if spec.start_deadline else ""),
        ("queue", spec.queue.name if spec.queue else DEFAULT_QUEUE),
        ("priority", str(spec.priority)),
        ("idempotent", _value(spec.idempotent)),
        ("idempotency_key", spec.idempotency_key or ""),
        ("pause_on_failure", str(spec.pause_on_failure or "")),
    ]
    rows += [(f"outputs.{one['name']}", _value(_short(one))) for one in plain.get("outputs", ())]
    rows += [("artifacts", _value(list(spec.artifacts)))]
    rows += [
        (f"notify.{event}", _value([channel.name for channel in channels]))
        for event, channels in sorted(spec.notify.items())
    ]
    rows += [("renamed_from", spec.renamed_from or "")]
    return [(key, text) for key, text in rows if text not in ("", "[]", "{}")]


def _action_rows(action: Action) -> list[Row]:
    match action:
        case ScriptAction():
            return [("run", "|\n" + action.text), ("shell", _value(list(action.shell)))]
        case CommandAction():
            return [("command", _value(list(action.argv)))]
        case PythonAction():
            return [("python", f"{action.module}:{action.function}")]
        case HttpAction():
            return [("http", _value(to_plain(action)))]
        case _:
            return [row for step in action.steps for row in _step_rows(step)]


def _step_rows(step: StepSpec) -> list[Row]:
    rows = [
        ("needs", _value(list(step.needs))),
        ("if", step.condition or ""),
        ("for_each", step.for_each or ""),
    ]
    if step.for_each:
        rows.append(("max_parallel", str(step.max_parallel)))
    rows += _action_rows(step.action)
    plain = to_plain(step)
    rows += [
        ("timeout", format_duration(step.timeout) if step.timeout else ""),
        (
            "retry",
            _value(_durations(plain["retry"], "delay", "max_delay")) if step.retry.attempts > 1 else "",
        ),
        ("allow_failure", "true" if step.allow_failure else ""),
    ]
    rows += [(f"outputs.{one['name']}", _value(_short(one))) for one in plain.get("outputs", ())]
    kept = [(key, text) for key, text in rows if text and (text != "[]" or key == "needs")]
    return [(f"steps.{step.name}.{key}", text) for key, text in kept]


def _entry(plain: Plain) -> Plain:
    """A schedule entry in the words of the file."""
    words = {"from_day": "from", "until_day": "until", "arguments": "with"}
    entry = {words.get(key, key): value for key, value in plain.items()}
    if "calendar" in entry:
        entry["calendar"] = entry["calendar"]["name"]
    return _durations(entry, "every", "spread")


def _durations(plain: Plain, *keys: str) -> Plain:
    return {
        key: format_duration(timedelta(seconds=value)) if key in keys and value is not None else value
        for key, value in plain.items()
    }


def _short(param: Plain) -> Plain:
    return {key: value for key, value in param.items() if key != "name" and value not in (None, "", [])}


def _value(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return value if isinstance(value, str) else json.dumps(value)
