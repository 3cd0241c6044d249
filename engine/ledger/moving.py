"""Moves a ledger to another database: every row, compared before anything is committed."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import NamedTuple

from engine.core.errors import StoreRefusedError
from engine.ledger.cells import KEYS
from engine.ledger.copy_ports import Cells, Copyable
from engine.ledger.rows import db_text

Findings = Callable[[Copyable], Sequence[str]]
"""What is wrong in a ledger, in words: the invariants that `doctor` checks."""


class Moved(NamedTuple):
    """What was moved: the number of rows of each table."""

    rows: Mapping[str, int]
    is_done_before: bool
    """Whether an earlier move had copied everything and was interrupted before it marked the old ledger."""


class _TrialOverError(Exception):
    """Undoes the copy of a trial."""


def move(source: Copyable, target: Copyable, *, findings: Findings, is_trial: bool = False) -> Moved:
    """Copy a ledger, compare each row, commit the copy, then mark the source as moved.

    The source is locked all the time. After a crash between the last two steps both ledgers are there and
    equal, and a second move only marks the source. A trial does all but commit. Raises StoreRefusedError,
    and then nothing has changed.
    """
    with source.transaction():
        with suppress(_TrialOverError), target.transaction():
            moved = _copied(source, target, findings)
            if is_trial:
                raise _TrialOverError
        if not is_trial:
            source.mark_moved(target.shown)
    return moved


def _copied(source: Copyable, target: Copyable, findings: Findings) -> Moved:
    columns = source.columns()
    if {table: set(names) for table, names in columns.items()} != {
        table: set(names) for table, names in target.columns().items()
    }:
        raise StoreRefusedError(f"the tables of {source.shown} and {target.shown} differ: a bug in jobfile")
    is_there = any(_has_rows(target, table, names) for table, names in columns.items() if table != "meta")
    rows, digests = {}, {}
    for table, names in columns.items():
        seen = _Seen(source.rows(table, names, _key(table)))
        if is_there:
            seen.read()
        else:
            target.add(table, names, seen)
        rows[table], digests[table] = seen.count, seen.digest
    target.number_on()
    for table, names in columns.items():
        copy = _Seen(target.rows(table, names, _key(table)))
        copy.read()
        if (copy.count, copy.digest) != (rows[table], digests[table]):
            raise StoreRefusedError(_differs(source, target, table, is_there=is_there))
    found = findings(target)
    known = frozenset(findings(source) if found else ())
    new = [one for one in found if one not in known]
    if new:
        raise StoreRefusedError(f"the copy in {target.shown} is not sound: {'; '.join(new)}")
    return Moved(rows, is_there)


NOT_STORABLE = ("\\x00", "\\ud")
"""How Python shows a NUL and a lone surrogate, and harmless texts beside them."""


class _Seen:
    """Rows that pass, counted and hashed, with texts that every database can store: a row that was altered
    may have others.
    """

    def __init__(self, rows: Iterable[Cells]) -> None:
        self._rows = rows
        self._hash = sha256()
        self.count = 0

    def __iter__(self) -> Iterator[Cells]:
        for row in self._rows:
            cells, text = row, repr(row)
            if not text.isascii() or any(one in text for one in NOT_STORABLE):
                cells = _storable(row)
                text = repr(cells)
            self.count += 1
            self._hash.update(text.encode("utf-8", "backslashreplace"))
            yield cells

    @property
    def digest(self) -> str:
        """The hash of all rows that have passed."""
        return self._hash.hexdigest()

    def read(self) -> None:
        """Let all rows pass."""
        for _ in self:
            pass


def _storable(row: Cells) -> Cells:
    return tuple(db_text(one) if isinstance(one, str) else one for one in row)


def _has_rows(ledger: Copyable, table: str, columns: Sequence[str]) -> bool:
    return next(iter(ledger.rows(table, columns, _key(table))), None) is not None


def _key(table: str) -> Sequence[str]:
    return KEYS.get(table, ("id",))


def _differs(source: Copyable, target: Copyable, table: str, *, is_there: bool) -> str:
    if is_there:
        return f"{target.shown} already has a ledger with other rows (table `{table}`); name an empty place"
    return f"the copy of table `{table}` in {target.shown} differs from {source.shown}; nothing was changed"
