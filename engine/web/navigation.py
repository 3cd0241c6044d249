"""The pages that every page leads to, in their order."""

from typing import Final, NamedTuple


class Page(NamedTuple):
    """A page in the navigation."""

    title: str
    path: str
    key: str
    """`g` and this key open it."""


NAVIGATION: Final = (
    Page("Today", "/", "t"),
    Page("Jobs", "/jobs", "j"),
    Page("Timeline", "/timeline", "l"),
    Page("Board", "/board", "b"),
)
"""A page is named here when it exists."""
