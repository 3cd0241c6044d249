"""The SQLite store: the conformance suite, and what is its own."""

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.core.errors import StoreRefusedError, StoreUnavailableError
from engine.host.lock import make_private_file
from engine.ledger.sqlite.connection import objects_of, statement
from engine.ledger.sqlite.functions import FUNCTIONS
from engine.ledger.sqlite.migrate import MIGRATIONS, NEWEST, NEWEST_OBJECTS, digest_of, known_version
from engine.ledger.sqlite.store import SqliteStore
from engine.ledger.sqlite.view import SqliteView
from tests.builders import a_job, compiled
from tests.known import known_files
from tests.store.asked import EVERY_TURN, OF_ONE_JOB
from tests.store.conformance import *  # noqa: F403  the suite
from tests.store.conformance import Ledger, OpenLedger
from tests.store.conformance_notices import *  # noqa: F403  the suite
from tests.store.conformance_order import *  # noqa: F403  the suite
from tests.store.conformance_transactions import *  # noqa: F403  the suite


@pytest.fixture
def open_ledger(tmp_path: Path) -> Iterator[OpenLedger]:
    opened = []

    def open_one() -> Ledger:
        path = tmp_path / "ledger.db"
        make_private_file(path)
        ledger = Ledger(SqliteStore.open(path), SqliteView.open(path))
        opened.append(ledger)
        return ledger

    yield open_one
    for ledger in opened:
        ledger.view.close()
        ledger.store.close()


def test_the_ledger_is_closed_to_others(open_ledger: OpenLedger, tmp_path: Path) -> None:
    ledger = open_ledger()
    with ledger.store.transaction():
        ledger.store.add_definition(compiled(a_job()))
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes.keys() >= {"ledger.db", "ledger.db-wal"}
    assert set(modes.values()) == {0o600}


def test_every_commit_is_on_the_disk_when_it_returns(open_ledger: OpenLedger, tmp_path: Path) -> None:
    ledger = open_ledger()
    assert isinstance(ledger.store, SqliteStore)
    assert ledger.store._db.pragma("journal_mode") == "wal"
    assert ledger.store._db.pragma("synchronous") == 2
    assert ledger.store._db.pragma("foreign_keys") == 1
    assert (tmp_path / "ledger.db").exists()


def test_a_ledger_of_a_newer_program_is_refused(open_ledger: OpenLedger, tmp_path: Path) -> None:
    open_ledger()
    db = sqlite3.connect(tmp_path / "ledger.db")
    db.execute("pragma user_version = 999")
    db.close()
    with pytest.raises(StoreRefusedError, match="newer jobfile"):
        SqliteStore.open(tmp_path / "ledger.db")


def test_a_damaged_ledger_stops_the_engine_instead_of_starting_it_empty(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"this is no database at all, but a text of some length" * 100)
    with pytest.raises(StoreRefusedError, match="damaged"):
        SqliteStore.open(path)


def test_a_ledger_that_is_not_there_is_not_made_by_looking(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError):
        SqliteView.open(tmp_path / "ledger.db").current_generation()
    assert list(tmp_path.iterdir()) == []


def test_the_tables_refuse_what_must_not_happen(open_ledger: OpenLedger, tmp_path: Path) -> None:
    ledger = open_ledger()
    with ledger.store.transaction():
        ledger.store.audit(actor="a", action="b", object="c", detail="", now=NOON)  # noqa: F405  from the suite
    db = sqlite3.connect(tmp_path / "ledger.db")
    for change in ("update audit set actor = 'x'", "delete from audit"):
        with pytest.raises(sqlite3.IntegrityError, match="only added to"):
            db.execute(change)
    db.close()


def test_the_attempts_of_an_older_ledger_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    make_private_file(path)
    db = sqlite3.connect(path)
    for step in known_files(MIGRATIONS, "000[1-5]_*.sql"):
        db.executescript(step.read_text())
    db.execute("insert into definition values ('d', 'hello', '{}')")
    for run in ("b", "a"):
        db.execute(
            "insert into run (id, job, digest, trigger, scheduled_for, params, state, queued_at, not_before, "
            "attempt, concurrency_key) "
            "values (?, 'hello', 'd', 'manual', 1, '{}', 'running', 1, 1, 2, 'hello')",
            (run,),
        )
        first, second = (run, 1, "lost", "boot-1", 3, 5), (run, 2, "running", "boot-2", 7, None)
        for attempt in (second, first):
            db.execute(
                "insert into attempt (run_id, number, state, boot_id, created_at, ended_at) "
                "values (?, ?, ?, ?, ?, ?)",
                attempt,
            )
    db.execute("update attempt set resolved = 'failed', cpu_seconds = 0.5, max_rss_kb = 7 where number = 1")
    db.execute("pragma user_version = 5")
    db.commit()
    db.close()
    store = SqliteStore.open(path)
    view = SqliteView.open(path)
    for run in ("a", "b"):
        first, second = view.attempts(run)
        assert (first.run_id, first.number, first.state, first.boot_id) == (run, 1, "lost", "boot-1")
        assert (first.resolved, first.cpu_seconds, first.max_rss_kb) == ("failed", 0.5, 7)
        assert (second.run_id, second.number, second.state, second.ended_at) == (run, 2, "running", None)
    assert [live.attempt.run_id for live in store.live_attempts()] == ["b", "a"]
    view.close()
    store.close()


def test_a_ledger_of_an_older_program_is_read_only_after_it_was_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    make_private_file(path)
    db = sqlite3.connect(path)
    db.executescript((MIGRATIONS / "0001_ledger.sql").read_text())
    db.execute("pragma user_version = 1")
    db.close()
    with pytest.raises(StoreRefusedError, match="older jobfile; start the engine of this one once"):
        SqliteView.open(path)
    SqliteStore.open(path).close()
    SqliteView.open(path).close()


NAMES = ("since", "until", "jobs", "states", "limit", "count")
HOLDS_WHAT_IS_OPEN = re.compile(
    r"SCAN (run USING INDEX run_(queued|active)|outbox USING INDEX outbox_(owed|failed)|held|lane|\w+_lane)"
    r"|(SCAN|SEARCH) found"
)
"""Partial indexes that are as long as what waits, or runs: to read one whole is to read that. The other
names are of the lists that a statement makes: of queues and keys for which runs wait, or of what it found.
"""


@pytest.mark.parametrize("query", EVERY_TURN)
def test_what_is_asked_at_every_turn_reads_no_table_whole(open_ledger: OpenLedger, query: str) -> None:
    """A turn takes no longer because the past grows: every row is found by an index."""
    text = statement(query)
    values = {name: 1 for name in re.findall(r":(\w+)", text)}
    db = open_ledger().store._db._db
    plan = [row["detail"] for row in db.execute(f"explain query plan {text}", values)]
    whole = [
        line for line in plan if re.match(r"SCAN (?!\(|CONSTANT)", line) or re.fullmatch(r"SEARCH \w+", line)
    ]
    assert [line for line in whole if not HOLDS_WHAT_IS_OPEN.fullmatch(line)] == [], plan


@pytest.mark.parametrize("query", OF_ONE_JOB)
def test_what_is_asked_about_one_job_reads_nothing_of_the_others(open_ledger: OpenLedger, query: str) -> None:
    """An answer about a quiet job takes no longer because others ran ten million times."""
    text = statement(query)
    values = {name: "[1]" for name in re.findall(r":(\w+)", text)}
    db = open_ledger().store._db._db
    plan = [row["detail"] for row in db.execute(f"explain query plan {text}", values)]
    assert [
        line for line in plan if re.match(r"SCAN (?!\(|CONSTANT|named|found|counted|json_each)", line)
    ] == [], plan


@pytest.mark.parametrize(
    "query",
    [
        "run.runs_in",
        "run.last_runs",
        "gap.last_gaps",
        "run.retries_between",
        "run.slots_of_all",
        "run.slots_of_each",
        "run.active_jobs",
    ],
)
def test_what_is_asked_about_many_jobs_finds_each_row_by_an_index(
    open_ledger: OpenLedger, query: str
) -> None:
    text = statement(query)
    db = open_ledger().store._db._db
    db.execute("analyze")
    plan = [
        row["detail"]
        for row in db.execute(f"explain query plan {text}", dict.fromkeys((*NAMES, "length", "reach"), "[1]"))
    ]
    assert [
        line for line in plan if re.match(r"SCAN (run|one|g|gap)\b(?! USING INDEX run_retry_of)", line)
    ] == []


ABOUT_NEWEST = """\
-- What all steps make, for a new ledger: `pytest tests/store/test_sqlite.py --update` writes it from them.
"""


@pytest.fixture
def by_steps() -> Iterator[sqlite3.Connection]:
    """A ledger that took all steps."""
    with contextlib.closing(sqlite3.connect(":memory:")) as made:
        for name, function in FUNCTIONS.items():
            made.create_function(name, -1, function, deterministic=True)
        for step in known_files(MIGRATIONS, "0*.sql"):
            made.executescript(step.read_text())
        yield made


def test_a_new_ledger_is_made_at_once_as_all_steps_would_make_it(
    by_steps: sqlite3.Connection, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if request.config.getoption("update"):
        found = by_steps.execute(
            "select sql from sqlite_schema where sql is not null and name not like 'sqlite~_%' escape '~' "
            "order by rowid"  # the planner may prefer the older of two indexes
        )
        firsts = [
            line
            for step in known_files(MIGRATIONS, "0*.sql")
            for line in step.read_text().splitlines()
            if line.startswith("insert or ignore into meta")
        ]
        made = "".join(f"\n{text};\n" for (text,) in found) + "\n" + "\n".join(firsts) + "\n"
        (MIGRATIONS / NEWEST).write_text(ABOUT_NEWEST + made)
    path = tmp_path / "ledger.db"
    make_private_file(path)
    SqliteStore.open(path).close()
    with contextlib.closing(sqlite3.connect(path)) as new:
        assert new.execute("pragma user_version").fetchone() == (known_version(),)
        assert dict(objects_of(new)) == dict(objects_of(by_steps))
        for (table,) in by_steps.execute("select name from sqlite_schema where type = 'table'").fetchall():
            columns = f"select name, type, \"notnull\", dflt_value, pk from pragma_table_xinfo('{table}')"
            assert new.execute(columns).fetchall() == by_steps.execute(columns).fetchall(), table
            rows = f'select {"key, length(value)" if table == "meta" else "*"} from "{table}"'
            assert new.execute(rows).fetchall() == by_steps.execute(rows).fetchall(), table


def test_the_digest_of_the_newest_objects_is_that_of_all_steps(by_steps: sqlite3.Connection) -> None:
    """It spares taking the steps at each start; who adds a step writes it anew."""
    assert digest_of(objects_of(by_steps)) == NEWEST_OBJECTS
