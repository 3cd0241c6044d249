"""What is left of a job when it is stopped: all of it has the grace, and SIGTERM once. Real processes."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.core.lifecycle import Ended
from engine.ports import LaunchOrder, Stop
from tests.acceptance.engines import descendants_of, is_gone, number_in, pause, state_of, supervisor_of, until
from tests.engine.groups import limited
from tests.engine.real import WAYS, Real, real_world

GRACE = 5.0
SAVES = 3.0
"""Longer than what is left behind by a job that ended by itself may go on, and shorter than the grace."""
WORKER = """\
import os, signal, sys, time
heard = []
signal.signal(signal.SIGTERM, lambda *_: heard.append(time.monotonic()))
name, saves = sys.argv[1], float(sys.argv[2])
with open(name + ".new", "w") as file:
    file.write(str(os.getpid()))
os.rename(name + ".new", name + ".pid")
while not heard or time.monotonic() < heard[0] + saves:
    time.sleep(0.02)
with open(name + ".saved", "w") as file:
    file.write(str(len(heard)))
"""
WRAPPER = "import subprocess, sys; subprocess.run(sys.argv[1:])"
"""It dies of SIGTERM, and its child does not."""
BY = {
    "sh": ("sh", "-c", "{worker}\n:"),
    "bash": ("bash", "-c", "{worker}\n:"),
    "background": ("sh", "-c", "{worker} & wait"),
    "nested": ("sh", "-c", "sh -c 'bash -c \"{worker}\n:\"\n:'\n:"),
    "session": ("setsid", "-w", "sh", "-c", "exec {worker}"),
    "session-in-shell": ("sh", "-c", "setsid -w {worker}\n:"),
    "own-groups": ("bash", "-mc", "{worker} & wait"),
    "wrapper": (sys.executable, "-c", WRAPPER, "sh", "-c", "{worker}\n:"),
    "pipe": ("sh", "-c", "{worker} | cat > /dev/null"),
}
"""A leader that dies of SIGTERM at once, and the process below it that has something to save."""
IGNORED_BY_ALL = (
    "trap '' TERM; setsid sh -c 'trap \"\" TERM; echo $$ > {folder}/deaf; sleep 30' & wait; sleep 30"
)


@pytest.fixture(params=WAYS)
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Real]:
    yield from real_world(tmp_path, monkeypatch, way=request.param)


def launch(world: Real, way: str, **fields: object) -> LaunchOrder:
    code = world.folder / "worker.py"
    code.write_text(WORKER)
    worker = f"{sys.executable} {code} {world.folder}/{way} {SAVES}"
    order = world.order(
        way,
        "",
        argv=tuple(word.replace("{worker}", worker) for word in BY[way]),
        kill_grace_seconds=GRACE,
        **fields,
    )
    world.launcher.launch(order)
    return order


def worker_of(world: Real, way: str) -> int:
    return number_in(world.folder / f"{way}.pid")


@pytest.mark.parametrize("stop", ["cancel", "timeout"])
def test_all_that_is_left_of_a_stopped_job_has_its_grace_and_one_signal(world: Real, stop: str) -> None:
    timeout = 2.0 if stop == "timeout" else 60.0
    orders = {way: launch(world, way, timeout_seconds=timeout) for way in BY}
    workers = {way: worker_of(world, way) for way in BY}
    if stop == "cancel":
        for order in orders.values():
            assert world.launcher.stop(order.run_dir, Stop.CANCEL)
    for way, order in orders.items():
        ended = world.end_of(order)
        assert isinstance(ended, Ended), way
        assert (ended.stopped, ended.timed_out) == (stop == "cancel", stop == "timeout"), way
        assert is_gone(workers[way]), way
        saved = world.folder / f"{way}.saved"
        assert saved.exists(), f"{way}: it had its grace"
        assert saved.read_text() == "1", f"{way}: it had one signal"
        taken = (ended.ended_at - ended.started_at).total_seconds()
        assert taken >= SAVES, f"{way}: its end is that of its last process"


def test_a_signal_comes_once_to_a_job_that_runs_on(world: Real) -> None:
    """Not to its group and then to it again."""
    code = world.folder / "worker.py"
    code.write_text(WORKER)
    for number in range(10):
        name = f"direct{number}"
        order = world.order(name, "", argv=(sys.executable, str(code), f"{world.folder}/{name}", "0.1"))
        world.launcher.launch(order)
        worker_of(world, name)
        assert world.launcher.stop(order.run_dir, Stop.CANCEL)
        world.end_of(order)
        assert (world.folder / f"{name}.saved").read_text() == "1"


@pytest.mark.parametrize("way", ["sh", "session"])
def test_a_second_request_to_end_leftovers_does_not_wait_for_their_grace(
    world: Real,
    way: str,
) -> None:
    order = launch(world, way)
    worker = worker_of(world, way)
    supervisor = supervisor_of(order.run_dir)
    assert supervisor is not None
    leader = descendants_of(supervisor)[0]
    assert world.launcher.stop(order.run_dir, Stop.CANCEL)
    until(lambda: is_gone(leader), "the leader died of its signal")
    assert state_of(worker) in ("R", "S", "D"), "it lives, and looks now and then whether it may end"
    assert world.launcher.stop(order.run_dir, Stop.KILL)
    ended = world.end_of(order)
    assert isinstance(ended, Ended)
    assert ended.stopped
    assert (ended.ended_at - ended.started_at).total_seconds() < SAVES
    assert is_gone(worker)
    assert not (world.folder / f"{way}.saved").exists()


def test_a_kill_waits_for_nothing_whatever_group_it_is_in(world: Real) -> None:
    order = launch(world, "session-in-shell")
    worker = worker_of(world, "session-in-shell")
    assert world.launcher.stop(order.run_dir, Stop.KILL)
    ended = world.end_of(order)
    assert isinstance(ended, Ended)
    assert (ended.stopped, ended.signal) == (True, signal.SIGKILL)
    assert (ended.ended_at - ended.started_at).total_seconds() < SAVES
    assert is_gone(worker)
    assert not (world.folder / "session-in-shell.saved").exists()


def test_what_outlives_its_grace_is_killed_in_every_group(world: Real) -> None:
    script = IGNORED_BY_ALL.replace("{folder}", str(world.folder))
    order = world.launch("deaf-all", script, timeout_seconds=1.0, kill_grace_seconds=1.0)
    deaf = number_in(world.folder / "deaf")
    ended = world.end_of(order)
    assert isinstance(ended, Ended)
    assert (ended.timed_out, ended.signal) == (True, signal.SIGKILL)
    assert is_gone(deaf)
    assert (ended.ended_at - ended.started_at).total_seconds() < GRACE


def test_what_a_job_that_ended_by_itself_left_behind_is_asked_once(world: Real) -> None:
    code = world.folder / "worker.py"
    code.write_text(WORKER)
    worker = f"{sys.executable} {code} {world.folder}/left 0.3"
    script = f"setsid {worker} & until [ -e {world.folder}/left.pid ]; do sleep 0.02; done; exit 6"
    ended = world.end_of(world.launch("leaves", script))
    assert isinstance(ended, Ended)
    assert (ended.exit_code, ended.stopped, ended.leftover_processes) == (6, False, 1)
    assert (world.folder / "left.saved").read_text() == "1"


def test_what_it_starts_to_save_its_work_is_not_asked_to_end(world: Real) -> None:
    """A program that is told to end may need another for it."""
    saving = f"trap 'sleep 2.5; echo saved > {world.folder}/saved; exit 0' TERM; touch {world.folder}/ready"
    order = world.launch(
        "saves", f"(\n{saving}\nwhile :; do sleep 0.05; done\n)\n:", kill_grace_seconds=GRACE
    )
    until((world.folder / "ready").exists)
    assert world.launcher.stop(order.run_dir, Stop.CANCEL)
    assert isinstance(world.end_of(order), Ended)
    assert (world.folder / "saved").read_text() == "saved\n"


ORPHANS = 120
ROOM = 30
PLACES = 100
LEAVES = f"""\
i=0
while [ $i -lt {ORPHANS} ]; do (sleep 0.01 &); i=$((i+1)); sleep 0.01; done
echo all
"""


def zombies_below(pid: int) -> int:
    return sum(state_of(one) == "Z" for one in descendants_of(pid))


@pytest.mark.parametrize("talks", [True, False])
def test_what_loses_its_parent_and_ends_leaves_no_zombie_while_the_job_runs(world: Real, talks: bool) -> None:
    """Whether its supervisor still is in its first wait, or has been waked by output."""
    order = world.order("orphans", "", argv=("sh", "-c", ("echo begin\n" if talks else "") + LEAVES))
    world.launcher.launch(order)
    supervisor = until(lambda: supervisor_of(order.run_dir))
    assert supervisor is not None
    highest = 0

    def is_over() -> bool:
        nonlocal highest
        highest = max(highest, zombies_below(supervisor))
        return world.output(order).endswith(b"all\n")

    until(is_over)
    assert highest < ROOM
    ended = world.end_of(order)
    assert isinstance(ended, Ended)
    assert (ended.exit_code, ended.leftover_processes <= 1) == (0, True)


def test_ended_orphans_of_a_job_take_no_slots_for_processes(world: Real) -> None:
    world.launcher.start()
    assert world.launcher._process is not None
    leaves = "i=0; while [ $i -lt 1000 ]; do (sleep 0.01 &); i=$((i+1)); done; exit 5"
    with limited("pids", PLACES, world.launcher._process.pid):
        ended = world.end_of(world.launch("storm", leaves))
        world.launcher.close()
    assert isinstance(ended, Ended)
    assert ended.exit_code == 5


def test_reaping_orphans_never_takes_the_end_of_the_job(world: Real) -> None:
    """They end at the same moments."""
    script = "for i in 1 2 3 4 5; do (sleep 0.02 &); (true &); done; sleep 0.02; exit 7"
    orders = [world.order(f"race{number}", "", argv=("sh", "-c", script)) for number in range(40)]
    world.launcher.launch(*orders)
    for order in orders:
        ended = world.end_of(order)
        assert isinstance(ended, Ended)
        assert ended.exit_code == 7


def test_a_supervisor_that_has_reaped_sleeps_on(world: Real) -> None:
    """An orphan wakes it once: afterwards it costs nothing."""
    order = world.launch("quiet", f"(sleep 0.05 &); sleep 0.2; touch {world.folder}/reaped; sleep 30")
    until((world.folder / "reaped").exists)
    supervisor = until(lambda: supervisor_of(order.run_dir))
    assert supervisor is not None

    def used() -> int:
        fields = Path(f"/proc/{supervisor}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    before = used()
    pause(1.5)
    assert used() - before < os.sysconf("SC_CLK_TCK") // 5
    assert world.launcher.stop(order.run_dir, Stop.KILL)
    world.end_of(order)
