"""The place of a site, and of one request: who asks, what they may see, and what the answer has opened."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from engine.asking.place import Place
from engine.core.access import ALL_JOBS, fits
from engine.ledger.opening import open_reader
from engine.ledger.ports import View
from engine.ledger.reader_ports import Reader
from engine.ledger.row_memory import KEPT_ROWS
from jobfile.model.dataclass import dataclass
from jobfile.model.namedtuple import NamedTuple


class Seer(Protocol):
    """Who asks, and what they may see."""

    @property
    def name(self) -> str:
        """The name in the audit."""
        ...

    @property
    def is_limited(self) -> bool:
        """Whether only some jobs may be seen."""
        ...

    def sees(self, job: str) -> bool:
        """Whether this job may be seen."""
        ...


class Pattern(NamedTuple):
    """Anyone who may see the jobs of a pattern."""

    jobs: str
    name: str = ""

    @property
    def is_limited(self) -> bool:
        """Whether only some jobs may be seen."""
        return self.jobs != ALL_JOBS

    def sees(self, job: str) -> bool:
        """Whether this job may be seen."""
        return fits(self.jobs, job)


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePlace(Place):
    """A place whose ledger is read through one reader, for as long as the server lives."""

    reader: Reader

    @classmethod
    def of(cls, place: Place, rows: int = KEPT_ROWS) -> "SitePlace":
        """This place, with a reader that remembers this number of rows."""
        reader = open_reader(place.config.ledger_url, rows)
        return cls(main_file=place.main_file, state_dir=place.state_dir, store=place.store, reader=reader)

    def open(self) -> View:
        """Open the ledger for reading."""
        return self.reader.view()

    def of_visit(self, clock: Callable[[], datetime], who: Seer | None) -> "VisitPlace":
        """The place of one request, with nothing opened yet."""
        return VisitPlace(
            main_file=self.main_file,
            state_dir=self.state_dir,
            store=self.store,
            reader=self.reader,
            clock=clock,
            who=who,
            opened=[],
            notes=[],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitPlace(SitePlace):
    """A place that keeps what was opened, so that it can be closed when the answer is there."""

    clock: Callable[[], datetime]
    who: Seer | None
    opened: list[View]
    notes: list[str]
    """What the command says beside its answer: warnings, first of all about rows that cannot be read."""

    @property
    def user(self) -> str:
        """Who asks, for the audit and the records of runs."""
        assert self.who is not None
        return self.who.name

    @property
    def is_limited(self) -> bool:
        """Whether who asks may see only some jobs."""
        return self.who is not None and self.who.is_limited

    def sees(self, job: str) -> bool:
        """Whether who asks may see this job."""
        return self.who is None or self.who.sees(job)

    def now(self) -> datetime:
        """The time of the site."""
        return self.clock()

    def keep(self, view: View) -> None:
        """Note that a ledger was opened for this question."""
        self.opened.append(view)

    def note(self, text: str) -> None:
        """Say something beside the answer."""
        self.notes.append(text)

    def close(self) -> None:
        """Close what was opened; note which rows could not be read, for a user who may see all jobs."""
        while self.opened:
            view = self.opened.pop()
            if not self.is_limited:
                self.warn_unreadable(view)
            view.close()
