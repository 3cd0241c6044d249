"""Jobs with a matrix: one occurrence, a run for each combination, and one verdict of all."""

import json
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.answers.did import Answer, Did, after_retries, did
from engine.answers.expected import Item, expected_items
from engine.answers.listing import list_jobs
from engine.answers.overdue import verdict_word
from engine.answers.presence import RUNNING
from engine.answers.report import Report
from engine.answers.retryable import retryable
from engine.answers.runs import newest_runs, runs_to_text
from engine.answers.why import why
from engine.core.lifecycle import OPEN_STATES, RunState
from engine.core.occurrences import deciding, grouped
from engine.core.reasons import Reason
from engine.ports import LaunchOrder
from tests.builders import DAY, HOUR, MINUTE, NOON
from tests.engine.world import World
from tests.soak import examples

FILE = """
version: 1
jobs:
  hello:
    schedule: {every: 10m}
    matrix: {region: [eu, us, ap]}
    %s
    command: [rebuild, "{{ matrix.region }}"]
"""
REGIONS = ("eu", "us", "ap")


def a_world(folder: Path, settings: str = "", **fields: Any) -> World:
    """An engine with a job of three combinations, at its first occurrence."""
    world = World(folder, FILE % settings, **fields)
    world.pass_time(seconds=1)
    world.pass_time(seconds=599)
    return world


def end(world: World, region: str, *, exit_code: int = 0) -> None:
    """End the running attempts of one combination."""
    for attempt_id in world.launcher.running():
        run = world.store.run(attempt_id.partition("-")[0])
        assert run is not None
        if run.matrix["region"] == region:
            world.launcher.finish(attempt_id, exit_code=exit_code)
    world.step()


def by_region(world: World, state: RunState | None = None) -> list[str]:
    """The combinations of all runs, oldest first; only of those in a state."""
    return [str(run.matrix["region"]) for run in world.runs() if state in (None, run.state)]


def orders(world: World) -> list[LaunchOrder]:
    """What was handed to the launcher."""
    return [flight.order for flight in world.launcher.flights.values()]


def answer(world: World, **about: Any) -> Did:
    """The answer of `did`."""
    given: dict[str, Any] = {"params": {}, "on": None, "at": None, **about}
    now = world.clock.now()
    return did(world.view, "hello", zone=given.pop("zone", None) or UTC, now=now, presence=RUNNING, **given)


def items(world: World) -> tuple[Item, ...]:
    """Every expected run."""
    now = world.clock.now()
    return expected_items(world.view, "hello", since=NOON - DAY, until=now + HOUR, now=now)


def row(report: Report) -> dict[str, int]:
    """The verdicts of the one job."""
    return dict(report.rows[0].verdicts)


def mark(world: World) -> str:
    """The newest result in `list`."""
    now = world.clock.now()
    found = list_jobs(world.view, None, presence=RUNNING, now=now, has_file=None, main_file="jobs.yaml")
    return found.jobs[0].state


def test_one_occurrence_has_a_run_for_each_combination(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    assert by_region(world, RunState.RUNNING) == sorted(REGIONS, key=REGIONS.index)
    runs = world.runs()
    assert {run.occurrence for run in runs} == {runs[0].id}
    assert {run.combinations for run in runs} == {3}
    argv = [order.argv for order in orders(world)]
    assert sorted(argv) == sorted(("rebuild", region) for region in REGIONS)
    world.check()
    assert row(world.report()) == {"open": 1}


def test_its_environment_has_the_combination(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    found = {order.env["JOBFILE_MATRIX_REGION"] for order in orders(world)}
    assert found == set(REGIONS)


def test_it_has_succeeded_when_all_its_runs_have(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    for region in REGIONS:
        assert answer(world).answer is Answer.NOT_OVER
        assert row(world.report()) == {"open": 1}
        end(world, region)
    assert answer(world).answer is Answer.SUCCEEDED
    assert "all 3 combinations" in answer(world).line
    assert row(world.report()) == {"succeeded": 1}
    assert mark(world) == "succeeded"
    world.check()


def test_it_has_failed_when_one_has_failed_and_that_one_is_named(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    end(world, "us", exit_code=3)
    assert answer(world).answer is Answer.NOT_OVER
    end(world, "eu")
    end(world, "ap")
    found = answer(world)
    assert found.answer is Answer.NOT_WELL
    assert "of 3 combinations 2 succeeded, 1 failed: [region=us]" in found.line
    assert "exit code 3" in found.line
    assert row(world.report()) == {"failed": 1}
    assert world.report().rows[0].failing == {"[region=us]": 1}
    assert mark(world) == "failed"
    story = why(world.view, "hello", NOON + 10 * MINUTE, zone=UTC, now=world.clock.now())
    assert ("combinations", f"[region=us] failed, exit code 3, run {story.runs[1].id[:8]}") in story.facts
    world.check()


def test_did_answers_about_one_combination(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    end(world, "us", exit_code=3)
    end(world, "eu")
    assert answer(world, matrix={"region": "us"}).answer is Answer.NOT_WELL
    assert answer(world, matrix={"region": "eu"}).answer is Answer.SUCCEEDED
    assert answer(world, matrix={"region": "ap"}).answer is Answer.NOT_OVER
    assert "[region=us]" in answer(world, matrix={"region": "us"}).line
    assert answer(world, matrix={"region": "xx"}).answer is Answer.NOT_EXPECTED


def test_the_next_occurrence_is_skipped_while_one_combination_is_active(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    end(world, "us")
    end(world, "eu")
    world.pass_time(seconds=600)
    later = [run for run in world.runs() if run.scheduled_for == NOON + 20 * MINUTE]
    assert [(run.state, run.reason) for run in later] == [(RunState.SKIPPED, Reason.OVERLAP)] * 3
    assert row(world.report()) == {"open": 1, "skipped": 1}
    end(world, "ap")
    world.pass_time(seconds=600)
    assert len(world.launcher.running()) == 3
    world.check()


def test_the_limit_counts_occurrences(tmp_path: Path) -> None:
    world = a_world(tmp_path, "concurrency: {limit: 2, on_overlap: queue}")
    world.pass_time(seconds=600)
    assert len(world.launcher.running()) == 6
    world.pass_time(seconds=600)
    assert len(world.launcher.running()) == 6
    assert len(by_region(world, RunState.QUEUED)) == 3
    for region in REGIONS:
        end(world, region)
    assert len(world.launcher.running()) == 3
    world.check()


def test_with_the_axis_in_the_key_the_limit_counts_runs(tmp_path: Path) -> None:
    world = a_world(tmp_path, 'concurrency: {key: "at-{{ matrix.region }}"}')
    end(world, "us")
    world.pass_time(seconds=600)
    later = {run.matrix["region"]: run for run in world.runs() if run.scheduled_for == NOON + 20 * MINUTE}
    assert later["us"].state is RunState.RUNNING
    assert {later[one].reason for one in ("eu", "ap")} == {Reason.OVERLAP}
    end(world, "us")
    found = answer(world)
    assert found.answer is Answer.DID_NOT_RUN
    assert "not all of it ran" in found.line
    world.check()


def test_combinations_with_one_key_wait_for_each_other_and_skip_none(tmp_path: Path) -> None:
    text = (
        FILE.replace("[eu, us, ap]}", "[eu], part: [1, 2, 3]}") % 'concurrency: {key: "{{ matrix.region }}"}'
    )
    world = World(tmp_path, text)
    world.pass_time(seconds=1)
    world.pass_time(seconds=599)
    for _ in range(3):
        assert len(world.launcher.running()) == 1
        world.check()
        world.finish()
    assert row(world.report()) == {"succeeded": 1}


@pytest.mark.parametrize("policy", ["cancel_running", "kill_running"])
def test_an_occurrence_replaces_all_runs_of_the_one_before(tmp_path: Path, policy: str) -> None:
    world = a_world(tmp_path, f"concurrency: {{on_overlap: {policy}}}")
    end(world, "us")
    world.pass_time(seconds=600)
    before = [run for run in world.runs() if run.scheduled_for == NOON + 10 * MINUTE]
    assert [run.state for run in before] == [RunState.CANCELLING, RunState.SUCCEEDED, RunState.CANCELLING]
    for attempt_id in world.launcher.running():
        world.launcher.obey(attempt_id)
    world.step()
    assert len(world.launcher.running()) == 3
    assert row(world.report()) == {"cancelled": 1, "open": 1}
    world.check()


def test_latest_supersedes_only_an_occurrence_that_has_not_begun(tmp_path: Path) -> None:
    world = a_world(tmp_path, "concurrency: {on_overlap: latest}", max_running=2)
    assert len(world.launcher.running()) == 2
    world.pass_time(seconds=600)
    world.pass_time(seconds=600)
    states = [[run.state.value for run in runs] for runs in grouped(world.runs())]
    assert states == [["running", "running", "queued"], ["skipped"] * 3, ["queued"] * 3]
    world.finish()
    assert len(world.launcher.running()) == 1, "the rest of the first; the last waits for it"
    world.finish()
    assert len(world.launcher.running()) == 2
    world.check()


def test_occurrences_of_an_absence_are_recorded_with_all_their_runs(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    world.finish()
    world.crash()
    world.clock.advance(seconds=50 * 60)
    world.boot()
    world.step()
    world.finish()
    world.finish()
    assert row(world.report()) == {"succeeded": 2, "skipped": 4}
    assert len(world.runs()) == 6 * 3
    world.check()


def test_a_pause_skips_the_occurrence_once(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    world.finish()
    world.pause("hello")
    for _ in range(12):
        world.pass_time(seconds=600)
    assert row(world.report()) == {"succeeded": 1, "skipped": 12}
    world.check()


def test_only_the_failed_combination_is_retried_and_that_fixes_the_occurrence(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    end(world, "us", exit_code=3)
    world.finish()
    now = world.clock.now()
    found = retryable(world.view, None, since=NOON, until=now + MINUTE, now=now, presence=RUNNING)
    assert [run.matrix for run in found.runs] == [{"region": "us"}]
    retry = world.retry(found.runs[0])
    assert (retry.matrix, retry.occurrence) == (found.runs[0].matrix, found.runs[0].occurrence)
    assert answer(world).answer is Answer.NOT_OVER
    world.finish()
    assert answer(world).answer is Answer.SUCCEEDED
    assert row(world.report()) == {"fixed_by_hand": 1}
    assert mark(world) == "succeeded"
    assert world.report().rows[0].failing == {}
    world.check()


def test_a_request_starts_all_combinations_and_counts_once(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    world.finish()
    world.run_by_hand("hello")
    assert len(world.launcher.running()) == 3
    end(world, "us", exit_code=1)
    world.finish()
    assert row(world.report()) == {"succeeded": 1, "failed": 1}
    assert world.report().rows[0].requested == 1
    world.check()


def test_a_pause_after_failures_counts_occurrences(tmp_path: Path) -> None:
    world = a_world(tmp_path, "pause_on_failure: 2")
    world.finish(exit_code=1)
    assert not world.store.pauses.between("hello", since=world.clock.now(), until=world.clock.now())
    world.pass_time(seconds=600)
    end(world, "eu", exit_code=1)
    assert not world.store.pauses.between("hello", since=world.clock.now(), until=world.clock.now())
    world.finish()
    assert world.store.pauses.between("hello", since=world.clock.now(), until=world.clock.now())


def test_a_run_that_its_if_skips_counts_as_a_success_beside_others(tmp_path: Path) -> None:
    world = a_world(tmp_path, "if: matrix.region != 'us'")
    assert by_region(world, RunState.SKIPPED) == ["us"]
    world.finish()
    assert answer(world).answer is Answer.SUCCEEDED
    assert row(world.report()) == {"succeeded": 1}


def test_an_occurrence_whose_runs_are_all_skipped_by_if_is_skipped(tmp_path: Path) -> None:
    world = a_world(tmp_path, "if: matrix.region == 'xx'")
    assert answer(world).answer is Answer.DID_NOT_RUN
    assert row(world.report()) == {"skipped": 1}


def test_a_spread_delays_all_runs_of_an_occurrence(tmp_path: Path) -> None:
    world = World(tmp_path, FILE.replace("{every: 10m}", "{every: 10m, spread: 5m}") % "")
    world.pass_time(seconds=1)
    world.pass_time(seconds=599)
    for _ in range(6):
        world.pass_time(seconds=60)
    assert len(world.launcher.running()) == 3
    world.check()


def test_a_waiting_run_keeps_its_definition_when_the_new_one_lacks_its_combination(tmp_path: Path) -> None:
    world = a_world(tmp_path, "", max_running=1)
    world.edit((FILE % "").replace("[eu, us, ap]", "[eu, us]"))
    while world.launcher.running():
        world.finish()
    assert sorted(by_region(world, RunState.SUCCEEDED)) == sorted(REGIONS)
    assert row(world.report()) == {"succeeded": 1}
    world.check()


def test_retention_keeps_one_result_of_an_occurrence(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    end(world, "us", exit_code=1)
    world.finish()
    for _ in range(3):
        world.pass_time(seconds=600)
        world.finish()
    before = row(world.report())
    world.clock.advance(seconds=40 * 86400)
    world.pause("hello")
    housekeeper = world.housekeeper(keep_days=30)
    while housekeeper.prune(counts=True):
        pass
    (failed, succeeded) = world.all_gaps()[:2]
    assert (failed.state, failed.count, failed.ran) == (RunState.FAILED, 1, True)
    assert (succeeded.state, succeeded.count) == (RunState.SUCCEEDED, 2)
    assert len(world.runs()) == 3, "the newest success stays"
    assert before == {"failed": 1, "succeeded": 3}
    world.step()
    world.check()


def test_a_retried_occurrence_is_kept_whole(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    end(world, "us", exit_code=1)
    world.finish()
    world.retry(next(run for run in world.runs() if run.state is RunState.FAILED))
    world.finish()
    for _ in range(2):
        world.pass_time(seconds=600)
        world.finish()
    world.clock.advance(seconds=40 * 86400)
    world.pause("hello")
    housekeeper = world.housekeeper(keep_days=30)
    while housekeeper.prune(counts=True):
        pass
    assert len([run for run in world.runs() if run.scheduled_for == NOON + 10 * MINUTE]) == 4
    world.step()
    world.check()


def test_runs_name_their_combination(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    found = newest_runs(world.view, "hello", states=(), limit=9, now=world.clock.now(), presence=RUNNING)
    assert "hello [region=us]" in runs_to_text(found, width=None)


def test_a_missing_run_of_an_occurrence_is_found(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    world.pass_time(seconds=600)
    assert world.unsound() == []
    skipped = [run for run in world.runs() if run.state is RunState.SKIPPED]
    for gone in (skipped[1], skipped[0]):  # one of several, and the first, whose id the others have
        world.store._db._db.execute("delete from run where id = ?", (gone.id,))
        assert "invariant.I1" in {one.code for one in world.unsound()}
    world.finish()


NOTIFIES = """
version: 1
channels: {oncall: {command: [notify-send, hello]}}
jobs:
  hello:
    schedule: {every: 10m}
    matrix: {region: [eu, us, ap]}
    notify: {failed: [oncall], recovered: [oncall]}
    command: [rebuild, "{{ matrix.region }}"]
"""


def test_an_occurrence_is_notified_once_when_all_its_runs_are_over(tmp_path: Path) -> None:
    world = World(tmp_path, NOTIFIES)
    world.pass_time(seconds=1)
    world.pass_time(seconds=599)
    end(world, "us", exit_code=1)
    end(world, "ap", exit_code=1)
    now = world.clock.now()
    assert world.store.outbox.pending("oncall", of_each=9, limit=9) == ()
    end(world, "eu")
    (owed,) = world.store.outbox.pending("oncall", of_each=9, limit=9)
    assert owed.event == "failed"
    assert json.loads(owed.facts)["matrix"] == {"region": "us"}
    with world.store.transaction():
        world.store.outbox.sent(owed.id, now=now)
    world.pass_time(seconds=600)
    world.finish()
    assert [one.event for one in world.store.outbox.pending("oncall", of_each=9, limit=9)] == ["recovered"]


ENDS = st.sampled_from([0, 1, None])


@settings(max_examples=examples(13), deadline=None)
@given(ends=st.lists(st.tuples(ENDS, ENDS, ENDS), min_size=1, max_size=3), retries=st.booleans())
def test_every_answer_has_the_same_verdict(
    tmp_path_factory: pytest.TempPathFactory, ends: Sequence[tuple[int | None, ...]], retries: bool
) -> None:
    world = a_world(tmp_path_factory.mktemp("matrix"), "concurrency: {limit: none}")
    for codes in ends:
        for region, code in zip(REGIONS, codes, strict=True):
            if code is not None:
                end(world, region, exit_code=code)
        for run in world.runs():
            if retries and run.state is RunState.FAILED and not world.view.retries_of(run.id):
                world.retry(run)
        world.pass_time(seconds=600)
    world.check()
    occurrences = [item for item in items(world) if item.run is not None and item.run.retry_of is None]
    last = [after_retries(world.view, item, "hello") for item in occurrences]
    counted = row(world.report())
    fixed = sum(
        one.state is RunState.FAILED and two.state is RunState.SUCCEEDED
        for one, two in zip(occurrences, last, strict=True)
    )
    expected = [verdict_word(item.state) for item in last]
    assert counted.get("failed", 0) == expected.count("failed")
    assert counted.get("open", 0) == expected.count("open")
    assert counted.get("succeeded", 0) + counted.get("fixed_by_hand", 0) == expected.count("succeeded")
    assert counted.get("fixed_by_hand", 0) == fixed
    assert mark(world) == last[-1].state.value
    for item, end_ in zip(occurrences, last, strict=True):
        found = answer(world, at=item.scheduled_for)
        assert found.items[0].state is end_.state
        verdicts = {run.verdict for run in end_.runs}
        if verdicts & set(OPEN_STATES):
            assert found.answer is Answer.NOT_OVER
        else:
            assert found.answer is (Answer.NOT_WELL if RunState.FAILED in verdicts else Answer.SUCCEEDED)
    listed = newest_runs(world.view, "hello", states=(), limit=999, now=world.clock.now(), presence=RUNNING)
    by_occurrence = grouped(reversed(listed.runs))
    verdicts_of_runs = [deciding(runs).verdict for runs in by_occurrence if runs[0].retry_of is None]
    assert verdicts_of_runs == [item.state for item in occurrences]
