"""For probes: whether this process answers, and whether the engine works and everything adds up; metrics."""

from http import HTTPStatus
from typing import Final

from starlette.responses import PlainTextResponse, Response

from engine.core.errors import JobfileError
from engine.web.access import Access
from engine.web.apart.upkeep import metrics as metrics_text
from engine.web.corner import PROBE, corner
from engine.web.memory import EXACT
from engine.web.refusing import RefusedError
from engine.web.visits import Route, Visit


def healthz(_visit: Visit) -> Response:
    """This process answers."""
    return PlainTextResponse("ok\n")


def readyz(visit: Visit) -> Response:
    """Everything adds up, and an engine starts what is due; one word, so that strangers learn nothing."""
    try:
        found = corner(visit, PROBE)
        is_ready = found.adds_up and not found.obstacle
    except JobfileError:
        is_ready = False
    status = HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
    return PlainTextResponse("ready\n" if is_ready else "not ready\n", status_code=status)


def metrics(visit: Visit) -> Response:
    """What `jobfile metrics` prints, for a monitoring system with a token."""
    try:
        from engine.service.metrics import CONTENT_TYPE  # noqa: PLC0415  an extra that may be missing
    except ModuleNotFoundError as error:
        detail = f"the metrics need {error.name}; install it with  pip install 'jobfile[metrics]'"
        raise RefusedError(HTTPStatus.NOT_IMPLEMENTED, detail) from error
    return Response(visit.ask(EXACT, metrics_text), headers={"Content-Type": CONTENT_TYPE})


ROUTES: Final = (
    Route("GET", "/healthz", Access.OPEN, healthz, is_page=False),
    Route("GET", "/readyz", Access.OPEN, readyz, is_page=False),
    Route("GET", "/metrics", Access.VIEW, metrics, is_page=False),
)
