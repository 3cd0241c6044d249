"""The PostgreSQL store: the conformance suite on a real server, and what is its own."""

import gc
import re
from collections.abc import Iterator
from contextlib import suppress

import psycopg
import pytest

from engine.core.errors import (
    NothingRecordedError,
    StoreRefusedError,
    StoreUnavailableError,
    StoreUnwritableError,
    SupersededError,
)
from engine.core.lifecycle import TriggerKind
from engine.ledger import opening
from engine.ledger.opening import examine_ledger
from engine.ledger.postgres.address import address_of
from engine.ledger.postgres.connection import PostgresConnection
from engine.ledger.postgres.migrate import MIGRATIONS, known_version
from engine.ledger.postgres.store import PostgresStore, PostgresView
from engine.ledger.store_ports import Store
from tests.builders import MINUTE, NOON, a_job, a_run, compiled
from tests.postgres_ledgers import Known, superuser
from tests.postgres_servers import Server, a_server
from tests.soak import IS_SOAK
from tests.store.conformance import *  # noqa: F403  the suite
from tests.store.conformance import OpenLedger, apply, queue
from tests.store.conformance_notices import *  # noqa: F403  the suite
from tests.store.conformance_order import *  # noqa: F403  the suite
from tests.store.conformance_transactions import *  # noqa: F403  the suite
from tests.store.conformance_transactions import a_full_ledger, ended, engine_session, in_thread


@pytest.fixture
def open_ledger(known: Known) -> Iterator[OpenLedger]:
    yield known.take
    known.empty()


@pytest.fixture
def place(server: Server, known: Known, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a schema without tables."""
    name = re.sub(r"\W", "_", request.node.name)[:60].lower()
    with superuser(known.url) as connection:
        connection.execute(f'create schema "{name}"')
        yield f"{known.url}&options=-csearch_path%3D{name}"
        connection.execute(f'drop schema "{name}" cascade')


def test_a_new_schema_gets_the_tables_once(place: str) -> None:
    address = address_of(place)
    with pytest.raises(NothingRecordedError, match="nothing is recorded yet in postgresql:///"):
        PostgresView.open(address)
    found: list[object] = []
    threads = [in_thread(lambda: PostgresStore.open(address), found) for _ in range(3)]
    for thread in threads:
        ended(thread)
    assert [type(one) for one in found] == [PostgresStore] * 3
    view = PostgresView.open(address)
    assert re.fullmatch(r"[0-9a-f]{32}", view.lineage())
    for one in (view, *found):
        one.close()  # type: ignore[attr-defined]


def test_tables_of_others_and_other_versions_are_left_alone(place: str) -> None:
    address = address_of(place)
    with superuser(place) as db:
        db.execute("create table run (id text)")
        with pytest.raises(StoreRefusedError, match="already has tables with the names of a ledger's"):
            PostgresStore.open(address)
        db.execute("create table meta (setting text)")
        with pytest.raises(StoreRefusedError, match="are not those of a ledger"):
            PostgresStore.open(address)
        db.execute("drop table meta, run")
        PostgresStore.open(address).close()
        db.execute("update meta set value = '999' where key = 'version'")
        for way in (PostgresStore.open, PostgresView.open):
            with pytest.raises(StoreRefusedError, match=r"newer jobfile \(version 999 of its tables"):
                way(address)
        db.execute("update meta set value = '0' where key = 'version'")
        with pytest.raises(NothingRecordedError, match="nothing is recorded yet"):
            PostgresStore.open_current(address, busy_seconds=1)


def test_a_schema_or_a_database_that_cannot_hold_a_ledger_is_refused_with_what_to_do(
    known: Known, server: Server
) -> None:
    with pytest.raises(StoreRefusedError, match="in a schema that does not exist; make it"):
        PostgresStore.open(address_of(f"{known.url}&options=-csearch_path%3Dnowhere"))
    known.superuser.execute("create database latin encoding 'LATIN1' template template0 locale 'C'")
    with pytest.raises(StoreRefusedError, match="has the encoding LATIN1; make one with  createdb"):
        PostgresStore.open(address_of(server.url("latin")))
    with pytest.raises(StoreUnavailableError, match='database "not-there" does not exist'):
        PostgresStore.open(address_of(server.url("not-there")))


def test_the_tables_refuse_what_must_not_happen(open_ledger: OpenLedger, known: Known) -> None:
    ledger = open_ledger()
    a_full_ledger(ledger.store)
    with ledger.store.transaction():
        ledger.store.audit(actor="a", action="b", object="c", detail="", now=NOON)
    for change, said in {
        "update audit set actor = 'x'": "only added to",
        "delete from audit": "only added to",
        "truncate audit": "only added to",
        "update schedule set covered_until = covered_until - 1": "coverage may not go back",
        "update run set state = 'queued' where state = 'lost'": "a final state may not change",
        "update run set resolved = 'failed' where state = 'failed'": "only a lost run is resolved, and once",
        "update run set params = '[]'": "run_params_check",
        "delete from run where state = 'lost'": "violates foreign key",
    }.items():
        with pytest.raises(psycopg.IntegrityError, match=said):
            known.superuser.execute(change)
    with pytest.raises(psycopg.DataError, match="invalid input syntax for type json"):
        known.superuser.execute("update run set params = '{'")


def test_a_view_writes_nothing(open_ledger: OpenLedger) -> None:
    view = open_ledger().view._db  # type: ignore[attr-defined]
    with pytest.raises(StoreUnwritableError, match="read-only transaction"), view.transaction():
        view.write("meta.set_meta", {"key": "a", "value": "b"})


def test_an_error_that_is_caught_inside_a_transaction_does_not_pass_for_a_commit(
    open_ledger: OpenLedger,
) -> None:
    """PostgreSQL answers the commit of a failed transaction with a rollback, and calls that a success."""
    store = open_ledger().store
    queue(store, a_run())
    with pytest.raises(AssertionError, match="its error was caught"), store.transaction():
        store.past.note("fact", "noted")
        with suppress(psycopg.IntegrityError):
            store.add_run(a_run())
    assert store.past.fact("fact", default="none") == "none"


def test_a_writer_that_cannot_write_in_time_reports_a_busy_ledger(
    open_ledger: OpenLedger, known: Known
) -> None:
    store = open_ledger().store
    other = PostgresStore.open_current(address_of(known.url), busy_seconds=0.05)
    with store.transaction():
        with pytest.raises(StoreUnavailableError, match=r"is busy .*; try again"), other.transaction():
            pass
        assert other.past.fact("fact", default="none") == "none", "a reader does not wait"
    with other.transaction():
        other.past.note("fact", "noted")
    other.close()


def test_two_writers_of_the_same_minutes_make_one_row_each(open_ledger: OpenLedger) -> None:
    """Each reads how far the schedule is covered, and records what is missing."""
    stores, minutes = [open_ledger().store, open_ledger().store], 10_000 if IS_SOAK else 60
    apply(stores[0])
    with stores[0].transaction():
        stores[0].add_definition(compiled(a_job()))

    def record(store: Store, mark: str) -> None:
        for minute in range(1, minutes + 1):
            at = NOON + minute * MINUTE
            with store.transaction():
                schedule = store.schedule_in_force("hello", "default")
                assert schedule is not None
                if schedule.covered_until < at:
                    place = {"scheduled_for": at, "schedule_key": "default", "trigger": TriggerKind.SCHEDULE}
                    store.add_run(a_run(id=f"{mark}{minute:031x}", **place))
                    store.advance_coverage(schedule.id, to=at)

    failed: list[object] = []
    threads = [
        in_thread(lambda one=one, mark=mark: record(one, mark), failed)  # type: ignore[misc]
        for one, mark in zip(stores, "ab", strict=True)
    ]
    for thread in threads:
        ended(thread)
    assert failed == [None, None]
    assert sorted(run.scheduled_for for run in stores[0].open_runs()) == [
        NOON + minute * MINUTE for minute in range(1, minutes + 1)
    ]


def test_a_long_result_is_read_in_parts_while_other_questions_are_asked(
    open_ledger: OpenLedger, known: Known
) -> None:
    ledger = open_ledger()
    queue(ledger.store, a_run())
    known.superuser.execute(
        "insert into run (id, job, digest, trigger, scheduled_for, params, state, queued_at, not_before, "
        "concurrency_key) select md5(n::text), job, digest, 'manual', n, '{}', 'queued', n, n, 'x' "
        "from run, generate_series(1, 2500) as n"
    )
    soundness = ledger.view.soundness
    outside = [(run_id, soundness.tally().runs) for run_id in soundness.run_ids()]
    assert len({run_id for run_id, _ in outside}) == 2501
    assert {runs for _, runs in outside} == {2501}
    with soundness.snapshot():
        inside = [(one, other) for one, other in zip(soundness.run_ids(), soundness.run_ids(), strict=True)]
    assert [one for one, _ in inside] == [other for _, other in inside] == [one for one, _ in outside]
    next(soundness.run_ids())  # and one that is left in the middle
    assert soundness.tally().runs == 2501


def test_a_reader_that_ends_early_on_a_broken_connection_leaves_no_cursor(
    open_ledger: OpenLedger, known: Known
) -> None:
    ledger = open_ledger()
    queue(ledger.store, a_run())
    with ledger.view.soundness.snapshot(), suppress(StoreUnavailableError):
        rows = ledger.view.soundness.run_ids()
        next(rows)
        assert backends(known.superuser)
        rows.close()  # type: ignore[attr-defined]  # a generator; a cursor that is left open is a warning
    del rows
    gc.collect()


def backends(db: psycopg.Connection) -> int:
    [(number,)] = db.execute(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity "
        "where datname = current_database() and application_name = 'jobfile'"  # not those of other tests
    )
    return number


def test_a_connection_that_the_server_ended_is_replaced(open_ledger: OpenLedger, known: Known) -> None:
    ledger = open_ledger()
    engine_session(ledger.store)
    ledger.view.recent_runs(
        job=None, state=None, limit=9
    )  # a test before this one may have ended its connection
    assert backends(known.superuser) >= 2
    assert ledger.view.recent_runs(job=None, state=None, limit=9) == (), "a read is done again"
    with ledger.store.transaction():
        ledger.store.past.note("fact", "first")
    with pytest.raises(StoreUnavailableError, match="cannot be reached"), ledger.store.transaction():
        ledger.store.past.note("fact", "lost")
        backends(known.superuser)
        ledger.store.past.note("fact", "lost, too")
    assert ledger.store.past.fact("fact", default="") == "first", "a transaction is not"
    soundness = ledger.view.soundness
    with pytest.raises(StoreUnavailableError), soundness.snapshot():
        backends(known.superuser)
        soundness.tally()
    assert soundness.tally().runs == 0
    engine_session(open_ledger().store)
    backends(known.superuser)
    with pytest.raises(SupersededError), ledger.store.transaction():
        ledger.store.past.note("fact", "after another engine began")


def test_a_server_that_is_killed_keeps_what_it_confirmed_and_is_found_again() -> None:
    """With the server's own settings, those that a commit survives."""
    with a_server(settings="") as server:
        address = address_of(server.url())
        assert examine_ledger(server.url()).settings == ()
        store, view = PostgresStore.open(address), PostgresView.open(address)
        queue(store, a_run())
        with pytest.raises(StoreUnavailableError, match="cannot be reached"), store.transaction():
            store.past.note("fact", "lost")
            server.kill()
            store.past.note("fact", "lost, too")
        for ask in (lambda: store.open_runs(), lambda: view.recent_runs(job=None, state=None, limit=9)):
            with pytest.raises(StoreUnavailableError, match=r"cannot be reached \(connection.* failed"):
                ask()
        with pytest.raises(StoreUnavailableError, match="cannot be reached"), store.transaction():
            pass
        server.start()
        with store.transaction():
            store.past.note("fact", "after")
        assert [run.id for run in store.open_runs()] == [a_run().id]
        assert [run.id for run in view.recent_runs(job=None, state=None, limit=9)] == [a_run().id]
        assert store.past.fact("fact", default="") == "after"
        view.close()
        store.close()


def test_a_commit_waits_for_the_disk_even_if_the_servers_default_does_not(
    open_ledger: OpenLedger, known: Known
) -> None:
    connection = open_ledger().store._db  # type: ignore[attr-defined]
    assert connection.run("show synchronous_commit")[0][0] == "on"
    assert [one.partition(":")[0] for one in examine_ledger(known.url).settings] == [
        "`fsync` is off",
        "`full_page_writes` is off",
        "`synchronous_commit` is off",
    ]


def test_every_function_that_opens_a_ledger_takes_its_url(place: str) -> None:
    store = opening.open_ledger(place)
    queue(store, a_run())
    submitting = opening.open_to_submit(place.replace("postgresql:", "postgres:"), busy_seconds=1)
    submitting.refuse_other_version()
    for view in (opening.open_view(place), opening.open_trace_free_view(place, is_in_use=True)):
        assert [run.id for run in view.recent_runs(job=None, state=None, limit=9)] == [a_run().id]
        view.close()
    for is_open, prefix in ((True, "f"), (None, "")):
        found = opening.glance_at_runs(place, is_open=is_open, prefix=prefix, limit=9)
        assert list(found) == [(a_run().id, "hello", "queued")][: len(found)]
    assert opening.glance_at_runs(f"{place}nowhere", is_open=None, prefix="", limit=9) == ()
    examined = opening.examine_ledger(place)
    assert (examined.damage, examined.foreign) == ((), ())
    assert examined.version == examined.known_version == known_version()
    submitting.close()
    store.close()


def test_a_ledger_of_an_earlier_version_gets_the_newer_tables_and_keeps_its_hosts(place: str) -> None:
    connection = PostgresConnection(address_of(place))
    with connection.transaction():
        for step in sorted(MIGRATIONS.glob("*.sql"))[:2]:
            connection.script(step.read_text())
        connection.run("insert into meta (key, value) values ('version', '2')")
        connection.run(
            "insert into host (id, name, process, boot_id, version, labels, slots, seen_at) "
            "values ('id', 'bergen', 'p', 'b', '1', '[]', 2, 0)"
        )
    connection.close()
    with pytest.raises(StoreRefusedError, match="written by an older jobfile"):
        PostgresView.open(address_of(place))
    store = PostgresStore.open(address_of(place))
    assert [(one.name, one.slots) for one in store.hosts.all()] == [("bergen", 2)]
    assert store._db.run("select role from host")[0][0] == "", "it belongs to the user who is it next"
    store.close()
