"""A side of a plan whose files have errors: as text, as Markdown and as JSON data."""

from collections.abc import Mapping

from engine.planning.sides import InvalidSideError
from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.diagnostics.escapes import printable
from jobfile.diagnostics.source import Source
from jobfile.model.dataclass import dataclass
from jobfile.plan.markdown import render_invalid
from jobfile.render.redact import without_secrets
from jobfile.render.text import render_text, to_json

COMMENT_WIDTH = 100
"""Columns of findings in a comment on a pull request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invalid:
    """A side, and the errors in its files."""

    side: str
    errors: tuple[Diagnostic, ...]
    sources: Mapping[str, Source]


def invalid_of(error: InvalidSideError) -> Invalid:
    """The errors of a side, with secrets masked in the excerpts."""
    compiled = error.compiled
    return Invalid(
        side=error.name,
        errors=tuple(one for one in compiled.diagnostics if one.is_error),
        sources=without_secrets(compiled.diagnostics, compiled.sources),
    )


def invalid_to_text(invalid: Invalid) -> str:
    """The errors as text, in the form of `check`, below the name of the side."""
    head = printable(f"{invalid.side} has errors:")
    return f"{head}\n\n{render_text(invalid.errors, sources=invalid.sources)}"


def invalid_to_markdown(invalid: Invalid, *, name: str) -> str:
    """The errors as Markdown, for a comment on a pull request; `name` is that of the main file."""
    findings = render_text(invalid.errors, sources=invalid.sources, width=COMMENT_WIDTH)
    return render_invalid(f"{invalid.side} has errors\n\n{findings}", name=name)


def invalid_to_json(invalid: Invalid, *, version: str) -> dict[str, object]:
    """The errors as JSON data; `version` is that of this program."""
    found = to_json(invalid.errors, sources=invalid.sources, files=list(invalid.sources))
    return {"format": 1, "jobfile": version, "valid": False, "side": invalid.side, "check": found}
