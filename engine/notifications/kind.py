"""The interface between the engine and a kind of channel."""

from typing import Protocol

from jobfile.model.jobs import ChannelSpec


class Channel(Protocol):
    """A kind of channel. Nothing is sent yet, so it only says which channels it could send to."""

    def takes(self, channel: ChannelSpec) -> bool:
        """Whether a channel of a file is of this kind."""
        ...
