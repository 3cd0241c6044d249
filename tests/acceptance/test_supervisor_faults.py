"""Supervisors are killed, hosts reboot, containers come and go: what is lost is called lost, and is over.

Real processes, real kills, real pid namespaces. The numbers are those of the fault table.
"""

import os
import signal
import sqlite3
import subprocess
from pathlib import Path

import pytest

from engine.core.lifecycle import AttemptState, RunState
from tests.acceptance.engines import (
    JOBFILE,
    attempt_dir,
    attempts_of,
    check_nothing_open,
    descendants_of,
    engine,
    final,
    generation,
    is_gone,
    kill,
    ledger,
    lines_of,
    number_in,
    pause,
    put,
    run_of,
    runs,
    sessions,
    start_ready,
    submit,
    supervisor,
    supervisor_of,
    until,
)

MARK = 'echo "$JOBFILE_RUN_ID-$JOBFILE_ATTEMPT" >> executed'


def a_job(name: str, body: str, more: str = "") -> str:
    return f"  {name}:\n    timeout: 2m\n{more}    run: |\n      {MARK}\n      {body}\n"


def write(folder: Path, *jobs: str) -> None:
    put(folder, "version: 1\njobs:\n" + "".join(jobs))


@pytest.mark.parametrize("is_idempotent", [False, True])
def test_f08_a_supervisor_that_is_killed_takes_its_job_with_it(tmp_path: Path, is_idempotent: bool) -> None:
    retry = "retry: {attempts: 2, delay: 1s, jitter: none}"
    more = f"    idempotent: {str(is_idempotent).lower()}\n    {retry}\n"
    write(tmp_path, a_job("a", '[ "$JOBFILE_ATTEMPT" = 1 ] || exit 0; exec sleep 63', more))
    with engine(tmp_path):
        run_id = submit(tmp_path, "a")
        boss = supervisor(tmp_path, run_id)
        until(lambda: lines_of(tmp_path / "executed"), "it runs")
        (job,) = descendants_of(boss)
        os.kill(boss, signal.SIGKILL)
        until(lambda: attempts_of(tmp_path, run_id)[0].state is AttemptState.LOST, "it is lost", patience=5)
        until(lambda: is_gone(job), "the job is dead", patience=1)
        ended = final(tmp_path, run_id)
    first, *_ = attempts_of(tmp_path, run_id)
    assert (first.state, first.reason, first.exit_code) == (AttemptState.LOST, "supervisor_killed", None)
    if is_idempotent:
        assert (ended.state, ended.attempt) == (RunState.SUCCEEDED, 2)
    else:
        assert (ended.state, ended.reason, ended.attempt) == (RunState.LOST, "supervisor_killed", 1)
    assert lines_of(tmp_path / "executed") == [f"{run_id}-{number}" for number in range(1, ended.attempt + 1)]


def test_f08_a_supervisor_that_was_killed_while_no_engine_ran_is_found(tmp_path: Path) -> None:
    write(tmp_path, a_job("a", "exec sleep 61"))
    first = start_ready(tmp_path)
    run_id = submit(tmp_path, "a")
    boss = supervisor(tmp_path, run_id)
    until(lambda: lines_of(tmp_path / "executed"), "it runs")
    (job,) = descendants_of(boss)
    kill(first)
    os.kill(boss, signal.SIGKILL)
    until(lambda: is_gone(job), "the job is dead", patience=1)
    with engine(tmp_path):
        ended = final(tmp_path, run_id)
    assert (ended.state, ended.reason) == (RunState.LOST, "supervisor_killed")


@pytest.mark.parametrize(
    "way",
    [
        "sleep 64 & echo $! > daemon",
        "setsid sleep 64 & echo $! > daemon",
        "(setsid sh -c 'sleep 64 & echo $! > daemon' &)",
        "(setsid sh -c 'exec > /dev/null 2>&1 < /dev/null; sleep 64 & echo $! > daemon' &)",
        "setsid sh -c 'trap \"\" TERM; echo $$ > daemon; sleep 64; sleep 64' &",
    ],
    ids=["child", "session", "two forks", "no streams", "deaf"],
)
def test_f09_a_daemon_of_a_job_that_succeeded_is_counted_and_ended(tmp_path: Path, way: str) -> None:
    write(tmp_path, a_job("a", f"{way}\n      until [ -s daemon ]; do sleep 0.02; done; exit 0"))
    with engine(tmp_path):
        ended = final(tmp_path, submit(tmp_path, "a"))
        daemon = number_in(tmp_path / "daemon")
        assert is_gone(daemon)
        assert supervisor_of(attempt_dir(tmp_path, ended.id)) is None
    assert (ended.state, ended.exit_code) == (RunState.SUCCEEDED, 0)
    assert attempts_of(tmp_path, ended.id)[0].leftover_processes >= 1


def test_f10_what_ran_when_the_host_rebooted_is_lost_and_what_had_ended_is_not(tmp_path: Path) -> None:
    """The engine and the supervisors die with the host; the ledger then speaks of another boot."""
    write(tmp_path, a_job("running", "sleep 65"), a_job("ended", "cat gate; exit 4"))
    os.mkfifo(tmp_path / "gate")
    first = start_ready(tmp_path)
    ids = {name: submit(tmp_path, name) for name in ("running", "ended")}
    bosses = {name: supervisor(tmp_path, run_id) for name, run_id in ids.items()}
    until(lambda: len(lines_of(tmp_path / "executed")) == 2, "both run")
    kill(first)
    (tmp_path / "gate").write_text("")
    until(lambda: is_gone(bosses["ended"]), "one ended before")
    os.kill(bosses["running"], signal.SIGKILL)
    until(lambda: is_gone(bosses["running"]), "the host is down")
    with sqlite3.connect(ledger(tmp_path)) as connection:
        connection.execute("update attempt set boot_id = 'b00ted-before' || substr(boot_id, 14)")
    connection.close()
    with engine(tmp_path):
        running, ended = (final(tmp_path, ids[name]) for name in ("running", "ended"))
    assert (running.state, running.reason) == (RunState.LOST, "host_reboot")
    assert (ended.state, ended.exit_code) == (RunState.FAILED, 4)
    check_nothing_open(tmp_path)


def in_a_container(script: str, folder: Path) -> "subprocess.Popen[bytes]":
    """A shell that is process 1 of a pid namespace of its own; when it is killed, all in it are."""
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return subprocess.Popen(
        ["unshare", *user, "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script],
        cwd=folder,
        env={**os.environ, "JOBFILE": JOBFILE},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_f11_f12_a_new_container_loses_what_ran_and_signals_nobody_who_has_its_pids(tmp_path: Path) -> None:
    """In the second container every pid up to that of the first one's job belongs to somebody else."""
    write(tmp_path, a_job("a", "echo $$ > pid; sleep 66"), a_job("b", "exit 0"))
    first = in_a_container('"$JOBFILE" up & wait', tmp_path)
    until(lambda: sessions(tmp_path) and generation(tmp_path) is not None, "an engine")
    run_id = submit(tmp_path, "a")
    job = number_in(tmp_path / "pid")
    until(lambda: run_of(tmp_path, run_id).state is RunState.RUNNING, "it runs")
    kill(first)
    until(lambda: supervisor_of(attempt_dir(tmp_path, run_id)) is None, "the container is gone")
    fill = (
        f'last=0; while [ $last -lt {job + 20} ]; do sleep 600 & last=$!; pids="$pids $last"; done; '
        'echo $pids | wc -w > filled; "$JOBFILE" up & engine=$!; '
        "until [ -e enough ]; do sleep 0.1; done; kill $engine; wait $engine; alive=0; "
        "for pid in $pids; do grep -q sleep /proc/$pid/cmdline && alive=$((alive + 1)); done; "
        "echo $alive > alive"
    )
    second = in_a_container(fill, tmp_path)
    filled = number_in(tmp_path / "filled")
    ended = final(tmp_path, run_id)
    after = final(tmp_path, submit(tmp_path, "b"))
    (tmp_path / "enough").touch()
    assert second.wait(30) == 0
    assert ended.state is RunState.LOST
    assert after.state is RunState.SUCCEEDED
    assert [run.attempt for run in runs(tmp_path)] == [1, 1]
    assert number_in(tmp_path / "alive") == filled >= 20


@pytest.mark.parametrize("is_engine_there", [True, False])
def test_f08_all_that_a_killed_supervisor_leaves_is_ended(tmp_path: Path, is_engine_there: bool) -> None:
    """Children, grandchildren, another session, other streams: all of the job, within five seconds."""
    session = "setsid sh -c 'exec > /dev/null 2>&1; sleep 63 & wait' &"
    tree = f"sh -c 'sleep 61 & wait' & (sleep 62 & wait) & {session} sleep 64"
    write(tmp_path, a_job("a", tree))
    first = start_ready(tmp_path)
    run_id = submit(tmp_path, "a")
    boss = supervisor(tmp_path, run_id)
    below = until(lambda: (found := descendants_of(boss)) and len(found) >= 8 and found, "the tree")
    if not is_engine_there:
        kill(first)
    os.kill(boss, signal.SIGKILL)
    if not is_engine_there:
        first = start_ready(tmp_path)
    until(lambda: all(map(is_gone, below)), "the whole tree is dead", patience=5)
    assert final(tmp_path, run_id).reason == "supervisor_killed"
    kill(first)


def test_f12_what_ran_in_a_container_that_is_gone_says_so(tmp_path: Path) -> None:
    """The next pid namespace may have the name of the first: the kernel gives numbers out again."""
    write(tmp_path, a_job("a", "sleep 66"))
    first = in_a_container('"$JOBFILE" up & wait', tmp_path)
    until(lambda: sessions(tmp_path) and generation(tmp_path) is not None, "an engine")
    run_id = submit(tmp_path, "a")
    until(lambda: lines_of(tmp_path / "executed"), "it runs")
    kill(first)
    until(lambda: supervisor_of(attempt_dir(tmp_path, run_id)) is None, "the container is gone")
    pause(1.5)  # by then its number is free again
    second = in_a_container('"$JOBFILE" up & wait', tmp_path)
    ended = final(tmp_path, run_id)
    kill(second)
    assert (ended.state, ended.reason) == (RunState.LOST, "container_restart")
