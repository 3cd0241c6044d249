"""Runs this process in a role on a ledger that hosts share. No other process loads the code for that."""

import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Final

import click

from engine.cli.roles import SCHEDULER, WORKER, Part
from engine.config import EngineConfig
from engine.core.errors import JobfileError, WrongUsageError
from engine.host.clock import SystemClock
from engine.host.waiting import wait_for
from engine.hosts.carriers.registry import CLUSTERS, make_carrier
from engine.hosts.settings import host_settings
from engine.ports import Journal
from engine.service.hosting import HostService
from engine.service.kept import STOP_SECONDS, Kept
from engine.service.leading import LeaderService

STOP_JOBS_SECONDS: Final = 60.0
"""How long a host with --stop-jobs waits for the ends of its jobs: their supervisors end them anyway."""
STOP_LOOK_SECONDS: Final = 0.2
LONGEST_WAIT_SECONDS: Final = 4.0
"""How long a part that has ended waits at most before it is started again: perhaps no other host leads, and
a ledger that was away may have come back.
"""


def run_worker(part: Part, journal: Journal) -> None:
    """Execute what the leader offers, until the end."""
    carrier = _carrier_of_workers(part.config)
    service = HostService(
        part.config,
        journal,
        SystemClock(),
        bring=partial(make_carrier, carrier),
        carrier=carrier,
        name=part.about.name,
        labels=part.about.labels,
        slots=part.about.slots,
        outputs=part.about.outputs,
        ended=part.ended,
    )
    try:
        service.start()
        part.manager.ready(f"executes jobs as the host {part.about.name}")
        wait_for(part.ended, part.seconds)
        part.manager.stopping()
        if part.stops_jobs and service.trouble is None:
            _stop_jobs(service, part.ended)
    finally:
        service.stop()
    if service.trouble is not None:
        raise service.trouble


def _stop_jobs(service: HostService, ended: threading.Event) -> None:
    """End what runs on this host, and wait for that; another signal, or a loop that failed, ends the wait."""
    ended.clear()
    service.stop_jobs()
    until = time.monotonic() + STOP_JOBS_SECONDS
    while not service.is_idle and time.monotonic() < until and not ended.wait(STOP_LOOK_SECONDS):
        pass
    if not service.is_idle:
        click.echo(
            "warning: not every job has ended; their supervisors end them, and the next process of this host "
            "reports that",
            err=True,
        )


def run_scheduler(part: Part, journal: Journal, *, alarm: Callable[[str], None]) -> None:
    """Lead, or wait to lead, until the end. Its settings are those of `leader_config`."""
    service = LeaderService(
        part.config,
        host_settings(part.config.environ),
        journal,
        SystemClock(),
        name=part.about.name,
        ended=part.ended,
        manager=part.manager,
        alarm=alarm,
    )
    part.manager.ready("waits to lead")
    if part.seconds is not None:
        timer = threading.Timer(part.seconds, part.ended.set)
        timer.daemon = True
        timer.start()
    if service.wait():
        part.manager.ready(f"leads, runs {part.config.main_file}")
        wait_for(part.ended)
    part.manager.stopping()
    standing = service.stop()
    trouble = None if service.engine is None else service.engine.trouble
    if trouble is not None:
        raise trouble
    if standing:
        raise JobfileError(f"the engine ended although loops were stuck ({', '.join(standing)})")


def run_all(part: Part) -> None:
    """Run both roles as children of this process, each started again when it ends."""
    _carrier_of_workers(part.config)

    def tell(line: str) -> None:
        click.echo(f"warning: {line}", err=True)

    with ExitStack() as children:
        for role in (SCHEDULER, WORKER):  # the worker ends first: the scheduler still records what it reports
            argv = (sys.executable, "-m", "engine.cli.main", *_arguments(role))
            extra = STOP_JOBS_SECONDS if part.stops_jobs and role == WORKER else 0.0
            kept = Kept(
                argv,
                SystemClock(),
                what=f"the {role}",
                tell=tell,
                longest_wait=LONGEST_WAIT_SECONDS,
                stop_seconds=STOP_SECONDS + extra,
            )
            children.enter_context(kept)
        part.manager.ready("runs a scheduler and a worker")
        wait_for(part.ended, part.seconds)
        part.manager.stopping()


def _carrier_of_workers(config: EngineConfig) -> str:
    """The name of the carrier that brings offers to workers. Raises WrongUsageError for a cluster's."""
    carrier = host_settings(config.environ).carrier
    if carrier in CLUSTERS:
        raise WrongUsageError(
            f"with JOBFILE_CARRIER={carrier} each attempt gets a host of its own, and no host waits for "
            "work; use --role scheduler"
        )
    return carrier


def _arguments(role: str) -> list[str]:
    """The arguments of this process with another role; the page is served by this one."""
    given, found = iter(sys.argv[1:]), []
    for one in given:
        name, is_joined, _ = one.partition("=")
        if name in ("--role", "--serve") and not is_joined:
            next(given)
        is_for_workers = name == "--stop-jobs" and role == SCHEDULER
        if name not in ("--role", "--serve", "--allow-root") and not is_for_workers:
            found.append(one)
    return [*found, f"--role={role}"]
