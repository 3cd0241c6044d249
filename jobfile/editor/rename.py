"""Renames a job everywhere, in all files."""

from jobfile.diagnostics.diagnostic import DocumentPath
from jobfile.diagnostics.source import Source, Span
from jobfile.editor.names import named_kind, references
from jobfile.files.fileset import FileSet
from jobfile.model.names import is_job_name
from jobfile.syntax.document import Document


class RenameError(Exception):
    """The new name is not possible; the message says why."""


def job_named_at(
    files: FileSet, document: Document, path: DocumentPath, *, is_key: bool
) -> tuple[str, Span] | None:
    """The job whose name is at a place, and the place of the name: its key, or a trigger that follows it."""
    if is_key and len(path) == 2 and path[0] == "jobs":
        return str(path[1]), document.key_span(path)
    if not is_key and named_kind(path) == "job" and document.text(path) in files.jobs:
        return document.text(path), document.span(path)
    return None


def rename_edits(files: FileSet, old: str, new: str) -> list[tuple[Source, Span]]:
    """Every place to replace. Raises RenameError for a name that is invalid or already in use."""
    if not is_job_name(new):
        raise RenameError(
            f"`{new}` is not a valid job name: use small letters, digits, _ and -, with a letter first"
        )
    if new != old and new in files.job_names:
        raise RenameError(f"there is already a job `{new}`")
    job = files.jobs[old]
    places = [(job.document.source, job.document.key_span(job.path))]
    places += [(one.document.source, one.document.span(one.path)) for one in references(files, old)]
    return places
