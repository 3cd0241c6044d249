"""The ports of a ledger that several hosts share."""

from collections.abc import Callable
from typing import Final

from psycopg.conninfo import make_conninfo

from engine.ledger.host_ports import Outputs
from engine.ledger.postgres.address import Address
from engine.ledger.postgres.connection import PostgresConnection
from engine.ledger.postgres.deliveries import PostgresDeliveries, PostgresHolding
from engine.ledger.postgres.hosts import PostgresHints, PostgresHosts, PostgresLeadership
from engine.ledger.postgres.migrate import refuse_other
from engine.ledger.postgres.outputs import outputs_of

_TABLE: Final = """
select 1 from pg_class join pg_namespace on relnamespace = pg_namespace.oid
where nspname = %(schema)s and relname = %(table)s
"""


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

    @property
    def outputs(self) -> Outputs:
        return outputs_of(self._db)

    def place_for(self, name: str, *, table: str, make: Callable[[], str]) -> str:
        [row] = self._db.run("select current_schema() as schema")
        schema = f"{row['schema']}_{name}"
        address = self._db.address
        options = f"{address.parameters.get('options', '')} -csearch_path={schema}".strip()
        conninfo = make_conninfo(**{**address.parameters, "options": options})
        with self._db.transaction():  # one of several hosts makes it
            self._db.run(f'create schema if not exists "{schema}"')
            if not self._db.run(_TABLE, {"schema": schema, "table": table}):
                self._db.run(f'set local search_path to "{schema}"')
                self._db.script(make())
        return conninfo

    def close(self) -> None:
        """Close the connection."""
        self._db.close()
