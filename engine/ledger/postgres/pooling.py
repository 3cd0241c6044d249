"""Finds a pooler that gives each transaction another connection to the server.

Settings of a session would reach other programs there, and get lost; so would the locks of a session.
"""

from contextlib import closing
from typing import Any, Final

import psycopg

_BACKEND: Final = "select pg_backend_pid()"


def is_pooled(opened: "psycopg.Connection[Any]", conninfo: str) -> bool:
    """Whether transactions of one connection may get different processes of the server.

    A process that is not the one that greeted is that of a pooler, perhaps for the whole session. A
    connection that is alone may get the same process each time, so another one holds a process meanwhile.
    """
    before = _backend(opened)
    if before == opened.info.backend_pid:
        return False
    with closing(psycopg.connect(conninfo, autocommit=True, prepare_threshold=None)) as other:
        try:
            other.execute("begin")
        except psycopg.Error:  # a pooler of statements refuses transactions
            return True
        return _backend(other) == before or _backend(opened) != before


def _backend(db: "psycopg.Connection[Any]") -> int:
    [row] = db.execute(_BACKEND).fetchall()
    return int(row[0])
