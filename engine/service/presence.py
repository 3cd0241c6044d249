"""Finds out whether an engine is running: from its lock, its ledger, and the evidence of runs."""

from collections.abc import Mapping
from datetime import datetime

from engine.answers.presence import Presence, presence_of
from engine.config import EngineConfig
from engine.host.locked import is_locked
from engine.ledger.ports import View


def presence_at(config: EngineConfig, view: View, *, now: datetime) -> Presence:
    """Check whether runs can start here now; without an engine, also check what its runs left behind."""
    holder = None
    if is_locked(config.state_dir):
        from engine.host.lock import lock_holder  # noqa: PLC0415  start-up time: only while something runs

        holder = lock_holder(config.state_dir)
    engine = holder if holder is not None and holder.is_engine else None
    found = presence_of(
        view,
        is_locked=engine is not None or (bool(config.store) and _is_heard(view, now)),
        trouble="" if engine is None else engine.ledger,
        stuck="" if engine is None else engine.stuck,
        fates={},
        now=now,
    )
    return found if found.is_running else found._replace(fates=_fates(config, view))


def has_engine(config: EngineConfig, view: View | None, *, now: datetime) -> bool:
    """Whether an engine is running: here, or on another host if the ledger is in a server."""
    from engine.host.lock import is_engine_running  # noqa: PLC0415  start-up time: few commands ask

    if is_engine_running(config.state_dir):
        return True
    return bool(config.store) and view is not None and _is_heard(view, now)


def _is_heard(view: View, now: datetime) -> bool:
    if view.hosts is not None and view.hosts.are_sharing():
        leader = view.hosts.leader()  # judged by the ledger's clock, whatever the one here says
        return leader is not None and not leader.is_over
    session = view.last_session()
    return session is not None and session.is_heard_at(now)


def _fates(config: EngineConfig, view: View) -> Mapping[str, str]:
    """By run id: what will happen to each attempt that is over but has no end in the ledger."""
    found: dict[str, str] = {}
    if config.store:
        from engine.host.home import has_evidence  # noqa: PLC0415  start-up time: only with a server

        is_elsewhere = view.hosts is not None and view.hosts.are_sharing()
        if is_elsewhere or not has_evidence(config):
            return found
    for live in view.soundness.live_attempts():
        from engine.answers.fates import fate_of  # noqa: PLC0415  start-up time: rarely needed
        from engine.execution.launcher_client import ProcessLauncher  # noqa: PLC0415  start-up time: rarely needed
        from engine.host.keys import read_key  # noqa: PLC0415  start-up time: rarely needed

        attempt = live.attempt
        folder = config.attempt_dir(attempt.key)
        launcher = ProcessLauncher(None, key=read_key(config.state_dir))
        fate = fate_of(launcher.evidence(folder, boot_id=attempt.boot_id), attempt)
        if fate:
            found[attempt.run_id] = fate
    return found
