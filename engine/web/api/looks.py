"""The form of an answer: JSON, or the text that a command prints, for a terminal or a pipe."""

from typing import Final

from jobfile.model.namedtuple import NamedTuple
from jobfile.model.regex import regex
from jobfile.render.style import COLOURED, PLAIN, Style

TEXT: Final = "text/plain"
PIPE_COLUMNS: Final = 120
"""The width of the text for a pipe, as in the commands."""
MIN_COLUMNS: Final = 40
MAX_COLUMNS: Final = 1_000
_NUMBER: Final = regex(r"[0-9]{1,4}")


class Look(NamedTuple):
    """The terminal of the client; without one, long rows are not broken."""

    columns: int | None = None
    style: Style = PLAIN

    @property
    def lines(self) -> int:
        """Columns to break lines at."""
        return self.columns or PIPE_COLUMNS


def look_of(accept: str) -> Look | None:
    """What an Accept header asks for; None for JSON. `text/plain; columns=100; colour=yes`."""
    kind, *given = (part.strip().lower() for part in accept.partition(",")[0].split(";"))
    if kind != TEXT:
        return None
    wanted = dict(one.split("=", 1) for one in given if "=" in one)
    columns = wanted.get("columns", "")
    return Look(
        columns=min(MAX_COLUMNS, max(MIN_COLUMNS, int(columns))) if _NUMBER.fullmatch(columns) else None,
        style=COLOURED if wanted.get("colour") == "yes" else PLAIN,
    )
