"""Each limit of a running engine, reached: what it keeps from happening, and the reason on record."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.adapters.output import HEAD_BYTES, SEGMENT_BYTES, SEGMENTS_KEPT
from engine.lifecycle import RunState
from tests.acceptance.engines import (
    ask,
    attempt_dir,
    attempts_of,
    check_nothing_open,
    engine,
    events,
    final,
    lines_of,
    output,
    put,
    rows,
    run_of,
    runs,
    say,
    submit,
    until,
)


def due_soon(count: int, body: str) -> str:
    """Jobs that are all due at one moment, a few seconds from now."""
    due = f"{datetime.now(UTC) + timedelta(seconds=3):%Y-%m-%dT%H:%M:%SZ}"
    jobs = "".join(
        f"  job-{n}: {{schedule: {{at: '{due}'}}, catchup: all, timeout: 1m, run: '{body}'}}\n"
        for n in range(count)
    )
    return f"version: 1\njobs:\n{jobs}"


def test_no_more_run_at_once_than_are_allowed_and_the_others_wait_their_turn(tmp_path: Path) -> None:
    mine = "running-$JOBFILE_JOB"
    body = f"mkdir {mine}; ls -d running-* | wc -l >> together; sleep 0.5; rmdir {mine}"
    put(tmp_path, due_soon(9, body))
    with engine(tmp_path, JOBFILE_MAX_RUNNING=3, JOBFILE_CATCHUP_STARTS=100):
        until(lambda: [run for run in runs(tmp_path) if run.state is RunState.RUNNING], "some run")
        status = ask(tmp_path, "status")
        assert status["running"] <= 3
        assert status["running"] + status["waiting"] + len(lines_of(tmp_path / "together")) >= 9
        until(lambda: len([run for run in runs(tmp_path) if run.state.is_final]) == 9, "the end of all")
    assert {run.state for run in runs(tmp_path)} == {RunState.SUCCEEDED}
    together = [int(word) for word in lines_of(tmp_path / "together")]
    assert len(together) == 9
    assert 1 < max(together) <= 3
    check_nothing_open(tmp_path)


def test_output_beyond_the_cap_is_dropped_in_the_middle_counted_and_said(tmp_path: Path) -> None:
    size = HEAD_BYTES + (SEGMENTS_KEPT + 3) * SEGMENT_BYTES
    put(tmp_path, f"version: 1\njobs: {{a: {{timeout: 1m, run: 'head -c {size} /dev/zero; echo end'}}}}\n")
    with engine(tmp_path):
        ended = final(tmp_path, submit(tmp_path, "a"))
    (attempt,) = attempts_of(tmp_path, ended.id)
    assert ended.state is RunState.SUCCEEDED
    assert attempt.output_bytes == size + len("end\n")
    assert 2 * SEGMENT_BYTES <= attempt.output_dropped <= 4 * SEGMENT_BYTES
    assert f"[{attempt.output_dropped} bytes of output were dropped here]" in output(tmp_path, ended.id)
    stored = sum(path.stat().st_size for path in attempt_dir(tmp_path, ended.id).glob("output*"))
    assert stored <= HEAD_BYTES + (SEGMENTS_KEPT + 1) * SEGMENT_BYTES


def test_a_run_that_fills_its_folder_is_stopped_for_that_reason(tmp_path: Path) -> None:
    fill = "head -c 3000000 /dev/zero > $JOBFILE_RUN_DIR/much; sleep 60"
    put(
        tmp_path,
        f"version: 1\njobs:\n  a: {{timeout: 1m, run: '{fill}'}}\n  b: {{timeout: 1m, run: exit 0}}\n",
    )
    with engine(tmp_path, JOBFILE_MAX_FOLDER_MIB=1):
        ended = final(tmp_path, submit(tmp_path, "a"))
        assert final(tmp_path, submit(tmp_path, "b")).state is RunState.SUCCEEDED
    assert (ended.state, ended.reason) == (RunState.CANCELLED, "folder_limit")
    assert ended.detail == "more than 1 MiB in its folder"
    assert "folder" in say(tmp_path, "did", "a").stdout


def test_below_the_floor_of_the_disk_nothing_starts_and_status_says_why(tmp_path: Path) -> None:
    put(tmp_path, "version: 1\njobs: {a: {timeout: 1m, run: touch done}}\n")
    with engine(tmp_path):
        pass
    run_id = say(tmp_path, "run", "a", "--detach").stdout.strip()
    with engine(tmp_path, JOBFILE_MIN_FREE_MIB=999_999_999):
        until(lambda: events(tmp_path, "DiskHeld"), "too little room")
        status = say(tmp_path, "status")
        assert status.returncode == 1
        assert "TOO LITTLE, nothing starts" in status.stdout
        assert [hold["kind"] for hold in ask(tmp_path, "status")["holds"]] == ["disk_hold"]
        assert run_of(tmp_path, run_id).state is RunState.QUEUED
        assert not (tmp_path / "done").exists()
    with engine(tmp_path):
        assert final(tmp_path, run_id).state is RunState.SUCCEEDED
        assert ask(tmp_path, "status")["holds"] == []
    assert rows(tmp_path, "select count(*) from incident where kind = 'disk_hold'") == [(1,)]
