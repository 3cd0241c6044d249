"""What an attempt's process is given beyond the usual: its user, its priorities and its limits."""

from collections.abc import Mapping
from dataclasses import dataclass


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
