"""Which attempt: of a run, a step and an item; its names on the disk and in the environment, and its row."""

import sqlite3
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.answers.as_json import place_to_json
from engine.answers.facts import run_facts
from engine.config import EngineConfig
from engine.core.lifecycle import AttemptKey
from engine.host.lock import make_private_file
from engine.ledger.sqlite.store import SqliteStore
from engine.ledger.sqlite.view import SqliteView
from engine.supervisor.evidence import ARTIFACTS, CONTROL, LEASE, NAME, NEW, OUTPUTS, beside
from tests.builders import NOON, a_run
from tests.store.conformance import queue, start

RUN = "ab" * 16
STEPS = st.sampled_from(
    [NAME, CONTROL, LEASE, OUTPUTS, ARTIFACTS, "tmp", "output", "a", "a_1"]
) | st.from_regex(r"[a-z][a-z0-9_]{0,62}", fullmatch=True)
NUMBERS = st.integers(1, 30)
WITHOUT_STEP = NUMBERS.map(lambda number: AttemptKey(RUN, number))
KEYS = WITHOUT_STEP | st.builds(AttemptKey, st.just(RUN), NUMBERS, STEPS, st.integers(0, 1_000))


def files_of(key: AttemptKey) -> set[str]:
    return {
        key.folder,
        *(beside(key.folder, name) for name in (NAME, NEW, CONTROL, LEASE, OUTPUTS, ARTIFACTS)),
    }


def test_a_job_with_one_action_has_the_names_it_always_had() -> None:
    key = AttemptKey(RUN, 2)
    assert (key.id, key.folder) == (f"{RUN}-2", f"{RUN}.2")
    assert key.marks == {"JOBFILE_RUN_ID": RUN, "JOBFILE_ATTEMPT": "2"}


@given(KEYS, KEYS)
def test_no_two_attempts_have_a_name_in_common(one: AttemptKey, other: AttemptKey) -> None:
    if one == other:
        return
    assert one.id != other.id
    assert not files_of(one) & files_of(other)
    assert one.marks != other.marks


@given(KEYS)
def test_its_files_lie_beside_the_folder_of_its_run(key: AttemptKey) -> None:
    config = EngineConfig(main_file=Path("jobs.yaml"), state_dir=Path("/state"), environ={})
    folder = config.attempt_dir(key)
    assert folder.parent == config.run_dir(RUN).parent
    assert folder != config.run_dir(RUN)


@pytest.mark.parametrize(
    ("step", "item", "told", "number_of_item"),
    [("extract", 0, "extract 1", None), ("load", 7, "load[7] 1", 7)],
)
def test_the_row_of_a_step_says_so_in_every_answer(
    tmp_path: Path, step: str, item: int, told: str, number_of_item: int | None
) -> None:
    path = tmp_path / "ledger.db"
    make_private_file(path)
    store = SqliteStore.open(path)
    run = start(store, queue(store, a_run(id=RUN)))
    db = sqlite3.connect(path)
    db.execute("update attempt set step = ?, item = ?", (step, item))
    db.commit()
    db.close()
    key = AttemptKey(RUN, 1, step, item)
    assert [live.attempt.key for live in store.live_attempts()] == [key]
    found = store.past.attempt(key)
    assert found is not None
    assert store.past.attempt(AttemptKey(RUN, 1)) is None, "another attempt has the same number"
    with store.transaction():
        store.mark_running(found, started_at=NOON)
    view = SqliteView.open(path)
    (attempt,) = view.attempts(RUN)
    assert (attempt.key, attempt.started_at) == (key, NOON)
    assert place_to_json(attempt.key) == {"step": step, "item": number_of_item, "number": 1}
    facts = run_facts(view, run, zone=ZoneInfo("UTC"))
    assert next(text for label, text in facts if label == "attempts").startswith(f"{told}  ")
    view.close()
    store.close()


@pytest.mark.parametrize("step", ["../up", "a.b", "A", "x" * 64])
def test_a_step_that_is_no_name_never_names_a_folder(tmp_path: Path, step: str) -> None:
    path = tmp_path / "ledger.db"
    make_private_file(path)
    store = SqliteStore.open(path)
    start(store, queue(store, a_run(id=RUN)))
    db = sqlite3.connect(path)
    db.execute("update attempt set step = ?", (step,))
    db.commit()
    db.close()
    view = SqliteView.open(path)
    assert [one.step for one in view.attempts(RUN)] == [""]
    assert "not a step's name" in str(view.unreadable)
    view.close()
    store.close()
