"""What a program needs that reads one ledger again and again for as long as it lives, such as a server."""

from collections.abc import Hashable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from engine.ledger.ports import View


class Reader(Protocol):
    """Reads one ledger. Threads may share it; making one opens nothing yet."""

    def view(self) -> "View":
        """The ledger for reading; the caller closes it. Raises the errors of opening a ledger."""
        ...

    def mark(self) -> Hashable:
        """What is different after each write. Raises when the ledger cannot be reached."""
        ...

    def close(self) -> None:
        """Close what is kept open between two views."""
        ...
