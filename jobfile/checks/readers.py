"""JF622: plain scalars that mean a text here and something else to another YAML reader."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from jobfile.checks.finding import finding
from jobfile.diagnostic import Diagnostic, Edit, Fix
from jobfile.jobtext import FileSet
from jobfile.settings import Setting, any_text

_OTHER: Final = re.compile(
    r"(?:y|n|yes|no|on|off|true|false|null)"
    r"|[-+]?0[0-7_]+|[-+]?0[xb][0-9a-f_]+|0o[0-7]+|[-+]?[0-9][0-9_]*_[0-9_]*"
    r"|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9]*)?|[-+]?\.(?:inf|nan)|[-+]?\.[0-9]+|\+[0-9.]+"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[Tt ][0-9:.]+.*)?|=",
    re.IGNORECASE,
)
_STARTS: Final = frozenset("yYnNoOtTfF0123456789+-.=")


def is_read_otherwise(text: str) -> bool:
    """Whether YAML 1.1 or another schema reads a plain scalar, a text here, as something else."""
    return text[:1] in _STARTS and _OTHER.fullmatch(text) is not None


def check_other_readers(files: FileSet) -> Iterator[Diagnostic]:
    """JF622: told on request only; this language knows which values are texts."""
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
        f"other YAML readers take `{setting.value}` for something else than text",
        label="a text here",
        help=(f'write "{setting.value}"',),
    )
    fix = Fix(title="quote it", edits=(Edit(span=span, text=f'"{setting.value}"'),))
    return replace(found, fixes=(fix,))
