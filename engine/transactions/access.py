"""Gives out tokens and opens the sessions of browsers, each with its audit record."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from engine.core.access import NOBODY, Grant, GrantKind
from engine.core.errors import JobfileError

if TYPE_CHECKING:
    from engine.ledger.store_ports import Admitting


class UnknownTokenError(JobfileError):
    """There is no token of this name."""


def add_token(store: "Admitting", token: Grant, *, why: str = "") -> None:
    """Record a new token. Raises when the name is taken by one that can still be used."""
    now = token.created_at
    old = next((one for one in store.access.tokens() if one.name == token.name and not one.ended_at), None)
    if old is not None and old.holds_at(now):
        raise JobfileError(
            f"there is a token `{token.name}` already; revoke it first:  jobfile token revoke {token.name}"
        )
    if old is not None:
        store.access.revoke(token.name, now=now)
    store.access.add(token)
    detail = f"{token.role.value}, jobs {token.jobs}"
    detail += f", until {token.expires_at.isoformat()}" if token.expires_at else ""
    detail = "; ".join(part for part in (why, detail) if part)
    store.audit(actor=token.created_by, action="token add", object=token.name, detail=detail, now=now)


def revoke_token(store: "Admitting", name: str, *, by: str, why: str, now: datetime) -> None:
    """End a token, and the sessions that were opened with it."""
    if not store.access.revoke(name, now=now):
        raise UnknownTokenError(f"there is no token `{name}`; see  jobfile token list")
    store.audit(actor=by, action="token revoke", object=name, detail=why, now=now)


def add_code(store: "Admitting", code: Grant) -> None:
    """Record a code with which one browser can sign in, once."""
    store.access.drop_expired(now=code.created_at)
    store.access.add(code)


def open_session(
    store: "Admitting", secret: str, session: str, *, length: timedelta, now: datetime, by: Grant | None
) -> Grant | None:
    """Open a session for the bearer of a code or a token, of which `secret` is the hash.

    `by` is what the bearer may do if the ledger does not know the secret. None if the secret is unknown, or
    can no longer be used.
    """
    known = store.access.find(secret) or by
    if known is None or known.kind is GrantKind.SESSION or not known.holds_at(now):
        return None
    if known.kind is GrantKind.CODE and not store.access.take_code(secret, now=now):
        return None
    until = now + length
    if known.kind is not GrantKind.CODE and known.expires_at is not None:
        until = min(until, known.expires_at)
    opened = Grant(
        hash=session,
        kind=GrantKind.SESSION,
        name=known.actor,
        role=known.role,
        jobs=known.jobs,
        token=known.hash if known.kind is GrantKind.TOKEN else "",
        created_at=now,
        created_by=known.actor,
        expires_at=until,
    )
    store.access.drop_expired(now=now)
    store.access.add(opened)
    store.audit(actor=opened.name, action="sign in", object=known.kind.value, detail="", now=now)
    return opened


def end_session(store: "Admitting", session: Grant, *, everywhere: bool, now: datetime) -> None:
    """Sign a browser out; or all browsers of the same name."""
    if everywhere:
        store.access.end_sessions(session.name)
    else:
        store.access.end_session(session.hash)
    detail = "everywhere" if everywhere else ""
    store.audit(actor=session.name, action="sign out", object="session", detail=detail, now=now)


def note_refused(
    store: "Admitting", address: str, *, action: str, object: str, detail: str, now: datetime
) -> None:
    """Record that something was refused to a stranger at this address; at none, who was at the socket."""
    actor = f"{NOBODY} {address or 'the socket'}"
    store.audit(actor=actor, action=action, object=object, detail=detail, now=now)
