"""Outputs that are in the ledger, or in an object store, which may be out of reach."""

from collections.abc import Sequence
from typing import NoReturn

from engine.core.errors import OutputsUnavailableError
from engine.core.lifecycle import AttemptKey
from engine.core.pieces import IN_LEDGER, Piece, Whereabouts
from engine.ledger.host_ports import Outputs


class PlacedOutputs:
    """Implements `Outputs`: new ones are in an object store, and older ones may be in the ledger."""

    def __init__(self, table: Outputs, objects: Outputs) -> None:
        """Combine the two."""
        self._table = table
        self._objects = objects
        self.limits = objects.limits

    def append(self, pieces: Sequence[Piece], *, host: str) -> None:
        self._objects.append(pieces, host=host)

    def sent(self, attempt: AttemptKey, *, copy: int) -> Whereabouts:
        return self._objects.sent(attempt, copy=copy)

    def read(self, attempt: AttemptKey, *, copy: int, seq: int, size: int, limit: int) -> Sequence[Piece]:
        where = {"copy": copy, "seq": seq, "size": size, "limit": limit}
        return self._table.read(attempt, **where) or self._objects.read(attempt, **where)

    def stored_bytes(self, attempt: AttemptKey) -> int:
        return self._table.stored_bytes(attempt) or self._objects.stored_bytes(attempt)

    def lengths(self, attempt: AttemptKey) -> Sequence[Whereabouts]:
        return self._table.lengths(attempt) or self._objects.lengths(attempt)

    def drop_passed(self, attempt: AttemptKey, *, first: int, before: int, host: str) -> None:
        self._objects.drop_passed(attempt, first=first, before=before, host=host)

    def drop(self, run_id: str, *, logs: bool) -> int:
        return self._table.drop(run_id, logs=logs) + self._objects.drop(run_id, logs=logs)

    def total_bytes(self) -> int:
        return self._table.total_bytes() + self._objects.total_bytes()


class UnreachableOutputs:
    """Implements `Outputs` where the object store cannot be used: only questions about outputs fail."""

    limits = IN_LEDGER

    def __init__(self, why: str) -> None:
        """`why` is the reason that each question gets."""
        self._why = why

    def append(self, pieces: Sequence[Piece], *, host: str) -> None:  # noqa: ARG002  the port's signature
        self._refuse()

    def sent(self, attempt: AttemptKey, *, copy: int) -> Whereabouts:  # noqa: ARG002  as above
        self._refuse()

    def read(self, attempt: AttemptKey, *, copy: int, seq: int, size: int, limit: int) -> Sequence[Piece]:  # noqa: ARG002  as above
        self._refuse()

    def stored_bytes(self, attempt: AttemptKey) -> int:  # noqa: ARG002  as above
        self._refuse()

    def lengths(self, attempt: AttemptKey) -> Sequence[Whereabouts]:  # noqa: ARG002  as above
        self._refuse()

    def drop_passed(self, attempt: AttemptKey, *, first: int, before: int, host: str) -> None:  # noqa: ARG002  as above
        self._refuse()

    def drop(self, run_id: str, *, logs: bool) -> int:  # noqa: ARG002  as above
        self._refuse()

    def total_bytes(self) -> int:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise OutputsUnavailableError(self._why)
