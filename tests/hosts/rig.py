"""Three hosts, a switch and a PostgreSQL server as namespaces of this machine, with real processes.

Everything is inside one namespace without a route to anywhere, whose first process the kernel kills when the
test's process ends, however it ends: with it goes all that is inside. Only root can make it.
"""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from engine.client.api import Client
from engine.ledger.postgres.address import address_of
from engine.ledger.postgres.store import PostgresView
from tests.acceptance.engines import children_of, pause, until
from tests.hosts.rig_host import DISK_MIB, SETTINGS, RigHost
from tests.hosts.wrong_clock import build
from tests.postgres_servers import AS_NOBODY, FOUND, UNSAFE, Server, make_server

NAMES = ("a", "b", "c")
SWITCH = "10.77.0.1"
OTHER_JOBS = "version: 1\njobs:\n  only-here: {run: 'true', schedule: {every: 1s}}\n"
"""The file of the hosts from which nothing is applied: one that leads must not put it in force."""
MACHINE = """
set -e
mount -t tmpfs none /run/netns
mkdir {folder}/etc
mount -t tmpfs none {folder}/etc
mkdir {folder}/etc/upper {folder}/etc/work
mount -t overlay -o lowerdir=/etc,upperdir={folder}/etc/upper,workdir={folder}/etc/work overlay /etc
cp {folder}/wrong_clock.so /etc
head -c 24 /dev/zero > /etc/wrong-clock
ip link set lo up
ip link add br0 type bridge
ip link set br0 up
ip addr add 10.77.0.1/24 dev br0
for name in {names}; do
  ip netns add $name
  ip link add v$name type veth peer name eth0 netns $name
  ip link set v$name master br0
  ip link set v$name up
  ip -n $name link set lo up
  ip -n $name link set eth0 up
  mkdir -m 700 {folder}/$name/.jobfile
  mount -t tmpfs -o size={disk}m,mode=700 none {folder}/$name/.jobfile
done
{addresses}
echo /etc/wrong_clock.so > /etc/ld.so.preload
echo ready
exec sleep infinity
"""
DATABASE = f"{UNSAFE}listen_addresses = '{SWITCH}'\n"
WORK = """
import os, sys, time
path = "{wrote}/" + os.environ["JOBFILE_RUN_ID"]
length, step = map(float, sys.argv[1:])
handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
def say(what):
    about = os.environ["JOBFILE_ATTEMPT"], os.uname().nodename, os.environ["JOBFILE_FENCE"]
    times = f"{{time.monotonic():.3f}}", f"{{time.time():.3f}}"
    os.write(handle, (" ".join((what, *about, *times)) + "\\n").encode())
say("start")
for _ in range(round(length / step)):
    time.sleep(step)
    say("tick")
say("end")
"""
"""What a job does: for some seconds, it writes a line at each step."""


class Line(NamedTuple):
    """What an attempt wrote."""

    what: str
    attempt: int
    host: str
    fence: int
    at: float
    """On the clock that is the same on all hosts."""
    clock: float
    """What the host's clock said."""


class Rig:
    """The machine around the hosts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wrote = folder / "wrote"
        self.wrote.mkdir()
        self._machine: subprocess.Popen[bytes] | None = None
        self._database: subprocess.Popen[bytes] | None = None
        self.server: Server | None = None
        self.url = f"postgresql://jobfile@{SWITCH}/shop?sslmode=disable"  # a network inside this machine
        self.environ = {**os.environ, **SETTINGS, "JOBFILE_STORE": self.url}
        self.applied = 0
        self.hosts = {name: RigHost(self, name) for name in NAMES}

    def start(self, jobs: str) -> None:
        """Make the machine, the database and the hosts; returns when they execute."""
        self._start_machine()
        self.server = make_server(settings=DATABASE)
        with (self.server.folder / "data" / "pg_hba.conf").open("a") as rights:
            rights.write("host all all 10.77.0.0/24 trust\n")
        self.start_database()
        with psycopg.connect(self.server.url(), autocommit=True) as first:
            first.execute("create database shop")
        work = self.folder / "work.py"
        work.write_text(WORK.format(wrote=self.wrote))
        self._work = f"{sys.executable} -S {work}"
        for host in self.hosts.values():
            (host.folder / "jobs.yaml").write_text(OTHER_JOBS)
        self.apply(jobs)
        for host in self.hosts.values():
            host.on()
        self.wait_for_all()

    def apply(self, jobs: str) -> None:
        """Put jobs in force from one host; the files of the others stay as they are."""
        (self.hosts["a"].folder / "jobs.yaml").write_text(jobs.replace("WORK", self._work))
        self.hosts["a"].say("apply", "--yes")
        self.applied += 1

    def _start_machine(self) -> None:
        build(self.folder / "wrong_clock.so")
        addresses = "\n".join(
            f"ip -n {name} addr add 10.77.0.{number}/24 dev eth0" for number, name in enumerate(NAMES, 2)
        )
        about = {"names": " ".join(NAMES), "addresses": addresses, "folder": self.folder, "disk": DISK_MIB}
        script = MACHINE.format(**about)
        Path("/run/netns").mkdir(exist_ok=True)
        unshare = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"]
        self._machine = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *unshare, "sh", "-c", script],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        assert self._machine.stdout is not None
        assert self._machine.stdout.readline() == b"ready\n"
        [self._first] = children_of(self._machine.pid)

    def popen(self, command: Sequence[str], **about: Any) -> "subprocess.Popen[bytes]":
        """Start a process inside the machine."""
        enter = ["nsenter", f"--target={self._first}", "--net", "--mount", "--pid"]
        return subprocess.Popen([*enter, f"--wdns={about.pop('cwd', '/')}", *command], **about)

    def run(self, *command: str, check: bool = True, **about: Any) -> "subprocess.CompletedProcess[str]":
        """Run a command inside the machine."""
        enter = ["nsenter", f"--target={self._first}", "--net", "--mount", "--pid"]
        done = subprocess.run(
            [*enter, f"--wdns={about.pop('cwd', '/')}", *command],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            **about,
        )
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done

    # The database

    def start_database(self) -> None:
        """Start the server, and wait until it answers."""
        assert self.server is not None
        net = ["nsenter", f"--net=/proc/{self._first}/ns/net"]
        until_we_end, data = ["setpriv", "--pdeathsig", "QUIT"], self.server.folder / "data"
        with (self.server.folder / "log").open("ab") as log:
            self._database = subprocess.Popen(
                [*net, *AS_NOBODY, *until_we_end, str(FOUND[-1] / "postgres"), "-D", str(data)],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        until(self._answers, "the database")

    def stop_database(self, number: signal.Signals = signal.SIGINT) -> None:
        """Stop the server (SIGINT: at once, but cleanly), or kill it with all its processes (SIGKILL)."""
        assert self._database is not None
        assert self.server is not None
        if number is not signal.SIGKILL:
            self._database.send_signal(number)
            self._database.wait()
        else:
            self._kill_database()
            for name in ("data/postmaster.pid", ".s.PGSQL.5432.lock"):
                (self.server.folder / name).unlink(missing_ok=True)
        self._database = None

    def _kill_database(self) -> None:
        """Kill all of its processes, and wait until they are gone: one that is left stops the next server."""
        assert self._database is not None
        self._database.send_signal(signal.SIGSTOP)  # it starts none meanwhile
        until(lambda: _state_of(self._database.pid) == "T", "it stands still")  # type: ignore[union-attr]
        handles = []
        for pid in [*children_of(self._database.pid), self._database.pid]:
            with contextlib.suppress(ProcessLookupError):
                handles.append(os.pidfd_open(pid))
                os.kill(pid, signal.SIGKILL)
        for handle in handles:
            select.select([handle], [], [])
            os.close(handle)
        self._database.wait()

    def restart_database(self, number: signal.Signals) -> None:
        """Stop the server, or kill it, and start it again."""
        self.stop_database(number)
        self.start_database()

    def _answers(self) -> bool:
        assert self.server is not None
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(self.server.url()):
            return True
        return False

    def rows(self, statement: str, *values: object) -> list[Any]:
        """The rows of a query, asked beside the network."""
        assert self.server is not None
        with psycopg.connect(self.server.url("shop"), autocommit=True) as own:
            return own.execute(statement, values).fetchall()

    def change(self, *statements: str) -> None:
        """Execute statements at once, beside the network."""
        assert self.server is not None
        with psycopg.connect(self.server.url("shop")) as own:
            for one in statements:
                own.execute(one)

    @contextlib.contextmanager
    def view(self) -> Iterator[PostgresView]:
        """The ledger, asked beside the network."""
        assert self.server is not None
        opened = PostgresView.open(address_of(self.server.url("shop")))
        try:
            yield opened
        finally:
            opened.close()

    # What is going on

    def wait_for_all(self) -> None:
        """Wait until every host that has power takes work, and one leads."""
        wanted = sorted(host.name for host in self.hosts.values() if host.is_on)
        there = "select name, seen_at from host where ended_at is null and seen_at > now_us() - 6000000"

        def found() -> list[str]:
            return sorted(name for name, seen in self.rows(there) if seen > self.hosts[name].on_at * 1e6)

        until(lambda: found() == wanted, "all hosts", patience=60)
        until(self.leader, "a leader", patience=60)

    def leader(self) -> str:
        """The name of the host that leads; '' when none does."""
        found = self.rows(
            "select host.name from leader join host on host.id = leader.host where until > now_us()"
        )
        return str(found[0][0]) if found else ""

    def term(self) -> int:
        """The term of the leader; 0 while the database is away."""
        with contextlib.suppress(psycopg.OperationalError):
            return int(self.rows("select term from leader")[0][0])
        return 0

    def request(self, job: str, count: int = 1) -> list[str]:
        """Request runs of a job by hand, beside the network; their ids."""
        return self.request_all([job] * count)

    def request_all(self, jobs: Sequence[str]) -> list[str]:
        """Request a run of each, at once."""
        assert self.server is not None
        with Client(state_dir=self.folder / "client", store=self.server.url("shop")) as client:
            return [one.id for one in client.submit_many([(job, {}) for job in jobs])]

    def states(self, runs: Sequence[str]) -> list[tuple[str, str]]:
        """State and reason of runs."""
        with self.view() as view:
            return [(run.state.value, run.reason) for one in runs if (run := view.run(one)) is not None]

    def wait_for_states(
        self, runs: Sequence[str], *wanted: tuple[str, str], patience: float = 30
    ) -> list[tuple[str, str]]:
        """Wait until each of some runs has one of these states."""
        end = time.monotonic() + patience
        while not all(one in wanted for one in self.states(runs)):
            assert time.monotonic() < end, self.states(runs)
            pause(0.1)
        return self.states(runs)

    def written(self, run: str) -> list[Line]:
        """What the attempts of a run have written."""
        path = self.wrote / run
        if not path.exists():
            return []
        words = [line.split() for line in path.read_text().splitlines()]
        return [Line(one[0], int(one[1]), one[2], int(one[3]), *map(float, one[4:])) for one in words]

    def started(self, runs: Sequence[str], *, patience: float = 30) -> None:
        """Wait until each of some runs is executed."""
        until(lambda: all(self.written(one) for one in runs), "they are executed", patience=patience)

    def host_of(self, run: str) -> str:
        """The host that executed a run last."""
        return self.written(run)[-1].host

    def open_runs(self) -> list[str]:
        """The ids of all runs that are open."""
        with self.view() as view:
            return [run.id for run in view.open_runs()]

    def wait_until_over(self, runs: Sequence[str], *, patience: float) -> None:
        """Wait until none of some runs is open."""
        until(lambda: not {*runs} & {*self.open_runs()}, "they are over", patience=patience)

    def close(self) -> None:
        """End everything."""
        if self._machine is not None:
            assert self._machine.stdout is not None
            self._machine.stdout.close()
            self._machine.kill()
            self._machine.wait()
        for host in self.hosts.values():
            host.close()
        if self._database is not None:
            self._database.send_signal(signal.SIGQUIT)
            self._database.wait()
        if self.server is not None:
            shutil.rmtree(self.server.folder, ignore_errors=True)


def _state_of(pid: int) -> str:
    """The state of a process: proc(5)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
