"""Answers of `audit`: who changed what, and whether the audit is complete."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC

from engine.core.audit_chain import Chain, Link, follow
from engine.core.columns import table
from engine.core.records import Audited
from engine.core.vocabulary import instant_text
from jobfile.model.counts import many
from jobfile.render.style import PLAIN, Style, Tone

HEADS = ("record", "when", "who", "what", "of", "why")
Records = Sequence[tuple[int, Audited]]
"""Records of the audit, each with its number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Whether each record follows from the one before, and whether a noted hash is among them."""

    chain: Chain
    noted: str

    @property
    def is_missing(self) -> bool:
        """Whether no record has the hash that was noted."""
        return bool(self.noted) and not self.chain.is_noted

    @property
    def is_whole(self) -> bool:
        """Whether no edited, removed, inserted or cut-off record was found."""
        return self.chain.broken_at is None and not self.is_missing


def verify(links: Iterable[Link], *, noted: str) -> Verified:
    """Follow the chain of the audit; `noted` is the beginning of a hash that must be in it, or empty."""
    return Verified(chain=follow(links, noted=noted), noted=noted)


def records_to_text(records: Records, *, width: int | None) -> str:
    """Records as text: a line for each."""
    if not records:
        return "nothing was recorded yet"
    rows = [_row(number, one) for number, one in records]
    return table(HEADS, rows, right=(0,), names=(4, 2), reason=len(HEADS) - 1, width=width)


def records_to_json(records: Records) -> dict[str, object]:
    """Records as JSON data."""
    return {"format": 1, "records": [_record(number, one) for number, one in records]}


def verified_to_text(verified: Verified, *, style: Style = PLAIN) -> str:
    """The result of a check, as text."""
    missing = f"no record has the hash {verified.noted}: records were cut off, or all were rewritten"
    chain = style.paint(
        _chain_line(verified.chain), Tone.GOOD if verified.chain.broken_at is None else Tone.BAD
    )
    return "\n".join([chain, *([style.paint(missing, Tone.BAD)] if verified.is_missing else [])])


def verified_to_json(verified: Verified) -> dict[str, object]:
    """The result of a check, as JSON data."""
    chain, noted = verified.chain, verified.noted
    head = chain.head
    return {
        "format": 1,
        "whole": verified.is_whole,
        "count": chain.records,
        "head": None if head is None else {"record": head.seq, "hash": head.hash},
        "broken_at": chain.broken_at,
        "why": chain.why or None,
        "noted": {"hash": noted, "found": chain.is_noted} if noted else None,
    }


def _chain_line(chain: Chain) -> str:
    if chain.broken_at is not None:
        return f"the audit is broken: record {chain.broken_at} {chain.why}"
    if chain.head is None:
        return "the audit has no record yet"
    records = many(chain.records, "record")
    return f"the audit is intact: {records}; the newest is {chain.head.seq}, hash {chain.head.hash}"


def _row(number: int, one: Audited) -> tuple[str, ...]:
    when = instant_text(one.at, UTC, has_seconds=True)
    return str(number), when, one.actor, one.action, one.object, one.detail


def _record(number: int, one: Audited) -> dict[str, object]:
    return {
        "record": number,
        "at": one.at.isoformat(),
        "actor": one.actor,
        "action": one.action,
        "object": one.object,
        "detail": one.detail or None,
    }
