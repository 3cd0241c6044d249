"""A state folder that an older jobfile left, the last one without steps in its ledger: everything goes on.

The folder is a real one: an engine and its commands wrote it, with a retried run, a failed one, a pause and a
saved plan.
"""

import os
import sqlite3
import tarfile
from pathlib import Path

import pytest

from engine.ledger.sqlite.store import SqliteStore
from engine.ledger.sqlite.view import SqliteView
from jobfile.model.canonical import digest, spec_from_json
from tests.cli.conftest import Jobfile

OLD = Path(__file__).parents[1] / "data" / "ledger_8.tar.gz"
LEDGER = Path(".jobfile") / "ledger.db"
RETRIED = "f797bc3c030df659d227feef0052e2d8"


@pytest.fixture
def old(tmp_path: Path, jobfile: Jobfile) -> Jobfile:
    """The command line in a copy of the folder."""
    with tarfile.open(OLD) as kept:
        kept.extractall(tmp_path, filter="data")
    state = tmp_path / ".jobfile"
    state.chmod(0o700)
    os.mkfifo(state / "wake", 0o600)  # an archive does not carry it, so that a foreign folder is recognised
    return jobfile


def bring_up_to_date() -> None:
    SqliteStore.open(LEDGER).close()


def rows(query: str) -> list[tuple[object, ...]]:
    db = sqlite3.connect(LEDGER)
    try:
        return db.execute(query).fetchall()
    finally:
        db.close()


def test_its_jobs_are_what_the_files_say_although_their_digests_are_new(old: Jobfile) -> None:
    before = dict(rows("select job, digest from job_version where until_generation is null"))
    bring_up_to_date()
    after = dict(rows("select job, digest from job_version where until_generation is null"))
    assert before.keys() == after.keys()
    assert all(before[job] != after[job] for job in before), "a test that changes nothing shows nothing"
    said = old("plan", "--exit-code")
    assert (said.code, said.out.splitlines()[-1]) == (0, "plan: no change, 5 jobs")
    status = old("status", "--json").json
    assert status["generation"] == 2
    applied = old("apply", "--yes")
    assert applied.code == 0, applied.err
    assert [one["generation"] for one in old("generations", "--json").json["generations"]] == [2, 1]


def test_an_engine_goes_on_with_its_generation(old: Jobfile) -> None:
    said = old("up", "--for", "1s")
    assert said.code == 0, said.err
    assert "applied" not in said.out
    assert [one["generation"] for one in old("generations", "--json").json["generations"]] == [2, 1]
    ran = old("run", "flaky", "-p", "customer=gamma", "--json")
    assert ran.code == 0, ran.err
    assert [(one["step"], one["item"], one["number"]) for one in ran.json["attempt_list"]] == [
        (None, None, 1),
        (None, None, 2),
    ]


def test_its_runs_keep_their_answers_attempts_and_output(old: Jobfile) -> None:
    bring_up_to_date()
    assert old("did", "flaky", "--at", "2026-11-29T15:13:44Z").code in {0, 5}
    told = old("why", RETRIED).out
    assert told.startswith("flaky, 2026-11-29 16:13:44 CET: succeeded")
    assert "definition  jobs.yaml:12, generation 1" in told
    logs = old("logs", RETRIED, "--json").json
    assert [(one["step"], one["number"], one["output"]) for one in logs["attempts"]] == [
        (None, 1, "attempt 1 for beta\n"),
        (None, 2, "attempt 2 for beta\n"),
    ]
    assert old("show", RETRIED).code == 0
    assert "exit code 3" in old("runs").out
    assert "noisy" in old("status").out
    doctor = old("doctor", "--json").json
    troubles = [one for one in doctor["checks"] if one["severity"] not in {"ok", "info"}]
    assert {one["code"] for one in troubles} <= {"clock.unsynchronized"}, "the machine's own"


def test_every_text_in_it_is_again_the_one_that_its_digest_names(old: Jobfile) -> None:
    bring_up_to_date()
    texts = rows("select digest, spec from definition")
    assert len(texts) == 6
    for name, text in texts:
        assert digest(str(text)) == name
        assert spec_from_json(str(text)).action.KIND in {"run", "command"}
    assert not rows("select * from run where digest not in (select digest from definition)")
    assert not rows("select * from job_version where digest not in (select digest from definition)")


def test_a_definition_that_was_changed_stays_one_that_was_changed(old: Jobfile) -> None:
    db = sqlite3.connect(LEDGER)
    db.execute("update definition set spec = replace(spec, 'exit 4', 'exit 0') where job = 'closing'")
    db.execute("update definition set spec = cast(x'7bff7d' as text) where job = 'argv'")
    db.commit()
    db.close()
    kept = rows("select digest, cast(spec as blob) from definition where job in ('closing', 'argv')")
    bring_up_to_date()
    texts = "select digest, cast(spec as blob) from definition where job in ('closing', 'argv')"
    assert {row for row in kept if b"exit 3" not in bytes(row[1])} <= set(rows(texts))  # type: ignore[arg-type]
    store = SqliteStore.open(LEDGER)
    for job in ("closing", "argv"):
        version = store.job_in_force(job)
        assert version is not None
        assert store.definition_trouble(version.digest), "what was put in its place is not executed"
    store.close()


def test_a_plan_that_it_saved_is_refused_with_what_to_do(old: Jobfile) -> None:
    bring_up_to_date()
    said = old("apply", "later.jfplan")
    assert said.code == 4
    assert "reads job files differently from this one" in said.err
    assert "jobfile plan --out" in said.err


def test_a_ledger_is_only_read_after_it_was_brought_up_to_date(old: Jobfile) -> None:
    assert old("did", "flaky").code == 1
    assert "older jobfile" in old("did", "flaky").err
    bring_up_to_date()
    view = SqliteView.open(LEDGER)
    assert [one.number for one in view.attempts(RETRIED)] == [1, 2]
    view.close()
