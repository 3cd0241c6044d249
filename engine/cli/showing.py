"""Shows a job's output: without control sequences on a terminal, and unchanged in a pipe."""

import sys
from typing import TextIO

from engine.cli.output import style_of
from engine.cli.step_output import Tail
from engine.execution.output_text import NeutralText, last_part


class OutputShown:
    """Prints an attempt's output as it comes."""

    def __init__(self, tail: Tail, *, stream: TextIO | None = None, lines: int | None = None) -> None:
        """Print nothing yet. The stream is standard output, unless another is given.

        With `lines`, only that many of the lines that are there at the first call are printed.
        """
        self.has_shown = False
        self._tail = tail
        self._lines = lines
        self._stream = stream or sys.stdout
        self._text = (
            NeutralText(has_colour=style_of(self._stream).is_coloured) if self._stream.isatty() else None
        )

    def show_new(self) -> None:
        """Print the output since the last call."""
        part, self._lines = last_part(self._tail.read(), self._lines), None
        self.has_shown = self.has_shown or bool(part)
        self._write(part if self._text is None else self._text.feed(part).encode())

    def finish(self) -> None:
        """Print the rest."""
        self.show_new()
        if self._text is not None:
            self._write(self._text.rest().encode())

    def _write(self, part: bytes) -> None:
        self._stream.flush()
        self._stream.buffer.write(part)
        self._stream.buffer.flush()
