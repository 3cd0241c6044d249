"""When the notifications of a channel become messages, and which message is tried next. Pure.

The first events are gathered for a few seconds; then a channel gets at most one batch a minute. A batch is a
message for each job, or a single one when there are many jobs. An event that repeats itself is notified once,
then at most once in REPEAT with the count; another event of the job, such as its recovery, ends that. While a
channel is quiet, only jobs with an event that it excepts get a message; the others wait. A digest has its own
times: it waits for nothing, and is a message of its own.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from engine.core.records import Owed, Parcel, Told
from engine.notifications.digests import DIGEST
from engine.notifications.quiet import LOUD, Quiet
from jobfile.model.namedtuple import NamedTuple

GATHER = timedelta(seconds=5)
"""How long events are gathered before the first message."""
PACE = timedelta(minutes=1)
"""Shortest time between two batches of messages to one channel."""
SEPARATE_JOBS = 3
"""Maximum number of jobs in a batch that get a message each; more are listed in one."""
FIRST_RETRY = timedelta(seconds=30)
LONGEST_RETRY = timedelta(minutes=30)
"""Longest time between two tries to deliver a message."""
MAX_DOUBLINGS = 16
GIVE_UP_AFTER = timedelta(hours=24)
"""A message that fails this long after its oldest event is not retried, if it had LEAST_TRIES."""
LEAST_TRIES = 12
"""Tries over at least three hours: a message that has waited for an engine, or for the end of quiet hours,
is old before the first one.
"""
TRIES_FIRST = 3
"""While a message has failed fewer times, no new one is made: the channel is probably down."""
REPEATING = ("failed", "missed", "late", "skipped", "odd", "rejected", "held")
"""Events whose repetition is reported less often."""


PREVIOUS, SUCCEEDED = "previous", "succeeded"
"""The fact about how the job ended before, and its value after which a failure is news."""


class Batch(NamedTuple):
    """New messages: for each, by its id, the last event of each of its jobs. And when to look again."""

    messages: Mapping[str, Mapping[str, datetime]]
    again_at: datetime | None = None


def make_batch(
    pending: Sequence[Owed],
    told: Sequence[Told],
    parcels: Sequence[Parcel],
    now: datetime,
    quiet: Quiet = LOUD,
) -> Batch:
    """The messages to make now of the pending notifications of a channel, oldest first.

    A job with an undelivered message waits for its delivery, so that the order is kept.
    """
    if any(parcel.tries < TRIES_FIRST for parcel in parcels):
        return Batch({})
    waiting = {job for parcel in parcels for job in parcel.jobs}
    jobs = {job: own for job, own in _by_job(pending).items() if job not in waiting}
    ready = {job: _ready_at(own, told, now, quiet) for job, own in jobs.items()}
    ripe = {job: own for job, own in jobs.items() if ready[job] <= now}
    if not ripe:
        return Batch({}, min(ready.values(), default=None))
    may_send_at = _may_send_at([one for own in ripe.values() for one in own], told, now)
    if now < may_send_at:
        return Batch({}, may_send_at)
    digests = [[job] for job, own in ripe.items() if own[0].event == DIGEST]
    others = [job for job, own in ripe.items() if own[0].event != DIGEST]
    groups = [*([others] if len(others) > SEPARATE_JOBS else [[job] for job in others]), *digests]
    return Batch({_id_of(group, ripe): {job: _end_of(ripe[job], now) for job in group} for group in groups})


def make_pings(pending: Sequence[Owed], parcels: Sequence[Parcel]) -> Batch:
    """The same for the pings of a job: neither gathered nor left out, and none before an earlier one."""
    if parcels or not pending:
        return Batch({})
    return Batch({pending[0].id: {job: own[-1].at for job, own in _by_job(pending).items()}})


def _by_job(pending: Sequence[Owed]) -> dict[str, list[Owed]]:
    jobs: dict[str, list[Owed]] = {}
    for one in pending:
        jobs.setdefault(one.job, []).append(one)
    return jobs


def _id_of(group: Sequence[str], jobs: Mapping[str, Sequence[Owed]]) -> str:
    """The id of a message: that of its oldest notification."""
    return min((jobs[job][0].at, jobs[job][0].id) for job in group)[1]


def _end_of(own: Sequence[Owed], now: datetime) -> datetime:
    """Up to when the events of a job go into its message: not all of them were read."""
    return max(now, own[-1].at)


def _ready_at(own: Sequence[Owed], told: Sequence[Told], now: datetime, quiet: Quiet) -> datetime:
    """When a job's notifications need not wait for the end of quiet hours, or for more of the same."""
    if quiet.until is not None and not any(one.event in (*quiet.spared, DIGEST) for one in own):
        return quiet.until
    last = next((one for one in reversed(told) if one.job == own[0].job), None)
    if last is None or last.at > now or not all(_repeats(one, last.event) for one in own):
        return now  # never before, or a wrong clock had sent it, or it is news
    return last.at + quiet.repeat


def _repeats(owed: Owed, event: str) -> bool:
    """Whether an event is nothing new after another: the same, with no success in between."""
    if owed.event != event or event not in REPEATING:
        return False
    facts = json.loads(owed.facts)
    return not (isinstance(facts, dict) and facts.get(PREVIOUS) == SUCCEEDED)


def _may_send_at(ripe: Sequence[Owed], told: Sequence[Told], now: datetime) -> datetime:
    """When the channel may get the next batch. An event in the future is that of a wrong clock."""
    oldest = min(one.at for one in ripe)
    gathered = oldest + GATHER if oldest <= now else now
    return max([gathered, *(one.at + PACE for one in told if one.at <= now)])


def next_parcel(parcels: Sequence[Parcel], now: datetime) -> Parcel | None:
    """The message of a channel to try now: the one that was tried least. No two have the same job."""
    due = [one for one in parcels if is_due(one, now)]
    return min(due, key=lambda one: (one.tries, one.at, one.id), default=None)


def is_due(parcel: Parcel, now: datetime) -> bool:
    """Whether a message may be tried. A time too far ahead was set by a wrong clock."""
    return parcel.next_try_at <= now or parcel.next_try_at > now + LONGEST_RETRY


def retry_after(tries: int, *, asked: float | None = None) -> timedelta:
    """How long to wait after a number of failed tries; `asked` are the seconds that the server asks for."""
    delay = min(FIRST_RETRY * float(2 ** min(tries - 1, MAX_DOUBLINGS)), LONGEST_RETRY)
    return delay if asked is None else min(max(delay, timedelta(seconds=asked)), LONGEST_RETRY)


def is_too_old(parcel: Parcel, now: datetime) -> bool:
    """Whether a message that has just failed is given up."""
    return now - parcel.at >= GIVE_UP_AFTER and parcel.tries + 1 >= LEAST_TRIES
