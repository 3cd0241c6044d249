"""For probes: whether this process answers, and whether the engine works and everything adds up."""

from http import HTTPStatus
from typing import Final

from starlette.responses import PlainTextResponse, Response

from engine.web.access import Access
from engine.web.corner import corner
from engine.web.visits import Route, Visit


def healthz(_visit: Visit) -> Response:
    """This process answers."""
    return PlainTextResponse("ok\n")


def readyz(visit: Visit) -> Response:
    """Everything adds up, and an engine starts what is due; one word, so that strangers learn nothing."""
    found = corner(visit)
    is_ready = found.adds_up and not found.obstacle
    status = HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
    return PlainTextResponse("ready\n" if is_ready else "not ready\n", status_code=status)


ROUTES: Final = (
    Route("GET", "/healthz", Access.OPEN, healthz, is_page=False),
    Route("GET", "/readyz", Access.OPEN, readyz, is_page=False),
)
