"""A connection to a ledger, whatever its database is: what the classes of `relational` ask it for."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Final, TypeVar

from engine.core.errors import SupersededError
from engine.core.records import Unreadable
from engine.ledger.cells import INSTANT
from engine.ledger.record_rows import TABLE_OF
from engine.ledger.row_memory import RowMemory
from engine.ledger.rows import Row, from_us
from engine.ledger.stand_ins import faults_of, row_with_stand_ins, unreadable_row

Read = TypeVar("Read")
Values = Mapping[str, object]

MAX_UNREADABLE: Final = 1_000
"""Maximum number of unreadable rows that a connection remembers."""
ROWS_AT_ONCE: Final = 1_000
"""Number of rows held in memory at a time while a long result is read."""


class Connection(ABC):
    """One connection, with the statements by name; in the whole database one writer at a time.

    Each database implements the abstract methods. The others read rows as values and are the same for all.
    """

    def __init__(self) -> None:
        """Begin without a session and without an unreadable row."""
        self.epoch: int | None = None
        """The session that writes, or None; a transaction of one checks that it is still the newest."""
        self.unreadable: dict[str, Unreadable] = {}
        """The unreadable rows found so far; stand-ins were returned for them."""
        self.row_memory: RowMemory | None = None
        """The rows that a reader remembers; None to read each row again."""
        self._lock = threading.RLock()
        self._writer: int | None = None
        """The id of the thread that is inside a transaction."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """Commit everything inside at once, or nothing. It waits until every other transaction is over."""

    @abstractmethod
    def snapshot(self) -> AbstractContextManager[None]:
        """Everything that is read inside is of one moment; inside another snapshot, of that one's."""

    @abstractmethod
    def write(self, name: str, values: Values) -> int:
        """Run a statement by name inside a transaction; return the number of rows it changed."""

    @abstractmethod
    def rows(self, name: str, values: Values | None = None) -> Sequence[Row]:
        """All rows of a query by name."""

    @abstractmethod
    def each(self, name: str, values: Values | None = None) -> Iterator[Row]:
        """The rows of a query by name, lazily: for results that may not fit into memory."""

    @abstractmethod
    def verify(self) -> None:
        """Refuse a damaged ledger."""

    def refuse_outside_transaction(self, name: str) -> None:
        """Assert that the calling thread is inside its own transaction: another thread's would take the
        write in.
        """
        assert self._writer == threading.get_ident(), f"{name} outside a transaction"

    def refuse_when_superseded(self, shown: object) -> None:
        """The fence: an engine that was suspended while another took over must not write again."""
        if self.epoch is None:
            return
        row = self.row("session.newest_epoch")
        newest = None if row is None else row[0]
        if newest != self.epoch:
            raise SupersededError(
                f"a newer engine (epoch {newest}) has taken {shown}; this one (epoch {self.epoch}) stops"
            )

    def row(self, name: str, values: Values | None = None) -> Row | None:
        """The first row of a query by name."""
        found = self.rows(name, values)
        return found[0] if found else None

    def instant(self, name: str, values: Values | None = None) -> datetime | None:
        """The instant in the first row's first column; None when there is none, or it is unreadable."""
        row = self.row(name, values)
        return from_us(row[0]) if row is not None and INSTANT.is_good(row[0]) else None

    def all(self, read: Callable[[Row], Read], name: str, values: Values | None = None) -> tuple[Read, ...]:
        """The rows of a query by name as values; an unreadable row gets stand-ins and is remembered."""
        found, memory = self.rows(name, values), self.row_memory
        try:
            if memory is not None:
                return tuple([memory.value(read, name, row) for row in found])
            return tuple([read(row) for row in found])
        except Exception:  # noqa: BLE001  one unreadable row must not hide the others
            return tuple([self.read(read, row) for row in found])

    def first(self, read: Callable[[Row], Read], name: str, values: Values | None = None) -> Read | None:
        """The first row of a query by name as a value, as in `all`; None when there is no row."""
        row = self.row(name, values)
        return None if row is None else self.read(read, row)

    def read(self, read: Callable[[Row], Read], row: Row) -> Read:
        """One row as a value, as in `all`."""
        try:
            return read(row)
        except Exception:
            table = TABLE_OF[read]
            plain = dict(zip(row.keys(), row, strict=True))
            faults = faults_of(table, plain)
            if not faults:
                raise  # the row is good: the reader has a bug
            self.note_unreadable(unreadable_row(table, plain, "; ".join(faults.values())))
            return read(row_with_stand_ins(table, plain, faults))

    def note_unreadable(self, found: Unreadable) -> None:
        """Remember an unreadable row, once."""
        if len(self.unreadable) < MAX_UNREADABLE:
            self.unreadable.setdefault(f"{found.table} {found.key}", found)
