"""Applies the fixes attached to diagnostics; overlapping fixes are left for the next pass."""

from collections.abc import Iterable
from itertools import pairwise

from jobfile.diagnostics.diagnostic import Diagnostic, Edit, Fix
from jobfile.diagnostics.source import Source


def fix_for(diagnostic: Diagnostic, *, unsafe: bool) -> Fix | None:
    """The fix to apply for a finding: the first allowed one. Several fixes are alternatives."""
    return next((fix for fix in diagnostic.fixes if fix.edits and (fix.safe or unsafe)), None)


def apply_fixes(
    source: Source, diagnostics: Iterable[Diagnostic], *, unsafe: bool
) -> tuple[str, tuple[Diagnostic, ...], tuple[Diagnostic, ...]]:
    """The text with fixes applied, the findings they fix, and the findings whose fix must wait.

    A fix is applied completely or not at all. If two overlap, the first in order is applied. The places of
    the other are then wrong, so it waits for the next pass. Without `unsafe`, only fixes that cannot change
    what the author meant are applied. Findings without a fix are in neither list.
    """
    edits: list[Edit] = []
    applied: list[Diagnostic] = []
    left: list[Diagnostic] = []
    for one in diagnostics:
        fix = fix_for(one, unsafe=unsafe)
        if fix is None:
            continue
        if _is_sound(fix, source) and not any(_touch(old, new) for old in edits for new in fix.edits):
            edits += fix.edits
            applied.append(one)
        else:
            left.append(one)
    return edited(source, edits), tuple(applied), tuple(left)


def _is_sound(fix: Fix, source: Source) -> bool:
    """Whether the places of a fix are in the text and do not overlap."""
    ordered = sorted(fix.edits, key=_place)
    return all(0 <= start <= end <= len(source.text) for start, end in map(_place, ordered)) and all(
        _place(one)[1] <= _place(next_)[0] for one, next_ in pairwise(ordered)
    )


def _touch(one: Edit, other: Edit) -> bool:
    """Whether two edits touch. An insertion touches an edit that begins or ends there: no order is right."""
    (start, end), (other_start, other_end) = _place(one), _place(other)
    if start == end or other_start == other_end:
        return start <= other_end and other_start <= end
    return start < other_end and other_start < end


def edited(source: Source, edits: Iterable[Edit]) -> str:
    """The text with edits that do not overlap."""
    parts, at = [], 0
    line_end = "\r\n" if "\r\n" in source.text else "\n"
    for edit in sorted(edits, key=_place):
        start, end = _place(edit)
        parts += [source.text[at:start], edit.text.replace("\r\n", "\n").replace("\n", line_end)]
        at = end
    return "".join([*parts, source.text[at:]])


def _place(edit: Edit) -> tuple[int, int]:
    return edit.span.start.offset, edit.span.end.offset
