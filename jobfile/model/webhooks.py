"""Webhooks: how a call is proven, and where it has a value, in its body or in a header."""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar, Final

from jobfile.model.dataclass import dataclass
from jobfile.model.regex import regex
from jobfile.model.requests import is_header_name
from jobfile.model.values import Shown

_POINTER: Final = regex(r"(?:/(?:[^~/]|~[01])*+)++")
MAX_PLACE: Final = 256
_PROVING: Final = frozenset(
    {
        *("authorization", "cookie", "proxy-authorization", "stripe-signature", "webhook-signature"),
        *("x-gitlab-token", "x-hub-signature", "x-hub-signature-256"),
    }
)
"""Headers that have a secret, or a proof of one. What a param has is stored and shown."""


class Proof(StrEnum):
    """How a sender proves that a call of a webhook is its own."""

    STANDARD = "standard"
    GITHUB = "github"
    GITLAB = "gitlab"
    STRIPE = "stripe"
    BEARER = "bearer"

    @property
    def is_of_a_service(self) -> bool:
        """Whether a service makes the body of a call, so that it never is an object with the params."""
        return self in (Proof.GITHUB, Proof.GITLAB, Proof.STRIPE)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class WebhookTrigger(Shown):
    """A POST to a path starts the job; proven with one of the job's secrets unless the path is public."""

    KIND: ClassVar = "webhook"
    webhook: str
    secret: str | None = None
    verify: Proof = Proof.STANDARD
    params: Mapping[str, str] | None = None
    """Where a call has the value of each param: a JSON pointer into its body, or the name of a header.
    None if the body is an object with the params.
    """
    key: str | None = None
    """Where a call has what it is about: a second call with the same value starts nothing."""


def is_pointer(place: str) -> bool:
    """Whether a place is a JSON pointer (RFC 6901) into the body; if not, it is a header."""
    return place.startswith("/")


def place_trouble(place: str) -> str:
    """Why a text is not a place in a call; empty if it is one."""
    if len(place) > MAX_PLACE:
        return f"it has more than {MAX_PLACE} characters"
    if is_pointer(place):
        return "" if _POINTER.fullmatch(place) else "in a JSON pointer, `~` is written ~0"
    if not is_header_name(place):
        return "neither a JSON pointer, which begins with `/`, nor the name of a header"
    return "this header proves the call, and a param would show it" if place.lower() in _PROVING else ""


def steps_of(pointer: str) -> tuple[str, ...]:
    """The names on the way of a pointer."""
    return tuple(one.replace("~1", "/").replace("~0", "~") for one in pointer.split("/")[1:])
