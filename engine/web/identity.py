"""Finds out who makes a request: at the socket, by a token, by a browser's session, or by a trusted proxy."""

import contextlib
import hmac
from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from hashlib import sha256
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final

from engine.asking.tokens import digest
from engine.core.access import OWNER, Grant, GrantKind, Role
from engine.core.errors import JobfileError
from engine.ledger.opening import open_ledger
from engine.web.access import Who, bearer, is_own_token, names_bearer, read_token, who_at_socket
from engine.web.guard import PROXY_HEADER, Request
from engine.web.limits import FAILURES_PER_MINUTE, REQUESTS_PER_MINUTE
from engine.web.noted import Noted
from engine.web.rates import Rates
from engine.web.refusing import RefusedError
from engine.web.site import Site

USED: Final = timedelta(minutes=1)
"""The last use of a token is recorded at most once in this time, because each record is a write."""
MAX_USER: Final = 128
MAX_COOKIE: Final = 4_096


class Identity:
    """Who is who on one site."""

    def __init__(self, site: Site) -> None:
        """Know nobody yet."""
        self._site = site
        self.failures = Rates(FAILURES_PER_MINUTE, site.elapsed)
        self.requests = Rates(REQUESTS_PER_MINUTE, site.elapsed)
        self._noted = Noted(site, "sign in refused")

    def of(self, scope: Mapping[str, Any], request: Request, peer: str) -> Who | None:
        """Who makes this request; None if it has no token and no session. Raises 401 for a wrong token."""
        at_socket = who_at_socket(scope)
        if at_socket is not None:
            return at_socket
        is_named = peer in self._site.proxies and PROXY_HEADER in request.headers
        # A proxy may pass on the password that its user gave to it: Authorization: Basic
        token = None if is_named and not names_bearer(request.headers) else bearer(request.headers)
        if token is not None:
            return self._of_token(token, peer)
        if is_named:
            return self._of_proxy(request.headers[PROXY_HEADER])
        secret = self._cookie(request.headers.get("cookie", ""))
        return self._of_session(secret) if secret else None

    def of_token(self, token: str, peer: str) -> Grant:
        """What the bearer of a token or a code may do. Raises 401, and counts it for this address; after some
        429. A right one is never refused for the wrong ones of others: all who come through a proxy, and all
        users of this machine, have one address.
        """
        now, hashed = self._site.clock(), digest(token)
        if is_own_token(self._site.place.state_dir, token):
            return Grant(
                hash=hashed,
                kind=GrantKind.TOKEN,
                name=OWNER,
                role=Role.ADMIN,
                created_at=now,
                created_by=OWNER,
            )
        found = self._grant(hashed)
        if found is None or found.kind is GrantKind.SESSION or not found.holds_at(now):
            self.failures.check(peer)
            self.failures.count(peer)
            self._noted.note(peer, "token")
            raise RefusedError(HTTPStatus.UNAUTHORIZED, "this token is not valid here, or no longer")
        return found

    def csrf(self, who: Who | None) -> str:
        """What a form of this session has to send back; a different site cannot know it."""
        return sha256(f"csrf {who.session}".encode()).hexdigest() if who and who.session else ""

    def check_csrf(self, who: Who, given: str) -> None:
        """Refuse a form that does not send back the secret of its session."""
        if not hmac.compare_digest(given.encode(), self.csrf(who).encode()):
            raise RefusedError(HTTPStatus.FORBIDDEN, "the form is of an earlier session; open the page again")

    def _of_token(self, token: str, peer: str) -> Who:
        grant = self.of_token(token, peer)
        if grant.kind is not GrantKind.TOKEN:
            raise RefusedError(HTTPStatus.UNAUTHORIZED, "this code is only for signing in with a browser")
        self._note_use(grant)
        return Who(name=grant.actor, role=grant.role, jobs=grant.jobs, grant=grant)

    def _of_session(self, secret: str) -> Who | None:
        grant = self._grant(digest(secret))
        if grant is None or grant.kind is not GrantKind.SESSION or not grant.holds_at(self._site.clock()):
            return None
        if grant.token and not self._is_token_good(grant.token):
            return None
        self._note_use(grant)
        return Who(name=grant.name, role=grant.role, jobs=grant.jobs, session=secret, grant=grant)

    def _is_token_good(self, hashed: str) -> bool:
        """Whether the token that a session was opened with still holds; the owner's is not in the ledger."""
        token = self._grant(hashed)
        if token is not None:
            return token.holds_at(self._site.clock())
        with contextlib.suppress(JobfileError):
            own = read_token(self._site.place.state_dir)
            return own is not None and hmac.compare_digest(digest(own), hashed)
        return False

    def _of_proxy(self, user: str) -> Who:
        """The user whom the proxy names. The browser has no secret of ours, so forms get one of their own."""
        if not 0 < len(user) <= MAX_USER or not user.isprintable():
            raise RefusedError(HTTPStatus.BAD_REQUEST, "the proxy names no user")
        with contextlib.suppress(JobfileError):
            key = read_token(self._site.place.state_dir)
            if key is not None:
                session = hmac.new(key.encode(), f"proxy {user}".encode(), sha256).hexdigest()
                return Who(name=user, role=self._site.proxy_role, session=session)
        raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "the token of the state folder is gone")

    def _grant(self, hashed: str) -> Grant | None:
        view = self._site.place.view_if_any()
        if view is None:
            return None
        with closing(view):
            return view.access.find(hashed)

    def _note_use(self, grant: Grant) -> None:
        """Record the use of what is in the ledger, at most once a minute."""
        now = self._site.clock()
        if grant.name == OWNER or (grant.used_at is not None and now - grant.used_at < USED):
            return
        with contextlib.suppress(JobfileError):  # an answer does not fail because a disk is full
            store = open_ledger(self._site.place.config.ledger_url)
            with closing(store), store.transaction():
                store.access.note_use(grant.hash, now=now)

    def _cookie(self, header: str) -> str:
        """The secret of the session in the cookies of a request."""
        if len(header) > MAX_COOKIE:
            return ""
        try:
            found = SimpleCookie(header).get(self._site.cookie)
        except CookieError:
            return ""
        return found.value if found is not None else ""
