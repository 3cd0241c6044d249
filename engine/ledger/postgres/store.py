"""The two halves of the ledger in PostgreSQL."""

from typing import Self

from engine.ledger.host_ports import Outputs
from engine.ledger.postgres.address import Address
from engine.ledger.postgres.connection import PostgresConnection
from engine.ledger.postgres.deliveries import PostgresHostsView
from engine.ledger.postgres.hosts import PostgresHosts
from engine.ledger.postgres.migrate import checked, migrate, refuse_other
from engine.ledger.postgres.outputs import outputs_of
from engine.ledger.relational.store import LedgerStore
from engine.ledger.relational.view import LedgerView


class PostgresStore(LedgerStore):
    """Implements `Store`, and `Submitting`."""

    _db: PostgresConnection

    @classmethod
    def open(cls, address: Address) -> Self:
        """Open the ledger; create or migrate its tables first."""
        return cls(checked(PostgresConnection(address), migrate))

    @classmethod
    def open_current(cls, address: Address, *, busy_seconds: float) -> Self:
        """Open a ledger of this program's version; refuse any other."""
        return cls(checked(PostgresConnection(address, busy_seconds=busy_seconds), refuse_other))

    @property
    def pieces(self) -> Outputs:
        return outputs_of(self._db)

    @property
    def hosts(self) -> PostgresHosts:
        return PostgresHosts(self._db)

    def refuse_other_version(self) -> None:
        refuse_other(self._db)


class PostgresView(LedgerView):
    """Implements `View`."""

    _db: PostgresConnection

    @property
    def pieces(self) -> Outputs:
        return outputs_of(self._db)

    @classmethod
    def open(cls, address: Address) -> Self:
        """Open the ledger for reading only."""
        return cls(checked(PostgresConnection(address, read_only=True), refuse_other))

    @property
    def hosts(self) -> PostgresHostsView:
        return PostgresHostsView(self._db)
