"""A shell's syntax error in a script, as a problem of the job file."""

from collections.abc import Sequence
from typing import Final

from jobfile.expressions.expression import Problem
from jobfile.model.regex import regex

MAX_MESSAGE: Final = 200
_NUMBERED: Final = regex(r"^[^\s:]+: (?:line )?(\d+): (.*)$")
_OTHER: Final = regex(r"(?:line |\[)(\d+)")
_PREFIX: Final = regex(r"^(?:[^\s:]+: )*(?:[Ss]yntax|parse) error(?: at line \d+)?: *")


def read_complaint(said: str) -> tuple[int, str]:
    """The line and the message in the output of `sh -n` or `bash -n`; line 1 if it names none."""
    lines = [line for line in said.splitlines() if line.strip() and ": warning: " not in line]
    first = lines[0] if lines else "not a script that this shell can read"
    numbered = _NUMBERED.match(first)
    other = _OTHER.search(first)
    line = int(numbered[1]) if numbered else int(other[1]) if other else 1
    message = _PREFIX.sub("", numbered[2] if numbered else first).strip()
    return line, message[:MAX_MESSAGE] or "syntax error"


def syntax_problem(
    text: str, complaint: tuple[int, str], *, shell: str, slots: Sequence[tuple[int, int]] = ()
) -> Problem:
    """The error at its line of the script as written; `slots` are the offsets of the templates.

    A template of several lines is one line of the compiled script, which the shell has read.
    """
    wanted, message = complaint
    breaks = [
        at
        for at, sign in enumerate(text)
        if sign == "\n" and not any(start <= at < end for start, end in slots)
    ]
    starts = [0, *(at + 1 for at in breaks if at + 1 < len(text))]
    number = min(max(wanted, 1), len(starts)) - 1
    start = starts[number]
    end = next((at for at in breaks if at >= start), len(text))
    line = text[start:end]
    start += len(line) - len(line.lstrip())
    return Problem(
        code="JF420",
        message=f"`{shell}` cannot read this script",
        start=start,
        end=max(start + len(line.strip()), min(start + 1, len(text))),
        label=message,
        help=(f"try it:  {shell} -n SCRIPT",),
    )
