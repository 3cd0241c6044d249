"""Resolves the includes of a main file: path patterns, and the rules that keep them inside its folder."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from posixpath import normpath
from typing import Final

from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.diagnostics.suggest import did_you_mean, suggest
from jobfile.files.merged_settings import Setting, map_at
from jobfile.syntax.document import Document

MAX_FILES: Final = 2_000
"""Maximum files of one main file with its includes."""
MAX_TREE_BYTES: Final = 16 * 1024 * 1024
"""Maximum size of all these files together."""
IN_INCLUDED: Final = ("version", "defaults", "jobs")
"""The keys allowed in an included file."""


def patterns_of(document: Document) -> Iterator[Setting]:
    """The entries of `include`."""
    patterns = map_at(document, ()).get("include")
    if isinstance(patterns, list):
        yield from (one for one in Setting(patterns, ("include",), document).parts() if one.text)


def leaves_folder(pattern: str) -> bool:
    """Whether a path can lead out of the folder it is relative to."""
    return pattern.startswith(("/", "~")) or ".." in pattern.replace("\\", "/").split("/")


def means(text: str, name: str) -> bool:
    """Whether an entry of `include`, a path or a pattern, means a path."""
    return matches(text, name) if is_pattern(text) else normpath(text) == name


def matches(pattern: str, name: str) -> bool:
    """Whether a pattern matches a path; `*` and `?` stay within a folder, `**` is any number of folders.

    A folder whose name begins with a dot needs a part that does: `**` does not enter `.git`.
    """
    return _expression(pattern).fullmatch(name) is not None


_ANY_FOLDER: Final = r"(?:(?!\.)[^/]+/)"


@lru_cache(maxsize=1024)
def _expression(pattern: str) -> re.Pattern[str]:
    first, *others = _split(normpath(pattern).split("/"), "**")
    text = "/".join(map(_part, first))
    if not others:
        return re.compile(text)
    text += "/" * bool(first)
    *inner, last = others
    for parts in inner:
        text += _nearest(_ANY_FOLDER, "".join(f"{_part(part)}/" for part in parts)) if parts else ""
    return re.compile(text + f"{_ANY_FOLDER}*" + ("/".join(map(_part, last)) or "[^/]+"))


def _split(parts: list[str], sign: str) -> list[list[str]]:
    """The text before, between and after the signs."""
    found: list[list[str]] = [[]]
    for part in parts:
        if part == sign:
            found.append([])
        else:
            found[-1].append(part)
    return found


def _nearest(one: str, then: str) -> str:
    """Non-greedy match without backtracking: linear time."""
    return f"(?>{one}*?{then})"


def _part(part: str) -> str:
    """A pattern for one part of a path; only a dot matches a leading dot."""
    first, *others = (
        "".join("[^/]" if sign == "?" else re.escape(sign) for sign in piece) for piece in part.split("*")
    )
    text = first + "".join(_nearest("[^/]", piece) for piece in others[:-1] if piece)
    text += f"[^/]*{others[-1]}" if others else ""
    return text if part.startswith(".") else f"(?!\\.){text}"


def is_pattern(text: str) -> bool:
    """Whether a path can match several files."""
    return "*" in text or "?" in text


def relative_name(main: str, name: str) -> str:
    """A file's path relative to the folder of the main file."""
    folder = main.rpartition("/")[0]
    return name.removeprefix(f"{folder}/") if folder else name


def check_include(
    document: Document, names: Iterable[str], *, outside: Iterable[str] = ()
) -> Iterator[Diagnostic]:
    """JF020, JF022, JF023: each entry matches at least one file; every file is in the folder and not a link.

    `outside` are files that match an entry but are reached through a symbolic link.
    """
    main = document.source.name
    known = tuple(relative_name(main, name) for name in names)
    there = frozenset(known)
    if len(known) > MAX_FILES:
        yield _too_many(document, f"more than {MAX_FILES:,} files")
        return
    strayed = [relative_name(main, name) for name in outside]
    for setting in patterns_of(document):
        pattern = setting.text
        stray = next((name for name in strayed if means(pattern, name)), None)
        if leaves_folder(pattern):
            yield _leaves(setting)
        elif stray is not None:
            yield _is_link(setting, stray)
        elif normpath(pattern) not in there and not (
            is_pattern(pattern) and any(matches(pattern, name) for name in known)
        ):
            yield _matches_nothing(setting, known)


def too_large(document: Document) -> Diagnostic:
    """JF017 for files that are too large or too many."""
    return _too_many(document, f"all files together are larger than {MAX_TREE_BYTES:,} bytes")


def _too_many(document: Document, what: str) -> Diagnostic:
    return Diagnostic(
        code="JF017",
        message=f"{what}: the limit for one main file",
        file=document.source.name,
        span=document.key_span(("include",)),
        path=("include",),
        help=("move some jobs to another main file with its own engine",),
    )


def _leaves(setting: Setting) -> Diagnostic:
    return Diagnostic(
        code="JF022",
        message=f"include `{setting.text}` leaves the folder of the main file",
        file=setting.document.source.name,
        span=setting.document.span(setting.path),
        label="not inside the folder",
        path=setting.path,
        help=("move the file into the folder of the main file, so that it is reviewed with it",),
    )


def _is_link(setting: Setting, name: str) -> Diagnostic:
    through = f" means `{name}`, which" if name != setting.text else ""
    return Diagnostic(
        code="JF023",
        message=f"include `{setting.text}`{through} is a symbolic link, or inside one",
        file=setting.document.source.name,
        span=setting.document.span(setting.path),
        label="links are not allowed",
        path=setting.path,
        help=("put the file itself there; the target of a link is not reviewed with it",),
    )


def _matches_nothing(setting: Setting, known: tuple[str, ...]) -> Diagnostic:
    near = suggest(setting.text, known)
    return Diagnostic(
        code="JF020",
        message=f"include `{setting.text}` matches no file",
        file=setting.document.source.name,
        span=setting.document.span(setting.path),
        label="no such file" if not is_pattern(setting.text) else "no file has a matching name",
        path=setting.path,
        help=(did_you_mean(near),) if near else ("paths are relative to the folder of the main file",),
    )


def check_included(document: Document) -> Iterator[Diagnostic]:
    """JF021: an included file has jobs and their defaults, and nothing that would apply to other files."""
    for key in document.tree:
        if key in IN_INCLUDED or key.startswith("x-"):
            continue
        yield Diagnostic(
            code="JF021",
            message=f"`{key}` is not allowed in an included file",
            file=document.source.name,
            span=document.key_span((key,)),
            label="only the main file may have this key",
            path=(key,),
            help=("move it to the main file; an included file has only `version`, `defaults` and `jobs`",),
        )
