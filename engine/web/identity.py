"""Finds out who makes a request, and keeps what belongs to a browser's session."""

import hmac
from collections.abc import Mapping
from hashlib import sha256
from http import HTTPStatus
from typing import Any

from engine.web.access import OWNER, bearer, is_own_token, who_at_socket
from engine.web.guard import Request
from engine.web.refusing import RefusedError
from engine.web.site import Site
from engine.web.visits import Role, Who


class Identity:
    """Who is who on one site."""

    def __init__(self, site: Site) -> None:
        """Know nobody yet."""
        self._site = site

    def of(self, scope: Mapping[str, Any], request: Request) -> Who | None:
        """Who makes this request; None if it says nothing about that. Raises 401 for a wrong token."""
        at_socket = who_at_socket(scope)
        if at_socket is not None:
            return at_socket
        token = bearer(request.headers)
        if token is None:
            return None
        if is_own_token(self._site.place.state_dir, token):
            return Who(name=OWNER, role=Role.ADMIN)
        raise RefusedError(HTTPStatus.UNAUTHORIZED, "this token is not valid here")

    def csrf(self, who: Who | None) -> str:
        """What a form of this session has to send back; a different site cannot know it."""
        return sha256(f"csrf {who.session}".encode()).hexdigest() if who and who.session else ""

    def check_csrf(self, who: Who, given: str) -> None:
        """Refuse a change that does not send it."""
        if not hmac.compare_digest(given.encode(), self.csrf(who).encode()):
            raise RefusedError(HTTPStatus.FORBIDDEN, "the form is of an earlier session; open the page again")
