"""One palette for the text of all commands: the meaning of a word decides its colour."""

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Final

from jobfile.model.dataclass import dataclass

_RESET: Final = "\x1b[0m"


class Tone(StrEnum):
    """What a colour means; the value is its number in a control sequence (SGR)."""

    GOOD = "32"
    """Green: as it should be."""
    BAD = "31"
    """Red: needs attention."""
    DOUBTFUL = "33"
    """Yellow: look at it; it may be intended."""
    ACTIVE = "36"
    """Cyan: not over."""
    FAINT = "2"
    """Dim: nothing happened, as the rules say."""
    RISK = "35"
    """Magenta: a risk of a plan."""
    MARGIN = "34"
    """Blue: what surrounds an excerpt."""
    STRONG = "1"
    """Bold."""


WORDS: Final[Mapping[str, Tone]] = {
    **dict.fromkeys(("succeeded", "passed", "ok"), Tone.GOOD),
    **dict.fromkeys(
        ("failed", "not_started", "timed_out", "lost", "missed", "overdue", "error", "FAIL", "ERROR"),
        Tone.BAD,
    ),
    **dict.fromkeys(("cancelled", "cancelling", "paused", "retry_wait", "warning", "WARNING"), Tone.DOUBTFUL),
    **dict.fromkeys(("open", "running", "starting", "started", "queued", "waiting", "waits"), Tone.ACTIVE),
    **dict.fromkeys(("skipped", "info", "superseded", "disabled"), Tone.FAINT),
}
"""The words for states, verdicts and severities."""

_FINAL: Final = (
    *("succeeded", "failed", "timed_out", "lost", "missed", "overdue", "skipped", "cancelled"),
    "WARNING",
)
ALARMS: Final = (
    "CANNOT BE READ",
    "LOW DISK SPACE",
    "LOW",
    "NO",
    "NO ENGINE",
    "NO HOST",
    "NO HEARTBEAT",
    "NONE",
    "NOT BELIEVED",
    "NOT OK",
    "NOT RUNNING",
    "NOTHING STARTS",
    "OVERDUE",
    "REJECTED",
    "RESTORED FROM AN OLDER COPY",
    "SILENT",
    "STUCK",
    "TAKES NOTHING",
)
"""What answers say in capitals, because it must be noticed without colours too."""

_SIGNS: Final[Mapping[str, Tone]] = {
    "+": Tone.GOOD,
    "-": Tone.BAD,
    "~": Tone.DOUBTFUL,
    ">": Tone.ACTIVE,
    "!": Tone.RISK,
    "#": Tone.FAINT,
    "@": Tone.ACTIVE,
}
"""The first signs of lines that show a change."""


@dataclass(frozen=True, slots=True)
class Style:
    """How to mark the parts of a text: with colours, or not at all. Text without the marks is the same."""

    is_coloured: bool = False

    def paint(self, text: str, *tones: Tone) -> str:
        """The text in these tones."""
        if not (self.is_coloured and text and tones):
            return text
        return "".join(f"\x1b[{tone}m" for tone in tones) + text + _RESET

    def state(self, text: str) -> str:
        """A text that begins with a state, in its tone: `failed (3 attempts)`. Alarms stand out."""
        tone = WORDS.get(text.strip().partition(" ")[0])
        return self.paint(text, tone) if tone else self.alarms(text)

    def count(self, text: str, state: str) -> str:
        """A number of runs, in the tone of their state; a dot stands for none."""
        tone = WORDS.get(state)
        return self.paint(text, tone) if tone and text.strip("· ") else text

    def states(self, text: str) -> str:
        """A sentence in which each state and each alarm has its tone."""
        return _any_word().sub(self._painted, text) if self.is_coloured else text

    def alarms(self, text: str) -> str:
        """A sentence in which each alarm stands out."""
        return _any_alarm().sub(self._painted, text) if self.is_coloured else text

    def change(self, line: str, *, of_diff: bool = False) -> str:
        """A line of a change, by its first sign; in a diff the sign needs no space behind it."""
        sign = line[:1] if of_diff else line.lstrip()[:1]
        is_one = sign in _SIGNS and (of_diff or line.lstrip()[1:2] == " ")
        return self.paint(line, _SIGNS[sign]) if is_one else line

    def _painted(self, found: re.Match[str]) -> str:
        return self.paint(found[0], *((Tone.STRONG, Tone.BAD) if found[0] in ALARMS else (WORDS[found[0]],)))


PLAIN: Final = Style()
"""No colours."""
COLOURED: Final = Style(is_coloured=True)


@cache
def _any_word() -> re.Pattern[str]:
    """A state at the start of a sentence, or a final one anywhere: not `running` in "was not running"."""
    return re.compile(rf"(?:^|(?<=: )|(?<=  )){_one_of(*WORDS)}|{_one_of(*_FINAL, *ALARMS)}")


@cache
def _any_alarm() -> re.Pattern[str]:
    return re.compile(_one_of(*ALARMS))


def _one_of(*words: str) -> str:
    """A pattern for these words, but not for parts of a name; the longest first."""
    listed = "|".join(map(re.escape, sorted(words, key=len, reverse=True)))
    return rf"(?<![\w./`-])(?:{listed})(?![\w/`-])"
