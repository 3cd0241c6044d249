"""Renames a job, a param or a step at every place that names it, in all files."""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from jobfile.diagnostics.diagnostic import DocumentPath
from jobfile.diagnostics.source import Source, Span
from jobfile.editor.names import references
from jobfile.expressions.template import find_slots
from jobfile.files.fileset import FileSet, JobText
from jobfile.files.following import followed
from jobfile.files.merged_settings import Setting, map_at
from jobfile.model.environment import PARAM_PREFIX, param_variable
from jobfile.model.names import is_job_name, is_param_name, is_step_name
from jobfile.syntax.document import Document


class RenameError(Exception):
    """The new name is not possible; the message says why."""


class Kind(StrEnum):
    """What can be renamed."""

    JOB = "job"
    PARAM = "param"
    STEP = "step"


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A job, or a param or step of a job."""

    kind: Kind
    job: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place that names something. A `prefix` before the name means a variable: the name is in capitals.

    At a place with a `fixed` text the new name does not appear.
    """

    source: Source
    span: Span
    prefix: str = ""
    fixed: str | None = None

    def text(self, name: str) -> str:
        """What to write here for a name."""
        if self.fixed is not None:
            return self.fixed
        return self.prefix + name.upper() if self.prefix else name


_FORMER: Final = "renamed_from"
_READ: Final = ("run", "command", "http", "working_dir", "concurrency", "idempotency_key")
_CONDITIONS: Final = ("if", "for_each")
"""Keys whose values are expressions without braces."""
_TEXT: Final = r"'(?:[^'\\]|\\.)*+'|\"(?:[^\"\\]|\\.)*+\""

_RULES: Final = {
    Kind.JOB: (is_job_name, "use small letters, digits, _ and -, with a letter first"),
    Kind.PARAM: (is_param_name, "use letters, digits and _, with a letter first"),
    Kind.STEP: (is_step_name, "use small letters, digits and _, with a letter first"),
}


def named_at(
    files: FileSet, document: Document, path: DocumentPath, offset: int
) -> tuple[Named, Span] | None:
    """What is named at an offset of a document, and the place of the name."""
    for named in _near(files, path):
        with suppress(RenameError):  # it is reported when this name is to be changed
            for place in _places_of(files, named):
                span = place.span
                is_here = place.source.name == document.source.name
                if is_here and span.start.offset <= offset <= span.end.offset:
                    return named, span
    return None


def _near(files: FileSet, path: DocumentPath) -> Iterator[Named]:
    """What may be named in a job: its params and steps, itself, the jobs that it follows and their params."""
    job = files.jobs.get(str(path[1])) if len(path) > 1 and path[0] == "jobs" else None
    if job is None:
        return
    if len(path) > 2:
        yield from (Named(kind=Kind.PARAM, job=job.name, name=one.name) for one in job.params)
        yield from (Named(kind=Kind.STEP, job=job.name, name=name) for name in job.steps)
    others = [one.text for trigger in job.triggers for one in followed(trigger)]
    for name in dict.fromkeys((job.name, *others)):
        if name in files.jobs:
            yield Named(kind=Kind.JOB, job=name, name=name)
    for upstream in (files.jobs[name] for name in dict.fromkeys(others) if name in files.jobs):
        yield from (Named(kind=Kind.PARAM, job=upstream.name, name=one.name) for one in upstream.params)


def rename_edits(files: FileSet, named: Named, new: str) -> list[Place]:
    """Every place to change. Raises RenameError for a bad name, one in use, or an unclear place.

    A renamed job gets `renamed_from`, so that it keeps its history.
    """
    is_valid, rule = _RULES[named.kind]
    if not is_valid(new):
        raise RenameError(f"`{new}` is not a valid {named.kind} name: {rule}")
    if new != named.name and new in _taken(files, named):
        where = "" if named.kind is Kind.JOB else f" in job `{named.job}`"
        raise RenameError(f"there is already a {named.kind} `{new}`{where}")
    job = files.jobs[named.job]
    if named.kind is Kind.PARAM and any("python" in one.settings for one in job.payloads):
        raise RenameError(f"a Python function takes `{named.name}` by its name: rename it there too, by hand")
    found = {(one.source.name, one.span): one for one in _places_of(files, named)}
    former = _former(job, new) if named.kind is Kind.JOB and new != named.name else None
    return [*found.values(), *([] if former is None else [former])]


def _former(job: JobText, new: str) -> Place | None:
    """The change of `renamed_from`: added, or removed when the job gets its former name back.

    A former name that is there stays: the name in between may never have been in force.
    """
    document, source = job.document, job.document.source
    keys = [document.key_span((*job.path, key)) for key in map_at(document, job.path)]
    key, known = (*job.path, _FORMER), document.text((*job.path, _FORMER))
    first = min(one.start.offset for one in keys)
    if known and known != new:
        return None
    if known:
        start, end = document.key_span(key).start.offset, document.span(key).end.offset
        after = min((one.start.offset for one in keys if one.start.offset > end), default=end)
        gap = source.text[end:after]
        return Place(source=source, span=source.span(start, end if gap.strip(" ,\n") else after), fixed="")
    begin = document.key_span(job.path).end.offset
    if first < begin:
        raise RenameError(f"job `{job.name}` is an alias of a map elsewhere: rename it by hand")
    is_flow = "{" in source.text[begin:first]
    end_of_line = ", " if is_flow else "\n" + " " * (source.span(first, first).start.column - 1)
    return Place(source=source, span=source.span(first, first), fixed=f"{_FORMER}: {job.name}{end_of_line}")


def _taken(files: FileSet, named: Named) -> frozenset[str]:
    job = files.jobs[named.job]
    if named.kind is Kind.JOB:
        return files.job_names
    return frozenset(one.name for one in job.params) if named.kind is Kind.PARAM else frozenset(job.steps)


def _places_of(files: FileSet, named: Named) -> Iterator[Place]:
    """Every place in the files that names something; some of them twice, if texts are shared."""
    job = files.jobs[named.job]
    match named.kind:
        case Kind.JOB:
            yield _bare(job.document, job.document.key_span(job.path), named.name)
            for one in references(files, named.name):
                yield _bare(one.document, one.document.span(one.path), named.name)
        case Kind.STEP:
            step = job.steps[named.name]
            yield _bare(job.document, job.document.key_span(step.path), named.name)
            for needs in (one.settings.get("needs") for one in job.steps.values()):
                for one in () if needs is None else needs.parts():
                    if one.text == named.name:
                        yield _bare(one.document, one.document.span(one.path), named.name)
            yield from _in_templates(job, "steps", named.name)
        case Kind.PARAM:
            yield from _of_param(job, named.name)


def _of_param(job: JobText, name: str) -> Iterator[Place]:
    """The places of a param: its key, values for it in the schedule and webhooks, templates, also those of
    the jobs that start after this one, and its variable.
    """
    declared = job.settings["params"].part(name)
    schedule = job.settings.get("schedule")
    given = [one.part("with") for one in schedule.entries()] if schedule is not None else []
    webhooks = (trigger.part("webhook") for trigger in job.triggers)
    given += [one.part("params") for one in webhooks if one is not None]
    for one in (declared, *(values.part(name) for values in given if values is not None)):
        if one is not None:
            yield _bare(one.document, one.document.key_span(one.path), name)
    yield from _in_templates(job, "params", name)
    for other in job.files.jobs.values():
        if any(one.text == job.name for trigger in other.triggers for one in followed(trigger)):
            yield from _in_templates(other, r"trigger\s*\.\s*params", name)
    variable = re.compile(rf"(?<!\w){param_variable(name)}(?!\w)")
    for text in _texts(job, ("run", "command")):
        for found in variable.finditer(text.text):
            yield _inside(text, found.start(), found.end(), prefix=PARAM_PREFIX)


def _in_templates(job: JobText, head: str, name: str) -> Iterator[Place]:
    """The places of `head.name` in the templates and conditions of a job and its steps; a pattern for the
    head.
    """
    dotted = rf"(?<![\w.]){head}\s*\.\s*(?P<dotted>{name})(?!\w)"
    item = rf"(?<![\w.]){head}\s*\[\s*['\"](?P<item>{name})['\"]\s*\]"
    pattern = re.compile(f"{item}|{dotted}|{_TEXT}")
    for text in _texts(job, (*_READ, "env")):
        for slot in find_slots(text.text)[0]:
            yield from _matches(text, pattern, slot.start + 2, slot.end - 2)
    for condition in _texts(job, _CONDITIONS):
        yield from _matches(condition, pattern, 0, len(condition.text))


def _matches(text: Setting, pattern: re.Pattern[str], start: int, end: int) -> Iterator[Place]:
    for found in pattern.finditer(text.text, start, end):
        group = "dotted" if found["dotted"] else "item"
        if found[group]:
            yield _inside(text, found.start(group), found.end(group))


def _texts(job: JobText, keys: Sequence[str]) -> Iterator[Setting]:
    """Every text under some keys of a job and its steps."""
    for payload in job.payloads:
        settings = [payload.settings[key] for key in keys if key in payload.settings and key != "env"]
        for setting in (*settings, *(payload.env.values() if "env" in keys else ())):
            yield from setting.texts()


def _inside(text: Setting, start: int, end: int, *, prefix: str = "") -> Place:
    """The place of a part of a text, which must be written in the file as it is in the text."""
    document = text.document
    span = document.within(text.path, start, end)
    if _written(document.source, span) != text.text[start:end]:
        raise _unclear(document.source, span, text.text[start:end])
    return Place(source=document.source, span=span, prefix=prefix)


def _bare(document: Document, span: Span, name: str) -> Place:
    """The place of a name, inside its quotes."""
    source = document.source
    written = _written(source, span)
    inner = source.span(span.start.offset + 1, span.end.offset - 1) if written[:1] in ("'", '"') else span
    if _written(source, inner) != name:
        raise _unclear(source, span, name)
    return Place(source=source, span=inner)


def _written(source: Source, span: Span) -> str:
    return source.text[span.start.offset : span.end.offset]


def _unclear(source: Source, span: Span, name: str) -> RenameError:
    return RenameError(
        f"{source.name}:{span.start.line} names `{name}` in a form that cannot be changed safely: "
        "rename it by hand"
    )


def case_places(document: Document, named: Named) -> Iterator[Place]:
    """The places in a case file that name a job, or a param for which a case has a value."""
    for case in map_at(document, ("tests",)):
        path: DocumentPath = ("tests", case)
        if document.text((*path, "job")) != named.job:
            continue
        if named.kind is Kind.JOB:
            yield _bare(document, document.span((*path, "job")), named.name)
        elif named.kind is Kind.PARAM and named.name in map_at(document, (*path, "given", "params")):
            yield _bare(document, document.key_span((*path, "given", "params", named.name)), named.name)
