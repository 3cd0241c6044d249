"""JF025: the marks that git leaves where two changes meet."""

import re
from typing import Final

from jobfile.diagnostics.diagnostic import Diagnostic, Label
from jobfile.diagnostics.source import Source
from jobfile.syntax.error_context import mistake

_MARKS: Final = re.compile(r"(?m)^(?:(<{7})(?:[ \t][^\r\n]*+)?|(={7})|(>{7})(?:[ \t][^\r\n]*+)?)\r?$")


def find_conflict(source: Source) -> Diagnostic | None:
    """The first conflict of a file, with its middle and its end."""
    if "<<<<<<<" not in source.text:
        return None
    marks = list(_MARKS.finditer(source.text))
    starts = [one for one in marks if one[1]]
    if not starts:
        return None
    start = starts[0]
    middle = next((one for one in marks if one[2] and one.start() > start.start()), None)
    end = next((one for one in marks if one[3] and one.start() > start.start()), None)
    if middle is None and end is None:
        return None
    others = ((middle, "the other side begins here"), (end, "the conflict ends here"))
    related = tuple(
        Label(span=source.span(*_place(one)), text=text) for one, text in others if one is not None
    )
    more = len(starts) - 1
    notes = (f"the file has {more} more conflict{'s' if more > 1 else ''}",) if more else ()
    return mistake(
        source,
        "JF025",
        "a merge conflict is not resolved",
        _place(start),
        label="git put this line here",
        related=related,
        notes=notes,
        help_=("keep the lines of one side, or of both, and remove the three lines with the marks",),
    )


def _place(mark: re.Match[str]) -> tuple[int, int]:
    """The mark itself, without the name of the branch."""
    return mark.start(), mark.start() + 7
