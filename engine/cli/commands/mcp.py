"""`jobfile mcp`: the answers as tools for an agent, over standard input and output or HTTP."""

import ipaddress
import logging
import secrets
import signal
import socket
from collections.abc import Sequence

import click

from engine.asking.place import Place
from engine.cli.agents.acting import ACTIONS
from engine.cli.exit_codes import GOOD
from engine.cli.place import place_options
from engine.core.errors import JobfileError
from engine.core.extras import not_installed
from engine.host.environment import take_from_environment
from jobfile.diagnostics.suggest import suggest
from jobfile.model.namedtuple import NamedTuple

TOKEN = "JOBFILE_MCP_TOKEN"  # noqa: S105  the name of the variable
MIN_TOKEN = 24
"""Minimum number of characters of a token."""
MAX_PORT = 65_535
BACKLOG = 128
"""How many connections may wait to be accepted."""


@click.command("mcp")
@click.option(
    "--allow",
    "given",
    multiple=True,
    metavar="ACTION",
    help=f"Allow actions: --allow {','.join(ACTIONS)} [default: the tools only read]. Repeatable.",
)
@click.option(
    "--listen",
    metavar="HOST:PORT",
    help="Serve HTTP on this address of this machine: 127.0.0.1:8765 [default: standard input and output].",
)
@click.option(
    "--allow-host",
    "names",
    multiple=True,
    metavar="NAME[:PORT]",
    help="With --listen: also answer to this name, as clients write it. Needed for an address that other "
    "machines can reach; put a proxy with TLS before it. Repeatable.",
)
@place_options
def command(given: tuple[str, ...], names: tuple[str, ...], *, listen: str | None, place: Place) -> int:
    """Serve an agent, by the Model Context Protocol: did, why, report, logs, check, plan and others as tools.

    The tools only read, unless --allow names actions; the audit records the user and the agent of each
    action. With --listen, a client needs a token: that of $JOBFILE_MCP_TOKEN, or else one that is printed at
    the start.

    Needs the extra: pip install 'jobfile[mcp]'
    """
    allowed = _allowed(given)
    if names and listen is None:
        raise click.UsageError("--allow-host is for HTTP; add --listen, or remove it")
    address = None if listen is None else _address(listen, names)
    given_token = take_from_environment(TOKEN)  # no job gets it
    token = chosen_token(given_token)
    try:
        from engine.integrations.mcp import make_server, serve_stdio  # noqa: PLC0415  start-up time, and an extra
        from engine.integrations.mcp_http import serve_http  # noqa: PLC0415  start-up time, and an extra
        from engine.web.connections import Connection  # noqa: PLC0415  start-up time, and an extra
    except ModuleNotFoundError as error:
        raise not_installed("the server for agents needs", error, extra="mcp") from error
    from engine.cli.agents.attending import Attendant  # noqa: PLC0415  start-up time: `--help` needs none of it
    from engine.cli.agents.registry import ABOUT, refusal, tools_of  # noqa: PLC0415  start-up time

    logging.getLogger("mcp").setLevel(logging.ERROR)  # it would log what clients send
    attendant = Attendant(place)
    tools = tools_of(place, attendant, allowed=allowed)
    known = [tool.name for tool in tools]
    server = make_server(tools, about=ABOUT, refusal=lambda name: refusal(name, known))
    try:
        if address is None:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # the thread that reads would not end
            serve_stdio(server)
        else:
            listening = _listening(address)
            hosts = _hosts(address, listening.getsockname()[1], names)
            _say_where(listening, "" if given_token else token)
            serve_http(server, listening, hosts=hosts, token=token, connection=Connection)
    finally:
        attendant.end()
    return GOOD


def _allowed(given: Sequence[str]) -> frozenset[str]:
    """The actions of --allow."""
    found = [one for text in given for one in text.split(",") if one]
    for one in found:
        if one not in ACTIONS:
            near = suggest(one, ACTIONS)
            hint = f"did you mean {' or '.join(near)}?" if near else f"give one of {', '.join(ACTIONS)}"
            raise click.UsageError(f"--allow: '{one}' is not an action; {hint}")
    return frozenset(found)


class Address(NamedTuple):
    """Where to listen."""

    host: str
    port: int
    is_local: bool
    """Whether only this machine can reach it."""


def _address(text: str, names: Sequence[str]) -> Address:
    """The address of --listen. One that other machines can reach needs the names that they use."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (host and port.isascii() and port.isdigit() and int(port) <= MAX_PORT):
        raise click.UsageError(f"--listen takes HOST:PORT such as 127.0.0.1:8765, found '{text}'")
    found = Address(host, int(port), _is_loopback(host))
    if not found.is_local and not names:
        raise click.UsageError(
            f"--listen {text} can be reached from other machines: name the host that clients use with "
            "--allow-host NAME, and put a proxy with TLS before it; or listen on 127.0.0.1"
        )
    return found


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listening(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        # With the protocol named, asyncio sends each part of an answer at once (TCP_NODELAY).
        made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((address.host, address.port))
        made.listen(BACKLOG)
    except OSError as error:
        why = error.strerror or error
        raise JobfileError(
            f"cannot listen on port {address.port} of {address.host} ({why}); give another"
        ) from error
    return made


def _hosts(address: Address, port: int, names: Sequence[str]) -> list[str]:
    """The names of this server in requests."""
    own = ("127.0.0.1", "localhost", "[::1]") if address.is_local else ()
    return [*(f"{host}:{port}" for host in own), *names]


def chosen_token(given: str) -> str:
    """The token that clients need: the given one, or a new one."""
    if given and len(given) < MIN_TOKEN:
        raise click.UsageError(
            f"${TOKEN} has fewer than {MIN_TOKEN} characters; make one with  openssl rand -hex 32"
        )
    return given or secrets.token_urlsafe(32)


def _say_where(listening: socket.socket, new_token: str) -> None:
    """Say on standard error where the server is, and its token if that is new."""
    host, port = listening.getsockname()[:2]
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    click.echo(f"listening on http://{where}/mcp", err=True)
    if new_token:
        click.echo(f"token: {new_token}", err=True)
