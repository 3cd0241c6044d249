"""Waits for the lead of a ledger, then runs an engine whose attempts are executed by hosts."""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

from engine.config import EngineConfig
from engine.core.errors import JobfileError, SupersededError
from engine.core.events import LeadTaken, LoopFailed
from engine.core.hosts import LEADS_WITHIN, clock_trouble
from engine.host.host_id import host_id
from engine.host.lock import make_state_dir
from engine.host.run_ids import new_run_id
from engine.host.systemd import Manager
from engine.hosts.carriers.registry import make_carrier, make_cluster
from engine.hosts.cluster_row import ClusterRow
from engine.hosts.lead import RETRY_SECONDS, Lead
from engine.hosts.offers import Offers
from engine.hosts.settings import HostSettings
from engine.hosts.shared_clock import SharedClock
from engine.ledger.host_ports import EVERYONE, LEADER, SharedLedger
from engine.ledger.opening import open_ledger, open_shared
from engine.ports import Clock, Journal
from engine.service.engine import EngineService
from engine.service.hosting import begin_beside
from engine.service.session import open_session
from jobfile import __version__

FOLDER: Final = "scheduler"
"""Where an engine that may lead keeps its lock and its log, in the state folder of its host."""

CLOCK_SECONDS: Final = 2.0
"""How old the difference to the ledger's clock may be when an engine takes or renews the lead."""


SIGN_SECONDS: Final = 5.0
"""Seconds between two heartbeats of an engine that may lead."""


def leader_config(config: EngineConfig) -> EngineConfig:
    """The settings of an engine that may lead: its folder is inside the state folder of the host.

    It needs no free space, because nothing is executed there: a full disk here must not stop other hosts.
    """
    return replace(config, state_dir=config.state_dir / FOLDER, is_leader=True, min_free_bytes=0)


class LeaderService:
    """An engine that leads, or waits to lead."""

    def __init__(
        self,
        config: EngineConfig,
        settings: HostSettings,
        journal: Journal,
        clock: Clock,
        *,
        name: str,
        ended: threading.Event,
        manager: Manager | None = None,
        alarm: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Connect to the ledger; its tables are made if there are none."""
        self._cluster = make_cluster(settings.carrier, config.environ)
        self._row: ClusterRow | None = None
        make_state_dir(config.state_dir.parent)
        make_state_dir(config.state_dir)
        open_ledger(config.ledger_url).close()
        self._config = config
        self._settings = settings
        self._journal = journal
        self._ended = ended
        self._manager = manager
        self._alarm = alarm
        self._name = name or os.uname().nodename
        self._renewals = open_shared(config.ledger_url)
        self._clock = SharedClock(clock, self._renewals.hosts.now)
        self._holder = new_run_id()
        self._host = host_id(config.state_dir.parent)
        self._sign_at = 0.0
        self._host_clock = clock
        self._lead = Lead(
            self._renewals.leadership,
            clock,
            holder=self._holder,
            host=self._host,
            length=settings.term,
            refuse=self._sign,
            hindrance=self._hindrance,
        )
        self._server = ""
        """The server of the ledger in which this engine leads."""
        self._hindered_by = ""
        self.engine: EngineService | None = None

    def wait(self) -> bool:
        """Wait until this engine leads, and start it; False when it was ended before."""
        if not self._lead.wait(self._ended):
            return False
        self._server = self._renewals.server()
        self._clock.ask_again()
        session = open_session(self._config, self._journal, self._clock, server=self._server)
        shared = open_shared(self._config.ledger_url)
        offers = Offers(
            store=session.store,
            shared=shared,
            carrier=self._cluster or make_carrier(self._settings.carrier, shared),
            clock=self._clock,
            leases=self._settings.leases,
            grace=self._settings.grace,
            on_withdrawn=self._cluster.withdraw if self._cluster is not None else lambda _: None,
        )
        self.engine = EngineService(
            session,
            self._journal,
            self._clock,
            ended=self._ended,
            manager=self._manager,
            alarm=self._alarm,
            executor=offers,
        )
        self.engine.threads.add("lead", self._keep, retry=RETRY_SECONDS)
        self._speak_for_cluster(shared)
        self._journal.report(LeadTaken(host=self._name, term=self._lead.term))
        self.engine.start()
        begin_beside("hints", self._listen, journal=self._journal, ended=self._ended)
        return True

    def stop(self) -> tuple[str, ...]:
        """Stop cleanly, and let another one lead; the names of loops that did not end."""
        standing = self.engine.stop() if self.engine is not None else ()
        if self._row is not None:
            with suppress(JobfileError):  # otherwise the cluster is silent until the next leader
                self._row.leave()
        if not standing:
            self._lead.give_up()
            with suppress(JobfileError):  # otherwise it is silent, and forgotten after a day
                self._renewals.schedulers.leave(self._host, self._holder)
        return standing

    def _sign(self) -> None:
        """Say that this engine leads or waits to lead. Raises StoreRefusedError when it must not."""
        self._refuse()
        now = self._host_clock.elapsed()
        if now >= self._sign_at:
            self._renewals.schedulers.sign(
                self._host,
                name=self._name,
                process=self._holder,
                version=__version__,
                carrier=self._settings.carrier,
            )
            self._sign_at = now + SIGN_SECONDS

    def _speak_for_cluster(self, shared: SharedLedger) -> None:
        """If this engine has a cluster, let it start hosts for what is offered."""
        if self._cluster is None:
            return
        assert self.engine is not None
        threads = self.engine.threads
        self._row = ClusterRow(shared.hosts, self._cluster, process=self._holder, version=__version__)
        self._row.appear()  # before anything can start: it has all slots
        threads.add("cluster", self._row.tend)
        self._cluster.on_offer = lambda: threads.wake("cluster")

    def _refuse(self) -> None:
        """Raise when this engine must not lead, or not any more."""
        self._renewals.refuse_other_version()
        if self._server and self._renewals.server() != self._server:
            raise SupersededError(
                "another server has taken over the ledger and may lack its newest records; this engine "
                "stops, and the next one continues with the records that are there"
            )

    def _keep(self) -> float:
        return self._lead.keep()

    def _hindrance(self) -> str:
        """Why this engine must not lead now: the clock of its host. It is reported once."""
        self._clock.ask_if_older(CLOCK_SECONDS)
        found = clock_trouble(self._clock.skew, within=LEADS_WITHIN)
        if found and not self._hindered_by:
            self._journal.report(LoopFailed(loop="lead", message=f"this engine does not lead: {found}"))
        self._hindered_by = found
        return found

    def _listen(self) -> None:
        """Wake the loops when a host or a command says that something has changed."""
        assert self.engine is not None
        engine = self.engine

        def heard(who: str) -> None:
            if who in (LEADER, EVERYONE):
                engine.wake()

        self._renewals.hints.listen(heard, is_over=self._ended.is_set)
