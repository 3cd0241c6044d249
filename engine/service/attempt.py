"""A host for one attempt: it takes this attempt or none, executes it, reports its end, and ends itself."""

import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from enum import Enum, auto
from typing import Final

from engine.config import EngineConfig
from engine.core.errors import StoreUnavailableError
from engine.core.hosts import Delivery, DeliveryState, name_without_row
from engine.core.lifecycle import AttemptKey, Ended, Outcome
from engine.ledger.host_ports import SharedLedger
from engine.ledger.opening import open_shared
from engine.ports import Clock, Journal
from engine.service.hosting import HostService
from jobfile.model.namedtuple import NamedTuple

LOOK_SECONDS: Final = 0.2
"""How often this host checks whether it should end its job."""


class Taken(Enum):
    """What happened to the attempt."""

    ENDED = auto()
    """It was executed here, or its end here is known."""
    ELSEWHERE = auto()
    """Another host has it, or it is over: there was nothing to do."""
    UNKNOWN = auto()
    """The ledger has never offered it."""
    LEFT = auto()
    """It still waits for a host: it could not be executed here."""


class End(NamedTuple):
    """How a host for one attempt has ended."""

    taken: Taken
    words: str
    outcome: Outcome | None = None


class OneOffer:
    """Implements `Bringer`: brings one attempt, once."""

    def __init__(self, attempt: AttemptKey) -> None:
        """Not brought yet."""
        self._attempt = attempt
        self.is_over = threading.Event()

    def serve(
        self,
        queues: Sequence[str],  # noqa: ARG002  the port's signature: the ledger decides
        *,
        slots: int,  # noqa: ARG002  as above
        execute: Callable[[AttemptKey], None],
        is_over: Callable[[], bool],
    ) -> None:
        if not self.is_over.is_set():
            execute(self._attempt)
            self.is_over.set()
        while not is_over():
            threading.Event().wait(LOOK_SECONDS)

    def close(self) -> None: ...


def execute_one(
    attempt: AttemptKey,
    config: EngineConfig,
    journal: Journal,
    clock: Clock,
    *,
    name: str,
    outputs: str,
    shall_stop: Callable[[], bool],
) -> End:
    """Execute an attempt here, if it can be taken. When `shall_stop` is true, its job is cancelled."""
    brought, ended = OneOffer(attempt), threading.Event()
    with closing(open_shared(config.ledger_url)) as shared:  # first, as it fails at once without tables
        service = HostService(
            config,
            journal,
            clock,
            bring=lambda _: brought,
            name=name,
            labels=(),
            slots=1,
            outputs=outputs,
            ended=ended,
            is_for_one=True,
        )
        try:
            service.start()
            _wait(service, lambda: _has(shared, attempt, service), brought, ended, shall_stop)
        finally:
            service.stop()
        if service.trouble is not None:
            raise service.trouble
        return _end(_found(shared, attempt), service)


def _wait(
    service: HostService,
    has: Callable[[], bool],
    brought: OneOffer,
    ended: threading.Event,
    shall_stop: Callable[[], bool],
) -> None:
    """Wait until this host is done; stop its job when `shall_stop` is true."""
    is_stopping = False
    while not ended.wait(LOOK_SECONDS):
        if shall_stop():
            is_stopping = True
            service.stop_jobs()
        if service.is_idle and (brought.is_over.is_set() or is_stopping) and not has():
            return


def _has(shared: SharedLedger, attempt: AttemptKey, service: HostService) -> bool:
    """Whether the ledger says that this host has the attempt. If the answer that gave it was lost, the next
    renewal adopts it or gives it back.
    """
    try:
        found = _found(shared, attempt)
    except StoreUnavailableError:
        return True
    return found is not None and found.state is DeliveryState.HELD and found.host == service.me.id


def _found(shared: SharedLedger, attempt: AttemptKey) -> Delivery | None:
    found = shared.deliveries.of_runs([attempt.run_id])
    return next((one for one in found if one.attempt == attempt), None)


def _end(found: Delivery | None, service: HostService) -> End:
    if found is None:
        return End(Taken.UNKNOWN, "no such attempt was ever offered to hosts")
    if found.state is DeliveryState.OFFERED:
        return End(Taken.LEFT, service.hindrance or "it was stopped before it took the attempt")
    if found.host == service.me.id and (outcome := found.late or found.outcome) is not None:
        return End(Taken.ENDED, "", outcome)
    if found.state is DeliveryState.HELD:
        who = "this host" if found.host == service.me.id else name_without_row(found.host)
        return End(Taken.ELSEWHERE, f"{who} has it")
    return End(Taken.ELSEWHERE, "it is over")


def exit_code(outcome: Outcome) -> int | None:
    """The exit code of a command that was executed, as a shell gives it; None if it has none."""
    if not isinstance(outcome, Ended):
        return None
    return outcome.exit_code if outcome.signal is None else 128 + outcome.signal
