"""What the server knows for its whole life: the place, the names it answers to, and what it remembers."""

from collections.abc import Callable
from datetime import datetime

from engine.asking.place import Place
from engine.web.memory import Memory
from jobfile.model.dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One state folder, served."""

    place: Place
    memory: Memory
    clock: Callable[[], datetime]
    hosts: frozenset[str]
    """The values of Host that are answered, with the port."""
    origins: frozenset[str]
    """Where a page may come from that changes something."""
    is_secure: bool = False
    """Whether browsers reach it by https."""
