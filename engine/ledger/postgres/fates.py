"""How a transaction has ended whose commit was not answered: the server knows that for a while."""

import threading
import time
from enum import StrEnum
from typing import Any, Final

import psycopg

from jobfile.model.namedtuple import NamedTuple

PATIENCE_SECONDS: Final = 5.0
"""How long the server may take to notice that the connection is gone: then it knows."""
LOOK_SECONDS: Final = 0.1
MARK: Final = "pg_current_xact_id()::text as xact, server_now() as server"
"""The columns of a mark."""
_FATE: Final = "select pg_xact_status(%(xact)s::xid8) as status, server_now() as server"


class Fate(StrEnum):
    """What is known of a transaction."""

    DONE = "committed"
    NOT_DONE = "aborted"
    UNKNOWN = "unknown"


class Mark(NamedTuple):
    """A transaction, as its server knows it. Another server gives the same numbers to others."""

    xact: str
    server: str


def fate_of(db: psycopg.Connection[Any], mark: Mark) -> Fate:
    """How a transaction has ended, asked over another connection."""
    until = time.monotonic() + PATIENCE_SECONDS
    while mark.server:
        [found] = db.execute(_FATE, {"xact": mark.xact}).fetchall()
        if found["server"] != mark.server:
            break  # a standby has taken over, which may lack it, or have another one with its number
        if found["status"] in (Fate.DONE, Fate.NOT_DONE):
            return Fate(found["status"])
        if time.monotonic() >= until:
            break
        threading.Event().wait(LOOK_SECONDS)
    return Fate.UNKNOWN
