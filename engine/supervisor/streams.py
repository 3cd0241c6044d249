"""The two streams of a job apart, for its shim: each is stored by itself, and both as its log.

Few jobs need it: those of which something is expected about one of the streams. Each has a pipe of its own,
so the log has them in the order in which they were read.
"""

import os
import select
from typing import Final

from engine.supervisor.masking import Masker
from engine.supervisor.output import STREAMS
from engine.supervisor.storing import Filter, OutputFiles
from engine.supervisor.waking import READ_BYTES

_OUTPUT, _ERRORS = 0, 1
_plain: Final = Masker(())


class Streams:
    """In place of `OutputFiles`. All descriptors are closed with it, also if its attempt never begins."""

    def __init__(self, folder: str, masks: "tuple[Filter, Filter]") -> None:
        """Make the second pipe. Each stream has a filter of its own: what one writes may be read in parts,
        and then no part of the other may come between. Raises OSError.
        """
        self.errors = -1
        """Where the job writes its errors to; -1 when that is closed."""
        self._sources: dict[int, int] = {}
        self._masks = masks
        self._log = OutputFiles(folder, _plain)
        self._copies = tuple(OutputFiles(folder, _plain, name) for name in STREAMS)
        self._both = select.epoll()
        source, self.errors = os.pipe()
        self._own(source, _ERRORS)
        self._totals = [0, 0]

    def counts(self) -> "dict[str, int]":
        """As `OutputFiles.counts`, and how many bytes were written to each stream."""
        output, errors = self._totals
        of_both = {"output_bytes": output + errors, "output_dropped": self._log.dropped}
        return {**of_both, "stdout_bytes": output, "stderr_bytes": errors}

    def joined(self, output: int) -> int:
        """A new descriptor that is readable when one of the streams is. `output` is owned from now on."""
        self._own(output, _OUTPUT)
        return os.dup(self._both.fileno())

    def hang_up(self) -> None:
        """The job has ended: its stream of errors may end."""
        if self.errors >= 0:
            os.close(self.errors)
            self.errors = -1

    def take(self, _: int) -> bool:
        """Store what can be read; False at the end of both streams."""
        for source, _event in self._both.poll(0):
            which = self._sources[source]
            part = os.read(source, READ_BYTES)
            if part:
                self._totals[which] += len(part)
                self._store(which, self._masks[which].feed(part))
            else:
                self._both.unregister(source)
                os.close(source)
                del self._sources[source]
        return bool(self._sources)

    def renew(self) -> None:
        """As `OutputFiles.renew`."""
        for one in (self._log, *self._copies):
            one.renew()

    def close(self) -> None:
        """Store what the filters held back, and close everything."""
        for which, mask in enumerate(self._masks):
            self._store(which, mask.rest())
        for one in (self._log, *self._copies):
            one.close()
        self._let_go()
        self._both.close()

    def __del__(self) -> None:
        """Its attempt may have never begun, and its supervisor takes others."""
        self._let_go()

    def _let_go(self) -> None:
        self.hang_up()
        for source in self._sources:
            os.close(source)
        self._sources.clear()

    def _own(self, source: int, which: int) -> None:
        os.set_blocking(source, False)
        self._both.register(source, select.EPOLLIN)
        self._sources[source] = which

    def _store(self, which: int, part: bytes) -> None:
        self._log.write(part)
        self._copies[which].write(part)
