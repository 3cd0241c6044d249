"""f72: a thousand jobs due in the same second, and two hundred that run at once.

How fast that goes is measured by `make bench`; the bounds here are wide and say only that it works.
"""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.core.lifecycle import RunState
from tests.acceptance.engines import (
    attempt_dir,
    check_every_instant,
    check_nothing_open,
    children_of,
    doctor,
    engine,
    generation,
    private_kib,
    put,
    rows,
    runs,
    say,
    supervisor_of,
    until,
)

CROWD = 1_000
AT_ONCE = 200
LEAST_AHEAD, TIMES_AHEAD = timedelta(seconds=6), 4
"""The time that an engine has to read the jobs before they are due: some times what `check` takes now."""
MAX_TRANSACTIONS = 60
"""Many at a time; between two of them others have their turn at the ledger."""
FIRST_WITHIN, LAST_WITHIN = timedelta(seconds=10), timedelta(seconds=90)
MAX_PRIVATE_KIB = 3 * 1024


def crowd(due: datetime) -> str:
    """A file with as many jobs, all due at once."""
    jobs = "".join(
        f"  job-{n:04}: {{schedule: {{at: '{due:%Y-%m-%dT%H:%M:%SZ}'}}, timeout: 5m, command: [/bin/true]}}\n"
        for n in range(CROWD)
    )
    return f"version: 1\njobs:\n{jobs}"


def test_f72_a_thousand_jobs_due_in_one_second_all_run_once_and_none_early(tmp_path: Path) -> None:
    put(tmp_path, crowd(datetime.now(UTC) + timedelta(days=1)))
    begun = time.monotonic()
    assert say(tmp_path, "check").returncode == 0
    ahead = LEAST_AHEAD + TIMES_AHEAD * timedelta(seconds=time.monotonic() - begun)
    due = (datetime.now(UTC) + ahead).replace(microsecond=0)
    put(tmp_path, crowd(due))
    with engine(tmp_path):
        assert generation(tmp_path) == 1
        assert datetime.now(UTC) < due, "the machine is too slow for this test"
        until(
            lambda: rows(tmp_path, "select count(*) from run where state = 'succeeded'") == [(CROWD,)],
            "all of them",
            patience=(LAST_WITHIN + ahead).total_seconds(),
        )
    found = runs(tmp_path)
    assert {run.scheduled_for for run in found} == {due}
    assert len({run.job for run in found}) == len(found) == CROWD
    assert all(run.attempt == 1 and run.exit_code == 0 for run in found)
    assert len({run.queued_at for run in found}) <= MAX_TRANSACTIONS
    starts = sorted(start for run in found if (start := run.started_at) is not None)
    assert len(starts) == CROWD
    assert due <= starts[0] <= due + FIRST_WITHIN
    assert starts[-1] <= due + LAST_WITHIN
    check_nothing_open(tmp_path)
    check_every_instant(tmp_path)
    doctor(tmp_path)


def test_two_hundred_run_at_once_and_each_costs_little_memory(tmp_path: Path) -> None:
    """All of them wait in open(2) of one named pipe, which costs no processor time."""
    os.mkfifo(tmp_path / "gate")
    jobs = "".join(
        f"  job-{n:03}: {{schedule: {{every: 1s}}, timeout: 5m, command: [cat, gate]}}\n"
        for n in range(AT_ONCE)
    )
    put(tmp_path, f"version: 1\njobs:\n{jobs}")
    with engine(tmp_path, JOBFILE_MAX_RUNNING=AT_ONCE):
        until(lambda: len(running(tmp_path)) == AT_ONCE, "two hundred runs", patience=60)
        bosses = until(lambda: waiting_at_the_gate(tmp_path), "two hundred processes", patience=60)
        private = sorted(private_kib(boss) for boss in bosses)
        put(tmp_path, f"version: 1\njobs:\n{jobs}".replace("schedule: {every: 1s}", "enabled: true"))
        until(lambda: generation(tmp_path) == 2, "no more of them")
        (tmp_path / "gate").write_text("")
        until(lambda: not running(tmp_path), "the end of all", patience=60)
    assert private[-1] <= MAX_PRIVATE_KIB
    ran = [run for run in runs(tmp_path) if run.attempt]
    assert [run.state for run in ran] == [RunState.SUCCEEDED] * AT_ONCE
    assert all(run.attempt == 1 for run in ran)
    check_nothing_open(tmp_path)
    check_every_instant(tmp_path)


def running(folder: Path) -> list[str]:
    return [run_id for (run_id,) in rows(folder, "select id from run where state = 'running'")]


def waiting_at_the_gate(folder: Path) -> list[int]:
    """The supervisors, if each of them has a job that executes its command now."""
    bosses = [supervisor_of(attempt_dir(folder, run_id)) for run_id in running(folder)]
    jobs = [child for boss in bosses if boss for child in children_of(boss)]
    names = [Path(f"/proc/{pid}/comm").read_text().strip() for pid in jobs]
    return [boss for boss in bosses if boss] if names == ["cat"] * AT_ONCE else []
