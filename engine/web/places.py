"""The place that a request asks about: commands end and leave their ledger open, a request closes it."""

from datetime import datetime

from engine.asking.place import Place
from engine.ledger.ports import View
from engine.web.visits import Visit
from jobfile.model.dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPlace(Place):
    """The place of a request: its time, and the ledgers opened for it, which are closed with it."""

    at: datetime
    views: list[View]

    def now(self) -> datetime:
        """The time of the request."""
        return self.at

    def keep(self, view: View) -> None:
        """Close it with the request."""
        self.views.append(view)

    def close(self) -> None:
        """Close what was opened."""
        while self.views:
            self.views.pop().close()


def kept_place(visit: Visit) -> KeptPlace:
    """The place of this request."""
    place = visit.place
    return KeptPlace(main_file=place.main_file, state_dir=place.state_dir, at=visit.now, views=[])
