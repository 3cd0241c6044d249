"""Breaks lives off: started with the library of faults loaded, warm, and forked for every single one."""

import errno
import gc
import json
import mmap
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from random import Random

from engine.core.lifecycle import AttemptState, Ended, Lost, StartError
from engine.execution.launcher_client import ProcessLauncher
from tests.engine.real import KEY
from tests.faults import plots
from tests.faults.disk import Disk, read_log
from tests.faults.life import FolderLauncher, Life, Plot
from tests.faults.preload import Inside, Kind, Mode

inside = Inside()
at_act = mmap.mmap(-1, 4096)
"""In which act a life is; seen by whoever goes on with it."""


def note_act(index: int) -> None:
    at_act[:4] = index.to_bytes(4, "big")


def in_child(what: Callable[[], None], report: Path) -> int:
    """Do it in a forked process; the signal or the exit code, and what went wrong in a file."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            what()
            code = 0
        except BaseException:  # noqa: BLE001  whatever it is, this child has failed
            inside.disarm()
            report.write_text(traceback.format_exc())
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def lived(life: Life) -> dict[str, object]:
    """The state at the end of a life that has come to it."""
    life.assert_sound()
    life.assert_ended()
    return json.loads(json.dumps(life.end_state()))


def seed(plot: Plot, folder: Path, *, is_empty: bool) -> Path:
    """What every life begins with: an empty folder, or an engine that has booted and is gone."""
    made = folder / "seed"
    made.mkdir()
    if not is_empty:
        assert in_child(lambda: Life(made, plot).crash(), folder / "report") == 0
    return made


class Runs:
    """One plot, lived again and again from the same seed."""

    def __init__(self, plot: Plot, folder: Path, *, is_empty: bool) -> None:
        self.plot, self.folder = plot, folder
        self._warm_up()
        self.seed = seed(plot, folder, is_empty=is_empty)
        self.failures: list[str] = []
        self.report = folder / "report"
        self.wanted = self._undisturbed()

    def _warm_up(self) -> None:
        """What is loaded and compiled once here, no child has to do again."""
        place = self.folder / "warm"
        place.mkdir()
        life = Life(place, self.plot)
        life.go_on()
        lived(life)
        life.crash()
        gc.collect()
        gc.freeze()
        gc.disable()

    def _undisturbed(self) -> dict[str, object]:
        place = self.place("undisturbed")
        found = self.folder / "wanted"

        def live() -> None:
            life = Life(place, self.plot)
            life.go_on()
            found.write_text(json.dumps(self._end(place, life)))

        assert in_child(live, self.report) == 0, self.report.read_text()
        return json.loads(found.read_text())

    def _end(self, place: Path, life: Life) -> dict[str, object]:
        return lived(life)

    def place(self, name: str) -> Path:
        place = self.folder / name
        shutil.copytree(self.seed, place)
        return place

    def go_on(self, place: Path, act: int) -> None:
        """Another engine boots on what a killed one has left."""
        life = Life(place, self.plot, act=act)
        life.assert_sound()
        life.go_on(act)
        self.compare(life)

    def compare(self, life: Life) -> None:
        """The end must be that of the undisturbed life."""
        found = lived(life)
        for key, value in self.wanted.items():
            assert found[key] == value, f"{key}:\n{found[key]}\nand not\n{value}"

    def fail(self, name: str) -> None:
        self.failures.append(f"{self.plot.name}, {name}:\n{self.report.read_text()}")


def crashes(runs: Runs, mode: Mode, only: int | None = None) -> int:
    """Kill the engine at its k-th step, for every k, and go on; how many steps there are."""
    k = only or 1
    while True:
        name = f"{mode.name} step {k}"
        place = runs.place(name)

        def live(place: Path = place, k: int = k) -> None:
            inside.arm(place / "state", mode, k)
            life = Life(place, runs.plot, step=inside.step, on_act=note_act)
            life.go_on()
            inside.disarm()
            lived(life)

        note_act(0)
        code = in_child(live, runs.report)
        if code not in (0, -signal.SIGKILL) or (
            code
            and in_child(
                lambda place=place: runs.go_on(place, int.from_bytes(at_act[:4], "big")), runs.report
            )
        ):
            runs.fail(name)
        shutil.rmtree(place)
        if code == 0 or only or len(runs.failures) > 5:
            return k - 1
        k += 1


FAULTS = {
    "eio-once": (Mode.FAIL_ONCE, errno.EIO, Kind.DISK),
    "enospc-once": (Mode.SHORT_ONCE, errno.ENOSPC, Kind.DISK),
    "enospc-from": (Mode.FAIL_FROM, errno.ENOSPC, Kind.DISK & ~Kind.SYNC),
    "eio-sync-from": (Mode.FAIL_FROM, errno.EIO, Kind.SYNC),
}
"""What a disk may do: one error, one write that is cut short, no room for a while, no sync for a while."""


def errors(runs: Runs, fault: str, only: int | None = None) -> int:
    """Let the k-th step fail, for every k; the engine lives on to the same end."""
    mode, error, kinds = FAULTS[fault]
    k = only or 1
    while True:
        name = f"{fault} step {k}"
        place = runs.place(name)

        def live(place: Path = place, k: int = k) -> None:
            inside.arm(place / "state", mode, k, error=error, kinds=kinds)
            life = Life(place, runs.plot, mend=inside.disarm)
            life.go_on()
            inside.disarm()
            at_act[4:8] = inside.fired.to_bytes(4, "big")
            runs.compare(life)

        code = in_child(live, runs.report)
        fired = int.from_bytes(at_act[4:8], "big")
        if code:
            runs.fail(name)
        shutil.rmtree(place)
        if (not code and not fired) or only or len(runs.failures) > 5:
            return k - 1
        k += 1


def cuts(runs: Runs, count: int, first_seed: int) -> int:
    """Cut the power at random steps of one life; the host boots anew. How many steps there are."""
    place, log = runs.place("recorded"), runs.folder / "log"

    def record() -> None:
        inside.arm(place / "state", Mode.COUNT, log=log)
        life = Life(
            place,
            runs.plot,
            step=inside.step,
            on_act=lambda index: inside.step(f"act {index}"),
            count=lambda: inside.count,
            launcher=FolderLauncher,
        )
        life.go_on()
        inside.disarm()
        lived(life)

    assert in_child(record, runs.report) == 0, runs.report.read_text()
    steps = read_log(log)
    first = next(number for number, one in enumerate(steps) if one.path == "act 0")
    told = [json.loads(line) for line in (place / "outside").read_text().splitlines()]
    for number in range(first_seed, first_seed + count):
        chance = Random(number)
        # Before the first act the tables are made, which is a third of all steps.
        at = chance.randint(1 if number % 5 == 0 else first, len(steps))
        name = f"power cut after step {at}, seed {number}"
        there = runs.folder / "after"
        disk = Disk(place / "state")
        disk.take(steps[:at])
        disk.cut(chance)
        disk.write_to(there / "state")
        seen = [json.dumps(line) + "\n" for line in told if line["steps"] <= at]
        (there / "outside").write_text("".join(seen))
        acts = [one.path.removeprefix("act ") for one in steps[:at] if one.path.startswith("act ")]
        act = int(acts[-1]) if acts else 0
        if in_child(lambda act=act, there=there: after_cut(runs, there, act), runs.report):
            runs.fail(name)
        shutil.rmtree(there)
        if len(runs.failures) > 5:
            break
    return len(steps)


def after_cut(runs: Runs, place: Path, act: int) -> None:
    """The host boots anew: what has no result is lost, and what was told is true."""
    launched = [json.loads(line) for line in (place / "outside").read_text().splitlines()]
    life = Life(place, runs.plot, act=act, launcher=FolderLauncher, boot_id="boot-2")
    life.assert_sound()
    told = {str(line["run"]) for line in life.outside.all("told")}
    for line in (one for one in launched if one["what"] == "launch"):
        run_id, number = str(line["attempt"]).split("-")
        attempt = life.store.past.attempt(run_id, int(number))
        if run_id in told or attempt is None or attempt.boot_id == "boot-2":
            continue
        folder = life.config.attempt_dir(run_id, int(number))
        found = ProcessLauncher(None, key=KEY).evidence(folder, boot_id=attempt.boot_id)
        if isinstance(found, Lost):
            assert (attempt.state, attempt.reason) == (AttemptState.LOST, "host_reboot"), attempt
        else:
            assert isinstance(found, (Ended, StartError)), found
            assert attempt.state is not AttemptState.LOST
    life.go_on(act)
    lived(life)


def main(arguments: list[str]) -> None:
    name, how, folder, *more = arguments
    runs = Runs(getattr(plots, name), Path(folder), is_empty=name == "birth" or how.startswith("CUT"))
    numbers = [int(one) for one in more]
    if how == "CUT_CARELESS":
        Life.pragma = "synchronous=off"
    if how.startswith("CUT"):
        steps = cuts(runs, *numbers)
    elif how in FAULTS:
        steps = errors(runs, how, *numbers)
    else:
        steps = crashes(runs, Mode[how], *numbers)
    used = sum(os.times()[:4])
    print(json.dumps({"steps": steps, "failures": runs.failures, "seconds": round(used, 1)}))


if __name__ == "__main__":
    main(sys.argv[1:])
