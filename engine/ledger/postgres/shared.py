"""The ports of a ledger that several hosts share."""

from engine.ledger.postgres.address import Address
from engine.ledger.postgres.connection import PostgresConnection
from engine.ledger.postgres.deliveries import PostgresDeliveries, PostgresHolding
from engine.ledger.postgres.hosts import PostgresHints, PostgresHosts, PostgresLeadership
from engine.ledger.postgres.migrate import refuse_other


class PostgresSharedLedger:
    """Implements `SharedLedger`."""

    def __init__(self, address: Address) -> None:
        """Connect; refuse a ledger of another version."""
        self._db = PostgresConnection(address)
        try:
            refuse_other(self._db)
        except BaseException:
            self._db.close()
            raise
        self.leadership = PostgresLeadership(self._db)
        self.hosts = PostgresHosts(self._db)
        self.deliveries = PostgresDeliveries(self._db)
        self.holding = PostgresHolding(self._db)
        self.hints = PostgresHints(self._db)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()
