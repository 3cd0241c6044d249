"""Lets open pages know that something has changed: server-sent events, one connection a tab."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from typing import Final

from starlette.responses import Response, StreamingResponse

from engine.web.access import Access
from engine.web.limits import MAX_STREAMS
from engine.web.memory import ledger_mark
from engine.web.refusing import RefusedError
from engine.web.site import Site
from engine.web.visits import Route, Visit

LOOK_SECONDS: Final = 1.0
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
    mine, ledger, memory = object(), site.place.config.ledger, site.memory

    def look() -> object:
        """What differs when a page may show something else: also when a late answer is there."""
        return ledger_mark(ledger), memory.late_answers

    _streams.add(mine)
    try:
        yield ALIVE
        mark, until = look(), time.monotonic() + MAX_STREAM_SECONDS
        while time.monotonic() < until:
            now = await changed(look, mark, seconds=QUIET_SECONDS)
            yield ALIVE if now == mark else CHANGED
            mark = now
    finally:
        _streams.discard(mine)


async def changed(look: Callable[[], object], mark: object, *, seconds: float) -> object:
    """Wait until `look` finds something else than this mark, or the time is up; return what it finds."""
    until = time.monotonic() + seconds
    while (now := look()) == mark and time.monotonic() < until:
        await asyncio.sleep(LOOK_SECONDS)
    return now


ROUTES: Final = (Route("GET", "/live", Access.VIEW, live, is_for_limited=True, is_page=False),)
