"""Executes attempts: the engine's end of the launcher process, and what an attempt's folder tells."""

import contextlib
import fcntl
import json
import os
import select
import socket
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any  # results are JSON

from engine.adapters.clock import SystemClock
from engine.adapters.environment import environment
from engine.errors import JobfileError, RevisionError
from engine.lifecycle import Ended, Lost, Outcome, StartError
from engine.ports import Alive, Evidence, LaunchOrder, NotStarted, Stop

SHIM = Path(__file__).with_name("shim.py")
MAGIC = b"JFR1"
HEARD_SECONDS = 5.0
"""A shim that has not said by then whether it has the lock was killed before it could: its folder tells."""
GIT_SECONDS = 60
"""How long git may take to tell what changed."""
_HEAD = struct.Struct("!4sII")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def current_boot_id() -> str:
    """Names this boot of this machine, and the pid namespace: in another, no recorded process is ours."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"


class ProcessLauncher:
    """Hands orders to a launcher process, which forks a shim for each; both outlive what made them."""

    def __init__(self, wake: Path | None) -> None:
        """`wake` is the named pipe through which shims tell that they ended. Starts no process yet."""
        self._wake = wake
        self._boot_id = current_boot_id()
        self._process: subprocess.Popen[bytes] | None = None
        self._orders: socket.socket | None = None
        self._acks = -1
        self._in_flight: dict[str, float] = {}
        self._heard = b""
        self._lock = threading.RLock()

    def start(self) -> None:
        """Start the launcher process now, while this one is small and has one thread."""
        if self._process is not None and self._process.poll() is None:
            return
        self.close()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        acks, their_acks = os.pipe()
        handles = (theirs.fileno(), their_acks)
        self._process = subprocess.Popen(  # noqa: S603  our own file, by its full path
            [
                *(sys.executable, "-I", "-S", "-X", "utf8", str(SHIM)),
                *map(str, handles),
                str(self._wake or ""),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=handles,
            start_new_session=True,
            cwd="/",
            env={},
        )
        theirs.close()
        os.close(their_acks)
        os.set_blocking(acks, False)
        self._orders, self._acks = ours, acks

    def launch(self, order: LaunchOrder) -> None:
        """Send an order; a launcher that has died is replaced, and its shims go on without it."""
        message = json.dumps(
            {
                "attempt_id": order.attempt_id,
                "run_dir": str(order.run_dir),
                "scratch_dir": str(order.scratch_dir) if order.scratch_dir else "",
                "argv": order.argv,
                "env": dict(order.env),
                "secrets": dict(order.secrets),
                "working_dir": str(order.working_dir),
                "timeout_seconds": order.timeout_seconds,
                "kill_grace_seconds": order.kill_grace_seconds,
                "script": order.script,
                "boot_id": self._boot_id,
            }
        ).encode()
        framed = struct.pack("!I", len(message)) + message
        with self._lock:  # one loop launches while another looks
            for _ in range(2):
                self.start()
                assert self._orders is not None
                self._in_flight[str(order.run_dir)] = SystemClock().elapsed()
                with contextlib.suppress(OSError):
                    self._orders.sendall(framed)
                    return
                self.close()
        raise JobfileError("the process that starts jobs cannot be started; see the system's limits")

    def evidence(self, run_dir: Path, *, boot_id: str) -> Evidence:
        """What is known of an attempt. The result is read again after the lock was found free: the shim
        may have ended in between.
        """
        outcome = _read_result(run_dir)
        if outcome is not None:
            self._in_flight.pop(str(run_dir), None)
            return outcome
        if self._is_in_flight(run_dir):
            return Alive(started_at=None)
        started_at = _read_started(run_dir)
        if _is_locked(run_dir):
            return Alive(started_at=started_at)
        outcome = _read_result(run_dir)
        if outcome is not None:
            return outcome
        if not (run_dir / "started").exists():
            return NotStarted()
        reason = "supervisor_killed" if boot_id == self._boot_id else "host_reboot"
        return Lost(at=SystemClock().now(), reason=reason)

    def stop(self, run_dir: Path, how: Stop) -> bool:
        """Tell the supervisor through its pipe. A recorded pid is never signalled: it may be another's."""
        try:
            pipe = os.open(run_dir / "control", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            return os.write(pipe, f"{how.value}\n".encode()) > 0
        except OSError:
            return False
        finally:
            os.close(pipe)

    def close(self) -> None:
        """Let the launcher process end; shims go on."""
        if self._orders is not None:
            self._orders.close()
            os.close(self._acks)
            self._orders = None
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1.0)
            self._process = None
        self._in_flight.clear()
        self._heard = b""

    def _is_in_flight(self, run_dir: Path) -> bool:
        """Whether an order was sent and its shim has not yet said that the lock is decided."""
        with self._lock:
            return self._is_unheard_of(run_dir)

    def _is_unheard_of(self, run_dir: Path) -> bool:
        if str(run_dir) not in self._in_flight:
            return False
        gone = self._orders is None
        while not gone and select.select([self._acks], [], [], 0)[0]:
            part = os.read(self._acks, 65_536)
            gone = not part
            *lines, self._heard = (self._heard + part).split(b"\n")
            for line in lines:
                self._in_flight.pop(line.decode("utf-8", "surrogateescape"), None)
        if gone:
            self._in_flight.clear()
        sent_at = self._in_flight.get(str(run_dir))
        return sent_at is not None and SystemClock().elapsed() - sent_at < HEARD_SECONDS


def changed_files(folder: Path, *, since: str) -> frozenset[Path]:
    """The files of a folder's repository that differ from a revision, by their whole paths."""
    if since.startswith("-"):
        raise RevisionError(f"`{since}` is not a revision")
    top = Path(_git(folder, "rev-parse", "--show-toplevel").removesuffix("\n"))
    names = _git(folder, "diff", "--name-only", "-z", since, "--").split("\0")
    return frozenset(top / name for name in names if name)


def _git(folder: Path, *arguments: str) -> str:
    return os.fsdecode(git_bytes(folder, *arguments))


def git_bytes(
    folder: Path,
    *arguments: str,
    timeout_seconds: float = GIT_SECONDS,
    extra: Mapping[str, str] | None = None,
) -> bytes:
    """What git prints in a folder; raises RevisionError with its reason. `extra` is for its environment."""
    try:
        done = subprocess.run(  # noqa: S603  git is an argument vector, never a shell
            ["git", "-C", str(folder), *arguments],  # noqa: S607  the git that the user would run
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_seconds,
            env={**environment(), **(extra or {})},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RevisionError(f"git does not answer: {error}") from error
    if done.returncode:
        said = os.fsdecode(done.stderr).strip().removeprefix("fatal: ").partition("\n")[0]
        raise RevisionError(f"git says: {said or 'it gives no reason'}")
    return done.stdout


def ask(argv: Sequence[str], text: str, *, timeout_seconds: float) -> tuple[int, str] | None:
    """The exit code and the complaints of a short program that reads a text; None if it is not there or slow.

    It gets no environment but a path, and a session of its own.
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


def _read_result(run_dir: Path) -> Outcome | None:
    """The recorded end; a torn or empty one is none, and never means success."""
    try:
        block = (run_dir / "result").read_bytes()
    except OSError:
        return None
    if len(block) < _HEAD.size:
        return None
    magic, checksum, size = _HEAD.unpack_from(block)
    body = block[_HEAD.size : _HEAD.size + size]
    if magic != MAGIC or len(body) != size or zlib.crc32(body) != checksum:
        return None
    return _outcome(json.loads(body))


def _outcome(result: dict[str, Any]) -> Outcome:
    ended_at = _EPOCH + timedelta(microseconds=result["ended_at"])
    if "start_error" in result:
        return StartError(at=ended_at, reason="start_error", detail=result["start_error"])
    return Ended(
        started_at=_EPOCH + timedelta(microseconds=result["started_at"]),
        ended_at=ended_at,
        exit_code=result["exit_code"],
        signal=result["signal"],
        timed_out=result.get("timed_out", False),
        stopped=result.get("stopped", False),
        output_bytes=result["output_bytes"],
        output_dropped=result["output_dropped"],
        leftover_processes=result["leftover_processes"],
    )


def _read_started(run_dir: Path) -> datetime | None:
    try:
        return _EPOCH + timedelta(microseconds=json.loads((run_dir / "started").read_bytes())["at"])
    except (OSError, ValueError, KeyError):
        return None


def _is_locked(run_dir: Path) -> bool:
    """Whether a supervisor lives: it holds the lock for its life, and no pid has to be believed."""
    try:
        handle = os.open(run_dir / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False
