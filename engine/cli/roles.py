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
from engine.host.clock import SystemClock
from engine.host.systemd import Manager
from engine.hosts.settings import host_settings
from engine.ports import Journal
from engine.service.hosting import HostService, Offered
from engine.service.kept import Kept
from engine.service.leading import LeaderService
from jobfile.model.labels import LABEL_RULE, MOST_LABELS, is_label
from jobfile.model.namedtuple import NamedTuple

ALL: Final = "all"
SCHEDULER: Final = "scheduler"
WORKER: Final = "worker"
MAX_SLOTS: Final = 1_000
"""Maximum number of attempts that a host executes at once: each has a thread that waits for its end."""
LONGEST_WAIT_SECONDS: Final = 4.0
"""How long a part that has ended waits at most before it is started again: perhaps no other host leads, and
a ledger that was away may have come back.
"""
ROLES: Final = (ALL, SCHEDULER, WORKER)


class Part(NamedTuple):
    """What a process of several hosts is started with."""

    config: EngineConfig
    about: Offered
    ended: threading.Event
    manager: Manager
    duration: timedelta | None

    @property
    def seconds(self) -> float | None:
        """After how many seconds it ends; None for never."""
        return None if self.duration is None else self.duration.total_seconds()


def offered(
    name: str, labels: tuple[str, ...], slots: int | None, config: EngineConfig, *, role: str | None
) -> Offered:
    """What a host offers. Refuses labels that no job could ask for, and a ledger that hosts cannot share."""
    if role is None:
        if name or labels or slots is not None:
            raise WrongUsageError("--name, --label and --slots are about one of several hosts; add --role")
        return Offered("", (), 0)
    if not config.store:
        raise WrongUsageError(
            "--role is for hosts that share a ledger in PostgreSQL; add --store, or set JOBFILE_STORE"
        )
    for label in labels:
        if not is_label(label):
            raise WrongUsageError(f"--label `{label}` is not a label of a host: expected {LABEL_RULE}")
    if len({*labels}) > MOST_LABELS:
        raise WrongUsageError(f"a host has at most {MOST_LABELS} labels")
    return Offered(name or os.uname().nodename, labels, slots or config.max_running)


def run_worker(part: Part, journal: Journal) -> None:
    """Execute what the leader offers, until the end."""
    service = HostService(
        part.config,
        part.about,
        host_settings(part.config.environ),
        journal,
        SystemClock(),
        ended=part.ended,
    )
    try:
        service.start()
        part.manager.ready(f"executes jobs as the host {part.about.name}")
        part.ended.wait(part.seconds)
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
        part.ended.wait()
    part.manager.stopping()
    standing = service.stop()
    trouble = None if service.engine is None else service.engine.trouble
    if trouble is not None:
        raise trouble
    if standing:
        raise JobfileError(f"the engine ended although loops were stuck ({', '.join(standing)})")


def run_all(part: Part) -> None:
    """Run both roles as children of this process, each started again when it ends."""

    def tell(line: str) -> None:
        click.echo(f"warning: {line}", err=True)

    with ExitStack() as children:
        for role in (WORKER, SCHEDULER):
            argv = (sys.executable, "-m", "engine.cli.main", *_arguments(role))
            kept = Kept(argv, SystemClock(), what=f"the {role}", tell=tell, longest_wait=LONGEST_WAIT_SECONDS)
            children.enter_context(kept)
        part.manager.ready("runs a scheduler and a worker")
        part.ended.wait(part.seconds)
        part.manager.stopping()


def _arguments(role: str) -> list[str]:
    """The arguments of this process, with another role."""
    given = sys.argv[1:]
    for place, one in enumerate(given):
        if one == "--role":
            return [*given[: place + 1], role, *given[place + 2 :]]
        if one.startswith("--role="):
            return [*given[:place], f"--role={role}", *given[place + 1 :]]
    raise AssertionError("there is a role")
