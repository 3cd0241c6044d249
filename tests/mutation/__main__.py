"""`make mutate`: makes many small changes to decision modules, and counts how many the tests notice.

MUTATE_SEED selects other changes; MUTATE_COUNT is the number of changes to each module (0: all);
MUTATE_MODULES is a list of modules, separated by commas. Exit code 1 if a module's tests notice less than 90
%.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.known import ROOT
from tests.mutation.covering import COVERING, Group
from tests.mutation.equivalents import is_equivalent
from tests.mutation.mutating import Mutant, drawn, mutants_of
from tests.mutation.running import Copy, is_noticed, most_seconds

DEFAULT_SEED, DEFAULT_COUNT = "1", 10
PROCESSES = 2
ENOUGH = 0.9


class Result(NamedTuple):
    """The result for a module's mutants."""

    path: str
    noticed: int
    survivors: tuple[Mutant, ...]
    is_sound: bool = True
    """Whether, after all mutants, the tests still passed without a change."""

    @property
    def is_enough(self) -> bool:
        return self.is_sound and self.noticed >= ENOUGH * (self.noticed + len(self.survivors))


def measured(group: Group) -> tuple[Group, float | None]:
    """The maximum time for a group of tests in seconds; None if it fails without any change."""
    with a_copy() as copy:
        return group, most_seconds(copy, group)


def examined(path: str, *, seed: str, count: int, limits: dict[Group, float]) -> Result:
    """Try a module's mutants, each with the tests that must notice it."""
    text = (ROOT / path).read_text()
    real = [mutant for mutant in mutants_of(text) if not is_equivalent(path, mutant)]
    chosen = drawn(real, seed=f"{seed}:{path}", count=count or len(real))
    own = {group: limits[group] for group in COVERING[path]}
    with a_copy() as copy:
        survivors = tuple(one for one in chosen if not is_noticed(copy, path, one, own))
        # Tests that failed for another reason, such as a replaced venv, did not notice the mutants.
        first = COVERING[path][0]
        is_sound = copy.is_green(first, seconds=own[first])
    return Result(path, len(chosen) - len(survivors), survivors, is_sound=is_sound)


@contextmanager
def a_copy() -> Iterator[Copy]:
    """A copy of the project for the `with` block."""
    with tempfile.TemporaryDirectory(prefix="mutate-", ignore_cleanup_errors=True) as folder:
        (Path(folder) / "project").mkdir()
        yield Copy(Path(folder) / "project")


def main(environ: dict[str, str]) -> int:
    """Run, print each module as it ends, and judge."""
    seed = environ.get("MUTATE_SEED", DEFAULT_SEED)
    count = int(environ.get("MUTATE_COUNT", DEFAULT_COUNT))
    paths = [path for path in environ.get("MUTATE_MODULES", "").split(",") if path] or list(COVERING)
    if unknown := [path for path in paths if path not in COVERING]:
        print(f"mutate: {', '.join(unknown)}: not in tests/mutation/covering.py, which has:", *COVERING)
        return 2
    begun = time.monotonic()
    with ProcessPoolExecutor(PROCESSES) as pool:
        limits = dict(pool.map(measured, {group for path in paths for group in COVERING[path]}))
        if broken := [" ".join(group) for group, limit in limits.items() if limit is None]:
            print("mutate: without any change, these tests fail:", *broken, sep="\n  ")
            return 2
        results = []
        for result in pool.map(partial(examined, seed=seed, count=count, limits=limits), paths):
            results.append(result)
            print(line_of(result), flush=True)
    print(summary(results, seed=seed, seconds=time.monotonic() - begun))
    return 0 if all(result.is_enough for result in results) else 1


def line_of(result: Result) -> str:
    """The result of a module, and each change that no test noticed."""
    total = result.noticed + len(result.survivors)
    verdict = "" if result.is_enough else f"   below {ENOUGH:.0%}"
    if not result.is_sound:
        verdict = "   but its tests fail without a change: ask again"
    lines = [f"{result.path}: {result.noticed} of {total} noticed{verdict}"]
    lines += [f"  {result.path}:{one.line}: {one.change}   [{one.source}]" for one in result.survivors]
    return "\n".join(lines)


def summary(results: Sequence[Result], *, seed: str, seconds: float) -> str:
    """The total, and what to do next."""
    noticed = sum(result.noticed for result in results)
    total = noticed + sum(len(result.survivors) for result in results)
    text = f"mutate: {noticed} of {total} changes noticed, seed {seed}, in {seconds / 60:.1f} minutes"
    few = [result.path for result in results if not result.is_enough]
    if few:
        text += f"\nmutate: write tests that notice these changes: {', '.join(few)}"
    return text


if __name__ == "__main__":
    sys.exit(main(dict(os.environ)))
