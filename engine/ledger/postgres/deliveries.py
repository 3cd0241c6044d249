"""What hosts execute, in the table `delivery`: the leader's side and the hosts'."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from engine.core.hosts import BEHIND, Delivery, DeliveryState, Offer
from engine.core.lifecycle import AttemptKey, Outcome
from engine.core.records import HOME, HOME_OF_HOSTS
from engine.ledger.connection import Values
from engine.ledger.outcome_text import outcome_from_text, outcome_to_text
from engine.ledger.postgres.connection import PostgresConnection, PostgresRow
from engine.ledger.postgres.hosts import PostgresHosts, PostgresLeadership, PostgresSchedulers
from engine.ledger.rows import from_us, maybe_from_us, to_us

_US: Final = timedelta(microseconds=1)


class PostgresDeliveries:
    """Implements `Deliveries`."""

    def __init__(self, db: PostgresConnection) -> None:
        """Use a connection."""
        self._db = db

    def offer(self, offers: Sequence[Offer]) -> None:
        for one in offers:
            needs, lease = json.dumps(one.needs), one.lease // _US
            self._db.rows("delivery.offer", {**_key(one.attempt), "needs": needs, "lease": lease})

    def of_runs(self, runs: Sequence[str]) -> Sequence[Delivery]:
        return self._deliveries("delivery.of_runs", {"runs": json.dumps([*runs])})

    def open(self) -> Sequence[Delivery]:
        return self._deliveries("delivery.open", {})

    def withdraw(self, attempt: AttemptKey, outcome: Outcome) -> bool:
        values = {**_key(attempt), "outcome": outcome_to_text(outcome)}
        return bool(self._db.rows("delivery.withdraw", values))

    def silent(self, *, grace: timedelta, heard: timedelta) -> Sequence[Delivery]:
        return self._deliveries("delivery.silent", {"grace": grace // _US, "heard": heard // _US})

    def judge(self, found: Delivery, outcome: Outcome) -> bool:
        assert found.lease_until is not None
        values = {"outcome": outcome_to_text(outcome), "lease_until": to_us(found.lease_until)}
        return bool(self._db.rows("delivery.judge", {**_key(found.attempt), **values}))

    def untaken(self, *, patience: timedelta) -> Sequence[Delivery]:
        return self._deliveries("delivery.untaken", {"patience": patience // _US})

    def forget(self, *, after: timedelta, past: str, limit: int) -> str:
        [found] = self._db.rows("delivery.looked_at", {"past": past, "limit": limit})
        if not found["number"]:
            return ""
        last = str(found["last"])
        between = {"past": past, "last": last}
        self._db.rows("delivery.note_deleted", between)
        self._db.rows("delivery.forget", {**between, "after": after // _US})
        return last if found["number"] == limit else ""

    def _deliveries(self, name: str, values: Values) -> list[Delivery]:
        return [_delivery(row) for row in self._db.rows(name, values)]


class PostgresHostsView:
    """Implements `HostsView`, also on a connection that may only read."""

    def __init__(self, db: PostgresConnection) -> None:
        """Use a connection."""
        self._db = db
        self.leader = PostgresLeadership(db).current
        self.all = PostgresHosts(db).all
        self.schedulers = PostgresSchedulers(db).all
        self.now = PostgresHosts(db).now
        self.open = PostgresDeliveries(db).open
        self.of_runs = PostgresDeliveries(db).of_runs

    def are_sharing(self) -> bool:
        row = self._db.row("meta.get_meta", {"key": HOME})
        try:
            home = json.loads("{}" if row is None else str(row["value"]))
        except ValueError:
            return False
        return isinstance(home, dict) and home.get("id") == HOME_OF_HOSTS

    def without_run(self, *, after: timedelta) -> int:
        [row] = self._db.rows("delivery.without_run", {"after": after // _US})
        return int(row["number"])


class PostgresHolding:
    """Implements `Holding`."""

    def __init__(self, db: PostgresConnection) -> None:
        """Use a connection."""
        self._db = db

    def take(self, attempt: AttemptKey, *, host: str, process: str, boot_id: str) -> Delivery | None:
        own = {"host": host, "process": process, "boot_id": boot_id}
        found = self._db.rows("delivery.take", {**_key(attempt), **own, "behind": BEHIND // _US})
        return _delivery(found[0]) if found else None

    def reclaim(self, delivery: Delivery, *, host: str, process: str, boot_id: str) -> Delivery | None:
        about = {"needs": json.dumps(delivery.needs), "lease": delivery.lease // _US}
        own = {"host": host, "process": process, "boot_id": boot_id}
        found = self._db.rows("delivery.reclaim", {**_key(delivery.attempt), **about, **own})
        return _delivery(found[0]) if found else None

    def renew(self, *, host: str, process: str, boot_id: str) -> Sequence[Delivery]:
        values = {"host": host, "process": process, "boot_id": boot_id}
        return [_delivery(row) for row in self._db.rows("delivery.renew", values)]

    def of_other_boots(self, *, host: str, boot_id: str) -> Sequence[Delivery]:
        found = self._db.rows("delivery.of_other_boots", {"host": host, "boot_id": boot_id})
        return [_delivery(row) for row in found]

    def ended_by(self, host: str, *, within: timedelta, limit: int) -> Sequence[Delivery]:
        values = {"host": host, "within": within // _US, "limit": limit}
        return [_delivery(row) for row in self._db.rows("delivery.ended_by", values)]

    def begin(self, attempt: AttemptKey, *, host: str, started_at: datetime) -> None:
        self._db.rows("delivery.begin", {**_key(attempt), "host": host, "started_at": to_us(started_at)})

    def give_back(self, attempt: AttemptKey, *, host: str) -> bool:
        return bool(self._db.rows("delivery.give_back", {**_key(attempt), "host": host}))

    def report(self, attempt: AttemptKey, outcome: Outcome, *, host: str) -> bool:
        values = {**_key(attempt), "host": host, "outcome": outcome_to_text(outcome)}
        if self._db.rows("delivery.report", values):
            return True
        self._db.rows("delivery.report_late", values)
        return False


def _key(attempt: AttemptKey) -> Mapping[str, object]:
    return attempt._asdict()


def _delivery(row: PostgresRow) -> Delivery:
    return Delivery(
        attempt=AttemptKey(row["run_id"], row["number"], row["step"], row["item"]),
        fence=row["fence"],
        needs=tuple(json.loads(row["needs"])),
        state=DeliveryState(row["state"]),
        lease=row["lease"] * _US,
        host=row["host"],
        process=row["process"],
        boot_id=row["boot_id"],
        lease_until=maybe_from_us(row["lease_until"]),
        offered_at=from_us(row["offered_at"]),
        held_at=maybe_from_us(row["held_at"]),
        started_at=maybe_from_us(row["started_at"]),
        ended_at=maybe_from_us(row["ended_at"]),
        outcome=outcome_from_text(row["outcome"]) if row["outcome"] else None,
        late=outcome_from_text(row["late"]) if row["late"] else None,
    )
