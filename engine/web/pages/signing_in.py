"""Signing in with a token or the code of  jobfile ui, and signing out, here or everywhere."""

from contextlib import closing
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from starlette.responses import RedirectResponse, Response

from engine.asking.applying import open_store
from engine.asking.tokens import digest, new_secret
from engine.ledger.opening import open_ledger
from engine.transactions.access import end_session, open_session
from engine.web.access import Access
from engine.web.limits import SESSION_HOURS
from engine.web.refusing import RefusedError
from engine.web.rendering import page
from engine.web.visits import Route, Visit

LENGTH: Final = timedelta(hours=SESSION_HOURS)


def show(visit: Visit) -> Response:
    """The page with the field for a token."""
    return page(visit, "login.html", title="Sign in", values={"next": next_page(visit), "trouble": ""})


def sign_in(visit: Visit) -> Response:
    """Open a session, and set its cookie. Each has a secret of its own, so none can be planted before."""
    given = (visit.form.get("token") or visit.form.get("code")).strip()
    try:
        grant = visit.identity.of_token(given, visit.peer)
    except RefusedError as error:
        if error.status is not HTTPStatus.UNAUTHORIZED:
            raise
        values = {"next": next_page(visit), "trouble": error.detail}
        return page(visit, "login.html", title="Sign in", values=values, status=error.status)
    secret = new_secret()
    store = open_store(visit.place)  # the owner may sign in before anything is recorded
    with closing(store), store.transaction():
        opened = open_session(store, grant.hash, digest(secret), length=LENGTH, now=visit.now, by=grant)
    if opened is None:
        raise RefusedError(HTTPStatus.UNAUTHORIZED, "this code was used already")
    response = RedirectResponse(next_page(visit), HTTPStatus.SEE_OTHER)
    response.set_cookie(
        visit.site.cookie,
        secret,
        max_age=int(LENGTH.total_seconds()),
        path="/",
        httponly=True,
        samesite="strict",
        secure=visit.site.is_secure,
    )
    return response


def sign_out(visit: Visit) -> Response:
    """End this session, or all of this name; the cookie is deleted in any case."""
    grant = visit.user.grant
    if grant is not None:
        store = open_ledger(visit.place.config.ledger_url)
        with closing(store), store.transaction():
            end_session(store, grant, everywhere="everywhere" in visit.form, now=visit.now)
    response = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
    response.delete_cookie(
        visit.site.cookie, path="/", httponly=True, samesite="strict", secure=visit.site.is_secure
    )
    return response


def next_page(visit: Visit) -> str:
    """Where to go after signing in: a page of this site, or the first one."""
    given = visit.form.get("next") or visit.query.get("next")
    return given if visit.is_own_page(given) else "/"


ROUTES: Final = (
    Route("GET", "/login", Access.OPEN, show),
    Route("POST", "/login", Access.OPEN, sign_in, body="form"),
    Route("POST", "/logout", Access.VIEW, sign_out, is_for_limited=True, body="form"),
)
