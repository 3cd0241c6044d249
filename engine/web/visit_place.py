"""The place of one request: who asks, which jobs they may see, and the views that the answer has opened."""

from collections.abc import Callable
from datetime import datetime

from engine.asking.place import Place
from engine.ledger.ports import View
from engine.web.access import Who
from jobfile.model.dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitPlace(Place):
    """A place that keeps what was opened, so that it can be closed when the answer is there."""

    clock: Callable[[], datetime]
    who: Who | None
    opened: list[View]

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

    def close(self) -> None:
        """Close what was opened."""
        while self.opened:
            self.opened.pop().close()
