"""Applies the fixes of a file's findings and checks again, until nothing changes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.diagnostics.source import Source
from jobfile.fixing.edits import apply_fixes
from jobfile.pipeline import Checked, File, check_files, read_file
from jobfile.schema.validator import validate
from jobfile.syntax.document import Document

MAX_ROUNDS: Final = 10
"""Maximum passes over one file, as one fix can lead to another."""
_MARK: Final = b"\xef\xbb\xbf"
_TOP_KEYS: Final = ("version", "include", "defaults", "jobs")
"""A file without any of these at its top is not a job file, and is not changed."""
_BEGINNING: Final = re.compile(r"(?m)^([ \t]*+)(?=[^\s#%-]|-(?!--))")


@dataclass(frozen=True, kw_only=True)
class Fixed:
    """A file's new content, and the fixed findings."""

    content: bytes
    fixed: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Look:
    """The findings of a text; `depth` is the number of stages reached: syntax, shape, meaning.

    `shape` are those about text and shape. The meaning of what the document has lost was not checked.
    """

    source: Source
    is_job_file: bool
    found: tuple[Diagnostic, ...]
    depth: int
    files: tuple[File, ...]
    document: Document | None
    shape: frozenset[tuple[object, ...]]

    def error_codes(self, before: Document | None = None) -> list[str]:
        """The codes of errors, without those about the meaning of values that were lost before."""
        return [one.code for one in self.found if one.is_error and not self._was_hidden(one, before)]

    def _was_hidden(self, one: Diagnostic, before: Document | None) -> bool:
        return before is not None and before.is_lost(one.path) and _identity(one) not in self.shape


def fix_file(name: str, content: bytes, *, unsafe: bool = False, files: Sequence[File] = ()) -> Fixed:
    """Apply every fix that does not make the file worse; keep the byte order mark and line ends.

    `files` is the whole set that contains the file; the main one comes first.
    """
    rest = tuple(files) or ((name, content),)
    look = _look(name, content, rest)
    if look is None or not look.is_job_file:
        return Fixed(content=content)
    fixed: list[Diagnostic] = []
    refused: set[tuple[object, ...]] = set()
    for _ in range(MAX_ROUNDS):
        if look is None:
            break
        candidates = [one for one in look.found if _identity(one) not in refused and one.suppressed is None]
        _, wanted, _ = apply_fixes(look.source, candidates, unsafe=unsafe)
        made = _most(look, (), wanted, unsafe=unsafe)
        refused |= {_identity(one) for one in wanted if one not in made}
        if not made:
            break
        fixed += made
        look = _after(look, made, unsafe=unsafe)
    if look is None or not fixed:
        return Fixed(content=content)
    mark = _MARK if content.startswith(_MARK) else b""
    return Fixed(content=mark + look.source.text.encode(), fixed=tuple(fixed))


def _most(
    look: _Look, made: Sequence[Diagnostic], more: Sequence[Diagnostic], *, unsafe: bool
) -> tuple[Diagnostic, ...]:
    """`made` with the fixes in `more` that do no harm; harmful ones are found by halving."""
    together = (*made, *more)
    if not more or _is_no_worse(look, _after(look, together, unsafe=unsafe), together):
        return together
    if len(more) == 1:
        return tuple(made)
    half = len(more) // 2
    made = _most(look, made, more[:half], unsafe=unsafe)
    return _most(look, made, more[half:], unsafe=unsafe)


def _after(look: _Look, made: Sequence[Diagnostic], *, unsafe: bool) -> _Look | None:
    text, _, _ = apply_fixes(look.source, made, unsafe=unsafe)
    return _look(look.source.name, text.encode(), look.files)


def _look(name: str, content: bytes, files: tuple[File, ...]) -> _Look | None:
    checked = read_file(name, content)
    if checked.source is None:
        return None
    if checked.document is None:
        depth = 0
    elif any(one.is_error for one in validate(checked.document).diagnostics):
        depth = 1
    else:
        depth = 2
    files = tuple((one, content if one == name else other) for one, other in files)
    found = tuple(one for one in check_files(files).diagnostics if one.file == name)
    return _Look(
        source=checked.source,
        is_job_file=_is_job_file(checked),
        found=found,
        depth=depth,
        files=files,
        document=checked.remainder,
        shape=frozenset(map(_identity, checked.diagnostics)),
    )


def _is_job_file(checked: Checked) -> bool:
    """Whether the file has a key of job files at its top; searched in its text if it cannot be read."""
    if checked.document is not None:
        return any(key in checked.document.tree for key in _TOP_KEYS)
    if checked.source is None or any(one.code == "JF024" for one in checked.diagnostics):
        return False
    text = checked.source.text
    first = _BEGINNING.search(text)
    is_in_brackets = first is not None and text[first.end()] == "{"
    before = r"(?:^|[{,\s])" if is_in_brackets else f"^{'' if first is None else first[1]}"
    return re.search(rf"""(?m){before}["']?(?:{"|".join(_TOP_KEYS)})["']?[ \t]*+:""", text) is not None


def _is_no_worse(before: _Look, after: _Look | None, made: Sequence[Diagnostic]) -> bool:
    """Whether fixes helped: their findings are gone, and there is no new error.

    If a later stage is reached than before, its errors are not new: they were hidden. So were those in a
    value that could not be checked before.
    """
    if after is None or {_identity(one) for one in made} & {_identity(one) for one in after.found}:
        return False
    if after.depth != before.depth:
        return after.depth > before.depth
    old, new = before.error_codes(), after.error_codes(before.document)
    expected = len(old) - max(1, sum(one.is_error for one in made))
    return len(new) <= expected or (len(new) <= len(old) and set(new) <= set(old))


def _identity(one: Diagnostic) -> tuple[object, ...]:
    return one.code, one.message, one.path, one.span.start.line, one.span.start.column
