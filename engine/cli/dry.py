"""What `run --dry-run` says: what would be executed, without executing, reading a secret or writing."""

import shutil
from collections.abc import Mapping
from datetime import datetime

import click

from engine.accounting import concurrency_key, template_values
from engine.cli.asking import new_run
from engine.cli.output import facts, print_json, printable
from engine.cli.place import Place
from jobfile.catalog import CompiledJob
from jobfile.duration import format_duration
from jobfile.expression import EvaluationError
from jobfile.model import CommandAction, HttpAction, PythonAction, ScriptAction, StepsAction
from jobfile.template import evaluate_source, has_template, render_items, render_text, to_text
from jobfile.values import Value

FIRST_LINE = "dry run: nothing is started, no secret is read, nothing is written"


def tell_dry_run(
    job: CompiledJob, params: Mapping[str, Value], place: Place, *, at: datetime, as_json: bool
) -> int:
    """Print what a run would be; 0, for it would run."""
    rows = _rows(job, params, place, at=at)
    if as_json:
        print_json({"format": 1, "job": job.spec.name, "facts": [list(row) for row in rows]})
    else:
        click.echo(f"{FIRST_LINE}\n\n{facts(rows)}")
    return 0


def _rows(
    job: CompiledJob, params: Mapping[str, Value], place: Place, *, at: datetime
) -> list[tuple[str, str]]:
    spec = job.spec
    run = new_run(spec, digest=job.digest, generation=None, params=params, at=at, now=place.now())
    values = template_values(spec, run)
    about_run = values["run"]
    assert isinstance(about_run, dict)
    about_run |= {"attempt": 1, "started_at": at, "previous_success": None}
    values["secrets"] = {name: "***" for name in spec.secrets}
    environ = place.config.environ
    rows = [
        ("job", f"{spec.name} ({job.origin.file}:{job.origin.line})"),
        ("for", at.isoformat()),
        ("key", f"{concurrency_key(spec, run)}, limit {spec.concurrency.limit or 'none'}"),
        *(
            ("params", f"{name} = {to_text(value) if not isinstance(value, tuple) else list(value)}")
            for name, value in run.params.items()
        ),
        *(("env", f"{name} = {_rendered(text, values)}") for name, text in spec.env.items()),
        *(
            ("secrets", f"{name} from {source}{_is_set(source, environ)}")
            for name, source in spec.secrets.items()
        ),
    ]
    match spec.action:
        case ScriptAction():
            rows += [
                ("values", f"JF_{index} = {_evaluated(source, values)}   {{{{ {source} }}}}")
                for index, source in enumerate(spec.action.values, start=1)
            ]
            rows += [
                ("script" if index == 1 else "", f"{index:>2}  {line}")
                for index, line in enumerate(spec.action.compiled.splitlines(), start=1)
            ]
            program = spec.action.shell[0]
        case CommandAction():
            argv = [part for item in spec.action.argv for part in _items(item, values)]
            rows += [("argument" if index else "program", part) for index, part in enumerate(argv)]
            program = argv[0] if argv else ""
        case PythonAction() | HttpAction() | StepsAction():
            raise AssertionError(f"{spec.name} was refused before")
    found = shutil.which(program, path=environ.get("PATH"))
    timeout = format_duration(spec.timeout) if spec.timeout else "none"
    rows += [
        ("found", found or f"NOT FOUND: no program `{program}` in PATH"),
        ("timeout", f"{timeout}; up to {spec.retry.attempts} attempts"),
        ("would run", "yes"),
    ]
    return [(label, printable(text)) for label, text in rows]


def _rendered(text: str, values: Mapping[str, object]) -> str:
    try:
        return render_text(text, values) if has_template(text) else text
    except EvaluationError as error:
        return f"cannot be filled in: {error}"


def _evaluated(source: str, values: Mapping[str, object]) -> str:
    try:
        return repr(to_text(evaluate_source(source, values)))
    except EvaluationError as error:
        return f"cannot be filled in: {error}"


def _items(item: str, values: Mapping[str, object]) -> tuple[str, ...]:
    try:
        return render_items(item, values) if has_template(item) else (item,)
    except EvaluationError as error:
        return (f"cannot be filled in: {error}",)


def _is_set(source: str, environ: Mapping[str, str]) -> str:
    kind, _, name = source.partition(":")
    if kind != "env":
        return ""
    return ": is set" if name in environ else ": NOT SET"
