"""Opens a session: the lock of a state folder, its ledger, and a record of this process."""

import os
from dataclasses import dataclass
from datetime import datetime

from engine.config import EngineConfig
from engine.core.errors import StoreRefusedError
from engine.core.events import LedgerHeld
from engine.core.records import RESTORED_HOLD, Session
from engine.execution.run_folders import make_runs_dir
from engine.host.environment import user_name
from engine.host.hardening import settle_in
from engine.host.high_water_mark import Rewind, find_rewind, note_high_water
from engine.host.holders import current_boot_id
from engine.host.home import prepare_ledger
from engine.host.lock import ENGINE, EngineLock, make_state_dir
from engine.journal.audit_tail import note_start
from engine.ledger.opening import open_ledger
from engine.ledger.store_ports import Store
from engine.notifications.noting import owe_for_hold
from engine.ports import Clock, Journal
from engine.service.claiming import Claim
from engine.service.failover import begin_in
from engine.transactions.restore import accept_copy, again_text, would_run_again
from jobfile import __version__


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSession:
    """The resources of a process that runs jobs, until its end."""

    config: EngineConfig
    lock: EngineLock
    store: Store
    boot_id: str
    epoch: int
    before: Session | None
    """The previous session: it has the last known time, from which on no engine was running."""
    is_restored: bool
    """Whether the ledger is an older copy that has not been accepted: then nothing starts from it."""
    umask: int

    def note_high_water(self) -> None:
        """Update the high-water mark beside the ledger.

        Not for an older copy: its mark shows that it is one.
        """
        if not self.is_restored:
            covered_until = self.store.max_covered_until()
            note_high_water(self.config.state_dir, epoch=self.epoch, covered_until=covered_until)

    def refuse(self, *, now: datetime) -> None:
        """End the session before anything ran in it: it must not hold the ledger as a crashed one does."""
        try:
            with self.store.transaction():
                self.store.close_session(epoch=self.epoch, now=now, boot_seconds=None, reason="refused")
        finally:
            self.close()

    def close(self) -> None:
        """Close the ledger and release the state folder."""
        self.store.close()
        self.lock.release()


def open_session(
    config: EngineConfig, journal: Journal, clock: Clock, *, command: str = "", server: str = ""
) -> OpenSession:
    """Take the state folder, open its ledger, and note a session in it.

    `command` names the command that takes the folder in place of an engine; `server` is where a leader found
    the ledger. Raises EngineRunningError when
    another process has the folder, StoreRefusedError when the ledger may not be used.
    """
    umask = settle_in()
    make_state_dir(config.state_dir)
    lock = EngineLock.take(config.state_dir, command or ENGINE)
    try:
        prepare_ledger(config)
        make_runs_dir(config.runs_dir)
        store = open_ledger(config.ledger_url)
        store.verify()
        rewind = find_rewind(
            config.state_dir, epoch=store.newest_epoch(), covered_until=store.max_covered_until()
        )
        if command:
            _refuse_copy(store, config, rewind)
        before, boot_id = store.last_session(), current_boot_id()
        claim = Claim(store, config, boot_id=boot_id, is_command=bool(command))
        claim.make(now=clock.now())
        at_least = rewind.epoch + 1 if rewind is not None else 0
        if begin_in(server, store, before=before, rewind=rewind, now=clock.now()):
            rewind = None
        epoch = store.open_session(
            kind="run" if command else "engine",
            boot_id=boot_id,
            pid=os.getpid(),
            version=__version__,
            now=clock.now(),
            boot_seconds=clock.elapsed(),
            at_least=at_least if rewind is None or config.accepts_rewind else 0,
        )
        claim.check(epoch, now=clock.now())
        if not command:
            note_start(store, config.main_file, by=user_name(), now=clock.now())
        return OpenSession(
            config=config,
            lock=lock,
            store=store,
            boot_id=boot_id,
            epoch=epoch,
            before=before,
            is_restored=_is_held_as_copy(store, config, journal, clock, rewind),
            umask=umask,
        )
    except BaseException:
        lock.release()
        raise


def _refuse_copy(store: Store, config: EngineConfig, rewind: Rewind | None) -> None:
    """Raise for an older copy: a command starts nothing from it, and only `jobfile up` can accept it."""
    if rewind is not None:
        raise StoreRefusedError(rewind.message)
    if store.incidents.hold(RESTORED_HOLD) is not None:
        raise StoreRefusedError(
            f"the ledger in {config.state_dir} is an older copy that has not been accepted: nothing starts "
            "from it. Put the newer ledger back, or continue from it:  jobfile up --accept-rewind"
        )


def _is_held_as_copy(
    store: Store, config: EngineConfig, journal: Journal, clock: Clock, rewind: Rewind | None
) -> bool:
    """Whether starts are held because the ledger is an older copy: it lacks runs, which might run twice."""
    now = clock.now()
    hold = store.incidents.hold(RESTORED_HOLD)
    if rewind is None and hold is None:
        return False
    if config.accepts_rewind:
        accept_copy(store, by=user_name(), marks_missed=config.marks_missed, now=now)
        return False
    until = now if rewind is None or rewind.covered_until is None else rewind.covered_until
    again = again_text(would_run_again(store, until=until, now=now))
    if rewind is not None and hold is None:
        with store.transaction():
            store.incidents.begin_hold(RESTORED_HOLD, detail=again, now=now)
            owe_for_hold(store, RESTORED_HOLD, begins=True, detail=again, now=now)
    message = "the ledger is an older copy" if rewind is None else rewind.message
    journal.report(LedgerHeld(detail=f"{message}; {again}"))
    return True
