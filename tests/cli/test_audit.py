"""`jobfile audit`: who did what; and whether the record of it is whole, on real ledgers."""

import json
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from engine.core.audit_chain import follow
from engine.host.lock import make_private_file, make_state_dir
from engine.ledger.sqlite.migrate import MIGRATIONS
from engine.ledger.sqlite.store import SqliteStore
from engine.ledger.sqlite.view import SqliteView
from tests.builders import NOON
from tests.cli.conftest import Jobfile
from tests.cli.test_files import fits
from tests.known import known_files

UNLOCK = "drop trigger audit_is_not_changed; drop trigger audit_is_not_shortened;"
RENUMBER = "update audit set seq = -seq where seq > {0}; update audit set seq = -seq - 1 where seq < 0;"


@pytest.fixture
def ledger(jobfile: Jobfile, tmp_path: Path) -> Path:
    """A ledger with four records: one plan in force, and three things done by hand."""
    assert jobfile("apply", "--yes").code == 0
    for words in (("pause", "good", "--why", "a\x1b]0;x\x07"), ("resume", "good"), ("pause", "bad")):
        assert jobfile(*words).code == 0
    return tmp_path / ".jobfile" / "ledger.db"


def do(ledger: Path, script: str) -> None:
    db = sqlite3.connect(ledger)
    db.executescript(UNLOCK + script)
    db.close()


def test_it_lists_who_did_what_the_newest_first(jobfile: Jobfile, ledger: Path) -> None:
    found = jobfile("audit", "--json").json
    fits(found, "audit")
    told = [(one["record"], one["action"], one["object"]) for one in found["records"]]
    assert told == [
        (4, "pause", "bad"),
        (3, "resume", "good"),
        (2, "pause", "good"),
        (1, "apply", "generation 1"),
    ]
    said = jobfile("audit", "--limit", "3")
    assert (said.code, said.out.count("\n"), "\x1b" in said.out) == (0, 4, False)
    assert "a\\x1b]0;x\\x07" in said.out


EDITS: dict[str, tuple[str, int]] = {
    "who": ("update audit set actor = 'eve' where seq = 2", 2),
    "when": ("update audit set at = at + 1 where seq = 1", 1),
    "why": ("update audit set detail = '' where seq = 2", 2),
    "a hash": ("update audit set hash = '' where seq = 3", 3),
    "the newest": ("update audit set object = 'good' where seq = 4", 4),
    "the first removed": ("delete from audit where seq = 1", 1),
    "one removed": ("delete from audit where seq = 2", 2),
    "one removed, the others moved up": (f"delete from audit where seq = 2;{RENUMBER.format(2)}", 2),
    "one put in": (
        "update audit set seq = -seq where seq > 2; update audit set seq = 1 - seq where seq < 0;"
        "insert into audit select 3, at, actor, action, object, detail, hash from audit where seq = 2",
        3,
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_the_first_break_is_named(jobfile: Jobfile, ledger: Path, edit: str) -> None:
    whole = jobfile("audit", "verify")
    assert (whole.code, whole.out[:46]) == (0, "the audit is intact: 4 records; the newest is ")
    script, at = EDITS[edit]
    do(ledger, script)
    said = jobfile("audit", "verify")
    assert (said.code, said.out.startswith(f"the audit is broken: record {at} ")) == (1, True), said
    found = jobfile("audit", "verify", "--json")
    fits(found.json, "audit")
    assert (found.code, found.json["whole"], found.json["broken_at"]) == (1, False, at)


def test_a_noted_hash_finds_what_the_chain_cannot(jobfile: Jobfile, ledger: Path) -> None:
    head = jobfile("audit", "verify", "--json").json["head"]
    assert head["record"] == 4
    assert jobfile("audit", "verify", "--head", head["hash"]).code == 0
    assert jobfile("resume", "bad").code == 0
    assert jobfile("audit", "verify", "--head", head["hash"][:16].upper()).code == 0
    do(ledger, "delete from audit where seq > 3")
    assert jobfile("audit", "verify").code == 0
    said = jobfile("audit", "verify", "--head", head["hash"])
    assert (said.code, "records were cut off, or all were rewritten" in said.out) == (1, True)
    found = jobfile("audit", "verify", "--head", head["hash"], "--json")
    fits(found.json, "audit")
    assert (found.code, found.json["whole"], found.json["broken_at"]) == (1, False, None)
    for words in (("audit", "verify", "--head", "12"), ("audit", "--head", head["hash"]), ("audit", "x")):
        assert jobfile(*words).code == 64


def test_an_engine_shows_the_newest_hash_as_it_starts(jobfile: Jobfile, ledger: Path) -> None:
    first = jobfile("up", "--for", "1s").out.splitlines()[0]
    told = re.search(r"; audit: record (\d+), hash ([0-9a-f]{16})$", first)
    assert told
    assert told[1] == "5"  # its own start is in it
    assert jobfile("audit", "verify", "--head", told[2]).code == 0
    first_line = json.loads(jobfile("up", "--for", "1s", "--json").out.splitlines()[0])
    assert first_line["audit_record"] == 7
    assert jobfile("audit", "verify", "--head", first_line["audit_hash"]).code == 0


def test_an_empty_audit_is_whole(tmp_path: Path, jobfile: Jobfile) -> None:
    assert jobfile("audit").code == 64
    SqliteStore.open(a_private_file(tmp_path / ".jobfile" / "ledger.db")).close()
    found = jobfile("audit")
    assert found.out == "nothing was recorded yet\n"
    found = jobfile("audit", "verify", "--json")
    fits(found.json, "audit")
    assert (found.code, found.json["head"]) == (0, None)


def a_private_file(path: Path) -> Path:
    make_state_dir(path.parent)
    make_private_file(path)
    return path


def test_an_engine_records_its_start_its_stop_and_what_it_puts_in_force(jobfile: Jobfile) -> None:
    assert jobfile("up", "--for", "1s").code == 0
    assert jobfile("up", "--for", "1s").code == 0
    records = list(reversed(jobfile("audit", "--json").json["records"]))
    told = [(one["action"], one["object"]) for one in records]
    assert told == [
        ("start", "engine"),
        ("apply", "generation 1"),
        ("stop", "engine"),
        ("start", "engine"),
        ("stop", "engine"),
    ]
    digest = jobfile("generations", "--json").json["generations"][0]["digest"]
    assert records[0]["detail"].endswith("jobs.yaml; nothing in force")
    assert (records[1]["actor"], records[1]["detail"]) == ("engine", "4 jobs; + bad, flaky, good, slow")
    assert records[2]["detail"] == "0 running"
    assert records[3]["detail"].endswith(f"jobs.yaml; generation 1, {digest}")
    assert records[0]["actor"] == records[3]["actor"] != "engine"


def test_records_from_before_the_chain_are_in_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    a_private_file(path)
    db = sqlite3.connect(path)
    steps = known_files(MIGRATIONS, "000[1-7]_*.sql")
    for step in steps:
        db.executescript(step.read_text())
    db.execute(f"pragma user_version = {len(steps)}")
    rows = [(7, "anna", "pause", "a", "é"), (8, "", "x", "b", "\n"), (9, "engine", "rename", "c", "d")]
    db.executemany("insert into audit (at, actor, action, object, detail) values (?, ?, ?, ?, ?)", rows)
    db.commit()
    db.close()
    store = SqliteStore.open(path)
    with store.transaction():
        store.audit(actor="bob\udce9", action="resume", object="a", detail="", now=NOON)
    store.close()
    links = list(SqliteView.open(path).audit_links())
    assert [tuple(one[1:6]) for one in links[:3]] == rows
    assert (follow(links).broken_at, len(links), links[3].actor) == (None, 4, "bob\\xe9")


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from engine.ledger.sqlite.store import SqliteStore
store = SqliteStore.open(Path(sys.argv[1]))
for number in range(20):
    with store.transaction():
        store.audit(actor=sys.argv[2], action="x", object=str(number), detail="", now=datetime.now(UTC))
"""


def test_many_processes_write_one_chain(jobfile: Jobfile, ledger: Path) -> None:
    running = [subprocess.Popen([sys.executable, "-c", WRITER, ledger, who]) for who in ("a", "b", "c")]
    assert jobfile("resume", "bad").code == 0
    assert [one.wait(60) for one in running] == [0, 0, 0]
    found = jobfile("audit", "verify", "--json").json
    assert (found["whole"], found["count"]) == (True, 65)
