"""The statements on PostgreSQL: it knows all types in them, and finds what they ask for by indexes."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from engine.ledger.postgres.address import address_of
from engine.ledger.postgres.connection import statement
from engine.ledger.postgres.store import PostgresStore
from engine.ledger.sqlite.migrate import MIGRATIONS, NEWEST
from tests.known import known_files
from tests.postgres_ledgers import Known, superuser
from tests.store.asked import EVERY_TURN, OF_ONE_JOB
from tests.together import together

ALL = [
    f"{path.stem}.{line.removeprefix('-- name: ')}"
    for path in known_files("engine/ledger", "*.sql")
    if path.parent.name == "sql" and path.parent.parent.name != "sqlite"
    for line in path.read_text().splitlines()
    if line.startswith("-- name: ")
]


def prepared(query: str) -> tuple[str, list[str]]:
    """A statement as PostgreSQL's own `prepare` takes it, and the names of its params."""
    names: list[str] = []

    def numbered(found: re.Match[str]) -> str:
        if found[1] not in names:
            names.append(found[1])
        return f"${names.index(found[1]) + 1}"

    return re.sub(r"%\((\w+)\)s", numbered, statement(query)).replace("%%", "%"), names


@together("query", ALL)
def test_postgresql_knows_the_type_of_everything_in_a_statement(known: Known, query: str) -> None:
    """Also when a param is null, so that the text of the statement alone has to say it."""
    text, _ = prepared(query)
    known.superuser.execute(f"prepare one as {text}")
    known.superuser.execute("deallocate one")


VALUES = {"text": "'job-7'", "bigint": "7", "boolean": "true", "integer": "7", "double precision": "1.5"}
OF_NAMES = {"jobs": "'[\"job-7\"]'", "states": "'[\"failed\"]'", "name": "'rows'"}
"""Values for the params of a statement, by type and by name."""
DELIVERED = """
insert into delivery (run_id, number, step, item, needs, state, lease, offered_at, ended_at, outcome, host)
select id, 1, '', 0, '[]', 'ended', 1, 1, 1, 'x', 'h' from run;
insert into delivery (run_id, number, step, item, needs, state, lease, offered_at, host, lease_until)
select id, 2, '', 0, '[]', 'held', 1, 1, 'h', 1 from run limit 20;
analyze delivery;
"""
LONG_PAST = Path(__file__).parent / "a_long_past.sql"


@pytest.fixture(scope="session")
def years(known: Known) -> Iterator[psycopg.Connection]:
    """A ledger with a hundred thousand runs of a hundred jobs."""
    with superuser(known.url) as connection:
        connection.execute("create schema years")
        url = f"{known.url}&options=-csearch_path%3Dyears"
        PostgresStore.open(address_of(url)).close()
        with superuser(url) as filled:
            filled.execute(LONG_PAST.read_text())
            filled.execute(DELIVERED)
            yield filled
        connection.execute("drop schema years cascade")


def plan_of(db: psycopg.Connection, query: str) -> list[str]:
    """The plan of a prepared statement."""
    text, names = prepared(query)
    db.execute(f"prepare one as {text}")
    [(types,)] = db.execute("select parameter_types::text[] from pg_prepared_statements where name = 'one'")
    values = [OF_NAMES.get(name, VALUES[kind]) for name, kind in zip(names, types, strict=True)]
    given = f"({', '.join(values)})" if values else ""
    try:
        found = db.execute(f"explain (costs off) execute one{given}").fetchall()
    finally:
        db.execute("deallocate one")
    return [line for (line,) in found]


OF_HOSTS = (
    *(f"delivery.{name}" for name in ("offer", "of_runs", "open", "withdraw", "silent", "judge", "untaken")),
    *(f"delivery.{name}" for name in ("take", "reclaim", "renew", "of_other_boots", "begin", "give_back")),
    *("delivery.looked_at", "delivery.note_deleted", "delivery.forget"),
    *("delivery.report", "delivery.report_late", "host.all", "host.sign", "host.forget", "leader.acquire"),
)
"""What a leader and its hosts ask all the time."""
GROWS = re.compile(r"Seq Scan on (run|attempt|gap|outbox|audit|late|output|pruned_request|pause|delivery)\b")
"""A table that grows with the past, read whole. The others have as many rows as there are jobs."""


@together("values", ["force_custom_plan", "force_generic_plan"])
def test_what_is_asked_often_reads_no_table_whole_that_grows(years: psycopg.Connection, values: str) -> None:
    """Whether the plan is for these values, or for any."""
    years.execute(f"set plan_cache_mode = {values}")
    plans = {query: plan_of(years, query) for query in (*EVERY_TURN, *OF_ONE_JOB, *OF_HOSTS)}
    assert {query: plan for query, plan in plans.items() if GROWS.search("\n".join(plan))} == {}


def shape_in_sqlite() -> set[tuple[str, ...]]:
    """The tables, their columns, and the indexes of a new ledger in SQLite."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript((MIGRATIONS / NEWEST).read_text())
        return {
            *db.execute(
                "select t.name, c.name, case when c.\"notnull\" or c.pk then 'not null' else '' end "
                "from sqlite_schema t join pragma_table_info(t.name) c where t.type = 'table'"
            ),
            *db.execute("select tbl_name, name from sqlite_schema where type = 'index' and sql is not null"),
        }


def test_both_databases_have_the_same_tables_columns_and_indexes(known: Known) -> None:
    found = known.superuser.execute(
        "select table_name, column_name, case is_nullable when 'NO' then 'not null' else '' end "
        "from information_schema.columns where table_schema = current_schema()"
    ).fetchall()
    indexes = known.superuser.execute(
        "select i.tablename, i.indexname from pg_indexes i where i.schemaname = current_schema() "
        "and not exists (select 1 from pg_constraint c where c.conname = i.indexname)"
    ).fetchall()
    own = ("leader", "host", "scheduler", "delivery", "output_chunk")  # several hosts cannot share a file
    assert {one for one in (*found, *indexes) if one[0] not in own} == shape_in_sqlite()
