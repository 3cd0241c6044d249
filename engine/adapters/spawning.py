"""A new process for a job: in a group of its own, dead when its supervisor dies. Imported by the shim.

Made by spawn.c where that was built, else by a fork: the same in all that can be seen, but slower.
"""

import ctypes
import errno
import os
import signal
import struct
from typing import Final, NamedTuple

AT_PROCESS, AT_FOLDER, AT_PROGRAM = 1, 2, 3
"""Where it failed: no process could be made, its folder or its program could not be taken."""

LIBRARY: Final = f"{os.path.dirname(__file__)}/spawn.so"  # noqa: PTH120  no pathlib in the shim
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_OOM_SCORE: Final = "/proc/self/oom_score_adj"
_FAILURE: Final = struct.Struct("=ii")
_prctl = ctypes.CDLL(None).prctl
_size: Final = ctypes.c_size_t
_is_spared = False


def _load() -> "ctypes.CDLL | None":
    try:
        return ctypes.CDLL(LIBRARY)
    except OSError:
        return None


_library = _load()


class Call(NamedTuple):
    """What is to be executed, as `words`: where the program may be, its arguments, its environment."""

    paths: bytes
    argv: bytes
    env: bytes
    folder: bytes
    stdin: int


class NotSpawnedError(Exception):
    """Nothing was executed: at which stage it failed, and errno(3)."""

    def __init__(self, stage: int, problem: int) -> None:
        """Nothing is left of it."""
        super().__init__(stage, problem)
        self.stage = stage
        self.problem = problem


def words(some: "list[str]") -> bytes:
    """As the system takes them, each ended by a NUL. Raises ValueError for what no system takes."""
    found = os.fsencode("".join([f"{word}\0" for word in some]))
    if found.count(b"\0") != len(some):
        raise ValueError("a NUL would end a word before its end")
    return found


def is_built() -> bool:
    """Whether the quick way is there."""
    return _library is not None


def note_oom_score() -> None:
    """Look, once, whether this process and its forks are spared when memory runs out: proc(5)."""
    global _is_spared
    try:
        with open(_OOM_SCORE, encoding="ascii") as file:  # noqa: PTH123  no pathlib in the shim
            _is_spared = file.read().startswith("-")
    except OSError:
        _is_spared = False


def spawn(call: Call, output: int) -> int:
    """Execute it in a new process that writes to `output`; its id. Raises NotSpawnedError."""
    return _fork(call, output) if _library is None else _vfork(_library, call, output)


def _vfork(library: ctypes.CDLL, call: Call, output: int) -> int:
    stage = ctypes.c_int()
    pid: int = library.spawn(
        *(call.paths, _size(len(call.paths)), call.argv, _size(len(call.argv)), call.env, _size(len(call.env))),
        *(call.folder, call.stdin, output, _is_spared, ctypes.byref(stage)),
    )
    if pid < 0:
        raise NotSpawnedError(stage.value, -pid)
    return pid


def _fork(call: Call, output: int) -> int:
    supervisor = os.getpid()
    try:
        failed, fails = os.pipe()
    except OSError as problem:
        raise NotSpawnedError(AT_PROCESS, problem.errno or 0) from None
    try:
        pid = os.fork()
        if pid == 0:
            _become(call, supervisor, output, fails)
    except OSError as problem:
        os.close(failed)
        raise NotSpawnedError(AT_PROCESS, problem.errno or 0) from None
    finally:
        os.close(fails)
    said = os.read(failed, _FAILURE.size)
    os.close(failed)
    if said:
        os.waitpid(pid, 0)
        raise NotSpawnedError(*_FAILURE.unpack(said))
    return pid


def _become(call: Call, supervisor: int, output: int, fails: int) -> None:
    """In the forked child: turn into the job, or say why not. The same steps as in spawn.c."""
    stage = AT_FOLDER
    try:
        os.setpgid(0, 0)
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != supervisor:
            os._exit(1)  # it died before the line above could be for it
        if _is_spared:
            _be_as_killable_as_others()
        os.dup2(call.stdin, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(call.folder)
        stage = AT_PROGRAM
        os.write(fails, _FAILURE.pack(stage, _execute(call)))
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
