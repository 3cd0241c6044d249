"""What hosts know about each other, in the tables `leader` and `host`; and hints between them."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import psycopg

from engine.core.hosts import Host, Leader, Scheduler
from engine.ledger.host_ports import EVERYONE
from engine.ledger.postgres.connection import PostgresConnection, PostgresRow
from engine.ledger.rows import from_us, maybe_from_us

_US: Final = timedelta(microseconds=1)
LISTEN_SECONDS: Final = 1.0
"""How often a listener checks whether it should end."""
_CHANNEL: Final = "select 'jobfile_' || current_schema() as name"


class PostgresLeadership:
    """Implements `Leadership`."""

    def __init__(self, db: PostgresConnection) -> None:
        """Use a connection."""
        self._db = db

    def acquire(self, holder: str, *, host: str, length: timedelta) -> int | None:
        found = self._db.rows("leader.acquire", {"holder": holder, "host": host, "length": length // _US})
        return found[0]["term"] if found else None

    def release(self, holder: str) -> None:
        self._db.rows("leader.release", {"holder": holder})

    def current(self) -> Leader | None:
        for row in self._db.rows("leader.current"):
            until = from_us(row["until"])
            is_over = row["until"] <= row["now"]
            return Leader(row["holder"], row["host"], row["host_name"], row["term"], until, is_over)
        return None


class PostgresHosts:
    """Implements `Hosts`."""

    def __init__(self, db: PostgresConnection) -> None:
        """Use a connection."""
        self._db = db

    def appear(self, host: Host) -> bool:
        values = {
            name: getattr(host, name)
            for name in ("id", "name", "process", "boot_id", "version", "slots", "carrier")
        }
        [row] = self._db.rows("host.appear", {**values, "labels": json.dumps(host.labels)})
        return bool(row["is_draining"])

    def sign(
        self,
        host: str,
        process: str,
        *,
        skew: timedelta,
        free_bytes: int,
        trouble: str,
        lack: str = "",
        server: str = "",
    ) -> bool | None:
        values = {"id": host, "process": process, "skew": skew // _US, "free_bytes": free_bytes}
        found = self._db.rows("host.sign", {**values, "trouble": trouble, "lack": lack, "server": server})
        return bool(found[0]["is_draining"]) if found else None

    def leave(self, host: str, process: str) -> None:
        self._db.rows("host.leave", {"id": host, "process": process})

    def all(self) -> Sequence[Host]:
        return [_host(row) for row in self._db.rows("host.all")]

    def drain(self, name: str, *, is_draining: bool) -> bool:
        return bool(self._db.rows("host.drain", {"name": name, "is_draining": is_draining}))

    def forget(self, *, after: timedelta) -> int:
        return len(self._db.rows("host.forget", {"after": after // _US}))

    def forget_members(self, *, after: timedelta) -> int:
        return len(self._db.rows("host.forget_members", {"after": after // _US}))

    def now(self) -> datetime:
        [row] = self._db.rows("host.now")
        return from_us(row["now"])


def _host(row: PostgresRow) -> Host:
    return Host(
        id=row["id"],
        name=row["name"],
        process=row["process"],
        boot_id=row["boot_id"],
        version=row["version"],
        labels=tuple(json.loads(row["labels"])),
        slots=row["slots"],
        is_draining=bool(row["is_draining"]),
        seen_at=from_us(row["seen_at"]),
        ended_at=maybe_from_us(row["ended_at"]),
        skew=row["skew"] * _US,
        free_bytes=row["free_bytes"],
        trouble=row["trouble"],
        held=row["held"],
        silence=(row["now"] - row["seen_at"]) * _US,
        carrier=row["carrier"],
        lack=row["lack"],
        server=row["server"],
    )


class PostgresSchedulers:
    """Implements `Schedulers`."""

    def __init__(self, db: PostgresConnection) -> None:
        """Use a connection."""
        self._db = db

    def sign(self, host: str, *, name: str, process: str, version: str, carrier: str) -> None:
        values = {"id": host, "name": name, "process": process, "version": version, "carrier": carrier}
        self._db.rows("scheduler.sign", values)

    def leave(self, host: str, process: str) -> None:
        self._db.rows("scheduler.leave", {"id": host, "process": process})

    def all(self) -> Sequence[Scheduler]:
        return [
            Scheduler(
                id=row["id"],
                name=row["name"],
                process=row["process"],
                version=row["version"],
                carrier=row["carrier"],
                leads=bool(row["leads"]),
                seen_at=from_us(row["seen_at"]),
                ended_at=maybe_from_us(row["ended_at"]),
                silence=(row["now"] - row["seen_at"]) * _US,
            )
            for row in self._db.rows("scheduler.all")
        ]

    def leading_carrier(self) -> str:
        found = self._db.rows("scheduler.leading_carrier")
        return str(found[0]["carrier"]) if found else ""

    def forget(self, *, after: timedelta) -> int:
        return len(self._db.rows("scheduler.forget", {"after": after // _US}))


class PostgresHints:
    """Implements `Hints` with NOTIFY. A listener has the connection for itself."""

    def __init__(self, db: PostgresConnection) -> None:
        """Use a connection."""
        self._db = db

    def ring(self, who: str) -> None:
        self._db.run("select pg_notify('jobfile_' || current_schema(), %(who)s)", {"who": who})

    def listen(self, heard: Callable[[str], None], *, is_over: Callable[[], bool]) -> None:
        address = self._db.address
        with self._db._explaining_errors(), psycopg.connect(address.conninfo, autocommit=True) as own:
            [(channel,)] = own.execute(_CHANNEL).fetchall()
            own.execute(psycopg.sql.SQL("listen {}").format(psycopg.sql.Identifier(channel)))
            heard(EVERYONE)
            while not is_over():
                for notice in own.notifies(timeout=LISTEN_SECONDS):
                    heard(notice.payload)
