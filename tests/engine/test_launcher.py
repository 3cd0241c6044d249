"""The real launcher: the conformance suite, and real processes with real kills."""

import base64
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.adapters.output import HEAD_BYTES, SEGMENT_BYTES, SEGMENTS_KEPT, OutputTail
from engine.adapters.process import ProcessLauncher, current_boot_id
from engine.lifecycle import Ended, Lost, StartError
from engine.ports import Alive, Evidence, LaunchOrder, NotStarted, Stop
from tests.acceptance.engines import is_gone, number_in, supervisor_of, until
from tests.engine.launcher_conformance import *  # noqa: F403  the suite

PATH = "/usr/local/bin:/usr/bin:/bin"


class Real:
    """Real processes in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.launcher = ProcessLauncher(None)
        self.boot_id = current_boot_id()

    def order(self, name: str, body: str, **fields: object) -> LaunchOrder:
        values: dict = {
            "attempt_id": f"{name}-1",
            "run_dir": self.folder / "runs" / name / "1",
            "argv": ("sh", "-c", f'echo "$0" >> {self.folder}/{name}.executed\n{body}', name),
            "env": {"PATH": PATH},
            "secrets": {},
            "working_dir": self.folder,
            "timeout_seconds": 60.0,
            "kill_grace_seconds": 0.5,
        }
        return LaunchOrder(**values | fields)

    def plays(self, order: LaunchOrder, **_what: object) -> None:
        """A real command does what it does."""

    def evidence(self, order: LaunchOrder) -> Evidence:
        return self.launcher.evidence(order.run_dir, boot_id=self.boot_id)

    def end_of(self, order: LaunchOrder) -> Evidence:
        def ended() -> Evidence | None:
            evidence = self.evidence(order)
            return None if isinstance(evidence, (Alive, NotStarted)) else evidence

        return until(ended)

    def executions(self, order: LaunchOrder) -> int:
        path = self.folder / f"{order.attempt_id.removesuffix('-1')}.executed"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def launch(self, name: str, body: str, **fields: object) -> LaunchOrder:
        order = self.order(name, body, **fields)
        self.launcher.launch(order)
        return order

    def started(self, order: LaunchOrder) -> None:
        until(lambda: self.executions(order))

    def output(self, order: LaunchOrder) -> bytes:
        return OutputTail(order.run_dir).read()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Real]:
    made = Real(tmp_path)
    yield made
    made.launcher.close()


def shim_of(order: LaunchOrder) -> int:
    """The process that holds the attempt's lock."""
    found = supervisor_of(order.run_dir)
    assert found is not None
    return found


def test_a_supervisor_that_is_killed_takes_its_job_with_it_and_the_attempt_is_lost(world: Real) -> None:
    order = world.launch("orphan", f"echo $$ > {world.folder}/pid; sleep 30")
    job = number_in(world.folder / "pid")
    os.kill(shim_of(order), signal.SIGKILL)
    lost = world.end_of(order)
    assert isinstance(lost, Lost)
    assert lost.reason == "supervisor_killed"
    until(lambda: is_gone(job))


def test_a_launcher_process_that_is_killed_disturbs_nobody(world: Real) -> None:
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


@pytest.mark.parametrize("torn", [b"", b"JFR1", b"\0" * 4096, b"JFR1" + b"\xff" * 4000])
def test_a_torn_result_is_no_result_and_never_success(world: Real, torn: bytes) -> None:
    order = world.launch("torn", "exit 0")
    assert isinstance(world.end_of(order), Ended)
    (order.run_dir / "result").write_bytes(torn)
    # The shim that wrote the good one may hold its lock for a last instant.
    assert isinstance(world.end_of(order), Lost)


def test_after_a_reboot_what_has_no_result_is_lost_for_that_reason(world: Real) -> None:
    order = world.launch("reboot", "exit 0")
    world.end_of(order)
    (order.run_dir / "result").unlink()
    world.boot_id = "another boot"
    lost = world.end_of(order)
    assert isinstance(lost, Lost)
    assert lost.reason == "host_reboot"


def test_many_launches_of_one_attempt_from_two_engines_execute_it_once(world: Real) -> None:
    other = ProcessLauncher(None)
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
