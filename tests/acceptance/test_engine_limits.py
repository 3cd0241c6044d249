"""Each limit of a running engine, reached: what it keeps from happening, and the reason on record."""

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.core.lifecycle import RunState
from engine.supervisor.output import HEAD_BYTES, SEGMENT_BYTES, SEGMENTS_KEPT
from tests.acceptance.engines import (
    ask,
    attempt_dir,
    attempts_of,
    check_every_instant,
    drain,
    engine,
    events,
    final,
    launcher_of,
    lines_of,
    output,
    pause,
    put,
    rows,
    run_of,
    runs,
    say,
    submit,
    until,
)


def test_only_the_allowed_number_of_runs_run_at_once_and_the_others_wait(tmp_path: Path) -> None:
    mine = "running-$JOBFILE_JOB"
    body = f"mkdir {mine}; ls -d running-* | wc -l >> together; sleep 0.5; rmdir {mine}"
    jobs = "".join(f"  job-{n}: {{schedule: {{every: 1s}}, timeout: 1m, run: '{body}'}}\n" for n in range(9))
    put(tmp_path, f"version: 1\njobs:\n{jobs}")
    with engine(tmp_path, JOBFILE_MAX_RUNNING=3):
        until(lambda: ask(tmp_path, "status")["waiting"] >= 3, "some wait")
        assert ask(tmp_path, "status")["running"] <= 3
        until(
            lambda: len({run.job for run in runs(tmp_path) if run.exit_code == 0}) == 9, "each had its turn"
        )
    drain(tmp_path, JOBFILE_MAX_RUNNING=3)
    assert {run.state for run in runs(tmp_path) if run.attempt} == {RunState.SUCCEEDED}
    assert max(map(int, lines_of(tmp_path / "together"))) == 3
    check_every_instant(tmp_path)


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
        assert "LOW DISK SPACE, starts are suspended" in status.stdout
        assert [hold["kind"] for hold in ask(tmp_path, "status")["holds"]] == ["disk_hold"]
        assert run_of(tmp_path, run_id).state is RunState.QUEUED
        assert not (tmp_path / "done").exists()
    with engine(tmp_path):
        assert final(tmp_path, run_id).state is RunState.SUCCEEDED
        assert ask(tmp_path, "status")["holds"] == []
    assert rows(tmp_path, "select count(*) from incident where kind = 'disk_hold'") == [(1,)]


def test_the_engine_takes_all_the_open_files_it_may_and_its_jobs_get_what_it_got(tmp_path: Path) -> None:
    put(tmp_path, "version: 1\njobs: {a: {timeout: 1m, run: ulimit -Sn; ulimit -Hn}}\n")
    with engine(tmp_path, prefix=("prlimit", "--nofile=256:2048")) as process:
        ended = final(tmp_path, submit(tmp_path, "a"))
        assert output(tmp_path, ended.id) == "256\n2048\n"
        assert resource.prlimit(process.pid, resource.RLIMIT_NOFILE) == (2048, 2048)


def test_a_launcher_that_cannot_fork_loses_nothing_and_goes_on_when_it_can(tmp_path: Path) -> None:
    put(tmp_path, "version: 1\njobs: {a: {timeout: 1m, run: echo $JOBFILE_RUN_ID >> executed; exit 4}}\n")
    with engine(tmp_path) as process:
        launcher = launcher_of(process.pid)
        with without_forks(launcher):
            run_id = submit(tmp_path, "a")
            until(lambda: run_of(tmp_path, run_id).state is RunState.RUNNING, "the intent")
            pause(2.5)  # longer than a look at what runs
            assert lines_of(tmp_path / "executed") == []
            assert run_of(tmp_path, run_id).state is RunState.RUNNING
        ended = final(tmp_path, run_id)
        assert launcher_of(process.pid) == launcher
    assert (ended.state, ended.exit_code, ended.attempt) == (RunState.FAILED, 4, 1)
    assert lines_of(tmp_path / "executed") == [run_id]
    assert events(tmp_path, "LoopFailed") == []


@contextmanager
def without_forks(pid: int) -> Iterator[None]:
    """As at the limit of processes, which does not hold for root: each fork fails (strace(1), inject)."""
    calls = "fork,vfork,clone,clone3"
    with subprocess.Popen(
        ["strace", "-qq", "-p", str(pid), "-e", f"trace={calls}", "-e", f"inject={calls}:error=EAGAIN"],
        stderr=subprocess.DEVNULL,
    ) as tracer:
        until(lambda: "TracerPid:\t0" not in Path(f"/proc/{pid}/status").read_text(), "strace is there")
        try:
            yield
        finally:
            tracer.terminate()
