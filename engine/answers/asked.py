"""The input of an answer about a job: the ledger, the zone of its times, now, and whether an engine runs."""

from datetime import datetime
from zoneinfo import ZoneInfo

from engine.answers.expected import Item
from engine.answers.overdue import is_overdue
from engine.answers.presence import Presence
from engine.ledger.ports import View
from jobfile.model.dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A job that a question is about, with the ledger and the time of the answer."""

    view: View
    job: str
    zone: ZoneInfo
    now: datetime
    presence: Presence

    def is_overdue(self, item: Item) -> bool:
        """Whether an expected run was due, and nothing has started it."""
        return is_overdue(item, self.presence, self.now)

    def with_reason(self, item: Item) -> Item:
        """An expected run with the reason of its state, also a reason that is not stored in the ledger."""
        if self.view.hosts is None:
            return item
        from engine.answers.reasons import item_reason  # noqa: PLC0415  start-up time: only with a server

        return item._replace(reason=item_reason(self.view, item, now=self.now))

    def words(self, item: Item) -> str:
        """Why an expected run is in its state; empty when that needs no reason."""
        from engine.answers.reasons import item_words  # noqa: PLC0415  start-up time: only for what did not succeed

        return item_words(self.view, item, self.presence, zone=self.zone, now=self.now)
