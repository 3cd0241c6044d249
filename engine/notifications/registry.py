"""Every kind of channel that the engine can send to; one more kind is one more line here."""

from collections.abc import Iterable
from typing import Final

from engine.notifications.kind import Channel
from jobfile.model.jobs import ChannelSpec

CHANNELS: Final[tuple[Channel, ...]] = ()


def can_send(channels: Iterable[ChannelSpec]) -> bool:
    """Whether each channel is of a kind that the engine knows. Without any kind it sends nothing at all."""
    return bool(CHANNELS) and all(any(kind.takes(one) for kind in CHANNELS) for one in channels)
