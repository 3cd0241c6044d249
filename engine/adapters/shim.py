"""A shim: supervises one attempt, whoever else lives or dies.

It locks the attempt's evidence while it does, and leaves in it a marker before it executes anything (once: at
most one execution of an attempt), and a checksummed result at the end. Forked by the launcher; standard
library only, and of that little: every import here is memory of each running job.
"""

import ctypes
import errno
import fcntl
import json
import os
import select
import signal
import sys
import time
from typing import Any, Final  # an order is JSON

sys.path.insert(0, os.path.dirname(__file__))  # noqa: PTH120  pathlib costs more than all the rest here

from evidence import CONTROL, NAME, NEW, RESULT_AT, SIZE, beside, pack
from leftovers import began_at, signal_descendants
from making import make_folder, write_all_at, write_new
from masking import Masker
from memory import memory_kills
from output import OutputFiles
from program import Program

DRAIN_SECONDS: Final = 2.0
"""How long what a job left behind may keep its output open after it has ended."""
LOOK_SECONDS: Final = 1.0
"""How often a supervisor looks at its folder; no sleep is longer, whatever is suspended."""
READ_BYTES: Final = 65_536
_LOCK_TRIES: Final = 100
_PR_SET_CHILD_SUBREAPER: Final = 36
_DETAIL_CHARACTERS: Final = 600

_libc = ctypes.CDLL(None)
_me: dict[str, Any] = {}
"""Which process this supervisor is, as its markers say."""
_roused = -1
"""Readable when somebody has sent a signal: a wish may be there."""


def become_supervisor() -> None:
    """For its whole life a supervisor has a session of its own, and what loses its parent is its child.

    Whoever ends everything politely, as a host that goes down does, ends the jobs: their supervisors stay to
    record how. A caught signal, unlike an ignored one, is reset when the job is executed. SIGCONT lets a
    stopped supervisor go on, and wakes another.
    """
    global _roused
    os.setsid()
    _roused, rouses = os.pipe()
    for handle in (_roused, rouses):
        os.set_blocking(handle, False)
    signal.set_wakeup_fd(rouses, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCONT):
        signal.signal(number, lambda _number, _frame: None)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    _me.update(pid=os.getpid(), began=began_at(os.getpid()))


def now_us() -> int:
    """The wall clock in microseconds."""
    return time.clock_gettime_ns(time.CLOCK_REALTIME) // 1000


def boot_seconds() -> float:
    """Seconds since boot, suspend included: how long things take, whatever the wall clock does."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _has_locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


class Shim:
    """Supervises one attempt."""

    def __init__(self, order: bytes, wake: str) -> None:
        """Take an order; nothing has happened yet."""
        self.order: dict[str, Any] = json.loads(order)
        self.wake = wake
        self.folder: str = self.order["run_dir"]
        self.shelf = self.folder.rpartition("/")[0]
        self.result: dict[str, Any] = {"boot_id": self.order["boot_id"]}
        self.end_at: float | None = None
        self.kill_at: float | None = None
        self.look_at = 0.0
        self.was_killed = False
        self.problem = 0
        """Why it could not be taken: errno(3), or nothing."""
        self.heard = 0
        """So many bytes of its wishes are known."""
        self.evidence = -1

    def run(self, acks: int) -> None:
        """Execute the attempt if nobody else does or did, and leave evidence of its end."""
        is_mine = self._claim()
        try:
            os.write(acks, f"{'+' if is_mine else '-'}{self.problem} {self.folder}\n".encode())
        except OSError:
            pass  # the engine that sent the order is gone; the next one reads the folder
        if is_mine:
            try:
                self._supervise()
            except Exception as problem:  # noqa: BLE001  whatever goes wrong here must not leave an attempt open
                self._give_up(problem)
            self._conclude()
        if self.evidence >= 0:
            os.close(self.evidence)

    # Before: the lock, all that can fail, and last of all the marker

    def _claim(self) -> bool:
        """Whether this attempt is ours to execute. What fails before the marker has executed nothing."""
        try:
            self._make_folders()
            if not self._take_lock():
                return False
            if os.path.exists(self._path(NAME)):  # noqa: PTH110
                os.unlink(self._path(NEW))  # noqa: PTH108
                return False
            self._prepare()
            self.started_us, self.started = now_us(), boot_seconds()
            self.marker = pack({"at": self.started_us, "boot_id": self.order["boot_id"], **_me})
            self._mark()
        except (OSError, ValueError) as problem:
            self.problem = getattr(problem, "errno", None) or errno.EINVAL
            return False
        return True

    def _make_folders(self) -> None:
        make_folder(self.order["scratch_dir"] or self.shelf)

    def _take_lock(self) -> bool:
        """Somebody who only looks holds the lock for an instant; a shim holds it for its attempt's life.

        It is a lock of what others find under this name: whoever held it before may have put it in its place.
        """
        for _ in range(_LOCK_TRIES):
            self.evidence = os.open(self._path(NEW), os.O_CREAT | os.O_RDWR, 0o600)
            if _has_locked(self.evidence) and self._is_ours(NEW):
                return True
            os.close(self.evidence)
            self.evidence = -1
            select.select([], [], [], 0.001)
        return False

    def _prepare(self) -> None:
        script = None
        if self.order["script"] is not None:
            make_folder(self.folder)
            script = f"{self.folder}/script"
            write_new(script, self.order["script"].encode("utf-8", "surrogateescape"))
        self.output = OutputFiles(self.folder, Masker(self.order["secrets"].values()))
        self.program = Program(self.order, script)
        self.memory_kills = memory_kills()

    def _mark(self) -> None:
        """From here on the attempt counts as executed: that is on the disk before the command runs."""
        self._put_in_place(self.evidence)
        try:
            self._sync()
        except OSError:
            os.unlink(self._path(NAME))  # noqa: PTH108  nothing was executed, so nothing says so
            raise

    def _put_in_place(self, evidence: int) -> None:
        """Whole and locked from its first moment, with room for the end: no disk that fills up takes that."""
        write_all_at(evidence, self.marker.ljust(SIZE, b"\0"), 0)
        os.rename(self._path(NEW), self._path(NAME))  # noqa: PTH104

    def _sync(self) -> None:
        os.fsync(self.evidence)
        shelf = os.open(self.shelf, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(shelf)
        finally:
            os.close(shelf)

    def _path(self, name: str) -> str:
        path: str = beside(self.folder, name)
        return path

    # While it runs

    def _supervise(self) -> None:
        problem = self.program.start()
        if problem:
            self.result["start_error"] = problem[:_DETAIL_CHARACTERS]
            return
        timeout = self.order["timeout_seconds"]
        self.end_at = None if timeout is None else self.started + timeout
        self.look_at = self.started + LOOK_SECONDS
        is_open = self._wait()
        status, usage = self.program.reap()
        self.result["ended_at"] = now_us()
        self.result["exit_code"] = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
        self.result["signal"] = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        self.result["max_rss_kb"] = usage.ru_maxrss
        self.result["cpu_seconds"] = round(usage.ru_utime + usage.ru_stime, 3)
        if status:
            self.result["out_of_memory"] = memory_kills() > self.memory_kills
        self._clean_up(is_open=is_open)

    def _wait(self) -> bool:
        """Until the job's own process has ended; whether its output is still open then."""
        out, ended = self.program.output, self.program.handle
        poll = select.poll()
        for handle in (out, ended, _roused):
            poll.register(handle, select.POLLIN)
        is_open = True
        self._obey()
        while True:
            ready = {handle for handle, _ in poll.poll(self._milliseconds())}
            if out in ready and not self._read_output():
                poll.unregister(out)
                is_open = False
            if ended in ready:
                return is_open
            is_time = boot_seconds() >= self.look_at
            if _roused in ready:
                os.read(_roused, READ_BYTES)
            if _roused in ready or is_time:
                self._obey()
            self._enforce()
            if is_time:
                self._look_after()
                self.output.renew()

    def _milliseconds(self) -> float:
        ends = [at - boot_seconds() for at in (self.end_at, self.kill_at) if at is not None]
        return max(0.0, min([LOOK_SECONDS, *ends]) * 1000 + 1)

    def _read_output(self) -> bool:
        """Take what is there; False at the end."""
        try:
            part = os.read(self.program.output, READ_BYTES)
        except BlockingIOError:
            return True
        self.output.write(part)
        return bool(part)

    def _obey(self) -> None:
        """Read what is wished, and was not heard before."""
        try:
            control = os.open(self._path(CONTROL), os.O_RDONLY)
        except OSError:
            return  # nothing is
        wishes = os.pread(control, READ_BYTES, self.heard)
        os.close(control)
        self.heard += len(wishes)
        for wish in wishes.split():
            self.result["stopped"] = True
            if wish == b"kill":
                self._kill()
            elif self.kill_at is None:
                self.program.signal(signal.SIGTERM)
                self.kill_at = boot_seconds() + self.order["kill_grace_seconds"]

    def _enforce(self) -> None:
        """The timeout holds here, with or without an engine."""
        now = boot_seconds()
        if self.end_at is not None and now >= self.end_at:
            self.end_at = None
            if self.kill_at is None:
                self.result["timed_out"] = True
                self.program.signal(signal.SIGTERM)
                self.kill_at = now + self.order["kill_grace_seconds"]
        if self.kill_at is not None and now >= self.kill_at:
            self._kill()
            self.kill_at = now + 1.0

    def _kill(self) -> None:
        self.was_killed = True
        self.program.signal(signal.SIGKILL)

    # What holds even when a job takes its own evidence away

    def _look_after(self) -> None:
        """Nobody may be kept from what an attempt leaves."""
        if not self._is_in_place():
            self._put_back()
        try:
            os.chmod(self.folder, 0o700)  # noqa: PTH101  where there is one
        except OSError:
            pass

    def _is_in_place(self) -> bool:
        """Whether what is open here is still what others find in the folder, and says what it said."""
        self.look_at = boot_seconds() + LOOK_SECONDS
        return self._is_ours(NAME) and os.pread(self.evidence, len(self.marker), 0) == self.marker

    def _is_ours(self, name: str) -> bool:
        try:
            return os.stat(self._path(name)).st_ino == os.fstat(self.evidence).st_ino  # noqa: PTH116
        except OSError:
            return False

    def _put_back(self) -> None:
        """Make the folder what it was. At no moment is there a lock that nobody holds: that would mean death.

        Where the folder of all runs is gone too, somebody moved the state: what is open here moved with it.
        """
        if not os.path.exists(self.shelf.rpartition("/")[0]):  # noqa: PTH110
            return
        try:
            if os.path.exists(self.shelf):  # noqa: PTH110
                os.chmod(self.shelf, 0o700)  # noqa: PTH101
            self._make_folders()
            self._replace_evidence()
        except OSError:
            return  # at the next look again

    def _replace_evidence(self) -> None:
        evidence = os.open(self._path(NEW), os.O_CREAT | os.O_TRUNC | os.O_RDWR, 0o600)
        try:
            fcntl.flock(evidence, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._put_in_place(evidence)
        except OSError:
            os.close(evidence)
            raise
        os.close(self.evidence)
        self.evidence, self.heard = evidence, 0
        self._sync()

    def _give_up(self, problem: Exception) -> None:
        """Supervision cannot go on: nothing of the job does either, and its end is not known."""
        signal_descendants(os.getpid(), signal.SIGKILL)
        self.result["supervisor_error"] = f"{type(problem).__name__}: {problem}"[:_DETAIL_CHARACTERS]
        self._has_children()

    # After

    def _clean_up(self, *, is_open: bool) -> None:
        """Nothing of the job survives it: what it left behind is counted, told to end, and ended."""
        self.result["leftover_processes"] = self._signal_leftovers(signal.SIGTERM)
        deadline = boot_seconds() + DRAIN_SECONDS
        while is_open or self._has_children():
            left = deadline - boot_seconds()
            if left <= 0:
                break
            if is_open:
                ready, _, _ = select.select([self.program.output], [], [], min(left, 0.05))
                is_open = self._read_output() if ready else is_open
            else:
                select.select([], [], [], 0.01)
        while self._signal_leftovers(signal.SIGKILL) and boot_seconds() < deadline + DRAIN_SECONDS:
            select.select([], [], [], 0.01)
        while is_open and select.select([self.program.output], [], [], 0)[0]:
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

    def _signal_leftovers(self, number: int) -> int:
        return signal_descendants(os.getpid(), number) if self._has_children() else 0

    def _conclude(self) -> None:
        """Evidence before anything else: the result is on the disk before anybody is told of it."""
        self.output.renew()  # what was taken away counts as dropped
        self.output.close()
        self.program.close()
        self.result.setdefault("ended_at", now_us())
        self.result.update(
            started_at=self.started_us,
            was_killed=self.was_killed,
            output_bytes=self.output.total,
            output_dropped=self.output.dropped,
        )
        self._look_after()
        try:
            write_all_at(self.evidence, pack(self.result), RESULT_AT)
            os.fdatasync(self.evidence)
        except OSError:
            pass  # what is torn has no valid checksum; what is whole is made durable by the ledger
        self._tell()

    def _tell(self) -> None:
        try:
            pipe = os.open(self.wake, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return  # no engine listens: the next one will look
        try:
            os.write(pipe, f"{self.order['attempt_id']}\n".encode())
        except OSError:
            pass
        finally:
            os.close(pipe)
