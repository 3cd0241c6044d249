"""Names the format of another tool's file, and shows its first job as a job file."""

from collections.abc import Callable, Iterator
from typing import Final

from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.diagnostics.source import Source
from jobfile.foreign.conflicts import find_conflict
from jobfile.foreign.draft import Draft
from jobfile.foreign.foreign_text import ForeignText
from jobfile.foreign.kind import Format, Sign
from jobfile.foreign.registry import FORMATS
from jobfile.syntax.error_context import mistake

MAX_LEFT_OUT: Final = 6
"""Maximum parts of the other tool's job that a note lists."""

IsValid = Callable[[str], bool]
"""Whether a text is a valid job file."""


def explain_foreign(source: Source, *, is_valid: IsValid, is_job_file: bool = True) -> Diagnostic | None:
    """JF024, JF025: the one finding about a file of another tool, or with an unresolved merge conflict.

    Without `is_job_file`, the file is another kind of jobfile's files: only a merge conflict is searched for.
    """
    conflict = find_conflict(source)
    if conflict is not None or not is_job_file:
        return conflict
    given = ForeignText(source)
    found = recognise(given)
    return None if found is None else _described(given, *found, is_valid=is_valid)


def recognise(given: ForeignText) -> tuple[Format, Sign] | None:
    """The format of another tool's file, and the sign that shows it; None for a job file."""
    for form in FORMATS:
        sign = form.find(given)
        if sign is not None:
            return None if _says_it_is_a_job_file(given) else (form, sign)
    return None


def _says_it_is_a_job_file(given: ForeignText) -> bool:
    """Whether the file begins as a job file must: no other tool has version 1."""
    version = given.top.get("version")
    return version == 1 and isinstance(version, int) and not isinstance(version, bool)


def _described(given: ForeignText, form: Format, sign: Sign, *, is_valid: IsValid) -> Diagnostic:
    draft = form.first_job(given)
    text = "" if draft is None else next(filter(is_valid, draft.texts()), "")
    notes: tuple[str, ...] = ()
    if draft is None or not text:
        help_ = "a job file has `version: 1` and `jobs`; `jobfile init` makes one to begin with"
    else:
        notes, help_ = tuple(_notes(draft)), f"its first job, as a job file:\n{text}"
    return mistake(
        given.source,
        "JF024",
        f"this is {sign.title}, not a job file",
        sign.place,
        label=sign.label,
        notes=notes,
        help_=(help_,),
    )


def _notes(draft: Draft) -> Iterator[str]:
    yield from draft.notes
    if draft.saved:
        yield f"save its script, which is long, as `{draft.saved}`"
    if draft.left_out:
        more = len(draft.left_out) - MAX_LEFT_OUT
        parts = [*draft.left_out[:MAX_LEFT_OUT], *([f"{more} more"] if more > 0 else [])]
        yield f"the job file below leaves out {', '.join(parts)}"
