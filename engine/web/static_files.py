"""The stylesheet, the scripts and the picture: read once, and served from memory. No path is ever opened."""

from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Final

from starlette.responses import Response

from engine.web.access import Access
from engine.web.refusing import RefusedError
from engine.web.visits import Route, Visit

FOLDER: Final = Path(__file__).parent / "static"
TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}


@cache
def files() -> dict[str, bytes]:
    """Every file by its name."""
    return {one.name: one.read_bytes() for one in FOLDER.iterdir() if one.suffix in TYPES}


def serve(visit: Visit) -> Response:
    """One file."""
    name = visit.values["file"]
    content = files().get(name)
    if content is None:
        raise RefusedError(HTTPStatus.NOT_FOUND, "there is no such file")
    return Response(content, headers={"Content-Type": TYPES[Path(name).suffix]})


ROUTES: Final = (Route("GET", "/static/{file}", Access.OPEN, serve),)
