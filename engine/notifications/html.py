"""The HTML of a mail. Pure.

Mail programs show only a part of HTML: so each element has its own style, what stands side by side is a
table, and nothing is fetched from anywhere. Every value is escaped.
"""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from jobfile.model.namedtuple import NamedTuple

_FONT: Final = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;font-size:14px"
_MONO: Final = "font-family:ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;font-size:13px"
_GOOD, _BAD, _OTHER = "#1a7f37", "#b42318", "#475467"
_COLOURS: Final = {
    **dict.fromkeys(("recovered", "succeeded", "accepted", "released"), _GOOD),
    **dict.fromkeys(("failed", "missed", "late", "rejected", "held"), _BAD),
}


class Rows(NamedTuple):
    """Names, each with its value."""

    rows: Sequence[tuple[str, str]]


class Table(NamedTuple):
    """A table whose first column is a name, and whose other columns are numbers; `bad` are rows to notice."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    bad: frozenset[int] = frozenset()


class Lines(NamedTuple):
    """Lines as they are, under a title: an output, or a list."""

    title: str
    lines: Sequence[str]


Block = Rows | Table | Lines


def to_html(title: str, blocks: Sequence[Block], *, event: str, footer: str) -> str:
    """A whole page with a title, in the colour of the event."""
    colour = _COLOURS.get(event, _OTHER)
    parts = "".join(part for block in blocks for part in _block(block))
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title></head>"
        f'<body style="margin:0;padding:16px;color:#101828;background:#ffffff;{_FONT}">'
        f'<p style="margin:0 0 12px;padding:8px 12px;border-left:4px solid {colour};'
        f'font-size:16px;font-weight:600">{escape(title)}</p>'
        f'{parts}<p style="margin:16px 0 0;color:#667085;font-size:12px">{escape(footer)}</p></body></html>'
    )


def _block(block: Block) -> Iterator[str]:
    match block:
        case Rows():
            yield '<table role="presentation" cellpadding="0" cellspacing="0" style="margin:0 0 12px">'
            yield from (_row(name, value) for name, value in block.rows)
            yield "</table>"
        case Table():
            style = f"border-collapse:collapse;margin:0 0 12px;{_FONT}"
            yield f'<table cellpadding="0" cellspacing="0" style="{style}">'
            yield f"<tr>{_cells(block.heads, 'th', '#667085')}</tr>"
            for index, cells in enumerate(block.rows):
                yield f"<tr>{_cells(cells, 'td', _BAD if index in block.bad else '#101828')}</tr>"
            yield "</table>"
        case Lines():
            yield f'<p style="margin:0 0 4px;color:#667085">{escape(block.title)}</p>' if block.title else ""
            lines = escape("\n".join(block.lines))
            style = f"margin:0 0 12px;padding:8px;background:#f2f4f7;white-space:pre-wrap;{_MONO}"
            yield f'<pre style="{style}">{lines}</pre>'


def _row(name: str, value: str) -> str:
    style = f"padding:2px 16px 2px 0;vertical-align:top;color:#667085;white-space:nowrap;{_FONT}"
    return (
        f'<tr><td style="{style}">{escape(name)}</td>'
        f'<td style="padding:2px 0;vertical-align:top;{_FONT}">{escape(value)}</td></tr>'
    )


def _cells(cells: Sequence[str], tag: str, colour: str) -> str:
    style = f"padding:4px 12px 4px 0;border-bottom:1px solid #eaecf0;font-weight:400;color:{colour}"
    sides = ("left", *("right" for _ in cells[1:]))
    return "".join(
        f'<{tag} style="{style};text-align:{side}">{escape(cell)}</{tag}>'
        for cell, side in zip(cells, sides, strict=True)
    )
