"""Syntax errors: from the place where a YAML parser failed to the author's mistake and its place.

It does not parse: the raw text, the parser's message, its marks and its tokens are enough.
"""

from collections.abc import Callable
from typing import Final

from jobfile.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from jobfile.diagnostics.source import Source
from jobfile.model.regex import regex
from jobfile.syntax.error_context import (
    Stumble,
    Token,
    advise_quotes,
    mistake,
    quoting,
    shorten,
    unclosed_brackets,
    value_end,
)
from jobfile.syntax.indicators import find_cron, find_escape, find_reserved, find_tag, find_template

_GLUED_KEY: Final = regex(r"[^\s:#\"'\[\]{},]+(:)(?=[^\s:/])")
_KEY_LINE: Final = regex(r"(?m)^[ \t]*(?:- +)?[\w.-]+:(?:[ \r\n]|$)")
_OPENING: Final = regex(r"(?:[:\-,\[{(]|^)[ \t]*$")
_WORD: Final = regex(r"[^\s:#]+")
_BLOCK_ENDS: Final = ("expected key", "expected '-'", "<block end>", "document start")


def explain(stumble: Stumble) -> Diagnostic:
    """The one diagnostic for a YAML syntax error, at the place of the mistake."""
    for detect in _DETECTORS:
        found = detect(stumble)
        if found is not None:
            return found
    return _explain_otherwise(stumble)


def glued_key(source: Source, start: int, end: int) -> Diagnostic | None:
    """JF016 at the colon, if a plain text begins like `key:value`."""
    match = _GLUED_KEY.match(source.text, start, end)
    if match is None:
        return None
    colon = match.start(1)
    key = shorten(source.text[start:colon])
    return mistake(
        source,
        "JF016",
        f"no space after the colon of `{key}`",
        (colon, colon + 1),
        label="a space is missing after this colon",
        help_=(f"write `{key}: …`",),
        fix=Fix(title="add a space", edits=(Edit(span=source.span(colon + 1, colon + 1), text=" "),)),
    )


def _unclosed_quote(stumble: Stumble) -> Diagnostic | None:
    opened = stumble.context_at
    if "quoted scalar" not in stumble.context or not stumble.says("end of stream", "document"):
        opened = _swallowing_quote(stumble)
    if opened is None:
        return None
    sign = stumble.text[opened : opened + 1]
    message = f"the quote `{sign}` is never closed"
    return mistake(stumble.source, "JF005", message, (opened, opened + 1), label="opened here")


def _swallowing_quote(stumble: Stumble) -> int | None:
    """Where the unclosed quote opens: it ran over lines to the next quote, which was meant to open a text."""
    last = stumble.before
    if last is None or last.style not in ("'", '"') or "\n" in stumble.text[last.end : stumble.at]:
        return None
    _, line_break, below = stumble.text[last.start + 1 : last.end - 1].partition("\n")
    if not line_break:
        return None
    tail = below[below.rfind("\n") + 1 :]
    return last.start if _OPENING.search(tail) or _KEY_LINE.search(below) else None


def _tab(stumble: Stumble) -> Diagnostic | None:
    if "\t" not in stumble.indent or "quoted scalar" in stumble.context:
        return None
    at = stumble.line_start + stumble.indent.index("\t")
    above = stumble.text[: stumble.line_start].rstrip()
    last = above[above.rfind("\n") + 1 :]
    width = len(last) - len(last.lstrip(" ")) + (2 if last.endswith((":", "|", ">")) else 0)
    whole = stumble.source.span(stumble.line_start, stumble.line_start + len(stumble.indent))
    return mistake(
        stumble.source,
        "JF002",
        "a tab is used to indent",
        (at, at + 1),
        label="YAML indents with spaces only",
        help_=("write spaces",),
        fix=Fix(title="indent with spaces", edits=(Edit(span=whole, text=" " * width),), safe=False),
    )


def _open_bracket(stumble: Stumble) -> Diagnostic | None:
    opened = stumble.brackets_before(stumble.at)
    if not opened or not ("flow" in stumble.context or stumble.says("node content", "end of stream")):
        return None
    start = opened[-1]
    sign = stumble.text[start]
    if start in unclosed_brackets(stumble.tokens) and "\n" in stumble.text[start : stumble.at + 1].rstrip(
        " "
    ):
        message = f"the bracket `{sign}` is never closed"
        return mistake(stumble.source, "JF001", message, (start, start + 1), label="opened here")
    return mistake(
        stumble.source,
        "JF001",
        f"a `,` or `{']' if sign == '[' else '}'}` is missing",
        stumble.visible(),
        label="expected before this",
        related=(Label(span=stumble.source.span(start, start + 1), text="opened here"),),
    )


def _second_colon(stumble: Stumble) -> Diagnostic | None:
    """A `: ` where no key is possible: after a plain text, or on a line that continues it."""
    last = stumble.before
    if (
        not stumble.says("mapping values are not allowed")
        or last is None
        or last.kind != "<scalar>"
        or last.style
    ):
        return None
    written = stumble.text[last.start : last.end]
    lead = stumble.text[stumble.text.rfind("\n", 0, last.start) + 1 : last.start]
    if "\n" in written:
        if lead.strip(" -"):
            return _below_a_text(stumble, last, lead)
        return glued_key(stumble.source, last.start, last.end) or _no_colon(stumble.source, last.start)
    is_behind = bool(lead.strip()) and "\n" not in stumble.text[last.end : stumble.at]
    return _colon_in_text(stumble, last.start) if is_behind else None


def _colon_in_text(stumble: Stumble, start: int) -> Diagnostic:
    """JF008 at the colon of a text that begins before it."""
    end = value_end(stumble.text, start, is_in_flow=bool(stumble.brackets_before(start)))
    return mistake(
        stumble.source,
        "JF008",
        "`: ` inside an unquoted value",
        (stumble.at, stumble.at + 1),
        label="YAML reads this colon as the end of a key",
        help_=(advise_quotes(stumble.text[start:end]),),
        fix=quoting(stumble.source, start, end),
    )


def _below_a_text(stumble: Stumble, value: Token, lead: str) -> Diagnostic:
    """JF007 for a key that is indented below a sibling whose value is text."""
    key = lead.lstrip(" -")
    column = len(lead) - len(key) + 1
    line = stumble.source.position(value.start).line
    label = f"`{shorten(key.rstrip(': '))}` in line {line} already has a value"
    return _misaligned(stumble, stumble.line_start + len(stumble.indent), stumble.at, label, column)


def _simple_key(stumble: Stumble) -> Diagnostic | None:
    if not stumble.says("could not find expected ':'") or stumble.context_at is None:
        return None
    start = stumble.context_at
    line_end = stumble.text.find("\n", start)
    end = len(stumble.text) if line_end == -1 else line_end
    return glued_key(stumble.source, start, end) or _no_colon(stumble.source, start)


def _no_colon(source: Source, start: int) -> Diagnostic | None:
    word = _WORD.match(source.text, start)
    if word is None or word[0][0] in "[]{}\"'&*!|>":
        return None
    name = shorten(word[0])
    return mistake(
        source,
        "JF016",
        f"no colon after `{name}`",
        word.span(),
        label="a key needs a colon",
        help_=(f"write `{name}: …`, or indent the line if it belongs to the text above",),
    )


def _misindented(stumble: Stumble) -> Diagnostic | None:
    if not stumble.is_first_on_line or not stumble.says(*_BLOCK_ENDS) or stumble.text[stumble.at] in "]},":
        return None
    column = len(stumble.indent) + 1
    levels = stumble.levels
    if column in levels or not levels:
        return None
    word = _WORD.match(stumble.text, stumble.at)
    nearest = min(levels, key=lambda level: (abs(level - column), -level))
    columns = ", ".join(str(level) for level in levels)
    label = f"column {column}; the levels above are at column{'s' if len(levels) > 1 else ''} {columns}"
    return _misaligned(stumble, stumble.at, word.end() if word else stumble.at + 1, label, nearest)


def _misaligned(stumble: Stumble, start: int, end: int, label: str, column: int) -> Diagnostic:
    return mistake(
        stumble.source,
        "JF007",
        "the indentation of this line fits no level above",
        (start, end),
        label=label,
        help_=(f"begin the line at column {column}",),
    )


def _left_over(stumble: Stumble) -> Diagnostic | None:
    """Text after a complete value, a bracket that closes nothing, a list item among keys."""
    if not stumble.says(*_BLOCK_ENDS):
        return None
    last = stumble.before
    start, end = stumble.at, max(value_end(stumble.text, stumble.at), stumble.visible()[1])
    sign = stumble.text[start : start + 1]
    if sign in ("]", "}", ","):
        return mistake(stumble.source, "JF001", f"this `{sign}` closes nothing", (start, start + 1))
    if last is not None and last.kind == "<document end>":
        help_ = ("one file holds one document",)
        return mistake(stumble.source, "JF014", "a second document begins here", (start, end), help_=help_)
    if stumble.is_first_on_line and stumble.levels:
        what = "a list item among keys" if sign == "-" else "a key among list items"
        return mistake(
            stumble.source, "JF001", what, (start, end), label="does not belong to the level above"
        )
    advice = _QUOTE_IN_QUOTES.get(last.style if last else "", "put the whole value in quotes")
    message = "text after the end of a value"
    return mistake(
        stumble.source, "JF001", message, (start, end), label="not part of the value", help_=(advice,)
    )


_QUOTE_IN_QUOTES: Final = {
    "'": "write '' for a quote inside single quotes",
    '"': 'write \\" for a quote inside double quotes',
}
_NEXT_LINE: Final = ("text on the line of `|` or `>`", "begin the text on the next line, indented")
_OWN_WORDS: Final = {
    "sequence entries are not allowed": (
        "a list cannot start on the line of its key",
        "start the list on the next line",
    ),
    "mapping values are not allowed": ("a `:` is not allowed here", "put the whole value in quotes"),
    "mapping keys are not allowed": ("a `?` is not allowed here", "put the whole value in quotes"),
    "comment or line break": _NEXT_LINE,
    "comment or a line break": _NEXT_LINE,
    "chomping": _NEXT_LINE,
    "indentation indicator": ("the number after `|` or `>` must be 1 to 9", "remove the number"),
    "incompatible": ("this version of YAML is not supported", "remove the %YAML line"),
}


def _explain_otherwise(stumble: Stumble) -> Diagnostic:
    place = stumble.visible()
    for words, (message, help_) in _OWN_WORDS.items():
        if words in stumble.problem:
            return mistake(stumble.source, "JF001", message, place, help_=(help_,))
    said = ", ".join(part for part in (stumble.context, stumble.problem) if part)
    return mistake(
        stumble.source,
        "JF001",
        "this is not valid YAML",
        place,
        label="the structure breaks here",
        notes=(f"the YAML parser reports: {said}",) if said else (),
    )


_DETECTORS: Final[tuple[Callable[[Stumble], Diagnostic | None], ...]] = (
    _unclosed_quote,
    _tab,
    find_escape,
    find_template,
    find_cron,
    _open_bracket,
    find_reserved,
    find_tag,
    _second_colon,
    _simple_key,
    _misindented,
    _left_over,
)
