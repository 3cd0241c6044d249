"""Three hosts, a switch and a PostgreSQL server as namespaces of this machine, with real processes.

Everything is inside one namespace without a route to anywhere, whose first process the kernel kills when the
test's process ends, however it ends: with it goes all that is inside. Only root can make it.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from engine.answers.findings import Severity
from engine.answers.invariants.checking import check_invariants
from engine.ledger.postgres.address import address_of
from engine.ledger.postgres.store import PostgresView
from tests.acceptance.engines import children_of, pause, until
from tests.acceptance.warm import JOBFILE, Jobfile
from tests.postgres_servers import AS_NOBODY, FOUND, UNSAFE, Server, make_server

ROOT = Path(__file__).parents[2]
NAMES = ("a", "b", "c")
SWITCH = "10.77.0.1"
MACHINE = """
set -e
mount -t tmpfs none /run/netns
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
done
{addresses}
echo ready
exec sleep infinity
"""
SLOTS = "4"
LEASE = 6
LEASE_ONCE = 12
TERM = 4
SETTINGS = {
    "JOBFILE_LEASE": str(LEASE),
    "JOBFILE_LEASE_ONCE": str(LEASE_ONCE),
    "JOBFILE_LEADER_TERM": str(TERM),
}
DATABASE = f"{UNSAFE}listen_addresses = '{SWITCH}'\n"
WORK = """
import os, sys, time
path = "{wrote}/" + os.environ["JOBFILE_RUN_ID"]
handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
def say(what):
    words = (what, os.environ["JOBFILE_ATTEMPT"], os.uname().nodename, os.getpid(), f"{{time.time():.3f}}")
    os.write(handle, (" ".join(map(str, words)) + "\\n").encode())
say("start")
until = time.monotonic() + float(sys.argv[1])
while time.monotonic() < until:
    time.sleep(min(0.1, max(0, until - time.monotonic())))
    say("tick")
say("end")
"""


class Line(NamedTuple):
    """What an attempt wrote."""

    what: str
    attempt: int
    host: str
    pid: int
    at: float


class RigHost:
    """A host: a namespace of processes and network, in which  jobfile up --role all  runs."""

    def __init__(self, rig: "Rig", name: str) -> None:
        self.rig = rig
        self.name = name
        self.folder = rig.folder / name
        self.folder.mkdir()
        self._process: subprocess.Popen[bytes] | None = None
        self.on_at = 0.0
        self._is_cut = False
        self._stopped: list[int] = []

    def on(self) -> None:
        """Switch it on."""
        self.on_at = time.time()
        up = [JOBFILE, "up", "--role", "all", "--name", self.name, "--slots", SLOTS]
        inside = f'hostname {self.name}; exec "$@"'
        unshare = ["unshare", "-p", "-f", "-m", "-u", "--kill-child=KILL", "--mount-proc"]
        with (self.folder / "out").open("ab") as out:
            self._process = self.rig.popen(
                [*in_netns(self.name), *unshare, "sh", "-c", inside, "sh", *up],
                cwd=self.folder,
                env={**os.environ, **SETTINGS, "JOBFILE_STORE": self.rig.url},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )

    def off(self) -> None:
        """Cut the power: all of it is gone at once."""
        assert self._process is not None
        for unshare in children_of(self._process.pid):
            os.kill(unshare, signal.SIGKILL)
        self._process.wait()
        self._process = None
        self._stopped = []

    def wait(self) -> None:
        """Wait until it has ended with the machine around it."""
        if self._process is not None:
            self._process.wait()

    @property
    def is_on(self) -> bool:
        """Whether it has power."""
        return self._process is not None

    def process(self, role: str) -> int:
        """The process of a role: `worker` or `scheduler`."""
        return until(lambda: self._process_of(role), f"the {role} of {self.name}")

    def _process_of(self, role: str) -> int:
        assert self._process is not None
        for unshare in children_of(self._process.pid):
            for first in children_of(unshare):
                for task in Path(f"/proc/{first}/task").glob("*/children"):
                    for child in map(int, task.read_text().split()):
                        with contextlib.suppress(OSError):
                            words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
                            if f"--role={role}".encode() in words:
                                return child
        return 0

    def send(self, role: str, number: signal.Signals) -> None:
        """Send a signal to the process of a role."""
        self.kill(self.process(role), number)

    def kill(self, pid: int, number: signal.Signals) -> None:
        """Send a signal to one of its processes."""
        os.kill(pid, number)
        if number is signal.SIGSTOP:
            self._stopped.append(pid)

    def cut(self) -> None:
        """Nothing comes through, and nobody is told."""
        self.rig.run("bridge", "link", "set", "dev", f"v{self.name}", "state", "0")
        self._is_cut = True

    def heal(self) -> None:
        """All comes through again."""
        self.rig.run("bridge", "link", "set", "dev", f"v{self.name}", "state", "3")
        self._is_cut = False

    @property
    def is_whole(self) -> bool:
        """Whether nothing has happened to it, as far as it has not recovered by itself."""
        return self.is_on and not self._is_cut and not self._stopped

    def restore(self) -> None:
        """Undo what was done to it."""
        if self._is_cut:
            self.heal()
        for pid in self._stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self._stopped = []
        if not self.is_on:
            self.on()

    def id_on_disk(self) -> str:
        """Its identity."""
        path = self.folder / ".jobfile" / "host"
        return path.read_text().strip() if path.exists() else ""

    def say(self, *arguments: str, check: bool = True) -> str:
        """What a command prints on this host."""
        done = self.rig.run(
            *in_netns(self.name),
            JOBFILE,
            *arguments,
            cwd=self.folder,
            env={**os.environ, "JOBFILE_STORE": self.rig.url},
            check=check,
        )
        return done.stdout


def in_netns(name: str) -> list[str]:
    return ["ip", "netns", "exec", name]


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
        for host in self.hosts.values():
            (host.folder / "jobs.yaml").write_text(jobs.replace("WORK", f"{sys.executable} -S {work}"))
        self.hosts["a"].say("apply", "--yes")
        for host in self.hosts.values():
            host.on()
        self.wait_for_all()

    def _start_machine(self) -> None:
        addresses = "\n".join(
            f"ip -n {name} addr add 10.77.0.{number}/24 dev eth0" for number, name in enumerate(NAMES, 2)
        )
        script = MACHINE.format(names=" ".join(NAMES), addresses=addresses)
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
        below = children_of(self._database.pid)
        self._database.send_signal(number)
        if number is signal.SIGKILL:
            for pid in below:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
        self._database.wait()
        self._database = None
        if number is signal.SIGKILL:
            assert self.server is not None
            for name in ("data/postmaster.pid", ".s.PGSQL.5432.lock"):
                (self.server.folder / name).unlink(missing_ok=True)

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
            "select host.id from leader join host on host.id = leader.host where until > now_us()"
        )
        if not found:
            return ""
        known = {host.id_on_disk(): host.name for host in self.hosts.values()}
        return known.get(found[0][0], "")

    def term(self) -> int:
        """The term of the leader; 0 while the database is away."""
        with contextlib.suppress(psycopg.OperationalError):
            return int(self.rows("select term from leader")[0][0])
        return 0

    def request(self, job: str, count: int = 1) -> list[str]:
        """Request runs of a job by hand, beside the network; their ids."""
        return [self._say("run", job, "--detach").strip() for _ in range(count)]

    def _say(self, *arguments: str) -> str:
        assert self.server is not None
        environ = {**os.environ, "JOBFILE_STORE": self.server.url("shop")}
        folder = self.hosts["a"].folder
        with Jobfile(
            [JOBFILE, *arguments], cwd=folder, stdout=subprocess.PIPE, text=True, env=environ
        ) as asked:
            out, _ = asked.communicate(timeout=60)
        assert asked.returncode == 0, out
        return str(out)

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
        return [Line(one[0], int(one[1]), one[2], int(one[3]), float(one[4])) for one in words]

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
            host.wait()
        if self._database is not None:
            self._database.send_signal(signal.SIGQUIT)
            self._database.wait()
        if self.server is not None:
            shutil.rmtree(self.server.folder, ignore_errors=True)


# Judging


def check_executions(rig: Rig, *, may_repeat: Sequence[str], one_at_a_time: Sequence[str] = ()) -> None:
    """Judge by what the jobs wrote: nothing twice, nothing again that may not be repeated, no two runs of
    a job with the limit 1 at once, and no success without an end.
    """
    with rig.view() as view:
        runs = {run.id: run for run in view.recent_runs(job=None, state=None, limit=10**6)}
    spans: dict[str, list[tuple[float, float, str]]] = {}
    for id_, run in runs.items():
        lines = rig.written(id_)
        attempts = {line.attempt for line in lines if line.what == "start"}
        assert len(attempts) == sum(line.what == "start" for line in lines), f"twice: {id_} {lines}"
        if run.job not in may_repeat:
            assert len(attempts) <= 1, f"again: {id_} {run}"
        if run.state == "succeeded":
            last = [line for line in lines if line.attempt == run.attempt]
            assert [line.what for line in last[-1:]] == ["end"], f"no success: {id_} {run} {last[-2:]}"
        for attempt in attempts:
            own = [line.at for line in lines if line.attempt == attempt]
            spans.setdefault(run.job if run.job in one_at_a_time else id_, []).append((own[0], own[-1], id_))
    for name, found in spans.items():
        for before, after in zip(sorted(found), sorted(found)[1:], strict=False):
            assert before[1] <= after[0], f"at once: {name} {before} {after}"


def check_ledger(rig: Rig) -> None:
    """The invariants, as `jobfile doctor` finds them."""
    with rig.view() as view:
        found = check_invariants(view, now=datetime.now(UTC), is_running=True, max_running=24)
    assert [one for one in found if one.severity is Severity.ERROR] == []


def answer(rig: Rig, host: str, *arguments: str) -> Any:
    """The JSON answer of a command on a host."""
    return json.loads(rig.hosts[host].say(*arguments, "--json", check=False))
