"""Reads a main file with all it includes, from a folder on disk or from a commit."""

import errno
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from posixpath import normpath
from typing import Protocol

from jobfile.diagnostics.escapes import readable
from jobfile.files.include import MAX_FILES, MAX_TREE_BYTES, leaves_folder, means, patterns_of
from jobfile.model.dataclass import dataclass
from jobfile.syntax.document import decode_source, parse_document


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFiles:
    """The main file and what it includes: their names as the user knows them, and their bytes.

    `outside` are names that lead through a symbolic link, which is not followed.
    """

    files: tuple[tuple[str, bytes], ...]
    outside: tuple[str, ...] = ()


class Tree(Protocol):
    """The folder of a main file. Names are relative to it."""

    def listed(self, pattern: str) -> Iterable[str]:
        """The files and links that a path or a pattern can mean, and possibly others."""

    def read(self, names: Sequence[str], *, room: int) -> Iterator[bytes | None]:
        """The content of each of these files, in this order; None for a link, or behind one.

        It may end early, with the first file that exceeds `room` bytes in total.
        """


def with_includes(main: Path, content: bytes, tree: Tree) -> JobFiles:
    """The main file and all it includes, the included ones in the order of their names.

    Raises OSError for a name that is not UTF-8. Of too many or too large files, it reads only enough to show
    that.
    """
    names = _included(main, content, tree)
    _refuse_odd_names(main.parent, names)
    files, outside = [(str(main), content)], []
    room = MAX_TREE_BYTES - len(content)
    read = names[: MAX_FILES + 1]
    for name, data in zip(read, tree.read(read, room=room), strict=False):
        path = str(main.parent / name)
        if data is None:
            outside.append(path)
            continue
        files.append((path, data))
        room -= len(data)
        if room < 0:
            break
    return JobFiles(files=tuple(files), outside=tuple(outside))


def _included(main: Path, content: bytes, tree: Tree) -> list[str]:
    """The names of the files and links that a main file includes, sorted."""
    if b"include" not in content:
        return []
    source, _ = decode_source(str(main), content)
    document = None if source is None else parse_document(source)[0]
    if document is None:
        return []
    patterns = [normpath(one.text) for one in patterns_of(document) if not leaves_folder(one.text)]
    found = {name for pattern in patterns for name in tree.listed(pattern) if means(pattern, name)}
    found.discard(main.name)
    return sorted(found)


def _refuse_odd_names(folder: Path, names: Iterable[str]) -> None:
    """Raise OSError for a file name that is not UTF-8: the ledger and editors could not store it."""
    for name in names:
        if readable(name) != name:
            path = readable(str(folder / name))
            raise OSError(errno.EILSEQ, "its name is not UTF-8, as it must be for an included file", path)
