"""The catalog: all valid jobs at one moment."""

from collections.abc import Iterable
from functools import cached_property
from typing import Final

from jobfile.model.canonical import canonical_json, digest, spec_to_json
from jobfile.model.dataclass import dataclass
from jobfile.model.jobs import JobSpec, Origin

FEW_JOBS: Final = 5
"""Removing up to this many jobs at once is normal, however few there are."""

FEW_OF: Final = 5
"""Removing up to one job of this many is normal too."""


@dataclass(frozen=True)
class CompiledJob:
    """A complete job with its canonical text, its digest and its place in a file."""

    spec: JobSpec
    origin: Origin

    @cached_property
    def canonical(self) -> str:
        """The canonical text of the job's meaning."""
        return spec_to_json(self.spec)

    @cached_property
    def digest(self) -> str:
        """The hash of the meaning: order, quoting, comments and place in the files do not change it."""
        return digest(self.canonical)


@dataclass(frozen=True)
class Catalog:
    """All jobs by name, with one digest."""

    jobs: tuple[CompiledJob, ...]

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of the jobs."""
        return frozenset(job.spec.name for job in self.jobs)

    @cached_property
    def digest(self) -> str:
        """The hash of the whole set."""
        return digest(canonical_json({job.spec.name: job.digest for job in self.jobs}))

    def job(self, name: str) -> CompiledJob | None:
        """One job by name."""
        return next((job for job in self.jobs if job.spec.name == name), None)


def build_catalog(jobs: Iterable[CompiledJob]) -> Catalog:
    """All jobs, in the order of their names."""
    return Catalog(jobs=tuple(sorted(jobs, key=lambda job: job.spec.name)))


def removes_many(removed: int, *, of: int) -> bool:
    """Whether one change removes so large a part of the jobs that a file or a folder may be missing.

    In a small set a share says little: removing one of two jobs is usually intended.
    """
    return removed > FEW_JOBS and removed * FEW_OF > of
