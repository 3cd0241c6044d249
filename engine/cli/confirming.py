"""Asks the user before something is done that cannot be undone."""

import sys

import click


def confirmed(question: str, *, is_sure: bool) -> bool:
    """Whether the user confirms. Without a terminal it needs --yes, and raises otherwise."""
    if is_sure:
        return True
    if not sys.stdin.isatty():
        raise click.UsageError("cannot ask for confirmation without a terminal; to confirm:  --yes")
    return click.confirm(question)
