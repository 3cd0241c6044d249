"""Lets open pages know that something has changed: server-sent events, one connection a tab."""

import time
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Final

from starlette.responses import Response, StreamingResponse

from engine.web.access import Access
from engine.web.limits import MAX_STREAMS
from engine.web.refusing import RefusedError
from engine.web.site import Site
from engine.web.visits import Route, Visit

QUIET_SECONDS: Final = 15.0
"""After this time without a change, a comment shows that the connection is alive."""
MAX_STREAM_SECONDS: Final = 600.0
"""Then the tab connects again, which asks again whether it may."""
CHANGED: Final = "event: changed\ndata: {}\n\n"
ALIVE: Final = ": alive\n\n"

_streams: set[object] = set()


async def live(visit: Visit) -> Response:
    """A stream with an event for each change of the ledger; the page then asks what it is."""
    if len(_streams) >= MAX_STREAMS:
        raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "too many pages are open", retry_after=30)
    return StreamingResponse(_events(visit.site), media_type="text/event-stream")


async def _events(site: Site) -> AsyncIterator[str]:
    mine, watch, memory = object(), site.watch, site.memory

    async def look() -> object:
        """What differs when a page may show something else: also when a late answer is there."""
        return await watch.look(), memory.late_answers

    _streams.add(mine)
    try:
        yield ALIVE
        mark, until = await look(), time.monotonic() + MAX_STREAM_SECONDS
        while time.monotonic() < until and not watch.is_over:
            now = await watch.changed(mark, seconds=QUIET_SECONDS, look=look)
            yield ALIVE if now == mark else CHANGED
            mark = now
    finally:
        _streams.discard(mine)


ROUTES: Final = (Route("GET", "/live", Access.VIEW, live, is_for_limited=True, is_page=False),)
