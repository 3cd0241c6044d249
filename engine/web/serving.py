"""Opens the socket and serves the page and the API until it is told to stop."""

import os
import socket
import stat
from datetime import datetime
from pathlib import Path
from typing import Final

import uvicorn

from engine.asking.place import Place
from engine.core.errors import JobfileError
from engine.host.clock import SystemClock
from engine.web.app import App
from engine.web.connections import Connection
from engine.web.limits import MAX_HEADER_BYTES, REQUEST_SECONDS
from engine.web.memory import Memory
from engine.web.routes import all_routes
from engine.web.site import Site

SOCKET: Final = "web.sock"
BACKLOG: Final = 512
STOP_SECONDS: Final = 3
LOCAL: Final = ("127.0.0.1", "[::1]", "localhost")


def make_site(place: Place, *, hosts: frozenset[str], is_secure: bool = False) -> Site:
    """The site of a place, answering to these hosts."""
    scheme = "https" if is_secure else "http"
    return Site(
        place=place,
        memory=Memory(place.config.ledger),
        clock=_now,
        hosts=hosts,
        origins=frozenset(f"{scheme}://{host}" for host in hosts),
        is_secure=is_secure,
    )


def serve(site: Site, sockets: list[socket.socket]) -> None:
    """Serve until SIGTERM or SIGINT."""
    config = uvicorn.Config(
        App(site, all_routes()),
        http=Connection,
        loop="asyncio",
        ws="none",
        lifespan="off",
        interface="asgi3",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_keep_alive=int(REQUEST_SECONDS),
        timeout_graceful_shutdown=STOP_SECONDS,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
    )
    uvicorn.Server(config).run(sockets=sockets)


def open_unix(state_dir: Path) -> socket.socket:
    """The socket in the state folder, for this user and root only. One that is left over is replaced."""
    path = state_dir / SOCKET
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise JobfileError(f"{path} is not a socket; remove it")
        if _is_served(path):
            raise JobfileError(f"the page is already served at {path}")
        path.unlink()
    except FileNotFoundError:
        pass
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        made.bind(str(path))
    except OSError as error:
        raise JobfileError(f"the socket {path} cannot be made ({error.strerror or error})") from error
    finally:
        os.umask(mask)
    return made


def open_tcp(host: str, port: int) -> socket.socket:
    """A socket for this address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except OSError as error:
        raise JobfileError(f"cannot listen at {host}:{port} ({error.strerror or error})") from error
    return made


def _is_served(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _now() -> datetime:
    return SystemClock().now()
