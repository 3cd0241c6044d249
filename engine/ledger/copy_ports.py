"""The port of a ledger for a move to another database: its tables as they are, row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from engine.ledger.ports import View

Cells = tuple[object, ...]


class Copyable(Protocol):
    """One ledger that is copied from, or to. Everything but `close` is done inside `transaction()`."""

    @property
    def shown(self) -> str:
        """Its URL without a password."""
        ...

    @property
    def view(self) -> View:
        """Reads through the same connection, so also what is not committed yet."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """Nobody else writes meanwhile; everything is committed at its end, or nothing."""
        ...

    def columns(self) -> Mapping[str, Sequence[str]]:
        """The columns of each table. A table comes after those that its rows refer to."""
        ...

    def rows(self, table: str, columns: Sequence[str], key: Sequence[str]) -> Iterator[Cells]:
        """Every row, in the order of the key, read lazily; without the ledger's version."""
        ...

    def add(self, table: str, columns: Sequence[str], rows: Iterable[Cells]) -> None:
        """Add rows to an empty table. A row that a constraint refuses is an error."""
        ...

    def number_on(self) -> None:
        """Let the numbers of new rows follow those that were added."""
        ...

    def mark_moved(self, to: str) -> None:
        """From now on it is refused in every way, with the place where it is now."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...
