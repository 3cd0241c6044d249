"""A real server of the page in a process of its own, and raw connections to it."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.acceptance.engines import PATIENCE
from tests.acceptance.warm import JOBFILE, Jobfile


class Served(NamedTuple):
    """A server that is running."""

    process: "subprocess.Popen[str]"
    state: Path
    url: str
    """Empty at the socket."""

    @property
    def port(self) -> int:
        return int(self.url.rstrip("/").rpartition(":")[2])

    @property
    def token(self) -> str:
        return (self.state / "token").read_text().strip()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def get(self, path: str = "/jobs", *, host: str = "", token: str | None = None) -> str:
        """The whole answer to a request, as it arrives."""
        with self.connect() as connection:
            connection.sendall(self.request(path, host=host, token=token))
            return read_all(connection)

    def request(self, path: str, *, host: str = "", token: str | None = None) -> bytes:
        token = self.token if token is None else token
        lines = [f"GET {path} HTTP/1.1", f"Host: {host or f'127.0.0.1:{self.port}'}", "Connection: close"]
        lines += [f"Authorization: Bearer {token}"] if token else []
        return "\r\n".join([*lines, "", ""]).encode()


@contextlib.contextmanager
def served(folder: Path, *options: str, code: str = "") -> Iterator[Served]:
    """Serve the page of a folder; the test may end or stop the process. `code` is run in place of the command
    with its arguments.
    """
    as_root = ["--allow-root"] if "--listen" in options and os.geteuid() == 0 else []
    start, command = (subprocess.Popen, [sys.executable, "-c", code]) if code else (Jobfile, [JOBFILE])
    process = start(
        [*command, "serve", *options, *as_root],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        env={**os.environ},
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.startswith("the page is at "), line + process.stdout.read()
        where = line.removeprefix("the page is at ").strip()
        yield Served(process, folder / ".jobfile", where if where.startswith("http") else "")
    finally:
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
        process.stdout.close()


def children_of(process: int) -> list[int]:
    """The processes that a process has started."""
    return [int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def read_all(connection: socket.socket) -> str:
    """What comes until the other end closes the connection."""
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65_536):
            parts.append(part)
    return b"".join(parts).decode()
