"""How often a test repeats what it does: as often as `make test` has time for, or `make soak`."""

import os

IS_SOAK = bool(os.environ.get("JOBFILE_SOAK"))


def examples(count: int) -> int:
    """The number of examples of a property: in `make test` half of them, which are the same each time; in
    `make soak` ten times as many, and others each time.
    """
    return 10 * count if IS_SOAK else max(5, count // 2)
