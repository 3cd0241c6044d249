"""Writes a commit's files into a folder, without the filters that a repository names: git's own checkout runs
them.
"""

import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from engine.core.errors import RevisionError
from engine.sources.git import git_bytes, top_of

MAX_FILES: Final = 200_000
"""Maximum number of files of a commit."""
MAX_BYTES: Final = 4 * 1024**3
"""Maximum size of all files of a commit: a few bytes in a repository can expand to gigabytes."""
BATCH_BYTES: Final = 32 * 1024**2
"""About how many bytes of files are read at once; a larger file is read alone."""
BATCH_FILES: Final = 1_000
LINE_BYTES: Final = 256
"""Room for the line that git prints before the content of an object."""
_LINK: Final = b"120000"
_PROGRAM: Final = b"100755"
_BLOB: Final = b"blob"
_MODES: Final = {False: 0o600, True: 0o700}
"""Only the owner reads what is written, and so who executes the jobs."""


class _File(NamedTuple):
    path: str
    object: str
    size: int
    mode: bytes


def export_commit(folder: Path, commit: str, target: Path) -> None:
    """Write all files of a commit of the repository around `folder` to `target`, which is whole or not there.

    Submodules are left out. Raises RevisionError, and OSError.
    """
    new = target.with_name(f"{target.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700, parents=True)
    top = top_of(folder)
    for batch in _batches(list(_files(top, commit))):
        for file, content in zip(batch, _contents(top, batch), strict=True):
            _write(new, file, content)
    new.rename(target)


def _files(top: Path, commit: str) -> Iterator[_File]:
    listed = git_bytes(top, "ls-tree", "-r", "-l", "-z", "--full-tree", commit)
    count = total = 0
    for entry in listed.split(b"\0"):
        about, _, path = entry.partition(b"\t")
        words = about.split()
        if len(words) != 4 or words[1] != _BLOB:
            continue
        name, size = os.fsdecode(path), int(words[3])
        if any(part in ("", ".", "..") or part.lower() == ".git" for part in name.split("/")):
            raise RevisionError(f"the commit {commit[:12]} has a file with a name that leads out of it")
        count, total = count + 1, total + size
        if count > MAX_FILES or total > MAX_BYTES:
            raise RevisionError(
                f"the commit {commit[:12]} has more than {MAX_FILES:,} files or {MAX_BYTES // 1024**3} GiB"
            )
        yield _File(name, words[2].decode(), size, words[0])


def _batches(files: list[_File]) -> Iterator[list[_File]]:
    batch: list[_File] = []
    size = 0
    for one in files:
        if batch and (size + one.size > BATCH_BYTES or len(batch) == BATCH_FILES):
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += one.size
    if batch:
        yield batch


def _contents(top: Path, batch: Sequence[_File]) -> Iterator[bytes]:
    asked = "".join(f"{one.object}\n" for one in batch).encode()
    most = sum(one.size for one in batch) + LINE_BYTES * len(batch)
    held = git_bytes(top, "cat-file", "--batch", text=asked, most_bytes=most)
    start = 0
    for one in batch:
        start = held.index(b"\n", start) + 1
        yield held[start : start + one.size]
        start += one.size + 1


def _write(folder: Path, file: _File, content: bytes) -> None:
    path = folder / file.path
    parent = path.parent
    if not parent.is_dir():
        parent.mkdir(mode=0o700, parents=True)
    if file.mode == _LINK:
        path.symlink_to(os.fsdecode(content))
        return
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, stat.S_IRUSR | stat.S_IWUSR)
    with os.fdopen(handle, "wb") as out:
        out.write(content)
        os.fchmod(out.fileno(), _MODES[file.mode == _PROGRAM])
