"""Helpers for printing: JSON, colours, the width of the terminal."""

import json
import os
import sys

import click

from engine.host.environment import environment

MIN_WIDTH = 40
PIPE_WIDTH = 120


def print_json(value: object) -> None:
    """Print one JSON document on standard output."""
    click.echo(json.dumps(value, indent=2))


def is_coloured(stream: object = None) -> bool:
    """Whether to print in colour: only on a terminal, and not with NO_COLOR (no-color.org)."""
    target = stream or sys.stdout
    is_terminal = getattr(target, "isatty", lambda: False)()
    return bool(is_terminal) and not environment().get("NO_COLOR")


def width() -> int:
    """Columns to print in: the terminal's, or a fixed number for a pipe."""
    if not sys.stdout.isatty():
        return PIPE_WIDTH
    return max(MIN_WIDTH, os.get_terminal_size(sys.stdout.fileno()).columns or PIPE_WIDTH)
