"""Reads a ledger in PostgreSQL many times, on connections that are kept: each new one has to read the catalog
of all tables, which takes longer than most answers.
"""

import math
import threading
import time
from collections.abc import Mapping
from typing import Final

import psycopg

from engine.core.errors import NothingRecordedError, StoreUnavailableError
from engine.ledger.postgres.address import Address
from engine.ledger.postgres.connection import CHANGE, PostgresConnection
from engine.ledger.postgres.migrate import VERSION, known_version, refuse_other
from engine.ledger.postgres.store import PostgresView
from engine.ledger.row_memory import KEPT_ROWS, RowMemory

MAX_READERS: Final = 16
"""Maximum number of threads that read at the same time, each on one connection."""
KEPT_SECONDS: Final = 60.0
"""How long an unused connection is kept."""
AWAY_SECONDS: Final = 1.0
"""After a failed connection, no other is tried for this long: callers get the same error at once."""
NO_LEDGER: Final = "none"
"""The mark if there is no ledger. The mark of a ledger is a number, or empty before its first record."""

_FACTS: Final = "select key, value from meta where key in (%(version)s, %(change)s)"


class PostgresReader:
    """Implements `Reader`. All views that a thread has open are on the same connection."""

    def __init__(self, address: Address, rows: int = KEPT_ROWS) -> None:
        """Name the ledger, and how many of its rows are remembered."""
        self._address = address
        self._rows = RowMemory(rows)
        self._own = threading.Lock()
        self._idle: list[tuple[PostgresConnection, float]] = []
        self._taken: dict[int, _Taken] = {}
        self._readers = 0
        """The number of threads that have a connection, or are about to."""
        self._away = ""
        """Why the server could not be reached last time; empty if it could."""
        self._away_until = 0.0

    def view(self) -> PostgresView:
        return _KeptView(self, self._take()[0])

    def mark(self) -> str:
        try:
            taken, facts = self._take()
        except NothingRecordedError:
            return NO_LEDGER
        try:
            return (facts or _facts(taken.connection)).get(CHANGE, "")
        finally:
            self.give_back(taken)

    def close(self) -> None:
        with self._own:
            while self._idle:
                self._idle.pop()[0].close()

    def give_back(self, taken: "_Taken") -> None:
        """End a use of a connection; after the last use by its thread, keep it for another."""
        connection, now = taken.connection, time.monotonic()
        with self._own:
            taken.uses -= 1
            if taken.uses:
                return
            del self._taken[taken.thread]
            self._readers -= 1
            if connection.is_free:
                self._idle.append((connection, now))
            else:  # broken, or still in a transaction
                connection.close()
            while self._idle and now - self._idle[0][1] > KEPT_SECONDS:
                self._idle.pop(0)[0].close()

    def _take(self) -> tuple["_Taken", Mapping[str, str]]:
        """A connection for this thread, and the facts read while checking it; no facts if it was in use."""
        thread = threading.get_ident()
        with self._own:
            taken = self._taken.get(thread)
            if taken is not None:
                taken.uses += 1
                return taken, {}
            self._refuse_in_vain()
            self._readers += 1
            kept = self._idle.pop()[0] if self._idle else None
        try:
            connection, facts = self._checked(kept)
        except BaseException as error:
            with self._own:
                self._readers -= 1
                self._away = str(error) if isinstance(error, StoreUnavailableError) else ""
                self._away_until = time.monotonic() + AWAY_SECONDS
            raise
        with self._own:
            self._away = ""
            taken = self._taken[thread] = _Taken(thread, connection)
        return taken, facts

    def _refuse_in_vain(self) -> None:
        """Refuse a thread beyond the maximum, and one that would only wait for a server that is away."""
        if self._readers >= MAX_READERS:
            raise StoreUnavailableError(
                f"the ledger {self._address.shown} is busy ({MAX_READERS} answers at once); try again"
            )
        if self._away:
            if time.monotonic() < self._away_until:
                raise StoreUnavailableError(self._away)
            self._away_until = math.inf  # only this thread tries; the others get the error at once

    def _checked(self, kept: PostgresConnection | None) -> tuple[PostgresConnection, Mapping[str, str]]:
        """A connection that works, and the facts in `meta`. Refuses a ledger of another version."""
        connection = kept or PostgresConnection(self._address, read_only=True)
        connection.row_memory = self._rows
        try:
            connection.unreadable = {}
            try:
                facts = _facts(connection)
            except psycopg.errors.UndefinedTable:
                facts = {}
            if facts.get(VERSION) != str(known_version()):
                refuse_other(connection)
        except BaseException:
            connection.close()
            raise
        return connection, facts


class _Taken:
    """A connection that a thread uses, for one view or several."""

    def __init__(self, thread: int, connection: PostgresConnection) -> None:
        self.thread = thread
        self.connection = connection
        self.uses = 1


class _KeptView(PostgresView):
    """A view whose end gives its connection back."""

    def __init__(self, reader: PostgresReader, taken: _Taken) -> None:
        super().__init__(taken.connection)
        self._reader = reader
        self._taken: _Taken | None = taken

    def close(self) -> None:
        taken, self._taken = self._taken, None
        if taken is not None:
            self._reader.give_back(taken)


def _facts(connection: PostgresConnection) -> Mapping[str, str]:
    rows = connection.run(_FACTS, {"version": VERSION, "change": CHANGE})
    return {str(row["key"]): str(row["value"]) for row in rows}
