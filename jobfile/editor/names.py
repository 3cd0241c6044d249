"""Finds the places of a file that refer to something by name, and the place of its definition."""

from collections.abc import Iterator

from jobfile.diagnostics.diagnostic import DocumentPath
from jobfile.expressions.expression import Scope
from jobfile.files.fileset import FileSet, JobText, Payload
from jobfile.files.following import followed
from jobfile.files.merged_settings import Setting, map_at, merged_by_name
from jobfile.model.labels import is_label
from jobfile.schema.forms import JOB_FILE
from jobfile.syntax.document import Document

SECTIONS = {"calendar": "calendars", "queue": "queues", "channel": "channels"}
"""Kind of name -> the key of the main file that defines such names."""


def named_kind(path: DocumentPath) -> str | None:
    """The kind of name at a path: step, job, calendar, queue, channel, secret, zone, label."""
    words = tuple(step for step in path if isinstance(step, str))
    if not words:
        return None
    last = words[-1]
    if "notify" in words[-2:-1]:
        return "channel"
    if last == "after" or words[-2:] in (("after", "job"), ("after", "all"), ("after", "any")):
        return "job"
    if last in ("secret", "apprise"):
        return "secret"
    if last == "calendar" and JOB_FILE.kind_of(path) != "file":
        return "calendar"
    return {"needs": "step", "queue": "queue", "timezone": "zone", "runs_on": "label"}.get(last)


def job_at(files: FileSet, path: DocumentPath) -> JobText | None:
    """The job that contains a path."""
    return files.jobs.get(str(path[1])) if len(path) > 1 and path[0] == "jobs" else None


def payload_at(files: FileSet, path: DocumentPath) -> Payload | None:
    """The step that contains a path, or else the job."""
    job = job_at(files, path)
    if job is not None and len(path) > 3 and path[2] == "steps":
        return job.steps.get(str(path[3]), job)
    return job


def scope_at(files: FileSet, path: DocumentPath) -> Scope | None:
    """The names available in a template at a path."""
    if path[:1] == ("channels",) and len(path) > 1:
        return files.channel_scope(merged_by_name([(files.main, path[:2])], "secrets"))
    payload = payload_at(files, path)
    return None if payload is None else payload.scope


def names_of(files: FileSet, kind: str, path: DocumentPath) -> list[str]:
    """The names of a kind that are valid at a path."""
    job = job_at(files, path)
    if kind == "job":
        return sorted(files.job_names - {job.name if job else ""})
    if kind == "step":
        own = str(path[3]) if len(path) > 3 and path[2] == "steps" else ""
        return [name for name in (job.steps if job else ()) if name != own]
    if kind == "secret":
        payload = payload_at(files, path)
        return list(payload.secrets) if payload else list(map_at(files.main, (*path[:2], "secrets")))
    if kind == "label":
        return sorted(_labels(files))
    if kind == "zone":
        from jobfile.schedule.zones import zone_names  # noqa: PLC0415  only for a zone

        return sorted(zone_names())
    return [*map_at(files.main, (SECTIONS[kind],)), *(["default"] if kind == "queue" else [])]


def _labels(files: FileSet) -> set[str]:
    """The labels of hosts that the jobs name; no file declares them."""
    settings = (job.settings.get("runs_on") for job in files.jobs.values())
    return {
        one.text for found in settings if found is not None for one in found.entries() if is_label(one.text)
    }


Place = tuple[Document, DocumentPath]


def definition_of(files: FileSet, kind: str, name: str, path: DocumentPath) -> Place | None:
    """The place of the definition of a name: its key."""
    job = job_at(files, path)
    if kind == "job":
        found = files.jobs.get(name)
        return (found.document, found.path) if found else None
    if kind == "step" and job is not None and name in job.steps:
        return job.document, job.steps[name].path
    if kind == "secret":
        payload = payload_at(files, path)
        setting = payload.secrets.get(name) if payload else None
        return (setting.document, setting.path) if setting else None
    if kind in SECTIONS and name in map_at(files.main, (SECTIONS[kind],)):
        return files.main, (SECTIONS[kind], name)
    return None


def definition_in_template(files: FileSet, name: str, path: DocumentPath) -> Place | None:
    """The place of the definition of a dotted name: `params.day`, `vars.lake`, `steps.load.outputs.rows`."""
    head, _, rest = name.partition(".")
    parts = rest.split(".")
    job, payload = job_at(files, path), payload_at(files, path)
    if head == "vars" and parts[0] in map_at(files.main, ("vars",)):
        return files.main, ("vars", parts[0])
    if head == "steps" and job is not None and parts[0] in job.steps:
        step = job.steps[parts[0]]
        output = (*step.path, "outputs", parts[2]) if len(parts) > 2 and parts[1] == "outputs" else step.path
        return job.document, output
    if head == "secrets" and payload is not None and parts[0] in payload.secrets:
        setting = payload.secrets[parts[0]]
        return setting.document, setting.path
    if head in ("params", "matrix") and job is not None and head in job.settings:
        part = job.settings[head].part(parts[0])
        return None if part is None else (part.document, part.path)
    return None


def references(files: FileSet, name: str) -> Iterator[Setting]:
    """Every place that refers to a job: `after` triggers in all files."""
    for job in files.jobs.values():
        for trigger in job.triggers:
            yield from (one for one in followed(trigger) if one.text == name)
