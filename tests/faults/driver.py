"""Interrupts lives: runs with the library of faults loaded, warms up once, and forks for each life."""

import contextlib
import errno
import gc
import itertools
import json
import mmap
import os
import shutil
import signal
import sqlite3
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from random import Random

from engine.core.lifecycle import AttemptKey, AttemptState, Ended, Lost, StartError
from engine.execution.launcher_client import ProcessLauncher
from tests.engine.real import KEY
from tests.faults import plots
from tests.faults.disk import KINDS, Disk, read_log
from tests.faults.life import FolderLauncher, Life, Plot
from tests.faults.preload import Inside, Kind, Mode
from tests.soak import IS_SOAK

inside = Inside()
at_act = mmap.mmap(-1, 4096)
"""The number of the current act of a life, in memory that all forked processes share."""


State = dict[str, str]
"""What the next engine reads: a digest of each file and each table, by name."""
Step = tuple[Kind, str]
"""What a step of an engine does, and with which file."""
EACH = 8
"""Of steps that are alike, the first and then each eighth are tested; `make soak` tests them all."""


def note_act(index: int) -> None:
    at_act[:4] = index.to_bytes(4, "big")


def forked(what: Callable[[], None], report: Path) -> int:
    """Fork a process that calls `what`, and writes an exception into a file; its number."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            what()
            code = 0
        except BaseException:  # noqa: BLE001  any exception is a failure of this child
            inside.disarm()
            report.write_text(traceback.format_exc())
        finally:
            os._exit(code)
    return pid


def in_child(what: Callable[[], None], report: Path) -> int:
    """Call `what` in a forked process; its signal or exit code. An exception is written into a file."""
    return os.waitstatus_to_exitcode(os.waitpid(forked(what, report), 0)[1])


def lived(life: Life) -> dict[str, object]:
    """The state at the end of a complete life, after checking it."""
    life.assert_sound()
    life.assert_ended()
    return json.loads(json.dumps(life.end_state()))


def seen_by_the_next(place: Path) -> State:
    """Everything that the next engine reads: the files, and the ledger's rows
    after SQLite has recovered it.
    """
    found: dict[str, list[object]] = {}
    for path in sorted(place.rglob("*")):
        is_ledger = path.name.startswith("ledger.db")
        if is_ledger and path.name != "ledger.db":
            continue  # SQLite's own files: their effect is in the rows below, or they are discarded
        about = path.lstat()
        is_read = path.is_file() and not is_ledger
        part = found.setdefault(path.relative_to(place).parts[:2][-1], [])
        part += [str(path), about.st_mode, bool(about.st_size), path.read_bytes() if is_read else b""]
    ledger = place / "state" / "ledger.db"
    if ledger.exists():
        with contextlib.closing(sqlite3.connect(ledger, isolation_level=None)) as database:
            for name in ("quick_check", "journal_mode", "user_version", "application_id"):
                found[f"pragma {name}"] = database.execute(f"pragma {name}").fetchall()
            found["schema"] = made = database.execute("select name, sql, type from sqlite_master").fetchall()
            for name in (name for name, _, what in made if what == "table"):
                found[f"table {name}"] = database.execute(f"select * from {name}").fetchall()
    return {name: sha256(repr(part).encode()).hexdigest() for name, part in found.items()}


def seed(plot: Plot, folder: Path, *, is_empty: bool) -> Path:
    """The start of every life: an empty folder, or a state folder of an engine
    that has booted and crashed.
    """
    made = folder / "seed"
    made.mkdir()
    if not is_empty:
        assert in_child(lambda: Life(made, plot).crash(), folder / "report") == 0
    return made


class Runs:
    """Many lives of one plot, all from the same start."""

    def __init__(self, plot: Plot, folder: Path, *, is_empty: bool) -> None:
        self.plot, self.folder = plot, folder
        self._warm_up()
        self.seed = seed(plot, folder, is_empty=is_empty)
        self.failures: list[str] = []
        self.seen: set[tuple[int, frozenset[tuple[str, str]]]] = set()
        self.last: State = {}
        self.kinds: Counter[object] = Counter()
        self.lives = 0
        self.report = folder / "report"
        self.wanted = self._undisturbed()

    def _warm_up(self) -> None:
        """Load and compile everything once here, so that no child has to do it again."""
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
        """Boot another engine on the folder of a killed one, and live to the end."""
        life = Life(place, self.plot, act=act)
        life.assert_sound()
        life.go_on(act)
        self.compare(life)

    def has_gone_on(self, left: Path, place: Path, act: int, step: Step) -> bool:
        """Whether the next engine reaches the same end from a copy of the remaining folder."""
        if not IS_SOAK:
            shutil.copytree(left, place)
            state = seen_by_the_next(place)
            shutil.rmtree(place)
            if not self._is_chosen(act, state, step):
                return True
        self.lives += 1
        shutil.copytree(left, place)
        is_good = in_child(lambda: self.go_on(place, act), self.report) == 0
        shutil.rmtree(place)
        return is_good

    def _is_chosen(self, act: int, state: State, step: Step) -> bool:
        """Whether the next engine lives on from this state.

        What it does depends only on what it reads and on the time. After a step that changes neither, it
        would live exactly the same life again. Of the others, the first and then each eighth is chosen of
        those that are alike in what was changed last and in what comes next.
        """
        changed = frozenset(name for name, _ in state.items() ^ self.last.items())
        self.last = state
        found = act, frozenset(state.items())
        if found in self.seen:
            return False
        self.seen.add(found)
        self.kinds[changed, step] += 1
        return self.kinds[changed, step] % EACH == 1

    def compare(self, life: Life) -> None:
        """Check that the end is the same as that of the undisturbed life."""
        found = lived(life)
        for key, value in self.wanted.items():
            assert found[key] == value, f"{key}:\n{found[key]}\nand not\n{value}"

    def fail(self, name: str) -> None:
        self.failures.append(f"{self.plot.name}, {name}:\n{self.report.read_text()}")


STANDING = {"KILL_BEFORE": Mode.STOP_BEFORE, "KILL_AFTER": Mode.STOP_AFTER}


def counted(runs: Runs, kinds: Kind) -> list[Step]:
    """The steps of an undisturbed life."""
    place, log = runs.place("counted"), runs.folder / "counted.log"

    def live() -> None:
        inside.arm(place / "state", Mode.COUNT, log=log, kinds=kinds)
        Life(place, runs.plot, step=inside.step if kinds & Kind.NOTE else lambda _: None).go_on()
        inside.disarm()

    assert in_child(live, runs.report) == 0, runs.report.read_text()
    shutil.rmtree(place)
    return [(KINDS.get(one.kind, Kind.NAME), one.path) for one in read_log(log)]


def edges(steps: list[Step]) -> list[str]:
    """What each step is among the consecutive writes to one file: the first, the last, or nothing to test.

    A commit writes many pages in a row. An error or a kill at any of them aborts the same statement in the
    same way, so the others would only repeat the result. `make soak` tests them all.
    """
    around = zip([None, *steps], steps, [*steps[1:], None], strict=False)
    return [
        "first" if before != step else "last" if after != step else "within" if IS_SOAK else ""
        for before, step, after in around
    ]


def crashes(runs: Runs, how: str, only: int | None = None) -> int:
    """Kill the engine at its k-th step, for every k, and continue; returns the number of steps.

    In fact one life pauses at each of its steps. Its folder then is just what a killed engine would leave, so
    the next engine continues with a copy, which has the folder's name in the meantime.
    """
    steps = counted(runs, Kind.ALL)
    edge = edges(steps)
    place, aside = runs.place("life"), runs.folder / "aside"

    def live() -> None:
        inside.arm(place / "state", STANDING[how], only or 1)
        life = Life(place, runs.plot, step=inside.step, on_act=note_act)
        life.go_on()
        inside.disarm()
        lived(life)

    note_act(0)
    pid, k = forked(live, runs.report), only or 1
    while os.WIFSTOPPED(status := os.waitpid(pid, os.WUNTRACED)[1]):
        if only or edge[k - 1]:
            place.rename(aside)
            act = int.from_bytes(at_act[:4], "big")
            if not runs.has_gone_on(aside, place, act, kind_of(steps[k - 1])):
                runs.fail(f"{how} step {k}")
            aside.rename(place)
        is_enough = only or len(runs.failures) > 5
        os.kill(pid, signal.SIGKILL if is_enough else signal.SIGCONT)
        k += 1
    if os.waitstatus_to_exitcode(status) not in (0, -signal.SIGKILL):
        runs.fail(f"{how}, the life itself")
    assert only or runs.failures or k - 1 == len(steps), "a life that stands still takes other steps"
    return k - 1


def kind_of(step: Step) -> Step:
    """A step without what is its own: `launch` and `send` have the name of their run."""
    what, path = step
    return what, Path(path).name.partition(" ")[0]


FAULTS = {
    "eio-once": (Mode.FAIL_ONCE, errno.EIO, Kind.DISK),
    "enospc-once": (Mode.SHORT_ONCE, errno.ENOSPC, Kind.DISK),
    "enospc-from": (Mode.FAIL_FROM, errno.ENOSPC, Kind.DISK & ~Kind.SYNC),
    "eio-sync-from": (Mode.FAIL_FROM, errno.EIO, Kind.SYNC),
}
"""Faults of a disk: one error, one short write, no space for a while, no sync for a while."""
TURNS = ("eio-once", "enospc-from")
"""Faults that take turns: each step meets one of them. `make soak` tests each step with both."""


def places_of(fault: str, runs: Runs) -> Iterator[int]:
    """The steps at which a disk fails, by number: of edges that are alike, the first and then each eighth.

    Numbers continue beyond the last step, because a life with faults may be longer.
    """
    steps = counted(runs, Kind.DISK)
    _, _, kinds = FAULTS[fault]
    number, turns, alike = 0, itertools.cycle(TURNS), Counter[object]()
    for step, edge in zip(steps, edges(steps), strict=True):
        turn = next(turns) if edge else ""
        if step[0] & kinds:
            number += 1
            if IS_SOAK or (edge and (fault not in TURNS or fault == turn)):
                alike[kind_of(step), edge] += 1
                if IS_SOAK or alike[kind_of(step), edge] % EACH == 1:
                    yield number
    yield from itertools.count(number + 1)


def errors(runs: Runs, fault: str, only: int | None = None) -> int:
    """Let the k-th step fail, for every k; the engine must continue to the same end."""
    mode, error, kinds = FAULTS[fault]
    for k in [only] if only else places_of(fault, runs):
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
        if (not code and not fired) or len(runs.failures) > 5:
            break
    return k - 1


def cuts(runs: Runs, count: int, first_seed: int) -> int:
    """Cut the power at random steps of one life, and reboot the host; returns the number of steps."""
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
        # Before the first act the tables are created, which takes a third of all steps.
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
    """Reboot the host: attempts without a result are lost, and all reported ends stay true."""
    launched = [json.loads(line) for line in (place / "outside").read_text().splitlines()]
    life = Life(place, runs.plot, act=act, launcher=FolderLauncher, boot_id="boot-2")
    life.assert_sound()
    told = {str(line["run"]) for line in life.outside.all("told")}
    for line in (one for one in launched if one["what"] == "launch"):
        key = AttemptKey(*line["key"])
        attempt = life.store.past.attempt(key)
        if key.run_id in told or attempt is None or attempt.boot_id == "boot-2":
            continue
        folder = life.config.attempt_dir(key)
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
        steps = crashes(runs, how, *numbers)
    used = sum(os.times()[:4])
    print(
        json.dumps(
            {"steps": steps, "lives": runs.lives, "failures": runs.failures, "seconds": round(used, 1)}
        )
    )


if __name__ == "__main__":
    main(sys.argv[1:])
