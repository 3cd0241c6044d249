"""Finds the runs that may start now, each queue on its own, so that none is starved by another."""

from datetime import datetime
from typing import Final

from engine.ledger.connection import Connection
from engine.ledger.rows import Row, to_us

LOOKED_AT: Final = 32
"""How many runs that wait for another are read in starting order, beyond the number that can start. If these
do not suffice, the runs are found by their keys. With many keys that is slower, and with many blocked runs
reading them in order is slower.
"""


def startable(db: Connection, *, now: datetime, limit: int, is_catchup: bool, ahead: int = 0) -> list[Row]:
    """The rows of the runs that may start, in starting order; see the port."""
    found: list[Row] = []
    for lane in db.rows("starting.lanes"):
        most = limit
        if lane["slots"] is not None:
            free = lane["slots"] - lane["used"]
            if free <= 0:
                continue
            most = min(limit, free + ahead)
        found += _of_lane(db, lane["name"], to_us(now), most, is_catchup=is_catchup)
    found.sort(key=_starting_order)
    return found[:limit]


def _of_lane(db: Connection, lane: str, now: int, most: int, *, is_catchup: bool) -> list[Row]:
    values = {"queue": lane, "now": now, "limit": most, "is_catchup": is_catchup}
    found = list(db.rows("starting.ready", values))
    overlapped = db.rows("starting.overlapped", {**values, "looked_at": most + LOOKED_AT})
    if len(overlapped) < most:
        overlapped = db.rows("starting.overlapped_by_key", values)
    found += overlapped
    if not is_catchup:
        found += db.rows("starting.retries", values)
    found.sort(key=_starting_order)
    return found[:most]


def _starting_order(row: Row) -> tuple[int, int, int]:
    return -row["priority"], row["scheduled_for"], row["seq"]
