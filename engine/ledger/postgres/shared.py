"""The ports of a ledger that several hosts share."""

from collections.abc import Callable
from hashlib import sha256
from typing import Final

from psycopg.conninfo import make_conninfo

from engine.core.errors import PlaceMissingError
from engine.ledger.host_ports import Outputs, Place
from engine.ledger.postgres.address import Address
from engine.ledger.postgres.connection import TIME_LIMITS, PostgresConnection
from engine.ledger.postgres.deliveries import PostgresDeliveries, PostgresHolding
from engine.ledger.postgres.hosts import (
    PostgresHints,
    PostgresHosts,
    PostgresLeadership,
    PostgresSchedulers,
)
from engine.ledger.postgres.migrate import checked, give_rights, refuse_other
from engine.ledger.postgres.outputs import outputs_of

LONGEST_NAME: Final = 63
"""Maximum length of a name in PostgreSQL, in bytes: it cuts off the rest."""
_SCHEMA: Final = "select 1 from pg_namespace where nspname = %(schema)s"
_MAY_CREATE: Final = """
select has_database_privilege(current_database(), 'create') as may, current_user as user,
       current_database() as database
"""
_TABLE: Final = """
select 1 from pg_class join pg_namespace on relnamespace = pg_namespace.oid
where nspname = %(schema)s and relname = %(table)s
"""


class PostgresSharedLedger:
    """Implements `SharedLedger`."""

    def __init__(self, address: Address) -> None:
        """Connect; refuse a ledger of another version."""
        self._db = checked(PostgresConnection(address), refuse_other)
        self.leadership = PostgresLeadership(self._db)
        self.hosts = PostgresHosts(self._db)
        self.schedulers = PostgresSchedulers(self._db)
        self.deliveries = PostgresDeliveries(self._db)
        self.holding = PostgresHolding(self._db)
        self.hints = PostgresHints(self._db)

    @property
    def outputs(self) -> Outputs:
        return outputs_of(self._db)

    def place_for(self, name: str, *, table: str, make: Callable[[], str]) -> Place:
        [row] = self._db.run("select current_schema() as schema")
        schema = _schema_for(row["schema"], name)
        with self._db.transaction():  # one of several hosts makes it
            if not self._db.run(_SCHEMA, {"schema": schema}):
                self._make_schema(schema)
            if not self._db.run(_TABLE, {"schema": schema, "table": table}):
                self._db.run(f"set local search_path to {_quoted(schema)}")
                self._db.script(make())
                self._db.run(f"set local search_path to {_quoted(row['schema'])}")
                give_rights(self._db)
        return _place(self._db.address, schema)

    def _make_schema(self, schema: str) -> None:
        [row] = self._db.run(_MAY_CREATE)
        if not row["may"]:
            user, database = _quoted(row["user"]), _quoted(row["database"])
            raise PlaceMissingError(
                f"several hosts need a schema {_quoted(schema)} beside the ledger, and the user {user} may "
                f"not make it; ask an administrator:  grant create on database {database} to {user},  or  "
                f"create schema {_quoted(schema)} authorization {user}"
            )
        self._db.run(f"create schema {_quoted(schema)}")

    def refuse_other_version(self) -> None:
        refuse_other(self._db)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()


def _place(address: Address, schema: str) -> Place:
    path = _quoted(schema).replace("\\", "\\\\").replace(" ", "\\ ")
    options = f"{address.parameters.get('options', '')} {TIME_LIMITS} -csearch_path={path}".strip()
    conninfo = make_conninfo(**{**address.parameters, "options": options})
    return Place(conninfo, str(address.parameters.get("password") or ""))


def _schema_for(ledger: str, name: str) -> str:
    """The name of the schema beside that of a ledger."""
    room = LONGEST_NAME - len(f"_{name}")
    if len(ledger.encode()) > room:  # PostgreSQL would cut the name off, and the schema would not be found
        ledger = sha256(ledger.encode()).hexdigest()[:room]
    return f"{ledger}_{name}"


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
