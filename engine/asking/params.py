"""Parses params that are given as texts."""

from engine.core.errors import WrongUsageError


def split_params(given: tuple[str, ...], *, option: str = "-p") -> dict[str, str]:
    """Split `name=value` texts; everything after the first `=` is the value."""
    params = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise WrongUsageError(f"{option} takes NAME=VALUE, found '{text}'")
        if name in params:
            raise WrongUsageError(f"{option} {name} is given twice")
        params[name] = value
    return params
