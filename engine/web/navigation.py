"""The pages that every page leads to, in their order."""

from typing import Final

from jobfile.model.namedtuple import NamedTuple


class Page(NamedTuple):
    """A page in the navigation."""

    title: str
    path: str
    key: str
    """`g` and this key open it."""
    is_for_limited: bool = True
    """Whether a token that is limited to some jobs may see it."""


NAVIGATION: Final = (
    Page("Today", "/", "t"),
    Page("Jobs", "/jobs", "j"),
    Page("Timeline", "/timeline", "l"),
    Page("Changes", "/changes", "c", is_for_limited=False),
    Page("System", "/system", "s", is_for_limited=False),
    Page("Board", "/board", "b"),
)
"""A page is named here when it exists."""
