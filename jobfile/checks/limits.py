"""JF017: how much of a kind there may be. (What a file may weigh is checked while it is read.)"""

from collections.abc import Iterator
from typing import Final

from jobfile.checks.finding import finding
from jobfile.diagnostic import Diagnostic
from jobfile.jobtext import JobText

MAX_JOBS: Final = 20_000
"""Jobs in all files together."""
MAX_STEPS: Final = 100
"""Steps of one job."""


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
