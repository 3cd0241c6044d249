"""The hash chain of the audit: each record has a hash over itself and the record before.

So editing, removing or inserting a record in the middle breaks the chain at a known place. The chain alone
does not show that the newest records were cut off, or that everything was rewritten by a user with write
access to the ledger. To detect that, note the newest hash elsewhere, and check later that the chain still
contains it.
"""

import json
from collections.abc import Iterable

from jobfile.model.hashing import sha256
from jobfile.model.namedtuple import NamedTuple


class Link(NamedTuple):
    """A record of the audit as in the ledger; `at` is in microseconds since 1970."""

    seq: int
    at: int
    actor: str
    action: str
    object: str
    detail: str
    hash: str


class Chain(NamedTuple):
    """The result of following the chain: the number of records, the newest, and the first break."""

    records: int
    head: Link | None
    broken_at: int | None
    """The number of the first record that is missing or does not follow from the one before."""
    why: str
    is_noted: bool
    """Whether a record has the noted hash."""


def link_hash(previous: str, *record: object) -> str:
    """The hash of a record's fields in order, chained to the hash before; '' before the first."""
    text = json.dumps([previous, *record], separators=(",", ":"), ensure_ascii=True, default=repr)
    return sha256(text.encode()).hexdigest()


def follow(links: Iterable[Link], *, noted: str = "") -> Chain:
    """Follow the chain from its first record; `noted` is the start of a hash that should be in it."""
    before: Link | None = None
    count, broken_at, why, is_noted = 0, None, "", False
    for link in links:
        expected = before.seq + 1 if before is not None else 1
        count += 1
        is_noted = is_noted or (bool(noted) and link.hash.startswith(noted))
        if broken_at is None and link.seq != expected:
            broken_at, why = expected, "is missing"
        elif broken_at is None and link.hash != link_hash(before.hash if before else "", *link[:-1]):
            broken_at, why = link.seq, "was edited, or one before it was removed or inserted"
        before = link
    return Chain(count, before, broken_at, why, is_noted)
