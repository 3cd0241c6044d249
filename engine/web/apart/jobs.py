"""Every job with its last result."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from engine.answers.listing import STATES, JobList, ListedJob, Mark
from engine.answers.overdue import OVERDUE
from engine.core.errors import JobfileError
from engine.ports import Snapshot
from engine.service.listing import WrittenJobs, list_with, written_jobs
from engine.web.apart.question import Scene
from jobfile.model.namedtuple import NamedTuple

NICE: Final = 10
"""By how much those who wait for an answer go before the compilation of files."""


class Choices(NamedTuple):
    """What jobs can be chosen by."""

    tags: tuple[str, ...]
    owners: tuple[str, ...]
    states: tuple[str, ...]

    @classmethod
    def of(cls, jobs: Sequence[ListedJob]) -> "Choices":
        """Those that some of these jobs have."""
        present = {one.state for one in jobs}
        return cls(
            _words(tag for one in jobs for tag in one.labels.tags),
            _words(one.labels.owner for one in jobs),
            tuple(state for state in STATES if state in present),
        )


def all_jobs(scene: Scene, *, is_patient: bool) -> tuple[JobList, Choices]:
    """Every job with its last result, without its run: the same answer serves all who ask. A patient one
    waits until the jobs of files that have changed are known.
    """
    files = scene.stage.files
    written_from = files.of if is_patient else files.soon
    found = list_with(scene.place.config, scene.view(), written_from, now=scene.now, marks=1)
    if found is None:
        raise JobfileError("nothing is recorded yet, and the job files have errors:  jobfile check")
    slim = tuple(
        replace(one, marks=tuple(Mark(mark.at, mark.state) for mark in one.marks)) for one in found.jobs
    )
    return replace(found, jobs=slim), Choices.of(slim)


def written(_: Scene, snapshot: Snapshot) -> WrittenJobs:
    """The jobs of files, compiled: for a process that is started for this alone."""
    os.nice(NICE)
    return written_jobs(snapshot)


def with_marks(one: ListedJob, recorded: Sequence[Mark], limit: int) -> ListedJob:
    """The job with what is recorded, and after it what is overdue: nothing has recorded that."""
    last = recorded[-1].at if recorded else None
    overdue = [mark for mark in one.marks if mark.state == OVERDUE and (last is None or mark.at > last)]
    return replace(one, marks=(*recorded, *overdue)[-limit:])


def _words(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({one for one in found if one}))
