"""Parses params on the command line."""

import click


def split_params(given: tuple[str, ...], *, option: str = "-p") -> dict[str, str]:
    """Split `name=value` texts; everything after the first `=` is the value."""
    params = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{option} takes NAME=VALUE, found '{text}'")
        if name in params:
            raise click.UsageError(f"{option} {name} is given twice")
        params[name] = value
    return params
