"""The output and artifacts of attempts, in the table `output_chunk`: in pieces, which are compressed here."""

import zlib
from collections.abc import Mapping, Sequence
from typing import Final

from engine.core.errors import OutputsUnavailableError
from engine.core.extras import not_installed
from engine.core.lifecycle import AttemptKey
from engine.core.pieces import IN_LEDGER, PIECE_BYTES, Piece, Whereabouts
from engine.ledger.host_ports import OUTPUTS, Outputs
from engine.ledger.placed_outputs import PlacedOutputs, UnreachableOutputs
from engine.ledger.postgres.connection import PostgresConnection

LEVEL: Final = 1
"""The level of zlib, a low one: the last piece of an output is compressed again each time that it grows."""


class PostgresOutputs:
    """Implements `Outputs`, and on a connection of a reader `Pieces`."""

    limits = IN_LEDGER

    def __init__(self, db: PostgresConnection) -> None:
        """Use a connection."""
        self._db = db

    def append(self, pieces: Sequence[Piece], *, host: str) -> None:
        pieces = sorted(pieces)  # in one order, so that two processes do not wait for each other
        values: dict[str, object] = {
            "host": host,
            "run_ids": [one.attempt.run_id for one in pieces],
            "numbers": [one.attempt.number for one in pieces],
            "steps": [one.attempt.step for one in pieces],
            "items": [one.attempt.item for one in pieces],
            "copies": [one.copy for one in pieces],
            "seqs": [one.seq for one in pieces],
            "sizes": [len(one.content) for one in pieces],
            "packed": [zlib.compress(one.content, LEVEL) for one in pieces],
        }
        self._db.rows("piece.append", values)

    def sent(self, attempt: AttemptKey, *, copy: int) -> Whereabouts:
        row = self._db.row("piece.sent", {**_key(attempt), "copy": copy})
        return Whereabouts() if row is None else Whereabouts(row["seq"], row["size"])

    def read(self, attempt: AttemptKey, *, copy: int, seq: int, size: int, limit: int) -> Sequence[Piece]:
        values = {**_key(attempt), "copy": copy, "seq": seq, "size": size, "limit": limit}
        return [
            Piece(attempt, copy, row["seq"], _unpacked(row["packed"]))
            for row in self._db.rows("piece.read", values)
        ]

    def stored_bytes(self, attempt: AttemptKey) -> int:
        [row] = self._db.rows("piece.stored_bytes", _key(attempt))
        return int(row["bytes"])

    def lengths(self, attempt: AttemptKey) -> Sequence[Whereabouts]:
        return [Whereabouts(row["seq"], row["size"]) for row in self._db.rows("piece.lengths", _key(attempt))]

    def drop_passed(self, attempt: AttemptKey, *, first: int, before: int, host: str) -> None:
        self._db.rows("piece.drop_passed", {**_key(attempt), "first": first, "before": before, "host": host})

    def drop(self, run_id: str, *, logs: bool) -> int:
        found = self._db.rows("piece.drop", {"run_id": run_id, "first": 0 if logs else 1})
        return sum(row["bytes"] for row in found)

    def total_bytes(self) -> int:
        [row] = self._db.rows("piece.total_bytes")
        return int(row["bytes"])


def outputs_of(db: PostgresConnection) -> Outputs:
    """Where the hosts on a ledger keep outputs: in its table, or in the object store that it names."""
    table = PostgresOutputs(db)
    row = db.row("meta.get_meta", {"key": OUTPUTS})
    if row is None or not row["value"]:
        return table
    return PlacedOutputs(table, _objects(row["value"]))


def _objects(url: str) -> Outputs:
    """The object store; if it cannot be used here, a stand-in whose errors say why."""
    try:
        from engine.ledger.objects import ObjectOutputs  # noqa: PLC0415  an extra, and start-up time

        return ObjectOutputs(url)
    except ImportError as error:
        what = "outputs in an object store need"
        return UnreachableOutputs(str(not_installed(what, error, extra="objects")))
    except OutputsUnavailableError as error:
        return UnreachableOutputs(str(error))


def _key(attempt: AttemptKey) -> Mapping[str, object]:
    return attempt._asdict()


def _unpacked(packed: bytes) -> bytes:
    """The content of a piece; empty if the stored bytes are not a compressed text."""
    try:
        return zlib.decompressobj().decompress(packed, PIECE_BYTES)
    except zlib.error:
        return b""
