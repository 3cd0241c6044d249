"""Checks all areas. A failure in one is a finding, and the others are still checked."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

from engine.answers.findings import Examined
from engine.config import EngineConfig
from engine.core.errors import JobfileError
from engine.doctor.clock import examine_clock
from engine.doctor.disk import examine_disk
from engine.doctor.invariants import examine_invariants
from engine.doctor.ledgerfile import open_ledger, unreadable
from engine.doctor.leftovers import examine_leftovers
from engine.doctor.machine import examine_machine
from engine.doctor.rights import check_state, examine_rights, unreadable_place
from engine.doctor.running import examine_engine, examine_notifications
from engine.doctor.subject import Subject
from engine.execution.run_folders import survey
from engine.host.lock import MOUNTS, file_system, is_engine_running
from engine.host.machine import Machine


def diagnose(
    config: EngineConfig, *, now: datetime, machine: Machine, mounts: Path = MOUNTS
) -> Iterator[Examined]:
    """Check everything, in the order of the output. It changes nothing and never raises."""
    subject = Subject(
        config=config,
        now=now,
        machine=machine,
        is_running=is_engine_running(config.state_dir),
        file_system=file_system(config.state_dir, mounts=mounts),
    )
    state = tuple(check_state(config.state_dir))
    opened = open_ledger(subject)
    yield opened.examined
    subject = replace(subject, view=opened.view)
    hosts = opened.view.hosts if opened.view is not None else None
    is_shared = hosts is not None and hosts.are_sharing()
    if hosts is not None and is_shared:
        leader = hosts.leader()  # the engine may be on any host
        is_running = leader is not None and not leader.is_over
        subject = replace(subject, is_running=is_running, shared_now=hosts.now())
    runs = survey(config.runs_dir)
    areas: dict[str, Callable[[], Examined]] = {
        "invariant": lambda: examine_invariants(subject),
        "rights": lambda: examine_rights(subject, state),
        "clock": lambda: examine_clock(subject),
        "disk": lambda: examine_disk(subject, runs),
        "leftovers": lambda: examine_leftovers(subject, runs),
        "machine": lambda: examine_machine(subject),
        "notifications": lambda: examine_notifications(subject),
    }
    if opened.view is not None and hosts is not None and is_shared:
        from engine.doctor.hosts import examine_hosts  # noqa: PLC0415  start-up time: only with a server

        areas["hosts"] = partial(examine_hosts, opened.view, hosts)
    areas["engine"] = lambda: examine_engine(subject)
    try:
        for area, examine in areas.items():
            yield _guarded(subject, area, examine)
    finally:
        if opened.view is not None:
            opened.view.close()


def _guarded(subject: Subject, area: str, examine: Callable[[], Examined]) -> Examined:
    try:
        return examine()
    except (JobfileError, ValueError, LookupError) as error:
        return Examined(area=area, looked_at="not all of it", findings=(unreadable(subject, error),))
    except OSError as error:
        return Examined(area=area, looked_at="not all of it", findings=(unreadable_place(subject, error),))
