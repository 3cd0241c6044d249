"""`jobfile show`: a job as it is understood, with the origin of each value."""

import json

import click

from engine.adapters.files import FolderTree
from engine.cli.commands.check import INVALID, print_diagnostics
from engine.cli.output import print_json, printable
from engine.cli.place import Place, UnknownJobError, json_option, place_options
from engine.errors import JobfileError
from jobfile.canonical import Plain, to_plain
from jobfile.catalog import CompiledJob
from jobfile.document import Document
from jobfile.duration import format_duration
from jobfile.model import JobSpec, ScriptAction
from jobfile.pipeline import check_file, compile_files
from jobfile.settings import named_settings, settings_of
from jobfile.suggest import suggest


@click.command("show")
@click.argument("job")
@json_option
@place_options
def command(job: str, *, as_json: bool, place: Place) -> int:
    """JOB with all its defaults filled in, and where each value comes from."""
    snapshot = FolderTree(place.main_file).snapshot()
    if snapshot.problem:
        raise JobfileError(f"{snapshot.problem}; name the job file with -f, or make one with  jobfile init")
    compiled = compile_files(snapshot.files)
    if compiled.catalog is None:
        print_diagnostics(compiled.diagnostics, compiled.sources)
        return INVALID
    found = compiled.catalog.job(job)
    if found is None:
        near = suggest(job, compiled.catalog.names)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise UnknownJobError(f"no job `{job}` in {place.main_file}{hint}")
    document = check_file(*snapshot.files[0]).document
    assert document is not None
    origins = _origins(document, job)
    if as_json:
        plain = to_plain(found.spec)
        print_json({"format": 1, "digest": found.digest, "job": plain, "origins": origins})
    else:
        click.echo(_as_text(found, origins))
    return 0


def _origins(document: Document, job: str) -> dict[str, str]:
    """Key -> `file:line` of the value that holds; built-in values are not here."""
    origins = {}
    settings = dict(settings_of(document, job))
    for key in ("env", "secrets"):
        settings |= {f"{key}.{name}": one for name, one in named_settings(document, job, key).items()}
    for key, setting in settings.items():
        line = document.key_span(setting.path).start.line
        place = f"{document.source.name}:{line}"
        origins[key] = f"from defaults ({place})" if setting.path[0] == "defaults" else place
    return origins


def _as_text(found: CompiledJob, origins: dict[str, str]) -> str:
    lines = [f"{found.spec.name}:  # {found.origin.file}:{found.origin.line}, digest {found.digest[:12]}"]
    for key, text in _lines(found.spec):
        origin = origins.get(key) or origins.get(key.partition(".")[0]) or "built in"
        first, *rest = printable_lines(text)
        lines.append(f"  {key}: {first}".rstrip() + f"  # {origin}")
        lines += [f"    {line}".rstrip() for line in rest]
    return "\n".join(lines)


def printable_lines(text: str) -> list[str]:
    """The lines of a text, none of which can steer a terminal."""
    return [printable(line) for line in text.rstrip("\n").split("\n")]


def _lines(spec: JobSpec) -> list[tuple[str, str]]:
    """Key and value of everything that holds, in the language's order and words."""
    plain: Plain = to_plain(spec)
    rows = [(key, _value(plain[key])) for key in ("description", "owner", "tags", "enabled")]
    rows += [("schedule", "\n".join(["", *map(_value, plain["schedule"])]) if spec.schedule else "none")]
    rows += [("timezone", spec.timezone)]
    rows += [(f"params.{param['name']}", _value(_short(param))) for param in plain["params"]]
    if isinstance(spec.action, ScriptAction):
        rows += [("run", "|\n" + spec.action.text), ("shell", _value(list(spec.action.shell)))]
    else:
        rows += [("command", _value(list(spec.action.argv)))]
    rows += [(f"env.{name}", text) for name, text in sorted(spec.env.items())]
    rows += [(f"secrets.{name}", text) for name, text in sorted(spec.secrets.items())]
    rows += [
        ("timeout", format_duration(spec.timeout) if spec.timeout else "none"),
        ("kill_grace", format_duration(spec.kill_grace)),
        ("retry", _value(_durations(plain["retry"], "delay", "max_delay"))),
        ("concurrency", _value(plain["concurrency"])),
        ("catchup", _value(_durations(plain["catchup"], "window"))),
        ("idempotent", _value(spec.idempotent)),
    ]
    return [(key, text) for key, text in rows if text not in ("", "[]")]


def _durations(plain: Plain, *keys: str) -> Plain:
    return {key: f"{value}s" if key in keys and value is not None else value for key, value in plain.items()}


def _short(param: Plain) -> Plain:
    return {key: value for key, value in param.items() if key != "name" and value not in (None, "", [])}


def _value(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return value if isinstance(value, str) else json.dumps(value)
