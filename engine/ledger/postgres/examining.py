"""Checks the server of a ledger: whether a commit survives a crash, and whether locks hold."""

from collections.abc import Iterator
from contextlib import closing
from typing import Final

from engine.core.records import Examination
from engine.ledger.postgres.address import Address
from engine.ledger.postgres.connection import PostgresConnection, PostgresRow
from engine.ledger.postgres.migrate import known_version, version_of

_SETTINGS: Final = """
select current_setting('fsync') as fsync, current_setting('full_page_writes') as full_page_writes,
       (select reset_val from pg_settings where name = 'synchronous_commit') as synchronous_commit,
       pg_is_in_recovery() as is_standby, pg_backend_pid() as backend
"""


def examine(address: Address) -> Examination:
    """Check the settings: PostgreSQL itself checks references and pages. Raises what opening raises."""
    with closing(PostgresConnection(address, read_only=True)) as connection:
        [row] = connection.run(_SETTINGS)
        [again] = connection.run("select pg_backend_pid() as backend")
        return Examination(
            damage=(),
            broken_references=(),
            version=version_of(connection),
            known_version=known_version(),
            journal_mode="wal",
            is_quick=True,
            settings=tuple(
                _unsafe(row, is_pooled=row["backend"] != again["backend"], is_plain=address.is_plain)
            ),
        )


def _unsafe(row: PostgresRow, *, is_pooled: bool, is_plain: bool) -> Iterator[str]:
    if is_plain:
        yield "`sslmode=disable`: passwords and records cross the network in plain text, and may be changed"
    if row["fsync"] != "on":
        yield "`fsync` is off: a crash of the server's host may damage the ledger or lose ends of runs"
    if row["full_page_writes"] != "on":
        yield "`full_page_writes` is off: a power cut may damage the ledger"
    if row["synchronous_commit"] == "off":
        yield "`synchronous_commit` is off: jobfile sets it for itself, other programs may lose data"
    if row["is_standby"]:
        yield "the server is a standby, which refuses every write"
    if is_pooled:
        yield "a pooler gives each transaction another connection: locks and time limits do not hold"
