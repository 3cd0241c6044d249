"""The ports of a ledger for requests and events that start runs, and for notifications. A store has them as
`trigger_events`, `keys`, `backfills` and `outbox`.

Every method that writes must be called inside a transaction of the store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from engine.core.lifecycle import Run, TriggerEvent, TriggerKind
    from engine.core.records import Backfill, Owed, Parcel, Told


class TriggerEvents(Protocol):
    """The events that triggers have seen: each leads to one run, or to one record of why it does not."""

    def run_of(self, event: TriggerEvent) -> str:
        """The id of the run that an event led to; empty if it was not recorded."""
        ...

    def add(self, event: TriggerEvent, *, run_id: str, now: datetime) -> None:
        """Record an event with its run, or with "" if it leads to none. An exception for a recorded one."""
        ...

    def identities(self, job: str, trigger: TriggerKind) -> dict[str, str]:
        """The identities of the recorded events of a trigger of a job, each with the mount of its file."""
        ...

    def forget_run(self, run_id: str) -> None:
        """Forget the event that led to a run."""
        ...

    def forget(self, job: str, trigger: TriggerKind, identity: str) -> None:
        """Forget an event that cannot come again, such as a file that is gone."""
        ...

    def forget_old(self, trigger: TriggerKind, *, before: datetime, limit: int) -> int:
        """Forget events of a kind that were recorded before an instant; return their number."""
        ...


class Keys(Protocol):
    """Idempotency keys. Until it expires, a key belongs to one run of a job, or to all of a matrix."""

    def holder(self, job: str, key: str, *, now: datetime) -> str:
        """The id of the run that a key belongs to; empty if it is free."""
        ...

    def take(self, job: str, key: str, *, run_id: str, until: datetime, now: datetime) -> bool:
        """Give a free key to a run until an instant. False, and nothing changes, if it belongs to one."""
        ...

    def drop_expired(self, *, now: datetime, limit: int) -> int:
        """Delete keys that have expired; return their number."""
        ...


class Backfills(Protocol):
    """Requests to run past occurrences of a schedule; each job has at most one that is not over."""

    def begin(self, backfill: Backfill) -> int:
        """Record a new backfill and return its number: the next one, whatever `backfill.number` is."""
        ...

    def open(self) -> tuple[Backfill, ...]:
        """The backfills that are not over, the oldest first."""
        ...

    def of_job(self, job: str) -> Backfill | None:
        """The backfill of a job that is not over."""
        ...

    def advance(self, id: int, *, to: datetime) -> None:
        """Record that every occurrence up to an instant was handled."""
        ...

    def end(self, id: int, *, because: str, now: datetime) -> bool:
        """Record that a backfill is over, and why; False if it was over already."""
        ...

    def open_runs(self, job: str) -> int:
        """The number of a job's runs of backfills that are not over."""
        ...

    def runs_at(self, job: str, at: datetime) -> tuple[Run, ...]:
        """The runs of a job for an instant, as recorded."""
        ...

    def has_pruned_success(self, job: str, at: datetime) -> bool:
        """Whether retention deleted a successful run of a job for an instant."""
        ...


class Outbox(Protocol):
    """Notifications to send: each at least once, and in order for each job and channel."""

    def add(self, owed: Owed) -> None:
        """Record a notification to send; nothing changes when its id is known."""
        ...

    def channels(self) -> tuple[str, ...]:
        """The channels with undelivered notifications, by name."""
        ...

    def pending(self, channel: str, *, of_each: int, limit: int) -> tuple[Owed, ...]:
        """Undelivered notifications of a channel that belong to no message yet, oldest first.

        Of each job, only the oldest `of_each`.
        """
        ...

    def assign(self, message: str, channel: str, upto: Mapping[str, datetime]) -> None:
        """From now on, the pending notifications of a channel belong to a message; for each
        job, those up to the instant in `upto`.
        """
        ...

    def parcels(self, channel: str) -> tuple[Parcel, ...]:
        """The undelivered messages of a channel, oldest first."""
        ...

    def of_message(self, message: str, *, limit: int) -> tuple[Owed, ...]:
        """The notifications of a message, oldest first."""
        ...

    def count_of(self, message: str) -> int:
        """The number of notifications of a message."""
        ...

    def told(self, channel: str, *, since: datetime) -> tuple[Told, ...]:
        """When a channel was last notified of each event of each job, since an instant, oldest first."""
        ...

    def sent(self, id: str, *, now: datetime) -> None:
        """Record the delivery of a message, or of a notification that belongs to no message."""
        ...

    def failed(self, id: str, *, error: str, next_try_at: datetime, done: tuple[str, ...] = ()) -> None:
        """Record a failed delivery, and when to retry it; `done` are the destinations that have it."""
        ...

    def give_up(self, id: str, *, error: str, now: datetime, done: tuple[str, ...] = ()) -> None:
        """Record a failed delivery that is not retried."""
        ...

    def drop_sent(self, *, before: datetime) -> int:
        """Delete notifications that were delivered or given up before an instant; return their number."""
        ...
