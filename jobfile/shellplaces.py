"""The places of a shell script in which a template may stand, and what was read of the script."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

SLOT: Final = "\0"
"""Stands for a template in the text of a word."""


class Place(StrEnum):
    """Where a template stands."""

    BARE = "bare"
    DOUBLE = "double"
    SINGLE = "single"
    HEREDOC = "heredoc"
    ARITHMETIC = "arithmetic"
    COMMENT = "comment"
    BACKTICKS = "JF411"
    BRACES = "JF412"
    DOLLAR_QUOTE = "JF413"
    QUOTED_HEREDOC = "JF415"
    AFTER_DOLLAR = "JF417"
    AFTER_BACKSLASH = "JF418"
    DELIMITER = "JF419"
    UNKNOWN = "JF410"


@dataclass(slots=True)
class Word:
    """A word of a simple command: its text without quotes, and the templates in it."""

    start: int
    text: str = ""
    slots: list[int] = field(default_factory=list)
    in_brackets: list[int] = field(default_factory=list)
    brackets: int = 0


@dataclass(frozen=True, slots=True)
class Script:
    """What was read: the place of each template, the simple commands, and where the script breaks off."""

    places: tuple[Place, ...]
    commands: tuple[tuple[Word, ...], ...]
    broken: tuple[int, str] | None
