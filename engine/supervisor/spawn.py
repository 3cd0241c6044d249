"""A job's process: how it starts, from its marker on the disk to the first wait (steps 1 to 13 of README.md).
`Program` is this process, from its preparation until its last descriptor is closed.

plain.c does it, where it was built; otherwise this module does the same with a fork, which is slower.
"""

import ctypes
import errno
import os
import resource
import select
import signal
import struct
from typing import Any, Final, NamedTuple  # an order is a plain dictionary

from engine.supervisor import plain
from engine.supervisor.namespace import sync_folder, write_all_at
from engine.supervisor.plain import Ended
from engine.supervisor.storing import OutputFiles
from engine.supervisor.waking import boot_seconds

AT_MARKER, AT_PROCESS, AT_FOLDER, AT_PROGRAM, AT_LIMIT = range(5)
"""The stages at which a start can fail. plain.c has the same numbers."""
AT_STEP = 100
"""The stage of the first step of a confinement; each further one has the next number."""

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38
_OOM_SCORE: Final = "/proc/self/oom_score_adj"
_FAILURE: Final = struct.Struct("=ii")
_SIGNALS: Final = frozenset(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}
"""The signals that can be caught, ignored or blocked."""
_prctl = ctypes.CDLL(None).prctl
_nothing = os.open(os.devnull, os.O_RDONLY)
_is_spared = False
_umask = 0o077
_core = resource.getrlimit(resource.RLIMIT_CORE)


class Call(NamedTuple):
    """What to execute. `paths` (candidates for the program), `argv` and `env` are in the form of `words`."""

    paths: bytes
    argv: bytes
    env: bytes
    folder: bytes
    stdin: int
    errors: int = -1
    """Where its errors go to; -1: where its output goes to."""
    umask: int | None = None
    """None: the one with which the launcher was started."""
    core: tuple[int, int] | None = None
    """The soft and hard limits of a core file in bytes; None: those with which the launcher was started."""
    may_gain_rights: bool = False
    """Whether its programs may gain rights, for example through sudo."""
    steps: "tuple[Any, ...]" = ()
    """What else the new process does before its program: the steps of a confinement."""


class Before(NamedTuple):
    """What steps 1 and 2 need: the evidence and the acknowledgement.

    `file` is the locked evidence, `new` and `name` its path before and after it is put in place, `control`
    the file of requests, `shelf` the folder of these; `content` is written into `file`, and `ack` to the
    descriptor `acks`. After `start_by` (microseconds since boot, 0 for never) nothing is executed any more.
    """

    file: int
    new: bytes
    name: bytes
    control: bytes
    shelf: bytes
    content: bytes
    acks: int
    ack: bytes
    start_by: int = 0


class Begun(NamedTuple):
    """A process, its pidfd (or minus errno(3)), both ends of its output, and the result of the first wait."""

    pid: int
    handle: int
    output: int
    held: int
    has_output: int
    has_ended: int
    is_roused: int


class NotBegunError(Exception):
    """Nothing was executed. `stage` is where it failed, `problem` is errno(3)."""

    def __init__(self, stage: int, problem: int) -> None:
        """No process and no descriptor is left."""
        super().__init__(stage, problem)
        self.stage = stage
        self.problem = problem


def words(some: "tuple[str, ...] | list[str]") -> bytes:
    """Texts as bytes, each ended by a NUL. Raises ValueError for a text that contains a NUL."""
    found = "\0".join((*some, "")).encode("utf-8", "surrogateescape")
    if found.count(b"\0") != len(some):
        raise ValueError("a NUL would end a word before its end")
    return found


def note_umask_and_core(umask: int, core: tuple[int, int]) -> None:
    """Set the defaults for jobs: this process and its supervisors use a closed umask and no core file."""
    global _umask, _core
    _umask, _core = umask, core


def core_of(size: "int | None") -> "tuple[int, int] | None":
    """The soft and hard limits for a core file of `size` bytes; -1 means the hard limit of this process."""
    if size is None:
        return None
    return (_core[1], _core[1]) if size == resource.RLIM_INFINITY else (size, size)


def why_no_core(core: "tuple[int, int] | None") -> str:
    """Why a job cannot get its core file limit, as a message."""
    asked = _core[0] if core is None else core[0]
    return (
        f"core files of {asked:,} bytes (limits: core) cannot be allowed: the engine's own hard limit is "
        f"{_core[1]:,} (ulimit -H -c, LimitCORE=)"
    )


def note_oom_score() -> None:
    """Find out, once, whether this process and its forks are protected from the OOM killer: proc(5)."""
    global _is_spared
    try:
        with open(_OOM_SCORE, encoding="ascii") as file:  # noqa: PTH123  no pathlib in the shim
            _is_spared = file.read().startswith("-")
    except OSError:
        _is_spared = False


def begin(call: Call, before: Before, roused: int, milliseconds: int, bereaved: int = -1) -> Begun:
    """Start the attempt, and wait for the first event: output, its end, or `roused` or `bereaved` is
    readable.

    The wait lasts at most `milliseconds`. Raises NotBegunError. `handle` of the result is minus errno(3)
    when the process exists but has no pidfd.
    """
    call = _complete(call)
    assert call.core is not None
    if call.steps or call.errors >= 0 or not plain.is_built():
        return _begin(call, before, (roused, bereaved), milliseconds)
    problem, begun = plain.begin(
        plain.Order(
            file=before.file,
            new=before.new,
            name=before.name,
            control=before.control,
            shelf=before.shelf,
            content=before.content,
            content_size=len(before.content),
            acks=before.acks,
            ack=before.ack,
            ack_size=len(before.ack),
            paths=call.paths,
            paths_size=len(call.paths),
            argv=call.argv,
            argv_size=len(call.argv),
            env=call.env,
            env_size=len(call.env),
            folder=call.folder,
            input=call.stdin,
            umask=call.umask,
            core_soft=call.core[0],  # RLIM_INFINITY is -1 in Python; unsigned, it is the system's value
            core_hard=call.core[1],
            is_spared=_is_spared,
            may_gain_rights=call.may_gain_rights,
            roused=roused,
            bereaved=bereaved,
            milliseconds=milliseconds,
            start_by=before.start_by,
        )
    )
    if problem:
        raise NotBegunError(begun.stage, problem)
    return Begun(
        begun.pid,
        begun.handle,
        begun.output,
        begun.held,
        begun.has_output,
        begun.has_ended,
        begun.is_roused,
    )


def _begin(call: Call, before: Before, rouses: tuple[int, int], milliseconds: int) -> Begun:
    _mark(before)  # step 1
    try:  # step 2
        os.write(before.acks, before.ack)
    except OSError:
        pass  # the engine that sent the order is gone; the next one reads the evidence
    try:  # step 3
        output, held = os.pipe()
    except OSError as problem:
        raise NotBegunError(AT_PROCESS, problem.errno or 0) from None
    try:  # step 4
        pid = _fork(call, held)
    except NotBegunError:
        os.close(output)
        os.close(held)
        raise
    os.set_blocking(output, False)
    try:  # step 13
        handle = os.pidfd_open(pid)
    except OSError as problem:
        return Begun(pid, -(problem.errno or errno.EMFILE), output, held, 0, 0, 0)
    if os.access(before.control, os.F_OK):
        milliseconds = 0  # a request from before the marker, when its author could not know whom to wake
    poll = select.poll()
    for one in (output, handle, *rouses):
        if one >= 0:
            poll.register(one, select.POLLIN)
    ready = dict(poll.poll(milliseconds))
    return Begun(pid, handle, output, held, *(ready.get(one, 0) for one in (output, handle, rouses[0])))


def _mark(before: Before) -> None:
    """Write the marker, rename the file to its final path, and sync both the file and the folder.

    An attempt with a marker counts as executed, also after a power cut: so the marker must be on the disk
    first. A disk may take long for that, and the lease of the attempt may end meanwhile.
    """
    try:
        write_all_at(before.file, before.content, 0)
        os.rename(before.new, before.name)  # noqa: PTH104
        os.fsync(before.file)
        sync_folder(before.shelf)
    except OSError as problem:
        raise NotBegunError(AT_MARKER, problem.errno or 0) from None
    if before.start_by and boot_seconds() * 1_000_000 >= before.start_by:
        raise NotBegunError(AT_MARKER, errno.ETIME)


def _fork(call: Call, output: int) -> int:
    supervisor = os.getpid()
    try:
        failed, fails = os.pipe()
    except OSError as problem:
        raise NotBegunError(AT_PROCESS, problem.errno or 0) from None
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        pid = os.fork()
        if pid == 0:
            _become(call, supervisor, output, fails)
    except OSError as problem:
        os.close(failed)
        raise NotBegunError(AT_PROCESS, problem.errno or 0) from None
    finally:
        os.close(fails)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    said = os.read(failed, _FAILURE.size)
    os.close(failed)
    if said:
        os.waitpid(pid, 0)
        raise NotBegunError(*_FAILURE.unpack(said))
    return pid


def start_beside(call: Call, output: int) -> int:
    """Start another program for an attempt, such as one that ends its container; return its process id.

    Raises NotBegunError.
    """
    return _fork(_complete(call), output)


def _complete(call: Call) -> Call:
    """A call with the defaults of this process."""
    umask = _umask if call.umask is None else call.umask
    return call._replace(umask=umask, core=_core if call.core is None else call.core)


def _reset_signals() -> None:
    """Reset signals in the child: a caught one would run the supervisor's handler and be lost until the
    program is executed, and an ignored one would stay ignored in the job.
    """
    for number in _SIGNALS:
        if signal.getsignal(number) != signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)


def _become(call: Call, supervisor: int, output: int, fails: int) -> None:
    """Steps 5 to 12, in the forked child: become the job, or write to `fails` why not."""
    stage = AT_FOLDER
    try:
        os.setpgid(0, 0)  # step 5
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != supervisor:
            os._exit(1)  # the supervisor died before prctl took effect, so no signal will come
        if _is_spared:  # step 6
            _be_as_killable_as_others()
        os.dup2(call.stdin, 0)  # step 7
        os.dup2(output, 1)
        os.dup2(output if call.errors < 0 else call.errors, 2)
        _reset_signals()  # step 8
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        assert call.umask is not None
        assert call.core is not None
        os.umask(call.umask)  # step 9
        stage = AT_LIMIT
        resource.setrlimit(resource.RLIMIT_CORE, call.core)
        for stage, step in enumerate(call.steps, AT_STEP):  # noqa: B007  read when one fails
            step.do(supervisor, output)
        stage = AT_LIMIT
        if not call.may_gain_rights:  # step 10
            _prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)  # cannot fail with valid arguments: prctl(2)
        stage = AT_FOLDER
        os.chdir(call.folder)  # step 11
        stage = AT_PROGRAM
        os.write(fails, _FAILURE.pack(stage, _execute(call)))  # step 12
    except ValueError:
        # Python raises ValueError, and not OSError, for EPERM of setrlimit(2).
        os.write(fails, _FAILURE.pack(stage, errno.EPERM))
    except OSError as problem:
        os.write(fails, _FAILURE.pack(stage, problem.errno or 0))
    finally:
        os._exit(127)


def _execute(call: Call) -> int:
    """Execute the first path that can be; return errno(3) when none can.

    Like execvp(3): a missing file is only reported when no other error was met.
    """
    found = errno.ENOENT
    paths, argv, env = (some.split(b"\0")[:-1] for some in (call.paths, call.argv, call.env))
    for path in paths:
        try:
            os.execve(path, argv, dict(entry.split(b"=", 1) for entry in env))  # noqa: S606  that is what a job is
        except OSError as problem:
            if problem.errno not in (errno.ENOENT, errno.ENOTDIR):
                found = problem.errno or found
    return found


def _be_as_killable_as_others() -> None:
    """Undo the engine's protection from the OOM killer for the job.

    The process must be dumpable first: otherwise the file belongs to root, and its own user cannot write it.
    """
    _prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
    try:
        handle = os.open(_OOM_SCORE, os.O_WRONLY)
        os.write(handle, b"0")
        os.close(handle)
    except OSError:
        pass


class Program:
    """The process of one attempt."""

    def __init__(
        self,
        order: dict[str, Any],
        script: "str | None",
        streams: OutputFiles,
        confinement: Any = None,  # noqa: ANN401  its module is rarely loaded
    ) -> None:
        """Prepare everything, so that errors show before the marker. Starts nothing.

        `streams` stores what it writes. `script` is the path of the job's script, the last argument. Raises
        ValueError for a text that no system takes: it contains a NUL, or cannot be encoded.
        """
        argv: tuple[str, ...] = order["argv"] if script is None else (*order["argv"], script)
        env: dict[str, str] = {**order["env"], **order["secrets"]}
        self.call = Call(
            paths=words(_candidates(argv[0], env)),
            argv=words(argv),
            env=words(list(map("=".join, env.items()))),
            folder=words((order["working_dir"],))[:-1],
            stdin=_nothing,
            errors=streams.errors,
            umask=order["umask"],
            core=core_of(order["core_bytes"]),
            may_gain_rights=order["may_gain_rights"],
            steps=() if confinement is None else confinement.steps(),
        )
        self.user: str = "" if confinement is None else confinement.name
        self.name = argv[0]
        self._streams = streams
        self.pid = self.handle = self.output = self._held = -1

    def begin(self, before: Before, roused: int, bereaved: int, milliseconds: int) -> "tuple[int, int, int]":
        """Start it, and wait for the first event: whether that was output, its end, or a signal to the
        supervisor.

        The wait also ends when any child of the supervisor has ended. Raises NotBegunError; OSError when the
        process runs but has no pidfd.
        """
        begun = begin(self.call, before, roused, milliseconds, bereaved)
        self.pid, self.handle, output, self._held, has_output, has_ended, is_roused = begun
        self.output = self._streams.joined(output)
        if self.handle < 0:
            raise OSError(-self.handle, os.strerror(-self.handle))
        return has_output, has_ended, is_roused

    def signal(self, number: int) -> None:
        """Send a signal to its group, and to the process itself if it has left the group: to each once.

        The process is not reaped yet, so its id cannot have been reused.
        """
        if self.pid <= 0:
            return
        is_in_group = os.getpgid(self.pid) == self.pid
        for send in (os.killpg,) if is_in_group else (os.killpg, os.kill):
            try:
                send(self.pid, number)
            except (ProcessLookupError, PermissionError):
                pass

    def reap_others(self) -> None:
        """Reap orphans that have ended, so that they take no slots in the process table.

        The job's own process is not reaped here, because its resource usage is needed: so WNOWAIT looks
        first.
        """
        while (found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
            if found.si_pid == self.pid:
                return
            os.waitpid(found.si_pid, 0)

    def reap(self) -> Ended:
        """Reap it, and return how it ended. From now on its id may be reused, and its output can end.

        Until now our write end has kept the output open: a process closes its files before it can be waited
        for, and the supervisor would be woken twice for each end.
        """
        self._streams.hang_up()
        ended: Ended | None = plain.reap(self.pid, self._held, self.output)
        if ended is None:
            _, status, used = os.wait4(self.pid, 0)
            os.close(self._held)
            # 0, 0: this cannot say whether output or children are left, so the caller looks for them.
            ended = Ended(status, used.ru_maxrss, int((used.ru_utime + used.ru_stime) * 1_000_000), 0, 0)
        self.pid = self._held = -1
        return ended

    def close(self) -> None:
        """Close all descriptors."""
        for handle in (self.handle, self.output, self._held):
            if handle >= 0:
                os.close(handle)
        self.handle = self.output = self._held = -1

    def why_not(self, failed: NotBegunError) -> str:
        """Why it was not executed, as a message."""
        stage, problem = failed.stage, failed.problem
        if stage == AT_PROCESS:
            return f"no process can be made for it: {os.strerror(problem)}"
        if stage == AT_LIMIT:
            refused: str = why_no_core(self.call.core)
            return refused
        if stage >= AT_STEP:
            return f"{self.call.steps[stage - AT_STEP].words}: {os.strerror(problem)}"
        from engine.supervisor.unstarted import why_denied, why_not_executed  # noqa: PLC0415  memory in each supervisor

        folder = os.fsdecode(self.call.folder)
        if stage == AT_FOLDER and self.user and problem == errno.EACCES:
            return (
                f"working folder {folder}: user `{self.user}` may not enter it; open it and the folders "
                "above it (chmod o+x), or choose another with working_dir"
            )
        if stage == AT_FOLDER:
            denied = why_denied(f"{folder}/.") if problem == errno.EACCES else ""
            return (
                f"working folder {folder} {denied}"
                if denied
                else f"working folder {folder}: {os.strerror(problem)}"
            )
        tried = [os.fsdecode(path).removeprefix("./") for path in self.call.paths.split(b"\0")[:-1]]
        paths = [path if path.startswith("/") else f"{folder}/{path}" for path in tried]
        why: str = why_not_executed(self.name, paths, problem)
        return f"{why} (as user `{self.user}`)" if self.user else why


def _candidates(name: str, env: dict[str, str]) -> list[str]:
    """Candidate paths of a program, in the order of PATH: environ(7). Missing absolute paths are left out."""
    if "/" in name:
        return [name]
    places = [f"{folder or '.'}/{name}" for folder in env.get("PATH", os.defpath).split(":")]
    return [place for place in places if not place.startswith("/") or os.path.exists(place)]  # noqa: PTH110
