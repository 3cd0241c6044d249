"""How commands print: terminal width, JSON for programs, colour only on a terminal."""

import json
import os
import sys

import click

from engine.host.environment import environment

MIN_WIDTH = 40
PIPE_WIDTH = 120


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(value, indent=2))


def is_coloured(stream: object = None) -> bool:
    """Colour is for a terminal, and NO_COLOR turns it off (no-color.org)."""
    target = stream or sys.stdout
    is_terminal = getattr(target, "isatty", lambda: False)()
    return bool(is_terminal) and not environment().get("NO_COLOR")


def width() -> int:
    """Columns to print in: the terminal's, or a fixed number for a pipe."""
    if not sys.stdout.isatty():
        return PIPE_WIDTH
    return max(MIN_WIDTH, os.get_terminal_size(sys.stdout.fileno()).columns or PIPE_WIDTH)
