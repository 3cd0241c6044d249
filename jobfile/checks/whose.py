"""Says which jobs a finding is about where its place does not: in `defaults`, or in a shared anchor."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.files.fileset import FileSet, JobText

MOST_NAMED: Final = 3
"""Maximum jobs that a message names."""

Found = tuple[JobText, Diagnostic]
"""A finding about a job."""


def with_jobs(files: FileSet, found: Iterable[Found]) -> Iterator[Diagnostic]:
    """The findings about jobs; the message of one at a shared place names the jobs."""
    groups: dict[tuple[object, ...], list[Found]] = {}
    for job, one in found:
        groups.setdefault((one.code, one.file, one.span, one.message), []).append((job, one))
    for group in groups.values():
        jobs = list(dict.fromkeys(job.name for job, _ in group))
        job, one = group[0]
        yield one if len(jobs) == 1 and _is_in_job(job, one) else _about(job, one, jobs, of=len(files.jobs))


def _is_in_job(job: JobText, one: Diagnostic) -> bool:
    """Whether the place of a finding shows which job it is about."""
    if one.file != job.document.source.name:
        return False
    own = job.document.span(job.path)
    is_inside = own.start <= one.span.start and one.span.end <= own.end
    return is_inside or one.span == job.document.key_span(job.path)


def _about(job: JobText, one: Diagnostic, jobs: list[str], *, of: int) -> Diagnostic:
    if len(jobs) == 1 and job.words in one.message:
        return one
    return replace(one, message=f"{one.message} ({_named(jobs, of=of)})")


def _named(jobs: list[str], *, of: int) -> str:
    if len(jobs) == of and of > MOST_NAMED:
        return f"all {of:,} jobs"
    named = ", ".join(f"`{name}`" for name in jobs[:MOST_NAMED])
    more = f" and {len(jobs) - MOST_NAMED:,} more" if len(jobs) > MOST_NAMED else ""
    return f"{'job' if len(jobs) == 1 else 'jobs'} {named}{more}"
