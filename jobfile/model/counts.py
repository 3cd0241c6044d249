"""Counts of things in words."""


def many(count: int, one: str, more: str = "") -> str:
    """A count with its noun: `1 run`, `1,000 runs`; `more` is the plural if an s does not make it."""
    return f"1 {one}" if count == 1 else f"{count:,} {more or one + 's'}"
