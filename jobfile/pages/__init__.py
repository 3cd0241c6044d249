"""The pages of `jobfile explain`: one Markdown file for each code, and the keys of each kind of map.

A page has a bad example, its message, the good form, and the reason. A test runs the examples.
"""

import pkgutil

__all__ = ["keys", "page_text", "reference"]


def page_text(code: str) -> str | None:
    """The page of a code as Markdown; None if there is none."""
    try:
        data = pkgutil.get_data("jobfile.pages", f"{code}.md")
    except FileNotFoundError:
        return None
    return None if data is None else data.decode()
