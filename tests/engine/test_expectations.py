"""`expect`: a run that exits with 0 and does not leave what is expected has failed."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.expectations import FilesSeen, unmet_files, unmet_log
from engine.core.lifecycle import Run, RunState
from engine.hosts.outcomes import CHECK_SECONDS
from jobfile.model.expectations import FileCheck, LogCheck
from tests.engine.disks import dead_disk
from tests.engine.world import World

JOBS = """\
version: 1
jobs:
  load:
    working_dir: "data/{{ run.scheduled_at | date('%Y') }}"
    retry: {attempts: 2, delay: 10s, jitter: none, when: [expectation]}
    expect: {files: [{path: "out/*.csv", min_size: 1KiB, newer_than: start, count: 2}]}
    run: load
  log:
    expect: {log: {contains: done, matches: "rows=[0-9]+"}}
    run: load
  silent:
    expect: {log: {empty: true}}
    run: load
  loud:
    expect: {log: {empty: false}}
    run: load
  numbers:
    outputs: {rows: {type: integer}}
    expect: {outputs: {rows: {min: 10, max: 20}}, min_duration: 5s}
    run: load
  stepped:
    retry: {attempts: 2, delay: 10s, jitter: none}
    expect: {files: [{path: made}], log: {contains: two}, min_duration: 5s}
    steps:
      one: {run: one}
      two: {run: two, if: "true"}
  shared:
    expect: {files: [{path: share/done}]}
    run: load
  both:
    matrix: {region: [eu, us]}
    expect: {files: [{path: done}]}
    run: load
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, JOBS)


def folder(world: World) -> Path:
    found = world.config.main_file.parent / "data" / "2026"
    (found / "out").mkdir(parents=True, exist_ok=True)
    return found


def write(path: Path, world: World, *, size: int, seconds_ago: float = 0.0) -> None:
    path.write_bytes(b"x" * size)
    at = world.clock.now().timestamp() - seconds_ago
    os.utime(path, (at, at))


def log(world: World, run: Run, text: bytes, *, step: str = "", number: int = 1) -> None:
    key = run.last_attempt._replace(number=number, step=step)
    made = world.config.attempt_dir(key)
    made.mkdir(parents=True, exist_ok=True)
    (made / "output").write_bytes(text)


def begun(world: World, job: str) -> Run:
    if job == "load":
        folder(world)
    run = world.run_by_hand(job)
    found = world.view.run(run.id)
    assert found is not None
    assert found.state is RunState.RUNNING
    return found


def now(world: World, run: Run) -> Run:
    found = world.view.run(run.id)
    assert found is not None
    return found


def test_enough_files_that_are_large_and_new_are_a_success(world: World) -> None:
    run = begun(world, "load")
    world.clock.advance(seconds=60)
    for name in ("a", "b"):
        write(folder(world) / "out" / f"{name}.csv", world, size=1024)
    world.finish()
    assert now(world, run).state is RunState.SUCCEEDED
    world.check()


@pytest.mark.parametrize(
    ("sizes", "seconds_ago", "found"),
    [
        ((), 0, "found none"),
        (
            (1024,),
            0,
            "found 1 file, 1 of them as expected, the largest has 1,024 bytes, 1 changed since the run began",
        ),
        ((0, 1023), 0, "found 2 files, the largest has 1,023 bytes, 2 changed since the run began"),
        ((2000, 2000), 61, "found 2 files, the largest has 2,000 bytes, none changed since the run began"),
    ],
)
def test_the_detail_says_what_was_expected_and_found(
    world: World, sizes: tuple[int, ...], seconds_ago: float, found: str
) -> None:
    run = begun(world, "load")
    world.clock.advance(seconds=60)
    for number, size in enumerate(sizes):
        write(folder(world) / "out" / f"{number}.csv", world, size=size, seconds_ago=seconds_ago)
    (folder(world) / "out" / "a-folder.csv").mkdir()
    world.finish()
    run = now(world, run)
    wanted = "expected 2 files `out/*.csv` of at least 1KiB, changed since the run began"
    assert (run.state, run.reason, run.detail) == (
        RunState.RETRY_WAIT,
        "expectation",
        f"{wanted}; {found}",
    )
    world.pass_time(seconds=10)
    for number in (8, 9):
        write(folder(world) / "out" / f"{number}.csv", world, size=4096)
    world.finish()
    assert (now(world, run).state, now(world, run).attempt) == (RunState.SUCCEEDED, 2)
    world.check()


def test_a_run_that_fails_by_itself_keeps_its_own_reason(world: World) -> None:
    run = begun(world, "load")
    world.finish(exit_code=3)
    assert (now(world, run).state, now(world, run).reason) == (RunState.FAILED, "exit(3)")


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        (b"start\nrows=12\nall done\n", ""),
        (b"start\nrows=12\r\ndone", ""),
        (b"rows=12\n", "expected `done` in its log; it is not there"),
        (b"done rows=12\n\xff\n", "expected a line of its log that matches `rows=[0-9]+`; none of 2 does"),
    ],
)
def test_the_log_is_read_as_it_is_stored(world: World, text: bytes, detail: str) -> None:
    run = begun(world, "log")
    log(world, run, text)
    world.finish()
    run = now(world, run)
    assert run.detail == detail
    assert run.state is (RunState.FAILED if detail else RunState.SUCCEEDED)


def test_a_run_that_wrote_nothing_has_no_text_in_its_log(world: World) -> None:
    run = begun(world, "log")
    world.finish()
    assert now(world, run).reason == "expectation"


@pytest.mark.parametrize(
    ("job", "written", "detail"),
    [
        ("silent", 0, ""),
        ("silent", 1, "expected an empty log; it wrote 1 byte"),
        ("loud", 0, "expected a log; it wrote nothing"),
        ("loud", 1, ""),
    ],
)
def test_a_log_can_be_expected_to_be_empty_or_not(world: World, job: str, written: int, detail: str) -> None:
    run = begun(world, job)
    (attempt,) = world.launcher.running()
    world.launcher.finish(attempt, output_bytes=written)
    world.step()
    assert now(world, run).detail == detail


@pytest.mark.parametrize(
    ("rows", "seconds", "detail"),
    [
        (10, 5, ""),
        (20, 5, ""),
        (9, 5, "expected output `rows` to be at least 10; it is 9"),
        (21, 5, "expected output `rows` to be at most 20; it is 21"),
        (10, 4.5, "expected to take at least 5.0s; it took 4.5s"),
    ],
)
def test_numbers_have_ranges_and_runs_a_shortest_length(
    world: World, rows: int, seconds: float, detail: str
) -> None:
    run = begun(world, "numbers")
    world.clock.advance(seconds=seconds)
    (attempt,) = world.launcher.running()
    world.launcher.finish(attempt, outputs=f'{{"rows": {rows}}}')
    world.step()
    assert now(world, run).detail == detail
    assert now(world, run).state is (RunState.FAILED if detail else RunState.SUCCEEDED)


def finish_step(world: World, run: Run, step: str, text: bytes, *, number: int) -> None:
    (attempt,) = world.launcher.running()
    assert attempt == f"{run.id}-{step}.{number}"
    log(world, run, text, step=step, number=number)
    world.launcher.finish(attempt)
    world.step()


def test_a_job_with_steps_is_checked_after_the_last_one_and_repeats_them_all(world: World) -> None:
    run = begun(world, "stepped")
    finish_step(world, run, "one", b"one", number=1)
    world.clock.advance(seconds=60)
    finish_step(world, run, "two", b"two", number=1)
    run = now(world, run)
    assert (run.state, run.reason) == (RunState.RETRY_WAIT, "expectation")
    assert run.detail == "expected 1 file `made`; found none"
    assert {one.state.value for one in world.view.steps(run.id)} == {"succeeded"}
    world.pass_time(seconds=10)
    (world.config.main_file.parent / "made").touch()
    finish_step(world, run, "one", b"one", number=2)
    finish_step(world, run, "two", b"2", number=2)
    run = now(world, run)
    assert (run.state, run.detail) == (RunState.FAILED, "expected `two` in its log; it is not there")
    world.check()


def test_a_retry_by_hand_repeats_all_steps(world: World) -> None:
    world.edit(JOBS.replace("retry: {attempts: 2, delay: 10s, jitter: none}", "retry: 1"))
    run = begun(world, "stepped")
    finish_step(world, run, "one", b"one", number=1)
    finish_step(world, run, "two", b"two", number=1)
    assert now(world, run).reason == "expectation"
    again = world.retry(now(world, run))
    assert world.launcher.running() == [f"{again.id}-one.1"]


def test_each_run_of_a_matrix_is_checked(world: World) -> None:
    world.run_by_hand("both")
    first, second = world.launcher.running()
    world.launcher.finish(first)
    world.step()
    (world.config.main_file.parent / "done").touch()
    world.launcher.finish(second)
    world.step()
    assert sorted(run.state.value for run in world.runs("both")) == ["failed", "succeeded"]


def test_an_engine_that_dies_before_the_verdict_gives_the_same_one(world: World) -> None:
    run = begun(world, "load")
    (attempt,) = world.launcher.running()
    world.launcher.finish(attempt)
    world.crash()
    world.boot()
    assert (now(world, run).state, now(world, run).reason) == (RunState.RETRY_WAIT, "expectation")
    world.crash()
    world.boot()
    assert now(world, run).attempt == 1
    assert [one.reason for one in world.view.attempts(run.id)] == ["expectation"]
    world.check()


def test_a_disk_that_does_not_answer_stops_no_other_job_and_fails_the_run_after_a_while(
    world: World,
) -> None:
    with dead_disk(world.config.main_file.parent / "share"):
        run = begun(world, "shared")
        (attempt,) = world.launcher.running()
        world.launcher.finish(attempt)
        world.step()
        assert now(world, run).state is RunState.RUNNING
        other = begun(world, "numbers")
        world.clock.advance(seconds=9)
        (attempt,) = world.launcher.running()
        world.launcher.finish(attempt, outputs='{"rows": 12}')
        world.step()
        assert now(world, other).state is RunState.SUCCEEDED
        assert now(world, run).state is RunState.RUNNING
        world.pass_time(seconds=CHECK_SECONDS)
        run = now(world, run)
        detail = "what it left could not be checked within 60 seconds"
        assert (run.state, run.reason, run.detail) == (RunState.FAILED, "expectation", detail)


@given(
    check=st.builds(
        FileCheck,
        path=st.just("x"),
        min_size=st.sampled_from([None, "0", "1KiB"]),
        newer_than=st.sampled_from([None, "start"]),
        count=st.integers(1, 3),
    ),
    fitting=st.integers(0, 4),
    more=st.integers(0, 4),
)
def test_files_are_unmet_exactly_when_too_few_fit(check: FileCheck, fitting: int, more: int) -> None:
    seen = FilesSeen(total=fitting + more, fitting=fitting, largest=0, new=fitting)
    assert bool(unmet_files(check, seen)) == (fitting < check.count)


@given(st.binary(max_size=300), st.binary(max_size=20))
def test_a_text_is_found_wherever_it_is(before: bytes, after: bytes) -> None:
    assert unmet_log(LogCheck(contains="all done"), before + b"all done" + after) == ""


def test_a_line_is_found_at_both_ends_of_a_long_log() -> None:
    check = LogCheck(matches="rows=[0-9]+")
    filler = b"a line of no interest\n" * 20_000
    assert unmet_log(check, b"rows=1\n" + filler) == ""
    assert unmet_log(check, filler + b"rows=1\n") == ""
    assert unmet_log(check, filler + b"rows=1\n" + filler).startswith("expected a line of its log")
