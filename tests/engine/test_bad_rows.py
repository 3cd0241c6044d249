"""One bad row never stops the engine, nor an answer about other jobs: every column of every table."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.answers.presence import RUNNING
from engine.answers.report import make_report
from engine.cli.main import run as run_command
from engine.core.errors import StoreRefusedError
from engine.core.events import RowUnreadable
from engine.core.lifecycle import RunState
from engine.core.records import Unreadable
from engine.host.clock import SystemClock
from engine.ledger.cells import CELLS, UNREADABLE
from engine.ledger.relational.soundness import EVERY_ROW
from engine.ledger.rows import db_text
from engine.ledger.sqlite.store import SqliteStore
from engine.testing import FakeClock
from tests.builders import NOON
from tests.engine.world import World

HEALTHY: Final = 20
JOBS: Final = "version: 1\njobs:\n" + "".join(
    f"  {name}:\n    schedule: {{every: 5m}}\n    retry: {{attempts: 3, delay: 60s}}\n    command: ['true']\n"
    for name in ("victim", *(f"healthy-{number}" for number in range(HEALTHY)))
)
BAD: Final[tuple[object, ...]] = (
    None,
    -1,
    2**63 - 1,
    9 * 10**18,
    1.5e308,
    float("inf"),
    "",
    "{",
    "[1]",
    '{"v":999}',
    '[{"cron":"99 99 * * *","timezone":"UTC"}]',
    '[{"every":0,"timezone":"Nowhere"}]',
    "[" * 3_000,
    "../../../../evil",
    "a\0b",
    b"gr\xf6n \xed\xa0\x80",
    "bogus",
)
"""Of each type some: STRICT tables take those of their own."""

OF_JOBS: Final = ("run", "schedule", "gap", "job_version", "definition")
ELSEWHERE: Final = {
    "attempt": {"run_id", "run_state", "stop_requested"},
    "output": {"run_id"},
    "artifact": {"run_id"},
    "step": {"run_id"},
    "gap": {"rule"},
    "job_version": {"applied_at", "ended_at"},
}
"""What is read with the rows of a table, and is a column of another."""
COLUMNS: Final = {
    table: [column for column in cells if column not in ELSEWHERE.get(table, ())]
    for table, cells in CELLS.items()
}
WITHOUT_ROWID: Final = {
    *("attempt", "output", "step", "meta", "definition", "job_version", "outbox", "pruned_request"),
    *("late", "odd", "access_grant"),
    *("trigger_event", "idempotency_key", "followed", "histogram"),
}
ROUNDS: Final = max(map(len, COLUMNS.values()))


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, FakeClock]:
    """A state folder in which each table has rows about a job: of every state, and of some healthy jobs."""
    folder = tmp_path_factory.mktemp("grown")
    (folder / "jobs.yaml").write_text(JOBS)
    world = World(folder, JOBS)
    for number in range(6):
        next_instant(world)
        world.finish(exit_code=1 if number == 3 else 0)
        world.catch_up(seconds=2)
    world.pause("victim", minutes=1)
    world.catch_up(seconds=2)
    next_instant(world)
    world.finish()
    world.catch_up(seconds=2)
    world.finish()
    for _ in range(2):
        world.run_by_hand("victim")
    world.step()
    world.crash()
    fill(folder / ".jobfile" / "ledger.db")
    return folder, world.clock


def next_instant(world: World) -> None:
    """Just when all jobs are due."""
    world.pass_time(seconds=300 - world.clock.now().timestamp() % 300)


def fill(ledger: Path) -> None:
    """Rows of the tables that nothing was written to yet."""
    db = sqlite3.connect(ledger)
    with db:
        at = db.execute("select max(not_before) from run").fetchone()[0]
        db.execute(
            "insert into rejection (rejected_at, last_at, digest, diagnostics) values (1, 1, 'x', '[]')"
        )
        db.execute(
            "insert into gap (schedule_id, job, first_at, last_at, count, state, reason, generation, epoch,"
            " recorded_at) select id, job, 1, 1, 1, 'missed', 'engine_down', 1, 1, 1 from schedule"
            " where job = 'victim'"
        )
        db.execute(
            "insert into pruned_request values ('victim', ?, 'succeeded', 1)", (at - at % 900_000_000,)
        )
        db.execute(
            "insert into incident (kind, began_at, recorded_at) values ('disk_hold', 1, 1), ('away', 1, 1)"
        )
        db.execute("update incident set ended_at = 2")
        db.execute(
            "insert into step (run_seq, step, state, items) select seq, 'a', 'succeeded', '[1]' from run"
            " where job = 'victim'"
        )
        db.execute(
            "insert into artifact (run_seq, attempt, name, size, sha256, copy)"
            " select seq, 1, 'a.txt', 1, 'x', 1 from run where job = 'victim'"
        )
        db.execute("insert into output select seq, '', 0, 'n', '1' from run where job = 'victim'")
        db.execute(
            "insert into outbox (id, at, event, channel, job, run_id, body, next_try_at)"
            " values ('x', 1, 'failed', 'x', 'victim', 'x', '{}', 1)"
        )
        db.execute("insert into trigger_event values ('victim', 'file', 'x', 'x', 1, '')")
        db.execute("insert into followed values ('victim', 'healthy-0', 1)")
        db.execute("insert into ended (run_id, generation, noted_at) values ('x', 1, ?)", (at,))
        db.execute(
            "insert into backfill (job, since, until, covered_until, at_once, again, requested_by, begun_at)"
            " values ('victim', 1, 1, 1, 1, 1, 'x', 1)"
        )
        db.execute(
            "insert into late (job, kind, about, since, found_at) values ('victim', 'done_by', 'x', 1, 1)"
        )
        db.execute("insert into odd select id, 'duration', 1, 1, 1 from run where job = 'victim'")
        db.execute("insert into idempotency_key values ('victim', 'x', 'x', ?)", (2 * at,))
        db.execute(
            "insert into access_grant values ('x', 'token', 'x', 'viewer', '*', '', 1, 'x', null, null, null)"
        )
        db.execute("insert into audit (at, actor, action, object, hash) values (1, 'x', 'x', 'victim', 'x')")
    db.close()


def spoil(ledger: Path, table: str, column: str) -> set[object]:
    """Put a bad value into a row each, of the victim where the table tells of jobs; those that were taken."""
    db = sqlite3.connect(ledger, isolation_level=None)
    db.execute("pragma foreign_keys = off")
    db.execute("pragma ignore_check_constraints = on")
    triggers = db.execute("select name, sql from sqlite_schema where type = 'trigger'").fetchall()
    for name, _ in triggers:
        db.execute(f"drop trigger {name}")
    names = [row[1] for row in db.execute(f"pragma table_info({table})")]
    where = "where job = 'victim'" if table in OF_JOBS else ""
    if table in ("attempt", "output", "artifact", "step"):
        where = "where run_seq in (select seq from run where job = 'victim')"
    key = names[0] if table in WITHOUT_ROWID else "rowid"
    if table == "histogram":
        key = "job || name || bound"
    rows = [row[0] for row in db.execute(f"select {key} from {table} {where} order by {key} desc limit 5")]
    taken: set[object] = set()
    for number, value in enumerate(BAD):
        bound = "cast(? as text)" if isinstance(value, bytes) else "?"
        try:
            db.execute(
                f"update {table} set {column} = {bound} where {key} = ?", (value, rows[number % len(rows)])
            )
        except (sqlite3.IntegrityError, sqlite3.OperationalError):
            continue
        taken.add(value)
    for _, text in triggers:
        db.execute(text)
    db.close()
    return taken


Say = Callable[..., tuple[int, str]]


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Say:
    monkeypatch.delenv("JOBFILE_STATE", raising=False)

    def call(folder: Path, *arguments: str) -> tuple[int, str]:
        monkeypatch.chdir(folder)
        code = run_command(list(arguments))
        out = capfd.readouterr()
        return code, out.out + out.err

    return call


ANSWERS: Final = (
    ("status",),
    ("runs",),
    ("did", "victim"),
    ("did", "healthy-3"),
    ("report", "--since", "2026-03-05 12:00", "--until", "2026-03-05 14:00"),
    ("why", "victim"),
    ("logs", "victim"),
    ("show", "victim"),
    ("generations",),
    ("audit", "verify"),
)


@pytest.mark.parametrize("round", range(ROUNDS))
def test_a_bad_row_concerns_itself_alone(
    grown: tuple[Path, FakeClock], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, say: Say, round: int
) -> None:
    grown_folder, clock = grown
    folder = tmp_path / "there"
    copy_state(grown_folder, folder)
    for table, columns in COLUMNS.items():
        if round < len(columns):
            assert spoil(folder / ".jobfile" / "ledger.db", table, columns[round])
    world = World(
        folder, JOBS, clock=FakeClock(clock.wall, clock.boot_seconds), first_id=10_000, max_running=64
    )
    try:
        healthy_jobs_go_on(world)
    finally:
        world.crash()
    monkeypatch.setattr(SystemClock, "now", lambda _: world.clock.now())
    for answer in ANSWERS:
        code, said = say(folder, *answer)
        assert "Traceback" not in said
        assert "a bug in jobfile" not in said, answer
        assert code != 70 or "do not add up" in said, (answer, said)
    assert say(folder, "did", "healthy-3")[0] == 0


def copy_state(there: Path, folder: Path) -> None:
    """A pipe cannot be copied, and a state folder is not believed without its own."""
    shutil.copytree(there, folder, ignore=shutil.ignore_patterns("wake"))
    os.mkfifo(folder / ".jobfile" / "wake", 0o600)


def healthy_jobs_go_on(world: World) -> None:
    """Each starts at its next instants, and succeeds."""
    world.catch_up(seconds=3)
    world.finish()
    since = world.clock.now()
    for _ in range(2):
        next_instant(world)
        world.catch_up(seconds=2)
        world.finish()
        world.catch_up(seconds=2)
        world.finish()
    for number in range(HEALTHY):
        found = world.view.runs_between(
            f"healthy-{number}", since=since, until=world.clock.now() + timedelta(seconds=1), limit=9
        )
        assert [run.state for run in found] == [RunState.SUCCEEDED] * 2, (number, found)


ONE_JOB: Final = """\
version: 1
jobs:
  one:
    schedule: {every: 5m}
    concurrency: {on_overlap: queue}
    command: ['true']
  other:
    schedule: {every: 5m}
    command: ['true']
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    (tmp_path / "jobs.yaml").write_text(ONE_JOB)
    made = World(tmp_path, ONE_JOB)
    yield made
    made.crash()


def change(world: World, *statements: str) -> None:
    """Somebody writes to the ledger while an engine runs; its own triggers do not mind."""
    db = sqlite3.connect(world.config.ledger, isolation_level=None)
    db.execute("pragma foreign_keys = off")
    for statement in statements:
        assert db.execute(statement).rowcount > 0, statement
    db.close()


def told(world: World) -> list[Unreadable]:
    return [event.found for event in world.journal.events if isinstance(event, RowUnreadable)]


@pytest.mark.parametrize(
    "damage",
    ["params = '{'", "params = '[1]'", "stop_requested = 'hard'", "attempt = -3", "id = '../../../evil'"],
)
def test_a_waiting_run_that_cannot_be_read_is_lost_and_reported_once(world: World, damage: str) -> None:
    next_instant(world)
    waiting = world.run_by_hand("one")
    change(world, f"update run set {damage} where id = '{waiting.id}'")
    for _ in range(3):
        world.pass_time(seconds=1)
    world.finish()
    assert [found.table for found in told(world)] == ["run"]
    seen = [run for run in world.view.recent_runs(job=None, state=None, limit=99) if run.reason == UNREADABLE]
    assert [run.state for run in seen] == [RunState.LOST]
    assert "cannot be read: its `" in seen[0].detail
    assert not world.view.open_runs()
    assert world.view.set_aside() == (told(world)[0].words,)
    assert not [path for path in world.config.state_dir.parent.parent.rglob("evil*")]
    world.crash()
    world.boot()
    assert len(told(world)) <= 2  # each engine tells once


def test_a_retry_at_no_instant_does_not_wait_for_ever(world: World) -> None:
    next_instant(world)
    change(world, "update run set state = 'retry_wait', retry_at = 9000000000000000000 where job = 'one'")
    world.crash()
    world.boot()
    (run,) = world.view.runs_between("one", since=NOON, until=world.clock.now() + timedelta(days=1), limit=9)
    assert (run.state, run.reason) == (RunState.LOST, UNREADABLE)
    assert "its `retry_at` is 9000000000000000000, not an instant or nothing" in run.detail


def test_what_cannot_be_read_counts_as_lost_in_every_answer(world: World) -> None:
    next_instant(world)
    world.finish()
    change(world, "update run set params = '{' where job = 'one'")
    change(world, "update run set started_at = 9000000000000000000 where job = 'other'")
    report = make_report(
        world.view,
        since=NOON,
        until=world.clock.now() + timedelta(minutes=1),
        now=world.clock.now(),
        presence=RUNNING,
    )
    assert report.total.adds_up
    assert dict(report.total.verdicts) == {"lost": 2}
    assert [run.state for run in world.view.recent_runs(job=None, state=None, limit=9)] == [RunState.LOST] * 2


def test_a_running_run_that_cannot_be_read_holds_its_slot_until_its_process_ends(world: World) -> None:
    next_instant(world)
    world.crash()
    change(world, "update run set params = '{' where job = 'one'")
    world.boot()
    world.pass_time(seconds=5)
    assert world.store.count_blocking("one", at_most=9) == (1, 0)
    world.finish()
    assert world.store.count_blocking("one", at_most=9) == (0, 0)
    next_instant(world)
    assert [run.job for run in world.view.open_runs()] == ["one", "other"]


def test_a_definition_that_is_not_the_one_applied_is_not_executed(world: World) -> None:
    world.crash()
    change(world, "update definition set spec = replace(spec, 'true', 'evil') where job = 'one'")
    world.boot()
    next_instant(world)
    (run,) = world.view.recent_runs(job="one", state=None, limit=9)
    assert (run.state, run.reason) == (RunState.FAILED, "start_error")
    assert "different digest" in run.detail
    assert [run.state for run in world.view.recent_runs(job="other", state=None, limit=9)] == [
        RunState.RUNNING
    ]
    assert world.view.definition_text(run.digest) is None
    assert {found.table for found in told(world)} == {"definition"}


def test_a_schedule_that_cannot_be_read_stops_no_other_and_is_put_right_by_a_change(world: World) -> None:
    world.crash()
    change(
        world, 'update schedule set rule = \'[{"cron":"99 * * * *","timezone":"UTC"}]\' where job = \'one\''
    )
    world.boot()
    next_instant(world)
    assert [run.job for run in world.view.open_runs()] == ["other"]
    world.edit(ONE_JOB.replace("['true']", "['true', 'x']"))
    world.finish()
    next_instant(world)
    assert {run.job for run in world.view.open_runs()} == {"one", "other"}


@pytest.mark.parametrize(
    "text",
    [
        "create trigger evil after insert on run begin select 1; end",
        "create view evil as select 1",
        "create table evil (x)",
        "drop index run_retry_of",
        "drop trigger run_final_is_final",
    ],
)
def test_a_ledger_with_anything_foreign_in_it_is_refused(world: World, text: str) -> None:
    db = sqlite3.connect(world.config.ledger, isolation_level=None)
    db.execute(text)
    db.close()
    name = text.split()[2]
    with pytest.raises(StoreRefusedError, match=f"`{name}` (does not belong to it|is missing)"):
        SqliteStore.open(world.config.ledger)


def test_doctor_reads_what_the_engine_reads(world: World) -> None:
    next_instant(world)
    world.finish()
    world.crash()
    change(world, "update run set params = '{' where job = 'one'", "update session set boot_seconds = 9e999")
    world.boot()
    found = {one.table: one for one in world.view.soundness.unreadable_rows()}
    assert found.keys() == {"run", "session"}
    assert (found["run"].job, found["run"].why) == ("one", "its `params` is '{', not an object of params")


@given(st.text())
def test_every_text_fits_into_every_database(text: str) -> None:
    stored = db_text(text)
    assert "\0" not in stored
    assert stored.encode().decode() == stored
    assert db_text(stored) == stored


@given(st.lists(st.sampled_from(["ok", "a\0b", "\udcff", "grün\ud800\0"]), min_size=1))
def test_a_text_that_no_database_holds_does_not_keep_a_run_from_its_end(parts: list[str]) -> None:
    detail = "".join(parts)
    db = sqlite3.connect(":memory:")
    assert db.execute("select ?", (db_text(detail),)).fetchone()[0] == db_text(detail)
    db.close()


def test_every_table_is_read_by_the_check_and_known_to_the_readers(world: World) -> None:
    db = sqlite3.connect(world.config.ledger)
    tables = {name for (name,) in db.execute("select name from sqlite_schema where type = 'table'")}
    db.close()
    assert tables == CELLS.keys() == {query.removeprefix("soundness.all_") for query in EVERY_ROW}
