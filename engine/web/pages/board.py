"""The board for a wall screen: the sums of today and what is wrong, in large, without navigation."""

from collections.abc import Sequence
from typing import Final

from starlette.responses import Response

from engine.web.access import Access
from engine.web.pages.today import answer
from engine.web.rendering import page
from engine.web.visits import Route, Visit

MAX_SHOWN: Final = 8
"""Maximum number of things wrong that fit a screen; the others are counted."""


def show(visit: Visit) -> Response:
    """The page: the values are those of the page of today."""
    here = answer(visit)
    values = {"here": here, "most": MAX_SHOWN, "as_of": here.at}
    return page(visit, "board.html", title="Board", values=values)


ROUTES: Final[Sequence[Route]] = (Route("GET", "/board", Access.VIEW, show, is_for_limited=True),)
