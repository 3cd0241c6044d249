"""`jobfile run` without an engine: commands that are killed or run side by side, engines that come and go."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from engine.core.errors import JobfileError
from engine.core.lifecycle import Run, RunState
from tests.acceptance.engines import (
    JOBFILE,
    check_every_instant,
    check_nothing_open,
    end,
    engine,
    ledger,
    pause,
    put,
    rows,
    run_of,
    runs,
    say,
    start,
    until,
)
from tests.acceptance.warm import Jobfile
from tests.soak import IS_SOAK

JOBS = """\
version: 1
jobs:
  slow: {run: "echo begun; sleep 1.5; echo over", kill_grace: 1s}
  other: {run: "echo other"}
  twice: {run: 'test "$JOBFILE_ATTEMPT" = 2', retry: {attempts: 2, delay: 1s, jitter: none}}
  never: {run: "exit 3", retry: {attempts: 5, delay: 1h, jitter: none}}
"""
GATED = JOBS.replace("sleep 1.5", "until [ -e gate ]; do sleep 0.05; done")
"""Where a second command has to come while the first one's job runs, however slow the machine is."""
EACH_SECOND, OCCURRENCES = (100, 1_000) if IS_SOAK else (25, 250)
"""How many are due each second, and how many have to run: what a slow machine cannot run at once, it has to
run later.
"""
TOLD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ALL = (*TOLD, signal.SIGKILL)
COMMANDS: "list[subprocess.Popen[bytes]]" = []
WORDS = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "SIGHUP"}


@pytest.fixture(autouse=True)
def _no_command_is_left() -> Iterator[None]:
    yield
    while COMMANDS:
        command = COMMANDS.pop()
        command.kill()
        command.communicate()


def ask_for(folder: Path, job: str, *options: str, prefix: Sequence[str] = ()) -> "subprocess.Popen[bytes]":
    """A command in the foreground that asks for a run."""
    begin = subprocess.Popen if prefix else Jobfile
    command = begin(
        [*prefix, JOBFILE, "run", job, *options],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    COMMANDS.append(command)
    return command


def in_state(folder: Path, job: str, state: RunState, *, count: int = 1) -> list[Run]:
    """The runs of a job that stand so, once there are so many."""

    def found() -> list[Run]:
        there: tuple[Run, ...] = ()
        with contextlib.suppress(JobfileError):  # the command is just making it
            there = runs(folder, job) if ledger(folder).exists() else ()
        return [run for run in there if run.state is state] if len(there) >= count else []

    return until(found, f"{job} {state}")


def over(command: "subprocess.Popen[bytes]") -> tuple[int, str, str]:
    out, err = command.communicate(timeout=30)
    return command.returncode, out.decode(), err.decode()


@pytest.mark.parametrize("how", ALL, ids=lambda one: one.name)
def test_a_command_that_is_killed_while_its_job_runs_blocks_nothing(
    tmp_path: Path, how: signal.Signals
) -> None:
    put(tmp_path, JOBS)
    command = ask_for(tmp_path, "slow")
    (run,) = in_state(tmp_path, "slow", RunState.RUNNING)
    until(lambda: b"begun" in os.read(command.stdout.fileno(), 99) if command.stdout else False, "output")
    command.send_signal(how)
    code, out, err = over(command)
    if how is signal.SIGKILL:
        assert say(tmp_path, "run", "slow").returncode == 0, "it settles what was left and runs"
        assert run_of(tmp_path, run.id).state is RunState.SUCCEEDED
    else:
        ended = run_of(tmp_path, run.id)
        assert (code, ended.state, ended.detail) == (1, RunState.CANCELLED, WORDS[how])
        assert "begun" not in out, "no line is printed a second time"
        assert f"cancelling run {run.id[:8]}" in err
        assert say(tmp_path, "run", "slow").returncode == 0
    check_nothing_open(tmp_path)
    doctor_without_engine(tmp_path)


CHANGED = "import os, signal, sys; {}; os.execv(sys.argv[1], sys.argv[1:])"
IGNORED = "[signal.signal(one, signal.SIG_IGN) for one in (1, 2, 15)]"
BLOCKED = "signal.pthread_sigmask(signal.SIG_BLOCK, (1, 2, 15))"


@pytest.mark.parametrize("changed", [IGNORED, BLOCKED], ids=["ignored", "blocked"])
@pytest.mark.parametrize("how", TOLD, ids=lambda one: one.name)
def test_a_command_ends_when_it_is_asked_to_whatever_its_parent_made_of_the_signal(
    tmp_path: Path, how: signal.Signals, changed: str
) -> None:
    """A hangup that is ignored stays so (nohup), and Ctrl-C, which shells ignore in background commands."""
    put(tmp_path, JOBS)
    command = ask_for(tmp_path, "slow", prefix=(sys.executable, "-c", CHANGED.format(changed)))
    (run,) = in_state(tmp_path, "slow", RunState.RUNNING)
    command.send_signal(how)
    code, _, err = over(command)
    ended = run_of(tmp_path, run.id)
    if how is not signal.SIGTERM and changed is IGNORED:
        assert (code, ended.state) == (0, RunState.SUCCEEDED)
    else:
        assert (code, ended.state, ended.detail) == (1, RunState.CANCELLED, WORDS[how])
        assert f"cancelling run {run.id[:8]}" in err
    check_nothing_open(tmp_path)


@pytest.mark.parametrize("how", TOLD, ids=lambda one: one.name)
def test_a_command_that_is_the_first_process_of_a_container_ends_when_it_is_asked_to(
    tmp_path: Path, how: signal.Signals
) -> None:
    put(tmp_path, JOBS)
    command = ask_for(tmp_path, "slow", prefix=("unshare", "--pid", "--fork", "--mount-proc", "--kill-child"))
    in_state(tmp_path, "slow", RunState.RUNNING)
    (first,) = Path(f"/proc/{command.pid}/task/{command.pid}/children").read_text().split()
    os.kill(int(first), how)
    code, _, err = over(command)
    (ended,) = runs(tmp_path, "slow")
    assert (code, ended.state, ended.detail) == (1, RunState.CANCELLED, WORDS[how])
    assert f"cancelling run {ended.id[:8]}" in err
    check_nothing_open(tmp_path)


@pytest.mark.parametrize("then", ["run", "up"])
@pytest.mark.parametrize("how", ALL, ids=lambda one: one.name)
def test_a_request_that_nobody_waits_for_is_never_started(
    tmp_path: Path, how: signal.Signals, then: str
) -> None:
    put(tmp_path, GATED)
    first = ask_for(tmp_path, "slow")
    in_state(tmp_path, "slow", RunState.RUNNING)
    second = ask_for(tmp_path, "slow")
    (asked,) = in_state(tmp_path, "slow", RunState.QUEUED, count=2)
    if how is not signal.SIGKILL:
        until(
            lambda: (
                b"blocked by another run" in os.read(second.stderr.fileno(), 999) if second.stderr else False
            ),
            "words",
        )
    second.send_signal(how)
    code, _, _ = over(second)
    assert code == (3 if how is not signal.SIGKILL else -9)
    (tmp_path / "gate").touch()
    assert over(first)[0] == 0
    if then == "run":
        assert say(tmp_path, "run", "slow").returncode == 0
    else:
        with engine(tmp_path):
            until(lambda: run_of(tmp_path, asked.id).state.is_final, "the end of the request")
            pause(0.3)
    ended = run_of(tmp_path, asked.id)
    assert (ended.state, ended.attempt) == (RunState.CANCELLED, 0)
    assert ended.reason == ("withdrawn" if how is signal.SIGKILL else "by_hand")
    check_nothing_open(tmp_path)


@pytest.mark.parametrize("has_generation", [False, True], ids=["new", "applied"])
def test_two_jobs_run_side_by_side(tmp_path: Path, has_generation: bool) -> None:
    put(tmp_path, GATED)
    if has_generation:
        with engine(tmp_path):
            pass
    slow = ask_for(tmp_path, "slow")
    in_state(tmp_path, "slow", RunState.RUNNING)
    began = time.monotonic()
    done = say(tmp_path, "run", "other")
    assert (done.returncode, done.stdout) == (0, "other\n")
    assert slow.poll() is None, f"it waited {time.monotonic() - began:.1f}s for another job"
    (tmp_path / "gate").touch()
    assert over(slow)[0] == 0
    check_nothing_open(tmp_path)


def test_the_second_command_takes_over_when_the_first_is_killed(tmp_path: Path) -> None:
    put(tmp_path, GATED)
    first = ask_for(tmp_path, "other")
    assert over(first)[0] == 0
    first = ask_for(tmp_path, "slow")
    in_state(tmp_path, "slow", RunState.RUNNING)
    second = ask_for(tmp_path, "slow")
    in_state(tmp_path, "slow", RunState.QUEUED, count=2)
    first.kill()
    pause(0.5)  # it takes over what still runs
    (tmp_path / "gate").touch()
    code, out, _ = over(second)
    assert (code, out) == (0, "begun\nover\n")
    assert over(first)[0] == -9
    assert {run.state for run in runs(tmp_path, "slow")} == {RunState.SUCCEEDED}
    check_nothing_open(tmp_path)


def test_an_engine_starts_during_a_run_and_takes_it_over(tmp_path: Path) -> None:
    put(tmp_path, GATED + '  tick: {schedule: {every: 1s}, command: ["true"]}\n')
    command = ask_for(tmp_path, "slow")
    in_state(tmp_path, "slow", RunState.RUNNING)
    with engine(tmp_path):
        in_state(tmp_path, "tick", RunState.SUCCEEDED)
        assert command.poll() is None, "schedules are served while the run goes on"
        (tmp_path / "gate").touch()
        code, out, _ = over(command)
    assert (code, out) == (0, "begun\nover\n")
    check_every_instant(tmp_path)


@pytest.mark.parametrize("how", TOLD, ids=lambda one: one.name)
def test_with_an_engine_a_run_goes_on_when_its_command_is_asked_to_end(
    tmp_path: Path, how: signal.Signals
) -> None:
    put(tmp_path, JOBS)
    with engine(tmp_path):
        command = ask_for(tmp_path, "slow")
        (run,) = in_state(tmp_path, "slow", RunState.RUNNING)
        until(lambda: b"begun" in os.read(command.stdout.fileno(), 99) if command.stdout else False, "output")
        command.send_signal(how)
        code, _, err = over(command)
        assert (code, "still running" in err) == (4, True)
        assert say(tmp_path, "wait", run.id).returncode == 0


def test_output_goes_to_stderr_when_the_answer_is_json(tmp_path: Path) -> None:
    put(tmp_path, JOBS)
    for job, code in (("other", 0), ("twice", 0)):
        said = say(tmp_path, "run", job, "--json")
        assert said.returncode == code
        assert json.loads(said.stdout)["job"] == job
    assert "other\n" in say(tmp_path, "run", "other", "--json").stderr


def test_each_attempt_is_followed_by_its_end_and_then_by_the_next(tmp_path: Path) -> None:
    put(
        tmp_path,
        JOBS.replace(
            "'test \"$JOBFILE_ATTEMPT\" = 2'", "'echo n$JOBFILE_ATTEMPT; test $JOBFILE_ATTEMPT = 2'"
        ),
    )
    done = subprocess.run(
        [JOBFILE, "run", "twice"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30
    )
    first, told, second, ended = done.stdout.decode().splitlines()
    assert (first, second) == ("n1", "n2")
    assert told.startswith("attempt 1: exit code 1; next attempt")
    assert ended.startswith("twice: succeeded")


def test_waiting_for_runs(tmp_path: Path) -> None:
    put(tmp_path, JOBS.replace("sleep 1.5", "sleep 5"))
    assert over(killed(tmp_path, "slow"))[0] == -9
    (run,) = in_state(tmp_path, "slow", RunState.RUNNING)
    assert say(tmp_path, "wait", run.id, "--timeout", "1s").returncode == 4
    assert say(tmp_path, "wait", run.id[:8]).returncode == 0, "what ends without an engine is recorded"
    said = say(tmp_path, "wait", run.id, "--json")
    assert [one["state"] for one in json.loads(said.stdout)["runs"]] == ["succeeded"]
    stuck = say(tmp_path, "run", "other", "--detach").stdout.strip()
    said = say(tmp_path, "wait", stuck, run.id)
    assert (said.returncode, "no engine is running" in said.stderr) == (4, True)
    assert say(tmp_path, "wait", "nonsense").returncode == 64


def killed(folder: Path, job: str) -> "subprocess.Popen[bytes]":
    """A command that is killed as soon as its job runs."""
    command = ask_for(folder, job)
    in_state(folder, job, RunState.RUNNING)
    command.kill()
    return command


def test_a_retry_that_only_a_command_would_have_made_ends_with_the_command(tmp_path: Path) -> None:
    put(tmp_path, JOBS)
    command = ask_for(tmp_path, "never")
    (run,) = in_state(tmp_path, "never", RunState.RETRY_WAIT)
    command.kill()
    over(command)
    assert say(tmp_path, "run", "other").returncode == 0
    ended = run_of(tmp_path, run.id)
    assert (ended.state, ended.reason, ended.attempt) == (RunState.CANCELLED, "withdrawn", 1)


def is_all_over(folder: Path) -> bool:
    """Every instant of the schedules, which are gone, has its run or record, and no run is open.

    Without the first half this is true before the new engine has made the runs of the last moments.
    """
    instants = "select 1 from schedule where active_until is null or covered_until < active_until"
    open_runs = "select 1 from run where state in ('queued', 'running', 'cancelling', 'retry_wait')"
    return not rows(folder, instants) and not rows(folder, open_runs)


def test_engines_and_commands_come_and_go_over_hundreds_of_occurrences(tmp_path: Path) -> None:
    """Commands are killed at random, engines stop and start: no run is executed twice or forgotten."""
    ticks = "".join(
        f"  tick-{n}: {{schedule: {{every: 1s}}, catchup: {{mode: all, max: 100}}, "
        'concurrency: {on_overlap: queue, max_waiting: 1000}, command: ["true"]}\n'
        for n in range(EACH_SECOND)
    )
    asked = '  job-{n}: {{run: "echo $JOBFILE_RUN_ID >> executed; sleep 0.4", kill_grace: 1s}}\n'
    put(tmp_path, "version: 1\njobs:\n" + ticks + "".join(asked.format(n=n) for n in range(4)))
    chance = random.Random(7)
    commands: list[subprocess.Popen[bytes]] = []
    serving = None
    until_ = time.monotonic() + 45
    while time.monotonic() < until_:
        if serving is None:
            serving = start(tmp_path, JOBFILE_CATCHUP_STARTS="1000")
        elif chance.random() < 0.15:
            end(serving)
            serving = None
        commands.append(ask_for(tmp_path, f"job-{chance.randrange(4)}"))
        pause(chance.uniform(0.1, 0.8))
        chance.choice(commands).send_signal(chance.choice(ALL))
        counted = "select count(*) from run where job like 'tick-%' and state = 'succeeded'"
        if ledger(tmp_path).exists() and len(commands) >= 15 and rows(tmp_path, counted)[0][0] >= OCCURRENCES:
            break
    for command in commands:
        command.kill() if chance.random() < 0.5 else command.terminate()
        over(command)
    if serving is not None:
        end(serving)
    put(tmp_path, (tmp_path / "jobs.yaml").read_text().replace("schedule: {every: 1s}", "enabled: true"))
    with engine(tmp_path, JOBFILE_CATCHUP_STARTS="1000"):
        until(lambda: is_all_over(tmp_path), "the end of all", patience=60)
    assert rows(tmp_path, "select count(*) from run where state = 'succeeded'")[0][0] >= OCCURRENCES
    executed = (tmp_path / "executed").read_text().split()
    assert len(executed) == len(set(executed)), "no run is executed twice"
    began = {run.id for run in runs(tmp_path) if run.job.startswith("job-") and run.attempt}
    assert set(executed) <= began
    assert not [run for run in runs(tmp_path) if run.state is RunState.LOST]
    check_nothing_open(tmp_path)
    check_every_instant(tmp_path)
    doctor_without_engine(tmp_path)


def doctor_without_engine(folder: Path) -> None:
    """Nothing is wrong, but that no engine runs."""
    found = json.loads(say(folder, "doctor", "--json").stdout)["checks"]
    bad = [one for one in found if one["severity"] in ("error", "warning")]
    known = ("clock.unsynchronized", "engine.stopped", "engine.never", "engine.killed")
    assert [one for one in bad if one["code"] not in known] == []
