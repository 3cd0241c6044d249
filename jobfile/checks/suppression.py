"""Comments that suppress a lint, with a reason: `# jobfile: allow JF607 the probe overlaps`."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Final

from jobfile.diagnostics.diagnostic import CODES, Diagnostic, Severity, arrange
from jobfile.diagnostics.source import Source
from jobfile.model.dataclass import dataclass
from jobfile.model.regex import regex

_WORD: Final = "jobfile: allow"
_COMMENT: Final = regex(
    r"(?:^|(?<=\s))#\s*+jobfile:\s*+allow[ \t]++(JF\d{3}(?:[ \t,]++JF\d{3})*+)"
    r"[ \t]*+(?:[-:–—][ \t]*+)?(.*)$",
    re.MULTILINE,
)
_CODE: Final = regex(r"JF\d{3}")
_NO_CONTENT: Final = regex(r"[ \t]*(?:#.*)?$")


@dataclass(frozen=True, slots=True)
class _Allowance:
    """One code allowed on one line of a file; the offsets are those of the code and of the comment's end."""

    source: Source
    code: str
    line: int
    start: int
    end: int
    reason: str


def suppress(
    diagnostics: tuple[Diagnostic, ...], sources: Mapping[str, Source], *, unsure: Collection[str] = ()
) -> tuple[Diagnostic, ...]:
    """Mark suppressed findings; report comments without a reason [JF620] or without effect [JF621].

    In the files that are `unsure`, mistakes hide some findings, so a comment may have an effect later.
    """
    allowances = [one for source in sources.values() for one in _allowances(source)]
    if not allowances:
        return diagnostics
    by_place = {(one.source.name, one.line, one.code): one for one in allowances}
    used: set[_Allowance] = set()
    shown: list[Diagnostic] = []
    for diagnostic in diagnostics:
        allowance = by_place.get((diagnostic.file, diagnostic.span.start.line, diagnostic.code))
        if allowance is None or diagnostic.is_error:
            shown.append(diagnostic)
        else:
            used.add(allowance)
            shown.append(replace(diagnostic, suppressed=allowance.reason or "no reason given"))
    for one in allowances:
        shown += _about(one, is_used=one in used or (_is_a_lint(one) and one.source.name in unsure))
    return arrange(shown, files=sources)


def _allowances(source: Source) -> Iterator[_Allowance]:
    if _WORD not in source.text and "jobfile:" not in source.text:
        return
    following = 0  # consecutive comments share one search for the line
    for comment in _COMMENT.finditer(source.text):
        line = source.position(comment.start()).line
        before = source.text[source.line_starts[line - 1] : comment.start()]
        if not before.strip():
            if following <= line:
                following = _next_line(source, line)
            line = following
        for code in _CODE.finditer(source.text, comment.start(1), comment.end(1)):
            yield _Allowance(source, code[0], line, code.start(), comment.end(), comment[2].rstrip(" \t\r"))


def _next_line(source: Source, line: int) -> int:
    """The next line with content; a comment on its own line applies to it."""
    for number in range(line + 1, len(source.line_starts) + 1):
        if not _NO_CONTENT.fullmatch(source.line(number)):
            return number
    return len(source.line_starts) + 1


def _is_a_lint(one: _Allowance) -> bool:
    return one.code in CODES and CODES[one.code].severity is not Severity.ERROR


def _about(one: _Allowance, *, is_used: bool) -> Iterator[Diagnostic]:
    known = CODES.get(one.code)
    span = one.source.span(one.start, one.start + len(one.code))
    if not is_used:
        label = "it suppresses nothing"
        if known is None:
            label = "there is no such code"
        elif known.severity is Severity.ERROR:
            label = "errors cannot be allowed"
        yield Diagnostic(
            code="JF621",
            message=f"this comment allows {one.code}, but line {one.line} has no such finding",
            file=one.source.name,
            span=span,
            label=label,
            help=("remove the comment",),
        )
    elif not one.reason:
        yield Diagnostic(
            code="JF620",
            message=f"{one.code} is allowed without a reason",
            file=one.source.name,
            span=span,
            label="why?",
            help=(f"write it after the code:  # jobfile: allow {one.code} because …",),
        )
