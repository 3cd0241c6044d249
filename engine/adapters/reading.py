"""Reading job files, and no more of them than the language allows."""

import errno
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from posixpath import normpath
from typing import Final

from jobfile.document import MAX_FILE_BYTES, decode_source, parse_document
from jobfile.escapes import readable
from jobfile.include import MAX_FILES, MAX_TREE_BYTES, is_pattern, leaves_folder, matches, patterns_of

MAX_ENTRIES: Final = 50_000
"""Files and folders that are looked at for one pattern."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFiles:
    """The main file and what it includes: names as the user knows them, and bytes.

    `outside` are files that a symbolic link puts outside of the main file's folder; they are not read.
    """

    files: tuple[tuple[str, bytes], ...]
    outside: tuple[str, ...] = ()


def read_limited(path: Path) -> bytes:
    """A file's bytes, at most one more than allowed: enough to know that it is too large.

    O_NONBLOCK because opening a pipe that is named like a job file must not hang.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read(MAX_FILE_BYTES + 1)
    except OSError as error:  # of a handle, which has no name
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        os.close(handle)


def read_job_files(main: Path, given: Mapping[str, bytes] | None = None) -> JobFiles:
    """The main file and all it includes, the included ones in the order of their names. Raises OSError.

    What is `given` for a file by its name counts instead of what is on disk.
    """
    given = given or {}
    content = given[str(main)] if str(main) in given else read_limited(main)
    files = [(str(main), content)]
    names, outside = _included(main, content)
    refuse_odd_names(main.parent, names)
    total = len(content)
    for name in names[: MAX_FILES + 1]:
        path = main.parent / name
        content = given[str(path)] if str(path) in given else _read_included(path)
        files.append((str(main.parent / name), content))
        total += len(content)
        if total > MAX_TREE_BYTES:
            break
    return JobFiles(files=tuple(files), outside=tuple(str(main.parent / name) for name in outside))


def refuse_odd_names(folder: Path, names: Iterable[str]) -> None:
    """What a pattern means may have a name that no ledger or editor could give: it counts as unreadable."""
    for name in names:
        if readable(name) != name:
            path = readable(str(folder / name))
            raise OSError(errno.EILSEQ, "its name is not UTF-8, and an included file needs one that is", path)


def _read_included(path: Path) -> bytes:
    try:
        return read_limited(path)
    except FileNotFoundError as error:
        if not path.is_symlink():
            raise
        why = f"it is a link to {path.readlink()}, which does not exist"
        raise FileNotFoundError(error.errno, why, str(path)) from error


def _included(main: Path, content: bytes) -> tuple[list[str], list[str]]:
    """The files that a main file means, relative to its folder: inside of it, and outside."""
    if b"include" not in content:
        return [], []
    source, _ = decode_source(str(main), content)
    document = None if source is None else parse_document(source)[0]
    if document is None:
        return [], []
    folder = main.parent
    texts = [one.text for one in patterns_of(document)]
    found = {name for text in texts if not leaves_folder(text) for name in _meant(folder, normpath(text))}
    found.discard(main.name)
    top = os.path.realpath(folder)
    inside = {name for name in found if os.path.realpath(folder / name).startswith(f"{top.rstrip('/')}/")}
    return sorted(inside), sorted(found - inside)


def _meant(folder: Path, pattern: str) -> Iterator[str]:
    """The files below a folder that a pattern means."""
    if not is_pattern(pattern):
        if (folder / pattern).is_file():
            yield pattern
        return
    parts = pattern.split("/")
    fixed = next(index for index, part in enumerate(parts) if is_pattern(part))
    start = "/".join(parts[:fixed])
    depth = None if "**" in parts else len(parts) - fixed
    for name in islice(_files_below(folder, start, depth), MAX_ENTRIES):
        if matches(pattern, name):
            yield name


def _files_below(folder: Path, start: str, depth: int | None) -> Iterator[str]:
    """Every file in a folder and, so deep, in the folders in it; links to folders are not followed."""
    waiting = [(start, 1)]
    while waiting:
        inner, level = waiting.pop()
        try:
            entries = sorted(os.scandir(folder / inner), key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            name = f"{inner}/{entry.name}" if inner else entry.name
            if entry.is_dir(follow_symlinks=False):
                if (depth is None or level < depth) and not entry.name.startswith("."):
                    waiting.append((name, level + 1))
            elif entry.is_file() or _leads_nowhere(entry):
                yield name


def _leads_nowhere(entry: os.DirEntry[str]) -> bool:
    """Whether this is a link to nothing: somebody named a file that is gone, which reading it will say."""
    return entry.is_symlink() and not Path(entry.path).exists()
