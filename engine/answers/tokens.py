"""Answers of `token`: who may use the page and the API. No answer has a secret but that of a new token."""

from collections.abc import Sequence
from datetime import UTC, datetime

from engine.answers.as_json import iso
from engine.core.access import Grant
from engine.core.columns import table
from engine.core.vocabulary import instant_text
from jobfile.model.namedtuple import NamedTuple

HEADS = ("name", "role", "jobs", "state", "last use", "expires", "made")


class NewToken(NamedTuple):
    """A token just made, with its secret, which is shown only now."""

    grant: Grant
    secret: str


def state_of_token(token: Grant, now: datetime) -> str:
    """Whether a token can be used, in a word."""
    if token.ended_at is not None:
        return "revoked"
    return "valid" if token.holds_at(now) else "expired"


def tokens_to_text(tokens: Sequence[Grant], *, now: datetime, width: int | None) -> str:
    """All tokens as a table."""
    if not tokens:
        return "no tokens; make one with  jobfile token add NAME"
    rows = [
        (
            one.name,
            one.role.value,
            one.jobs,
            state_of_token(one, now),
            _time(one.used_at) or "never",
            _time(one.expires_at) or "never",
            f"{_time(one.created_at)} by {one.created_by}",
        )
        for one in tokens
    ]
    return table(HEADS, rows, width=width, names=(0,), optional=(6,))


def tokens_to_json(tokens: Sequence[Grant], *, now: datetime) -> dict[str, object]:
    """All tokens as JSON data."""
    return {"format": 1, "tokens": [token_to_json(one, now=now) for one in tokens]}


def new_token_to_json(new: NewToken, *, now: datetime) -> dict[str, object]:
    """A new token as JSON data."""
    return {"format": 1, "token": new.secret, **token_to_json(new.grant, now=now)}


def token_to_json(one: Grant, *, now: datetime) -> dict[str, object]:
    """One token as JSON data."""
    return {
        "name": one.name,
        "role": one.role.value,
        "jobs": one.jobs,
        "state": state_of_token(one, now),
        "created_at": one.created_at.isoformat(),
        "created_by": one.created_by,
        "used_at": iso(one.used_at),
        "expires_at": iso(one.expires_at),
        "revoked_at": iso(one.ended_at),
    }


def _time(at: datetime | None) -> str:
    return "" if at is None else instant_text(at, UTC)
