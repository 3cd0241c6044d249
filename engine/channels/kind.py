"""The protocol that each kind of channel implements."""

from collections.abc import Mapping
from typing import Protocol

from engine.config import EngineConfig
from engine.execution.launcher_client import Heard
from engine.notifications.message import Message
from jobfile.model.jobs import ChannelSpec
from jobfile.model.namedtuple import NamedTuple
from jobfile.model.values import Value


class Subject(NamedTuple):
    """What is sent where: a message, its channel, and the values that the channel's templates read."""

    message: Message
    channel: ChannelSpec
    variables: Mapping[str, Value]
    secrets: Mapping[str, str]
    config: EngineConfig

    @property
    def values(self) -> Mapping[str, object]:
        """The values of names in templates."""
        return {"event": self.message.fields, "vars": dict(self.variables), "secrets": dict(self.secrets)}


class Posting(NamedTuple):
    """A program that delivers a message to one destination of a channel."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    text: str = ""
    """What it reads from its standard input."""
    folder: str = "/"
    memory_bytes: int | None = None
    destination: str = ""
    """The name of the destination, if the channel has several."""


class Failure(NamedTuple):
    """Why a delivery failed, and how many seconds the destination asks to wait."""

    error: str
    wait: float | None = None


class ChannelKind(Protocol):
    """A kind of channel: it makes a program that sends, so that no hang of it can stop the engine."""

    def takes(self, channel: ChannelSpec) -> bool:
        """Whether a channel of a file is of this kind."""
        ...

    def postings(self, subject: Subject) -> list[Posting]:
        """The programs that send a message, one for each destination.

        Raises CannotStartError or EvaluationError.
        """
        ...

    def failure(self, heard: Heard) -> Failure | None:
        """Why a program of this kind has failed; None when it has delivered the message."""
        ...
