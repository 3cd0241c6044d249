"""The URL of a ledger in PostgreSQL: how to connect, and what may be shown of it."""

from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Final, NamedTuple

import psycopg
from psycopg import pq
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
VERIFIED: Final = "verify-full"
"""The `sslmode` that lets nobody on the network read or answer in place of the server."""
PLAIN: Final = "disable"
"""The `sslmode` without TLS, for a network that nobody else can enter.

Other modes are refused for another machine. They seem safe but do not check who answers: an attacker in the
network could read the password, and change what hosts execute.
"""
_SECRET: Final = ("password", "sslpassword")


class Address(NamedTuple):
    """How to connect, as parameters of libpq; and what messages show: no user, no password, no options."""

    parameters: Mapping[str, str]
    shown: str

    @property
    def conninfo(self) -> str:
        """The parameters as one text, as libpq reads it."""
        return make_conninfo(**self.parameters)

    def without_password(self, text: str) -> str:
        """A message of the server or of libpq, without the password."""
        for name in _SECRET:
            if secret := self.parameters.get(name):
                text = text.replace(str(secret), HIDDEN)
        return text

    @property
    def is_plain(self) -> bool:
        """Whether records and passwords cross a network without TLS."""
        return self.parameters.get("sslmode") == PLAIN and not _are_here(self.parameters)


def address_of(url: str) -> Address:
    """Read a URL. Errors never quote it, because the mistake may be in the password."""
    try:
        given = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    except psycopg.ProgrammingError:
        raise _unreadable() from None  # psycopg's error quotes the URL
    if _has_strayed(url, given):
        raise _unreadable()
    defaults = {
        **_tls(given),
        "connect_timeout": str(CONNECT_SECONDS),
        "tcp_user_timeout": str(UNANSWERED_SECONDS * 1000),
        "keepalives_idle": str(IDLE_SECONDS),
        "application_name": "jobfile",
    }
    if "," in given.get("host", ""):  # whichever of these servers can be written, perhaps after a failover
        defaults["target_session_attrs"] = "primary"
    return Address({**defaults, **given}, _shown(given))


def _tls(given: Mapping[str, str]) -> Mapping[str, str]:
    """The parameters to add to a URL: TLS with a verified server, unless the server is on this machine."""
    mode = given.get("sslmode", VERIFIED)
    if _are_here(given):
        return {}
    if mode not in (VERIFIED, PLAIN):
        raise WrongUsageError(
            f"the ledger {_shown(given)} is on another machine, but `sslmode={mode}` in its URL does not "
            f"verify the server; use  sslmode={VERIFIED}  with  sslrootcert=FILE,  or  sslmode={PLAIN}  in a "
            "network that nobody else can enter"
        )
    return {"sslmode": VERIFIED}


def _are_here(given: Mapping[str, str]) -> bool:
    """Whether all hosts of a URL are surely this machine: a socket, `localhost`, or an address of it."""
    named = given.get("hostaddr") or given.get("host") or _default("hostaddr") or _default("host")
    return "service" not in given and all(_is_here(host) for host in named.split(","))


def _default(name: str) -> str:
    """The value that libpq takes from the environment when the URL has none."""
    found: Sequence[bytes | None] = [
        one.val for one in pq.Conninfo.get_defaults() if one.keyword == name.encode()
    ]
    return (found[0] or b"").decode() if found else ""


def _is_here(host: str) -> bool:
    if host in ("", "localhost") or host.startswith(("/", "@")):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _has_strayed(url: str, given: Mapping[str, str]) -> bool:
    """Whether an unescaped character in the password has made a part of it a host, port or name."""
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
