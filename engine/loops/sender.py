"""Loop: sends notifications. It only decides and records; the pool delivers, outside every transaction."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from engine.channels.pool import Report
from engine.core.events import ChannelDown, ChannelUp, Event, NotificationGivenUp
from engine.core.notices import is_ping
from engine.core.records import Owed, Parcel
from engine.ledger.store_ports import Sending
from engine.notifications.batches import (
    is_too_old,
    make_batch,
    make_pings,
    next_parcel,
    retry_after,
)
from engine.notifications.quiet import Quiet
from engine.ports import Clock, Journal

LOOK_SECONDS = 5.0
"""Longest time between two looks for new notifications."""
SHORTEST_WAIT = 0.1
OF_EACH_JOB = 20
MAX_PENDING = 1_000
"""Maximum number of pending notifications of a channel that are read at once, and of those of one job."""


class Delivering(Protocol):
    """Delivers messages in the background."""

    def hand_over(self, channel: str, parcel: Parcel) -> bool:
        """Begin to deliver a message; False when as many as allowed are being delivered."""
        ...

    def take(self) -> list[Report]:
        """The reports since the last call."""
        ...


class Sender:
    """Each channel gets one message at a time, so that one that hangs delays no other channel."""

    def __init__(
        self,
        *,
        store: Sending,
        clock: Clock,
        journal: Journal,
        pool: Delivering,
        pings: Delivering,
        quiet: Callable[[str, Sequence[Owed], datetime], Quiet],
    ) -> None:
        """Nothing is sent before the first tick. No hold stops it: it is needed most while one lasts.

        `pings` delivers the pings of jobs: a watchdog that hangs must not hold up a notification. `quiet`
        says how quiet a channel is now, from its pending notifications.
        """
        self._pings = pings
        self._store = store
        self._clock = clock
        self._journal = journal
        self._pool = pool
        self._quiet = quiet
        self._unrecorded: list[Report] = []
        self._busy: set[str] = set()
        self._failures: dict[str, int] = {}
        self._closed_until: dict[str, float] = {}

    def tick(self) -> float:
        """Record what was delivered, and begin to deliver what is due; returns the seconds until then."""
        self._unrecorded += self._pool.take()
        if self._pings is not self._pool:
            self._unrecorded += self._pings.take()
        for report in tuple(self._unrecorded):
            # Kept until it is recorded: while the disk is full, nothing is sent again and again.
            self._record(report)
            self._unrecorded.remove(report)
        wait = LOOK_SECONDS
        for channel in self._store.outbox.channels():
            if channel not in self._busy:
                wait = min(wait, self._serve(channel))
        return max(SHORTEST_WAIT, wait)

    def _serve(self, channel: str) -> float:
        """Begin to deliver the next message of a channel; returns the seconds until it needs another look."""
        closed_for = self._closed_until.get(channel, 0.0) - self._clock.elapsed()
        if closed_for > 0:
            return closed_for
        now = self._clock.now()
        outbox = self._store.outbox
        parcels = outbox.parcels(channel)
        pending = outbox.pending(channel, of_each=OF_EACH_JOB, limit=MAX_PENDING)
        if is_ping(channel):
            pool, batch = self._pings, make_pings(pending, parcels)
        else:
            quiet = self._quiet(channel, pending, now)
            told = outbox.told(channel, since=now - quiet.repeat)
            pool, batch = self._pool, make_batch(pending, told, parcels, now, quiet)
        if batch.messages:
            with self._store.transaction():
                for message, upto in batch.messages.items():
                    outbox.assign(message, channel, upto)
            parcels = outbox.parcels(channel)
        parcel = next_parcel(parcels, now)
        if parcel is not None and pool.hand_over(channel, parcel):
            self._busy.add(channel)
        return _seconds_until([batch.again_at, *(one.next_try_at for one in parcels)], now)

    def _record(self, report: Report) -> None:
        """Record a delivery, or its failure and the time of the next try."""
        channel, parcel, result = report
        now = self._clock.now()
        events: list[Event] = []
        asked = result.wait
        delay = retry_after(parcel.tries + 1, asked=asked)
        with self._store.transaction():
            if not result.error:
                self._store.outbox.sent(parcel.id, now=now)
            elif is_too_old(parcel, now):
                self._store.outbox.give_up(parcel.id, error=result.error, now=now, done=result.done)
                count = self._store.outbox.count_of(parcel.id)
                events.append(NotificationGivenUp(channel=channel, count=count, error=result.error))
            else:
                next_try_at = now + delay
                self._store.outbox.failed(
                    parcel.id, error=result.error, next_try_at=next_try_at, done=result.done
                )
        self._busy.discard(channel)
        events += self._judge(channel, error=result.error, asked=asked)
        self._journal.report(*events)

    def _judge(self, channel: str, *, error: str, asked: float | None) -> list[Event]:
        """Close a channel for a while after a failure: all its messages wait, because it is probably down."""
        failures = self._failures.get(channel, 0)
        if not error:
            self._failures.pop(channel, None)
            self._closed_until.pop(channel, None)
            return [ChannelUp(channel=channel)] if failures else []
        self._failures[channel] = failures + 1
        delay: timedelta = retry_after(failures + 1, asked=asked)
        self._closed_until[channel] = self._clock.elapsed() + delay.total_seconds()
        return [] if failures else [ChannelDown(channel=channel, error=error)]


def _seconds_until(times: list[datetime | None], now: datetime) -> float:
    """The seconds until the first of the instants that are still to come."""
    coming = [(at - now).total_seconds() for at in times if at is not None and at > now]
    return min(coming, default=LOOK_SECONDS)
