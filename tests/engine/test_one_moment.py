"""An answer is of one moment, although the engine writes between two of its readings."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from engine.answers.as_json import one_run_to_json, run_now
from engine.answers.choice import Choice
from engine.answers.did import did_to_json
from engine.answers.runs import runs_to_json
from engine.answers.status import status_to_json
from engine.answers.why import story_to_json
from engine.asking.did import Wanted, ask_did
from engine.asking.place import Place
from engine.asking.runs import Options, ask_runs
from engine.asking.why import ask_why
from engine.ledger.sqlite.view import SqliteView
from engine.service.status import status_at
from tests.builders import HOUR, NOON
from tests.engine.world import World

TEXT = """\
version: 1
jobs:
  slow: {run: "true", concurrency: {limit: 1, on_overlap: queue}}
"""
ALL = Options(None, None, Choice(), (), 20)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """One run is running, two wait for it."""
    (tmp_path / "jobs.yaml").write_text(TEXT)
    found = World(tmp_path, TEXT)
    for _ in range(3):
        found.run_by_hand("slow")
        found.clock.advance(seconds=1)
    assert [str(run.state) for run in found.runs("slow")] == ["running", "queued", "queued"]
    return found


class At(Place):
    """A place where time stands still."""

    def now(self) -> datetime:
        return NOON + HOUR


def answers(world: World, second: str) -> dict[str, Callable[[], object]]:
    place = At(main_file=world.config.main_file, state_dir=world.config.state_dir)
    return {
        "runs": lambda: runs_to_json(ask_runs(place, None, ALL))["runs"],
        "runs of a job": lambda: runs_to_json(ask_runs(place, "slow", ALL))["runs"],
        "one run": lambda: runs_to_json(ask_runs(place, second, ALL))["runs"],
        "a whole run": lambda: whole(world.view, second),
        "did": lambda: did_to_json(ask_did(place, second, Wanted({}, {}, None, None))),
        "why": lambda: story_to_json(ask_why(place, second, "")),
        "status": lambda: {
            **status_to_json(status_at(world.config, world.view, now=place.now())),
            "free_bytes": "other programs write, too",
        },
    }


def whole(view: SqliteView, run_id: str) -> object:
    """As the API answers, which has read the run to see who may see it."""
    found = view.run(run_id)
    assert found
    run, details = run_now(view, found)
    return one_run_to_json(run, details=details)


@pytest.mark.parametrize(
    "question", ["runs", "runs of a job", "one run", "a whole run", "did", "why", "status"]
)
@pytest.mark.parametrize(
    "reading", ["recent_runs", "runs_with_prefix", "run", "open_runs", "attempts", "outputs"]
)
def test_an_answer_is_that_of_before_or_after_a_change(
    world: World, monkeypatch: pytest.MonkeyPatch, question: str, reading: str
) -> None:
    ask = answers(world, world.runs("slow")[1].id)[question]
    before = ask()
    read, has_changed = getattr(SqliteView, reading), False

    def change(view: SqliteView, *given: object, **named: object) -> object:
        """Read; the first time, the engine then ends a run, and starts the next."""
        nonlocal has_changed
        found = read(view, *given, **named)
        if not has_changed:
            has_changed = True
            world.finish()
        return found

    monkeypatch.setattr(SqliteView, reading, change)
    meanwhile = ask()
    monkeypatch.setattr(SqliteView, reading, read)
    if not has_changed:
        world.finish()
    after = ask()
    assert before != after
    assert meanwhile in (before, after)
