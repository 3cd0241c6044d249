"""Invariant I9: coverage and epochs only grow, even when the wall clock is set back."""

from collections.abc import Iterator

from engine.answers.findings import Finding, limited
from engine.answers.invariants.coverage import REPORT_IT
from engine.core.records import Schedule, Session
from engine.ledger.soundness_ports import Soundness


def check_order(look: Soundness) -> Iterator[Finding]:
    """Schedules and sessions that are out of order."""
    yield from limited(_schedules(look))
    yield from limited(_sessions(look))


def _schedules(look: Soundness) -> Iterator[Finding]:
    newest = look.clock_epoch()
    for key in look.set_keys():
        before: Schedule | None = None
        for one in look.schedules(key):
            said = _wrong(one, before, newest)
            if said:
                yield Finding(
                    code="invariant.I9",
                    found=f"schedule {one.id} {said}",
                    help=f"`jobfile generations` shows when it came into force; {REPORT_IT}",
                    job=one.job,
                )
            before = one


def _wrong(one: Schedule, before: Schedule | None, clock_epoch: int) -> str:
    """What is out of order about a schedule; empty when nothing is."""
    if one.covered_until < one.active_from:
        return "is accounted for up to an instant before it began"
    if one.active_until is not None and one.covered_until != one.active_until:
        return "has ended, but is not accounted for up to its end"
    if before is not None and (before.active_until is None or one.active_from < before.active_until):
        return f"began before schedule {before.id} of the same set had ended"
    if one.clock_epoch > clock_epoch:
        return f"is of clock epoch {one.clock_epoch}, but the ledger is in {clock_epoch}"
    if one.active_until is None and one.clock_epoch != clock_epoch:
        return f"is in force in clock epoch {one.clock_epoch}, but the ledger is in {clock_epoch}"
    return ""


def _sessions(look: Soundness) -> Iterator[Finding]:
    """Sessions that are out of order by the clock that never goes back: the seconds since boot."""
    newest: dict[str, Session] = {}
    for one in look.sessions():
        before = newest.get(one.boot_id)
        if before is not None and _is_earlier(one.boot_seconds, before.boot_seconds):
            yield Finding(
                code="invariant.I9",
                found=f"engine {one.epoch} was last seen before engine {before.epoch} of the same boot",
                help=f"`jobfile status` shows the newest; {REPORT_IT}",
            )
        newest = {one.boot_id: one}


def _is_earlier(seconds: float | None, than: float | None) -> bool:
    """Whether both are known and the first is less."""
    return seconds is not None and than is not None and seconds < than
