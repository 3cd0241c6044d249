"""All invariants of a ledger, one after the other, of one moment."""

from collections.abc import Iterator
from datetime import datetime

from engine.answers.findings import Finding
from engine.answers.invariants.coverage import check_coverage
from engine.answers.invariants.liveness import check_liveness
from engine.answers.invariants.order import check_order
from engine.answers.invariants.rows import check_rows
from engine.answers.invariants.stories import check_stories
from engine.ledger import View


def check_invariants(view: View, *, now: datetime, is_running: bool, max_running: int) -> Iterator[Finding]:
    """What breaks an invariant; nothing, for a ledger that only the engine has written.

    `max_running` is how many attempts the engine lets run at once.
    """
    with view.soundness.snapshot():
        yield from check_coverage(view)
        yield from check_rows(view)
        yield from check_liveness(view, now=now, is_running=is_running, max_running=max_running)
        yield from check_order(view)
        yield from check_stories(view, now=now)
