"""Opens the socket and serves the page and the API until it is stopped."""

import contextlib
import gc
import logging
import os
import signal
import socket
import ssl
import stat
import sys
import threading
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

import uvicorn

from engine.asking.place import Place
from engine.core.access import Role
from engine.core.errors import JobfileError
from engine.host.clock import SystemClock
from engine.host.hardening import allow_many_files, make_undumpable
from engine.host.lock import make_state_dir
from engine.host.memory_release import share_arenas
from engine.host.ownership import refuse_foreign_state
from engine.web.access import make_token
from engine.web.addresses import Listen, allowed_hosts
from engine.web.apart.computer import Computer
from engine.web.apart.first import first_questions
from engine.web.app import App
from engine.web.certificates import Renewal, tls_context
from engine.web.compiled import CompiledFiles
from engine.web.connections import Connection
from engine.web.limits import MAX_HEADER_BYTES, REQUEST_SECONDS
from engine.web.memory import PAGE, Memory
from engine.web.routes import all_routes
from engine.web.site import Site
from engine.web.visit_place import SitePlace
from engine.web.watch import Watch
from jobfile.model.dataclass import dataclass

SOCKET: Final = "web.sock"
ADDRESS: Final = "web.address"
"""A file with the address, for  jobfile ui."""
BACKLOG: Final = 512
ROWS: Final = 4_096
"""How many rows the server remembers: those of a page. Lists of all jobs are made beside it."""
SWITCH_SECONDS: Final = 0.0005
"""How soon a thread that computes an answer lets a quick request go first. With Python's 5 ms a request waits
that long for each of its steps.
"""
STOP_SECONDS: Final = 3
"""How long requests may take when the server ends."""
UVICORN: Final = "uvicorn.error"
"""The log of uvicorn about everything but requests."""
SEARCHES: Final = (50_000, 10, 100)
"""After how many new objects Python searches these for garbage, and after how many such searches it searches
older ones, and then all. With 10,000 jobs a search of all stops every request for half a second, and Python's
own numbers make one every few seconds.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to serve."""

    listen: Listen | None = None
    """None for the socket in the state folder."""
    hosts: tuple[str, ...] = ()
    certificate: Path | None = None
    key: Path | None = None
    is_behind_proxy: bool = False
    proxies: tuple[str, ...] = ()
    proxy_role: Role = Role.VIEWER

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach it by https."""
        return self.certificate is not None or self.is_behind_proxy

    @property
    def url(self) -> str:
        """Where browsers find it; empty for a socket."""
        if self.listen is None:
            return ""
        name = self.hosts[0] if self.hosts else self.listen.text
        has_port = bool(self.hosts) and (":" in name or self.is_behind_proxy)
        address = name if has_port or not self.hosts else f"{name}:{self.listen.port}"
        return f"{'https' if self.is_secure else 'http'}://{address}/"


class Server:
    """The page and the API of one place, with its socket open."""

    def __init__(self, place: Place, options: Options, computer: Computer) -> None:
        """Open the socket; the computer has answers. Raises JobfileError if that cannot be."""
        make_state_dir(place.state_dir)
        refuse_foreign_state(place.state_dir)
        make_undumpable()
        allow_many_files()
        make_token(place.state_dir)
        self._options = options
        self._state_dir = place.state_dir
        self._tls: ssl.SSLContext | None = None
        if options.certificate is not None:
            assert options.key is not None
            self._tls = tls_context(options.certificate, options.key)
            Renewal(self._tls, options.certificate, options.key).start()
        listen = options.listen
        self._socket = open_unix(place.state_dir) if listen is None else open_tcp(listen)
        if listen is not None:
            listen = Listen(listen.host, self._socket.getsockname()[1])
        self.site = make_site(place, options, listen, computer)
        self.url = options.url if listen is None or listen == options.listen else f"http://{listen.text}/"
        if self.url:
            write_address(place.state_dir / ADDRESS, self.url)

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        share_arenas()
        sys.setswitchinterval(SWITCH_SECONDS)
        gc.set_threshold(*SEARCHES)
        threading.Thread(target=_prepare, args=(self.site,), name="prepare", daemon=True).start()
        config = uvicorn.Config(
            App(self.site, all_routes()),
            http=Connection,
            loop="asyncio",
            ws="none",
            lifespan="off",
            interface="asgi3",
            proxy_headers=False,
            server_header=False,
            access_log=False,
            log_config=None,
            backlog=BACKLOG,
            timeout_keep_alive=int(REQUEST_SECONDS),
            timeout_graceful_shutdown=STOP_SECONDS,
            h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        )
        config.load()
        # Strangers would fill the log: uvicorn writes a line about each request that is no HTTP.
        logging.getLogger(UVICORN).setLevel(logging.ERROR)
        config.ssl = self._tls
        try:
            _UntilSignal(config, self.site.watch).run(sockets=[self._socket])
        finally:
            self.site.close()
            if not self.url:
                (self._state_dir / SOCKET).unlink(missing_ok=True)
            elif read_address(self._state_dir) == self.url:  # another server may have written its own
                (self._state_dir / ADDRESS).unlink(missing_ok=True)


class _UntilSignal(uvicorn.Server):
    """uvicorn's server sends itself each signal again at its end, and so would end before we clean up; and
    it would wait for open tabs, and print an error for each.
    """

    def __init__(self, config: uvicorn.Config, watch: Watch) -> None:
        """Serve; at the end nobody waits for a change any more."""
        super().__init__(config)
        self._watch = watch

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams of tabs and the requests that wait, then all others."""
        self._watch.end()
        logging.getLogger(UVICORN).setLevel(logging.CRITICAL)  # what is cut off now is no error
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at SIGTERM and SIGINT."""
        before = {one: signal.signal(one, self.handle_exit) for one in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)


def make_site(
    place: Place, options: Options, listen: Listen | None, computer: Computer | None = None
) -> Site:
    """The site of a place, answering to the names of its address."""
    is_secure = options.is_secure
    hosts = (
        frozenset(("localhost",))
        if listen is None
        else allowed_hosts(listen, options.hosts, is_secure=is_secure)
    )
    read = SitePlace.of(place, ROWS)
    return Site(
        place=read,
        memory=Memory(read.reader.mark),
        watch=Watch(read.reader.mark),
        files=CompiledFiles(),
        computer=computer,
        clock=_now,
        hosts=hosts,
        is_secure=is_secure,
        proxies=frozenset(options.proxies),
        proxy_role=options.proxy_role,
    )


def _prepare(site: Site) -> None:
    """Compute the answers of the first pages before anyone asks for them."""
    with contextlib.suppress(JobfileError):  # who asks next gets the error
        for one in first_questions(site.clock()):
            site.memory.recall(one, partial(site.compute, one), PAGE)


def open_unix(state_dir: Path) -> socket.socket:
    """The socket in the state folder, for this user and root only. One that is left over is replaced."""
    path = state_dir / SOCKET
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise JobfileError(f"{path} is not a socket; remove it")
        if _is_served(path):
            raise JobfileError(f"the page is served at {path} already")
        path.unlink()
    except FileNotFoundError:
        pass
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        made.bind(str(path))
        made.listen(BACKLOG)
    except OSError as error:
        raise JobfileError(f"the socket {path} cannot be made ({error.strerror or error})") from error
    finally:
        os.umask(mask)
    return made


def open_tcp(listen: Listen) -> socket.socket:
    """A socket for this address."""
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    # With the protocol named, asyncio sends each part of an answer at once (TCP_NODELAY).
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((listen.host, listen.port))
        made.listen(BACKLOG)
    except OSError as error:
        raise JobfileError(f"cannot listen at {listen.text} ({error.strerror or error})") from error
    return made


def write_address(path: Path, url: str) -> None:
    """Note the address for  jobfile ui, in a file of this user."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"{url}\n")


def read_address(state_dir: Path) -> str:
    """The address at which the page is served; empty if it is served at none."""
    try:
        return (state_dir / ADDRESS).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _is_served(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _now() -> datetime:
    return SystemClock().now()
