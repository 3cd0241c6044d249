"""A ledger moves to another database and back: every row, every answer, and only one of them is used."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from engine.answers.did import did
from engine.answers.invariants.checking import check_invariants
from engine.answers.presence import Presence
from engine.answers.report import make_report
from engine.answers.report_text import report_to_text
from engine.answers.why import why
from engine.core.errors import StoreRefusedError, StoreUnavailableError
from engine.host.lock import make_private_file
from engine.ledger.copy_ports import Copyable
from engine.ledger.moving import Moved, move
from engine.ledger.opening import (
    open_copyable,
    open_ledger,
    open_to_submit,
    open_trace_free_view,
    open_view,
)
from engine.ledger.ports import View
from engine.ledger.postgres import connection
from engine.ledger.postgres.migrate import known_version
from jobfile.schedule.zones import load_zone
from tests.builders import DAY, NOON, a_run
from tests.engine.test_bad_rows import fill
from tests.engine.world import World
from tests.postgres_ledgers import Known
from tests.store.conformance import queue

JOBS = """
version: 1
jobs:
  victim:
    schedule: {every: 1m}
    catchup: none
    params: {who: {type: string, default: "Zoë \\"日本\\""}}
    run: echo hello
  pair: {schedule: {every: 5m}, retry: {attempts: 2, delay: 10s}, steps: {a: {run: echo a}, b: {run: echo b}}}
  report: {triggers: [{after: victim}], run: echo report}
"""
LATER = NOON + timedelta(hours=2)


@pytest.fixture
def file(tmp_path: Path) -> str:
    """The URL of a SQLite ledger with rows in every table."""
    world = World(tmp_path, JOBS)
    for number in range(14):
        world.pass_time(seconds=60)
        world.finish(exit_code=1 if number == 4 else 0)
    world.pause("victim", minutes=5)
    world.pass_time(seconds=400)
    world.crash()
    fill(world.config.ledger)
    return world.config.ledger_url


@pytest.fixture
def there(known: Known) -> Iterator[str]:
    """The URL of an empty ledger in PostgreSQL."""
    yield known.url
    known.superuser.execute(
        "update meta set value = %s where key = 'version'", (str(known_version()),)
    )  # one that was moved from here has another
    known.empty()


def moved(source: str, target: str, *, is_trial: bool = False) -> Moved:
    with closing(open_copyable(source)) as one, closing(open_copyable(target)) as other:
        return move(one, other, findings=findings, is_trial=is_trial)


def findings(ledger: Copyable) -> list[str]:
    return [str(one) for one in check_invariants(ledger.view, now=LATER, is_running=False, max_running=99)]


def rows(url: str) -> dict[str, list[tuple[object, ...]]]:
    with closing(open_copyable(url)) as ledger, ledger.transaction():
        return {
            table: sorted(ledger.rows(table, sorted(names), sorted(names)), key=repr)
            for table, names in ledger.columns().items()
        }


def answers(view: View) -> list[str]:
    """What is said about each job, each day and all of them."""
    utc = load_zone("UTC")
    assert utc is not None
    dead = Presence(is_running=False)
    report = make_report(view, since=NOON - DAY, until=LATER, now=LATER, presence=dead)
    said = [report_to_text(report, width=100)]
    for version in view.jobs_in_force():
        for at in (NOON + timedelta(minutes=one) for one in range(25)):
            one = did(view, version.job, zone=utc, at=at, on=None, params={}, now=LATER, presence=dead)
            said += [one.line, why(view, version.job, at, zone=utc, now=LATER, presence=dead).headline]
    return said


def test_every_row_and_every_answer_is_the_same_there_and_after_the_way_back(
    file: str, there: str, tmp_path: Path
) -> None:
    before = rows(file)
    with closing(open_view(file)) as view:
        said = answers(view)
    assert all(len(found) > 0 for found in before.values())
    done = moved(file, there)
    assert not done.is_done_before
    assert {table: len(found) for table, found in before.items()} == dict(done.rows)
    with closing(open_view(there)) as view:
        assert answers(view) == said
    assert rows(there) == before
    make_private_file(tmp_path / "back.db")
    back = f"sqlite://{tmp_path}/back.db"
    moved(there, back)
    assert rows(back) == before


def test_the_old_ledger_is_refused_in_every_way_with_its_new_place(file: str, there: str) -> None:
    moved(file, there)
    ways = (
        open_ledger,
        open_view,
        open_copyable,
        lambda url: open_to_submit(url, busy_seconds=1),
        lambda url: open_trace_free_view(url, is_in_use=False),
    )
    for way in ways:
        with pytest.raises(StoreRefusedError, match=r"was moved to postgresql:///.*--store URL"):
            way(file)


def test_what_was_moved_continues(file: str, there: str) -> None:
    newest = rows(file)
    moved(file, there)
    with closing(open_ledger(there)) as store:
        queue(store, a_run(id="e" * 32))
        run = store.run("e" * 32)
        assert run is not None
    after = rows(there)
    assert len(after["run"]) == len(newest["run"]) + 1


def test_a_trial_and_a_failed_comparison_change_nothing(file: str, there: str, known: Known) -> None:
    before = rows(file)
    done = moved(file, there, is_trial=True)
    assert done.rows["run"] == len(before["run"])
    assert rows(file) == before
    assert rows(there)["run"] == []
    known.superuser.execute("insert into odd values ('a', 'b', 1, 1, 1)")
    with pytest.raises(StoreRefusedError, match="already has a ledger with other rows"):
        moved(file, there)
    assert rows(file) == before


def test_a_move_that_was_interrupted_before_its_last_step_is_completed(
    file: str, there: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows(file)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("engine.ledger.sqlite.copying.SqliteCopyable.mark_moved", killed)
        with pytest.raises(KeyboardInterrupt):
            moved(file, there)
    assert rows(file) == rows(there) == before
    assert moved(file, there).is_done_before
    with pytest.raises(StoreRefusedError, match="was moved to"):
        open_view(file)


def test_a_ledger_that_is_written_is_not_moved(file: str, there: str) -> None:
    with closing(open_ledger(file)) as store, store.transaction(), pytest.raises(StoreUnavailableError):
        moved(file, there)


def test_a_text_that_postgresql_cannot_store_is_moved_as_it_would_be_written(file: str, there: str) -> None:
    path = file.removeprefix("sqlite://")
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("update incident set detail = 'a' || char(0) || 'b'")
        db.execute("update pause set reason = cast(x'67f66e' as text)")
    moved(file, there)
    assert all("\0" not in str(row) for row in rows(there)["incident"])


def test_a_move_may_take_longer_than_a_writer_may(
    file: str, there: str, known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PAUSE_SECONDS", 1)
    monkeypatch.setattr(connection, "STATEMENT_SECONDS", 1)

    def slow_findings(_: Copyable) -> list[str]:
        known.superuser.execute("select pg_sleep(1.2)")  # meanwhile both transactions are idle
        return []

    with closing(open_copyable(file)) as source, closing(open_copyable(there)) as target:
        done = move(source, target, findings=slow_findings)
    assert done.rows["run"] == len(rows(there)["run"])


TABLES = """
select 'index', pg_get_indexdef(indexrelid), '' from pg_index
where indrelid in (select oid from pg_class where relnamespace = current_schema()::regnamespace)
union all
select conname, pg_get_constraintdef(oid), convalidated::text from pg_constraint
where connamespace = current_schema()::regnamespace
union all
select tgname, pg_get_triggerdef(pg_trigger.oid), tgenabled::text
from pg_trigger join pg_class on pg_class.oid = tgrelid
where relnamespace = current_schema()::regnamespace and not tgisinternal
order by 1, 2
"""


def test_indexes_references_and_triggers_are_as_before_a_move(file: str, there: str, known: Known) -> None:
    with closing(open_copyable(there)):
        pass
    before = known.superuser.execute(TABLES).fetchall()
    moved(file, there)
    assert known.superuser.execute(TABLES).fetchall() == before
    assert {what for what, _, _ in before} > {"index", "run_pkey", "run_digest_fkey", "run_ended"}
