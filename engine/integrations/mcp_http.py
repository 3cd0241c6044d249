"""Serves agents over HTTP: who may connect is decided before the protocol reads anything."""

import asyncio
import hashlib
import hmac
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Final

import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.transport_security import TransportSecuritySettings

MAX_BODY_BYTES: Final = 256 * 1024
"""Maximum size of a request."""
MAX_SESSIONS: Final = 64
"""How many clients may have a session at once."""
IDLE_SECONDS: Final = 30 * 60
"""A session without a request for this long is closed."""
MAX_HEAD_BYTES: Final = 16 * 1024
KEEP_ALIVE_SECONDS: Final = 10
END_SECONDS: Final = 2
"""How long open requests may continue when the server ends."""
PATH: Final = "/mcp"

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_HEADERS: Final = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
)


class Guard:
    """Refuses a request that does not name this server, comes from a web page, or has no token."""

    def __init__(self, app: App, *, hosts: Sequence[str], token: str) -> None:
        """`hosts` are the exact values of the header Host."""
        self._app = app
        self._hosts = frozenset(one.lower().encode() for one in hosts)
        self._token = _digest(token.encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a refusal, or hand the request on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        if refusal is None:
            await self._app(scope, receive, send_with_headers)
        else:
            await _refuse(refusal, send_with_headers)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        named = [value.lower() for name, value in headers if name == b"host"]
        if len(named) != 1 or named[0] not in self._hosts:
            return 421, "this server does not answer to that name"
        if any(name in (b"origin", b"sec-fetch-site") for name, _ in headers):
            return 403, "web pages may not connect"
        given = [value for name, value in headers if name == b"authorization"]
        kind, _, token = given[0].partition(b" ") if len(given) == 1 else (b"", b"", b"")
        if kind.lower() != b"bearer" or not hmac.compare_digest(_digest(token.strip()), self._token):
            return 401, "a token is needed: Authorization: Bearer TOKEN"
        return None if scope["path"] == PATH else (404, f"the path is {PATH}")


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


async def _refuse(refusal: tuple[int, str], send: Send) -> None:
    status, text = refusal
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{text}\n".encode()})


def serve_http(
    server: Server[Any],
    listening: socket.socket,
    *,
    hosts: Sequence[str],
    token: str,
    connection: type[asyncio.Protocol],
) -> None:
    """Serve clients until a signal ends it. `connection` limits their number, and how long each may take."""
    security = TransportSecuritySettings(allowed_hosts=list(hosts), allowed_origins=[])
    app = server.streamable_http_app(
        streamable_http_path=PATH,
        json_response=True,
        max_request_body_size=MAX_BODY_BYTES,
        session_idle_timeout=IDLE_SECONDS,
        max_sessions=MAX_SESSIONS,
        transport_security=security,
    )
    config = uvicorn.Config(
        Guard(app, hosts=hosts, token=token),
        http=connection,
        ws="none",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=END_SECONDS,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
    )
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # strangers would fill the log
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, lambda *_: None)  # uvicorn ends the server, and then raises the signal once more
    uvicorn.Server(config).run(sockets=[listening])
