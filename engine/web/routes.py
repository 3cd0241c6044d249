"""All routes. A page or a part of the API is added by naming its `ROUTES` here."""

from collections.abc import Sequence
from functools import cache
from typing import Final

from engine.web import health, hooks, live, static_files
from engine.web.api import routes as api
from engine.web.pages import (
    ask,
    badge,
    board,
    changes,
    job,
    jobs,
    run,
    run_log,
    run_now,
    saved_plan,
    signing_in,
    system,
    timeline,
    today,
)
from engine.web.routing import Routes
from engine.web.visits import Route

PARTS: Final[Sequence[Sequence[Route]]] = (
    static_files.ROUTES,
    health.ROUTES,
    live.ROUTES,
    hooks.ROUTES,
    signing_in.ROUTES,
    today.ROUTES,
    ask.ROUTES,
    timeline.ROUTES,
    board.ROUTES,
    badge.ROUTES,
    jobs.ROUTES,
    job.ROUTES,
    run_now.ROUTES,
    run.ROUTES,
    run_log.ROUTES,
    changes.ROUTES,
    saved_plan.ROUTES,
    system.ROUTES,
    api.ROUTES,
)


@cache
def all_routes() -> Routes:
    """Every route of the page and the API."""
    return Routes(one for part in PARTS for one in part)
