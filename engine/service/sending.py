"""Sends what jobs write and keep on this host to a ledger in a server, and notes where all of it is kept."""

from typing import Final

from engine.core.lifecycle import AttemptKey
from engine.core.pieces import LOG
from engine.host.run_ids import new_run_id
from engine.hosts.here import Here
from engine.hosts.outputs import OutputSender
from engine.hosts.sending import Sending
from engine.ledger.host_ports import OUTPUTS
from engine.ledger.opening import open_objects, open_shared
from engine.ledger.store_ports import Store
from engine.ports import Clock, Launcher
from engine.service.session import OpenSession
from engine.service.threads import Threads

NO_HOST: Final = ""
"""The host of attempts that are executed by an engine that shares its ledger with none."""


class EngineOutputs:
    """The outputs of one engine, with a connection of their own."""

    def __init__(self, session: OpenSession, clock: Clock, launcher: Launcher, threads: Threads) -> None:
        """Connect, and add the loop that sends."""
        self._shared = open_shared(session.config.ledger_url)
        sender = OutputSender(
            self._shared.outputs,
            config=session.config,
            clock=clock,
            host=NO_HOST,
            wake=lambda: threads.wake("outputs"),
            on_sent=lambda: threads.wake("rescuer"),
        )
        here = Here(store=session.store, clock=clock, launcher=launcher, config=session.config)
        self.executor: Final = Sending(here, sender)
        threads.add("outputs", sender.send)

    def close(self) -> None:
        """Disconnect."""
        self._shared.close()


def place_outputs(store: Store, url: str) -> None:
    """Note where outputs are kept from now on. Raises JobfileError for a store that cannot be reached."""
    if store.past.fact(OUTPUTS, default="") == url:
        return
    open_objects(url).sent(AttemptKey(new_run_id(), 1), copy=LOG)
    with store.transaction():
        store.past.note(OUTPUTS, url)
