"""Asks the user before something is done that cannot be undone."""

import sys

import click


def confirmed(question: str, *, is_sure: bool) -> bool:
    """Whether the user confirms. Without a terminal it needs --yes, and raises otherwise."""
    if is_sure:
        return True
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask on; to do it without a question:  --yes")
    return click.confirm(question)
