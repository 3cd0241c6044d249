"""Asks the user before something is done that cannot be undone."""

import sys

import click


def confirmed(question: str, *, is_sure: bool, as_json: bool = False) -> bool:
    """Whether the user confirms. Unless sure, raises where it cannot ask: without a terminal, with --json."""
    if is_sure:
        return True
    if as_json:
        raise click.UsageError("--json does not ask: add --yes")
    if not sys.stdin.isatty():
        raise click.UsageError("cannot ask for confirmation without a terminal; to confirm:  --yes")
    return click.confirm(question)
