"""JF622: plain scalars that are text here but not in other YAML parsers."""

from collections.abc import Iterator
from dataclasses import replace

from jobfile.checks.finding import finding
from jobfile.diagnostics.diagnostic import Diagnostic, Edit, Fix
from jobfile.files.fileset import FileSet
from jobfile.files.merged_settings import Setting, any_text
from jobfile.syntax.scalars import is_read_otherwise


def check_other_readers(files: FileSet) -> Iterator[Diagnostic]:
    """JF622: shown on request only; jobfile itself reads these values as text."""
    for document in files.documents:
        if not any_text(document.tree, is_read_otherwise):
            continue
        for setting in Setting(document.tree, (), document).texts():
            if is_read_otherwise(setting.value) and not document.is_quoted(setting.path):
                yield _otherwise(setting)


def _otherwise(setting: Setting) -> Diagnostic:
    span = setting.document.span(setting.path)
    found = finding(
        setting,
        "JF622",
        f"other YAML parsers do not read `{setting.value}` as text",
        label="jobfile reads this as text",
        help=(f'write "{setting.value}"',),
    )
    fix = Fix(title="quote it", edits=(Edit(span=span, text=f'"{setting.value}"'),))
    return replace(found, fixes=(fix,))
