"""Shows events of an engine in the foreground."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from engine.core.events import Event, NotShown
from engine.journal.lines import for_people, for_programs
from jobfile.render.style import PLAIN, Style


class Shown:
    """Shows each event as a line of text, or as a JSON line like those of the log."""

    name = "console"

    def __init__(self, show: Callable[[str], None], *, as_json: bool = False, style: Style = PLAIN) -> None:
        """`show` must not wait for a reader."""
        self._show = show
        self._lines = for_programs if as_json else partial(for_people, style=style)

    def take(self, events: Sequence[Event], now: datetime) -> None:
        """Show a line for each event."""
        self._show(self._lines(events, now))


def lost_line(count: int, now: datetime, *, as_json: bool = False) -> str:
    """The line about lost lines: the only event outside the stream, because only their reader needs it."""
    lines = for_programs if as_json else for_people
    return lines((NotShown(count=count),), now)
