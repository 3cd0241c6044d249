"""JF017: limits on the number of things. (The size of a file is checked when it is read.)"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final

from jobfile.checks.finding import finding
from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.expressions.patterns import MAX_LENGTH, UnsupportedError, size_of
from jobfile.files.fileset import FileSet, JobText
from jobfile.files.matrix import MAX_COMBINATIONS, axes, combination_count
from jobfile.files.merged_settings import Setting, map_at

MAX_JOBS: Final = 20_000
"""Maximum jobs in all files together."""
MAX_STEPS: Final = 200
"""Maximum steps of one job."""
MAX_BROUGHT: Final = 1_000_000
"""Maximum values that defaults and matrices add to all jobs and steps together."""


MAX_PARAMS: Final = 200
"""Maximum params of one job, or outputs of one job or step."""
MAX_ENTRIES: Final = 1_000
"""Maximum schedule entries of one job."""
MAX_ALL_ENTRIES: Final = 40_000
"""Maximum schedule entries of all jobs together."""
MAX_COMPARED: Final = 50_000_000
"""Maximum of characters times places of the pattern, summed over all values: at most a few seconds."""
_TO_PREPARE: Final = 20
"""Compiling a pattern takes as long as matching this number of characters."""
_MANY: Final = (
    ("steps", MAX_STEPS, "combine similar steps into one step with `for_each`"),
    ("params", MAX_PARAMS, "put large tables into a file that the job reads"),
    ("outputs", MAX_PARAMS, "put large tables into a file that the job writes"),
    ("schedule", MAX_ENTRIES, "one cron expression can match many times, and a calendar many days"),
)


def find_too_much(files: FileSet) -> tuple[Diagnostic, ...]:
    """JF017: everything above a limit, found from the plain values before anything is built from them."""
    if len(files.jobs) > MAX_JOBS:
        job = files.jobs[files.nth_job(MAX_JOBS)]
        return (
            finding(
                job.here,
                "JF017",
                f"{len(files.jobs):,} jobs; all files together can have at most {MAX_JOBS:,}",
                label="the first job above the limit",
                help=("move some of them to another main file with its own engine",),
                at_key=True,
            ),
        )
    found = [one for job in files.jobs.values() for one in _too_many(job)]
    return tuple(found or (*check_brought(files), *_check_entries(files), *_check_compared(files)))


def _too_many(job: JobText) -> Iterator[Diagnostic]:
    for key, most, help_ in _MANY:
        setting = job.settings.get(key)
        if setting is not None and len(setting.value) > most and not isinstance(setting.value, str):
            yield _one_too_many(job.words, setting, most, help_)
    if len(map_at(job.document, (*job.path, "steps"))) <= MAX_STEPS:
        for name, step in job.steps.items():
            outputs = step.here.part("outputs")
            if outputs is not None and len(outputs.value) > MAX_PARAMS:
                yield _one_too_many(f"step `{name}` of {job.words}", outputs, MAX_PARAMS, _MANY[2][2])


def _one_too_many(words: str, setting: Setting, most: int, help_: str) -> Diagnostic:
    key = setting.path[-1]
    what = "schedule entries" if key == "schedule" else key
    return finding(
        next(islice(setting.parts(), most, None)),
        "JF017",
        f"{words} has {len(setting.value):,} {what}; at most {most:,} are allowed",
        label="the first one above the limit",
        help=(help_,),
        at_key=isinstance(setting.value, Mapping),
    )


def _check_entries(files: FileSet) -> Iterator[Diagnostic]:
    count = 0
    for job in files.jobs.values():
        setting = job.settings.get("schedule")
        count += 0 if setting is None else sum(1 for _ in setting.entries())
        if count > MAX_ALL_ENTRIES:
            yield _together(job, f"the schedules of all jobs have more than {MAX_ALL_ENTRIES:,} entries")
            return


def _check_compared(files: FileSet) -> Iterator[Diagnostic]:
    work = 0
    for job in files.jobs.values():
        work += _work_of_patterns(job)
        if work > MAX_COMPARED:
            yield _together(job, "the values of params are too long for patterns of this size")
            return


def _work_of_patterns(job: JobText) -> int:
    """The cost of matching the values in the file with their patterns."""
    sizes = {one.name: _size(one.pattern) for one in job.params if one.pattern is not None}
    if not sizes:
        return 0
    given = [(one.name, one.default) for one in job.params]
    schedule = job.settings.get("schedule")
    for entry in () if schedule is None else schedule.entries():
        values = entry.part("with") if isinstance(entry.value, Mapping) else None
        given += () if values is None else values.value.items()
    lengths = ((sizes.get(name, 0), len(text)) for name, text in given if isinstance(text, str))
    return sum(size * (_TO_PREPARE + length) for size, length in lengths if length <= MAX_LENGTH)


def _size(pattern: str) -> int:
    try:
        return size_of(pattern)
    except UnsupportedError:
        return 0


def _together(job: JobText, message: str) -> Diagnostic:
    return finding(
        job.here,
        "JF017",
        message,
        label="this job exceeds the limit",
        help=("move some jobs to another main file with its own engine",),
        at_key=True,
    )


def check_brought(files: FileSet) -> Iterator[Diagnostic]:
    """JF017 at the job that exceeds the limit on values written once and applied to many jobs."""
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
                f"defaults and matrices add more than {MAX_BROUGHT:,} values to the jobs",
                label="this job exceeds the limit",
                help=("put large tables into a file that the jobs read",),
                at_key=True,
            )
            return


def _brought_to_steps(job: JobText) -> int:
    """The number of named values that each step inherits."""
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
    """The number of values in a value, including itself."""
    if isinstance(value, Mapping):
        return 1 + sum(_weight(part) for part in value.values())
    return 1 + sum(_weight(part) for part in value) if isinstance(value, list) else 1
