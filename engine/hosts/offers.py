"""Executes attempts on other hosts: the leader offers them, hosts take them and report their ends."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from engine.core.hosts import (
    DELETED_KEPT,
    GRACE,
    Delivery,
    DeliveryState,
    Leases,
    Offer,
    Slots,
    name_without_row,
)
from engine.core.lifecycle import Attempt, AttemptKey, Ended, Lost, Run, RunState, StartError
from engine.core.reasons import Reason
from engine.core.records import LiveAttempt
from engine.hosts.carrier import Sender
from engine.hosts.executor import Checked, Flight
from engine.ledger.host_ports import SharedLedger
from engine.ledger.store_ports import Execution
from engine.ports import Alive, Clock, Evidence, NotStarted
from engine.transactions.steps import ToStart

GAP_SECONDS: Final = 5.0
"""If the leader has not looked for silent hosts for this long, perhaps they could not renew their leases."""
TIDY_SECONDS: Final = 60.0
KEPT: Final = timedelta(days=1)
"""How long silent hosts that have nothing are kept."""
LOOKED_AT_ONCE: Final = 5_000
"""How many deliveries are checked each time, to delete those that are no longer needed."""
PATIENCE: Final = timedelta(seconds=5)
"""How long an offer may wait before it is repeated: the carrier may have lost it."""


class Offers:
    """Implements `Executor` with the hosts on a shared ledger.

    The row of a delivery decides: a host that takes it is the only one that executes the attempt. The carrier
    only brings offers, so what it loses, doubles or reorders does no harm.
    """

    def __init__(
        self,
        *,
        store: Execution,
        shared: SharedLedger,
        carrier: Sender,
        clock: Clock,
        leases: Leases,
        grace: timedelta = GRACE,
        on_withdrawn: Callable[[AttemptKey], None] = lambda _: None,
    ) -> None:
        """Nothing is offered yet. `on_withdrawn` gets each attempt that is ended before a host took it."""
        self._store = store
        self._shared = shared
        self._carrier = carrier
        self._clock = clock
        self._leases = leases
        self._grace = grace
        self._on_withdrawn = on_withdrawn
        self._tidy_at = clock.elapsed() + TIDY_SECONDS
        self._tidied = ""
        """The run up to which this round has checked deliveries."""
        self._connected_at = 0.0
        self._judged_at = float("-inf")
        """When silent hosts were last looked for, with success."""

    def room(self, flying: int) -> int:  # noqa: ARG002  the port's signature: the deliveries say it
        return self._slots().free

    def chosen(self, runs: Sequence[Run]) -> Sequence[Run]:
        if not runs:
            return runs
        slots = self._slots()
        return [run for run in runs if slots.place(self._store.definition(run.digest).runs_on)]

    def _slots(self) -> Slots:
        return Slots(self._shared.hosts.all(), self._shared.deliveries.open())

    def launch(self, starts: Sequence[ToStart]) -> Mapping[str, StartError]:
        failed: dict[str, StartError] = {}
        offers: list[Offer] = []
        for one in starts:
            if trouble := self._store.definition_trouble(one.run.digest):
                at = self._clock.now()
                failed[one.attempt.id] = StartError(at=at, reason=Reason.START_ERROR, detail=trouble)
                continue
            spec = self._store.definition(one.run.digest)
            offers.append(Offer(one.attempt, spec.runs_on, self._leases.of(spec), one.run.job))
        self._shared.deliveries.offer(offers)
        self._carrier.offer(offers)
        return failed

    def look(self, flights: Sequence[Flight]) -> Mapping[str, Evidence]:
        known = self._known([flight.attempt.run_id for flight in flights])
        return {flight.attempt.id: _evidence(known.get(flight.attempt.id)) for flight in flights}

    def check(self, live: Sequence[LiveAttempt]) -> Checked:
        self._judge()
        known = self._known([one.attempt.run_id for one in live])
        over: list[str] = []
        alive: list[tuple[Attempt, datetime | None]] = []
        for one in live:
            found = known.get(one.attempt.id)
            if found is None or found.outcome is not None or self._is_withdrawn(one, found):
                over.append(one.attempt.id)
            else:
                alive.append((one.attempt, found.started_at))
        self._repeat()
        self._tidy()
        return Checked(over, alive)

    def late_ends(self, lost: Sequence[Attempt]) -> Sequence[tuple[Attempt, Ended]]:
        known = self._known([attempt.run_id for attempt in lost])
        found = []
        for attempt in lost:
            delivery = known.get(attempt.id)
            if delivery is not None and isinstance(delivery.late, Ended):
                found.append((attempt, delivery.late))
        return found

    def _known(self, runs: Sequence[str]) -> Mapping[str, Delivery]:
        if not runs:
            return {}
        return {one.attempt.id: one for one in self._shared.deliveries.of_runs(sorted({*runs}))}

    def _is_withdrawn(self, one: LiveAttempt, found: Delivery) -> bool:
        """End an attempt of a run that is being cancelled, if no host has it yet."""
        if one.run_state is not RunState.CANCELLING or found.state is not DeliveryState.OFFERED:
            return False
        never = StartError(at=self._clock.now(), reason=Reason.NOT_TAKEN)
        if not self._shared.deliveries.withdraw(found.attempt, never):
            return False
        self._on_withdrawn(found.attempt)
        return True

    def _judge(self) -> None:
        """Record the attempts of silent hosts as lost: their supervisors have killed them by now."""
        now = self._clock.elapsed()
        if now - self._judged_at > GAP_SECONDS:
            self._connected_at = now  # perhaps the hosts could not reach the ledger either
        heard = timedelta(seconds=now - self._connected_at)
        found = self._shared.deliveries.silent(grace=self._grace, heard=heard)
        self._judged_at = self._clock.elapsed()
        for one in found:
            lost = Lost(at=self._clock.now(), reason=Reason.HOST_SILENT, detail=f"the host {self._name(one)}")
            self._shared.deliveries.judge(one, lost)

    def _name(self, found: Delivery) -> str:
        names = {host.id: host.name for host in self._shared.hosts.all()}
        return names.get(found.host) or name_without_row(found.host)

    def _tidy(self) -> None:
        """From time to time, delete rows that are no longer needed."""
        now = self._clock.elapsed()
        if now < self._tidy_at:
            return
        self._tidy_at = now + TIDY_SECONDS
        past = self._tidied
        self._tidied = self._shared.deliveries.forget(after=DELETED_KEPT, past=past, limit=LOOKED_AT_ONCE)
        self._shared.hosts.forget(after=KEPT)
        self._shared.schedulers.forget(after=KEPT)

    def _repeat(self) -> None:
        """Repeat the offers that have waited for too long."""
        waiting = self._shared.deliveries.untaken(patience=PATIENCE)
        self._carrier.offer([Offer(one.attempt, one.needs, one.lease, self._job(one)) for one in waiting])

    def _job(self, found: Delivery) -> str:
        run = self._store.run(found.attempt.run_id)
        return "" if run is None else run.job


def _evidence(found: Delivery | None) -> Evidence:
    if found is None:
        return NotStarted()
    return found.outcome or Alive(started_at=found.started_at)
