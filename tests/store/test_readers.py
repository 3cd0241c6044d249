"""Readers of a ledger, in a file and in a real server: marks, kept connections, a server that is away."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from engine.core.errors import NothingRecordedError, StoreRefusedError, StoreUnavailableError
from engine.core.records import JobVersion
from engine.ledger.opening import open_ledger, open_reader
from engine.ledger.postgres import reader as module
from engine.ledger.postgres.address import address_of
from engine.ledger.postgres.reader import MAX_READERS, PostgresReader
from engine.ledger.reader_ports import Reader
from engine.ledger.store_ports import Store
from tests.builders import NOON, a_job, compiled
from tests.ledgers import fill_ledger
from tests.postgres_ledgers import Known
from tests.postgres_servers import a_server
from tests.store.conformance import apply


@pytest.fixture(params=["file", "server"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "file":
        fill_ledger(tmp_path / "ledger.db")
        yield f"sqlite://{tmp_path}/ledger.db"
        return
    known: Known = request.getfixturevalue("known")
    yield known.url
    known.empty()


@pytest.fixture
def reader(url: str) -> Iterator[Reader]:
    made = open_reader(url)
    yield made
    made.close()


def write(store: Store) -> None:
    store.audit(actor="anna", action="test", object="x", detail="", now=NOON)


def test_a_mark_is_different_after_each_write(url: str, reader: Reader) -> None:
    store, seen = open_ledger(url), {reader.mark()}
    for _ in range(5):
        with store.transaction():
            write(store)
        mark = reader.mark()
        assert mark not in seen
        seen.add(mark)
    store.close()


def test_a_view_reads_what_was_written_before_it_was_opened(url: str, reader: Reader) -> None:
    store = open_ledger(url)
    for number in range(3):
        view = reader.view()
        assert len(view.recent_audit(limit=9)) == number
        view.close()
        view.close()
        with store.transaction():
            write(store)
    store.close()


def test_a_row_is_made_once_until_it_changes(url: str, reader: Reader) -> None:
    store = open_ledger(url)
    apply(store, "backup")
    seen = [_jobs_in_force(reader) for _ in range(2)]
    apply(store, "report")
    later = _jobs_in_force(reader)
    assert [one.job for one in later] == ["backup", "report"]
    assert seen[0][0] is seen[1][0] is later[0]
    store.close()


def _jobs_in_force(reader: Reader) -> tuple[JobVersion, ...]:
    with closing(reader.view()) as view:
        return tuple(view.jobs_in_force())


@pytest.fixture
def kept(known: Known) -> Iterator[PostgresReader]:
    made = PostgresReader(address_of(known.url))
    yield made
    assert not made._taken
    made.close()
    known.empty()


def backends(known: Known) -> list[str]:
    """The state of each connection of a reader."""
    text = (
        "select state from pg_stat_activity where datname = current_database() and query like '%from meta%'"
    )
    return [row[0] for row in known.superuser.execute(f"{text} and pid <> pg_backend_pid()").fetchall()]


def test_what_writes_nothing_leaves_the_mark_in_a_server(known: Known, kept: PostgresReader) -> None:
    store = open_ledger(known.url)
    with store.transaction():
        write(store)
    mark = kept.mark()
    with store.transaction():
        store.current_generation()
    assert kept.mark() == mark
    with pytest.raises(RuntimeError), store.transaction():
        write(store)
        raise RuntimeError
    assert kept.mark() == mark
    store.close()


def test_all_views_of_a_thread_share_a_connection_which_the_next_uses(kept: PostgresReader) -> None:
    first, second = kept.view(), kept.view()
    with first.soundness.snapshot():
        kept.mark()
    first.close()
    assert len(kept._taken) == 1
    second.close()
    (connection, _), *others = kept._idle
    assert not others
    view = kept.view()
    assert view._db is connection
    view.close()


def test_a_view_reports_only_unreadable_rows_that_it_has_read(known: Known, kept: PostgresReader) -> None:
    store = open_ledger(known.url)
    with store.transaction():
        store.add_definition(compiled(a_job()))
        write(store)
    store.close()
    known.superuser.execute(
        "set session_replication_role = replica; update audit set at = 9000000000000000000; "
        "set session_replication_role = origin"
    )
    view = kept.view()
    view.recent_audit(limit=9)
    assert len(view.unreadable) == 1
    view.close()
    view = kept.view()
    assert not view.unreadable
    view.close()


def test_there_are_never_more_connections_than_threads_that_read(kept: PostgresReader) -> None:
    all_read, may_end = threading.Barrier(MAX_READERS + 1), threading.Event()

    def read() -> None:
        views = [kept.view() for _ in range(3)]
        all_read.wait(60)
        may_end.wait(60)
        for view in views:
            view.close()

    with ThreadPoolExecutor(MAX_READERS) as threads:
        readers = [threads.submit(read) for _ in range(MAX_READERS)]
        all_read.wait(60)
        with pytest.raises(StoreUnavailableError, match=r"is busy \(16 answers at once\); try again"):
            kept.view()
        may_end.set()
        for one in readers:
            one.result()
    assert len(kept._idle) == MAX_READERS
    kept.view().close()


def test_a_connection_that_nobody_uses_is_closed(
    kept: PostgresReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ThreadPoolExecutor(1) as other:
        view = kept.view()
        other.submit(kept.mark).result()
        assert len(kept._idle) == 1
        monkeypatch.setattr(module, "KEPT_SECONDS", -1.0)
        view.close()
    assert not kept._idle


def test_a_connection_is_not_kept_in_a_transaction(known: Known, kept: PostgresReader) -> None:
    view = kept.view()
    view._db._db.execute("begin")
    view.close()
    assert not kept._idle
    kept.mark()
    assert set(backends(known)) == {"idle"}


def test_a_ledger_of_another_version_or_none_is_refused_on_a_kept_connection_too(
    known: Known, kept: PostgresReader
) -> None:
    kept.mark()
    known.superuser.execute("update meta set value = '999' where key = 'version'")
    with pytest.raises(StoreRefusedError, match="was written by a newer jobfile"):
        kept.view()
    known.empty()
    kept.mark()
    known.superuser.execute("alter schema public rename to gone; create schema public")
    with pytest.raises(NothingRecordedError):
        kept.view()
    assert kept.mark() == module.NO_LEDGER
    known.superuser.execute("drop schema public; alter schema gone rename to public")
    kept.view().close()


def test_while_a_server_is_away_one_thread_tries_and_the_others_learn_it_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with a_server() as server:
        open_ledger(server.url()).close()
        kept = PostgresReader(address_of(server.url()))
        open_views = [kept.view(), kept.view()]
        server.kill()
        with pytest.raises(StoreUnavailableError, match="cannot be reached"):
            open_views[0].recent_audit(limit=1)
        for view in open_views:
            view.close()
        assert not kept._idle
        monkeypatch.setattr(module, "AWAY_SECONDS", 600.0)
        with pytest.raises(StoreUnavailableError, match="cannot be reached"):
            kept.view()
        server.start()
        with pytest.raises(StoreUnavailableError, match="cannot be reached"):
            kept.view()
        monkeypatch.setattr(kept, "_away_until", 0.0)
        for _ in range(2):
            kept.view().close()
        kept.close()
