"""Executes attempts: the engine's side of the launcher process and of the supervisors' evidence."""

import contextlib
import errno
import marshal
import os
import resource
import selectors
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from engine.core.confinement import Removal
from engine.core.errors import JobfileError
from engine.core.lifecycle import AttemptKey, Lost, StartError
from engine.core.reasons import Reason
from engine.execution.evidence_reader import REPLACED, Seen, look, look_for_end, supervisor_in
from engine.execution.lease_file import write_end
from engine.execution.stop_requests import add_request
from engine.host.clock import SystemClock
from engine.host.holders import current_boot_id, why_gone
from engine.host.keys import key_of
from engine.ports import Alive, Evidence, LaunchOrder, NotStarted, Stop
from engine.supervisor import groups
from engine.supervisor.leftovers import end_marked, go_on, rouse
from jobfile.model.dataclass import dataclass

LAUNCHER = Path(__file__).parents[1] / "supervisor" / "__main__.py"
START_TRIES = 30
"""How many times an attempt that no supervisor accepted is handed over again."""
MAX_REFUSED = 10_000
"""Maximum number of attempts whose refusals, or leftovers, are remembered."""
PART_BYTES = 65_536
COMPLAINT_BYTES = 65_536
"""About how many bytes of a program's error output are kept."""
STDERR = 2
LOOK_SECONDS = 0.1
"""How often, in seconds, to check whether a program with open output has ended."""


class ProcessLauncher:
    """Hands orders to a launcher process, which forks a shim for each; both outlive the engine."""

    def __init__(self, wake: Path | None, *, key: bytes, umask: int = -1) -> None:
        """`wake` is the named pipe through which shims report their end. Starts no process yet.

        `key` is the engine's, from which each attempt's is derived: keys.py. `umask` is that of jobs; -1
        keeps the engine's.
        """
        self._key = key
        self._umask = umask
        self._wake = wake
        self._boot_id = current_boot_id()
        self._process: subprocess.Popen[bytes] | None = None
        self._orders: socket.socket | None = None
        self._acks = -1
        self._in_flight: set[str] = set()
        self._taken: set[str] = set()
        self._refused: dict[str, list[int]] = {}
        self._left: dict[str, int] = {}
        self._heard = b""
        self._lock = threading.RLock()

    def start(self) -> None:
        """Start the launcher process now, while this one is small and has one thread."""
        if self._process is not None and self._process.poll() is None:
            return
        self.close()
        groups.sweep(groups.base())
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        acks, their_acks = os.pipe()
        handles = (theirs.fileno(), their_acks)
        self._process = subprocess.Popen(  # noqa: S603  our own file, by its full path
            [
                *(sys.executable, "-I", "-S", "-X", "utf8", str(LAUNCHER)),
                *map(str, handles),
                str(self._wake or ""),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=handles,
            start_new_session=True,
            cwd="/",
            env={},  # nothing of the engine's environment reaches a job: each order brings the job's own
            umask=self._umask,
        )
        theirs.close()
        os.close(their_acks)
        os.set_blocking(acks, False)
        self._orders, self._acks = ours, acks

    def launch(self, *orders: LaunchOrder) -> None:
        """Send orders; a launcher that has died is replaced, and its shims continue without it.

        It may have taken some of them before it died: each attempt's evidence accepts one shim only.
        """
        framed = b"".join([self._framed(order) for order in orders])
        with self._lock:  # the worker launches while the rescuer looks
            self._hear()
            for _ in range(2):
                if self._orders is None:
                    self.start()
                assert self._orders is not None
                self._in_flight.update([str(order.run_dir) for order in orders])
                with contextlib.suppress(OSError):
                    self._orders.sendall(framed)
                    return
                self.close()
        raise JobfileError("the process that starts jobs cannot be started; see the system's limits")

    def _framed(self, order: LaunchOrder) -> bytes:
        """Both ends are the same Python and the socket is private, so marshal is safe, and fastest."""
        message = marshal.dumps(
            {
                "attempt_id": order.attempt_id,
                "run_dir": str(order.run_dir),
                "scratch_dir": order.scratch_dir,
                "output_file": order.output_file,
                "artifacts": order.artifacts,
                "min_free_bytes": order.min_free_bytes,
                "argv": order.argv,
                "env": dict(order.env),
                "secrets": dict(order.secrets),
                "masked": order.masked,
                "apart": order.apart,
                "working_dir": str(order.working_dir),
                "timeout_seconds": order.timeout_seconds,
                "kill_grace_seconds": order.kill_grace_seconds,
                "script": order.script,
                "umask": order.umask,
                "may_gain_rights": order.may_gain_rights,
                "core_bytes": order.core_bytes,
                "open_script": order.open_script,
                "container": None if order.container is None else asdict(order.container),
                "confinement": None if order.confinement is None else asdict(order.confinement),
                "lease": None if order.lease is None else tuple(order.lease),
                "boot_id": self._boot_id,
                "key": key_of(str(order.run_dir), self._key),
            }
        )
        folder = os.fsencode(order.run_dir)
        return struct.pack("!II", len(folder), len(message)) + folder + message

    def evidence(self, run_dir: Path, *, boot_id: str) -> Evidence:
        """What is known of an attempt, only from its evidence."""
        name = str(run_dir)
        outcome = look_for_end(name, self._key, boot_id=self._boot_id)
        if outcome is not None:
            self._forget(name)
            return outcome
        if self._is_in_flight(name):
            return Alive(started_at=None)
        # Read after the shim's answer: whatever it did before that is in the evidence by now.
        seen = look(name, self._key, boot_id=self._boot_id)
        if not isinstance(seen, Seen):
            return seen
        if seen.is_held:
            return Alive(started_at=seen.started_at)
        now = SystemClock().now()
        if gone := why_gone(boot_id, self._boot_id):
            return Lost(at=now, reason=gone)
        if seen.doubt and seen.doubt != REPLACED:
            return Lost(at=now, reason=Reason.EVIDENCE_FORGED, detail=seen.doubt)
        if seen.is_marked and not seen.doubt:
            return Lost(at=now, reason=Reason.SUPERVISOR_KILLED)
        if seen.is_marked or name in self._taken:
            return Lost(at=now, reason=Reason.EVIDENCE_GONE)
        return self._why_not_taken(name, now) or NotStarted()

    def extend(self, run_dir: Path, until: float) -> bool:
        """Write the new end of an attempt's lease beside its evidence; False when that is not possible."""
        return write_end(run_dir, until, boot_id=self._boot_id, key=self._key)

    def keep_going(self, run_dir: Path) -> bool:
        """Continue a supervisor that its job has stopped: its timeout must work; returns whether it was."""
        supervisor = supervisor_in(run_dir, self._key, boot_id=self._boot_id)
        return supervisor is not None and go_on(supervisor.pid, supervisor.began)

    def end_leftovers(self, attempt: AttemptKey, *, removal: Removal | None = None) -> int:
        """Kill what an attempt whose supervisor died left running; returns the number of processes."""
        if removal is not None:
            remove_container(removal)
        groups.remove(groups.path_of(groups.base(), attempt.id))
        ended = end_marked(tuple(f"{name}={value}".encode() for name, value in attempt.marks.items()))
        with self._lock:
            self._hear()
            return ended + self._left.pop(attempt.folder, 0)

    def stop(self, run_dir: Path, how: Stop) -> bool:
        """Write the request beside the evidence and wake the supervisor, else it reads it in a second.

        False when no supervisor is there to read it. One request is enough; repeating it changes nothing.
        """
        seen = look(str(run_dir), self._key, boot_id=self._boot_id)
        if not isinstance(seen, Seen) or not seen.is_held or not add_request(run_dir, how, self._key):
            return False
        supervisor = supervisor_in(run_dir, self._key, boot_id=self._boot_id)
        if supervisor is not None:
            rouse(supervisor.pid, supervisor.began)
        return True

    def is_launcher(self, pid: int) -> bool:
        """Whether `pid` is the launcher process, which only this object may wait for."""
        process = self._process
        return process is not None and process.pid == pid

    def close(self) -> None:
        """Let the launcher process end; shims continue."""
        if self._orders is not None:
            self._orders.close()
            os.close(self._acks)
            self._orders = None
        if self._process is not None:
            try:
                self._process.wait(1.0)
            except subprocess.TimeoutExpired:
                self._process.kill()  # its shims are not affected
                self._process.wait()
            self._process = None
        self._in_flight.clear()
        self._heard = b""

    def _forget(self, name: str) -> None:
        with self._lock:
            self._in_flight.discard(name)
            self._taken.discard(name)
            self._refused.pop(name, None)

    def _is_in_flight(self, name: str) -> bool:
        """Whether an order was sent and its shim has not yet said that the lock is decided."""
        with self._lock:
            if name in self._in_flight:
                self._hear()
            return name in self._in_flight

    def _hear(self) -> None:
        """Read the supervisors' replies to their orders; without a launcher there will be no more."""
        while self._orders is not None:
            try:
                part = os.read(self._acks, 65_536)
            except BlockingIOError:
                if self._process is not None and self._process.poll() is None:
                    return
                part = b""  # its shims live on, but orders that it had not yet handed over are lost
            if not part:
                break
            *lines, self._heard = (self._heard + part).split(b"\n")
            for line in lines:
                self._take_in(line.decode("utf-8", "surrogateescape"))
        self._in_flight.clear()

    def _take_in(self, line: str) -> None:
        problem, _, name = line[1:].partition(" ")
        if line.startswith("="):  # the launcher process has ended what its supervisor left
            if len(self._left) > MAX_REFUSED:
                self._left.clear()
            self._left[name.rpartition("/")[2]] = int(problem)
            return
        if name not in self._in_flight:
            return  # its end is known already
        self._in_flight.remove(name)
        if line.startswith("+"):
            self._taken.add(name)
        elif int(problem) != errno.ETIME:  # its lease was over: that says nothing about the next one
            if len(self._refused) > MAX_REFUSED:
                self._refused.clear()
            self._refused.setdefault(name, []).append(int(problem))

    def _why_not_taken(self, name: str, now: datetime) -> StartError | None:
        """The end of an attempt that was refused START_TRIES times; None before that."""
        problems = self._refused.get(name, [])
        if len(problems) < START_TRIES:
            return None
        why = os.strerror(problems[-1]) if problems[-1] else "it was killed each time"
        return StartError(at=now, reason=Reason.START_ERROR, detail=f"its supervisor cannot begin: {why}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A program's output and exit code; `trouble` says why it was stopped, if it was."""

    code: int
    out: bytes
    complaint: bytes
    trouble: str = ""


def listen(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    text: bytes,
    most_bytes: int,
    memory_bytes: int | None,
    timeout_seconds: float,
    folder: str = "/",
) -> Heard:
    """Run a program that reads a text, and read its output up to a limit; raises OSError.

    It is killed, with all that it started, when it takes too long or prints more. Its memory limit is
    RLIMIT_DATA (getrlimit(2)), set as soon as it has started: with threads, none of our code may run between
    fork and exec. Files that it maps do not count.
    """
    # A file in memory, not a pipe: a program that prints before it reads cannot block this one.
    with os.fdopen(os.memfd_create("input"), "w+b") as given:
        given.write(text)
        given.seek(0)
        process = subprocess.Popen(  # noqa: S603  an argument vector, never a shell
            argv,
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=env,
            start_new_session=True,
        )
    with process:
        try:
            with contextlib.suppress(ProcessLookupError):  # it may have ended already
                if memory_bytes is not None:
                    resource.prlimit(process.pid, resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
            out, complaint, trouble = _printed(process, most_bytes, timeout_seconds)
        finally:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
    return Heard(code=process.wait(), out=out, complaint=complaint, trouble=trouble)


def _printed(process: "subprocess.Popen[bytes]", most: int, seconds: float) -> tuple[bytes, bytes, str]:
    """The output of a process until it ends; does not wait for leftover processes that hold it open."""
    assert process.stdout is not None
    assert process.stderr is not None
    clock, out, complaint = SystemClock(), bytearray(), bytearray()
    end = clock.elapsed() + seconds
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, out)
        selector.register(process.stderr, selectors.EVENT_READ, complaint)
        while selector.get_map():
            if clock.elapsed() >= end:
                return bytes(out), bytes(complaint), f"did not end within {seconds:.0f} s"
            is_over = process.poll() is not None
            ready = selector.select(LOOK_SECONDS)
            for key, _ in ready:
                part = os.read(key.fd, PART_BYTES)
                if not part:
                    selector.unregister(key.fileobj)
                elif key.data is out or len(complaint) < COMPLAINT_BYTES:
                    key.data.extend(part)
            if len(out) > most:
                return bytes(out), bytes(complaint), f"printed more than {most:,} bytes"
            if is_over and not ready:
                break
    try:  # it closes its output before it has ended
        process.wait(max(0.0, end - clock.elapsed()))
    except subprocess.TimeoutExpired:
        return bytes(out), bytes(complaint), f"did not end within {seconds:.0f} s"
    return bytes(out), bytes(complaint), ""


REMOVE_SECONDS = 20.0
"""Maximum duration of the command that removes a container."""


def remove_container(removal: Removal) -> bool:
    """Remove the container of a lost attempt, with all that runs in it; returns whether that succeeded."""
    user = removal.user
    groups_ = {} if user is None else {"user": user.uid, "group": user.gid, "extra_groups": user.groups}
    try:
        done = subprocess.run(  # noqa: S603  the runtime by its path, and a name that we made
            removal.argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=removal.env,
            start_new_session=True,
            timeout=REMOVE_SECONDS,
            check=False,
            **groups_,  # type: ignore[call-overload]  # of its own types
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return bool(done.returncode == 0)


def ask(argv: Sequence[str], text: str, *, timeout_seconds: float) -> tuple[int, str] | None:
    """The exit code and error output of a short program that reads a text; None if it is missing or too slow.

    It gets only a PATH as environment, and its own session.
    """
    try:
        done = subprocess.run(  # noqa: S603  fixed words, found on a fixed path
            argv,
            input=text.encode("utf-8", "surrogateescape"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C"},
            start_new_session=True,
            timeout=timeout_seconds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.returncode, done.stderr.decode("utf-8", "replace")


class Beside:
    """A program of ours that runs beside this process, in its own session; it prints to standard error."""

    def __init__(self, argv: Sequence[str], *, env: Mapping[str, str], passed: Sequence[int] = ()) -> None:
        """Start it; it gets these open files, with the same numbers."""
        self._process = subprocess.Popen(  # noqa: S603  our own program, never a shell
            argv, env=env, stdin=subprocess.DEVNULL, stdout=STDERR, start_new_session=True, pass_fds=passed
        )

    def wait(self) -> str:
        """Wait for its end; return how it ended, in words."""
        code = self._process.wait()
        return f"exit code {code}" if code >= 0 else f"signal {-code}"

    def end(self, *, seconds: float) -> None:
        """Ask it to end, and kill it if it does not."""
        self._process.terminate()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
