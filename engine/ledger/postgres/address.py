"""The URL of a ledger in PostgreSQL: how to connect, and what may be shown of it."""

from collections.abc import Mapping
from typing import Final, NamedTuple

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from engine.core.errors import WrongUsageError
from engine.ledger.host_ports import HIDDEN

EXPECTED: Final = "postgresql://USER@HOST:PORT/DATABASE"
CONNECT_SECONDS: Final = 5
"""How long connecting to one host of the URL may take."""
UNANSWERED_SECONDS: Final = 5
"""A connection counts as broken when what was sent is not acknowledged within this time."""
IDLE_SECONDS: Final = 30
"""A keep-alive is sent after this time of silence."""


class Address(NamedTuple):
    """How to connect, as libpq's parameters; and the address without user, password and options, to show."""

    parameters: Mapping[str, str]
    shown: str

    @property
    def conninfo(self) -> str:
        """The parameters as one text, as libpq reads it."""
        return make_conninfo(**self.parameters)

    def without_password(self, text: str) -> str:
        """A text of the server or of libpq, without the password."""
        password = self.parameters.get("password")
        return text.replace(str(password), HIDDEN) if password else text


def address_of(url: str) -> Address:
    """Read a URL. The error never quotes it, because a mistake may be anywhere, also in the password."""
    try:
        given = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    except psycopg.ProgrammingError:
        raise _unreadable() from None  # psycopg's error quotes the URL
    if _has_strayed(url, given):
        raise _unreadable()
    defaults = {
        "connect_timeout": str(CONNECT_SECONDS),
        "tcp_user_timeout": str(UNANSWERED_SECONDS * 1000),
        "keepalives_idle": str(IDLE_SECONDS),
        "application_name": "jobfile",
    }
    if "," in given.get("host", ""):  # whichever of these servers can be written, perhaps after a failover
        defaults["target_session_attrs"] = "primary"
    return Address({**defaults, **given}, _shown(given))


def _has_strayed(url: str, given: Mapping[str, str]) -> bool:
    """Whether a character of the password that was not escaped has made a part of it a host, port or name."""
    ports = given.get("port", "").split(",")
    _, _, path = url.partition("://")[2].partition("/")
    return (
        "@" in given.get("host", "")
        or "@" in path.partition("?")[0]
        or not all(port.isdigit() or not port for port in ports)
    )


def _unreadable() -> WrongUsageError:
    return WrongUsageError(
        f"the ledger's URL cannot be read; expected  {EXPECTED}  with the characters `/ @ : % ? #` of a part "
        "as %2F %40 %3A %25 %3F %23"
    )


def _shown(given: Mapping[str, str]) -> str:
    host, port = given.get("host", ""), given.get("port", "")
    folder = f"?host={host}" if host.startswith("/") else ""
    name = "" if folder else host
    return f"postgresql://{name}{f':{port}' if port else ''}/{given.get('dbname', '')}{folder}"
