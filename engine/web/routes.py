"""All routes. A page or a part of the API is added by naming its `ROUTES` here."""

from functools import cache

from engine.web import static_files
from engine.web.pages import jobs
from engine.web.routing import Routes


@cache
def all_routes() -> Routes:
    """Every route of the page and the API."""
    return Routes((*static_files.ROUTES, *jobs.ROUTES))
