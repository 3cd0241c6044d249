"""The beginning of an attempt, from its marker on the disk to the first wait.

The job's process leads a group of its own, and is dead when its supervisor dies. Done by plain.c where that
was built, else here and by a fork: the same in all that can be seen, but slower.
"""

import ctypes
import errno
import os
import resource
import select
import signal
import struct
from typing import Final, NamedTuple

from engine.supervisor import plain
from engine.supervisor.namespace import sync_folder, write_all_at

AT_MARKER, AT_PROCESS, AT_FOLDER, AT_PROGRAM, AT_LIMIT = range(5)
"""Where it failed: the marker is not on the disk, or no process, folder, program or limit was to be had."""

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38
_OOM_SCORE: Final = "/proc/self/oom_score_adj"
_FAILURE: Final = struct.Struct("=ii")
_SIGNALS: Final = frozenset(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}
"""Those that can be caught, ignored or blocked."""
_prctl = ctypes.CDLL(None).prctl
_is_spared = False
_umask = 0o077
_core = resource.getrlimit(resource.RLIMIT_CORE)


class Call(NamedTuple):
    """What is to be executed, as `words`: where the program may be, its arguments, its environment."""

    paths: bytes
    argv: bytes
    env: bytes
    folder: bytes
    stdin: int
    umask: int | None = None
    """None as the launcher was started; so with the limits, soft and hard, of a core's size."""
    core: tuple[int, int] | None = None
    may_gain_rights: bool = False
    """Its programs may gain rights that this user has not, as sudo does."""


class Before(NamedTuple):
    """What is done first: evidence is put in its place and on the disk, and the order is acknowledged.

    Its locked file; its name until then and from then on, that of what is wished, their folder; its content.
    """

    file: int
    new: bytes
    name: bytes
    control: bytes
    shelf: bytes
    content: bytes
    acks: int
    ack: bytes


class Begun(NamedTuple):
    """A process, by its id and by pidfd_open(2), both ends of its output, and what the first wait found."""

    pid: int
    handle: int
    output: int
    held: int
    has_output: int
    has_ended: int
    is_roused: int


class NotBegunError(Exception):
    """Nothing was executed: at which stage it failed, and errno(3)."""

    def __init__(self, stage: int, problem: int) -> None:
        """Nothing is left of it."""
        super().__init__(stage, problem)
        self.stage = stage
        self.problem = problem


def words(some: "tuple[str, ...] | list[str]") -> bytes:
    """As the system takes them, each ended by a NUL. Raises ValueError for what no system takes."""
    found = "\0".join((*some, "")).encode("utf-8", "surrogateescape")
    if found.count(b"\0") != len(some):
        raise ValueError("a NUL would end a word before its end")
    return found


def note_umask_and_core(umask: int, core: tuple[int, int]) -> None:
    """What a job gets whose order says nothing else; this process and its forks have other ones."""
    global _umask, _core
    _umask, _core = umask, core


def core_of(size: "int | None") -> "tuple[int, int] | None":
    """The soft and hard limits for a core file of this many bytes; -1 is this process's own maximum."""
    if size is None:
        return None
    return (_core[1], _core[1]) if size == resource.RLIM_INFINITY else (size, size)


def why_no_core(core: "tuple[int, int] | None") -> str:
    """Why a job cannot have its limit of a core, for people."""
    asked = _core[0] if core is None else core[0]
    return (
        f"core files of {asked:,} bytes (limits: core) cannot be allowed: the engine was started with a hard "
        f"limit of {_core[1]:,} (ulimit -H -c, LimitCORE=)"
    )


def note_oom_score() -> None:
    """Look, once, whether this process and its forks are spared when memory runs out: proc(5)."""
    global _is_spared
    try:
        with open(_OOM_SCORE, encoding="ascii") as file:  # noqa: PTH123  no pathlib in the shim
            _is_spared = file.read().startswith("-")
    except OSError:
        _is_spared = False


def begin(call: Call, before: Before, roused: int, milliseconds: int, bereaved: int = -1) -> Begun:
    """Begin, and wait until it writes, ends, somebody rouses its supervisor, or the time is over.

    Or until another child has ended, where `bereaved` is readable then.

    Raises NotBegunError. Where there is a process and no handle for it, that is minus errno(3).
    """
    umask = _umask if call.umask is None else call.umask
    core = _core if call.core is None else call.core
    if not plain.is_built():
        return _begin(call._replace(umask=umask, core=core), before, (roused, bereaved), milliseconds)
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
            umask=umask,
            core_soft=core[0],  # RLIM_INFINITY is -1 in Python, and becomes what the system takes for it
            core_hard=core[1],
            is_spared=_is_spared,
            may_gain_rights=call.may_gain_rights,
            roused=roused,
            bereaved=bereaved,
            milliseconds=milliseconds,
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
        milliseconds = 0  # a wish by somebody who could not see yet whom to rouse
    poll = select.poll()
    for one in (output, handle, *rouses):
        if one >= 0:
            poll.register(one, select.POLLIN)
    ready = dict(poll.poll(milliseconds))
    return Begun(pid, handle, output, held, *(ready.get(one, 0) for one in (output, handle, rouses[0])))


def _mark(before: Before) -> None:
    """Where the marker is found, the attempt counts as executed: it is on the disk first, file and folder."""
    try:
        write_all_at(before.file, before.content, 0)
        os.rename(before.new, before.name)  # noqa: PTH104
        os.fsync(before.file)
        sync_folder(before.shelf)
    except OSError as problem:
        raise NotBegunError(AT_MARKER, problem.errno or 0) from None


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


def _reset_signals() -> None:
    """What is caught would be heard here, by nobody, until the program is executed.

    What is ignored would stay ignored.
    """
    for number in _SIGNALS:
        if signal.getsignal(number) != signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)


def _become(call: Call, supervisor: int, output: int, fails: int) -> None:
    """In the forked child: turn into the job, or say why not. README.md has the steps."""
    stage = AT_FOLDER
    try:
        os.setpgid(0, 0)  # step 5
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != supervisor:
            os._exit(1)  # it died before the line above could be for it
        if _is_spared:  # step 6
            _be_as_killable_as_others()
        os.dup2(call.stdin, 0)  # step 7
        os.dup2(output, 1)
        os.dup2(output, 2)
        _reset_signals()  # step 8
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        assert call.umask is not None
        assert call.core is not None
        os.umask(call.umask)  # step 9
        stage = AT_LIMIT
        resource.setrlimit(resource.RLIMIT_CORE, call.core)
        if not call.may_gain_rights:  # step 10
            _prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)  # fails for no reason but wrong arguments: prctl(2)
        stage = AT_FOLDER
        os.chdir(call.folder)  # step 11
        stage = AT_PROGRAM
        os.write(fails, _FAILURE.pack(stage, _execute(call)))  # step 12
    except ValueError:
        os.write(fails, _FAILURE.pack(stage, errno.EPERM))  # what setrlimit(2) says so is not an OSError
    except OSError as problem:
        os.write(fails, _FAILURE.pack(stage, problem.errno or 0))
    finally:
        os._exit(127)


def _execute(call: Call) -> int:
    """Returns only with the reason why no path could be executed."""
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
    """The engine is spared when memory runs out; its jobs are not. The file is opened to its user first."""
    _prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
    try:
        handle = os.open(_OOM_SCORE, os.O_WRONLY)
        os.write(handle, b"0")
        os.close(handle)
    except OSError:
        pass
