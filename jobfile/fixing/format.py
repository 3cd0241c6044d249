"""Formats job files: two columns per level; comments and the meaning of the file are kept."""

from dataclasses import dataclass
from typing import Final

from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.diagnostics.source import Source
from jobfile.pipeline import read_file
from jobfile.syntax.document import Document, parse_document, read_tokens
from jobfile.syntax.error_context import Token
from jobfile.syntax.layout import Layout, Level, Line, UnusualError, What, lay_out
from jobfile.syntax.located_reader import Node
from jobfile.syntax.scalars import core_value, is_read_otherwise

_WHITE: Final = " \t"


@dataclass(frozen=True, slots=True, kw_only=True)
class Formatted:
    """The new text, equal to the old one if nothing changed; or why it was not formatted."""

    text: str
    diagnostics: tuple[Diagnostic, ...] = ()
    problem: str = ""


def format_source(source: Source) -> Formatted:
    """The formatted text. A text with errors, or whose meaning would change, is not changed."""
    document, diagnostics = parse_document(source)
    if document is None or document.tree.get("version") != 1:
        diagnostics = _foreign(source) or diagnostics
    if document is None or any(one.is_error for one in diagnostics):
        return Formatted(text=source.text, diagnostics=diagnostics)
    plain = Source(source.name, source.text.replace("\r\n", "\n"))
    try:
        tokens = list(read_tokens(plain))
        new = _Printer(plain, lay_out(plain, tokens), _in_quotes(plain, tokens)).text()
    except UnusualError:
        return Formatted(text=source.text, problem="it has `? ` keys, which cannot be formatted")
    if not _means_the_same(document, new):
        return Formatted(text=source.text, problem="formatting would change its meaning")
    return Formatted(text=new.replace("\n", "\r\n") if "\r\n" in source.text else new)


def _foreign(source: Source) -> tuple[Diagnostic, ...]:
    """The finding that a text is another tool's file, or has a merge conflict."""
    found = read_file(source.name, source.text.encode()).diagnostics
    return tuple(one for one in found if one.code in ("JF024", "JF025"))


def _means_the_same(document: Document, text: str) -> bool:
    again, problems = parse_document(Source(document.source.name, text))
    return again is not None and not problems and _ordered(again.tree) == _ordered(document.tree)


def _ordered(tree: Node) -> object:
    """A tree for comparison: the order of keys counts, and `1` differs from `1.0`."""
    if isinstance(tree, dict):
        return [(key, _ordered(value)) for key, value in tree.items()]
    if isinstance(tree, list):
        return ["list", *map(_ordered, tree)]
    return type(tree), tree


def _in_quotes(source: Source, tokens: list[Token]) -> dict[int, tuple[int, str]]:
    """Plain values that other YAML parsers would not read as text: start -> end, and the quoted value."""
    found = {}
    is_key = False
    for token in tokens:
        if token.kind == "<scalar>" and not token.style and not is_key:
            written = source.text[token.start : token.end]
            if isinstance(core_value(written), str) and is_read_otherwise(written):
                found[token.start] = (token.end, f'"{written}"')
        if token.kind not in ("<anchor>", "<tag>"):
            is_key = token.kind == "?"
    return found


class _Printer:
    """Formats the lines of a text."""

    def __init__(self, source: Source, layout: Layout, quoted: dict[int, tuple[int, str]]) -> None:
        self.source = source
        self.layout = layout
        self.edits = {start: (end, " ") for start, end in layout.gaps if end > start} | quoted

    def text(self) -> str:
        """All lines, at most one blank one in a row, one line end at the end."""
        lines: list[str] = []
        is_kept = False
        for row, line in enumerate(self.layout.lines):
            written = self.line(row, line)
            is_blank = line.what is What.NOTHING and not written
            if is_blank and (not lines or (not lines[-1].strip() and not is_kept)):
                continue
            is_kept = line.what is What.BLOCK
            lines.append(written)
        while not lines[-1] and not is_kept:
            lines.pop()
        return "\n".join(lines) + "\n"

    def line(self, row: int, line: Line) -> str:
        written = self.source.line(row + 1)
        if line.what is What.NOTHING:
            comment = written.strip(_WHITE)
            return " " * self.comment_column(row, written) + comment if comment else ""
        if line.what is What.BLOCK:
            return " " * line.new + written[line.old :]
        return " " * line.new + self.code(row, line, written)

    def code(self, row: int, line: Line, written: str) -> str:
        """The code of a line with its edits, and its comment after one space."""
        start = self.source.line_starts[row]
        at, end = start + line.old, start + len(written)
        stop = end if line.comment is None else line.comment
        parts = []
        for place in sorted(place for place in self.edits if at <= place < stop):
            upto, text = self.edits[place]
            parts += [self.source.text[at:place], text]
            at = upto
        parts.append(self.source.text[at:stop])
        comment = "" if line.comment is None else " " + self.source.text[line.comment : end].rstrip(_WHITE)
        return "".join(parts).rstrip(_WHITE) + comment

    def comment_column(self, row: int, written: str) -> int:
        """A comment keeps its level if that is still open; else it begins where the next code begins."""
        column = len(written) - len(written.lstrip(_WHITE))
        following = next((line for line in self.layout.lines[row:] if line.what is What.CODE), None)
        if following is not None and following.old == column:
            return following.new
        for level in reversed(self.levels_before(row)):
            if level.old == column:
                return level.new
        return following.new if following is not None else 0

    def levels_before(self, row: int) -> tuple[Level, ...]:
        """The levels that are open at the last code above a line."""
        for before in range(row - 1, -1, -1):
            if self.layout.lines[before].what is not What.NOTHING and self.layout.levels[before]:
                return self.layout.levels[before]
        return ()
