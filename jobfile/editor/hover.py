"""Describes the thing at a cursor: a key, a schedule, a name in a template, a job."""

import re
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from jobfile.compile.timing import entries_of, entry_of, entry_zone
from jobfile.diagnostics.diagnostic import DocumentPath
from jobfile.editor.complete import about_key
from jobfile.editor.names import job_at, scope_at
from jobfile.files.fileset import FileSet, JobText
from jobfile.files.merged_settings import Setting
from jobfile.schedule.in_words import describe
from jobfile.schedule.occurrences import explain_fire, load_zone, next_fire, spread_delay

BadPlace = tuple[str, DocumentPath]
"""The file and the path of an error."""
FIRES: Final = 5
"""The number of next fires shown."""
_NAME: Final = re.compile(r"[A-Za-z_][\w.]*")
_SHOWN: Final = (
    "schedule",
    "timezone",
    "catchup",
    "timeout",
    "retry",
    "concurrency",
    "owner",
    "queue",
    "runs_on",
)


def hover(
    files: FileSet,
    path: DocumentPath,
    *,
    is_key: bool,
    name: str = "",
    now: datetime,
    bad: Collection[BadPlace] = (),
) -> str:
    """Markdown about a place; `name` is the dotted name at the cursor in a template.

    Fires are shown only for a schedule that has nothing to do with an error; `bad` are the places of errors.
    """
    if name:
        return _about_name(files, name, path)
    job = job_at(files, path)
    parts = []
    if is_key:
        parts.append(about_key(path))
        if job is not None and len(path) == 2:
            parts.append(_about_job(job))
        elif job is not None and len(path) == 3:
            parts.append(_resolved(job, str(path[2])))
    if job is not None and len(path) > 2 and path[2] == "schedule" and not _is_bad(job, bad):
        parts += [_about_entry(job, entry, now) for entry in entries_of(job) if _covers(entry, path)]
    return "\n\n".join(part for part in parts if part)


def _is_bad(job: JobText, bad: Collection[BadPlace]) -> bool:
    """Whether an error hides when a job fires: in its schedule or zone, in defaults, or in a calendar."""
    own = [(job.document.source.name, (*job.path, key)) for key in ("schedule", "timezone")]
    shared = [(one.source.name, ("defaults",)) for one in (job.document, job.files.main)]
    reach = (*own, *shared, (job.files.main.source.name, ("calendars",)))
    return job.is_unsure("schedule", "timezone") or any(
        file == name and path[: len(above)] == above for name, path in bad for file, above in reach
    )


def _covers(entry: Setting, path: DocumentPath) -> bool:
    return path[: len(entry.path)] == entry.path or entry.path[: len(path)] == path


def _about_entry(job: JobText, entry: Setting, now: datetime) -> str:
    """The meaning of an entry in words, and the next times in its zone."""
    compiled = entry_of(job, entry)
    zone = load_zone(entry_zone(job, entry))
    delay = spread_delay(compiled.spread, job.name)
    lines = []
    at: datetime | None = now
    for _ in range(FIRES):
        fire = next_fire((compiled,), after=at) if at is not None else None
        at = None if fire is None else fire.at
        if at is None:
            break
        note = explain_fire(compiled, at)
        late = f" + {delay}" if delay > timedelta(0) else ""
        lines.append(f"- {at.astimezone(zone):%a %Y-%m-%d %H:%M:%S %z}{late}{f'  ({note})' if note else ''}")
    return "\n".join([f"**{describe(compiled)}**", "", *(lines or ["- never again"])])


def _about_job(job: JobText) -> str:
    """The settings in force for a job, each with its source."""
    rows = [_resolved(job, key) for key in _SHOWN if key in job.settings]
    return "\n".join(f"- {row}" for row in rows)


def _resolved(job: JobText, key: str) -> str:
    """The value in force for a key of a job."""
    setting = job.settings.get(key)
    if setting is None:
        return ""
    document = setting.document
    span = document.span(setting.path)
    text = document.source.text[span.start.offset : span.end.offset]
    shown = text if "\n" not in text and len(text) <= 80 else "…"
    line = document.key_span(setting.path).start.line
    place = f"{document.source.name}:{line}"
    origin = f"from defaults ({place})" if setting.path[0] == "defaults" else place
    return f"`{key}: {shown}`  {origin}"


def _about_name(files: FileSet, name: str, path: DocumentPath) -> str:
    """The type of a name in a template, and its value if known."""
    scope = scope_at(files, path)
    found = scope.find(name) if scope is not None else None
    if found is None:
        return ""
    kind = f"list of {found.item}" if found.kind == "list" else str(found.kind)
    parts = [f"`{name}`: {kind}{', may be null' if found.may_be_null else ''}"]
    head, _, rest = name.partition(".")
    job = job_at(files, path)
    if head == "vars" and rest in files.vars:
        parts.append(f"value: `{files.vars[rest]}`")
    if head == "params" and job is not None:
        param = next((one for one in job.params if one.name == rest), None)
        if param is not None:
            parts += [param.description, "required" if param.is_required else f"default: `{param.default}`"]
    return "\n\n".join(part for part in parts if part)


def name_at(text: str, offset: int) -> str:
    """The dotted name around an offset, if it is in a template."""
    opened = text.rfind("{{", 0, offset)
    closed = text.find("}}", offset)
    if opened == -1 or closed == -1 or "}}" in text[opened:offset] or "{{" in text[offset:closed]:
        return ""
    for found in _NAME.finditer(text, opened + 2, closed):
        if found.start() <= offset <= found.end():
            return found[0].rstrip(".")
    return ""
