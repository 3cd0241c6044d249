"""A thousand occurrences with something wrong among them: what is right runs, whatever is beside it."""

import os
import signal
import subprocess
from pathlib import Path

from engine.core.lifecycle import RunState
from tests.acceptance.engines import (
    JOBFILE,
    check_every_instant,
    engine,
    generation,
    put,
    rows,
    runs,
    say,
    until,
)
from tests.acceptance.warm import Jobfile
from tests.soak import IS_SOAK

TICKS = "schedule: {every: 1s}, concurrency: {on_overlap: queue, max_waiting: 1000}, timeout: 1m"
GOOD = 100
WANTED = 1_000 if IS_SOAK else 500
"""Occurrences of good jobs that have run."""


def counted(folder: Path, condition: str) -> int:
    return int(rows(folder, f"select count(*) from run where {condition}")[0][0])


def test_bad_jobs_of_every_kind_keep_no_good_one_from_running(tmp_path: Path) -> None:
    """Without the capabilities of root (capabilities(7)), so that a folder can be closed to the engine."""
    locked = tmp_path / "locked"
    (locked / "inside").mkdir(parents=True)
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to("loop")
    bad = {
        "closed": f"working_dir: {locked}/inside",
        "long": f"working_dir: {'x' * 300}",
        "file": "working_dir: file",
        "loop": "working_dir: loop/x",
        "secret": "secrets: {S: env:NOT_SET}",
        "raw": "secrets: {S: env:RAW}",
    }
    jobs = "".join(f"  a-{name}: {{{TICKS}, {text}, command: ['true']}}\n" for name, text in bad.items())
    jobs += "".join(f"  b-good-{n}: {{{TICKS}, command: ['true']}}\n" for n in range(GOOD))
    put(tmp_path, f"version: 1\njobs:\n{jobs}")
    os.chown(locked, 1234, 1234)
    locked.chmod(0o700)
    as_user = (
        "setpriv",
        "--bounding-set=-dac_override,-dac_read_search",
        "--inh-caps=-dac_override,-dac_read_search",
    )
    with engine(tmp_path, prefix=as_user, RAW=os.fsdecode(b"caf\xe9-abcdef")):
        until(
            lambda: counted(tmp_path, "job like 'b-%' and state = 'succeeded'") >= WANTED, "runs", patience=90
        )
        assert say(tmp_path, "status").returncode == 0
    good = [run for run in runs(tmp_path) if run.job.startswith("b-") and run.state.is_final]
    assert {run.state for run in good} <= {RunState.SUCCEEDED, RunState.CANCELLED}
    for name in bad:
        ended = [run for run in runs(tmp_path, f"a-{name}") if run.state.is_final]
        expected = RunState.SUCCEEDED if name == "raw" else RunState.FAILED
        assert {run.state for run in ended} == {expected}, name
        assert len(ended) >= WANTED // GOOD // 2, f"{name} is tried anew at each occurrence"
    (closed, *_) = [run for run in runs(tmp_path, "a-closed") if run.state.is_final]
    assert (closed.reason, "Permission denied" in closed.detail) == ("working_dir_missing", True)
    check_every_instant(tmp_path)


def test_a_reader_that_stands_still_stops_nothing(tmp_path: Path) -> None:
    """The engine's output goes into a pipe that nobody reads, until a thousand occurrences are over."""
    jobs = "".join(f"  good-{n}: {{{TICKS}, command: ['true']}}\n" for n in range(GOOD))
    put(tmp_path, f"version: 1\njobs:\n{jobs}")
    read, write = os.pipe()
    engine_ = Jobfile(
        [JOBFILE, "up", "--json"], cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=write, stderr=write
    )
    os.close(write)
    try:
        until(
            lambda: generation(tmp_path) is not None and counted(tmp_path, "state = 'succeeded'") >= WANTED,
            "runs",
            patience=90,
        )
        assert say(tmp_path, "status").returncode == 0
        engine_.send_signal(signal.SIGTERM)
        assert engine_.wait(20) == 0, "nor does it hold up the end"
    finally:
        engine_.kill()
        engine_.wait()
        os.close(read)
    assert counted(tmp_path, "state in ('skipped', 'missed', 'failed', 'lost')") == 0
    check_every_instant(tmp_path)
