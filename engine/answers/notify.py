"""Answers of `notify`: the message that a channel would get, and the result of a test."""

from engine.notifications.message import Message
from jobfile.diagnostics.escapes import printable
from jobfile.render.style import PLAIN, Style


def message_to_text(message: Message, *, width: int, style: Style = PLAIN) -> str:  # noqa: ARG001  as every answer
    """A message as a channel gets it: its title and its text."""
    return f"{style.states(printable(message.title))}\n\n{message.text}"


def tested_to_text(channel: str, error: str, *, seconds: float) -> str:
    """The result of a test as text."""
    if error:
        return f"channel {channel} did NOT get the message: {error}"
    return f"channel {channel} got the message, in {seconds:.1f}s"


def tested_to_json(channel: str, error: str, *, seconds: float) -> dict[str, object]:
    """The result of a test as JSON data."""
    return {
        "format": 1,
        "channel": channel,
        "delivered": not error,
        "error": error or None,
        "seconds": round(seconds, 1),
    }
