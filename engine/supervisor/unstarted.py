"""Explains why a program was not executed. A supervisor imports it only after that has happened.

One error number has many causes: "no such file" may mean that the interpreter of a script is missing, and
"permission denied" may concern a folder far above. So the files are examined here, after the failure.
"""

import errno
import os
import stat

FIRST_LINE_BYTES = 256
"""The kernel reads no more bytes of a script to find its interpreter: execve(2)."""
_ELF = b"\x7fELF"


def why_not_executed(name: str, paths: list[str], problem: int) -> str:
    """The message for a failure; `paths` are the candidates for the program, `problem` is errno(3)."""
    try:
        return f"program `{name}` {_why(name, paths, problem)}"
    except (OSError, ValueError):  # a file changed while it was examined
        return f"program `{name}` cannot be executed: {os.strerror(problem)}"


def _why(name: str, paths: list[str], problem: int) -> str:
    there = [path for path in paths if os.path.lexists(path)]
    path = there[0] if there else (paths[0] if paths else name)
    match problem:
        case errno.ENOENT | errno.ENOTDIR:
            return _why_absent(path) if there or "/" in name else "not found in any folder of PATH"
        case errno.EACCES:
            return why_denied(path) or _why_not_executable(path)
        case errno.ENOEXEC:
            return _why_no_format(path)
        case errno.ELOOP:
            return _why_a_circle(path)
        case errno.ENAMETOOLONG:
            return "has a path that is too long: at most 255 bytes for a name, and 4,095 for the whole path"
        case errno.E2BIG:
            return (
                "gets more arguments and environment than the system allows; pass large values in a file "
                "(`getconf ARG_MAX` shows the limit)"
            )
        case errno.ETXTBSY:
            return "is open for writing; to replace it, write a new file and rename it"
        case _:
            return f"cannot be executed: {os.strerror(problem)}"


def why_denied(path: str) -> str:
    """A message about the topmost folder above a path that this user may not
    search; empty if there is none.
    """
    above = os.path.dirname(path)  # noqa: PTH120  no pathlib in the shim
    folders = []
    while above and above not in folders:
        folders.append(above)
        above = os.path.dirname(above)  # noqa: PTH120
    for folder in reversed(folders):
        if os.path.isdir(folder) and not os.access(folder, os.X_OK):  # noqa: PTH112
            return f"cannot be reached: this user may not search {folder}; allow it with `chmod +x`"
    return ""


def _why_absent(path: str) -> str:
    if not os.path.lexists(path):
        above = os.path.dirname(path)  # noqa: PTH120
        while above and not os.path.lexists(above):
            above = os.path.dirname(above)  # noqa: PTH120
        if above and not os.path.isdir(above):  # noqa: PTH112
            return f"not found: {above} is a file, not a folder"
        return "not found"
    if not os.path.exists(path):  # noqa: PTH110
        return f"not found: {path} is a link to {os.readlink(path)}, which does not exist"  # noqa: PTH115
    head = _head(path)
    if head.startswith(b"#!"):
        return _why_no_interpreter(path, head)
    if head.startswith(_ELF):
        return "exists, but its loader does not: it was built for a different system"
    return "exists, but something that it needs does not"


def _why_no_interpreter(path: str, head: bytes) -> str:
    line, interpreter = _interpreter(head)
    if line.endswith(b"\r"):
        return (
            f"exists, but its first line `{_shown(line)}` ends in a carriage return, as lines do on "
            f"Windows, so the system looks for `{_shown(interpreter)}`; remove them:  "
            f"sed -i 's/\\r$//' {path}"
        )
    return (
        f"exists, but its interpreter {_shown(interpreter)} does not (its first line is `{_shown(line)}`); "
        "install it, or correct that line"
    )


def _why_not_executable(path: str) -> str:
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116
    except OSError as problem:
        return f"not executable: {problem.strerror}"
    if stat.S_ISDIR(mode):
        return "not executable: it is a folder"
    if not stat.S_ISREG(mode):
        return "not executable: it is not a regular file"
    if os.statvfs(path).f_flag & os.ST_NOEXEC:
        return "not executable: its file system is mounted `noexec`"
    if not os.access(path, os.X_OK):
        return f"not executable by this user; allow it:  chmod +x {path}"
    head = _head(path)
    if head.startswith(b"#!"):
        return f"exists, but its interpreter {_shown(_interpreter(head)[1])} is not executable"
    return f"not executable: {os.strerror(errno.EACCES)}"


def _why_no_format(path: str) -> str:
    head = _head(path)
    if not head:
        return "cannot be executed: it is empty"
    if head.startswith(_ELF):
        return "cannot be executed: it was built for a different kind of machine"
    if head.startswith(b"#!"):
        line, _ = _interpreter(head)
        return f"cannot be executed: its first line `{_shown(line)}` names no interpreter"
    if b"\0" in head:
        return "cannot be executed: it is neither a program of this system nor a script"
    if head.startswith(b"\xef\xbb\xbf#!"):
        return "cannot be executed: a byte order mark comes before its `#!`; save it as UTF-8 without one"
    return (
        "cannot be executed: it has no `#!` line, and `command` starts no shell. Begin it with "
        f"`#!/bin/sh`, or name what runs it:  command: [sh, {path}]"
    )


def _why_a_circle(path: str) -> str:
    try:
        os.stat(path)  # noqa: PTH116
    except OSError:
        return "not found: links on its path form a circle"
    return "cannot be executed: its interpreter is a script that needs a script, more levels than allowed"


def _interpreter(head: bytes) -> tuple[bytes, bytes]:
    """The first line of a script, and the path of the interpreter in it."""
    line = head.partition(b"\n")[0]
    words = line.removeprefix(b"#!").strip(b" \t").replace(b"\t", b" ").split(b" ")
    return line, words[0]


def _head(path: str) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return b""
    try:
        return os.read(handle, FIRST_LINE_BYTES)
    except OSError:
        return b""
    finally:
        os.close(handle)


def _shown(text: bytes) -> str:
    """Bytes of a file for a message, with escapes for everything that is not a plain character."""
    return text.decode("utf-8", "backslashreplace").encode("unicode_escape").decode("ascii")
