"""The chain of the audit: each record carries a hash of itself and of the record before.

So a record in the middle cannot be edited, removed or put in without a break that can be named. It does not
tell when the newest records were cut off, or when everything was written anew by somebody who may write to
the ledger: for that the newest hash, noted elsewhere, is looked up again.
"""

import json
from collections.abc import Iterable
from typing import NamedTuple

from jobfile.model.hashing import sha256


class Link(NamedTuple):
    """A record of the audit as it stands in the ledger; `at` is in microseconds since 1970."""

    seq: int
    at: int
    actor: str
    action: str
    object: str
    detail: str
    hash: str


class Chain(NamedTuple):
    """What is found when the chain is followed: how many records, the newest, and where it breaks first."""

    records: int
    head: Link | None
    broken_at: int | None
    """The number of the first record that is missing, or that does not follow from the one before."""
    why: str
    is_noted: bool
    """Whether a record has the hash that was looked for."""


def link_hash(previous: str, *record: object) -> str:
    """The hash of a record, in the order of its fields, after another one's; '' before the first."""
    text = json.dumps([previous, *record], separators=(",", ":"), ensure_ascii=True, default=repr)
    return sha256(text.encode()).hexdigest()


def follow(links: Iterable[Link], *, noted: str = "") -> Chain:
    """Follow the chain from its first record; `noted` is the beginning of a hash that should be in it."""
    before: Link | None = None
    count, broken_at, why, is_noted = 0, None, "", False
    for link in links:
        expected = before.seq + 1 if before is not None else 1
        count += 1
        is_noted = is_noted or (bool(noted) and link.hash.startswith(noted))
        if broken_at is None and link.seq != expected:
            broken_at, why = expected, "is missing"
        elif broken_at is None and link.hash != link_hash(before.hash if before else "", *link[:-1]):
            broken_at, why = link.seq, "was edited, or one before it was removed or put in"
        before = link
    return Chain(count, before, broken_at, why, is_noted)
