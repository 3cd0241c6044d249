"""The input of all areas, collected once."""

from dataclasses import dataclass
from datetime import datetime

from engine.config import EngineConfig
from engine.host.machine import Machine
from engine.ledger.ports import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """An engine's configuration, ledger and machine at a moment; `view` is None without a readable ledger."""

    config: EngineConfig
    now: datetime
    machine: Machine
    is_running: bool
    view: View | None = None
    file_system: str = ""
    shared_now: datetime | None = None
    """The time of the ledger's server if hosts share the ledger: then runs start by that clock."""


def size_text(size: int) -> str:
    """A size as text, in bytes, KiB, MiB and so on."""
    for unit, bytes_of_it in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= bytes_of_it:
            return f"{size / bytes_of_it:.1f} {unit}"
    return f"{size} bytes"
