"""The engine is killed at chosen moments of a run's life; the next one goes on where the evidence says.

Real processes and real kills. The numbers are those of the fault table; f01 is in test_kill.py.
"""

import ctypes
import os
import select
import signal
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.core.lifecycle import Run, RunState
from engine.supervisor.evidence import NEW, beside
from tests.acceptance.engines import (
    attempt_dir,
    attempts_of,
    descendants_of,
    engine,
    events,
    evidence_of,
    final,
    go_on,
    halt,
    halt_between_writes,
    is_gone,
    kill,
    launcher_of,
    lines_of,
    number_in,
    output,
    pause,
    rows,
    run_of,
    runs,
    say,
    sessions,
    start,
    start_ready,
    submit,
    supervisor,
    supervisor_of,
    until,
)

MARK = 'echo "$JOBFILE_RUN_ID-$JOBFILE_ATTEMPT" >> executed'

FAN_CLASS_CONTENT, FAN_MARK_ADD, FAN_ALLOW = 4, 1, 1
FAN_OPEN_PERM, FAN_EVENT_ON_CHILD = 0x1_0000, 0x800_0000
FAN_EVENT = struct.Struct("=IBBHQii")
"""struct fanotify_event_metadata: its length, its form, ...; last the open file and the process."""


def write(folder: Path, *jobs: str) -> None:
    (folder / "jobs.yaml").write_text("version: 1\njobs:\n" + "".join(f"  {job}\n" for job in jobs))


def a_job(name: str, body: str, more: str = "") -> str:
    return f"{name}:\n    timeout: 1m\n{more}    run: |\n      {MARK}\n      {body}"


def executed(folder: Path) -> list[str]:
    return lines_of(folder / "executed")


def running(folder: Path, run_id: str) -> Run:
    """A run whose command is being executed."""
    until(lambda: f"{run_id}-1" in executed(folder), "the command runs")
    return run_of(folder, run_id)


def test_f02_what_was_recorded_and_not_begun_is_started_once_and_knows_how_late_it_is(tmp_path: Path) -> None:
    """The only slot is taken, so what falls due is committed and waits before its intent."""
    blocker = a_job("blocker", "cat gate")
    write(tmp_path, blocker)
    os.mkfifo(tmp_path / "gate")
    first = start_ready(tmp_path, JOBFILE_MAX_RUNNING=1)
    running(tmp_path, submit(tmp_path, "blocker"))
    lateness = 'echo "$JOBFILE_LATENESS_SECONDS" > late-$JOBFILE_RUN_ID'
    write(tmp_path, blocker, a_job("due", lateness, "    schedule: {every: 1s}\n"))
    until(lambda: runs(tmp_path, "due"), "it fell due")
    waiting = runs(tmp_path, "due")[-1]
    assert (waiting.state, waiting.attempt) == (RunState.QUEUED, 0)
    kill(first)
    pause(1.2)  # it has to be late
    (tmp_path / "gate").write_text("")
    with engine(tmp_path):
        ended = final(tmp_path, waiting.id)
    assert (ended.state, ended.attempt) == (RunState.SUCCEEDED, 1)
    assert executed(tmp_path).count(f"{waiting.id}-1") == 1
    assert 1 <= number_in(tmp_path / f"late-{waiting.id}") <= 60


def test_f03_an_intent_without_a_process_is_started_again_as_the_same_attempt(tmp_path: Path) -> None:
    """The launcher stands still: the intent is committed and nothing was forked when both are killed."""
    write(tmp_path, a_job("a", "exit 5"))
    first = start_ready(tmp_path)
    launcher = launcher_of(first.pid)
    halt(launcher)
    run_id = submit(tmp_path, "a")
    until(lambda: run_of(tmp_path, run_id).attempt == 1, "the intent")
    kill(first)
    os.kill(launcher, signal.SIGKILL)
    assert not evidence_of(tmp_path, run_id).exists()
    with engine(tmp_path):
        ended = final(tmp_path, run_id)
    assert (ended.state, ended.exit_code, ended.attempt) == (RunState.FAILED, 5, 1)
    assert executed(tmp_path) == [f"{run_id}-1"]


@contextmanager
def standing_before_their_locks(folder: Path) -> Iterator[list[int]]:
    """Supervisors that open the attempt's lock wait there; who they are. fanotify(7), permission events."""
    lock = Path(beside(str(folder), NEW))
    lock.parent.mkdir(parents=True, mode=0o700)
    libc = ctypes.CDLL(None, use_errno=True)
    events = libc.fanotify_init(FAN_CLASS_CONTENT, os.O_RDONLY | os.O_CLOEXEC)
    wanted = ctypes.c_uint64(FAN_OPEN_PERM | FAN_EVENT_ON_CHILD)
    assert libc.fanotify_mark(events, FAN_MARK_ADD, wanted, -1, bytes(lock.parent)) == 0
    standing: list[int] = []
    held: list[int] = []

    def answer() -> None:
        while not is_over.is_set() or select.select([events], [], [], 0)[0]:
            if not select.select([events], [], [], 0.02)[0]:
                continue
            content = os.read(events, 65_536)
            for at in range(0, len(content), FAN_EVENT.size):
                *_, handle, pid = FAN_EVENT.unpack_from(content, at)
                is_lock = os.readlink(f"/proc/self/fd/{handle}") == str(lock)
                if is_lock and b"supervisor/__main__.py" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    held.append(handle)  # by its number the kernel knows which event is answered
                    standing.append(pid)
                else:
                    allow(handle)

    def allow(handle: int) -> None:
        os.write(events, struct.pack("=iI", handle, FAN_ALLOW))
        os.close(handle)

    is_over = threading.Event()
    answering = threading.Thread(target=answer)
    answering.start()
    try:
        yield standing
    finally:
        is_over.set()
        answering.join()
        for handle in held:
            allow(handle)
        os.close(events)


def test_f04_two_supervisors_of_one_attempt_execute_it_once(tmp_path: Path) -> None:
    """The first is forked and has made no marker when its engine dies and the next one starts another."""
    write(tmp_path, a_job("a", "exit 6"))
    run_id = submit_before_engine(tmp_path)
    with standing_before_their_locks(attempt_dir(tmp_path, run_id)) as standing:
        first = start_ready(tmp_path)
        waiting = until(lambda: standing[:1], "the first supervisor")[0]
        kill(first)
        second = start_ready(tmp_path)
        until(lambda: len(standing) == 2, "the second supervisor")
        assert not is_gone(waiting)
        assert executed(tmp_path) == []
    ended = final(tmp_path, run_id)
    assert (ended.state, ended.exit_code, ended.attempt) == (RunState.FAILED, 6, 1)
    until(lambda: is_gone(waiting), "the first supervisor goes")
    last = final(tmp_path, submit(tmp_path, "a"))
    assert executed(tmp_path) == [f"{run_id}-1", f"{last.id}-1"]
    kill(second)


def has_ended(folder: Path, run_id: str) -> bool:
    """Whether the supervisor has written the end, and released the lock: it waits for another job."""
    return supervisor_of(attempt_dir(folder, run_id)) is None


def submit_before_engine(folder: Path) -> str:
    """A run that is on record before there is any engine, so that its folder is known."""
    return say(folder, "run", "a", "--detach").stdout.strip()


@pytest.mark.parametrize("is_down_at_the_end", [False, True])
def test_f05_f06_a_job_goes_on_without_its_engine_and_its_end_is_the_true_one(
    tmp_path: Path, is_down_at_the_end: bool
) -> None:
    write(tmp_path, a_job("a", "echo begun; cat gate; echo done; exit 7"))
    os.mkfifo(tmp_path / "gate")
    first = start_ready(tmp_path)
    run_id = submit(tmp_path, "a")
    running(tmp_path, run_id)
    until(lambda: (attempt_dir(tmp_path, run_id) / "output").exists(), "it writes")
    kill(first)
    assert run_of(tmp_path, run_id).state is RunState.RUNNING
    boss = supervisor(tmp_path, run_id)
    if is_down_at_the_end:
        (tmp_path / "gate").write_text("")
        until(lambda: is_gone(boss), "the supervisor is done")
        over = datetime.now(UTC)
        pause(1.0)  # so that the end and the time of its finding cannot be taken for each other
    with engine(tmp_path):
        if not is_down_at_the_end:
            until(lambda: events(tmp_path, "AttemptAdopted"), "it is taken over")
            assert run_of(tmp_path, run_id).state is RunState.RUNNING
            over = datetime.now(UTC) + timedelta(seconds=30)
            (tmp_path / "gate").write_text("")
        ended = final(tmp_path, run_id)
    assert (ended.state, ended.reason, ended.exit_code) == (RunState.FAILED, "exit(7)", 7)
    assert ended.ended_at is not None
    assert ended.ended_at <= over
    assert output(tmp_path, run_id) == "begun\ndone\n"
    assert executed(tmp_path) == [f"{run_id}-1"]


def test_f07_an_end_between_its_result_and_its_record_is_settled_once(tmp_path: Path) -> None:
    write(tmp_path, a_job("a", "cat gate; exit 3"))
    os.mkfifo(tmp_path / "gate")
    first = start_ready(tmp_path)
    run_id = submit(tmp_path, "a")
    running(tmp_path, run_id)
    supervisor(tmp_path, run_id)
    halt_between_writes(tmp_path, first.pid)
    (tmp_path / "gate").write_text("")
    until(lambda: has_ended(tmp_path, run_id), "the result is on the disk")
    kill(first)
    assert run_of(tmp_path, run_id).state is RunState.RUNNING
    for _ in range(2):
        with engine(tmp_path):
            ended = final(tmp_path, run_id)
        assert (ended.state, ended.exit_code, ended.attempt) == (RunState.FAILED, 3, 1)
    assert len([event for event in events(tmp_path, "RunSettled") if event["run"]["id"] == run_id]) == 1
    assert [attempt.exit_code for attempt in attempts_of(tmp_path, run_id)] == [3]


def test_f13_a_wait_for_the_next_try_continues_while_no_engine_runs(tmp_path: Path) -> None:
    retry = "    retry: {attempts: 2, delay: 3s, jitter: none}\n"
    write(tmp_path, a_job("a", "exit 8", retry))
    first = start_ready(tmp_path)
    run_id = submit(tmp_path, "a")
    until(lambda: run_of(tmp_path, run_id).state is RunState.RETRY_WAIT, "it waits")
    waits_until = run_of(tmp_path, run_id).retry_at
    assert waits_until is not None
    kill(first)
    pause((waits_until - datetime.now(UTC)).total_seconds() + 0.5)  # the wait ends with nobody there
    again = datetime.now(UTC)
    with engine(tmp_path):
        ended = final(tmp_path, run_id)
    assert (ended.state, ended.exit_code, ended.attempt) == (RunState.FAILED, 8, 2)
    assert executed(tmp_path) == [f"{run_id}-1", f"{run_id}-2"]
    second = attempts_of(tmp_path, run_id)[1].started_at
    assert second is not None
    assert again <= second <= again + timedelta(seconds=20)


def test_f14_a_timeout_holds_while_the_engine_is_down(tmp_path: Path) -> None:
    write(tmp_path, a_job("a", "sleep 60").replace("timeout: 1m", "timeout: 4s"))
    first = start_ready(tmp_path)
    run_id = submit(tmp_path, "a")
    running(tmp_path, run_id)
    boss = supervisor(tmp_path, run_id)
    below = descendants_of(boss)
    kill(first)
    until(lambda: all(map(is_gone, (boss, *below))), "all have ended without an engine")
    over = datetime.now(UTC)
    with engine(tmp_path):
        ended = final(tmp_path, run_id)
    assert ended.state is RunState.TIMED_OUT
    assert ended.started_at is not None
    assert ended.ended_at is not None
    assert ended.ended_at <= over
    (attempt,) = attempts_of(tmp_path, run_id)
    assert attempt.started_at is not None
    assert timedelta(seconds=4) <= ended.ended_at - attempt.started_at <= timedelta(seconds=14)


def test_f15_a_wish_to_cancel_outlives_the_engine_that_did_not_pass_it_on(tmp_path: Path) -> None:
    deaf = a_job("a", "trap 'echo heard' TERM; while :; do sleep 0.1 || true; done", "    kill_grace: 1s\n")
    write(tmp_path, deaf)
    first = start_ready(tmp_path)
    run_id = submit(tmp_path, "a")
    running(tmp_path, run_id)
    halt_between_writes(tmp_path, first.pid)
    assert say(tmp_path, "cancel", run_id, "--why", "a test").returncode == 0
    assert run_of(tmp_path, run_id).state is RunState.CANCELLING
    kill(first)
    assert "heard" not in output(tmp_path, run_id)
    with engine(tmp_path):
        ended = final(tmp_path, run_id)
    assert ended.state is RunState.CANCELLED
    (attempt,) = attempts_of(tmp_path, run_id)
    assert attempt.signal == signal.SIGKILL
    assert "heard" in output(tmp_path, run_id)


def test_f16_a_job_that_does_not_hear_is_killed_after_its_grace_with_all_its_processes(
    tmp_path: Path,
) -> None:
    body = "trap '' TERM; sh -c 'sleep 60 & wait' & sleep 60 & touch ready; wait; sleep 60"
    write(tmp_path, a_job("a", body, "    kill_grace: 1s\n"))
    with engine(tmp_path):
        run_id = submit(tmp_path, "a")
        until((tmp_path / "ready").exists, "all of its processes")
        boss = supervisor(tmp_path, run_id)
        below = until(lambda: (found := descendants_of(boss)) and len(found) >= 4 and found, "the tree")
        began = time.monotonic()
        assert say(tmp_path, "cancel", run_id).returncode == 0
        ended = final(tmp_path, run_id)
        assert time.monotonic() - began >= 1
        until(lambda: all(map(is_gone, below)), "the whole tree is gone", patience=5)
    assert ended.state is RunState.CANCELLED
    assert attempts_of(tmp_path, run_id)[0].signal == signal.SIGKILL


@pytest.mark.parametrize("code", [0, 4])
def test_f17_a_job_that_ends_before_the_signal_keeps_its_own_end(tmp_path: Path, code: int) -> None:
    write(tmp_path, a_job("a", f"cat gate; exit {code}"))
    os.mkfifo(tmp_path / "gate")
    with engine(tmp_path) as process:
        run_id = submit(tmp_path, "a")
        running(tmp_path, run_id)
        supervisor(tmp_path, run_id)
        halt_between_writes(tmp_path, process.pid)
        assert say(tmp_path, "cancel", run_id, "--why", "no longer wanted").returncode == 0
        (tmp_path / "gate").write_text("")
        until(lambda: has_ended(tmp_path, run_id), "it ended by itself")
        go_on(process.pid)
        ended = final(tmp_path, run_id)
    assert ended.state is (RunState.SUCCEEDED if code == 0 else RunState.FAILED)
    assert (ended.exit_code, ended.stop_requested) == (code, "cancel")
    noted = rows(tmp_path, "select detail from audit where action = 'cancel' and object = ?", run_id)
    assert noted == [("no longer wanted",)]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_f71_if_only_the_main_process_is_ended_the_next_engine_takes_the_jobs(
    tmp_path: Path, how: signal.Signals
) -> None:
    """What systemd does with the unit's KillMode=process at a restart: one signal, to the engine alone."""
    write(tmp_path, a_job("a", "cat gate-a; exit 2"), a_job("b", "cat gate-b; exit 0"))
    for name in ("a", "b"):
        os.mkfifo(tmp_path / f"gate-{name}")
    first = start_ready(tmp_path)
    ids = [submit(tmp_path, name) for name in ("a", "b")]
    bosses = [supervisor(tmp_path, run_id) for run_id in ids]
    for run_id in ids:
        running(tmp_path, run_id)
    os.kill(first.pid, how)
    assert first.wait(30) == (0 if how is signal.SIGTERM else -how)
    before = sessions(tmp_path)
    with engine(tmp_path):
        assert sessions(tmp_path) == before + 1
        until(lambda: len(events(tmp_path, "AttemptAdopted")) == 2, "both are taken over")
        assert [supervisor(tmp_path, run_id) for run_id in ids] == bosses
        for name in ("a", "b"):
            (tmp_path / f"gate-{name}").write_text("")
        ended = [final(tmp_path, run_id) for run_id in ids]
    assert [(run.exit_code, run.attempt) for run in ended] == [(2, 1), (0, 1)]


def test_an_engine_that_is_killed_again_and_again_while_it_starts_harms_nothing(tmp_path: Path) -> None:
    write(tmp_path, a_job("a", "cat gate; exit 9"))
    os.mkfifo(tmp_path / "gate")
    first = start_ready(tmp_path)
    run_id = submit(tmp_path, "a")
    running(tmp_path, run_id)
    kill(first)
    for step in range(8):
        process = start(tmp_path)
        pause(0.08 * step)  # a kill at a moment of the start that nobody chose
        kill(process)
    with engine(tmp_path):
        (tmp_path / "gate").write_text("")
        assert final(tmp_path, run_id).exit_code == 9
    assert executed(tmp_path) == [f"{run_id}-1"]
