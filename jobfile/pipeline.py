"""The stages from text to catalog, in order. A table of contents, and nothing else."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from jobfile.catalog import Catalog, build_catalog
from jobfile.checks import check
from jobfile.compile import compile_jobs
from jobfile.diagnostic import Diagnostic, arrange
from jobfile.document import Document, decode_source, parse_document
from jobfile.schema import validate
from jobfile.source import Source


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A file with all that is to be said about it; no document when it could not be read."""

    name: str
    diagnostics: tuple[Diagnostic, ...]
    source: Source | None = None
    document: Document | None = None

    @property
    def is_valid(self) -> bool:
        """Whether nothing that was found is an error."""
        return self.document is not None and not any(one.is_error for one in self.diagnostics)


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """A set of files: its catalog if all of it is valid, and every finding."""

    catalog: Catalog | None
    diagnostics: tuple[Diagnostic, ...]
    sources: Mapping[str, Source] = field(default_factory=dict)


def check_file(name: str, content: bytes) -> Checked:
    """Text -> document -> shape -> meaning. Each stage runs only when the ones before found no error."""
    source, diagnostics = decode_source(name, content)
    if source is None:
        return Checked(name=name, diagnostics=diagnostics)
    document, found = parse_document(source)
    diagnostics = (*diagnostics, *found)
    if document is None or any(one.is_error for one in diagnostics):
        return Checked(name=name, diagnostics=diagnostics, source=source)
    diagnostics = (*diagnostics, *validate(document))
    if not any(one.is_error for one in diagnostics):
        diagnostics = (*diagnostics, *check(document))
    return Checked(name=name, diagnostics=arrange(diagnostics), source=source, document=document)


def compile_files(files: Iterable[tuple[str, bytes]]) -> Compiled:
    """A set of files -> one catalog, or none when anything in it is an error."""
    checked = [check_file(name, content) for name, content in files]
    diagnostics = arrange(
        (finding for one in checked for finding in one.diagnostics), files=[one.name for one in checked]
    )
    sources = {one.name: one.source for one in checked if one.source is not None}
    if not all(one.is_valid for one in checked):
        return Compiled(catalog=None, diagnostics=diagnostics, sources=sources)
    jobs = [job for one in checked if one.document is not None for job in compile_jobs(one.document)]
    return Compiled(catalog=build_catalog(jobs), diagnostics=diagnostics, sources=sources)
