"""A real PostgreSQL server for tests: one for all workers of a test run, until the last of them ends.

It has a folder of its own, runs as a user that is not root, listens at a socket only, and does not sync.
"""

import fcntl
import os
import select
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

FOUND = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
NOBODY = 65534
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
SETTINGS = """\
listen_addresses = ''
unix_socket_directories = '{folder}'
max_connections = 200
shared_buffers = 32MB
autovacuum = off
wal_level = minimal
max_wal_senders = 0
"""
UNSAFE = """\
fsync = off
full_page_writes = off
synchronous_commit = off
"""


class Server(NamedTuple):
    """A server in a folder, which is also that of its socket."""

    folder: Path

    def url(self, database: str = "postgres", schema: str = "") -> str:
        """The URL of a database, or of a schema in it."""
        options = f"&options=-csearch_path%3D{schema}" if schema else ""
        return f"postgresql://jobfile@/{database}?host={self.folder}{options}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        tool("pg_ctl", "-D", self.folder / "data", "-w", "-l", self.folder / "log", "start")

    def stop(self, how: str = "fast") -> None:
        """Stop it."""
        tool("pg_ctl", "-D", self.folder / "data", "-w", "-m", how, "stop")

    def kill(self) -> None:
        """Kill all of its processes, and wait until each is dead, if not yet collected."""
        note = self.folder / "data" / "postmaster.pid"
        first = int(note.read_text().split()[0])
        pids = [first, *map(int, Path(f"/proc/{first}/task/{first}/children").read_text().split())]
        handles = [os.pidfd_open(pid) for pid in pids]
        for handle in handles:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        for handle in handles:
            select.select([handle], [], [])
            os.close(handle)
        note.unlink()  # a server that starts takes the first process for alive until it is collected
        (self.folder / ".s.PGSQL.5432.lock").unlink()


def tool(name: str, *arguments: object) -> None:
    """Run a tool of PostgreSQL as a user that is not root; PostgreSQL refuses root."""
    assert FOUND, "the tests need PostgreSQL's server: apt-get install postgresql"
    command = [*(AS_NOBODY if os.geteuid() == 0 else []), str(FOUND[-1] / name), *map(str, arguments)]
    done = subprocess.run(
        command, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"


def make_server(*, settings: str = UNSAFE) -> Server:
    """A server that does not run yet. Its folder is a short path: that of a socket has at most 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="jobfile-pg-", dir="/tmp"))
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    tool(
        "initdb",
        "-D",
        folder / "data",
        "-U",
        "jobfile",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--no-locale",
        "--no-sync",
    )
    with (folder / "data" / "postgresql.conf").open("a") as config:
        config.write(SETTINGS.format(folder=folder) + settings)
    return Server(folder)


@contextmanager
def a_server(*, settings: str = UNSAFE, prepare: Callable[[Path], None] = lambda _: None) -> Iterator[Server]:
    """A running server of one test; `prepare` gets the folder of its data before it starts."""
    server = make_server(settings=settings)
    try:
        prepare(server.folder / "data")
        server.start()
        yield server
    finally:
        if (server.folder / "data" / "postmaster.pid").exists():
            server.stop("immediate")
        shutil.rmtree(server.folder)


@contextmanager
def shared_server(shared: Path) -> Iterator[Server]:
    """The running server of all workers whose folder `shared` is; it ends with the last of them.

    Each worker holds a lock for its life, which the kernel releases however it ends; a process that waits for
    all of these locks then stops the server.
    """
    users, place = shared / "postgres.users", shared / "postgres.folder"
    with users.open("w") as using:
        fcntl.flock(using, fcntl.LOCK_SH)
        with (shared / "postgres.starting").open("w") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            if not place.exists() or not Path(place.read_text()).exists():
                server = make_server()
                server.start()
                place.write_text(str(server.folder))
                _stop_when_unused(server, users)
        yield Server(Path(place.read_text()))


def _stop_when_unused(server: Server, users: Path) -> None:
    as_nobody = " ".join(AS_NOBODY) if os.geteuid() == 0 else ""
    data, folder = server.folder / "data", server.folder
    stop = f"{as_nobody} {FOUND[-1] / 'pg_ctl'} -D {data} -m immediate stop; rm -rf {folder}"
    subprocess.run(
        ["setsid", "--fork", "flock", "--exclusive", str(users), "sh", "-c", stop],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )


def run_folder(factory: pytest.TempPathFactory) -> Path:
    """The folder that all workers of a test run share."""
    base = factory.getbasetemp()
    return base.parent if base.name.startswith("popen-") else base
