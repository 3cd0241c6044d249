"""What is expected of a job: when it is late, and what its successes leave."""

from collections.abc import Mapping
from dataclasses import field
from datetime import timedelta

from jobfile.model.dataclass import dataclass
from jobfile.model.values import Shown


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class FileCheck(Shown):
    """Files that a success leaves: at least `count` that match the pattern and fulfil the rest."""

    path: str
    min_size: str | None = None
    """As `format_size` writes it."""
    newer_than: str | None = None
    """`start`: changed since the run began."""
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class LogCheck(Shown):
    """What a success writes to one of its streams, or to both; `matches` is about whole lines."""

    contains: str | None = None
    matches: str | None = None
    empty: bool | None = None

    @property
    def is_about_text(self) -> bool:
        """Whether what was written has to be read."""
        return self.contains is not None or self.matches is not None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RangeCheck(Shown):
    """The range of a number that a success returns, both ends included."""

    min: int | float | None = None
    max: int | float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ExpectSpec(Shown):
    """When the job is late: no success by a local time (HH:MM) or within a period, or too long a run.

    And what must hold at the end of a run that has succeeded, or it has failed. `usual` only marks.
    """

    done_by: str | None = None
    success_every: timedelta | None = None
    max_duration: timedelta | None = None
    min_duration: timedelta | None = None
    files: tuple[FileCheck, ...] = ()
    log: LogCheck = field(default_factory=LogCheck)
    """Both streams together."""
    stdout: LogCheck = field(default_factory=LogCheck)
    stderr: LogCheck = field(default_factory=LogCheck)
    outputs: Mapping[str, RangeCheck] = field(default_factory=dict)
    usual: bool | None = None
    """True or None."""

    @property
    def has_checks(self) -> bool:
        """Whether a process that exits with 0 can still have failed."""
        is_about_output = self.is_about_streams or self.log != LogCheck()
        return bool(self.files or self.outputs or self.min_duration) or is_about_output

    @property
    def is_about_streams(self) -> bool:
        """Whether something is expected of one stream, so that the two are stored apart."""
        return (self.stdout, self.stderr) != (LogCheck(), LogCheck())

    @property
    def looks_at_disk(self) -> bool:
        """Whether an end can only be judged with files: those of the job, or its log."""
        return bool(self.files) or any(one.is_about_text for one in (self.log, self.stdout, self.stderr))
