"""Finds the place of a cursor in an unfinished file from the indentation, even if the text is invalid."""

import re
from dataclasses import dataclass
from typing import Final

from jobfile.diagnostics.diagnostic import DocumentPath

MAX_TEMPLATE: Final = 2_000
"""Maximum characters before a cursor that are searched for an open template."""

_KEY: Final = re.compile(r"(\"[^\"]*\"|'[^']*'|[^\s#:{\[\"'&*!|>-][^:#{\[]*?)[ \t]*:(?=[ \t]|$)")
_BLOCK: Final = re.compile(r":[ \t]*+(?:[&!]\S++[ \t]++)*+[|>][0-9+-]*[ \t]*(?:#.*)?$")
_WORD: Final = re.compile(r"(?<![\w./-])[\w./-]*$")
_NAME: Final = re.compile(r"(?<![\w.])[\w.]*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """The map or value at a cursor, and the part of a word before it.

    With `is_value`, `path` leads to the value at the cursor, else to the map in which a key begins.
    `template` is the open expression before the cursor, None outside of templates.
    """

    path: DocumentPath
    word: str = ""
    is_value: bool = False
    is_item: bool = False
    template: str | None = None


@dataclass(frozen=True, slots=True)
class _Open:
    """A key, or the dash of a list item, with its column."""

    column: int
    key: str | None

    @property
    def is_dash(self) -> bool:
        return self.key is None


def find_cursor(text: str, offset: int) -> Cursor:
    """The place of an offset in a text; never raises."""
    begin = text.rfind("\n", 0, offset) + 1
    stack: list[_Open] = []
    block: int | None = None
    for line in text[:begin].split("\n"):
        block = _read_line(line.rstrip("\r"), stack, block)
    line = text[begin:offset]
    template = _open_template(text, offset)
    indent = len(line) - len(line.lstrip(" "))
    if block is not None and (indent > block or template is not None):
        return Cursor(path=_path(stack), is_value=True, template=template, word=_NAME.findall(line)[0])
    return _on_line(line, stack, template)


def _read_line(line: str, stack: list[_Open], block: int | None) -> int | None:
    """Process a whole line; return the column of the key whose block scalar continues, if any."""
    content = line.lstrip(" ")
    column = len(line) - len(content)
    if block is not None and (not content.strip() or column > block):
        return block
    if not content.strip() or content.startswith("#"):
        return None
    column, content = _dashes(column, content, stack)
    key = _KEY.match(content)
    if key is not None:
        _close(stack, column)
        stack.append(_Open(column, key[1].strip("\"'")))
        if _BLOCK.search(content):
            return column
    elif _BLOCK.search(f":{content}"):
        return column - 1
    return None


def _dashes(column: int, content: str, stack: list[_Open]) -> tuple[int, str]:
    """Process the dashes before the content of a line."""
    while content.startswith("- ") or content == "-":
        while stack and (stack[-1].column > column or (stack[-1].column == column and stack[-1].is_dash)):
            stack.pop()
        stack.append(_Open(column, None))
        rest = content[1:]
        content = rest.lstrip(" ")
        column += 1 + len(rest) - len(content)
    return column, content


def _close(stack: list[_Open], column: int) -> None:
    while stack and stack[-1].column >= column:
        stack.pop()


def _path(stack: list[_Open]) -> DocumentPath:
    return tuple(0 if one.key is None else one.key for one in stack)


def _on_line(line: str, stack: list[_Open], template: str | None) -> Cursor:
    """The place on the line of the cursor; only the text before the cursor counts."""
    content = line.lstrip(" ")
    column, content = _dashes(len(line) - len(content), content, stack)
    word = (_NAME if template is not None else _WORD).findall(content)[0]
    key = _KEY.match(content)
    if key is None:
        _close(stack, column)
        is_item = bool(stack) and stack[-1].is_dash
        if content[:1] in ("[", "{"):
            return _in_flow(_path(stack), content, word, template)
        return Cursor(path=_path(stack), word=word, is_item=is_item, template=template)
    _close(stack, column)
    path = (*_path(stack), key[1].strip("\"'"))
    rest = content[key.end() :].lstrip(" \t")
    if rest[:1] in ("[", "{"):
        return _in_flow(path, rest, word, template)
    return Cursor(path=path, word=word, is_value=True, template=template)


def _in_flow(path: DocumentPath, text: str, word: str, template: str | None) -> Cursor:
    """The place inside open brackets."""
    levels: list[tuple[str, DocumentPath]] = []
    here, start, quote = path, 0, ""
    for at, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'":
            quote = sign
        elif sign in "[{":
            levels.append((sign, here))
            here, start = (*here, 0) if sign == "[" else here, at + 1
        elif sign in "]}" and levels:
            here, start = levels.pop()[1], at + 1
        elif sign == "," and levels:
            here, start = ((*levels[-1][1], 0) if levels[-1][0] == "[" else levels[-1][1]), at + 1
        elif sign == ":" and levels and levels[-1][0] == "{":
            here, start = (*levels[-1][1], text[start:at].strip().strip("\"'")), at + 1
    if not levels:
        return Cursor(path=path, word=word, is_value=True, template=template)
    is_value = levels[-1][0] == "[" or here != levels[-1][1]
    return Cursor(path=here, word=word, is_value=is_value, is_item=levels[-1][0] == "[", template=template)


def _open_template(text: str, offset: int) -> str | None:
    """The text between the last `{{` and the cursor, if it is not closed."""
    before = text[max(0, offset - MAX_TEMPLATE) : offset]
    opened = before.rfind("{{")
    if opened == -1 or "}}" in before[opened:] or "\n\n" in before[opened:]:
        return None
    return before[opened + 2 :]
