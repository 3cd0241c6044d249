"""The launcher process and the shims it forks. Runs alone: `python -I -S shim.py SOCKET ACKS WAKE`.

The launcher is small and has one thread; for each order it forks a shim and goes on. A shim supervises one
attempt and outlives both the launcher and the engine. It holds a lock while it lives, leaves a marker before
it executes anything (made once: at most one execution of an attempt), and a checksummed result at the end.

Standard library only, and of that little: every import here is memory of each running job.
"""

import ctypes
import errno
import fcntl
import gc
import json
import os
import resource
import select
import signal
import struct
import sys
import time
import zlib
from typing import Any, Final  # an order is JSON

sys.path.insert(0, os.path.dirname(__file__))  # noqa: PTH120  pathlib costs more than all the rest here

from masking import Masker
from output import OutputFiles

RESULT_BYTES: Final = 4096
MAGIC: Final = b"JFR1"
LOCKED_ELSEWHERE: Final = 91
DRAIN_SECONDS: Final = 2.0
"""How long what a job left behind may keep its output open after it has ended."""
READ_BYTES: Final = 65_536
_LOCK_TRIES: Final = 100
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_DETAIL_CHARACTERS: Final = 600

_libc = ctypes.CDLL(None)


def launcher(orders: int, acks: int, wake: str) -> None:
    """Fork a shim for each order until the engine has gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps shims; each resets this for its job
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)
    gc.disable()
    gc.freeze()
    while order := _receive(orders):
        if os.fork() == 0:
            os.close(orders)
            _shim_process(order, acks, wake)


def _receive(orders: int) -> bytes:
    """The next order, or nothing when the engine has closed its end."""
    head = _read_exactly(orders, 4)
    return _read_exactly(orders, struct.unpack("!I", head)[0]) if head else b""


def _read_exactly(handle: int, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = os.read(handle, size - len(parts))
        if not part:
            return b""
        parts += part
    return bytes(parts)


def _shim_process(message: bytes, acks: int, wake: str) -> None:
    """The whole life of a forked shim; never returns."""
    code = 1
    try:
        code = Shim(json.loads(message), wake).run(acks)
    finally:
        os._exit(code)


def now_us() -> int:
    """The wall clock in microseconds."""
    return time.clock_gettime_ns(time.CLOCK_REALTIME) // 1000


def boot_seconds() -> float:
    """Seconds since boot, suspend included: how long things take, whatever the wall clock does."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Shim:
    """Supervises one attempt."""

    def __init__(self, order: dict[str, Any], wake: str) -> None:
        """Take an order; nothing has happened yet."""
        self.order = order
        self.wake = wake
        self.folder: str = order["run_dir"]
        self.result: dict[str, Any] = {"boot_id": order["boot_id"]}
        self.kill_at: float | None = None

    def run(self, acks: int) -> int:
        """Execute the attempt if nobody else does or did; the shim's exit code."""
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        is_mine = False
        try:
            is_mine = self._claim()
        except OSError:
            pass  # a disk that takes nothing: proven not started, so the engine tries again
        try:
            os.write(acks, f"{self.folder}\n".encode())
        except OSError:
            pass  # the engine that sent the order is gone; the next one reads the folder
        if not is_mine:
            return LOCKED_ELSEWHERE
        os.close(acks)
        self._execute()
        self._conclude()
        return 0

    # Before: lock, control, room for the result, marker

    def _claim(self) -> bool:
        for folder in (self.folder, self.order["scratch_dir"]):
            if folder:
                os.makedirs(folder, 0o700, exist_ok=True)  # noqa: PTH103  no pathlib here
        self.lock = os.open(self._path("lock"), os.O_CREAT | os.O_RDWR, 0o600)
        if not self._has_lock() or os.access(self._path("started"), os.F_OK):
            return False
        self._make_control()
        self.result_file = os.open(self._path("result"), os.O_CREAT | os.O_RDWR, 0o600)
        os.posix_fallocate(self.result_file, 0, RESULT_BYTES)
        if self.order["script"] is not None:
            script = os.open(self._path("script"), os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
            _write_all(script, self.order["script"].encode("utf-8", "surrogateescape"))
            os.close(script)
        self.started_us, self.started = now_us(), boot_seconds()
        return self._mark()

    def _mark(self) -> bool:
        """Make the marker, last of all: what could not be prepared has none, and is started again."""
        try:
            marker = os.open(self._path("started"), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            return False
        try:
            _write_all(marker, json.dumps({"at": self.started_us, "boot_id": self.order["boot_id"]}).encode())
            os.fsync(marker)
            folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
            os.fsync(folder)
            os.close(folder)
        except OSError:
            os.unlink(self._path("started"))  # noqa: PTH108  no pathlib here
            raise
        os.close(marker)
        return True

    def _has_lock(self) -> bool:
        """Somebody who only looks holds the lock for an instant; a shim holds it for its life."""
        for _ in range(_LOCK_TRIES):
            try:
                fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                select.select([], [], [], 0.001)
            else:
                return True
        return False

    def _make_control(self) -> None:
        try:
            os.mkfifo(self._path("control"), 0o600)
        except FileExistsError:
            pass
        self.control = os.open(self._path("control"), os.O_RDWR | os.O_NONBLOCK)

    def _path(self, name: str) -> str:
        return f"{self.folder}/{name}"

    # The job's own process

    def _execute(self) -> None:
        self.output = OutputFiles(self.folder, Masker(self.order["secrets"].values()))
        out_read, out_write = os.pipe()
        error_read, error_write = os.pipe()
        shim = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            self._become_job(shim, out_write, error_write)
        os.close(out_write)
        os.close(error_write)
        problem = os.read(error_read, 4096)
        os.close(error_read)
        self.out = out_read
        if problem:
            os.waitpid(self.pid, 0)
            self.result["start_error"] = problem.decode("utf-8", "replace")[:_DETAIL_CHARACTERS]
            return
        self._supervise()

    def _become_job(self, shim: int, out: int, error: int) -> None:
        """In the forked child: turn into the job, or say why not."""
        try:
            os.setpgid(0, 0)
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != shim:
                os._exit(1)  # the shim died before the line above could be for it
            for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            nothing = os.open("/dev/null", os.O_RDONLY)
            os.dup2(nothing, 0)
            os.dup2(out, 1)
            os.dup2(out, 2)
            os.write(error, self._exec().encode("utf-8", "replace"))
        finally:
            os._exit(127)

    def _exec(self) -> str:
        """Execute the command; returns only with the reason why that cannot be done."""
        order = self.order
        argv = order["argv"] + ([self._path("script")] if order["script"] is not None else [])
        try:
            os.chdir(order["working_dir"])
        except OSError as problem:
            return f"working folder {order['working_dir']}: {problem.strerror}"
        try:
            os.execvpe(argv[0], argv, {**order["env"], **order["secrets"]})  # noqa: S606  that is what a job is
        except OSError as problem:
            words = {errno.ENOENT: "not found", errno.EACCES: "not executable"}
            return f"program `{argv[0]}` {words.get(problem.errno or 0, problem.strerror)}"
        except ValueError as problem:
            return f"program `{argv[0]}` {problem}"

    # While it runs

    def _supervise(self) -> None:
        os.set_blocking(self.out, False)
        pidfd = os.pidfd_open(self.pid)
        poll = select.poll()
        for handle in (self.out, pidfd, self.control):
            poll.register(handle, select.POLLIN)
        timeout = self.order["timeout_seconds"]
        self.end_at = None if timeout is None else self.started + timeout
        is_open = True
        while True:
            ready = {handle for handle, _ in poll.poll(self._milliseconds())}
            if self.out in ready and not self._read_output():
                poll.unregister(self.out)
                is_open = False
            if pidfd in ready:
                break
            if self.control in ready:
                self._obey(os.read(self.control, 4096))
            self._enforce()
        _, status, usage = os.wait4(self.pid, 0)
        self.ended_us = now_us()
        self.result["exit_code"] = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
        self.result["signal"] = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        self.result["max_rss_kb"] = usage.ru_maxrss
        self.result["cpu_seconds"] = round(usage.ru_utime + usage.ru_stime, 3)
        self._clean_up(is_open=is_open)

    def _milliseconds(self) -> float | None:
        ends = [at for at in (self.end_at, self.kill_at) if at is not None]
        return max(0.0, (min(ends) - boot_seconds()) * 1000 + 1) if ends else None

    def _read_output(self) -> bool:
        """Take what is there; False at the end."""
        try:
            part = os.read(self.out, READ_BYTES)
        except BlockingIOError:
            return True
        self.output.write(part)
        return bool(part)

    def _obey(self, wishes: bytes) -> None:
        for wish in wishes.split():
            self.result["stopped"] = True
            if wish == b"kill":
                self._signal(signal.SIGKILL)
            elif self.kill_at is None:
                self._signal(signal.SIGTERM)
                self.kill_at = boot_seconds() + self.order["kill_grace_seconds"]

    def _enforce(self) -> None:
        """The timeout holds here, with or without an engine."""
        now = boot_seconds()
        if self.end_at is not None and now >= self.end_at:
            self.end_at = None
            if self.kill_at is None:
                self.result["timed_out"] = True
                self._signal(signal.SIGTERM)
                self.kill_at = now + self.order["kill_grace_seconds"]
        if self.kill_at is not None and now >= self.kill_at:
            self._signal(signal.SIGKILL)
            self.kill_at = now + 1.0

    def _signal(self, number: int) -> None:
        for send in (os.killpg, os.kill):
            try:
                send(self.pid, number)
            except (ProcessLookupError, PermissionError):
                pass

    # After

    def _clean_up(self, *, is_open: bool) -> None:
        """Nothing of the job survives it: what it left behind is counted, told to end, and ended."""
        leftovers = self._children()
        self.result["leftover_processes"] = len(leftovers)
        if leftovers:
            self._end_leftovers(leftovers, signal.SIGTERM)
        deadline = boot_seconds() + DRAIN_SECONDS
        while is_open or self._has_children():
            left = deadline - boot_seconds()
            if left <= 0:
                break
            if is_open:
                ready, _, _ = select.select([self.out], [], [], min(left, 0.05))
                is_open = self._read_output() if ready else is_open
            else:
                select.select([], [], [], 0.01)
        while (left_over := self._children()) and boot_seconds() < deadline + DRAIN_SECONDS:
            self._end_leftovers(left_over, signal.SIGKILL)
            select.select([], [], [], 0.01)
        while is_open and select.select([self.out], [], [], 0)[0]:
            is_open = self._read_output()

    def _has_children(self) -> bool:
        """Whether anything is left that was reparented to this shim."""
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True

    def _children(self) -> list[int]:
        """Every live descendant: all that lost their parents are children of this shim, a subreaper."""
        if not self._has_children():
            return []
        found, todo = [], [os.getpid()]
        while todo:
            parent = todo.pop()
            try:
                with open(f"/proc/{parent}/task/{parent}/children", "rb") as file:  # noqa: PTH123  no pathlib
                    children = [int(word) for word in file.read().split()]
            except OSError:
                continue
            found += children
            todo += children
        return found

    def _end_leftovers(self, pids: list[int], number: int) -> None:
        for pid in pids:
            try:
                os.kill(pid, number)
            except (ProcessLookupError, PermissionError):
                pass

    def _conclude(self) -> None:
        """Evidence before anything else: the result is on the disk before anybody is told of it."""
        self.output.close()
        self.result.update(
            started_at=self.started_us,
            ended_at=getattr(self, "ended_us", None) or now_us(),
            output_bytes=self.output.total,
            output_dropped=self.output.dropped,
        )
        body = json.dumps(self.result).encode()
        block = MAGIC + struct.pack("!II", zlib.crc32(body), len(body)) + body
        os.pwrite(self.result_file, block.ljust(RESULT_BYTES, b"\0"), 0)
        os.fdatasync(self.result_file)
        try:
            pipe = os.open(self.wake, os.O_WRONLY | os.O_NONBLOCK)
            os.write(pipe, f"{self.order['attempt_id']}\n".encode())
        except OSError:
            pass  # no engine listens: the next one will look


def _write_all(handle: int, content: bytes) -> None:
    while content:
        content = content[os.write(handle, content) :]


if __name__ == "__main__":
    launcher(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
