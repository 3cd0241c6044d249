"""The stages from text to catalog, in order. A table of contents, and nothing else."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import field
from datetime import datetime

from jobfile.checks import check
from jobfile.checks.beyond import check_beyond
from jobfile.checks.limits import find_too_much
from jobfile.checks.scripts import AskShells, check_scripts
from jobfile.checks.suppression import suppress
from jobfile.compile import compile_jobs
from jobfile.diagnostics.diagnostic import Diagnostic, arrange
from jobfile.diagnostics.source import Source
from jobfile.files.fileset import FileSet
from jobfile.files.include import MAX_TREE_BYTES, check_include, check_included, too_large
from jobfile.files.overrides import override
from jobfile.model.catalog import Catalog, build_catalog
from jobfile.model.dataclass import dataclass
from jobfile.schema.forms import JOB_FILE, Form
from jobfile.schema.validator import validate
from jobfile.syntax.document import Document, decode_source, parse_document

File = tuple[str, bytes]
"""A file's name and content."""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A file with every diagnostic about its text and shape; no document when it could not be read.

    `remainder` is the document without what has the wrong shape: its meaning is checked.
    """

    name: str
    diagnostics: tuple[Diagnostic, ...]
    source: Source | None = None
    document: Document | None = None
    remainder: Document | None = None

    @property
    def is_valid(self) -> bool:
        """Whether nothing that was found is an error."""
        return self.document is not None and not any(one.is_error for one in self.diagnostics)


@dataclass(frozen=True, kw_only=True)
class Looked:
    """A set of files, the main one first, with every finding; no set when the main one cannot be read."""

    diagnostics: tuple[Diagnostic, ...]
    sources: Mapping[str, Source] = field(default_factory=dict)
    files: FileSet | None = None

    @property
    def is_valid(self) -> bool:
        """Whether nothing that was found is an error."""
        return self.files is not None and not any(one.is_error for one in self.diagnostics)


@dataclass(frozen=True, kw_only=True)
class Compiled(Looked):
    """A set of files with its catalog, if all of it is valid."""

    catalog: Catalog | None


def read_file(name: str, content: bytes, *, form: Form = JOB_FILE) -> Checked:
    """Text -> document -> shape. A stage runs only if the stages before it left something to examine."""
    source, diagnostics = decode_source(name, content)
    if source is None:
        return Checked(name=name, diagnostics=diagnostics)
    document, found = parse_document(source)
    remainder = None
    if document is not None:
        twice = [one.path for one in found if one.code == "JF006"]  # the first values are lost
        shape = validate(document, form=form)
        found = (*found, *shape.diagnostics)
        remainder = shape.remainder.without(shape.remainder.tree, twice) if twice else shape.remainder
    foreign = _foreign(source, form) if any(one.is_error for one in found) else None
    if foreign is not None:
        return Checked(name=name, diagnostics=(foreign,), source=source)
    return Checked(
        name=name,
        diagnostics=(*diagnostics, *found),
        source=source,
        document=document,
        remainder=remainder,
    )


def _foreign(source: Source, form: Form) -> Diagnostic | None:
    """What a file with errors is instead: another tool's, or half of a merge."""
    from jobfile.foreign.recogniser import explain_foreign  # noqa: PLC0415  start-up time: only after an error

    def is_valid(text: str) -> bool:
        return check_files([(source.name, text.encode())]).is_valid

    return explain_foreign(source, is_valid=is_valid, is_job_file=form is JOB_FILE)


def check_file(name: str, content: bytes, *, now: datetime | None = None) -> Checked:
    """One file alone, with the diagnostics about the meaning of its jobs."""
    looked = check_files([(name, content)], now=now)
    document = None if looked.files is None else looked.files.main
    source = looked.sources.get(name)
    return Checked(name=name, diagnostics=looked.diagnostics, source=source, document=document)


def check_files(
    files: Iterable[File],
    *,
    outside: Iterable[str] = (),
    overrides: Mapping[str, str] | None = None,
    now: datetime | None = None,
    ask_shells: AskShells | None = None,
    unable: Collection[str] = (),
) -> Looked:
    """A main file and what it includes, with every diagnostic about them.

    `outside` are included files outside the folder; `overrides` are the values of `--set`.
    Without `now`, times in the past are not checked. Without `ask_shells`, no shell checks the scripts.
    `unable` are the keys that the engine cannot run yet.
    """
    given = list(files)
    read = [read_file(name, content) for name, content in given]
    sources = {one.name: one.source for one in read if one.source is not None}
    found = [finding for one in read for finding in one.diagnostics]
    main, *others = read
    if any(one.code == "JF024" for one in main.diagnostics):  # the `include` of another tool
        others, found = [], list(main.diagnostics)
    fileset = None
    if main.document is not None and main.remainder is not None:
        values, problems = override(main.remainder, overrides or {})
        included = tuple(one.remainder for one in others if one.remainder is not None)
        stray: list[Diagnostic] = []
        if sum(len(content) for _, content in given) > MAX_TREE_BYTES:
            stray.append(too_large(main.document))
        stray += check_include(main.document, [one.name for one in others], outside=outside)
        fileset = FileSet(main.remainder, included, values, is_whole=not stray and all(map(_has_jobs, read)))
        found += [*problems, *stray]
        found += [finding for one in others if one.document for finding in check_included(one.document)]
        too_much = find_too_much(fileset)  # reported alone: every other rule would pay for the size
        found += too_much or (*check(fileset, now=now), *check_beyond(fileset, unable))
        if ask_shells is not None and not too_much:
            found += check_scripts(fileset, ask_shells, but=found)
    unsure = {one.name for one in read if one.remainder is None or one.remainder.lost}
    diagnostics = suppress(arrange(found, files=[one.name for one in read]), sources, unsure=unsure)
    return Looked(diagnostics=diagnostics, sources=sources, files=fileset)


def compile_files(
    files: Iterable[File],
    *,
    outside: Iterable[str] = (),
    overrides: Mapping[str, str] | None = None,
    now: datetime | None = None,
    ask_shells: AskShells | None = None,
    unable: Collection[str] = (),
) -> Compiled:
    """A main file and what it includes -> one catalog, or none if there is any error."""
    looked = check_files(
        files, outside=outside, overrides=overrides, now=now, ask_shells=ask_shells, unable=unable
    )
    catalog = None
    if looked.files is not None and looked.is_valid:
        catalog = build_catalog(compile_jobs(looked.files))
    return Compiled(
        catalog=catalog, diagnostics=looked.diagnostics, sources=looked.sources, files=looked.files
    )


def _has_jobs(checked: Checked) -> bool:
    """Whether all jobs in a file, and all the files that it includes, can be found."""
    document = checked.remainder
    return document is not None and not any(document.is_lost((key,)) for key in ("jobs", "include"))
