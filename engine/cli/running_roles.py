"""Runs this process in a role on a ledger that hosts share. No other process loads the code for that."""

import sys
import threading
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
from engine.service.kept import Kept
from engine.service.leading import LeaderService

LONGEST_WAIT_SECONDS: Final = 4.0
"""How long a part that has ended waits at most before it is started again: perhaps no other host leads, and
a ledger that was away may have come back.
"""


def run_worker(part: Part, journal: Journal) -> None:
    """Execute what the leader offers, until the end."""
    service = HostService(
        part.config,
        journal,
        SystemClock(),
        bring=partial(make_carrier, _carrier_of_workers(part.config)),
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
    finally:
        service.stop()
    if service.trouble is not None:
        raise service.trouble


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
        for role in (WORKER, SCHEDULER):
            argv = (sys.executable, "-m", "engine.cli.main", *_arguments(role))
            kept = Kept(argv, SystemClock(), what=f"the {role}", tell=tell, longest_wait=LONGEST_WAIT_SECONDS)
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
        if name not in ("--role", "--serve", "--allow-root"):
            found.append(one)
    return [*found, f"--role={role}"]
