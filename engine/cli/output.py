"""Helpers for printing: JSON, colours, the width of the terminal."""

import json
import os
import sys
from collections.abc import Mapping

import click

from engine.host.environment import environment
from jobfile.render.style import COLOURED, PLAIN, Style

MIN_WIDTH = 40
PIPE_WIDTH = 120


def print_json(value: object) -> None:
    """Print one JSON document on standard output."""
    click.echo(json.dumps(value, indent=2))


def print_text(text: str, style: Style = PLAIN, *, nl: bool = True, err: bool = False) -> None:
    """Print a text that was made with this style; click would remove colours that are forced into a pipe."""
    click.echo(text, nl=nl, err=err, color=style.is_coloured or None)


def style_of(stream: object = None) -> Style:
    """The style for a stream: standard output, unless another is given."""
    target = stream or sys.stdout
    is_terminal = bool(getattr(target, "isatty", lambda: False)())
    return COLOURED if is_coloured(environment(), is_terminal=is_terminal) else PLAIN


def is_coloured(environ: Mapping[str, str], *, is_terminal: bool) -> bool:
    """The rule for colours, for all commands. The first variable that is set decides; 0 is as if not set.

    NO_COLOR (no-color.org): never. FORCE_COLOR, CLICOLOR_FORCE: always, also in a pipe. TERM=dumb: never.
    Otherwise on a terminal.
    """
    if environ.get("NO_COLOR"):
        return False
    if any(environ.get(name, "") not in ("", "0") for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    return is_terminal and environ.get("TERM") != "dumb"


def row_width() -> int | None:
    """Columns for a table. None for a pipe: each row is one whole line, for grep and awk."""
    return width() if sys.stdout.isatty() else None


def width() -> int:
    """Columns to print in: the terminal's, or a fixed number for a pipe."""
    if not sys.stdout.isatty():
        return PIPE_WIDTH
    return max(MIN_WIDTH, os.get_terminal_size(sys.stdout.fileno()).columns or PIPE_WIDTH)
