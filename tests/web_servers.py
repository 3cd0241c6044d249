"""Real web servers on this machine, with and without TLS, for the tests of requests.

They answer with exactly the bytes that a test gives them, and keep the bytes that they got.
"""

import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

CURVE = ("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Certificates(NamedTuple):
    """An authority, and certificates with their keys: good, expired, of another name, signed by itself."""

    authority: Path
    good: Path
    expired: Path
    other: Path
    own: Path


def make_certificates(folder: Path) -> Certificates:
    """Make them with openssl; each file has a certificate and its key."""

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    def authority(name: str, *more: str) -> None:
        key, out = f"{name}.key", f"{name}.pem"
        openssl("req", "-x509", "-newkey", *CURVE, "-keyout", key, "-out", out, "-subj", f"/CN={name}", *more)

    def signed(name: str, names: str, *more: str) -> Path:
        (folder / "names").write_text(f"subjectAltName={names}")
        openssl("req", "-newkey", *CURVE, "-keyout", f"{name}.key", "-out", "request", "-subj", "/CN=x")
        made = ("x509", "-req", "-in", "request", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial")
        openssl(*made, "-out", f"{name}.pem", "-extfile", "names", *more)
        return with_key(name)

    def with_key(name: str) -> Path:
        both = folder / f"{name}.both"
        both.write_bytes((folder / f"{name}.pem").read_bytes() + (folder / f"{name}.key").read_bytes())
        return both

    authority("ca", "-addext", "keyUsage=critical,keyCertSign")
    authority("own", "-addext", "subjectAltName=DNS:localhost")
    here = "DNS:localhost,IP:127.0.0.1"
    good, expired = signed("good", here), signed("expired", here, "-days", "-1")
    return Certificates(folder / "ca.pem", good, expired, signed("other", "DNS:other.test"), with_key("own"))


class Got(NamedTuple):
    """A request as it arrived."""

    line: str
    headers: dict[str, bytes]
    body: bytes


def free_port() -> int:
    """A port at which nobody listens: who connects is refused."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        found: int = free.getsockname()[1]
        return found


Answer = Callable[[Got], Iterable[bytes]]


class Server:
    """A server that is running, and what it got."""

    def __init__(self, port: int, got: list[Got]) -> None:
        self.port = port
        self.got = got


@contextmanager
def serving(answer: "Answer | bytes", certificate: Path | None = None, *, port: int = 0) -> Iterator[Server]:
    """Run a server on 127.0.0.1, with TLS if it has a certificate; at any free port if `port` is 0."""
    got: list[Got] = []
    reply: Answer = (lambda _: (answer,)) if isinstance(answer, bytes) else answer
    context = None if certificate is None else _context(certificate)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            connection = self.request
            try:
                if context is not None:
                    connection = context.wrap_socket(connection, server_side=True)
                got.append(_read(connection))
                for part in reply(got[-1]):
                    connection.sendall(part)
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # the client went away, as some tests mean it to
            finally:
                connection.close()

    class Listener(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 64

    with Listener(("127.0.0.1", port), Handler) as listener:
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield Server(listener.server_address[1], got)
        listener.shutdown()
        thread.join()


def _context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def _read(connection: socket.socket) -> Got:
    with connection.makefile("rb") as file:
        return _read_from(file)


def _read_from(file: BinaryIO) -> Got:
    line = file.readline().decode("latin-1").strip()
    headers = {}
    while (header := file.readline().rstrip(b"\r\n")) != b"":
        name, _, value = header.partition(b":")
        headers[name.decode("latin-1").lower()] = value.strip(b" ")
    return Got(line, headers, file.read(int(headers.get("content-length", b"0"))))


def reply(body: bytes = b"", *headers: str, status: str = "200 OK") -> bytes:
    """A whole response with its length."""
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode() + body
