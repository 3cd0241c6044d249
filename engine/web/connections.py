"""Limits connections: how many there are, how long each may take, and who is at the Unix socket."""

import asyncio
import os
import socket
import struct
from collections import OrderedDict
from typing import ClassVar, Final

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from engine.web.guard import SECURITY
from engine.web.limits import MAX_CONNECTIONS, REQUEST_SECONDS, SEND_SECONDS

_CREDENTIALS: Final = struct.Struct("3i")
ROOT: Final = 0
NO_HTTP: Final = "\r\n".join(
    [
        "HTTP/1.1 400 Bad Request",
        "Content-Type: text/plain; charset=utf-8",
        "Connection: close",
        *(f"{name}: {value}" for name, value in SECURITY.items()),
        "",
        "this is no request of HTTP/1.1\n",
    ]
).encode()


class Connection(H11Protocol):
    """One connection. uvicorn has no limit for the time that a request takes to arrive; here it has one."""

    waiting: ClassVar[OrderedDict["Connection", None]] = OrderedDict()
    """Connections without a request in progress, the one that has waited longest first."""
    count: ClassVar[int] = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        """Take a connection, or close the one that has waited longest for a request."""
        self._late: asyncio.TimerHandle | None = None
        self._stuck: asyncio.TimerHandle | None = None
        super().connection_made(transport)
        Connection.count += 1
        uid = peer_uid(transport.get_extra_info("socket"))
        if uid is not None and uid not in (os.geteuid(), ROOT):
            transport.abort()
            return
        self.app_state = {**self.app_state, "peer_uid": uid}
        self._wait_for_request()
        if Connection.count > MAX_CONNECTIONS:
            oldest = next(iter(Connection.waiting))
            Connection.waiting.pop(oldest, None)
            oldest.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection."""
        Connection.count -= 1
        Connection.waiting.pop(self, None)
        for timer in (self._late, self._stuck):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  one text for all
        """Refuse what is no HTTP, with the headers of every other answer; not inside of an answer, though."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and cycle.response_started and not cycle.response_complete:
            self.transport.abort()
            return
        self.transport.write(NO_HTTP)
        self.transport.close()

    def handle_events(self) -> None:
        """Handle what came. From its first byte to its last, a request has the same time."""
        super().handle_events()
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        if cycle is not None and not cycle.response_complete and not cycle.more_body:
            self._take_request()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        if not self.transport.is_closing():
            self._wait_for_request()
        super().on_response_complete()

    def shutdown(self) -> None:
        """The server ends. A request that is not whole now is given up; the others are answered."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete and self in Connection.waiting:
            self._give_up()
        else:
            super().shutdown()

    def pause_writing(self) -> None:
        """The client does not read. After a while its connection is closed."""
        super().pause_writing()
        self._stuck = self.loop.call_later(SEND_SECONDS, self._give_up)

    def resume_writing(self) -> None:
        """The client reads again."""
        super().resume_writing()
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def _wait_for_request(self) -> None:
        if self._late is not None:
            self._late.cancel()
        Connection.waiting[self] = None
        Connection.waiting.move_to_end(self)
        self._late = self.loop.call_later(REQUEST_SECONDS, self._give_up)

    def _take_request(self) -> None:
        Connection.waiting.pop(self, None)
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _give_up(self) -> None:
        self.transport.abort()


def peer_uid(connected: socket.socket | None) -> int | None:
    """The user at the other end of a Unix socket, as the kernel says; None for a TCP connection."""
    if connected is None or connected.family != socket.AF_UNIX:
        return None
    found = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _pid, uid, _gid = _CREDENTIALS.unpack(found)
    return int(uid)
