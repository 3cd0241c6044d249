"""Counts the requests that are under way, so that no user takes every connection: one may take a minute."""

from collections import Counter
from http import HTTPStatus
from typing import Final

from engine.web.limits import MAX_UNDER_WAY, MAX_UNDER_WAY_OF_ONE
from engine.web.refusing import RefusedError

AGAIN_SECONDS: Final = 30


class UnderWay:
    """The requests of signed-in users, by the name of the user. Used only in the loop of the server."""

    def __init__(self) -> None:
        """Nothing is under way."""
        self._counts: Counter[str] = Counter()

    def begin(self, name: str) -> None:
        """Count a request. Raises RefusedError if there are too many."""
        if self._counts[name] >= MAX_UNDER_WAY_OF_ONE:
            text = f"more than {MAX_UNDER_WAY_OF_ONE} requests of this user are under way"
            raise RefusedError(HTTPStatus.TOO_MANY_REQUESTS, text, retry_after=AGAIN_SECONDS)
        if self._counts.total() >= MAX_UNDER_WAY:
            text = f"more than {MAX_UNDER_WAY} requests are under way"
            raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, text, retry_after=AGAIN_SECONDS)
        self._counts[name] += 1

    def end(self, name: str) -> None:
        """Forget a request that was counted."""
        self._counts[name] -= 1
        if not self._counts[name]:
            del self._counts[name]
