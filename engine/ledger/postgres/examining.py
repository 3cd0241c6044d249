"""Checks the server of a ledger: whether a commit survives a crash, and whether locks hold."""

from collections.abc import Iterator
from contextlib import closing
from typing import Final

from engine.core.records import Examination
from engine.ledger.postgres.address import Address
from engine.ledger.postgres.connection import PostgresConnection, PostgresRow
from engine.ledger.postgres.migrate import known_version, version_of

LEAST_FREE: Final = 15
"""How many connections should be free: those of a worker and a leader."""
_SETTINGS: Final = """
select current_setting('fsync') as fsync, current_setting('full_page_writes') as full_page_writes,
       current_setting('autovacuum') as autovacuum,
       (select reset_val from pg_settings where name = 'synchronous_commit') as synchronous_commit,
       (select reset_val from pg_settings where name = 'default_transaction_read_only') as is_read_only,
       pg_is_in_recovery() as is_standby
"""
_ROOM: Final = """
select name, most, used from (
  select 'the server' as name,
         cast(current_setting('max_connections') as bigint)
         - cast(current_setting('superuser_reserved_connections') as bigint) as most, count(*) as used
  from pg_stat_activity where backend_type = 'client backend'
  union all
  select 'the database', datconnlimit, (select count(*) from pg_stat_activity where datid = pg_database.oid)
  from pg_database where datname = current_database()
  union all
  select 'the user', rolconnlimit, (select count(*) from pg_stat_activity where usesysid = pg_roles.oid)
  from pg_roles where rolname = current_user
) as limits
where most >= 0 order by most - used limit 1
"""
"""The limit with the fewest free connections. The connection of this check counts as used."""


def examine(address: Address) -> Examination:
    """Check the settings: PostgreSQL itself checks references and pages. Raises the errors of opening."""
    with closing(PostgresConnection(address, read_only=True)) as connection:
        [row] = connection.run(_SETTINGS)
        [room] = connection.run(_ROOM)
        return Examination(
            damage=(),
            broken_references=(),
            version=version_of(connection),
            known_version=known_version(),
            journal_mode="wal",
            is_quick=True,
            settings=(*_unsafe(row, is_plain=address.is_plain), *_tight(room)),
        )


def _unsafe(row: PostgresRow, *, is_plain: bool) -> Iterator[str]:
    if is_plain:
        yield "`sslmode=disable`: passwords and records cross the network in plain text, and may be changed"
    if row["fsync"] != "on":
        yield "`fsync` is off: a crash of the server's host may damage the ledger or lose ends of runs"
    if row["full_page_writes"] != "on":
        yield "`full_page_writes` is off: a power cut may damage the ledger"
    if row["synchronous_commit"] == "off":
        yield "`synchronous_commit` is off: jobfile sets it for itself, other programs may lose data"
    if row["autovacuum"] != "on":
        yield "`autovacuum` is off: the tables grow, and reading many runs becomes too slow for retention"
    if row["is_standby"]:
        yield "the server is a standby, which refuses every write"
    elif row["is_read_only"] == "on":
        yield "`default_transaction_read_only` is on: nothing can be recorded, so nothing starts"


def _tight(room: PostgresRow) -> Iterator[str]:
    free = max(0, room["most"] - room["used"])
    if free < LEAST_FREE:
        yield (
            f"{room['name']} allows {room['most']:,} connections, of which {free:,} are free; a worker has "
            "up to nine, a leader six"
        )
