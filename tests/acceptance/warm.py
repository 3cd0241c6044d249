"""Commands without the cost of a start: a process that has loaded all modules forks for each command.

Such a command is a process with its own folder, environment and streams; only its modules are loaded already.
Python reads its locale at the start, so each locale has its own forking process. Tests about the start
itself, or about the parent process, start their commands normally.
"""

import atexit
import contextlib
import gc
import importlib
import io
import json
import os
import selectors
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from engine.cli.main import COMMANDS, main

ROOT = Path(__file__).parents[2]
JOBFILE = str(Path(sys.executable).parent / "jobfile")
MOST = 1 << 20
"""Maximum size of an order in bytes; it contains an environment."""
WORD = 32
"""Size of a report about a process in bytes: first its number, at the end its exit code."""


AT_START = ("LC_", "LANG", "LOCPATH", "PYTHON")
"""Prefixes of the variables that Python reads when it starts."""


class Forker:
    """The process that forks; it ends when its last client has closed the connection."""

    def __init__(self, environ: dict[str, str]) -> None:
        self._environ = environ
        self._lock = threading.Lock()
        self._orders: socket.socket | None = None

    def fork(self, order: list[Any], streams: list[int]) -> socket.socket:
        """Send an order; returns the socket that reports the number of its process, then its exit code."""
        told, teller = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with self._lock, teller:
            if self._orders is None:
                self._orders = self._start()
            socket.send_fds(self._orders, [json.dumps(order).encode()], [teller.fileno(), *streams])
        return told

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MOST)
        with theirs:
            command = [sys.executable, "-m", __name__, str(theirs.fileno())]
            environ = without_start(os.environ) | self._environ
            process = subprocess.Popen(command, cwd=ROOT, env=environ, pass_fds=[theirs.fileno()])
        atexit.register(process.wait)
        atexit.register(ours.close)
        return ours


def packed(text: "str | bytes | os.PathLike[str]") -> str:
    """A text of the system for JSON, as bytes: their meaning depends on the locale."""
    return os.fsencode(text).decode("latin-1")


def unpacked(text: str) -> str:
    """The text of these bytes in this process."""
    return os.fsdecode(text.encode("latin-1"))


def without_start(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if not name.startswith(AT_START)}


@cache
def forker_for(*at_start: tuple[str, str]) -> Forker:
    """The forking process that was started with these variables."""
    return Forker(dict(at_start))


class Jobfile(subprocess.Popen[Any]):
    """A command that behaves like a `subprocess.Popen`, once it is started."""

    def _execute_child(self, arguments: Any, *about: Any) -> None:
        folder, environ, streams = about[4], about[5], about[9:15]
        command = list(arguments)
        assert command[0] == JOBFILE
        assert "LD_PRELOAD" not in (environ or {}), "it would come too late"
        given = {os.fsdecode(name): os.fsdecode(value) for name, value in (environ or os.environ).items()}
        variables = {packed(name): packed(value) for name, value in given.items()}
        order = [list(map(packed, command)), packed(folder or Path.cwd()), variables]
        handles = [
            number if handle == -1 else handle
            for number, handle in enumerate((streams[0], streams[3], streams[5]))
        ]
        at_start = sorted(given.items() - without_start(given).items())
        self._told = forker_for(*at_start).fork(order, handles)
        self.pid = int(self._told.recv(WORD))
        self._child_created = True
        self._close_pipe_fds(*streams)  # type: ignore[attr-defined]  # what is the child's

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._wait(0)
        return None

    def _wait(self, timeout: float | None) -> int:
        with self._waitpid_lock:  # type: ignore[attr-defined]  # as there
            if self.returncode is None:
                self._told.settimeout(timeout)
                try:
                    self.returncode = int(self._told.recv(WORD))
                except (BlockingIOError, TimeoutError):
                    raise subprocess.TimeoutExpired(self.args, timeout or 0) from None
                self._told.close()
        return self.returncode


# In the process that forks


class Server:
    """Forks for each order, and reports the exit code to its sender."""

    def __init__(self, orders: socket.socket) -> None:
        self._orders = orders
        self._asked = selectors.DefaultSelector()
        self._asked.register(orders, selectors.EVENT_READ)
        self._tellers: dict[int, tuple[int, socket.socket]] = {}

    def commands(self) -> Iterator[list[str]]:
        """Yields the command in each forked process; ends when no more orders come."""
        while True:
            for key, _ in self._asked.select():
                if key.fileobj is not self._orders:
                    self._tell_end(key.fd)
                    continue
                content, handles, _, _ = socket.recv_fds(self._orders, MOST, 4)
                if not content:
                    return
                if self._is_forked(handles):
                    yield become(*json.loads(content), handles[1:])
                    return

    def _is_forked(self, handles: list[int]) -> bool:
        """Fork; returns whether this is the new process."""
        pid = os.fork()
        if pid == 0:
            self._asked.close()
            self._orders.close()
            for handle, (_, teller) in self._tellers.items():
                os.close(handle)
                teller.close()
            os.close(handles[0])
            return True
        teller = socket.socket(fileno=handles[0])
        for handle in handles[1:]:
            os.close(handle)
        teller.send(str(pid).encode())
        ended = os.pidfd_open(pid)
        self._tellers[ended] = pid, teller
        self._asked.register(ended, selectors.EVENT_READ)
        return False

    def _tell_end(self, handle: int) -> None:
        pid, teller = self._tellers.pop(handle)
        self._asked.unregister(handle)
        os.close(handle)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        with teller, contextlib.suppress(OSError):  # the sender may have gone
            teller.send(str(code).encode())


def become(command: list[str], folder: str, environ: dict[str, str], streams: list[int]) -> list[str]:
    """Set everything that belongs to one process, such as its folder and streams; returns the arguments."""
    for number, handle in enumerate(streams):
        os.dup2(handle, number)
        os.close(handle)
    os.environ.clear()
    os.environ.update({unpacked(name): unpacked(value) for name, value in environ.items()})
    time.tzset()
    sys.stdin, sys.stdout, sys.stderr = map(anew, range(3), (sys.stdin, sys.stdout, sys.stderr))
    os.chdir(unpacked(folder))
    sys.argv = list(map(unpacked, command))
    gc.enable()
    return sys.argv[1:]


def anew(handle: int, before: io.TextIOWrapper) -> io.TextIOWrapper:
    """A new stream, as Python makes it at its start, where buffering depends on the kind of file."""
    return io.TextIOWrapper(
        open(handle, "wb" if handle else "rb", closefd=False),
        encoding=before.encoding,
        errors=before.errors,
        line_buffering=handle == 2 or os.isatty(handle),
        write_through=bool(os.environ.get("PYTHONUNBUFFERED")),
    )


def load() -> None:
    """Import everything that any command imports."""
    for name in COMMANDS.keys() - {"lsp"}:
        importlib.import_module(f"engine.cli.commands.{name.replace('-', '_')}")
    gc.collect()
    gc.freeze()
    gc.disable()


def end_as(main: Callable[[list[str]], None], arguments: list[str]) -> None:
    """Call `main`, and end as Python does, but take no module apart: that takes longer than most commands."""
    code = 1
    try:
        main(arguments)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  as Python reports it
        traceback.print_exc()
    threading._shutdown()  # type: ignore[attr-defined]  # waits for the threads, as the end of Python does
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(ValueError, OSError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    load()
    for one in Server(socket.socket(fileno=int(sys.argv[1]))).commands():
        end_as(main, one)
