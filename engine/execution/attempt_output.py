"""The output of an attempt, wherever it is: in its folder here, or as its host has sent it to the ledger."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from engine.config import EngineConfig
from engine.core.lifecycle import AttemptKey
from engine.supervisor.output import OutputTail

if TYPE_CHECKING:
    from engine.execution.output_ranges import Stretch
    from engine.execution.sent_output import PieceTail
    from engine.ports import Pieces


class Reading(Protocol):
    """The output of an attempt, of which each call gives what is new."""

    def read(self) -> bytes:
        """What was written since the last call."""
        ...

    def parts(self) -> Iterator[bytes]:
        """The same in parts, so that it never has to be in memory as a whole."""
        ...


class AttemptOutput:
    """What an attempt wrote."""

    def __init__(
        self, folder: Path, attempt: AttemptKey | None = None, pieces: "Pieces | None" = None
    ) -> None:
        """If `folder` is not here, `pieces` has what the attempt's host sent; None without other hosts."""
        self._folder = folder
        self._attempt = attempt
        self._pieces = pieces

    def tail(self) -> Reading:
        """A reader from the start of the output."""
        if self._pieces is None or self._attempt is None:
            return OutputTail(self._folder)
        from engine.execution.sent_output import PieceTail  # noqa: PLC0415  only ledgers of several hosts need it

        return _Either(self._folder, PieceTail(self._attempt, self._pieces))

    def stream(self, name: str) -> Reading:
        """A reader of one of its streams: only where it was executed, and only if they were stored apart."""
        return OutputTail(self._folder, name)

    def parts(self) -> Iterator[bytes]:
        """All of it, in parts."""
        return self.tail().parts()

    def stretches(self) -> "list[Stretch]":
        """The same as parts that can be read from any byte on."""
        from engine.execution import output_ranges  # noqa: PLC0415  only a server gives a part

        if self._pieces is None or self._attempt is None or _files(self._folder):
            return output_ranges.stretches_here(self._folder)
        return output_ranges.stretches_sent(self._attempt, self._pieces)

    def stored_bytes(self) -> int:
        """How many bytes are stored; a different number means that more was written."""
        found = [one.stat().st_size for one in _files(self._folder)]
        if found or self._pieces is None or self._attempt is None:
            return sum(found)
        return self._pieces.stored_bytes(self._attempt)


def output_of(config: EngineConfig, attempt: AttemptKey, pieces: "Pieces | None") -> AttemptOutput:
    """The output of an attempt. `pieces` are those of the ledger; None if it has none, as one in a file."""
    return AttemptOutput(config.attempt_dir(attempt), attempt, pieces)


class _Either:
    """Reads the files if they are here, else the pieces; as long as there is neither, it looks for both."""

    def __init__(self, folder: Path, sent: "PieceTail") -> None:
        self._folder = folder
        self._sent = sent
        self._chosen: Reading | None = None

    def read(self) -> bytes:
        return b"".join(self.parts())

    def parts(self) -> Iterator[bytes]:
        if self._chosen is None and _files(self._folder):
            self._chosen = OutputTail(self._folder)
        yield from (self._chosen or self._sent).parts()
        if self._sent.has_begun:
            self._chosen = self._sent


def _files(folder: Path) -> "list[os.DirEntry[str]]":
    try:
        with os.scandir(folder) as entries:
            return [one for one in entries if one.name.startswith("output")]
    except OSError:
        return []
