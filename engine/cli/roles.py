"""The roles of  jobfile up  on a ledger that hosts share: who decides what runs, and who executes it."""

import os
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from typing import Final

import click

from engine.config import EngineConfig
from engine.core.errors import JobfileError, WrongUsageError
from engine.core.hosts import MAX_LABELS
from engine.host.clock import SystemClock
from engine.host.systemd import Manager
from engine.hosts.settings import host_settings
from engine.ports import Journal
from engine.service.hosting import HostService, Offered
from engine.service.leading import LeaderService, leader_config
from jobfile.checks.hosts import is_label

ALL: Final = "all"
SCHEDULER: Final = "scheduler"
WORKER: Final = "worker"
ROLES: Final = (ALL, SCHEDULER, WORKER)


def offered(name: str, labels: tuple[str, ...], slots: int | None, config: EngineConfig) -> Offered:
    """What a host offers. Refuses labels that no job could ask for."""
    for label in labels:
        if not is_label(label):
            raise WrongUsageError(
                f"--label `{label}` is none: expected lower-case letters, digits, `-` and `_`, as in  runs_on"
            )
    if len({*labels}) > MAX_LABELS:
        raise WrongUsageError(f"a host has at most {MAX_LABELS} labels")
    return Offered(name or os.uname().nodename, labels, slots or config.max_running)


def run_worker(
    config: EngineConfig,
    about: Offered,
    journal: Journal,
    *,
    ended: threading.Event,
    manager: Manager,
    duration: timedelta | None,
) -> None:
    """Execute what the leader offers, until the end."""
    service = HostService(config, about, host_settings(config.environ), journal, SystemClock(), ended=ended)
    try:
        service.start()
        manager.ready(f"executes jobs as the host {about.name}")
        ended.wait(duration.total_seconds() if duration else None)
        manager.stopping()
    finally:
        service.stop()
    if service.trouble is not None:
        raise service.trouble


def run_scheduler(
    config: EngineConfig,
    about: Offered,
    journal: Journal,
    *,
    ended: threading.Event,
    manager: Manager,
    duration: timedelta | None,
    alarm: Callable[[str], None],
) -> None:
    """Lead, or wait to lead, until the end."""
    service = LeaderService(
        leader_config(config),
        host_settings(config.environ),
        journal,
        SystemClock(),
        name=about.name,
        ended=ended,
        manager=manager,
        alarm=alarm,
    )
    manager.ready("waits to lead")
    if duration is not None:
        timer = threading.Timer(duration.total_seconds(), ended.set)
        timer.daemon = True
        timer.start()
    if service.wait():
        manager.ready(f"leads, runs {config.main_file}")
        ended.wait()
    manager.stopping()
    standing = service.stop()
    trouble = None if service.engine is None else service.engine.trouble
    if trouble is not None:
        raise trouble
    if standing:
        raise JobfileError(f"the engine ended although loops were stuck ({', '.join(standing)})")


def run_all(*, ended: threading.Event, manager: Manager, duration: timedelta | None) -> None:
    """Run both roles as children of this process, each started again when it ends."""
    from engine.service.kept import Kept  # noqa: PLC0415  start-up time: only with this role

    def tell(line: str) -> None:
        click.echo(f"warning: {line}", err=True)

    with ExitStack() as children:
        for role in (WORKER, SCHEDULER):
            argv = (sys.executable, "-m", "engine.cli.main", *_arguments(role))
            children.enter_context(Kept(argv, SystemClock(), what=f"the {role}", tell=tell))
        manager.ready("runs a scheduler and a worker")
        ended.wait(duration.total_seconds() if duration else None)
        manager.stopping()


def _arguments(role: str) -> list[str]:
    """The arguments of this process, with another role."""
    given = sys.argv[1:]
    for place, one in enumerate(given):
        if one == "--role":
            return [*given[: place + 1], role, *given[place + 2 :]]
        if one.startswith("--role="):
            return [*given[:place], f"--role={role}", *given[place + 1 :]]
    raise AssertionError("there is a role")
