"""The routes of the API."""

from typing import Final

from engine.web.api import downloads, openapi
from engine.web.api.operations import make_routes

ROUTES: Final = (
    *make_routes(openapi.OPERATIONS),
    *(one.route() for one in downloads.OPERATIONS),
    *openapi.ROUTES,
)
