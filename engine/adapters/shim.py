"""A shim: supervises one attempt, whoever else lives or dies.

It locks the attempt's evidence while it does, and leaves in it a marker before it executes anything (once: at
most one execution of an attempt), and a checksummed result at the end. Forked by the launcher; standard
library only, and of that little: every import here is memory of each running job.
"""

import ctypes
import errno
import marshal
import os
import select
import signal
import sys
import time
from typing import Any, Final  # an order is a plain dictionary

sys.path.insert(0, os.path.dirname(__file__))  # noqa: PTH120  pathlib costs more than all the rest here

from holding import HeldEvidence
from leftovers import began_at, signal_descendants
from making import make_folder, write_new
from masking import Masker
from memory import memory_kills
from output import OutputFiles
from plain import note_signals
from program import Program
from spawning import AT_MARKER, Before, NotBegunError

DRAIN_SECONDS: Final = 2.0
"""How long what a job left behind may keep its output open after it has ended."""
LOOK_SECONDS: Final = 1.0
"""How often a supervisor looks after what it leaves; no sleep is longer, whatever is suspended."""
READ_BYTES: Final = 65_536
_PR_SET_CHILD_SUBREAPER: Final = 36
_DETAIL_CHARACTERS: Final = 600

_libc = ctypes.CDLL(None)
_me: dict[str, Any] = {}
"""Which process this supervisor is, as its markers say."""
_nothing_to_mask = Masker(())
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
    note_signals()
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    _me.update(pid=os.getpid(), began=began_at(os.getpid()))


def now_us() -> int:
    """The wall clock in microseconds."""
    return time.clock_gettime_ns(time.CLOCK_REALTIME) // 1000


def boot_seconds() -> float:
    """Seconds since boot, suspend included: how long things take, whatever the wall clock does."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _poll_of(*handles: int) -> "select.poll":
    poll = select.poll()
    for handle in handles:
        poll.register(handle, select.POLLIN)
    return poll


class Wake:
    """The engine's named pipe, open from one attempt to the next. A hint: the engine looks by itself, too."""

    def __init__(self, path: str) -> None:
        """Opened when there is something to tell."""
        self._path = path
        self._pipe = -1

    def tell(self, line: bytes) -> None:
        """Tell whoever listens. Where the pipe leads to nobody any more there may be another in its place."""
        for _ in range(2):
            try:
                if self._pipe < 0:
                    self._pipe = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK)
                os.write(self._pipe, line)
            except BlockingIOError:
                return  # there is enough to read already
            except OSError:
                self._close()
            else:
                return

    def _close(self) -> None:
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1


class Shim:
    """Supervises one attempt."""

    def __init__(self, order: bytes, wake: Wake) -> None:
        """Take an order; nothing has happened yet."""
        self.order: dict[str, Any] = marshal.loads(order)  # noqa: S302  from the engine
        self.wake = wake
        self.folder: str = self.order["run_dir"]
        self.path = os.fsencode(self.folder)
        self.evidence = HeldEvidence(self.path, os.fsencode(self.order["scratch_dir"]))
        self.result: dict[str, Any] = {"boot_id": self.order["boot_id"]}
        self.end_at: float | None = None
        self.kill_at: float | None = None
        self.look_at = 0.0
        self.was_killed = False
        self.problem = 0
        """Why it could not be taken: errno(3), or nothing."""

    def run(self, acks: int) -> None:
        """Execute the attempt if nobody else does or did, and leave evidence of its end."""
        before = self._claim(acks)
        if before is None or not self._execute(before):
            try:
                os.write(acks, b"-%d %s\n" % (self.problem, self.path))
            except OSError:
                pass  # the engine that sent the order is gone; the next one reads the evidence
        self.evidence.close()

    # Before: the lock, all that can fail, and last of all the marker

    def _claim(self, acks: int) -> "Before | None":
        """What comes first, if the attempt is ours to execute. What fails here has executed nothing."""
        try:
            if not self.evidence.take():
                return None
            self._prepare()
        except (OSError, ValueError) as problem:
            self.problem = getattr(problem, "errno", None) or errno.EINVAL
            return None
        self.started_us, self.started = now_us(), boot_seconds()
        about = {"at": self.started_us, "boot_id": self.order["boot_id"], **_me}
        return self.evidence.before(about, acks, b"+0 %s\n" % self.path)

    def _prepare(self) -> None:
        script = None
        if self.order["script"] is not None:
            make_folder(self.folder)
            script = f"{self.folder}/script"
            write_new(script, self.order["script"].encode("utf-8", "surrogateescape"))
        secrets = self.order["secrets"]
        self.output = OutputFiles(self.folder, Masker(secrets.values()) if secrets else _nothing_to_mask)
        self.program = Program(self.order, script)
        self.memory_kills = memory_kills()

    # While it runs

    def _execute(self, before: Before) -> bool:
        """Whatever goes wrong here must not leave an attempt open. False when its marker would not last."""
        try:
            self._supervise(before)
        except NotBegunError as failed:
            if failed.stage == AT_MARKER:
                self.problem = failed.problem
                self.evidence.unmark()
                return False
            self.result["start_error"] = self.program.why_not(failed)[:_DETAIL_CHARACTERS]
        except Exception as problem:  # noqa: BLE001  as said above
            self._give_up(problem)
        self._conclude()
        return True

    def _supervise(self, before: Before) -> None:
        timeout = self.order["timeout_seconds"]
        self.end_at = None if timeout is None else self.started + timeout
        self.look_at = self.started + LOOK_SECONDS
        has_output, has_ended, is_roused = self.program.begin(before, _roused, self._milliseconds())
        if not has_ended:  # there may be a wish by one who could not see yet whom to rouse
            self._obey()
        self._wait(has_output, has_ended, is_roused)
        ended = self.program.reap()
        status = ended.status
        self.result["ended_at"] = now_us()
        self.result["exit_code"] = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
        self.result["signal"] = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        self.result["max_rss_kb"] = ended.max_rss_kb
        self.result["cpu_seconds"] = round(ended.cpu_microseconds / 1_000_000, 3)
        self.result["leftover_processes"] = 0
        if status:
            self.result["out_of_memory"] = memory_kills() > self.memory_kills
        if not (ended.is_quiet and ended.is_alone):
            self._clean_up()

    def _wait(self, has_output: int, has_ended: int, is_roused: int) -> None:
        """Until the job's own process has ended; what a first wait has found is known."""
        poll = None
        while True:
            if has_output:
                self._read_output()
            if has_ended:
                return
            is_time = boot_seconds() >= self.look_at
            if is_roused:
                os.read(_roused, READ_BYTES)
            if is_roused or is_time:
                self._obey()
            self._enforce()
            if is_time:
                self.look_at = boot_seconds() + LOOK_SECONDS
                self.evidence.look_after()
                self.output.renew()
            poll = poll or _poll_of(self.program.output, self.program.handle, _roused)
            ready = dict(poll.poll(self._milliseconds()))
            has_output, has_ended = self.program.output in ready, self.program.handle in ready
            is_roused = _roused in ready

    def _milliseconds(self) -> int:
        ends = [at - boot_seconds() for at in (self.end_at, self.kill_at) if at is not None]
        return int(max(0.0, min([LOOK_SECONDS, *ends]) * 1000 + 1))

    def _read_output(self) -> bool:
        """Take what is there; False at the end."""
        try:
            part = os.read(self.program.output, READ_BYTES)
        except BlockingIOError:
            return True
        self.output.write(part)
        return bool(part)

    def _obey(self) -> None:
        for wish in self.evidence.wishes():
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

    def _give_up(self, problem: Exception) -> None:
        """Supervision cannot go on: nothing of the job does either, and its end is not known."""
        signal_descendants(os.getpid(), signal.SIGKILL)
        self.result["supervisor_error"] = f"{type(problem).__name__}: {problem}"[:_DETAIL_CHARACTERS]
        self._has_children()

    # After

    def _clean_up(self) -> None:
        """Nothing of the job survives it: what it left behind is counted, told to end, and ended."""
        is_open, is_alone = self._read_output(), not self._has_children()
        self.result["leftover_processes"] = 0 if is_alone else signal_descendants(os.getpid(), signal.SIGTERM)
        deadline = boot_seconds() + DRAIN_SECONDS
        while is_open or not is_alone:
            left = deadline - boot_seconds()
            if left <= 0:
                break
            if is_open:
                ready, _, _ = select.select([self.program.output], [], [], min(left, 0.05))
                is_open = self._read_output() if ready else is_open
            else:
                select.select([], [], [], 0.01)
            is_alone = is_alone or not self._has_children()
        while not is_alone and boot_seconds() < deadline + DRAIN_SECONDS:
            signal_descendants(os.getpid(), signal.SIGKILL)
            select.select([], [], [], 0.01)
            is_alone = not self._has_children()
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

    def _conclude(self) -> None:
        """Evidence before anything else: the result is on the disk before anybody is told of it."""
        self.evidence.look_after()
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
        self.evidence.conclude(self.result)
        self.wake.tell(f"{self.order['attempt_id']}\n".encode())
