"""A shim: supervises one attempt, also when the engine and the launcher have died.

It holds a lock on the attempt's evidence meanwhile. It writes a marker there before it executes anything
(only once, so an attempt is executed at most once), and a sealed result at the end. The launcher forks it.
It imports little, and only the standard library: every imported module costs memory in each supervisor.
"""

import ctypes
import errno
import marshal
import os
import select
import signal
from typing import Any, Final  # an order is a plain dictionary

from engine.supervisor.evidence_guard import HeldEvidence
from engine.supervisor.leasing import HeldLease, is_too_late
from engine.supervisor.leftovers import Told, began_at, group_within, signal_descendants, tell_others
from engine.supervisor.masking import Masker
from engine.supervisor.memory import memory_kills
from engine.supervisor.namespace import make_folder, open_folder, write_script
from engine.supervisor.plain import Ended, note_signals
from engine.supervisor.spawn import AT_MARKER, Before, NotBegunError, Program
from engine.supervisor.storing import Filter, OutputFiles
from engine.supervisor.waking import READ_BYTES, Wake, boot_seconds, child_signals, now_us, poll_of, take_all

DRAIN_SECONDS: Final = 2.0
"""How long processes that a job left behind may continue after the job has ended by itself.

Also how long an unrelated process may keep its output open, and how long SIGKILL is repeated.
"""
KILL_PAUSE_SECONDS: Final = 0.01
"""Pause between two rounds of SIGKILL: a process may have forked during the first."""
LOOK_SECONDS: Final = 1.0
"""How often a supervisor checks evidence, requests and output.

No wait is longer: poll(2) does not count the time of a suspend, so a longer wait could end much too late.
"""
MAX_PIPE_BYTES: Final = 1024 * 1024
"""The largest capacity that an ordinary user can give a pipe: pipe(7)."""
_PR_SET_CHILD_SUBREAPER: Final = 36
_DETAIL_CHARACTERS: Final = 600

_libc = ctypes.CDLL(None)
_me: dict[str, Any] = {}
"""This supervisor's process id and start time, which its markers contain."""
_nothing_to_mask = Masker(())
_roused = -1
"""Readable after a caught signal (the engine sends SIGCONT): there may be a request."""
_bereaved = -1
"""Readable when a child has ended, the job's process or an orphan of it: signalfd(2)."""


def become_supervisor() -> None:
    """Set up this process once, for all attempts that it will supervise.

    A session of its own: signals of the engine's terminal do not reach it. A subreaper: orphans of the job
    become its children, so it finds and reaps all of them. It catches SIGTERM, because a shutdown sends
    that to every process: the job ends, and the supervisor stays to record how. Caught and not ignored:
    execve(2) resets only caught signals, so the job would inherit an ignored one. SIGCONT continues a
    stopped supervisor, and wakes a waiting one to read a request.
    """
    global _roused, _bereaved
    os.setsid()
    _roused, rouses = os.pipe()
    for handle in (_roused, rouses):
        os.set_blocking(handle, False)
    signal.set_wakeup_fd(rouses, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCONT):
        signal.signal(number, lambda _number, _frame: None)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _bereaved = child_signals()
    note_signals()
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    _me.update(pid=os.getpid(), began=began_at(os.getpid()))


class Shim:
    """Supervises one attempt."""

    def __init__(self, order: bytes, wake: Wake) -> None:
        """Take an order; do nothing yet."""
        self.order: dict[str, Any] = marshal.loads(order)  # noqa: S302  from the engine
        self.wake = wake
        self.folder: str = self.order["run_dir"]
        self.path = os.fsencode(self.folder)
        scratch = os.fsencode(self.order["scratch_dir"])
        self.evidence = HeldEvidence(self.path, scratch, self.order["key"])
        self.result: dict[str, Any] = {"boot_id": self.order["boot_id"]}
        self.end_at: float | None = None
        self.kill_at: float | None = None
        self.look_at = 0.0
        self.was_killed = False
        self.told: Told = frozenset()
        """The processes that got SIGTERM already: none gets it twice; many
        programs take a second one as "at once".
        """
        self.litter: Any = None
        """The files left in the run's temporary folder, as `Litter`; they are deleted at the very end."""
        self.confinement: Any = None
        """Its user, priorities and limits, as `Confinement`; None for most jobs."""
        self.container: Any = None
        """As `Container`; None for most jobs."""
        self.lease: HeldLease | None = None
        """None if no other host can start its job."""
        self.is_spoilt = False
        """A child hangs in the kernel: this process must not supervise another attempt."""
        self.problem = 0
        """Why the order was not accepted: errno(3), or 0."""

    def run(self, acks: int) -> None:
        """Execute the attempt, unless another supervisor does or did, and leave evidence of its end."""
        before = self._claim(acks)
        if before is None or not self._execute(before):
            try:
                os.write(acks, b"-%d %s\n" % (self.problem, self.path))
            except OSError:
                pass  # the engine that sent the order is gone; the next one reads the evidence
        self.evidence.close()
        if self.lease is not None:
            self.lease.close()
        if self.litter is not None:
            self.litter.take_away()

    # Before the start: the lock, then everything that can fail, and last the marker

    def _claim(self, acks: int) -> "Before | None":
        """Lock and prepare the attempt; None when it is not ours or failed.

        A failure here has executed nothing.
        """
        try:
            about = {"at": now_us(), "boot_id": self.order["boot_id"], **_me}
            if not self.evidence.take(about):
                return None
            if is_too_late(self.order):
                raise TimeoutError(errno.ETIMEDOUT, "")
            self._prepare()
        except (OSError, ValueError) as problem:
            self.problem = getattr(problem, "errno", None) or errno.EINVAL
            return None
        self.started_us, self.started = now_us(), boot_seconds()
        ack, start_by = b"+0 %s\n" % self.path, 0.0 if self.lease is None else self.lease.ask_at
        return self.evidence.before({**about, "at": self.started_us}, acks, ack, start_by=start_by)

    def _prepare(self) -> None:
        if self.order["confinement"] is not None:
            from engine.supervisor.confinement import Confinement  # noqa: PLC0415  memory in each supervisor

            self.confinement = Confinement(self.order)
        script = None if self.order["script"] is None else self._write_script()
        self.output: Any = self._storage()
        self.program = Program(self.order, script, self.output, self.confinement)
        if self.order["container"] is not None:
            from engine.supervisor.container import Container  # noqa: PLC0415  memory in each supervisor

            self.container = Container(self.order, self.program.call, self._look_after)
        if self.order["lease"] is not None:
            self.lease = HeldLease(self.order)
        self.memory_kills = memory_kills()

    def _write_script(self) -> str:
        """Write the job's script; another user reads it in the run's folder: the attempt's is closed."""
        name: str = self.order["open_script"]
        path = name or f"{self.folder}/script"
        make_folder(os.path.dirname(self.folder))  # noqa: PTH120
        folder = open_folder(os.path.dirname(path))  # noqa: PTH120
        try:
            content = self.order["script"].encode("utf-8", "surrogateescape")
            write_script(os.path.basename(path), content, folder=folder, mode=0o444 if name else 0o600)  # noqa: PTH119
        finally:
            os.close(folder)
        return path

    # While it runs

    def _execute(self, before: Before) -> bool:
        """Execute and conclude the attempt.

        False when its marker could not be written: it was not executed.
        """
        try:
            self._supervise(before)
        except NotBegunError as failed:
            if failed.stage == AT_MARKER:
                self.problem = failed.problem
                self.evidence.unmark()
                return False
            self.result["start_error"] = self.program.why_not(failed)[:_DETAIL_CHARACTERS]
        except Exception as problem:  # noqa: BLE001  no error may leave an attempt without an end
            self._give_up(problem)
        self._conclude()
        return True

    def _supervise(self, before: Before) -> None:
        timeout = self.order["timeout_seconds"]
        self.end_at = None if timeout is None else self.started + timeout
        self.look_at = self.started + LOOK_SECONDS
        take_all(_bereaved)  # signals of the previous attempt's children
        handles = (_roused, _bereaved)
        has_output, has_ended, is_roused = self.program.begin(before, *handles, self._milliseconds())
        if not has_ended:  # a request may have come before the marker named the process to wake
            self._obey()
        self._wait(has_output, has_ended, is_roused)
        group = self.program.pid
        ended = self.program.reap()
        self._note_end(ended)
        if self.container is not None:
            self._end_container()
        if not (ended.is_quiet and ended.is_alone):
            self._clean_up(group)

    def _end_container(self) -> None:
        """The client has ended; the container may run on, above all when the client was killed."""
        is_asked = self.kill_at is not None and not self.was_killed
        left = self.kill_at - boot_seconds() if is_asked and self.kill_at is not None else 0.0
        if self.lease is not None:  # the runtime counts whole seconds, so less is left of its lease
            left = min(left, self.lease.until - boot_seconds() - 1.0)
        self.container.end(self.result, grace_seconds=left)
        if self.kill_at is not None:
            self.result["ended_at"] = now_us()

    def _note_end(self, ended: Ended) -> None:
        status = ended.status
        self.result["ended_at"] = now_us()
        self.result["exit_code"] = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
        self.result["signal"] = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        self.result["max_rss_kb"] = ended.max_rss_kb
        self.result["cpu_seconds"] = round(ended.cpu_microseconds / 1_000_000, 3)
        self.result["leftover_processes"] = 0
        if status:
            self.result["out_of_memory"] = memory_kills() > self.memory_kills
        if status and self.confinement is not None:
            self.result["limit"] = self.confinement.limit_that_ended(self.result)

    def _wait(self, has_output: int, has_ended: int, is_roused: int) -> None:
        """Wait until the job's own process has ended.

        The arguments are the result of the first wait, in `begin`.
        """
        poll = None
        while True:
            if has_output:
                self._read_output()
            if has_ended:
                return
            is_time = boot_seconds() >= self.look_at
            if is_roused:
                take_all(_roused)
            if is_roused or is_time:
                self._obey()
            self._enforce()
            if is_time:
                self._look_after()
            poll = poll or poll_of(self.program.output, self.program.handle, _roused, _bereaved)
            ready = dict(poll.poll(self._milliseconds()))
            has_output, has_ended = self.program.output in ready, self.program.handle in ready
            is_roused = _roused in ready
            if _bereaved in ready:
                take_all(_bereaved)
                self.program.reap_others()

    def _look_after(self) -> None:
        """Restore what the job may have deleted; done each second."""
        self.look_at = boot_seconds() + LOOK_SECONDS
        self.evidence.look_after()
        self.output.renew()

    def _milliseconds(self) -> int:
        ends = [at - boot_seconds() for at in (self.end_at, self.kill_at) if at is not None]
        if self.lease is not None and not self.was_killed:
            at = self.lease.ask_at if self.kill_at is None else self.lease.until
            ends.append(at - boot_seconds())
        return int(max(0.0, min([LOOK_SECONDS, *ends]) * 1000 + 1))

    def _read_output(self) -> bool:
        """Store the output that is available; False at its end."""
        return bool(self.output.take(self.program.output))

    def _obey(self) -> None:
        for wish in self.evidence.wishes():
            self.result["stopped"] = True
            if wish == "kill":
                self._kill()
            elif self.kill_at is None:
                self._ask()

    def _enforce(self) -> None:
        """Enforce the lease, the timeout and the grace; it needs no engine."""
        if self.lease is not None and not self.was_killed:
            self._enforce_lease()
        now = boot_seconds()
        if self.end_at is not None and now >= self.end_at:
            self.end_at = None
            if self.kill_at is None:
                self.result["timed_out"] = True
                self._ask()
        if self.kill_at is not None and now >= self.kill_at:
            self._kill()

    def _enforce_lease(self) -> None:
        """End the job before another host may start it; what is ending it already stays the cause."""
        assert self.lease is not None
        if self.kill_at is None and self.lease.is_over(early=self.lease.grace):
            if select.select([self.program.handle], [], [], 0)[0]:
                return  # it has just ended by itself
            self.result["cut_off"] = True
            if not self.lease.is_over():
                self._ask()
                self.kill_at = self.lease.until
        if self.lease.is_over():
            self._kill()

    def _ask(self) -> None:
        """Send SIGTERM to the job's group. All processes of the job share one grace, which begins now."""
        self.told = group_within(os.getpid(), self.program.pid)
        self.program.signal(signal.SIGTERM)
        self.kill_at = boot_seconds() + self.order["kill_grace_seconds"]

    def _kill(self) -> None:
        """Send SIGKILL to all processes of the job, in any group; repeat it in a
        second, for forks meanwhile.
        """
        self.was_killed = True
        self.program.signal(signal.SIGKILL)
        signal_descendants(os.getpid(), signal.SIGKILL)
        self.kill_at = boot_seconds() + LOOK_SECONDS

    def _give_up(self, problem: Exception) -> None:
        """Supervision failed: kill all processes of the job; its result is unknown."""
        signal_descendants(os.getpid(), signal.SIGKILL)
        self.result["supervisor_error"] = f"{type(problem).__name__}: {problem}"[:_DETAIL_CHARACTERS]
        self._has_children()

    # After

    def _clean_up(self, group: int) -> None:
        """End what the job left: count its processes, send each SIGTERM once,
        and kill the rest after a while.
        """
        drained_at = boot_seconds() + DRAIN_SECONDS
        is_stopped = self.kill_at is not None
        if self.was_killed:
            self.kill_at = boot_seconds()
        elif self.kill_at is None:
            self.kill_at = drained_at
        self.end_at = None
        is_open = self._read_output()
        if self._has_children():
            self.result["leftover_processes"] = tell_others(
                os.getpid(), group if is_stopped else 0, self.told
            )
            is_open = self._outlast(is_open, is_stopped=is_stopped)
        if is_stopped:
            self.result["ended_at"] = now_us()
        self._drain(is_open, drained_at)

    def _outlast(self, is_open: bool, *, is_stopped: bool) -> bool:
        """Wait until no process of the job is left; return whether another process has its output open."""
        assert self.kill_at is not None
        killed_at: float | None = None
        while self._has_children():
            kill_at = self.kill_at if self.lease is None else self.lease.limit(self.kill_at)
            now = boot_seconds()
            if now >= kill_at:
                killed_at = now if killed_at is None else killed_at
                if now >= killed_at + DRAIN_SECONDS:
                    break  # a process that survives SIGKILL is stuck in the kernel
                self.was_killed = self.was_killed or is_stopped
                signal_descendants(os.getpid(), signal.SIGKILL)
            is_time = now >= self.look_at
            if is_time:
                self._look_after()
            wait = min(LOOK_SECONDS, kill_at - now) if now < kill_at else KILL_PAUSE_SECONDS
            poll = poll_of(_roused, _bereaved, *([self.program.output] if is_open else []))
            ready = dict(poll.poll(wait * 1000 + 1))
            for handle in (_roused, _bereaved):
                take_all(handle)
            if self.program.output in ready:
                is_open = self._read_output()
            if is_stopped and now < kill_at and (is_time or _roused in ready):
                self._hasten()
        return is_open

    def _hasten(self) -> None:
        """End the grace at once when a kill is requested."""
        if "kill" in self.evidence.wishes():
            self.kill_at = boot_seconds()

    def _drain(self, is_open: bool, until: float) -> None:
        """Store the rest of the output.

        An unrelated process may hold it open and write more, so both the time and
        the amount are limited: at most what a full pipe holds.
        """
        while is_open and (left := until - boot_seconds()) > 0:
            if select.select([self.program.output], [], [], left)[0]:
                is_open = self._read_output()
        for _ in range(MAX_PIPE_BYTES // READ_BYTES):
            if not is_open or not select.select([self.program.output], [], [], 0)[0]:
                return
            is_open = self._read_output()

    def _has_children(self) -> bool:
        """Reap all children that have ended; return whether others are left."""
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True

    def _conclude(self) -> None:
        """Write the result, release the lock, then wake the engine: the result is on the disk before that."""
        if self.container is not None:
            self.container.end()
        if self.confinement is not None:
            self.confinement.end()
        self.evidence.look_after()
        self.output.renew()  # deleted output counts as dropped
        self.output.close()
        self.program.close()
        self.result.setdefault("ended_at", now_us())
        self.result.update(
            started_at=self.started_us,
            was_killed=self.was_killed,
            **self.output.counts(),
        )
        self._keep_outputs()
        if self.order["artifacts"] and "exit_code" in self.result and "cut_off" not in self.result:
            self._keep_artifacts()
        self._set_aside()
        self.evidence.conclude(self.result)
        self.evidence.close()  # readers believe an end only after the lock is free
        self.wake.tell(f"{self.order['attempt_id']}\n".encode())

    def _storage(self) -> Any:  # noqa: ANN401  the module of the other one is rarely loaded
        if not self.order["apart"]:
            return OutputFiles(self.folder, self._mask())
        from engine.supervisor.streams import Streams  # noqa: PLC0415  memory in each supervisor

        return Streams(self.folder, (self._mask(), self._mask()))

    def _mask(self) -> Filter:
        """A new filter for the secrets of the attempt, and of the steps beside it."""
        secrets = [*self.order["secrets"].values(), *self.order["masked"]]
        return Masker(secrets) if secrets else _nothing_to_mask

    def _keep_outputs(self) -> None:
        """Keep what the job wrote as its outputs; if that fails, the end says how much there was."""
        source = self.order["output_file"]
        if not os.access(source, os.F_OK):  # most jobs have no outputs, and should not pay for the import
            return
        from engine.supervisor.outputs import keep  # noqa: PLC0415  memory in each supervisor

        mask = self._mask()
        try:
            uid = None if self.confinement is None else self.confinement.uid
            self.result["outputs_bytes"] = keep(source, self.folder, mask, self.order["key"], uid=uid)
        except OSError as problem:
            self.result["outputs_trouble"] = os.strerror(problem.errno or errno.EIO)

    def _keep_artifacts(self) -> None:
        """Copy the files that the job wants to keep. A request to kill the run ends only the copying."""
        from engine.supervisor.copier import copy_apart  # noqa: PLC0415  memory in each supervisor

        mask = self._mask()
        # The wall clock may have been set back meanwhile.
        since_us = min(self.started_us, now_us() - int((boot_seconds() - self.started) * 1e6))
        known = self.evidence.wishes()

        def must_stop() -> bool:
            self.evidence.look_after()
            return "kill" in self.evidence.wishes() and "kill" not in known

        try:
            copied = copy_apart(self.order, mask, since_ns=since_us * 1000, must_stop=must_stop)
        except OSError as problem:
            self.result["artifacts_trouble"] = os.strerror(problem.errno or errno.EIO)
            return
        self.is_spoilt = copied.is_stuck
        self.result["has_artifacts"] = copied.has_list
        if copied.trouble:
            self.result["artifacts_trouble"] = copied.trouble

    def _set_aside(self) -> None:
        """Set leftover files aside now: once the end is known, the next attempt may use the same folder."""
        scratch = self.order["scratch_dir"]
        try:
            with os.scandir(scratch or os.devnull) as entries:
                if next(entries, None) is None:
                    return
            from engine.supervisor.emptying import Litter  # noqa: PLC0415  memory in each supervisor

            self.litter = Litter(scratch, f".tmp.{self.folder.rpartition('/')[2]}")
            if self.confinement is not None:
                self.confinement.own(scratch)
        except OSError:
            return
