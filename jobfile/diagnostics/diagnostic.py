"""A user's mistake as a value: what was found, where, what was expected, what to do."""

from collections.abc import Iterable, Sequence
from dataclasses import field, replace
from enum import StrEnum
from typing import Final

from jobfile.diagnostics.source import Span
from jobfile.model.dataclass import dataclass
from jobfile.model.values import Shown

MAX_SHOWN: Final = 1_000
"""Maximum number of findings in one output, in any format: users do
not read more, and CI services refuse more.
"""

MAX_TEXT: Final = 2_000
"""Maximum characters in one text of a finding: a quotation from a file can have any length."""

DocumentPath = tuple[str | int, ...]
"""A place in a document: keys and list indexes from the top."""


class Severity(StrEnum):
    """How much a finding weighs; only an error makes a file invalid."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Label(Shown):
    """A second place that explains the first."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Edit(Shown):
    """Replace what a span covers with a text."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Fix(Shown):
    """A change that a machine can make; safe when it cannot change what the author meant."""

    title: str
    edits: tuple[Edit, ...]
    safe: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Diagnostic(Shown):
    """One finding. `label` describes the marked place; `notes` are facts; only `help` makes suggestions.

    `suppressed` is the reason given by the comment in the file that suppresses the finding.
    """

    code: str
    message: str
    file: str
    span: Span
    label: str = ""
    path: DocumentPath = ()
    related: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    help: tuple[str, ...] = ()
    fixes: tuple[Fix, ...] = field(default=())
    suppressed: str | None = None

    @property
    def severity(self) -> Severity:
        """The level that belongs to the code."""
        return CODES[self.code].severity

    @property
    def is_error(self) -> bool:
        """Whether this finding makes the file invalid."""
        return self.severity is Severity.ERROR


@dataclass(frozen=True, slots=True, repr=False)
class Code(Shown):
    """What a code means, in one line."""

    severity: Severity
    says: str


def arrange(diagnostics: Iterable[Diagnostic], *, files: Iterable[str] = ()) -> tuple[Diagnostic, ...]:
    """Sort by file (in the given order, then by name), line and column; drop duplicates."""
    order = {name: index for index, name in enumerate(files)}

    def key(diagnostic: Diagnostic) -> tuple[int, str, Span, str, str]:
        rank = order.get(diagnostic.file, len(order))
        return (rank, diagnostic.file, diagnostic.span, diagnostic.code, diagnostic.message)

    unique = {(key(diagnostic)): _bounded(diagnostic) for diagnostic in diagnostics}
    return tuple(unique[one] for one in sorted(unique))


def _bounded(one: Diagnostic) -> Diagnostic:
    """The finding with each text cut to the length that can be shown."""
    texts = (one.message, one.label, *one.notes, *one.help)
    if max(map(len, texts)) <= MAX_TEXT:
        return one
    notes, help_ = (tuple(map(_cut, some)) for some in (one.notes, one.help))
    return replace(one, message=_cut(one.message), label=_cut(one.label), notes=notes, help=help_)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"


def most_severe(diagnostics: Iterable[Diagnostic]) -> tuple[Sequence[Diagnostic], int]:
    """The findings to show, in the given order, and the number left out: warnings are left out first."""
    every = list(diagnostics)
    if len(every) <= MAX_SHOWN:
        return every, 0
    levels = list(Severity)
    ranked = sorted(range(len(every)), key=lambda at: levels.index(every[at].severity))
    return [every[at] for at in sorted(ranked[:MAX_SHOWN])], len(every) - MAX_SHOWN


def left_off_words(count: int) -> str:
    """The line about findings that are not shown."""
    return f"and {count:,} more, not shown: the limit is {MAX_SHOWN:,}, errors before warnings"


def _table(severity: Severity, rows: str) -> dict[str, Code]:
    pairs = (line.split(maxsplit=1) for line in rows.strip().splitlines())
    return {code: Code(severity, says) for code, says in pairs}


CODES: dict[str, Code] = {
    **_table(
        Severity.ERROR,
        """
        JF001 YAML syntax
        JF002 a tab is used to indent
        JF003 a value that starts with {{ must be quoted
        JF004 a cron expression that starts with * must be quoted
        JF005 the quote opened here is never closed
        JF006 key given twice
        JF007 indentation fits no level above
        JF008 `: ` inside an unquoted value
        JF009 a value cannot start with this character unless quoted
        JF010 unknown escape in a double-quoted string
        JF011 tags are not part of the language
        JF012 aliases expand too far, or contain themselves
        JF013 merge keys are not supported
        JF014 more than one document
        JF015 invisible or forbidden character, or not UTF-8
        JF016 missing colon, or no space after it
        JF017 too large, too deep, too many jobs
        JF018 alias to an anchor that does not exist
        JF019 empty file, or the top is not a mapping
        JF020 include matches no file
        JF021 this key is not allowed in an included file
        JF022 include leaves the directory
        JF023 include is a link
        JF024 a file of another tool
        JF025 a merge conflict is not resolved
        JF101 unknown key
        JF102 required key is missing
        JF103 wrong type
        JF104 not one of the allowed values
        JF105 name not allowed
        JF106 out of range
        JF107 exactly one action is needed
        JF108 no value
        JF109 keys exclude each other
        JF110 not a duration
        JF111 command is a list
        JF112 version
        JF113 template in a field that must be literal
        JF115 a key of another tool
        JF116 a pattern that can match no file
        JF117 not the path of a file of variables
        JF118 not an exit code for skip_exit
        JF119 not a check for expect
        JF201 unknown step
        JF202 steps depend on each other in a circle
        JF203 unknown calendar
        JF204 unknown queue
        JF205 unknown channel
        JF206 unknown job
        JF207 jobs start each other in a circle
        JF208 job defined in two files
        JF209 renamed_from names a job that still exists
        JF210 no such entry in secrets
        JF211 two webhooks with one path
        JF212 renamed_from is not a valid job name
        JF213 a webhook's path has a part that is not a name
        JF214 name reserved by jobfile
        JF215 two params with the same variable
        JF216 no job has this tag or owner
        JF217 this value cannot be read from this place of a call
        JF301 not a cron expression
        JF302 cron field out of range
        JF303 day of month and day of week both set
        JF304 never fires
        JF305 unknown time zone
        JF306 seconds field
        JF307 @reboot
        JF308 not a date or time
        JF310 `until` is earlier than `from`
        JF311 no month has this business day
        JF312 calendar has no open day
        JF313 range is backwards
        JF314 spread is longer than the interval
        JF401 template syntax
        JF402 undefined name
        JF403 not available here
        JF404 wrong type for this place
        JF405 braces around a condition
        JF406 `if` is not boolean
        JF407 statements are not part of the language
        JF408 unknown filter
        JF409 script ends inside a quote, here-document or bracket
        JF410 template after a shell construct that is not understood
        JF411 template in backticks
        JF412 template inside ${ }
        JF413 template inside $' '
        JF414 text in shell arithmetic
        JF415 template in a here-document with a quoted delimiter
        JF416 a list in a script
        JF417 template after $ or as a variable name
        JF418 template after a backslash
        JF419 template as a here-document delimiter
        JF420 the shell cannot read the script
        JF421 another program would run this value as code
        JF422 templates only in sh and bash scripts
        JF423 secret in a script or argument
        JF424 output is not declared
        JF425 that step has not run yet
        JF428 sh ignores the result of a command
        JF432 a variable in PATH is not expanded
        JF436 `from` is for outputs of a request
        JF437 no request goes to this URL
        JF438 an internal address that is not in allow_private
        JF439 a program runs code from the variable that gets this value
        JF501 default breaks its own rules
        JF502 the schedule sets no value for a required param
        JF503 unknown param
        JF504 value breaks the param's rules
        JF505 matrix too large
        JF507 a value of a matrix twice
        JF508 pattern not supported
        JF635 this option of a container is not allowed
        JF636 this action cannot run in a container
        """,
    ),
    **_table(
        Severity.WARNING,
        """
        JF309 `at` is in the past
        JF426 the value chooses the program that runs
        JF427 the value becomes part of another program's code
        JF429 this works only in bash, and the script runs in sh
        JF430 the script reads a variable that nothing sets
        JF431 this value is not expanded
        JF433 the shell ignores a failure
        JF434 jobfile sets this variable itself
        JF435 a schedule's time zone differs from the zone of the job's times
        JF506 exclude matches nothing
        JF602 param is never used
        JF603 var is never used
        JF604 calendar, queue, channel or output is never used
        JF605 looks like a secret in plain text
        JF606 many jobs start in the same minute
        JF607 timeout is longer than the time between runs
        JF608 this local time is skipped on some day each year
        JF610 reads the clock while catchup is on
        JF611 uneven step
        JF613 a retried request may take effect twice
        JF614 all attempts together may take longer than the time between runs
        JF615 an expectation that can never be met
        JF616 some months do not have this day
        JF617 no timeout
        JF620 suppression without a reason
        JF621 suppression that suppresses nothing
        JF623 shell syntax in a command list
        JF624 the job writes into the directory that its file trigger watches
        JF625 cancelled runs are not retried
        JF626 fixed-offset zone name
        JF627 two triggers start the job for one cause
        JF628 the schedule is over
        JF629 many attempts with little delay
        JF630 this local time occurs twice
        JF631 the engine cannot run this yet
        JF632 the program needs privileges that the job cannot gain
        JF633 deadline is shorter than the timeout of one attempt
        JF637 this has no effect in a container
        """,
    ),
    **_table(
        Severity.INFO,
        """
        JF601 no owner or description
        JF609 this local time occurs twice on some day
        JF612 a period of whole days is not at the same local time all year
        JF619 the job only starts by hand
        JF622 other YAML parsers do not read this as text
        """,
    ),
}
