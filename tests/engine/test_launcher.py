"""The real launcher: the conformance suite, and real processes with real kills."""

import base64
import contextlib
import os
import resource
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.core.lifecycle import AttemptKey, Ended, Lost, StartError
from engine.execution.evidence_reader import Marker, marker_in
from engine.execution.launcher_client import START_TRIES, ProcessLauncher
from engine.host.holders import current_boot_id
from engine.host.keys import key_of
from engine.ports import Alive, Evidence, LaunchOrder, NotStarted, Stop
from engine.supervisor.evidence import CONTROL, NAME, RESULT_AT, beside, pack, wish_line
from engine.supervisor.leftovers import began_at
from engine.supervisor.output import HEAD_BYTES, SEGMENT_BYTES, SEGMENTS_KEPT
from tests.acceptance.engines import children_of, is_gone, number_in, pause, state_of, supervisor_of, until
from tests.engine.groups import limited
from tests.engine.launcher_conformance import *  # noqa: F403  the suite
from tests.engine.real import KEY, PATH, WAYS, Real, real_world
from tests.engine.supervisors import copy_of_supervisor, use_copy
from tests.soak import IS_SOAK


def evidence_of(order: LaunchOrder) -> Path:
    return Path(beside(str(order.run_dir), NAME))


def key_to(order: LaunchOrder) -> bytes:
    return key_of(str(order.run_dir), KEY)


def marker_of(order: LaunchOrder) -> Marker:
    marker = marker_in(evidence_of(order).read_bytes(), key_to(order))
    assert marker is not None
    return marker


def begun(order: LaunchOrder, **about: object) -> bytes:
    """Evidence of an attempt that began under a supervisor that is gone."""
    fields = {"at": 1, "pid": 1, "began": "1", "boot_id": current_boot_id()}
    return pack(fields | about, key_to(order)).ljust(RESULT_AT, b"\0")


@pytest.fixture(params=WAYS)
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Real]:
    """With the compiled part, and as it is where that could not be built."""
    yield from real_world(tmp_path, monkeypatch, way=request.param)


def shim_of(order: LaunchOrder) -> int:
    """The process that holds the attempt's lock."""
    found = supervisor_of(order.run_dir)
    assert found is not None
    return found


def test_a_supervisor_that_is_killed_takes_its_job_with_it_and_the_attempt_is_lost(world: Real) -> None:
    order = world.launch("orphan", f"echo $$ > {world.folder}/pid; sleep 30")
    job = number_in(world.folder / "pid")
    os.kill(supervisor_of(order.run_dir), signal.SIGKILL)
    lost = world.end_of(order)
    assert isinstance(lost, Lost)
    assert lost.reason == "supervisor_killed"
    until(lambda: is_gone(job))


def test_a_launcher_process_that_is_killed_disturbs_nothing(world: Real) -> None:
    order = world.launch("before", "sleep 0.7; exit 3")
    world.started(order)
    assert world.launcher._process is not None
    os.kill(world.launcher._process.pid, signal.SIGKILL)
    world.launcher._process.wait()
    after = world.launch("after", "exit 4")
    assert [getattr(world.end_of(one), "exit_code", None) for one in (order, after)] == [3, 4]


def test_jobs_go_on_and_their_results_are_written_without_an_engine(world: Real) -> None:
    order = world.launch("alone", "sleep 0.5; echo done; exit 5", timeout_seconds=30.0)
    world.started(order)
    world.launcher.close()
    ended = world.end_of(order)
    assert isinstance(ended, Ended)
    assert (ended.exit_code, world.output(order)) == (5, b"done\n")


def test_the_timeout_holds_without_an_engine(world: Real) -> None:
    order = world.launch("hangs", "sleep 30", timeout_seconds=0.5)
    world.started(order)
    world.launcher.close()
    ended = world.end_of(order)
    assert isinstance(ended, Ended)
    assert ended.timed_out
    assert (ended.ended_at - ended.started_at).total_seconds() < 5


def test_a_job_that_ignores_the_signal_is_killed_after_its_grace_with_its_group(world: Real) -> None:
    script = f"trap '' TERM; sleep 60 & echo $! > {world.folder}/child; wait; sleep 60"
    order = world.launch("stubborn", script, timeout_seconds=0.4)
    child = number_in(world.folder / "child")
    ended = world.end_of(order)
    assert isinstance(ended, Ended)
    assert (ended.timed_out, ended.signal) == (True, signal.SIGKILL)
    until(lambda: is_gone(child))


def test_what_a_job_leaves_behind_is_counted_and_ended(world: Real) -> None:
    script = f"setsid sh -c 'echo $$ > {world.folder}/daemon; sleep 60' & sleep 0.3; exit 0"
    order = world.launch("daemon", script)
    ended = world.end_of(order)
    assert isinstance(ended, Ended)
    assert ended.exit_code == 0
    assert ended.leftover_processes >= 1
    assert is_gone(number_in(world.folder / "daemon"))


def test_a_program_that_cannot_be_executed_is_no_exit_code(world: Real) -> None:
    for name, fields, words in (
        ("missing", {"argv": ("no-such-program",)}, "`no-such-program` not found"),
        ("plain", {"argv": ("/etc/passwd",)}, "not executable"),
        ("nowhere", {"working_dir": world.folder / "nowhere"}, "nowhere: No such file"),
    ):
        error = world.end_of(world.launch(name, "exit 0", **fields))
        assert isinstance(error, StartError)
        assert words in error.detail
    ended = world.end_of(world.launch("exit127", "exit 127"))
    assert isinstance(ended, Ended)
    assert ended.exit_code == 127


def test_the_environment_is_what_was_ordered_and_nothing_else(world: Real) -> None:
    order = world.launch(
        "env", "", argv=("env",), env={"PATH": PATH, "A": "1"}, secrets={"TOKEN": "abcdefgh"}
    )
    world.end_of(order)
    assert sorted(world.output(order).split()) == sorted([b"A=1", b"TOKEN=***", f"PATH={PATH}".encode()])


def test_a_flood_keeps_its_head_and_its_tail(world: Real) -> None:
    size = HEAD_BYTES + (SEGMENTS_KEPT + 2) * SEGMENT_BYTES
    script = f"echo first; head -c {size} /dev/zero | tr '\\0' x; echo; echo last"
    order = world.launch("flood", script)
    ended = world.end_of(order)
    assert isinstance(ended, Ended)
    text = world.output(order)
    assert text.startswith(b"first\nxxx")
    assert text.endswith(b"x\nlast\n")
    assert b"bytes of output were dropped here" in text
    assert len(text) < HEAD_BYTES + (SEGMENTS_KEPT + 1) * SEGMENT_BYTES
    assert ended.output_bytes == size + len(b"first\n\nlast\n")
    assert ended.output_dropped > 0


def test_output_that_is_no_text_is_kept_as_it_is(world: Real) -> None:
    order = world.launch("bytes", "printf '\\377\\376\\000x'")
    world.end_of(order)
    assert world.output(order) == b"\xff\xfe\x00x"


def test_a_secret_is_in_no_argument_and_no_file(world: Real) -> None:
    secret = "correct-horse-battery"
    coded = base64.b64encode(secret.encode()).decode()
    script = f'echo "$S"; printf correct-; sleep 0.3; echo horse-battery; echo {coded}; sleep 0.3'
    order = world.launch("secret", "", argv=("sh", "-eu"), script=script, secrets={"S": secret})
    until(lambda: (order.run_dir / "output").exists())
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert secret.encode() not in path.read_bytes()
        except OSError:
            continue
    world.end_of(order)
    assert world.output(order) == b"***\n***\n***\n"
    for path in order.run_dir.iterdir():
        if path.is_file() and path.name != "script":
            assert secret.encode() not in path.read_bytes()
    assert (order.run_dir / "script").stat().st_mode & 0o777 == 0o600
    assert order.run_dir.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("torn", [b"", b"JFR2", b"\0" * 3072, b"JFR2" + b"\xff" * 3000])
@pytest.mark.parametrize("is_begun", [False, True])
def test_a_torn_result_is_no_result_and_never_success(world: Real, torn: bytes, is_begun: bool) -> None:
    order = world.launch("torn", "exit 0")
    assert isinstance(world.end_of(order), Ended)
    evidence_of(order).write_bytes((begun(order) if is_begun else b"") + torn)
    # The shim that wrote the good one may hold its lock for a last instant.
    assert isinstance(world.end_of(order), Lost)


def test_after_a_reboot_what_has_no_result_is_lost_for_that_reason(world: Real) -> None:
    order = world.launch("reboot", "exit 0")
    world.end_of(order)
    evidence_of(order).write_bytes(begun(order))
    world.boot_id = "another boot"
    lost = world.end_of(order)
    assert isinstance(lost, Lost)
    assert lost.reason == "host_reboot"


def test_many_launches_of_one_attempt_from_two_engines_execute_it_once(world: Real) -> None:
    other = ProcessLauncher(None, key=KEY)
    order = world.order("race", "exit 6")
    for _ in range(10):
        world.launcher.launch(order)
        other.launch(order)
    ended = world.end_of(order)
    assert isinstance(ended, Ended)
    assert ended.exit_code == 6
    last = world.launch("last", "exit 0")
    world.end_of(last)
    assert world.executions(order) == 1
    other.close()


def test_a_request_is_read_at_once_and_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever wishes rouses: here nobody would look for an hour."""
    parts = copy_of_supervisor(tmp_path)
    shim = parts / "engine" / "supervisor" / "shim.py"
    assert "LOOK_SECONDS: Final = 1.0" in shim.read_text()
    shim.write_text(shim.read_text().replace("LOOK_SECONDS: Final = 1.0", "LOOK_SECONDS: Final = 3600.0"))
    use_copy(parts, monkeypatch)
    world = Real(tmp_path)
    order = world.launch("deaf", "trap '' TERM; sleep 30", kill_grace_seconds=3600.0)
    world.started(order)
    for _ in range(100):
        assert world.launcher.stop(order.run_dir, Stop.CANCEL)
    assert isinstance(world.evidence(order), Alive)
    assert world.launcher.stop(order.run_dir, Stop.KILL)
    ended = world.end_of(order)
    world.launcher.close()
    assert isinstance(ended, Ended)
    assert (ended.stopped, ended.signal) == (True, signal.SIGKILL)
    lines = [wish_line(wish, key_to(order)) for wish in ("cancel", "kill")]
    assert Path(beside(str(order.run_dir), CONTROL)).read_bytes().splitlines() == lines


def test_a_request_that_is_repeated_is_heard(world: Real) -> None:
    """Somebody took the first away after it was heard: the second stands where it stood."""
    order = world.launch("again", "trap : TERM; while :; do sleep 0.05; done", kill_grace_seconds=600.0)
    world.started(order)
    control = Path(beside(str(order.run_dir), CONTROL))
    assert world.launcher.stop(order.run_dir, Stop.CANCEL)
    control.unlink()
    assert world.launcher.stop(order.run_dir, Stop.KILL)
    ended = world.end_of(order)
    assert isinstance(ended, Ended)
    assert (ended.stopped, ended.signal) == (True, signal.SIGKILL)


def test_a_pipe_in_place_of_the_requests_delays_nothing(world: Real) -> None:
    order = world.launch("pipes", "until [ -e gate ]; do sleep 0.02; done; exit 4")
    world.started(order)
    os.mkfifo(beside(str(order.run_dir), CONTROL))
    world.launcher.stop(order.run_dir, Stop.CANCEL)
    ended = world.end_of(order)
    assert isinstance(ended, Ended)
    assert (ended.stopped, ended.signal) == (True, signal.SIGTERM), "the wish takes the place of the pipe"
    evidence_of(order).unlink()
    os.mkfifo(evidence_of(order))
    assert isinstance(world.end_of(order), Lost)


def test_evidence_that_cannot_be_opened_for_want_of_descriptors_is_not_lost(world: Real) -> None:
    order = world.launch("many", "until [ -e gate ]; do sleep 0.02; done; exit 4")
    world.started(order)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        found = world.evidence(order)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert isinstance(found, Alive)
    (world.folder / "gate").touch()
    assert isinstance(world.end_of(order), Ended)


def test_a_request_from_before_the_start_is_read_at_the_start(world: Real) -> None:
    order = world.order("early", "sleep 30")
    order.run_dir.parent.mkdir(parents=True)
    Path(beside(str(order.run_dir), CONTROL)).write_bytes(wish_line("cancel", key_to(order)) + b"\n")
    world.launcher.launch(order)
    ended = world.end_of(order)
    assert isinstance(ended, Ended)
    assert (ended.stopped, ended.timed_out) == (True, False)


def test_cancel_asks_and_kill_does_not(world: Real) -> None:
    polite = world.launch("polite", "trap 'exit 9' TERM; while :; do sleep 0.05; done")
    world.started(polite)
    until(lambda: world.launcher.stop(polite.run_dir, Stop.CANCEL))
    ended = world.end_of(polite)
    assert isinstance(ended, Ended)
    assert ended.stopped
    rude = world.launch("rude", "trap '' TERM; sleep 30")
    world.started(rude)
    world.launcher.stop(rude.run_dir, Stop.KILL)
    killed = world.end_of(rude)
    assert isinstance(killed, Ended)
    assert (killed.stopped, killed.signal) == (True, signal.SIGKILL)


def private_kb(pid: int) -> int:
    about = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in about if line.startswith("Private_"))


def test_a_supervisor_takes_one_attempt_after_the_other_and_never_two(world: Real) -> None:
    first = world.launch("first", "exit 1")
    world.started(first)
    shims = set()
    for number in range(20):
        order = world.launch(f"job{number}", "sleep 0.02; exit 4")
        world.started(order)
        with contextlib.suppress(AssertionError):  # it may be over already
            shims.add(supervisor_of(order.run_dir))
        ended = world.end_of(order)
        assert isinstance(ended, Ended)
        assert ended.exit_code == 4
    assert len(shims) <= 3
    both = [world.launch(name, "sleep 1") for name in ("left", "right")]
    for order in both:
        world.started(order)
    assert supervisor_of(both[0].run_dir) != supervisor_of(both[1].run_dir)
    assert max(private_kb(supervisor_of(order.run_dir)) for order in both) < 3 * 1024


def test_what_was_secret_to_one_attempt_is_not_in_the_next(world: Real) -> None:
    world.end_of(world.launch("one", "exit 0", secrets={"TOKEN": "hush-hush-hush"}))
    order = world.launch("two", "env; echo hush-hush-hush")
    world.end_of(order)
    assert b"TOKEN" not in world.output(order)
    assert b"hush-hush-hush" in world.output(order)


def test_a_job_holds_no_handle_of_its_supervisor(world: Real) -> None:
    order = world.launch("handles", "ls /proc/self/fd | tr '\n' ' '")
    world.end_of(order)
    assert world.output(order).split() == [b"0", b"1", b"2", b"3"]  # ls itself reads the folder


def test_content_that_no_supervisor_writes_is_no_result_and_stops_nothing(world: Real) -> None:
    """A job may write what it likes into its own folder, with a checksum too."""
    order = world.launch("liar", "exit 0")
    truth = (world.end_of(order), evidence_of(order).read_bytes())
    lies: list[dict] = [
        {},
        {"ended_at": "now"},
        {"ended_at": 10**30, "exit_code": 0},
        {"ended_at": 1, "exit_code": 0},
    ]
    for lie in lies:
        for first in (begun(order), begun(order, at="then", pid="me")):
            evidence_of(order).write_bytes(first + pack(lie, key_to(order), RESULT_AT))
            assert isinstance(world.end_of(order), Lost)
            assert not world.launcher.keep_going(order.run_dir)
            assert not world.launcher.stop(order.run_dir, Stop.KILL)
    evidence_of(order).write_bytes(truth[1])
    assert world.evidence(order) == truth[0]


HARMS = (
    "rm -rf $HERE",
    "rm -rf $HERE/..",
    "chmod 0 $HERE/..",
    "rm $HERE.evidence",
    ": > $HERE.evidence",
    "echo x > $HERE.evidence",
    "mv $HERE.evidence $HERE.kept; sleep 0.2; cp $HERE.kept $HERE.evidence.new",
    "mkdir $HERE.evidence.new",
    "chmod 0 $HERE",
    "mkdir $HERE.control",
)


@pytest.mark.parametrize("harm", HARMS)
def test_a_job_that_harms_its_own_evidence_is_still_answered_for(world: Real, harm: str) -> None:
    harmed, gate = world.folder / "harmed", world.folder / "gate"
    waits = f"touch {harmed}; until [ -e {gate} ]; do sleep 0.02; done"
    script = f'HERE=$(dirname "$0"); echo before; {harm}; {waits}; echo after; exit 6'
    order = world.order("vandal", "", argv=("sh",), script=script)
    world.launcher.launch(order)
    seen = set()

    def is_mended() -> bool:
        found = world.evidence(order)
        seen.add(getattr(found, "reason", type(found).__name__))
        return harmed.exists() and isinstance(found, Alive) and found.started_at is not None

    until(is_mended)
    assert seen <= {"Alive", "evidence_gone", "evidence_forged"}, "the worker waits longer than that takes"
    gate.touch()
    ended = world.end_of(order)
    assert isinstance(ended, Ended)
    assert ended.exit_code == 6
    assert len(world.output(order)) == ended.output_bytes - ended.output_dropped
    assert b"after" in world.output(order) or harm == "rm -rf $HERE", "that is seen a second later"


def test_a_job_that_deletes_its_evidence_at_its_end_is_answered_for_too(world: Real) -> None:
    order = world.order("vandal", "", argv=("sh",), script='rm -rf "$(dirname "$0")/.."; exit 3')
    world.launcher.launch(order)
    # Until the supervisor has put its folder back, nothing proves anything.
    ended = until(lambda: isinstance(found := world.evidence(order), Ended) and found)
    assert isinstance(ended, Ended)
    assert ended.exit_code == 3


def test_an_attempt_of_another_container_is_lost_for_that_reason(world: Real) -> None:
    order = world.launch("moved", "exit 0")
    world.end_of(order)
    evidence_of(order).write_bytes(begun(order))
    boot, space, began = current_boot_id().split("/")
    others = (f"{boot}/pid:[1]/{began}", f"{boot}/{space}/1{began}", f"{boot}/{space}")
    reasons = []
    for world.boot_id in others:
        lost = world.end_of(order)
        assert isinstance(lost, Lost)
        reasons.append(lost.reason)
    assert reasons == ["container_restart", "container_restart", "supervisor_killed"]


def test_what_was_never_started_before_a_reboot_is_lost_and_not_started_again(world: Real) -> None:
    found = world.launcher.evidence(world.folder / "never" / "1", boot_id="another/pid:[1]/1")
    assert isinstance(found, Lost)
    assert found.reason == "host_reboot"


def test_what_a_killed_supervisor_left_running_is_found_and_ended_by_another_engine(world: Real) -> None:
    """It has its name in its environment. While the launcher process lives, that one ends more."""
    body = f"setsid sh -c 'sleep 30 & echo $! > {world.folder}/pid; wait' & wait"
    env = {"PATH": PATH, "JOBFILE_RUN_ID": "ab" * 16, "JOBFILE_ATTEMPT": "1"}
    order = world.launch("daemon", body, env=env)
    daemon = number_in(world.folder / "pid")
    other = subprocess.Popen(["sleep", "30"], env={**env, "JOBFILE_ATTEMPT": "2"})
    os.kill(launcher_process(world), signal.SIGKILL)
    os.kill(supervisor_of(order.run_dir), signal.SIGKILL)
    assert isinstance(world.end_of(order), Lost)
    assert not is_gone(daemon)
    assert world.launcher.end_leftovers(AttemptKey("ab" * 16, 1)) >= 1
    until(lambda: is_gone(daemon))
    assert other.poll() is None, "another attempt's process is not touched"
    until(
        lambda: world.launcher.end_leftovers(AttemptKey("ab" * 16, 1)) == 0
    )  # the shell may take a moment to die
    other.kill()
    other.wait()


def launcher_process(world: Real) -> int:
    world.launcher.start()
    process = world.launcher._process
    assert process is not None
    return process.pid


def test_a_launcher_that_cannot_fork_goes_on_and_the_attempt_is_not_lost(world: Real) -> None:
    with limited("pids", 1, launcher_process(world)):
        order = world.launch("later", "exit 5")
        until(lambda: isinstance(world.evidence(order), NotStarted))
    world.launcher.launch(order)
    ended = world.end_of(order)
    assert isinstance(ended, Ended)
    assert (ended.exit_code, world.executions(order)) == (5, 1)


HOG = "x = []\nwhile True: x.append(bytearray(1 << 20))"


@pytest.mark.parametrize(("tail", "reason"), [("", "killed"), ("; exit 3", "told")])
def test_what_the_system_kills_because_memory_ran_out_is_named_as_that(
    world: Real, tail: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with limited("memory", 60 << 20) as group, monkeypatch.context() as patch:
        # It looks for its counter once, when it starts: it has to be in the group by then.
        wrapper = world.folder / "python"
        wrapper.write_text(f'#!/bin/sh\necho $$ > {group}/cgroup.procs\nexec {sys.executable} "$@"\n')
        wrapper.chmod(0o700)
        patch.setattr(sys, "executable", str(wrapper))
        command = f'exec python3 -c "{HOG}"' if not tail else f'python3 -c "{HOG}"{tail}'
        ended = world.end_of(world.launch("hog", command, env={"PATH": os.environ["PATH"]}))
        world.launcher.close()
    assert isinstance(ended, Ended)
    assert ended.out_of_memory
    assert (ended.signal, ended.exit_code) == ((9, None) if reason == "killed" else (None, 3))
    killed = world.launch("other", "kill -9 $$")
    other = world.end_of(killed)
    assert isinstance(other, Ended)
    assert not other.out_of_memory


def test_an_attempt_that_no_supervisor_can_take_did_not_run_and_says_why(world: Real) -> None:
    (world.folder / "runs").write_text("a file stands in the way")
    order = world.order("blocked", "exit 0")

    def found() -> Evidence | None:
        world.launcher.launch(order)
        until(lambda: not isinstance(evidence := world.evidence(order), Alive) and evidence)
        evidence = world.evidence(order)
        return evidence if isinstance(evidence, StartError) else None

    error = until(found)
    assert isinstance(error, StartError)
    assert error.detail == "its supervisor cannot begin: Not a directory"


def test_a_supervisor_that_its_job_has_stopped_goes_on_and_holds_the_timeout(world: Real) -> None:
    order = world.launch("stopper", "kill -STOP $PPID; sleep 30", timeout_seconds=1.0)
    world.started(order)
    assert not world.launcher.keep_going(world.folder / "runs" / "none" / "1")
    until(lambda: world.launcher.keep_going(order.run_dir))
    ended = world.end_of(order)
    assert isinstance(ended, Ended)
    assert ended.timed_out


def test_nobody_else_is_signalled_for_a_supervisor_that_is_gone(world: Real) -> None:
    order = world.launch("gone", "exit 0")
    world.end_of(order)
    stranger = subprocess.Popen(["sleep", "30"])
    os.kill(stranger.pid, signal.SIGSTOP)
    until(lambda: state_of(stranger.pid) == "T")
    began = str(int(began_at(stranger.pid)) - 1)
    evidence_of(order).write_bytes(begun(order, pid=stranger.pid, began=began))
    assert not world.launcher.keep_going(order.run_dir)
    assert state_of(stranger.pid) == "T"
    stranger.kill()
    stranger.wait()


def test_an_order_that_was_lost_with_the_launcher_is_noticed(world: Real) -> None:
    """Another attempt's supervisor lives on and holds every pipe open."""
    first = world.launch("long", "sleep 30")
    world.started(first)
    process = launcher_process(world)
    os.kill(process, signal.SIGSTOP)
    order = world.launch("late", "exit 5")
    assert isinstance(world.evidence(order), Alive)
    os.kill(process, signal.SIGKILL)
    until(lambda: isinstance(world.evidence(order), NotStarted))
    world.launcher.launch(order)
    ended = world.end_of(order)
    assert isinstance(ended, Ended)
    assert (ended.exit_code, world.executions(order)) == (5, 1)
    world.launcher.stop(first.run_dir, Stop.KILL)
    world.end_of(first)


@pytest.mark.parametrize("wrong", [{"script": "echo \ud800"}, {"argv": ("a\0b",)}], ids=["script", "argv"])
def test_what_no_supervisor_can_prepare_is_reported_and_not_retried_forever(
    world: Real, wrong: dict[str, object]
) -> None:
    order = world.order("odd", "", **wrong)
    for _ in range(START_TRIES + 1):
        world.launcher.launch(order)
        until(lambda: not isinstance(world.evidence(order), Alive))
        if not isinstance(world.evidence(order), NotStarted):
            break
    assert isinstance(world.evidence(order), StartError)


@pytest.mark.parametrize("way", WAYS)
def test_a_supervisor_that_has_served_long_enough_takes_no_order_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Long enough is a thousand attempts; here the copy of a supervisor is content with fewer."""
    parts = copy_of_supervisor(tmp_path, is_compiled=way != "fork")
    changed = parts / "engine" / "supervisor" / "launcher.py"
    text, each = changed.read_text(), 1_000 if IS_SOAK else 30
    assert "ATTEMPTS_EACH: Final = 1_000\n" in text
    changed.write_text(text.replace("ATTEMPTS_EACH: Final = 1_000\n", f"ATTEMPTS_EACH: Final = {each}\n"))
    use_copy(parts, monkeypatch)
    world, shims = Real(tmp_path), []
    for number in range(each + each // 3):
        order = world.launch(f"one{number}", "", argv=("true",))
        while not isinstance(world.evidence(order), Ended):
            pause(0.001)
        shims.append(marker_of(order).supervisor.pid)
    world.launcher.close()
    assert len(set(shims)) >= 2
    assert max(Counter(shims).values()) <= each


def test_a_shutdown_ends_the_job_and_its_supervisor_records_how(world: Real) -> None:
    order = world.launch("shutdown", "trap 'exit 9' TERM; while :; do sleep 0.05; done")
    world.started(order)
    shim = until(lambda: supervisor_of(order.run_dir))
    assert shim is not None
    for number in (signal.SIGHUP, signal.SIGTERM):
        os.kill(shim, number)
    assert isinstance(world.evidence(order), Alive)
    for pid in children_of(shim):
        os.kill(pid, signal.SIGTERM)
    ended = world.end_of(order)
    assert isinstance(ended, Ended)
    assert (ended.exit_code, ended.stopped) == (9, False)
    other = world.launch("default", "kill -TERM $$")
    killed = world.end_of(other)
    assert isinstance(killed, Ended)
    assert killed.signal == signal.SIGTERM
