"""A plan: the changes between two sets of jobs, and their effects on future runs."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction

from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.files.fileset import FileSet
from jobfile.model.catalog import Catalog, CompiledJob
from jobfile.model.dataclass import dataclass
from jobfile.model.namedtuple import NamedTuple

DAYS = 30
"""How far ahead runs are counted and compared."""
EFFECT_DAYS = 366
"""How far ahead to look for local times that do not exist."""


class Action(StrEnum):
    """The change of a job, in the order of a plan."""

    CHANGE = "change"
    RENAME = "rename"
    ADD = "add"
    REMOVE = "remove"


class Kind(StrEnum):
    """The form of a changed field."""

    VALUE = "value"
    SCRIPT = "script"
    SCHEDULE = "schedule"
    LIST = "list"


class FieldChange(NamedTuple):
    """A field with its old and new value; None if it has none. Lists have only the items that differ.

    With `is_hidden`, a side looks like a secret: neither side is ever shown.
    """

    path: tuple[str, ...]
    before: object
    after: object
    kind: Kind = Kind.VALUE
    is_hidden: bool = False


class Start(NamedTuple):
    """A future run: the instant it is for, and when it may start, which is later with a spread."""

    at: datetime
    starts: datetime


class Row(NamedTuple):
    """A run on both sides: the same, moved, lost (then it has no `after`) or gained (no `before`)."""

    before: Start | None
    after: Start | None

    @property
    def at(self) -> datetime:
        """The earlier of the two instants."""
        return min(start.at for start in self if start is not None)

    @property
    def is_same(self) -> bool:
        """Whether both sides have this run at the same time."""
        return self.before == self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """The effect of a change on the runs of a job.

    The counts are for thirty days. `gained`, `lost` and `moved` are complete up to `compared_until`: this is
    the end of the thirty days, unless a side has more runs than are compared one by one.

    `rows` are the next runs, each beside its counterpart. If the first changed run is far down, they are the
    next run and the first changed ones; `rows_left_out` equal runs are between them.
    `first_difference` is the first changed run after `compared_until`, if none changes before.
    """

    compared_until: datetime
    next_before: tuple[Start, ...] = ()
    next_after: tuple[Start, ...] = ()
    count_before: int = 0
    count_after: int = 0
    gained: tuple[Start, ...] = ()
    lost: tuple[Start, ...] = ()
    moved: tuple[tuple[Start, Start], ...] = ()
    rows: tuple[Row, ...] = ()
    rows_left_out: int = 0
    first_difference: Row | None = None
    usual_distance: timedelta = timedelta(days=DAYS)
    rate_before: Fraction = Fraction(0)
    """Runs per day over whole periods. These are compared, as counts depend on where the days begin."""
    rate_after: Fraction = Fraction(0)

    @property
    def times_as_many(self) -> float:
        """The factor by which the number of runs grows; 0 if there were none."""
        return float(self.rate_after / self.rate_before) if self.rate_before else 0.0

    @property
    def is_same(self) -> bool:
        """Whether every run stays the same."""
        return not (self.gained or self.lost or self.moved) and self.count_before == self.count_after


class Risk(NamedTuple):
    """A fact about a change that a reviewer should not miss."""

    code: str
    message: str
    evidence: Mapping[str, object]


class JobFacts(NamedTuple):
    """What the engine knows about a job: its open runs, how long its latest runs took, its pause."""

    running: int = 0
    waiting: int = 0
    retrying: int = 0
    longest: timedelta | None = None
    of: int = 0
    last_run: str = ""
    paused: str = ""


NO_FACTS = JobFacts()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobChange:
    """One job that differs between the sides."""

    action: Action
    before: CompiledJob | None
    after: CompiledJob | None
    fields: tuple[FieldChange, ...]
    runs: Runs
    facts: JobFacts = NO_FACTS
    effects: tuple[str, ...] = ()
    hint: str = ""
    risks: tuple[Risk, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def job(self) -> CompiledJob:
        """The new version of the job, or the old one if it is removed."""
        found = self.after or self.before
        assert found is not None
        return found

    @property
    def name(self) -> str:
        """Its name; the new one after a rename."""
        return self.job.spec.name

    @property
    def has_new_times(self) -> bool:
        """Whether to show its runs: they or the schedule change."""
        return not self.runs.is_same or any(one.kind is Kind.SCHEDULE for one in self.fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two sets of jobs, and its source.

    `kind` is engine, revision, worktree, file or plan. `files` has names and SHA-256 digests. `written`
    has the files as they were read, if there are any: it shows where a value comes from.
    """

    kind: str
    catalog: Catalog
    name: str = ""
    lineage: str = ""
    generation: int | None = None
    applied_at: datetime | None = None
    revision: str = ""
    is_dirty: bool = False
    files: tuple[tuple[str, str], ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    written: FileSet | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Starts in each hour of the day (UTC), as a mean over some days; and the most in one minute."""

    days: int
    before: tuple[float, ...]
    after: tuple[float, ...]
    total_before: int
    total_after: int
    peak_before: int
    peak_after: int

    @property
    def is_same(self) -> bool:
        """Whether no start is added, removed or moved to another hour."""
        return (self.before, self.total_before, self.peak_before) == (
            self.after,
            self.total_after,
            self.peak_after,
        )


class Filter(NamedTuple):
    """Which jobs of a plan to show: those with one of these names, one of these tags and one of these owners.

    An empty list means any.
    """

    jobs: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()


class LeftOut(NamedTuple):
    """Changed jobs that a filtered plan does not show, of how many, with their risks and warnings."""

    filter: Filter
    jobs: int
    risks: int
    warnings: int
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The full meaning of a change of job files, as of one instant.

    A plan with `left_out` was filtered: `jobs` and `same` have only the selected jobs.
    """

    now: datetime
    before: Side
    after: Side
    jobs: tuple[JobChange, ...]
    same: tuple[str, ...]
    load: Load
    risks: tuple[Risk, ...] = ()
    moved: tuple[tuple[CompiledJob, CompiledJob], ...] = field(default=())
    left_out: LeftOut | None = None

    @property
    def has_changes(self) -> bool:
        """Whether anything changes."""
        return bool(self.jobs)

    @property
    def all_risks(self) -> tuple[Risk, ...]:
        """The risks of the whole change and of each job."""
        return (*self.risks, *(risk for job in self.jobs for risk in job.risks))

    @property
    def warnings(self) -> int:
        """The number of new findings about changed jobs."""
        return sum(len(job.diagnostics) + len(job.effects) for job in self.jobs)

    def count(self, action: Action) -> int:
        """The number of jobs with this change."""
        return sum(1 for job in self.jobs if job.action is action)
