"""Finds a program as a supervisor does: from the job's folder, on the job's PATH."""

import os
from pathlib import Path

FIRST_LINE_BYTES = 256
"""Number of bytes of a script that the system reads to find its interpreter: execve(2)."""


def find_program(name: str, *, folder: Path, path: str) -> str | None:
    """The file that would be executed; None if there is no executable one."""
    names = [name] if "/" in name else [f"{place or '.'}/{name}" for place in path.split(":")]
    found = (str(folder / one) for one in names)
    return next((one for one in found if Path(one).is_file() and os.access(one, os.X_OK)), None)


def program_trouble(name: str, *, folder: Path, path: str) -> str:
    """Why a program could not be executed; empty if it could."""
    found = find_program(name, folder=folder, path=path)
    if found is not None:
        interpreter = _interpreter_of(found)
        if interpreter and not (folder / interpreter).exists():
            return f"program `{name}` cannot start: its first line names {interpreter}, which does not exist"
        return ""
    if "/" in name and (folder / name).exists():
        return f"program `{name}` is not executable"
    return f"program `{name}` not found{'' if '/' in name else ' in PATH'}"


def _interpreter_of(file: str) -> str:
    """The interpreter in the first line of a script; empty for anything else, and for unreadable files."""
    try:
        with Path(file).open("rb") as opened:
            first = opened.read(FIRST_LINE_BYTES).partition(b"\n")[0]
    except OSError:
        return ""
    words = first[2:].split(maxsplit=1) if first.startswith(b"#!") else []
    return os.fsdecode(words[0]) if words else ""
