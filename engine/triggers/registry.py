"""Every kind of trigger that the engine knows; one more kind is one more line here."""

from typing import Final

from engine.core.lifecycle import Run
from engine.core.records import Schedule
from engine.triggers.backfill import Backfilled
from engine.triggers.boot import AtBoot
from engine.triggers.event import ByEvent
from engine.triggers.kind import Trigger, Watched
from engine.triggers.manual import ByHand
from engine.triggers.schedule import OnSchedule

_SCHEDULE: Final[Watched] = OnSchedule()
WATCHED: Final[tuple[Watched, ...]] = (_SCHEDULE,)
TRIGGERS: Final[tuple[Trigger, ...]] = (*WATCHED, ByHand(), AtBoot(), ByEvent(), Backfilled())
_BY_KIND: Final = {kind: one for one in TRIGGERS for kind in one.kinds}
_BY_KEY: Final = {one.key: one for one in WATCHED}


def trigger_of(run: Run) -> Trigger:
    """The trigger that a run exists for."""
    return _BY_KIND[run.trigger]


def watched_by(schedule: Schedule) -> Watched:
    """The trigger whose coverage a row holds."""
    # A ledger may hold any text as a key; older versions had only schedules.
    return _BY_KEY.get(schedule.schedule_key, _SCHEDULE)
