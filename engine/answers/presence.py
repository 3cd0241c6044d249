"""Finds out whether runs can start now, and if not, since when and why."""

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo

from engine.core.reasons import IncidentKind
from engine.core.records import CLOCK_HOLD, DISK_HOLD, ON_TIME, RESTORED_HOLD, SILENT, Incident
from engine.core.vocabulary import instant_text, seconds_text
from engine.ledger.ports import View
from jobfile.model.namedtuple import NamedTuple

HOLDS = (CLOCK_HOLD, RESTORED_HOLD, DISK_HOLD)

GRACE: timedelta = ON_TIME
"""A run is overdue when it is due for longer than this. It is more than a restart of the engine takes."""


class Presence(NamedTuple):
    """Whether an engine serves the schedules, and what prevents it from starting runs.

    `since` is the last heartbeat of the last engine, when none runs; None when none ever ran. `fates` has,
    by id, the runs whose process is gone and whose end no engine has recorded: what the next engine will do
    with each.
    """

    is_running: bool
    since: datetime | None = None
    trouble: str = ""
    fates: Mapping[str, str] = {}

    @property
    def is_idle(self) -> bool:
        """Whether no due run can start."""
        return not self.is_running or bool(self.trouble)

    def obstacle(self, zone: tzinfo) -> str:
        """Why nothing starts, as a text; empty when an engine runs and may start what is due."""
        if self.is_running:
            return self.trouble
        if self.since is None:
            return "no engine is running"
        return f"no engine has been running since {instant_text(self.since, zone)}"


RUNNING = Presence(is_running=True)
"""An engine runs and nothing holds it back."""


def presence_of(
    view: View, *, is_locked: bool, trouble: str, stuck: str = "", fates: Mapping[str, str], now: datetime
) -> Presence:
    """Judge by the engine's lock and the last session whether an engine runs: a command that holds the lock
    is not one.

    `trouble` and `stuck` are notes of the engine beside its lock: why it cannot write the ledger, and which
    of its loops are stuck.
    """
    session = view.last_session()
    is_engine = is_locked and (session.epoch if session else 0) == view.soundness.newest_epoch()
    if not is_engine:
        since = None if session is None else session.ended_at or session.last_seen_at
        return Presence(is_running=False, since=since, fates=fates)
    if trouble:
        return Presence(
            is_running=True, trouble=f"the engine cannot write its ledger: {trouble}", fates=fates
        )
    if stuck:
        return Presence(is_running=True, trouble=f"part of the engine is stuck: {stuck}", fates=fates)
    for kind in HOLDS:
        hold = view.soundness.hold(kind)
        if hold is not None:
            return Presence(is_running=True, trouble=_hold_words(hold), fates=fates)
    silence = now - session.last_seen_at if session is not None and session.ended_at is None else timedelta()
    if silence > SILENT:
        words = f"the engine has had no heartbeat for {seconds_text(silence.total_seconds())}"
        return Presence(is_running=True, trouble=words, fates=fates)
    return Presence(is_running=True, fates=fates)


def unsettled_words(fate: str) -> str:
    """The text for a run that is recorded as running but is over."""
    return f"its process has ended, and no engine has recorded this yet: {fate}; `jobfile up` records it"


def _hold_words(hold: Incident) -> str:
    """Why a running engine starts nothing."""
    match hold.kind:
        case IncidentKind.CLOCK_HOLD:
            return f"the engine does not believe the clock: {hold.detail}"
        case IncidentKind.DISK_HOLD:
            return f"the engine starts nothing, because disk space is low: {hold.detail}"
        case _:
            return f"the engine starts nothing, because its ledger is an older copy: {hold.detail}"
