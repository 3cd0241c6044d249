"""Shows events of an engine in the foreground."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Literal, assert_never

from engine.core.events import Event, NotShown
from engine.journal.ecs import for_collectors
from engine.journal.lines import for_people, for_programs
from jobfile.render.style import PLAIN, Style

Form = Literal["text", "json", "ecs"]
"""A line for people, a JSON line, or a JSON line with the names of the Elastic Common Schema."""


class Shown:
    """Shows each event as a line of text, as a JSON line like those of the log, or as one for collectors."""

    name = "console"

    def __init__(self, show: Callable[[str], None], *, form: Form = "text", style: Style = PLAIN) -> None:
        """`show` must not wait for a reader."""
        self._show = show
        self._lines = _lines(form, style)

    def take(self, events: Sequence[Event], now: datetime) -> None:
        """Show a line for each event."""
        self._show(self._lines(events, now))


def lost_line(count: int, now: datetime, *, form: Form = "text") -> str:
    """The line about lost lines: the only event outside the stream, because only their reader needs it."""
    return _lines(form, PLAIN)((NotShown(count=count),), now)


def _lines(form: Form, style: Style) -> Callable[[Sequence[Event], datetime], str]:
    match form:
        case "text":
            return partial(for_people, style=style)
        case "json":
            return for_programs
        case "ecs":
            return for_collectors
        case _:
            assert_never(form)
