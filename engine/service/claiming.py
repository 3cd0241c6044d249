"""Claims a ledger in a server for one state folder, or for hosts of which one leads.

The check is made twice, because another process may claim the ledger meanwhile: before the session, when
nothing is lost by refusing, and in the session, when the sessions before it can start nothing any more.
"""

from datetime import datetime
from typing import Final

from engine.config import EngineConfig
from engine.core.errors import EngineRunningError
from engine.core.records import HOME, HOME_OF_HOSTS, SILENT
from engine.host.home import Home, home_of, keep_home
from engine.ledger.store_ports import Store

OF_HOSTS: Final = Home(HOME_OF_HOSTS, "several hosts")
"""The home of a ledger whose leader has attempts executed by hosts: each keeps the evidence of its own."""


class Claim:
    """The claim of a state folder to its ledger; none is needed for a file in the folder."""

    def __init__(self, store: Store, config: EngineConfig, *, boot_id: str, is_command: bool = False) -> None:
        """Claim nothing yet. A command, which is no engine, may claim no ledger that hosts share."""
        self._store = store
        self._config = config
        self._boot_id = boot_id
        self._is_command = is_command
        self._mine = OF_HOSTS if config.is_leader else home_of(config) if config.store else None
        self._before: Home | None = None

    def make(self, *, now: datetime) -> None:
        """Note this folder in the ledger. Raises EngineRunningError when another one still needs it."""
        if self._mine is None:
            return
        with self._store.transaction():
            self._before = Home.of_text(self._store.past.fact(HOME, default=""))
            reason = self._reason_against(now)
            if reason:
                raise self._refusal(self._before, reason)
            self._store.past.note(HOME, self._mine.to_text())

    def check(self, epoch: int, *, now: datetime) -> None:
        """Check that the claim holds, now that a session is open and no earlier session can start anything.

        Raises EngineRunningError when it does not; then the session is over.
        """
        if self._mine is None:
            return
        with self._store.transaction():
            found = Home.of_text(self._store.past.fact(HOME, default=""))
            is_lost = found is None or found.id != self._mine.id
            is_needed = self._is_taken_over and bool(self._store.live_attempts())
            if is_needed and self._before is not None:
                self._store.past.note(HOME, self._before.to_text())
            if is_lost or is_needed:
                self._store.close_session(epoch=epoch, now=now, boot_seconds=None, reason="refused")
        if is_lost:
            raise self._refusal(found, "was started at the same time")
        if is_needed:
            raise self._refusal(self._before, "has running jobs")
        if self._mine != OF_HOSTS:
            keep_home(self._config, self._mine)

    @property
    def _is_taken_over(self) -> bool:
        return self._before is not None and self._mine is not None and self._before.id != self._mine.id

    def _reason_against(self, now: datetime) -> str:
        """Why another engine still needs the ledger, as the end of a sentence."""
        if self._mine == OF_HOSTS and not self._is_taken_over:
            return ""  # whichever engine leads, the hosts are the same
        if self._is_command and self._before is not None and self._before.id == OF_HOSTS.id:
            # While none of them leads the next one begins; and jobs run where hosts have what they need.
            return "execute its runs"
        session = self._store.last_session()
        # A session that a newer one has superseded can start nothing any more, and never gets an end.
        is_open = (
            session is not None and session.ended_at is None and session.epoch >= self._store.newest_epoch()
        )
        if session is not None and is_open and session.boot_id != self._boot_id:
            silence = abs(now - session.last_seen_at)
            if silence < SILENT:
                return f"had a heartbeat {round(silence.total_seconds())} s ago"
        if not self._is_taken_over:
            return ""
        if self._store.live_attempts():
            return "has running jobs"
        return "did not end normally, and may have running jobs" if is_open else ""

    def _refusal(self, other: Home | None, reason: str) -> EngineRunningError:
        where = "another state folder" if other is None else other.where
        return EngineRunningError(
            f"the ledger {self._config.ledger_name} belongs to the engine of {where}, which {reason}. "
            "Start that engine there, or stop it there, and wait for its jobs; or start "
            "each host with --role, to share the ledger"
        )
