"""Which digests of channels are due: each of their times counts once, late if no engine was there. Pure."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from jobfile.model.jobs import DigestSpec
from jobfile.model.namedtuple import NamedTuple

DIGEST: Final = "digest"
"""The event of a report that a channel gets at its own times."""
DIGESTS_FACT: Final = "digests"
"""The key of the fact with the time, for each channel, up to which its digests are accounted for."""
LONGEST: Final = timedelta(days=366)
"""The longest time that a digest is about."""


class DueDigest(NamedTuple):
    """A digest to note: of a channel, about [since, until)."""

    channel: str
    since: datetime
    until: datetime

    @property
    def lane(self) -> str:
        """What it has in place of a job, so that it is a message of its own. No job has such a name."""
        return f"@{DIGEST} {self.until.isoformat()}"


def due_digests(
    digests: Mapping[str, DigestSpec], told: Mapping[str, datetime], now: datetime
) -> tuple[list[DueDigest], dict[str, datetime]]:
    """The digests due by now, and up to when each channel is then accounted for.

    Of several that fell due while no engine was there, the newest is about the time of all. A new digest
    begins now, and so does one whose time was set by a clock that was wrong.
    """
    due: list[DueDigest] = []
    until: dict[str, datetime] = {}
    for channel, digest in digests.items():
        seen = told.get(channel, now)
        seen = min(seen, now)
        fire = last_digest(digest, upto=now)
        if fire is None or fire <= seen:
            until[channel] = seen
            continue
        before = last_digest(digest, upto=fire - timedelta.resolution)
        since = seen if before is None else min(seen, before)
        due.append(DueDigest(channel, max(since, fire - LONGEST), fire))
        until[channel] = fire
    return due, until


def next_digest(digests: Mapping[str, DigestSpec], now: datetime) -> datetime | None:
    """When the next digest is due."""
    from jobfile.schedule.occurrences import next_fire  # noqa: PLC0415  start-up time: only with a digest

    found = (next_fire(digest.schedule, after=now) for digest in digests.values())
    return min((fire.at for fire in found if fire is not None), default=None)


def last_digest(digest: DigestSpec, *, upto: datetime) -> datetime | None:
    """When a digest was due last."""
    from jobfile.schedule.occurrences import previous_fire  # noqa: PLC0415  start-up time: only with a digest

    fire = previous_fire(digest.schedule, before=upto + timedelta.resolution)
    return None if fire is None else fire.at


def told_to_text(told: Mapping[str, datetime]) -> str:
    """The times of a fact as a text for the ledger."""
    return json.dumps({channel: at.isoformat() for channel, at in sorted(told.items())})


def told_from_text(text: str) -> dict[str, datetime]:
    """The times of such a text; none if it was altered."""
    try:
        return {str(name): datetime.fromisoformat(at) for name, at in json.loads(text or "{}").items()}
    except (ValueError, TypeError, AttributeError):
        return {}
