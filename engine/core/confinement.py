"""What an attempt's process is given beyond the usual: its user, priorities, limits and container."""

from collections.abc import Mapping

from jobfile.model.dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user of this machine, with all its groups."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Confinement:
    """What an attempt's process is given beyond the usual."""

    user: Account | None = None
    """None: the engine's."""
    nice: int | None = None
    io: str | None = None
    limits: Mapping[str, int]
    """By their keys, in bytes, seconds or as a count; without that of core files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerOrder:
    """The commands of a runtime for the container of an attempt; `stop` lacks the seconds and the name."""

    name: str
    stop: tuple[str, ...]
    remove: tuple[str, ...]
    inspect: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """The command that removes the container of an attempt whose supervisor died, as the user of its job."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    user: Account | None = None
