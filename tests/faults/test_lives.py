"""An engine's life broken off at every step that it takes on a disk, and a disk that fails at every one.

What each crash leaves (E: the engine is killed, H: the host loses power), and what holds it:

====  =====================================================  ================================================
C0    E before what is due is committed                      killed (plot work): due again, one record
C1    E within that commit                                   killed: whole or not at all
C2    E between the record and the intent                    killed: started once
C3    E between the intent and the launch                    killed: same attempt, no retry is used up
C4    the supervisor before its marker                       test_shim.py: not started, executed once
C5    the supervisor, or H, after its marker                 test_shim.py, power cuts: lost, never success
C6    E while a job runs                                     killed (act `boot`): taken over
C7    E, and the job ends meanwhile                          killed (plot times): the true exit code
C8    the supervisor before the result is written            test_shim.py: lost
C9    E between the result and its commit                    killed: settled once
C10   E between that commit and what is owed                 killed: sent at least once, under one name
C11   E between the commit and the folder's removal          killed (plot times), test_past.py: swept
C12   E while a retry waits                                  killed (plot work): at its time, same number
C13   E between the failure and the next intent              killed (plot work): one transaction
C14   E between a cancel and its signal                      killed (plot work): told by the next engine
C15   E after the signal                                     killed (plot work): cancelled
C16   E while a generation is applied                        killed (plots birth, times): old or new
C17   H while jobs run                                       power cuts: lost(host_reboot), or the result
C18   another pid namespace                                  as C17: it is part of the boot's name
C19   E while old runs are taken away                        killed (plot times): coverage as it was
C20   a torn result                                          power cuts, test_launcher.py: no result, lost
C21   the disk is full when a job ends                       test_shim.py, test_f53: the result is recorded
C22   E between an end and the run that follows from it      killed (plot chains): followed once
====  =====================================================  ================================================

What a killed process has written stays, so what is left after step k is what is left before step k + 1, and
whatever is seen from outside (a launch, a signal, a message) is a step too: so "before" each step is enough.
One life is lived, and stands still before each step; the next engine goes on with a copy of what is there.
Where it finds what another has found before, to the last row, it would live the same life again.
Lives are broken off, and disks fail, at the first and the last of the writes in a row to one file: `edges`
in driver.py says why. Of the faults, `TURNS` in driver.py take turns at these steps. Of steps that are alike
(what was changed last, in which tables and files, and what comes next), each eighth is taken, from the first.
`JOBFILE_SOAK=1` takes the long way: a next life for each step, also for kills after it, faults at every step
and in every plot, two hundred times the power cuts.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.preload import library
from tests.soak import IS_SOAK

ROOT = Path(__file__).parents[2]
CUTS = 1_800 if IS_SOAK else 8
PATIENCE = 3_600 if IS_SOAK else 400

pytestmark = pytest.mark.timeout(PATIENCE)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """In memory where that can be: what a sync costs is not the question here."""
    memory = Path("/dev/shm")
    where = memory if os.access(memory, os.W_OK) else tmp_path
    with tempfile.TemporaryDirectory(prefix="jobfile-", dir=where) as folder:
        yield Path(folder)


def live(folder: Path, plot: str, how: str, *numbers: int) -> dict[str, object]:
    """Let the driver break lives off; how many steps one has, and what went wrong."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.driver", plot, how, str(folder), *map(str, numbers)],
        cwd=ROOT,
        env={**os.environ, "LD_PRELOAD": str(library())},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def assert_good(found: dict[str, object], *, at_least: int) -> None:
    assert found["failures"] == [], "\n\n".join(found["failures"])  # type: ignore[arg-type]  # texts
    assert int(str(found["steps"])) >= at_least, "the plot has lost its steps"


@pytest.mark.parametrize("how", ["KILL_BEFORE", "KILL_AFTER"] if IS_SOAK else ["KILL_BEFORE"])
@pytest.mark.parametrize("plot", ["birth", "work", "times", "stages", "axes", "chains"])
def test_f01_killed_at_any_step_the_next_engine_comes_to_the_same_end(
    place: Path, plot: str, how: str
) -> None:
    # A ledger is made in one transaction: a birth has fewer steps than a life.
    assert_good(live(place, plot, how), at_least=190 if plot == "birth" else 200)


FAULTS = ("eio-once", "enospc-from", "eio-sync-from")
"""Of these, one full disk and one that fails are enough for each change; the soak has the fourth, too."""


@pytest.mark.parametrize("fault", (*FAULTS, "enospc-once") if IS_SOAK else FAULTS)
@pytest.mark.parametrize("plot", ["brief", "work", "times"] if IS_SOAK else ["brief"])
def test_a_disk_that_fails_at_any_step_leaves_nothing_half_written_and_the_end_as_it_was(
    place: Path, plot: str, fault: str
) -> None:
    assert_good(live(place, plot, fault), at_least=30)


@pytest.mark.parametrize(
    ("plot", "seed"),
    [
        ("work", 1),
        ("times", 100_001),
        ("brief", 200_001),
        ("stages", 300_001),
        ("axes", 400_001),
        ("chains", 500_001),
    ],
)
def test_f55_after_a_power_cut_nothing_that_was_reported_is_lost_and_nothing_is_invented(
    place: Path, plot: str, seed: int
) -> None:
    assert_good(live(place, plot, "CUT", CUTS, seed), at_least=500)


def test_a_ledger_without_syncs_fails_this_test(place: Path) -> None:
    """The power cuts would find it: with synchronous=off what was told is lost."""
    found = live(place, "work", "CUT_CARELESS", 60, 1)
    assert found["failures"]
