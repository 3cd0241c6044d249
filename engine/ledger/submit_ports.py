"""The port of programs that submit runs."""

from typing import Protocol

from engine.ledger.ports import Opened
from engine.ledger.store_ports import Requesting


class Submitting(Opened, Requesting, Protocol):
    """For programs, which submit runs for as long as they live."""

    def refuse_other_version(self) -> None:
        """Raise an exception when the ledger is not of this program's version, or not any more."""
        ...
