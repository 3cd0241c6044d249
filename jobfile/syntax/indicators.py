"""Values that begin with a sign that has a special meaning in YAML."""

from typing import Final

from jobfile.diagnostics.diagnostic import Diagnostic, Edit, Fix
from jobfile.diagnostics.source import Source
from jobfile.model.regex import regex
from jobfile.syntax.error_context import Stumble, advise_quotes, mistake, quoting, value_end

_CRON: Final = regex(r"\*[\d*/,?#LW-]*(?:[ \t]+[\w*/,?#-]+)+")
_KEY_END: Final = regex(r":(?=[ \t]|$)")
_TAG_WORD: Final = regex(r"\btags?\b")
_TAG: Final = regex(r"![^\s,\[\]{}]*")
_SIGNS: Final = {
    "*": "starts an alias",
    "&": "starts an anchor",
    "@": "is reserved by YAML",
    "`": "is reserved by YAML",
    "%": "starts a YAML directive",
    "]": "ends a list",
    "}": "ends a map",
    ",": "separates list items",
}


def template_needs_quotes(source: Source, start: int, *, is_in_flow: bool) -> Diagnostic:
    """JF003 for an unquoted value that starts with two braces at an offset."""
    end = value_end(source.text, start, is_in_flow=is_in_flow)
    return mistake(
        source,
        "JF003",
        "a value that starts with `{{` must be quoted",
        (start, end),
        label="YAML reads the brace as the start of a map",
        help_=(advise_quotes(source.text[start:end]),),
        fix=quoting(source, start, end),
    )


def find_template(stumble: Stumble) -> Diagnostic | None:
    """JF003: a `{{` that is open at the problem, or was closed on the same line."""
    text = stumble.text
    opened = stumble.brackets_before(stumble.at + 1)
    still_open = [at for at in opened if text.startswith("{{", at)]
    on_line = [
        token.start
        for token in stumble.tokens
        if stumble.line_start <= token.start < stumble.at
        and text.startswith("{{", token.start)
        and token.kind == "{"
    ]
    starts = still_open or on_line
    if not starts:
        return None
    is_in_flow = bool(stumble.brackets_before(starts[0]))
    return template_needs_quotes(stumble.source, starts[0], is_in_flow=is_in_flow)


def find_escape(stumble: Stumble) -> Diagnostic | None:
    """JF010: a backslash in double quotes that does not start a YAML escape."""
    if not stumble.says("escape", "decimal number"):
        return None
    at = stumble.text.rfind("\\", stumble.context_at or 0, stumble.at + 1)
    if at == -1:
        return None
    sign = stumble.text[at : at + 2].rstrip()
    return mistake(
        stumble.source,
        "JF010",
        f"unknown escape `{sign}` in a double-quoted text",
        (at, at + len(sign)),
        label="YAML has no such escape",
        help_=(f"write `\\{sign}` for a backslash, or use single quotes, which have no escapes",),
        fix=Fix(title="double the backslash", edits=(Edit(span=stumble.source.span(at, at), text="\\"),)),
    )


def find_cron(stumble: Stumble) -> Diagnostic | None:
    """JF004: a value that looks like a cron expression and starts with a star."""
    start = stumble.value_start
    is_in_flow = bool(stumble.brackets_before(stumble.at))
    if is_in_flow and stumble.context_at is not None and "alias" in stumble.context:
        start = stumble.context_at
    end = value_end(stumble.text, start, is_in_flow=is_in_flow)
    value = stumble.text[start:end]
    if not _CRON.fullmatch(value):
        return None
    return mistake(
        stumble.source,
        "JF004",
        "a cron expression that starts with `*` must be quoted",
        (start, end),
        label="YAML reads the star as the start of an alias",
        help_=(advise_quotes(value),),
        fix=quoting(stumble.source, start, end),
    )


def find_reserved(stumble: Stumble) -> Diagnostic | None:
    """JF009: a value that starts with a sign reserved by YAML."""
    at = _reserved_place(stumble)
    if at is None:
        return None
    sign = stumble.text[at : at + 1]
    opened = stumble.brackets_before(at)
    if sign not in _SIGNS or (opened and sign in ("]", "}", ",")):
        return None
    end = value_end(stumble.text, at, is_in_flow=bool(opened))
    key = _KEY_END.search(stumble.text[at:end])
    end = max(at + 1, at + key.start() if key else end)
    return mistake(
        stumble.source,
        "JF009",
        f"a value cannot start with {'a backtick' if sign == '`' else f'`{sign}`'} unless it is quoted",
        (at, at + 1),
        label=f"this sign {_SIGNS[sign]}",
        help_=(advise_quotes(stumble.text[at:end]),),
        fix=quoting(stumble.source, at, end),
    )


def _reserved_place(stumble: Stumble) -> int | None:
    """The place of the sign that YAML could not read."""
    if stumble.says("alphabetic or numeric") or "directive" in stumble.context:
        return stumble.at if stumble.context_at is None else stumble.context_at
    if stumble.says("cannot start any token", "expected node content", "expected the node content"):
        return stumble.at
    last = stumble.before
    is_behind_alias = last is not None and last.kind == "<alias>"
    return stumble.value_start if is_behind_alias and stumble.says("expected key", "<block end>") else None


def find_tag(stumble: Stumble) -> Diagnostic | None:
    """JF011: a `!` that starts a tag which YAML cannot read."""
    if not _TAG_WORD.search(f"{stumble.context} {stumble.problem}"):
        return None
    start = stumble.at if stumble.context_at is None else stumble.context_at
    tag = _TAG.search(stumble.text, start)
    place = tag.span() if tag and "\n" not in stumble.text[start : tag.start()] else (start, start + 1)
    return report_tag(stumble.source, place)


def report_tag(source: Source, place: tuple[int, int]) -> Diagnostic:
    """JF011 at a place."""
    return mistake(
        source,
        "JF011",
        "tags are not part of the language",
        place,
        help_=("put the value in quotes if the `!` belongs to it",),
    )
