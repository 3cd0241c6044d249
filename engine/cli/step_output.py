"""Prints output of several attempts as it comes: each line after the name of its step or combination."""

import sys
from collections.abc import Callable, Iterable
from typing import Final, Protocol, TextIO

from engine.cli.output import is_coloured
from engine.core.lifecycle import AttemptKey
from engine.core.vocabulary import place_text
from engine.execution.output_text import NeutralText, last_part
from engine.host.environment import environment

COLOURS: Final = (36, 35, 34, 33, 32, 96, 95, 94, 93, 92)
"""Colours of the steps' names, in the order in which the steps begin: ECMA-48, SGR."""


class Tail(Protocol):
    """The output of an attempt, of which each call gives what is new."""

    def read(self) -> bytes:
        """What was written since the last call."""


class SeenAttempt(Protocol):
    """What is to be known of an attempt."""

    @property
    def key(self) -> AttemptKey:
        """Which one it is."""

    @property
    def ended_at(self) -> object:
        """When it ended; None while it runs."""


class PrefixedLines:
    """Prints whole lines of one attempt; a line that is not finished waits for its end."""

    def __init__(self, tail: Tail, prefix: str, stream: TextIO, *, lines: int | None = None) -> None:
        """Print nothing yet; `prefix` comes before each line.

        With `lines`, only that many of the lines that are there at the first call are printed.
        """
        self.has_shown = False
        self._lines = lines
        self._tail = tail
        self._prefix = prefix.encode()
        self._stream = stream
        self._text = NeutralText(has_colour=_is_coloured(stream)) if stream.isatty() else None
        self._held = b""

    def show_new(self, *, is_over: bool = False) -> None:
        """Print the whole lines since the last call; all that is left when the attempt is over."""
        part, self._lines = last_part(self._tail.read(), self._lines), None
        self.has_shown = self.has_shown or bool(part)
        if self._text is not None:
            text = self._text.feed(part) + (self._text.rest() if is_over else "")
            part = text.encode()
        *lines, self._held = (self._held + part).split(b"\n")
        if is_over and self._held:
            lines, self._held = [*lines, self._held], b""
        if lines:
            self._stream.flush()
            self._stream.buffer.write(b"".join(b"%b%b\n" % (self._prefix, line) for line in lines))
            self._stream.buffer.flush()

    def finish(self) -> None:
        """Print the rest."""
        self.show_new(is_over=True)


class StepsShown:
    """Prints the output of all steps of a run as it comes."""

    def __init__(
        self,
        attempts: Callable[[], Iterable[SeenAttempt]],
        tail_of: Callable[[AttemptKey], Tail],
        *,
        stream: TextIO | None = None,
        prefix: str = "",
        lines: int | None = None,
    ) -> None:
        """`tail_of` gives the output of an attempt. The stream is standard output, if no other is given.

        `prefix` comes before each line: the combination of a matrix. With `lines`, only that many of the
        lines that an attempt has at the first look are printed.
        """
        self.has_shown = False
        self._lines = lines
        self._first = prefix
        self._attempts = attempts
        self._tail_of = tail_of
        self._stream = stream or sys.stdout
        self._open: dict[AttemptKey, PrefixedLines] = {}
        self._over: set[AttemptKey] = set()
        self._steps: dict[str, int] = {}

    def show_new(self) -> None:
        """Print the output since the last call."""
        for attempt in self._attempts():
            key = attempt.key
            if key in self._over or not key.step:
                continue
            if key not in self._open:
                self._open[key] = PrefixedLines(
                    self._tail_of(key), self._prefix(key), self._stream, lines=self._lines
                )
            is_over = attempt.ended_at is not None
            self._open[key].show_new(is_over=is_over)
            self.has_shown = self.has_shown or self._open[key].has_shown
            if is_over:
                del self._open[key]
                self._over.add(key)

    def _prefix(self, key: AttemptKey) -> str:
        number = self._steps.setdefault(key.step, len(self._steps))
        name = f"{self._first}{place_text(key.step, key.item)}"
        if not _is_coloured(self._stream):
            return f"{name} | "
        return f"\x1b[{COLOURS[number % len(COLOURS)]}m{name} |\x1b[0m "


def _is_coloured(stream: TextIO) -> bool:
    return is_coloured(environment(), is_terminal=stream.isatty())
