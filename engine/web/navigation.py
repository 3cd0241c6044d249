"""The pages that every page leads to, in their order."""

from typing import Final

from engine.web.visits import Page

NAVIGATION: Final = (Page("Jobs", "/jobs", "j"),)
"""A page is named here when it exists; `g` and its key open it."""
