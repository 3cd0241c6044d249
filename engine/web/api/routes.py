"""The routes of the API."""

from typing import Final

from engine.web.api import openapi
from engine.web.api.operations import make_routes

ROUTES: Final = (*make_routes(openapi.OPERATIONS), *openapi.ROUTES)
