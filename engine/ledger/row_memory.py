"""Remembers rows as values, for a reader that is asked again and again: most rows are as they were."""

from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from engine.ledger.rows import Row

Read = TypeVar("Read")

KEPT_ROWS: Final = 2_048
"""Number of rows that are remembered: those of a list of 500 jobs. Each takes about 1 KB: all of 10,000 jobs
took 50 MB, and saved a fifth of the processor time of an answer that nobody waits for.
"""


class RowMemory:
    """Values by the cells of their rows. A value never changes, so all who read an equal row may share it.

    Threads may share a memory: at worst two of them make the same value.
    """

    def __init__(self, most: int = KEPT_ROWS) -> None:
        """Remember nothing yet."""
        self._most = most
        self._kept: dict[object, object] = {}

    def value(self, read: "Callable[[Row], Read]", query: str, row: "Row") -> Read:
        """The value that `read` makes of a row of a query. Raises the errors of `read`."""
        key = (read, query, *row)  # the columns of one query are always the same
        found = self._kept.get(key)
        if found is None:
            found = read(row)
            if len(self._kept) >= self._most:
                self._forget()
            self._kept[key] = found
        return found  # type: ignore[return-value]  # one reader makes one kind of value

    def _forget(self) -> None:
        """Forget the eighth that came first."""
        for key in list(islice(self._kept, self._most // 8)):
            self._kept.pop(key, None)
