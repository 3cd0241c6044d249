"""Jobs that do what no job should: their state is right, the engine is unharmed, others notice nothing.

One engine for all of them, and beside them a witness that runs each second.
"""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.core.lifecycle import Attempt, Run, RunState
from engine.supervisor.output import HEAD_BYTES, SEGMENT_BYTES, SEGMENTS_KEPT, OutputTail
from tests.acceptance.engines import (
    SOAK_MINUTES,
    attempt_dir,
    attempts_of,
    check_every_instant,
    check_nothing_open,
    descendants_of,
    drain,
    end,
    events,
    final,
    is_gone,
    lines_of,
    number_in,
    output,
    put,
    run_of,
    runs,
    start_ready,
    submit,
    supervisor,
    until,
)

FLOOD_BYTES = 10_000_000_000 if SOAK_MINUTES else 500_000_000
MAX_SUPERVISOR_KIB = 64 * 1024
SHORT = "timeout: 3s\n    kill_grace: 1s"

NASTY = {
    "flood": (
        "timeout: 10m",
        f"echo first; head -c {FLOOD_BYTES} /dev/zero | tr '\\0' x; echo; echo last; exit 3",
    ),
    "closed": ("timeout: 1m", "exec >&- 2>&- <&-; sleep 0.2; exit 4"),
    "daemons": (
        "timeout: 1m",
        "for n in 1 2 3 4 5; do (setsid sh -c 'echo $$ >> daemons; sleep 71' &); done; "
        "until [ $(wc -l < daemons) = 5 ]; do sleep 0.05; done; exit 0",
    ),
    "deaf": (SHORT, "trap '' TERM INT HUP; sleep 72; sleep 72"),
    "bytes": (
        "timeout: 1m",
        r"printf 'a\377\376\000b\033[31mred\033[0m \033]0;title\007\033[2J\b\rc\342\200\256d\n'; exit 0",
    ),
    "no-files": ("timeout: 1m", "ulimit -n 0; exit 5"),
    "no-writes": ("timeout: 1m", "ulimit -f 0; echo still told; exit 6"),
    "too-large": ("timeout: 1m", "ulimit -c 0; ulimit -f 1; head -c 1000000 /dev/zero > large; exit 6"),
    "no-memory": ("timeout: 1m", "ulimit -v 2000; (head -c 99999999 /dev/zero | sort > /dev/null) || exit 7"),
    "fork-bomb": (
        SHORT,
        "f() { if [ $1 = 0 ]; then sleep 73; else f $(($1 - 1)) & f $(($1 - 1)) & wait; fi; }; f 7",
    ),
    "own-group": ("timeout: 1m", "sleep 74 & sleep 0.1; kill -9 0"),
    "stands-still": (SHORT, "kill -STOP $$; exit 0"),
    "other-pipe": (
        "timeout: 1m",
        "echo mine; exec 3< /proc/self/fd/1; cat <&3 > /dev/null & exec > /dev/null 2>&1; echo no; exit 8",
    ),
    "own-killer": ("timeout: 1m", "echo $$ > killer; kill -9 $PPID; exec sleep 75"),
    "full-scratch": ("timeout: 1m", 'rm -rf "$JOBFILE_RUN_DIR"; echo > "$JOBFILE_RUN_DIR"; exit 10'),
    "much-env": (
        "timeout: 1m",
        "export A=$(head -c 100000 /dev/zero | tr '\\0' x); exec env A=$A true; exit 0",
    ),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, "subprocess.Popen[bytes]"]]:
    folder = tmp_path_factory.mktemp("nasty")
    witness = (
        "  witness:\n    schedule: {every: 1s}\n    timeout: 1m\n    run: echo $JOBFILE_RUN_ID >> seen\n"
    )
    jobs = "".join(
        f"  {name}:\n    {more}\n    run: |\n      {body}\n" for name, (more, body) in NASTY.items()
    )
    put(folder, f"version: 1\njobs:\n{witness}{jobs}")
    process = start_ready(folder)
    yield folder, process
    before = len(lines_of(folder / "seen"))
    until(lambda: len(lines_of(folder / "seen")) > before, "the witness goes on")
    assert events(folder, "LoopFailed") == []
    assert end(process) == 0
    drain(folder)
    witnessed = [run for run in runs(folder, "witness") if run.attempt]
    assert {run.state for run in witnessed} == {RunState.SUCCEEDED}
    assert sorted(lines_of(folder / "seen")) == sorted(run.id for run in witnessed)
    check_nothing_open(folder)
    check_every_instant(folder)


@pytest.fixture
def folder(world: tuple[Path, "subprocess.Popen[bytes]"]) -> Iterator[Path]:
    yield world[0]
    assert world[1].poll() is None, "the engine is there"


def ran(folder: Path, job: str) -> tuple[Run, Attempt]:
    ended = final(folder, submit(folder, job))
    (attempt,) = attempts_of(folder, ended.id)
    return ended, attempt


@pytest.mark.timeout(1200)
def test_a_flood_is_capped_in_the_middle_and_costs_its_supervisor_no_memory(folder: Path) -> None:
    run_id = submit(folder, "flood")
    boss = supervisor(folder, run_id)
    highest = 0

    def is_over() -> bool:
        nonlocal highest
        highest = max(highest, high_water_kib(boss))
        return run_of(folder, run_id).state.is_final

    until(is_over, "the end of the flood", patience=600)
    ended, (attempt,) = run_of(folder, run_id), attempts_of(folder, run_id)
    assert (ended.state, ended.exit_code) == (RunState.FAILED, 3)
    assert 0 < highest < MAX_SUPERVISOR_KIB
    kept = OutputTail(attempt_dir(folder, run_id)).read()
    assert kept.startswith(b"first\nxxx")
    assert kept.endswith(b"xxx\nlast\n")
    assert len(kept) <= HEAD_BYTES + (SEGMENTS_KEPT + 1) * SEGMENT_BYTES
    (told,) = re.findall(rb"\n\[(\d+) bytes of output were dropped here\]\n", kept)
    assert int(told) == attempt.output_dropped > 0
    assert attempt.output_bytes == FLOOD_BYTES + len("first\n\nlast\n")
    assert attempt.output_bytes - attempt.output_dropped == len(kept) - len(told) - len(
        "\n[ bytes of output were dropped here]\n"
    )


def high_water_kib(pid: int) -> int:
    path = Path(f"/proc/{pid}/status")
    try:
        found = re.search(r"VmHWM:\s+(\d+)", path.read_text())
    except OSError:
        return 0
    return int(found[1]) if found else 0


@pytest.mark.parametrize(
    ("job", "code"),
    [
        ("closed", 4),
        ("no-files", 5),
        ("no-writes", 6),
        ("no-memory", 7),
        ("other-pipe", 8),
        ("full-scratch", 10),
        ("much-env", 0),
    ],
)
def test_a_job_that_mistreats_itself_ends_with_its_own_code(folder: Path, job: str, code: int) -> None:
    ended, attempt = ran(folder, job)
    assert (ended.exit_code, attempt.signal) == (code, None)
    assert ended.state is (RunState.SUCCEEDED if code == 0 else RunState.FAILED)
    if job == "no-writes":
        assert output(folder, ended.id) == "still told\n"


def test_a_file_beyond_the_jobs_own_limit_ends_the_job_and_nobody_else(folder: Path) -> None:
    ended, _ = ran(folder, "too-large")
    assert ended.state is RunState.FAILED
    assert ended.exit_code == 128 + 25  # head died of SIGXFSZ, and sh -e with it


def test_daemons_are_counted_and_ended(folder: Path) -> None:
    ended, attempt = ran(folder, "daemons")
    assert ended.state is RunState.SUCCEEDED
    assert attempt.leftover_processes >= 5
    assert all(is_gone(int(pid)) for pid in lines_of(folder / "daemons"))


@pytest.mark.parametrize("job", ["deaf", "fork-bomb", "stands-still"])
def test_a_job_that_does_not_want_to_end_ends_at_its_timeout_with_all_its_processes(
    folder: Path, job: str
) -> None:
    run_id = submit(folder, job)
    boss = supervisor(folder, run_id)
    wanted = 200 if job == "fork-bomb" else 1
    below = until(lambda: (found := descendants_of(boss)) and len(found) >= wanted and found, "all of it")
    ended = final(folder, run_id)
    assert ended.state is RunState.TIMED_OUT
    assert attempts_of(folder, run_id)[0].signal is not None
    until(lambda: all(map(is_gone, below)), "all of its processes are gone", patience=10)


def test_bytes_that_are_no_text_are_kept_as_they_are_and_shown_as_text(folder: Path) -> None:
    ended, _ = ran(folder, "bytes")
    assert ended.state is RunState.SUCCEEDED
    kept = OutputTail(attempt_dir(folder, ended.id)).read()
    assert kept.startswith(b"a\xff\xfe\x00b\x1b[31mred\x1b[0m")
    assert output(folder, ended.id).startswith("a\ufffd\ufffd\0b")


def test_a_job_that_kills_its_own_group_died_of_that(folder: Path) -> None:
    ended, attempt = ran(folder, "own-group")
    assert (ended.state, ended.exit_code, attempt.signal) == (RunState.FAILED, None, 9)


def test_a_job_that_kills_its_supervisor_is_lost_and_dead(folder: Path) -> None:
    ended, _ = ran(folder, "own-killer")
    assert (ended.state, ended.reason, ended.exit_code) == (RunState.LOST, "supervisor_killed", None)
    until(lambda: is_gone(number_in(folder / "killer")), "it is dead", patience=2)
