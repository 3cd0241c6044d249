"""Checks all invariants of a ledger, at one moment."""

from collections.abc import Iterator
from datetime import datetime

from engine.answers.findings import Finding, limited
from engine.answers.invariants.coverage import REPORT_IT, check_coverage
from engine.answers.invariants.liveness import check_liveness
from engine.answers.invariants.order import check_order
from engine.answers.invariants.rows import check_rows
from engine.answers.invariants.stories import check_stories
from engine.ledger.ports import View


def check_invariants(view: View, *, now: datetime, is_running: bool, max_running: int) -> Iterator[Finding]:
    """All violations; none for a ledger that only the engine has written.

    `max_running` is the engine's maximum number of concurrent attempts.
    """
    with view.soundness.snapshot():
        yield from _as_far_as_it_can(check_coverage(view.soundness))
        yield from _as_far_as_it_can(check_rows(view.soundness))
        yield from _as_far_as_it_can(
            check_liveness(view, now=now, is_running=is_running, max_running=max_running)
        )
        if view.hosts is not None and view.hosts.are_sharing():
            from engine.answers.invariants.hosts import check_deliveries  # noqa: PLC0415  start-up time: only with a server

            yield from _as_far_as_it_can(limited(check_deliveries(view, view.hosts)))
        yield from _as_far_as_it_can(check_order(view.soundness))
        yield from _as_far_as_it_can(check_stories(view, now=now))


def _as_far_as_it_can(findings: Iterator[Finding]) -> Iterator[Finding]:
    """The findings of one check; an unreadable row ends this check, but not the others."""
    try:
        yield from findings
    except (ValueError, LookupError) as error:
        yield Finding(
            code="ledger.unreadable",
            found=f"a row cannot be read ({error})",
            help=f"stop the engine and put a copy of `ledger.db` back; {REPORT_IT}",
        )
