"""A host of the rig, and what may happen to it."""

import contextlib
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.acceptance.engines import children_of, until
from tests.acceptance.warm import JOBFILE
from tests.hosts.wrong_clock import WrongClock

if TYPE_CHECKING:
    from tests.hosts.rig import Rig

SLOTS = "4"
LEASE = 6
LEASE_ONCE = 12
TERM = 4
MIN_FREE_MIB = 8
DISK_MIB = 64
SETTINGS = {
    "JOBFILE_LEASE": str(LEASE),
    "JOBFILE_LEASE_ONCE": str(LEASE_ONCE),
    "JOBFILE_LEADER_TERM": str(TERM),
    "JOBFILE_MIN_FREE_MIB": str(MIN_FREE_MIB),
}
DRIFTS: Final = {"a": 0.01, "b": -0.01, "c": 0.0}
"""How much faster than it should elapsed time runs on each host, in every scenario."""
FREEZER = Path("/sys/fs/cgroup/freezer")
UNIFIED = Path("/sys/fs/cgroup")
INSIDE = """
hostname {name}
mount --bind {folder}/clock /etc/wrong-clock
mount --bind {folder}/boot /proc/sys/kernel/random/boot_id
exec "$@"
"""
INTO_GROUP = 'echo 0 > "$1/cgroup.procs"; shift; exec "$@"'
FROM_IT = """
table netdev fault_{name} {{
  chain lost {{
    type filter hook ingress device v{name} priority 0
    {rule}
  }}
}}
"""
TO_IT = """
table netdev fault {{
  chain lost {{
    type filter hook ingress device eth0 priority 0
    {rule}
  }}
}}
"""
REFUSED = """
table inet fault {
  chain lost {
    type filter hook output priority 0
    tcp dport 5432 reject with tcp reset
  }
}
"""


class RigHost:
    """A host: a namespace of processes and network, in which  jobfile up --role all  runs."""

    def __init__(self, rig: "Rig", name: str) -> None:
        self.rig = rig
        self.name = name
        self.folder = rig.folder / name
        self.folder.mkdir()
        self.address = f"10.77.0.{2 + list(DRIFTS).index(name)}"
        self.clock = WrongClock(self.folder / "clock", drift=DRIFTS[name])
        self._process: subprocess.Popen[bytes] | None = None
        self.on_at = 0.0
        self._undo: dict[str, Callable[[], None]] = {}
        """What has happened to it, with what undoes that."""
        self._stopped: list[int] = []
        self.was_frozen_until = 0.0
        """When it was continued last, on the clock that jobs write."""
        self._group = (FREEZER if FREEZER.exists() else UNIFIED) / f"jobfile-rig-{os.getpid()}-{name}"

    # Power

    def on(self) -> None:
        """Switch it on."""
        self.on_at = time.time()
        self._group.mkdir(exist_ok=True)
        (self.folder / "boot").write_text(f"{uuid.uuid4()}\n")
        up = [JOBFILE, "up", "--role", "all", "--name", self.name, "--slots", SLOTS]
        inside = INSIDE.format(name=self.name, folder=self.folder)
        unshare = ["unshare", "-p", "-f", "-m", "-u", "--kill-child=KILL", "--mount-proc"]
        with (self.folder / "out").open("ab") as out:
            self._process = self.rig.popen(
                [
                    *("sh", "-c", INTO_GROUP, "sh", str(self._group)),
                    *in_netns(self.name),
                    *unshare,
                    *("sh", "-ec", inside, "sh", *up),
                ],
                cwd=self.folder,
                env=self.rig.environ,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )

    def off(self) -> None:
        """Cut the power: all of it is gone at once."""
        assert self._process is not None
        for unshare in children_of(self._process.pid):
            os.kill(unshare, signal.SIGKILL)
        if "frozen" in self._undo:
            self._undo.pop("frozen")()
        self._process.wait()
        self._process = None
        self._stopped = []

    def close(self) -> None:
        """Wait until it has ended with the machine around it."""
        if "frozen" in self._undo:
            self._undo.pop("frozen")()
        if self._process is not None:
            self._process.wait()
        if self._group.exists():
            until(self._is_dissolved, f"the end of {self.name}")

    def _is_dissolved(self) -> bool:
        with contextlib.suppress(OSError):
            self._group.rmdir()
        return not self._group.exists()

    @property
    def is_on(self) -> bool:
        """Whether it has power."""
        return self._process is not None

    @property
    def is_whole(self) -> bool:
        """Whether nothing has happened to it, as far as it has not recovered by itself."""
        return self.is_on and not self._undo and not self._stopped

    def restore(self) -> None:
        """Undo what was done to it."""
        while self._undo:
            self._undo.popitem()[1]()
        for pid in self._stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self._stopped = []
        if not self.is_on:
            self.on()

    # Its processes

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

    def freeze(self) -> None:
        """Pause all of it, as a hypervisor does; time passes."""
        self._set_frozen(is_frozen=True)
        self._undo["frozen"] = self._thaw

    def thaw(self) -> None:
        """Continue it."""
        self._undo.pop("frozen")()

    def _thaw(self) -> None:
        self.was_frozen_until = time.monotonic()
        self._set_frozen(is_frozen=False)

    def _set_frozen(self, *, is_frozen: bool) -> None:
        if FREEZER.exists():
            state, words = self._group / "freezer.state", ("THAWED", "FROZEN")
            state.write_text(words[is_frozen])
            until(lambda: state.read_text().strip() == words[is_frozen], "the freezer")
        else:
            (self._group / "cgroup.freeze").write_text(str(int(is_frozen)))
            about = self._group / "cgroup.events"
            until(lambda: f"frozen {int(is_frozen)}" in about.read_text(), "the freezer")

    # Its network

    def cut(self) -> None:
        """Nothing comes through, and nobody is told."""
        self.rig.run("bridge", "link", "set", "dev", f"v{self.name}", "state", "0")
        self._undo["cut"] = lambda: self.rig.run(
            "bridge", "link", "set", "dev", f"v{self.name}", "state", "3"
        )

    def heal(self) -> None:
        """All comes through again."""
        for name in ("cut", "from it", "to it", "refused"):
            if name in self._undo:
                self._undo.pop(name)()

    def deafen(self) -> None:
        """Nothing comes to it; what it sends comes through."""
        self._filter_to_it("drop")

    def silence(self) -> None:
        """Nothing comes from it; it hears all."""
        self._filter_from_it("drop")

    def lose(self, percent: int = 30) -> None:
        """Some packets are lost, in both directions."""
        rule = f"numgen random mod 100 < {percent} drop"
        self._filter_from_it(rule)
        self._filter_to_it(rule)

    def be_refused(self) -> None:
        """The database refuses it: each packet is answered with a reset."""
        self._filter("refused", REFUSED, "inet fault", in_netns(self.name))

    def _filter_from_it(self, rule: str) -> None:
        text = FROM_IT.format(name=self.name, rule=rule)
        self._filter("from it", text, f"netdev fault_{self.name}", [])

    def _filter_to_it(self, rule: str) -> None:
        self._filter("to it", TO_IT.format(rule=rule), "netdev fault", in_netns(self.name))

    def _filter(self, what: str, text: str, table: str, where: list[str]) -> None:
        self.rig.run(*where, "nft", "-f", "-", input=text)
        self._undo[what] = lambda: self.rig.run(*where, "nft", "delete", "table", *table.split())

    # Its disk and its clock

    def fill(self) -> None:
        """Write its disk full to the last byte."""
        full = self.folder / ".jobfile" / "full"
        self.rig.run("sh", "-c", f"cat /dev/zero > {full}", check=False)
        self._undo["full"] = lambda: self.rig.run("rm", str(full))

    def set_clock(self, ahead: float) -> None:
        """Set its wall clock, that of all of its processes."""
        self.clock.set(ahead)
        self._undo["clock"] = lambda: self.clock.set(0)

    # Commands

    def say(self, *arguments: str, check: bool = True) -> str:
        """What a command prints on this host."""
        command = [*in_netns(self.name), JOBFILE, *arguments]
        return self.rig.run(*command, cwd=self.folder, env=self.rig.environ, check=check).stdout

    def inside(self) -> list[str]:
        """What executes a command as one more process of this host, where its own processes can be seen."""
        pid = self.process("worker")
        [numbers] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "NSpid" in line]
        in_machine = numbers.split()[-2]
        return ["nsenter", f"--target={in_machine}", "--net", "--mount", "--pid", f"--wdns={self.folder}"]


def in_netns(name: str) -> list[str]:
    """What executes a command in the network of a host."""
    return ["ip", "netns", "exec", name]
