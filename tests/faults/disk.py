"""Possible contents of a disk after a power cut: all synced data, and any part of the rest, cut at sectors.

Names are kept as on journalling file systems: any sync makes all earlier changes of names durable; of the
later ones, the first few may survive. The bytes of a file are durable once the file itself was synced.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Final

from tests.faults.preload import Kind

SECTOR = 512
KINDS: Final = {"w": Kind.WRITE, "s": Kind.SYNC, "t": Kind.SIZE, "a": Kind.SIZE, "!": Kind.NOTE}
"""The kinds of steps by their letters in the log; all other letters are about names. `-` changed nothing."""
_HEAD = struct.Struct("@IIIIQQ")


@dataclass(frozen=True)
class Step:
    """One step: `c` a file was made, `d` a folder, `f` a pipe; `w` bytes were written; `a`, `t` a size was
    set; `r` renamed, `l` linked, `u` removed; `s` synced; `-` a name stayed as it was.
    """

    kind: str
    path: str
    other: str
    inode: int
    offset: int
    data: bytes


def read_log(path: Path) -> list[Step]:
    """All steps of a process, in order."""
    content, steps, place = path.read_bytes(), [], 0
    while place < len(content):
        kind, first, second, size, inode, offset = _HEAD.unpack_from(content, place)
        place += _HEAD.size
        parts = []
        for length in (first, second, size):
            parts.append(content[place : place + length])
            place += length
        steps.append(Step(chr(kind), parts[0].decode(), parts[1].decode(), inode, offset, parts[2]))
    return steps


@dataclass
class _File:
    content: bytearray = field(default_factory=bytearray)
    waiting: list[Step] = field(default_factory=list)


class Disk:
    """A folder's files, and the changes to them that are not durable yet."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folders: set[str] = set()
        self.files: dict[str, _File] = {}
        self._inodes: dict[int, _File] = {}
        self._names: list[tuple[Step, _File | None]] = []

    def take(self, steps: Sequence[Step]) -> None:
        """Apply these steps."""
        for step in steps:
            match step.kind:
                case "c":
                    self._inodes[step.inode] = made = _File()
                    self._names.append((step, made))
                case "d" | "f" | "u" | "r" | "l":
                    self._names.append((step, None))
                case "w" | "a" | "t":
                    self._inodes[step.inode].waiting.append(step)
                case "s":
                    self._sync(step)

    def _sync(self, step: Step) -> None:
        for name, made in self._names:
            self._name(name, made)
        self._names = []
        if (file := self._inodes.get(step.inode)) is not None:
            for one in file.waiting:
                _write(file.content, one, one.data, 0)
            file.waiting = []

    def cut(self, chance: Random) -> None:
        """Cut the power: of the changes that are not durable, keep a random part."""
        for name, made in self._names[: chance.randint(0, len(self._names))]:
            self._name(name, made)
        share = chance.choice([0.0, 0.1, 0.5, 0.9, 1.0])
        for file in self._inodes.values():
            for one in file.waiting:
                if one.kind != "w":
                    if chance.random() < share:
                        _write(file.content, one, b"", 0)
                    continue
                # A sector is written completely or not at all; a write that begins
                # inside one has a short first part.
                cuts = [0, *range(SECTOR - one.offset % SECTOR, len(one.data), SECTOR), len(one.data)]
                for begin, end in pairwise(cuts):
                    if chance.random() < share:
                        _write(file.content, one, one.data[begin:end], begin)

    def write_to(self, folder: Path) -> None:
        """Write the remaining files into another folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in sorted(self.folders):
            (folder / Path(name).relative_to(self.root)).mkdir(parents=True, exist_ok=True)
        for name, file in self.files.items():
            path = folder / Path(name).relative_to(self.root)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)

    def _name(self, step: Step, made: _File | None) -> None:
        match step.kind:
            case "c" if made is not None:
                self.files[step.path] = made
            case "d":
                self.folders.add(step.path)
            case "u":
                self.files.pop(step.path, None)
                self.folders.discard(step.path)
            case "r" if step.path in self.files:
                self.files[step.other] = self.files.pop(step.path)
            case "l":
                self.files[step.other] = self.files[step.path]


def _write(content: bytearray, step: Step, data: bytes, begin: int) -> None:
    match step.kind:
        case "w":
            at = step.offset + begin
            if len(content) < at:
                content.extend(bytes(at - len(content)))
            content[at : at + len(data)] = data
        case "a":
            content.extend(bytes(max(0, step.offset - len(content))))
        case "t":
            del content[step.offset :]
            content.extend(bytes(step.offset - len(content)))
