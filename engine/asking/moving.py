"""Moves the ledger of a state folder to another database."""

import time
from contextlib import closing
from pathlib import Path
from typing import Final

from engine.answers.invariants.checking import check_invariants
from engine.answers.moved import MovedLedger
from engine.asking.place import Place
from engine.core.errors import EngineRunningError, WrongUsageError
from engine.host.lock import EngineLock, make_private_file
from engine.ledger.copy_ports import Copyable
from engine.ledger.moving import move
from engine.ledger.opening import file_of, open_copyable
from engine.service.presence import presence_at

HOLDER: Final = "jobfile migrate"


def move_ledger(place: Place, to: str, *, is_trial: bool) -> MovedLedger:
    """Copy the ledger of a place to a URL, and mark the old one. A trial changes nothing."""
    config = place.config
    if to == config.ledger_url:
        raise WrongUsageError("--to is where the ledger is already; name another place")
    view = place.view()
    presence = presence_at(config, view, now=place.now())
    view.close()
    if presence.is_running:
        raise EngineRunningError(
            "an engine uses the ledger; stop it first, and start it again after the move"
        )
    lock = EngineLock.take(config.state_dir, HOLDER)
    made: Path | None = None
    began = time.monotonic()
    try:
        if (path := file_of(to)) is not None and not path.exists():
            make_private_file(path)
            made = path
        with closing(open_copyable(config.ledger_url)) as source, closing(open_copyable(to)) as target:
            done = move(source, target, findings=lambda one: _findings(place, one), is_trial=is_trial)
            shown = source.shown, target.shown
    finally:
        # Only after a trial, which keeps nothing: after a move, the file may be the ledger that is in use.
        if is_trial:
            _drop(made)
        lock.release()
    return MovedLedger(
        source=shown[0],
        target=shown[1],
        rows=done.rows,
        was_there=done.is_done_before,
        is_trial=is_trial,
        seconds=time.monotonic() - began,
    )


def _findings(place: Place, ledger: Copyable) -> list[str]:
    now, most = place.now(), place.config.max_running
    return [str(one) for one in check_invariants(ledger.view, now=now, is_running=False, max_running=most)]


def _drop(made: Path | None) -> None:
    """Delete a file that a trial made, with its log."""
    if made is not None:
        for name in (made.name, f"{made.name}-wal", f"{made.name}-shm"):
            made.with_name(name).unlink(missing_ok=True)
