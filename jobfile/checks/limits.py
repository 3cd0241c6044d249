"""JF017: how much of a kind there may be. (What a file may weigh is checked while it is read.)"""

from collections.abc import Iterator, Mapping
from typing import Final

from jobfile.checks.finding import finding
from jobfile.diagnostic import Diagnostic
from jobfile.jobtext import FileSet, JobText
from jobfile.matrix import MAX_COMBINATIONS, axes, combination_count
from jobfile.settings import Setting, map_at

MAX_JOBS: Final = 20_000
"""Jobs in all files together."""
MAX_STEPS: Final = 100
"""Steps of one job."""
MAX_BROUGHT: Final = 1_000_000
"""Values that defaults and matrices bring to all jobs and steps together."""


def check_limits(job: JobText) -> Iterator[Diagnostic]:
    """JF017: at the job, or the step, that is one too many."""
    if len(job.files.jobs) > MAX_JOBS and job.name == job.files.nth_job(MAX_JOBS):
        yield finding(
            job.here,
            "JF017",
            f"{len(job.files.jobs):,} jobs; at most {MAX_JOBS:,} may stand in all files together",
            label="the first one too many",
            help=("give some of them a main file and an engine of their own",),
            at_key=True,
        )
    if len(job.steps) > MAX_STEPS:
        step = list(job.steps.values())[MAX_STEPS]
        yield finding(
            step.here,
            "JF017",
            f"{job.words} has {len(job.steps)} steps; at most {MAX_STEPS} are allowed",
            label="the first one too many",
            help=("put work that is alike in one step with `for_each`",),
            at_key=True,
        )


def check_brought(files: FileSet) -> Iterator[Diagnostic]:
    """JF017: at the job with which it is too much, what is written once and holds for many."""
    weights = {one.source.name: _weight(map_at(one, ("defaults",))) for one in files.documents}
    shared = weights[files.main.source.name]
    brought = 0
    for job in files.jobs.values():
        own = 0 if job.document is files.main else weights[job.document.source.name]
        brought += shared + own + _brought_to_steps(job) + _brought_by_matrix(job)
        if brought > MAX_BROUGHT:
            yield finding(
                job.here,
                "JF017",
                f"defaults and matrices bring more than {MAX_BROUGHT:,} values to the jobs",
                label="with this job it is too much",
                help=("put large tables in a file that the jobs read",),
                at_key=True,
            )
            return


def _brought_to_steps(job: JobText) -> int:
    """What each step of a job has from above it by name."""
    steps = map_at(job.document, (*job.path, "steps"))
    return len(steps) * sum(
        len(map_at(document, (*path, key))) for document, path in job.layers for key in ("env", "secrets")
    )


def _brought_by_matrix(job: JobText) -> int:
    written = map_at(job.document, (*job.path, "matrix"))
    if not written:
        return 0
    setting = Setting(written, (*job.path, "matrix"), job.document)
    count = combination_count(setting)
    return count * len(axes(setting)) if count <= MAX_COMBINATIONS else 0


def _weight(value: object) -> int:
    """How many values a value holds, itself included."""
    if isinstance(value, Mapping):
        return 1 + sum(_weight(part) for part in value.values())
    return 1 + sum(_weight(part) for part in value) if isinstance(value, list) else 1
