"""Job files as they were at a revision of their repository; nothing is checked out."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

from engine.core.errors import RevisionError
from engine.ports import Snapshot
from engine.sources.git import as_revision, git_bytes, top_of
from engine.sources.includes import with_includes
from jobfile.files.include import MAX_TREE_BYTES
from jobfile.model.dataclass import dataclass
from jobfile.syntax.document import MAX_FILE_BYTES

_LINK: Final = b"120000"
_BLOB: Final = b"blob"
_HASHES: Final = {40: hashlib.sha1, 64: hashlib.sha256}
"""The hash functions that git names objects with, by the length of their names: gitformat-pack(5)."""
_LINE_BYTES: Final = 256
"""Room for the line that git prints before the content of an object."""


class NotThereError(RevisionError):
    """The commit does not contain the file."""

    def __init__(self, message: str, commit: str) -> None:
        """`commit` is the commit's whole name."""
        super().__init__(message)
        self.commit = commit


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file in a commit; `name` is its path from the requested folder."""

    name: str
    object: str
    is_link: bool


def snapshot_at(main_file: Path, revision: str) -> Snapshot:
    """The main file and what it includes, as they were at a revision; raises RevisionError."""
    folder = Path(os.path.realpath(main_file.absolute().parent))
    commit = commit_of(folder, revision)
    main = next(_entries(folder, commit, main_file.name), None)
    if main is None:
        raise NotThereError(f"{main_file} does not exist at {revision}", commit)
    if main.is_link:
        raise RevisionError(f"{main_file} is a link at {revision}; a job file must be a regular file")
    [content] = _contents(folder, [main], revision)
    try:
        found = with_includes(main_file, content, _Folder(folder, commit, revision))
    except OSError as error:
        raise RevisionError(f"cannot read {error.filename} at {revision}: {error.strerror}") from error
    return Snapshot(files=found.files, outside=found.outside, revision=commit)


@dataclass(frozen=True)
class _Folder:
    """A folder as it was at a commit; messages name the commit by `revision`."""

    path: Path
    commit: str
    revision: str

    def listed(self, pattern: str) -> Iterable[str]:  # noqa: ARG002  git lists all of it in one go
        return self._entries.keys()

    def read(self, names: Sequence[str], *, room: int) -> Iterator[bytes | None]:
        entries = [self._entries[name] for name in names]
        files = [one for one in entries if not one.is_link]
        contents = iter(_contents(self.path, files, self.revision, room=room))
        for one in entries:
            data = None if one.is_link else next(contents, None)
            if data is None and not one.is_link:
                return  # over the limit: not read
            yield data

    @cached_property
    def _entries(self) -> Mapping[str, _Entry]:
        return {one.name: one for one in _entries(self.path, self.commit)}


def commit_of(folder: Path, revision: str) -> str:
    """The whole name of the commit that a revision stands for; raises RevisionError."""
    asked = f"{as_revision(revision)}^{{commit}}"
    return git_bytes(folder, "rev-parse", "--verify", "--end-of-options", asked).decode().strip()


def changed_files(files: Iterable[tuple[str, bytes]], *, since: str, here: Path) -> frozenset[str]:
    """The names of the files that differ from those in a commit, or are not in it; raises RevisionError.

    `since` is a revision of the repository around `here`, or A...B for where B (without it, HEAD) left A. git
    does not compare the work tree, because it would run filters that the repository names. So a change by a
    filter counts as a change; a difference only in line ends does not, because git may have converted them.
    """
    top = top_of(here)
    commit = _beginning(top, since)
    inside = {path: (name, data) for name, data in files if (path := _path_in(top, name))}
    held = {one.name: one.object for one in _entries(top, commit, *inside)} if inside else {}
    return frozenset(
        name for path, (name, data) in inside.items() if not _is_object(held.get(path, ""), data)
    )


def _beginning(top: Path, since: str) -> str:
    one, dots, other = since.partition("...")
    if not dots:
        return commit_of(top, since.removesuffix(".."))
    ends = commit_of(top, one or "HEAD"), commit_of(top, other or "HEAD")
    try:
        return git_bytes(top, "merge-base", *ends).decode().strip()
    except RevisionError as error:
        raise RevisionError(
            f"`{since}`: the two have no commit in common here; fetch the whole history"
        ) from error


def _path_in(top: Path, name: str) -> str:
    """A file's path from the top of the repository; links to folders are followed, the last part stays."""
    path = Path(os.path.realpath(Path(name).absolute().parent)) / Path(name).name
    return path.relative_to(top).as_posix() if path.is_relative_to(top) else ""


def _is_object(name: str, data: bytes) -> bool:
    """Whether git would name these bytes so, as they are or with Unix line ends."""
    make = _HASHES.get(len(name))
    return make is not None and any(
        make(b"blob %d\0" % len(one) + one).hexdigest() == name
        for one in (data, data.replace(b"\r\n", b"\n"))
    )


def _entries(folder: Path, commit: str, *names: str) -> Iterator[_Entry]:
    """The files and links of a commit in a folder: those with these
    names, or without names all, at any depth.
    """
    top = top_of(folder)
    prefix = "" if folder == top else f"{folder.relative_to(top).as_posix()}/"
    paths = [f"{prefix}{name}" for name in names] or [prefix] * bool(prefix)
    depth = () if names else ("-r",)
    listed = git_bytes(top, "ls-tree", *depth, "-z", "--full-tree", commit, "--", *paths)
    start = 0
    while (end := listed.find(b"\0", start)) >= 0:
        about, _, path = listed[start:end].partition(b"\t")
        start = end + 1
        mode, kind, name = about.split()
        if kind == _BLOB:
            yield _Entry(os.fsdecode(path).removeprefix(prefix), name.decode(), mode == _LINK)


def _contents(
    folder: Path, entries: list[_Entry], revision: str, *, room: int = MAX_TREE_BYTES
) -> list[bytes]:
    """The contents of files in order, up to the first that exceeds `room` bytes, inclusive.

    Their sizes are asked first, because a few bytes in a repository can expand to gigabytes. Raises
    RevisionError for a file that is too large alone.
    """
    sizes = []
    said = git_bytes(folder, "cat-file", "--batch-check=%(objectsize)", text=_asked(entries)).split(b"\n")
    for one, size in zip(entries, said, strict=False):
        if not size.isdigit():
            raise RevisionError(f"{one.name} is missing from the repository at {revision}")
        if int(size) > MAX_FILE_BYTES:
            raise RevisionError(
                f"{one.name} has {int(size):,} bytes at {revision}; the limit is {MAX_FILE_BYTES:,} bytes"
            )
        sizes.append(int(size))
        room -= int(size)
        if room < 0:
            break
    read = entries[: len(sizes)]
    most = sum(sizes) + _LINE_BYTES * len(sizes)
    held = git_bytes(folder, "cat-file", "--batch", text=_asked(read), most_bytes=most) if read else b""
    found, start = [], 0
    for length in sizes:
        start = held.index(b"\n", start) + 1
        found.append(held[start : start + length])
        start += length + 1
    return found


def _asked(entries: list[_Entry]) -> bytes:
    return "".join(f"{one.object}\n" for one in entries).encode()
