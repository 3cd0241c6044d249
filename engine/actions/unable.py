"""The keys of the language that this engine cannot run yet, in a module of their own: `check` needs no more."""

from typing import Final

UNABLE: Final[tuple[str, ...]] = ()
"""The keys that `check` reports."""
