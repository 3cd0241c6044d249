"""JF610: a script that reads the clock to find the day it works on. A time stamp in a log is fine."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from sys import maxsize
from typing import Final

from jobfile.checks.finding import located
from jobfile.compile.actions import texts_of
from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.expressions.expression import Problem
from jobfile.expressions.template import find_slots
from jobfile.files.fileset import JobText, Payload
from jobfile.files.merged_settings import Setting
from jobfile.model.regex import regex
from jobfile.shell.lexer import read_script
from jobfile.shell.places import SLOT, Command, Script, Word
from jobfile.shell.variables import head_of

_NOW: Final = regex(r"\b(?:now|current_timestamp|sysdate|getdate)\s*+\(\s*+\)", re.IGNORECASE)
_AGE_BEFORE: Final = regex(r"<=?\s*$")
_STAMP_BEFORE: Final = regex(r"(?:[^<>!]=|\bvalues\s{0,9}\([^()]{0,200})\s{0,9}$", re.IGNORECASE)
_MINUS: Final = regex(r"\s*+-")
_GIVES_THE_TIME: Final = regex(r"-[a-zA-Z]*[fr].*|--(?:file|reference)(?:=.*)?", re.DOTALL)
"""Options with which `date` does not read the clock."""
_GIVES_A_DATE: Final = regex(r"(?:-[a-zA-Z]*d|--date=?)(.*)", re.DOTALL)
_RELATIVE: Final = regex(
    r"\b(?:ago|yesterday|today|tomorrow|now|last|next|day|days|week|weeks|month|months|year|hour|hours|minutes?)\b",
    re.IGNORECASE,
)
_FIXED: Final = regex(r"\d{4}-?\d\d-?\d\d|@\d")
_TO_THE_SECOND: Final = regex(
    r"\+.*%[-_0^#]?(?:[sSTNcr]|:z).*|-I(?:s|n).*|--(?:iso-8601|rfc-3339)=(?:s|n).*", re.DOTALL
)
"""A time to the second: a stamp or an age, not the day that a run is for."""
_PRINTERS: Final = frozenset({"echo", "printf", "logger"})
_PRINTER: Final = regex(
    r"_*(?:log|info|warn|warning|err|error|debug|say|msg|notice|die|fatal)(?:_?\w+)?", re.IGNORECASE
)
"""Names of a script's own functions that write a log."""
_LOG_FILE: Final = regex(r"\.log(?:\.gz)?$")
"""A log is named for the day on which it is written."""
_READERS_OF_LOGS: Final = frozenset({"tee", "logger", "mail", "mailx", "sendmail", "ts", "systemd-cat"})


def check_reads_no_clock(payload: Payload) -> Iterator[Diagnostic]:
    """JF610: a catch-up run that reads the clock works on the wrong day."""
    job = payload if isinstance(payload, JobText) else payload.job
    catchup = job.settings.get("catchup")
    if "schedule" not in job.settings or job.is_unsure("catchup"):
        return
    if catchup is not None and catchup.value == "none":
        return
    script, command = payload.settings.get("run"), payload.settings.get("command")
    if script is not None:
        yield from _clock_in_script(script)
    elif command is not None and _is_date(command.value) and _reads_clock(texts_of(command)):
        yield _reads_the_clock(command.part(0) or command, 0, len("date"))


def _clock_in_script(script: Setting) -> Iterator[Diagnostic]:
    text = script.text
    if "date" not in text and "(" not in text:
        return
    slots = [(slot.start, slot.end) for slot in find_slots(text)[0]]
    if "date" in text:
        read = read_script(text, slots)
        clocks = [(one, word) for one in read.commands if (word := _clock_word(one.words)) is not None]
        uses = _Uses(read) if clocks else None
        for command, word in clocks:
            if uses is not None and not uses.is_stamp(command):
                yield _reads_the_clock(script, word.start, word.start + len(word.text))
                return
    for found in _NOW.finditer(text):
        is_in_slot = any(start <= found.start() < end for start, end in slots)
        if not is_in_slot and not _is_stamp_in_sql(text, found):
            yield _reads_the_clock(script, found.start(), found.end())
            return


def _clock_word(words: Sequence[Word]) -> Word | None:
    command = [word for word in words if not word.is_assignment]
    return command[0] if command and _reads_clock([word.text for word in command]) else None


def _is_date(words: list[object]) -> bool:
    return bool(words) and isinstance(words[0], str) and words[0].rpartition("/")[2] == "date"


def _reads_clock(words: Sequence[str]) -> bool:
    """Whether this is `date` with a time that depends on the clock, such as `date -d yesterday`."""
    if not _is_date([*words[:1]]) or any(_GIVES_THE_TIME.fullmatch(word) for word in words[1:]):
        return False
    for at, word in enumerate(words[1:], 1):
        found = _GIVES_A_DATE.fullmatch(word)
        if found is not None:
            given = found[1] or "".join(words[at + 1 : at + 2])
            is_known = not {"$", SLOT} & set(given) and not _FIXED.search(given)
            return is_known and _RELATIVE.search(given) is not None
    return True


# --- what a time stamp is used for


class _Uses:
    """Where the outputs and variables of a script are used. Each index is made once: scripts can be long."""

    def __init__(self, script: Script) -> None:
        self._functions = script.notes.functions
        self._holders: dict[int, list[tuple[Command, Word]]] = {}
        self._readers: dict[int, list[Command]] = {}
        self._reads: dict[str, list[int]] = {}
        for command in script.commands:
            for word in (*command.words, *command.outputs):
                for inner in word.within:
                    self._holders.setdefault(id(inner), []).append((command, word))
            for before in command.before:
                self._readers.setdefault(id(before), []).append(command)
        for read in script.notes.reads:
            self._reads.setdefault(read.name, []).append(read.start)
        told = (one for one in script.commands if self._is_logged(one))
        self._logged = sorted((word.start, word.end) for one in told for word in one.words)

    def is_stamp(self, command: Command) -> bool:
        """Whether the output of `date` only says when something happened."""
        if any(_TO_THE_SECOND.fullmatch(word.text) for word in command.words):
            return True
        holders = self._holders.get(id(command), ())
        return self._is_written(command) or (
            bool(holders) and all(self._is_only_logged(one, word) for one, word in holders)
        )

    def _is_only_logged(self, command: Command, word: Word) -> bool:
        """Whether a word with a time names a log, or is only written to one, also through a variable."""
        if _LOG_FILE.search(word.text):
            return True
        if not word.is_assignment:
            return self._is_logged(command)
        uses = self._reads.get(word.text.partition("=")[0], ())
        return bool(uses) and all(self._is_in_logged(use) for use in uses)

    def _is_in_logged(self, at: int) -> bool:
        index = bisect_right(self._logged, (at, maxsize)) - 1
        return index >= 0 and self._logged[index][0] <= at < self._logged[index][1]

    def _is_logged(self, command: Command) -> bool:
        """Whether a command writes its words to a log."""
        head = head_of(command)
        if head is None:
            return False
        is_own = head.text in self._functions and _PRINTER.fullmatch(head.text) is not None
        return (head.name in _PRINTERS or is_own) and self._is_written(command)

    def _is_written(self, command: Command) -> bool:
        """Whether the output goes to the log or to a file, and no program reads it."""
        if command.is_captured or id(command) in self._holders:
            return False
        if command.after not in ("|", "|&"):
            return True
        heads = [head_of(one) for one in self._readers.get(id(command), ())]
        return bool(heads) and all(head is not None and head.name in _READERS_OF_LOGS for head in heads)


def _is_stamp_in_sql(text: str, found: re.Match[str]) -> bool:
    """Whether `now()` is a stored time stamp, or is part of an age: `seen < now() - interval '30 days'`."""
    before = text[max(0, found.start() - 250) : found.start()]
    if _MINUS.match(text, found.end()):
        return _AGE_BEFORE.search(before) is not None
    return not text.startswith("::", found.end()) and _STAMP_BEFORE.search(before) is not None


def _reads_the_clock(setting: Setting, start: int, end: int) -> Diagnostic:
    problem = Problem(
        code="JF610",
        message="this reads the clock, but a catch-up run can start on a later day",
        start=start,
        end=end,
        label="the day on which it runs, not the day it is for",
        help=(
            "use  {{ run.scheduled_at | date('%Y-%m-%d') }}",
            "or, if late runs are not needed,  catchup: none",
        ),
    )
    return located(setting, problem)
