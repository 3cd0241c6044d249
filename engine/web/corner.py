"""Whether everything adds up, for the corner of every page: expected and accounted for in 24 hours."""

from datetime import datetime, timedelta
from typing import Final

from engine.web.apart.last_day import last_day
from engine.web.apart.question import ROUGHLY
from engine.web.memory import LATE_SECONDS, How
from engine.web.visits import Visit
from jobfile.model.dataclass import dataclass

PERIOD: Final = "last 24 h: "
"""What the words of the corner are about, unless they are about now."""
OLD: Final = timedelta(seconds=LATE_SECONDS)
"""After this time the corner says of when it is."""
PROBE: Final = How(is_rough=True)
"""What a probe asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corner:
    """The answer in a few words."""

    adds_up: bool
    is_well: bool
    obstacle: str
    """Why nothing starts; empty if everything that is due starts."""
    old: datetime | None = None
    """Of when it is, if that is some time ago."""

    @property
    def words(self) -> str:
        """What the corner says, and about which time."""
        if not self.adds_up:
            return f"{PERIOD}does not add up"
        if self.obstacle:
            return "nothing starts now"
        return f"{PERIOD}adds up" if self.is_well else f"{PERIOD}adds up, not all well"

    @property
    def tone(self) -> str:
        """Its class in the stylesheet."""
        if not self.adds_up or self.obstacle:
            return "bad"
        return "good" if self.is_well else "doubtful"

    @property
    def sign(self) -> str:
        """Its sign."""
        return {"good": "✓", "doubtful": "!", "bad": "✗"}[self.tone]


def corner(visit: Visit, how: How = ROUGHLY) -> Corner:
    """Whether everything adds up; the same for all who look within a few seconds."""
    found = visit.ask(how, last_day)
    if found is None:
        return Corner(adds_up=True, is_well=True, obstacle="nothing is recorded yet")
    old = found.at if visit.now - found.at > OLD else None
    return Corner(adds_up=found.adds_up, is_well=found.is_well, obstacle=found.obstacle, old=old)
