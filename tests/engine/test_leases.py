"""Leases: what a supervisor does when its host does not reach the ledger; real processes."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.actions.containing import container_order
from engine.core.lifecycle import AttemptKey, Ended, Lost
from engine.execution.launcher_client import START_TRIES, ProcessLauncher
from engine.host.clock import SystemClock
from engine.host.holders import current_boot_id
from engine.host.keys import key_of
from engine.ports import Alive, Evidence, LaunchOrder, Lease, NotStarted, Stop
from engine.supervisor.evidence import LEASE, LEASE_BYTES, NAME, NEW, beside, lease_in, lease_line
from tests.acceptance.engines import children_of, go_on, halt, is_gone, number_in, pause, supervisor_of, until
from tests.engine.containers import docker_in
from tests.engine.real import KEY, WAYS, Real, real_world
from tests.engine.supervisors import copy_of_supervisor, use_copy

LATE = 0.8
"""How much later than ordered a signal may come on a busy machine, in seconds."""
TICKS = "while :; do read up _ < /proc/uptime; echo $up >> {file}; sleep 0.05; done"
"""A job that notes when it lives, on the clock of leases."""
DEAF = "trap '' TERM; "
one_way = pytest.mark.parametrize("world", ["vfork"], indirect=True)
"""For what is the same code with the compiled part and without it."""
FOREIGN = b"a different key of 32 bytes, too"


@pytest.fixture(params=WAYS)
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Real]:
    yield from real_world(tmp_path, monkeypatch, way=request.param)


@pytest.fixture
def sleepy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Real]:
    """Its supervisors have no timer that continues them, and their clock can be moved: see `suspend`."""
    parts = copy_of_supervisor(tmp_path)
    for name, old, new in (
        ("leasing.py", "_libc.timer_create(", "_libc.no_timer_create("),
        (
            "waking.py",
            "    return time.clock_gettime(time.CLOCK_BOOTTIME)\n",
            f"    slept = os.stat({str(tmp_path / 'slept')!r}).st_size\n"
            "    return time.clock_gettime(time.CLOCK_BOOTTIME) + slept\n",
        ),
    ):
        path = parts / "engine" / "supervisor" / name
        assert path.read_text().count(old) == 1
        path.write_text(path.read_text().replace(old, new))
    (tmp_path / "slept").touch()
    use_copy(parts, monkeypatch)
    made = Real(tmp_path)
    yield made
    made.launcher.close()


def suspend(world: Real, seconds: int) -> None:
    """As if the host had slept: its size is what the supervisors add to their clock."""
    os.truncate(world.folder / "slept", seconds)


def now() -> float:
    return SystemClock().elapsed()


def lease_of(order: LaunchOrder) -> Lease:
    assert order.lease is not None
    return order.lease


def file_of(order: LaunchOrder) -> Path:
    return Path(beside(str(order.run_dir), LEASE))


def own_key(order: LaunchOrder) -> bytes:
    return key_of(str(order.run_dir), KEY)


def ticks(world: Real, name: str) -> str:
    return TICKS.replace("{file}", str(world.folder / f"{name}.ticks"))


def last_tick(world: Real, name: str) -> float:
    return float((world.folder / f"{name}.ticks").read_text().split()[-1])


def ask_at(order: LaunchOrder) -> float:
    """When SIGTERM is due."""
    lease = lease_of(order)
    return lease.until - min(order.kill_grace_seconds, lease.seconds / 3)


def assert_cut_off(found: Evidence) -> Lost:
    assert isinstance(found, Lost), found
    assert found.reason == "host_cut_off"
    return found


def test_a_job_has_a_third_of_its_lease_to_end_and_counts_as_cut_off_whatever_it_says(world: Real) -> None:
    """Also with exit code 0: nobody knows whether it had done all of its work."""
    script = (
        f"trap 'read up _ < /proc/uptime; echo $up > {world.folder}/asked; exit 0' TERM; {ticks(world, 'a')}"
    )
    order = world.launch("a", script, lease=world.lease(2.4), kill_grace_seconds=60.0)
    lost = assert_cut_off(world.end_of(order))
    asked = float((world.folder / "asked").read_text())
    assert ask_at(order) == pytest.approx(lease_of(order).until - 0.8)
    assert ask_at(order) - 0.02 <= asked < lease_of(order).until
    assert lost.leftover_processes == 0
    assert last_tick(world, "a") <= lease_of(order).until


@one_way
def test_a_short_grace_shortens_only_the_time_between_the_two_signals(world: Real) -> None:
    script = (
        f"trap 'read up _ < /proc/uptime; echo $up > {world.folder}/asked; exit 0' TERM; {ticks(world, 'b')}"
    )
    order = world.launch("b", script, lease=world.lease(1.8), kill_grace_seconds=0.3)
    assert_cut_off(world.end_of(order))
    assert float((world.folder / "asked").read_text()) >= lease_of(order).until - 0.32
    rude = world.launch(
        "rude", script.replace("asked", "never"), lease=world.lease(1.2), kill_grace_seconds=0.0
    )
    assert_cut_off(world.end_of(rude))
    assert not (world.folder / "never").exists(), "without a grace there is no SIGTERM"


def test_all_processes_of_a_job_that_ignores_the_signal_are_gone_at_the_end_of_its_lease(world: Real) -> None:
    """In its group, in another group, in another session, and below a parent that is gone."""
    names = ("own", "child", "session", "orphan")
    scripts = {name: f"echo $$ > {world.folder}/{name}; {ticks(world, name)}" for name in names}
    (world.folder / "session.sh").write_text(DEAF + scripts["session"])
    (world.folder / "orphan.sh").write_text(DEAF + scripts["orphan"])
    body = (
        f"{DEAF}setsid sh {world.folder}/session.sh & (setsid sh {world.folder}/orphan.sh &); "
        f"sh -c '{scripts['child']}' & {scripts['own']}"
    )
    order = world.launch("all", body, lease=world.lease(2.0))
    pids = [number_in(world.folder / name) for name in names]
    assert_cut_off(world.end_of(order))
    assert all(is_gone(pid) for pid in pids)
    for name in names:
        assert ask_at(order) < last_tick(world, name) < lease_of(order).until + LATE, name


def test_a_job_whose_engine_reaches_the_ledger_notices_nothing_of_its_lease(world: Real) -> None:
    asked = world.folder / "asked"
    script = f"trap 'touch {asked}' TERM; until [ -e {world.folder}/gate ]; do sleep 0.02; done; exit 3"
    order = world.launch("kept", script, lease=world.lease(2.4))
    for _ in range(11):
        world.launcher.extend(order.run_dir, now() + 2.4)
        threading.Event().wait(0.3)
    assert isinstance(world.evidence(order), Alive)
    world.launcher.extend(order.run_dir, now() + 30)
    (world.folder / "gate").touch()
    ended = world.end_of(order)
    assert isinstance(ended, Ended)
    assert (ended.exit_code, ended.stopped, ended.timed_out) == (3, False, False)
    assert not asked.exists()


def test_the_file_is_read_before_anything_is_done(sleepy: Real) -> None:
    """Its supervisor stood still past the end, and was continued after the lease had been extended."""
    order = sleepy.launch("late", "trap 'exit 1' TERM; sleep 2.5; exit 4", lease=sleepy.lease(1.5))
    sleepy.started(order)
    supervisor = supervisor_of(order.run_dir)
    assert supervisor is not None
    halt(supervisor)
    sleepy.wait_until(lease_of(order).until + 0.1)
    assert sleepy.launcher.extend(order.run_dir, now() + 30)
    go_on(supervisor)
    ended = sleepy.end_of(order)
    assert isinstance(ended, Ended)
    assert ended.exit_code == 4


@one_way
def test_an_extension_after_the_signal_comes_too_late(world: Real) -> None:
    """The job may have begun to end: it is cut off, at the end that was known then."""
    asked = world.folder / "asked"
    order = world.launch(
        "asked",
        f"trap 'touch {asked}' TERM; {ticks(world, 'c')}",
        lease=world.lease(2.4),
        kill_grace_seconds=60.0,
    )
    until(asked.exists)
    assert world.launcher.extend(order.run_dir, now() + 60)
    assert_cut_off(world.end_of(order))
    assert last_tick(world, "c") < lease_of(order).until + LATE


def put_nothing(_path: Path, _line: bytes) -> None:
    """Nobody has written anything."""


def put_half(path: Path, line: bytes) -> None:
    path.write_bytes(line[: len(line) // 2])


def put_torn(path: Path, line: bytes) -> None:
    path.write_bytes(line[:30] + b"\0" * (LEASE_BYTES - 30))


def put_more(path: Path, line: bytes) -> None:
    path.write_bytes(line + b"x" * 100_000)


def put_later(path: Path, line: bytes) -> None:
    path.write_bytes(b"9" + line[1:])


def put_other_key(path: Path, line: bytes) -> None:
    path.write_bytes(
        lease_line(int(line[:20]), current_boot_id(), key_of(str(path.with_suffix("")), FOREIGN))
    )


def put_of_another_attempt(path: Path, line: bytes) -> None:
    path.write_bytes(lease_line(int(line[:20]), current_boot_id(), key_of("/runs/ab/other.1", KEY)))


def put_of_another_boot(path: Path, line: bytes) -> None:
    path.write_bytes(lease_line(int(line[:20]), "another boot", key_of(str(path.with_suffix("")), KEY)))


def put_link(path: Path, line: bytes) -> None:
    path.with_name("elsewhere").write_bytes(line)
    path.symlink_to("elsewhere")


def put_pipe(path: Path, _line: bytes) -> None:
    os.mkfifo(path)


def put_folder(path: Path, _line: bytes) -> None:
    (path / "in" / "it").mkdir(parents=True)


def put_second_name(path: Path, _line: bytes) -> None:
    path.with_name("precious").write_bytes(b"p" * LEASE_BYTES)
    path.hardlink_to(path.with_name("precious"))


def put_closed(path: Path, _line: bytes) -> None:
    path.touch(mode=0)


PUTS: "tuple[Callable[[Path, bytes], None], ...]" = (
    *(put_nothing, put_half, put_torn, put_more, put_later, put_other_key, put_of_another_attempt),
    *(put_of_another_boot, put_link, put_pipe, put_folder, put_second_name, put_closed),
)


def attack(order: LaunchOrder, put: Callable[[Path, bytes], None]) -> None:
    """Do what a job can do: it has no key, but can put anything in the place of the file."""
    file_of(order).unlink(missing_ok=True)
    later = int((now() + 3600) * 1_000_000)
    put(file_of(order), lease_line(later, current_boot_id(), own_key(order)))


@one_way
def test_nothing_but_a_whole_line_of_the_engine_extends_a_lease(world: Real) -> None:
    orders = [world.launch(put.__name__, ticks(world, put.__name__), lease=world.lease(3.0)) for put in PUTS]
    for order, put in zip(orders, PUTS, strict=True):
        world.started(order)
        attack(order, put)
    for order, put in zip(orders, PUTS, strict=True):
        assert_cut_off(world.end_of(order))
        assert last_tick(world, put.__name__) < lease_of(order).until + LATE, put.__name__


@one_way
def test_the_engine_extends_a_lease_whatever_is_in_the_place_of_the_file(world: Real) -> None:
    lease = world.lease(3.0)
    orders = [world.launch(put.__name__, "sleep 3.2; exit 5", lease=lease) for put in PUTS]
    for order, put in zip(orders, PUTS, strict=True):
        world.started(order)
        attack(order, put)
        assert world.launcher.extend(order.run_dir, now() + 60), put.__name__
        assert lease_in(file_of(order).read_bytes(), current_boot_id(), own_key(order)) > 0
    for order, put in zip(orders, PUTS, strict=True):
        ended = world.end_of(order)
        assert isinstance(ended, Ended), put.__name__
        assert ended.exit_code == 5
    assert (world.folder / "runs/put_second_name/precious").read_bytes() == b"p" * LEASE_BYTES


@one_way
def test_a_job_that_puts_an_old_line_back_gains_nothing(world: Real) -> None:
    """The latest end that its supervisor has read counts, and a line has no more than it once had."""
    order = world.launch("old", ticks(world, "old"), lease=world.lease(2.0))
    world.started(order)
    assert world.launcher.extend(order.run_dir, lease_of(order).until - 1.0)
    old = file_of(order).read_bytes()
    assert world.launcher.extend(order.run_dir, lease_of(order).until + 0.6)
    file_of(order).write_bytes(old)
    assert_cut_off(world.end_of(order))
    assert last_tick(world, "old") < lease_of(order).until + 0.6 + LATE


def test_the_lease_holds_without_an_engine_and_without_the_process_that_starts_jobs(world: Real) -> None:
    order = world.launch("alone", DEAF + ticks(world, "alone"), lease=world.lease(2.0))
    world.started(order)
    launcher = world.launcher._process
    assert launcher is not None
    launcher.kill()
    launcher.wait()
    world.launcher.close()
    world.launcher = ProcessLauncher(None, key=KEY)  # of the next engine
    assert_cut_off(world.end_of(order))
    assert last_tick(world, "alone") < lease_of(order).until + LATE


def test_a_job_cannot_outlive_its_lease_by_stopping_its_supervisor(world: Real) -> None:
    """The timer of the supervisor continues it, and nobody else does: the engine may be dead."""
    order = world.launch("stops", f"{DEAF}kill -STOP $PPID; {ticks(world, 'stops')}", lease=world.lease(2.0))
    assert_cut_off(world.end_of(order))
    assert last_tick(world, "stops") < lease_of(order).until + LATE


def test_a_supervisor_that_is_continued_after_the_end_kills_at_once(sleepy: Real) -> None:
    asked = sleepy.folder / "asked"
    order = sleepy.launch(
        "frozen", f"trap 'touch {asked}' TERM; {ticks(sleepy, 'frozen')}", lease=sleepy.lease(1.5)
    )
    sleepy.started(order)
    supervisor = supervisor_of(order.run_dir)
    assert supervisor is not None
    halt(supervisor)
    sleepy.wait_until(lease_of(order).until + 0.3)
    continued = now()
    go_on(supervisor)
    assert_cut_off(sleepy.end_of(order))
    assert not asked.exists(), "there is no time left for SIGTERM"
    assert last_tick(sleepy, "frozen") < continued + LATE


def test_the_time_of_a_suspend_counts(sleepy: Real) -> None:
    asked = sleepy.folder / "asked"
    order = sleepy.launch(
        "slept", f"trap 'touch {asked}' TERM; {ticks(sleepy, 'slept.job')}", lease=sleepy.lease(600.0)
    )
    sleepy.started(order)
    woken = now()
    suspend(sleepy, 700)
    assert_cut_off(sleepy.end_of(order))
    assert not asked.exists()
    assert last_tick(sleepy, "slept.job") < woken + 1.0 + LATE, "it looks each second"


def test_what_is_left_of_a_job_is_killed_after_a_suspend_too(sleepy: Real) -> None:
    """Also without a lease: when the host wakes, the grace has long been over."""
    left = sleepy.folder / "left.sh"
    left.write_text(f"{DEAF}echo $$ > {sleepy.folder}/left\n{ticks(sleepy, 'left')}")
    order = sleepy.launch("naps", f"setsid sh {left} & sleep 60", kill_grace_seconds=60.0)
    pid = number_in(sleepy.folder / "left")
    until(lambda: sleepy.launcher.stop(order.run_dir, Stop.CANCEL))
    supervisor = supervisor_of(order.run_dir)
    assert supervisor is not None
    until(lambda: pid in children_of(supervisor), "the main process has died of SIGTERM")
    suspend(sleepy, 600)
    ended = sleepy.end_of(order)
    assert isinstance(ended, Ended)
    assert ended.stopped
    assert is_gone(pid)


def test_a_job_that_ended_by_itself_before_the_signal_keeps_its_own_end(sleepy: Real) -> None:
    """Also when its supervisor sees this only after the lease."""
    order = sleepy.launch("by-itself", "sleep 0.3; exit 6", lease=sleepy.lease(1.5))
    sleepy.started(order)
    supervisor = supervisor_of(order.run_dir)
    assert supervisor is not None
    halt(supervisor)
    sleepy.wait_until(lease_of(order).until + 0.1)
    go_on(supervisor)
    ended = sleepy.end_of(order)
    assert isinstance(ended, Ended)
    assert (ended.exit_code, ended.stopped, ended.timed_out) == (6, False, False)


def test_what_a_job_left_behind_has_no_longer_than_the_lease(world: Real) -> None:
    """Elsewhere it would have two seconds; its own end stands."""
    left = world.folder / "left.sh"
    left.write_text(f"{DEAF}echo $$ > {world.folder}/left\n{ticks(world, 'left')}")
    body = (
        f"setsid sh {left} & until [ -e {world.folder}/left.ticks ]; do sleep 0.02; done; sleep 0.4; exit 7"
    )
    order = world.launch("leaves", body, lease=world.lease(1.5), kill_grace_seconds=0.2)
    ended = world.end_of(order)
    assert isinstance(ended, Ended)
    assert ended.exit_code == 7
    assert ended.leftover_processes > 0
    assert is_gone(number_in(world.folder / "left"))
    assert last_tick(world, "left") < lease_of(order).until + LATE


@one_way
@pytest.mark.parametrize("how", ["timeout", "cancel"])
def test_a_grace_that_began_before_ends_with_the_lease_and_its_cause_stands(world: Real, how: str) -> None:
    timeout = 0.4 if how == "timeout" else 60.0
    order = world.launch(
        "grace",
        DEAF + ticks(world, "grace"),
        lease=world.lease(2.0),
        timeout_seconds=timeout,
        kill_grace_seconds=60.0,
    )
    world.started(order)
    if how == "cancel":
        until(lambda: world.launcher.stop(order.run_dir, Stop.CANCEL))
    ended = world.end_of(order)
    assert isinstance(ended, Ended)
    assert (ended.timed_out, ended.stopped) == (how == "timeout", how == "cancel")
    assert ended.signal == signal.SIGKILL
    assert last_tick(world, "grace") < lease_of(order).until + LATE


@one_way
def test_what_is_left_of_a_stopped_job_has_no_longer_than_the_lease(world: Real) -> None:
    """Its main process dies of SIGTERM, the other one has a long grace."""
    left = world.folder / "left.sh"
    left.write_text(f"{DEAF}echo $$ > {world.folder}/left\n{ticks(world, 'left')}")
    order = world.launch(
        "stopped",
        f"setsid sh {left} & sleep 60",
        lease=world.lease(2.0),
        timeout_seconds=0.5,
        kill_grace_seconds=60.0,
    )
    ended = world.end_of(order)
    assert isinstance(ended, Ended)
    assert ended.timed_out
    assert is_gone(number_in(world.folder / "left"))
    assert last_tick(world, "left") < lease_of(order).until + LATE


def test_an_attempt_whose_lease_is_over_is_not_executed_and_may_be_started_again(world: Real) -> None:
    order = world.order("over", "exit 2", lease=Lease(now() - 1.0, 60.0))
    for _ in range(START_TRIES + 1):
        world.launcher.launch(order)
        until(lambda: world.evidence(order) == NotStarted())
    assert not Path(beside(str(order.run_dir), NAME)).exists()
    assert world.executions(order) == 0
    again = world.launch("over", "exit 2", lease=world.lease(30.0))
    ended = world.end_of(again)
    assert isinstance(ended, Ended)
    assert (ended.exit_code, world.executions(order)) == (2, 1)


def test_an_order_that_is_too_old_is_not_executed_and_may_be_sent_again(world: Real) -> None:
    old = world.launch("old", "exit 2", lease=world.lease(30.0)._replace(start_by=now() - 0.1))
    until(lambda: world.evidence(old) == NotStarted())
    assert world.executions(old) == 0
    again = world.launch("old", "exit 2", lease=world.lease(30.0)._replace(start_by=now() + 30))
    ended = world.end_of(again)
    assert isinstance(ended, Ended)
    assert (ended.exit_code, world.executions(old)) == (2, 1)


def test_what_was_extended_before_its_supervisor_began_is_executed(world: Real) -> None:
    order = world.order("renewed", "exit 2", lease=Lease(now() - 1.0, 60.0))
    assert not world.launcher.extend(order.run_dir, now() + 30), "the folder of its run is not there yet"
    order.run_dir.parent.mkdir(parents=True)
    assert world.launcher.extend(order.run_dir, now() + 30)
    world.launcher.launch(order)
    ended = world.end_of(order)
    assert isinstance(ended, Ended)
    assert ended.exit_code == 2


@one_way
def test_an_end_from_before_a_restart_of_the_host_means_nothing(world: Real) -> None:
    """Its clock began anew, so an old end may be far in the future."""
    order = world.order("rebooted", "exit 2", lease=Lease(now() - 1.0, 60.0))
    order.run_dir.parent.mkdir(parents=True)
    file_of(order).write_bytes(lease_line(int((now() + 3600) * 1e6), "another boot", own_key(order)))
    world.launcher.launch(order)
    until(
        lambda: world.evidence(order) == NotStarted() and not Path(beside(str(order.run_dir), NEW)).exists()
    )
    assert world.executions(order) == 0


@one_way
def test_the_space_for_later_ends_is_reserved_before_the_start(world: Real) -> None:
    order = world.launch("reserved", "sleep 0.2", lease=world.lease(30.0))
    world.started(order)
    assert file_of(order).stat().st_size == LEASE_BYTES
    world.end_of(order)


@one_way
@pytest.mark.parametrize("client", ["lives", "dies"])
def test_a_container_ends_with_the_lease_of_its_attempt(world: Real, client: str) -> None:
    """Its processes are below a daemon. The client may die of SIGTERM, and the container run on."""
    with docker_in(world.folder / "bin") as docker:
        attempt = AttemptKey("boxed", 1)
        box = container_order(f"{docker.folder}/docker", attempt)
        script = f"{DEAF}echo $$ > {world.folder}/inside; {ticks(world, 'boxed')}"
        run = f"exec {docker.folder}/docker run --name={box.name} --workdir=/ --entrypoint=/bin/sh image -c"
        order = world.order(
            "boxed",
            "",
            argv=("sh", "-c", f'{run} "$1"' if client == "lives" else f'{run[5:]} "$1"', "sh", script),
            container=box,
            lease=world.lease(3.6),
            kill_grace_seconds=60.0,
        )
        world.launcher.launch(order)
        pid = number_in(world.folder / "inside")
        assert_cut_off(world.end_of(order))
        until(lambda: not Path(f"/proc/{pid}").exists())
        assert ask_at(order) - 0.1 < last_tick(world, "boxed") < lease_of(order).until + LATE
        assert docker.calls("rm")


def switches(pid: int) -> int:
    """How often a process has waited."""
    about = Path(f"/proc/{pid}/status").read_text()
    return int(about.partition("\nvoluntary_ctxt_switches:")[2].split()[0])


def test_a_supervisor_wakes_once_a_second_with_or_without_a_lease(world: Real) -> None:
    orders = [world.launch("without", "sleep 30"), world.launch("with", "sleep 30", lease=world.lease(600.0))]
    for order in orders:
        world.started(order)
    supervisors = [supervisor_of(order.run_dir) for order in orders]
    before = [switches(pid) for pid in supervisors if pid is not None]
    pause(3.0)
    after = [switches(pid) for pid in supervisors if pid is not None]
    assert all(end - start <= 5 for start, end in zip(before, after, strict=True)), (before, after)
    assert not file_of(orders[0]).exists()
    for order in orders:
        assert world.launcher.stop(order.run_dir, Stop.KILL)
        world.end_of(order)


@one_way
def test_the_next_attempt_of_a_supervisor_has_no_lease_of_the_one_before(world: Real) -> None:
    first = world.launch("first", "exit 1", lease=world.lease(1.5))
    assert isinstance(world.end_of(first), Ended)
    second = world.launch("second", "sleep 2.2; exit 2")
    ended = world.end_of(second)
    assert isinstance(ended, Ended)
    assert ended.exit_code == 2


@given(st.integers(0, 10**19), st.text(max_size=40), st.binary(max_size=40))
def test_the_line_of_a_lease_is_read_back_and_any_other_content_is_ignored(
    until_us: int, boot_id: str, more: bytes
) -> None:
    line = lease_line(until_us, boot_id, KEY)
    assert len(line) == LEASE_BYTES
    assert lease_in(line, boot_id, KEY) == until_us
    assert lease_in(line, f"{boot_id}x", KEY) == lease_in(line, boot_id, FOREIGN) == 0
    assert lease_in(line[:-1], boot_id, KEY) == 0
    assert lease_in(line + b"\0" + more, boot_id, KEY) == 0
    assert lease_in(more, boot_id, KEY) == 0
    for at in range(len(line)):
        assert lease_in(line[:at] + bytes([line[at] ^ 1]) + line[at + 1 :], boot_id, KEY) == 0
