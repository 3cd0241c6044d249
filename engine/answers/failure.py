"""The answer of a command that failed: why, and what to do."""

import re
from typing import Final

from engine.core.errors import ErrorCode

ADVICE: Final = frozenset(
    "add apply ask close did end fetch fix free give if install jobfile keep look make move name narrow "  # noqa: SIM905  words
    "put remove rename restore resume revoke run see send set show start stop submit to try upgrade use "
    "wait write".split()
)
"""The first words of what a message says to do: verbs, `to confirm:`, `did you mean`."""
_PART: Final = re.compile(r"(?:; |\. |: |:  )(?=(\w+))")


def failure_to_json(code: ErrorCode, message: str, *, advice: str = "") -> dict[str, object]:
    """An error as JSON data. Its help is the advice in the message, else `advice`, else that of the code."""
    error = {"code": code.value, "message": message, "help": advice_in(message) or advice or code.advice}
    return {"format": 1, "error": error}


def advice_in(message: str) -> str:
    """The end of a message that says what to do; empty if it does not say that."""
    parts = (one for one in _PART.finditer(message) if one[1].lower() in ADVICE)
    first = next(parts, None)
    return "" if first is None else message[first.end() :]
