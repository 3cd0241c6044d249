"""The keys of the language that this engine cannot run yet; alone, because `check` needs nothing else."""

from typing import Final

UNABLE: Final[tuple[str, ...]] = ()
"""The keys that `check` reports."""
