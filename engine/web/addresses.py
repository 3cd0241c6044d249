"""Where to listen, which names are answered there, and what is refused before a socket is opened."""

import ipaddress
from collections.abc import Sequence
from typing import Final

from engine.core.errors import WrongUsageError
from jobfile.model.namedtuple import NamedTuple
from jobfile.model.regex import regex

_ADDRESS: Final = regex(
    r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})",
)
_HOST: Final = regex(r"[a-z0-9.-]+(?::[0-9]{1,5})?|\[[0-9a-f:.]+\](?::[0-9]{1,5})?")
MAPPED: Final = "::ffff:"
LAST_PORT: Final = 65_535
DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class Listen(NamedTuple):
    """A TCP address."""

    host: str
    port: int

    @property
    def is_local(self) -> bool:
        """Whether only processes of this machine reach it."""
        return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback

    @property
    def text(self) -> str:
        """The address in the form of a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_listen(text: str, *, option: str = "--listen") -> Listen:
    """The address that a text names. Raises WrongUsageError."""
    found = _ADDRESS.fullmatch(text)
    if found is None or int(found[3]) > LAST_PORT:
        raise WrongUsageError(f"{option}: '{text}' is not HOST:PORT; give 127.0.0.1:8420 for this machine")
    host = found[1] or found[2]
    try:
        ipaddress.ip_address(host)
    except ValueError:
        if host != "localhost":
            raise WrongUsageError(
                f"{option}: '{host}' is not an address of this machine; give its IP address, and its name "
                f"with --host {host}"
            ) from None
    return Listen(host, int(found[3]))


def peer_of(client: Sequence[str]) -> str:
    """The address of a client; of one with IPv4 also if a socket for IPv6 has taken its connection."""
    return client[0].removeprefix(MAPPED)


def parse_proxy(text: str) -> str:
    """The address of a proxy, as `peer_of` gives it. Raises WrongUsageError."""
    try:
        return str(ipaddress.ip_address(text.lower().removeprefix(MAPPED)))
    except ValueError:
        raise WrongUsageError(f"--proxy: '{text}' is not an IP address; give that of the proxy") from None


def refuse_open(listen: Listen, *, has_tls: bool, is_behind_proxy: bool, hosts: Sequence[str]) -> None:
    """Refuse an address that other machines reach, if others could read what is sent to it."""
    if listen.is_local:
        return
    if not (has_tls or is_behind_proxy):
        raise WrongUsageError(
            f"other machines reach {listen.text}, and tokens would cross the network unencrypted; add "
            "--tls-cert and --tls-key, or --behind-proxy if a proxy in front of it does the TLS"
        )
    if not hosts:
        raise WrongUsageError(
            f"other machines reach {listen.text}; add the name that browsers use: --host jobs.example.org"
        )


def allowed_hosts(listen: Listen, names: Sequence[str], *, is_secure: bool) -> frozenset[str]:
    """The values of Host that are answered. A name without a port has the usual one, or this one."""
    default = DEFAULT_PORTS["https" if is_secure else "http"]
    found = set()
    own = (listen.text.rpartition(":")[0], *(("localhost",) if listen.is_local else ()))
    for name in (*own, *(one.lower() for one in names)):
        if _HOST.fullmatch(name) is None:
            raise WrongUsageError(f"--host: '{name}' is not a name, or a name and a port")
        if name.rpartition("]")[2].count(":"):
            found.add(name)
            continue
        found.add(f"{name}:{listen.port}")
        if listen.port == default or name not in own:
            found.add(name)
    return frozenset(found)
