"""Answers of `show`: a job in full, with the place of each value, from the files or as a run had it."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.core.errors import JobfileError
from engine.core.lifecycle import Run
from engine.core.vocabulary import short
from engine.ledger.ports import View
from jobfile.files.fileset import JobText
from jobfile.files.merged_settings import Setting
from jobfile.model.canonical import spec_from_json, to_plain
from jobfile.model.catalog import CompiledJob
from jobfile.model.jobs import JobSpec

DIGITS = 12
"""Number of digits shown of a digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A job with all its defaults; `origins` says for each key where its value was written."""

    spec: JobSpec
    digest: str
    about: str
    """Where the job was taken from, as a text."""
    origins: Mapping[str, str] | None
    """Where each key was written; None when unknown. A missing key has its built-in value."""


def show_job(found: CompiledJob, text: JobText) -> Shown:
    """A job as the files define it."""
    place = f"{found.origin.file}:{found.origin.line}"
    about = f"{place}, digest {found.digest[:DIGITS]}"
    return Shown(spec=found.spec, digest=found.digest, about=about, origins=_origins(text))


def show_in_force(found: CompiledJob) -> Shown:
    """A job as it is in force. The ledger keeps the place of the job, but not that of each value."""
    about = f"in force, digest {found.digest[:DIGITS]}"
    return Shown(spec=found.spec, digest=found.digest, about=about, origins=None)


def show_run(view: View, run: Run) -> Shown:
    """The job as a run had it. The ledger keeps the place of the job, but not that of each value."""
    text = view.definition_text(run.digest)
    if text is None:
        raise JobfileError(f"the definition that run {short(run.id)} had is no longer kept")
    generation = f", generation {run.generation}" if run.generation else ""
    about = f"as run {short(run.id)} had it{generation}, digest {run.digest[:DIGITS]}"
    return Shown(spec=spec_from_json(text), digest=run.digest, about=about, origins=None)


def shown_to_json(shown: Shown) -> dict[str, object]:
    """The answer as JSON data."""
    return {
        "format": 1,
        "digest": shown.digest,
        "job": to_plain(shown.spec),
        "origins": dict(shown.origins or {}),
    }


def _origins(job: JobText) -> dict[str, str]:
    """Key -> `file:line` of the value in force; built-in values are not here."""
    settings: dict[str, Setting] = dict(job.settings)
    for key, named in (("env", job.env), ("secrets", job.secrets)):
        settings |= {f"{key}.{name}": one for name, one in named.items()}
    for key in ("params", "outputs", "notify", "steps"):
        for part in job.settings[key].parts() if key in job.settings else ():
            settings[f"{key}.{part.path[-1]}"] = part
    for step in job.steps.values():
        settings |= {f"steps.{step.name}.{key}": one for key, one in step.settings.items()}
        for key, named in (("env", step.env), ("secrets", step.secrets)):
            own = {name: one for name, one in named.items() if one.path[: len(step.path)] == step.path}
            settings |= {f"steps.{step.name}.{key}.{name}": one for name, one in own.items()}
    return {key: _place(setting) for key, setting in settings.items()}


def _place(setting: Setting) -> str:
    line = setting.document.key_span(setting.path).start.line
    place = f"{setting.document.source.name}:{line}"
    return f"from defaults ({place})" if setting.path[0] == "defaults" else place
