"""The first page. Until it has answers of its own, it leads to the jobs."""

from http import HTTPStatus
from typing import Final

from starlette.responses import RedirectResponse, Response

from engine.web.access import Access
from engine.web.visits import Route, Visit


def show(_visit: Visit) -> Response:
    """The page."""
    return RedirectResponse("/jobs", HTTPStatus.SEE_OTHER)


ROUTES: Final = (Route("GET", "/", Access.VIEW, show, is_for_limited=True),)
