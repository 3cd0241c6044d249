"""A real PostgreSQL server for tests: one for all workers of a test run, until the last of them ends.

It has a folder of its own, runs as a user that is not root, listens at a socket only, and does not sync.
"""

import fcntl
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest

FOUND = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
POOLER = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
NOBODY = 65534
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
SETTINGS = """\
listen_addresses = ''
unix_socket_directories = '{folder}'
max_connections = 200
shared_buffers = 32MB
wal_level = minimal
max_wal_senders = 0
"""
UNSAFE = """\
autovacuum = off
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


def _listens(path: Path) -> bool:
    with closing(socket.socket(socket.AF_UNIX)) as own:
        return own.connect_ex(str(path)) == 0


def run_folder(factory: pytest.TempPathFactory) -> Path:
    """The folder that all workers of a test run share."""
    base = factory.getbasetemp()
    return base.parent if base.name.startswith("popen-") else base


@contextmanager
def a_pooler(server: Server, folder: Path, *, mode: str) -> Iterator[str]:
    """The URL of a server through PgBouncer, which also refuses root."""
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    (folder / "pooler.ini").write_text(
        f"[databases]\n* = host={server.folder} user=jobfile\n"
        f"[pgbouncer]\nlisten_addr =\nunix_socket_dir = {folder}\nauth_type = any\npool_mode = {mode}\n"
    )
    running = subprocess.Popen(
        [*(AS_NOBODY if os.geteuid() == 0 else []), POOLER, "-q", str(folder / "pooler.ini")],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        end = time.monotonic() + 10
        while not _listens(folder / ".s.PGSQL.6432"):
            assert running.poll() is None, "PgBouncer has ended"
            assert time.monotonic() < end, "PgBouncer does not listen"
            time.sleep(0.01)
        yield f"postgresql://jobfile@/{{database}}?host={folder}&port=6432"
    finally:
        running.kill()
        running.communicate()


STREAMS = """\
wal_level = replica
max_wal_senders = 4
"""


class Pair:
    """A server and its standby, to which it streams what it does until the stream is cut."""

    def __init__(self, first: Server, standby: Server) -> None:
        self.first = first
        self.standby = standby

    def url(self, database: str = "postgres") -> str:
        """The URL of a database in whichever of them can be written."""
        return f"postgresql://jobfile@/{database}?host={self.first.folder},{self.standby.folder}"

    def cut(self) -> None:
        """Let the standby have all that there is, and nothing of what comes."""
        [(written,)] = _asked(self.first, "select pg_current_wal_flush_lsn()")
        behind, end = f"select pg_last_wal_replay_lsn() < '{written}'::pg_lsn", time.monotonic() + 10
        while _asked(self.standby, behind) != [(False,)]:
            assert time.monotonic() < end, "the standby does not follow"
            time.sleep(0.01)
        _asked(self.standby, "alter system set primary_conninfo = ''")
        _asked(self.standby, "select pg_reload_conf()")
        while _asked(self.first, "select from pg_stat_replication"):
            assert time.monotonic() < end, "the standby still follows"
            time.sleep(0.01)

    def fail_over(self) -> None:
        """Lose the first server, and let the standby take over."""
        self.first.kill()
        tool("pg_ctl", "-D", self.standby.folder / "data", "-w", "promote")


def _asked(server: Server, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(server.url(), autocommit=True) as own:
        found = own.execute(query)
        return found.fetchall() if found.description is not None else []


@contextmanager
def a_pair() -> Iterator[Pair]:
    """A running server and its standby."""
    with a_server(settings=UNSAFE + STREAMS) as first:
        folder = Path(tempfile.mkdtemp(prefix="jobfile-pg-", dir="/tmp"))
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
        standby = Server(folder)
        try:
            copy = (
                "-D",
                folder / "data",
                "-h",
                first.folder,
                "-U",
                "jobfile",
                "-c",
                "fast",
                "-R",
                "--no-sync",
            )
            tool("pg_basebackup", *copy)
            with (folder / "data" / "postgresql.conf").open("a") as config:
                config.write(f"unix_socket_directories = '{folder}'\n")
            standby.start()
            yield Pair(first, standby)
        finally:
            if (folder / "data" / "postmaster.pid").exists():
                standby.stop("immediate")
            shutil.rmtree(folder)
