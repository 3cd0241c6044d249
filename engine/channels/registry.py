"""Every kind of channel that the engine can send to; one more kind is one more line here."""

from typing import Final

from engine.channels.apprise import AppriseChannel
from engine.channels.command import CommandChannel
from engine.channels.http import HttpChannel
from engine.channels.kind import ChannelKind
from jobfile.model.jobs import ChannelSpec

CHANNELS: Final[tuple[ChannelKind, ...]] = (AppriseChannel(), HttpChannel(), CommandChannel())


def kind_of(channel: ChannelSpec) -> ChannelKind:
    """The kind of a channel: it has exactly one, as was checked when it was compiled."""
    return next(kind for kind in CHANNELS if kind.takes(channel))
