"""Migrate a ledger in PostgreSQL to the version of this program: numbered steps, all in one transaction."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

import psycopg

from engine.core.errors import NothingRecordedError, StoreRefusedError
from engine.ledger.postgres.connection import PostgresConnection

MIGRATIONS: Final = Path(__file__).parent / "migrations"
_RIGHTS: Final = Path(__file__).parent / "rights.sql"
VERSION: Final = "version"
"""The key, in the table `meta`, of the number of the newest step that was taken."""
MOVED: Final = 1_000_000
"""The version of a ledger that was moved to another database."""
MOVED_TO: Final = "moved_to"
"""The key, in the table `meta`, of the place where it is now."""


def version_of(connection: PostgresConnection) -> int:
    """The version of a ledger's tables; 0 when there are none."""
    # From the table itself: what `to_regclass` says may be from before the transaction waited for its lock.
    if not connection.run(
        "select 1 from pg_class where relname = 'meta' "
        "and relnamespace = quote_ident(current_schema())::regnamespace"
    ):
        return 0
    try:
        found = connection.run("select value from meta where key = %(key)s", {"key": VERSION})
    except psycopg.errors.UndefinedColumn:
        found = []
    if not found or not str(found[0]["value"]).isdigit():
        raise StoreRefusedError(
            f"the tables in {connection.address.shown} are not those of a ledger; name a database, or a "
            "schema with  ?options=-csearch_path%3DSCHEMA,  that is empty"
        )
    return int(found[0]["value"])


def checked(
    connection: PostgresConnection, check: Callable[[PostgresConnection], None]
) -> PostgresConnection:
    """The connection, after a check of its ledger; if the check fails, the connection is closed."""
    try:
        check(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def refuse_other(connection: PostgresConnection) -> None:
    """Refuse a ledger of another version: a reader, or a program that submits runs, must not migrate it."""
    have = version_of(connection)
    if have == 0:
        raise NothingRecordedError(
            f"nothing is recorded yet in {connection.address.shown}; start the engine with  jobfile up"
        )
    if have < known_version():
        raise StoreRefusedError(
            f"the ledger {connection.address.shown} was written by an older jobfile; "
            "start the engine of this one once, which brings it up to date:  jobfile up"
        )
    _refuse_newer(connection, have)


def migrate(connection: PostgresConnection) -> None:
    """Take the steps that the ledger lacks; refuse a ledger of a newer version."""
    have = version_of(connection)
    _refuse_newer(connection, have)
    if have == known_version():
        return
    with connection.transaction():
        for step in _steps()[version_of(connection) :]:  # asked again: another program may have migrated it
            try:
                connection.script(step.read_text(encoding="utf-8"))
            except psycopg.errors.DuplicateTable as error:
                raise StoreRefusedError(
                    f"{connection.address.shown} already has tables with the names of a ledger's; name a "
                    "database, or a schema with  ?options=-csearch_path%3DSCHEMA,  that is empty"
                ) from error
        connection.run(
            "insert into meta (key, value) values (%(key)s, %(value)s) "
            "on conflict (key) do update set value = excluded.value",
            {"key": VERSION, "value": str(known_version())},
        )
        give_rights(connection)


def give_rights(connection: PostgresConnection) -> None:
    """Give the roles of workers and readers their rights, inside a transaction; nothing if there are none."""
    connection.script(_RIGHTS.read_text(encoding="utf-8"))


@cache
def known_version() -> int:
    """The number of the newest step."""
    return len(_steps())


def _steps() -> list[Path]:
    return sorted(MIGRATIONS.glob("[0-9][0-9][0-9][0-9]_*.sql"))


def _refuse_newer(connection: PostgresConnection, have: int) -> None:
    if have == MOVED:
        [row] = connection.run("select value from meta where key = %(key)s", {"key": MOVED_TO})
        raise StoreRefusedError(
            f"the ledger {connection.address.shown} was moved to {row['value']}; use it there:  --store URL, "
            "or JOBFILE_STORE=URL"
        )
    if have > known_version():
        raise StoreRefusedError(
            f"the ledger {connection.address.shown} was written by a newer jobfile (version {have} of its "
            f"tables, this program knows {known_version()}); upgrade jobfile, and restart this program"
        )
