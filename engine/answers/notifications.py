"""Whether each notification about a run was delivered, for `why`."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from engine.answers.as_json import iso
from engine.answers.facts import Fact
from engine.core.records import Notification
from engine.core.vocabulary import instant_text
from jobfile.model.counts import many


def notification_facts(found: Sequence[Notification], zone: ZoneInfo) -> list[Fact]:
    """A line for each notification: the event, the channel, when it was sent, the tries, the last error."""
    return [("notified" if index == 0 else "", _words(one, zone)) for index, one in enumerate(found)]


def _words(one: Notification, zone: ZoneInfo) -> str:
    tries = many(one.tries, "try", "tries")
    why = f": {one.last_error}" if one.last_error else ""
    if one.sent_at is not None:
        after = f", after {tries}" if one.tries > 1 else ""
        state = f"sent {instant_text(one.sent_at, zone)}{after}"
    elif one.given_up_at is not None:
        state = f"NOT DELIVERED, given up {instant_text(one.given_up_at, zone)} after {tries}{why}"
    elif one.tries:
        state = f"not delivered yet, {tries}; the next {instant_text(one.next_try_at, zone)}{why}"
    else:
        state = "not sent yet"
    return f"{one.channel} of {one.event}: {state}"


def notification_to_json(one: Notification) -> dict[str, object]:
    """A notification as JSON data."""
    return {
        "event": one.event,
        "channel": one.channel,
        "at": one.at.isoformat(),
        "sent_at": iso(one.sent_at),
        "given_up_at": iso(one.given_up_at),
        "tries": one.tries,
        "last_error": one.last_error or None,
    }
