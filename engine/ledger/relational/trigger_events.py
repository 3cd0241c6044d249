"""Trigger events and idempotency keys."""

from datetime import datetime

from engine.core.lifecycle import TriggerEvent, TriggerKind
from engine.ledger.connection import Connection
from engine.ledger.rows import db_text, to_us


class LedgerTriggerEvents:
    """Every method that writes runs inside the store's transaction."""

    def __init__(self, connection: Connection) -> None:
        """Take the store's connection."""
        self._db = connection

    def run_of(self, event: TriggerEvent) -> str:
        row = self._db.row("trigger_event.run_of_event", _key(event))
        return "" if row is None else str(row["run_id"])

    def add(self, event: TriggerEvent, *, run_id: str, now: datetime) -> None:
        values = {**_key(event), "run_id": run_id, "now": to_us(now), "mount": db_text(event.mount)}
        self._db.write("trigger_event.add_trigger_event", values)

    def identities(self, job: str, trigger: TriggerKind) -> dict[str, str]:
        values = {"job": job, "trigger": trigger.value}
        found = self._db.rows("trigger_event.events_of_job", values)
        return {str(row["identity"]): str(row["mount"]) for row in found}

    def forget_run(self, run_id: str) -> None:
        self._db.write("trigger_event.forget_event_of_run", {"run_id": run_id})

    def forget(self, job: str, trigger: TriggerKind, identity: str) -> None:
        values = {"job": job, "trigger": trigger.value, "identity": db_text(identity)}
        self._db.write("trigger_event.forget_event", values)

    def forget_old(self, trigger: TriggerKind, *, before: datetime, limit: int) -> int:
        values = {"trigger": trigger.value, "before": to_us(before), "limit": limit}
        return self._db.write("trigger_event.forget_events", values)


class LedgerKeys:
    """Every method that writes runs inside the store's transaction."""

    def __init__(self, connection: Connection) -> None:
        """Take the store's connection."""
        self._db = connection

    def holder(self, job: str, key: str, *, now: datetime) -> str:
        values = {"job": job, "key": db_text(key), "now": to_us(now)}
        row = self._db.row("trigger_event.holder_of_key", values)
        return "" if row is None else str(row["run_id"])

    def take(self, job: str, key: str, *, run_id: str, until: datetime, now: datetime) -> bool:
        owner = {"job": job, "key": db_text(key), "run_id": run_id}
        values = {**owner, "expires_at": to_us(until), "now": to_us(now)}
        return self._db.write("trigger_event.take_key", values) == 1

    def drop_expired(self, *, now: datetime, limit: int) -> int:
        return self._db.write("trigger_event.drop_expired_keys", {"now": to_us(now), "limit": limit})


def _key(event: TriggerEvent) -> dict[str, object]:
    return {"job": event.job, "trigger": event.trigger.value, "identity": db_text(event.identity)}
