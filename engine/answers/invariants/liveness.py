"""Invariant I8: nothing is in limbo.

Each open run has a live attempt or a time, and an engine leaves none overdue.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from engine.answers.findings import MAX_LISTED, Finding, limited
from engine.answers.invariants.coverage import REPORT_IT
from engine.core.lifecycle import Run, TriggerKind
from engine.core.records import CLOCK_HOLD, DISK_HOLD, RESTORED_HOLD, SILENT
from engine.core.vocabulary import seconds_text, short
from engine.ledger.ports import View
from jobfile.schedule.occurrences import next_fire

OVERDUE: Final = timedelta(minutes=5)
"""The longest time that an engine may leave something due undone, and the time
that a new one gets to start.
"""


def check_liveness(view: View, *, now: datetime, is_running: bool, max_running: int) -> Iterator[Finding]:
    """Open runs that nothing will ever change, and due work that the engine leaves undone."""
    found = view.soundness.ownerless(limit=MAX_LISTED)
    limbo = (
        Finding(
            code="invariant.I8",
            found=f"run {short(one.run_id)}: {one.said}",
            help=f"`jobfile cancel {short(one.run_id)}` ends it; {REPORT_IT}",
            job=one.job,
            run=one.run_id,
        )
        for one in found
    )
    yield from limited(limbo, total=found[0].total if found else 0)
    if is_running and is_awake(view, now=now):
        yield from limited(_overdue(view, now=now, max_running=max_running))


def is_awake(view: View, *, now: datetime) -> bool:
    """Whether the open session is an engine that should do what is due: alive, not
    new, and without a hold.
    """
    session = view.last_session()
    if session is None or session.epoch != view.soundness.newest_epoch() or session.ended_at is not None:
        return False
    is_heard_of = now - session.last_seen_at <= SILENT
    is_held = any(view.soundness.hold(kind) is not None for kind in (CLOCK_HOLD, RESTORED_HOLD))
    return is_heard_of and now - session.started_at > OVERDUE and not is_held


def _overdue(view: View, *, now: datetime, max_running: int) -> Iterator[Finding]:
    before = now - OVERDUE
    for schedule in view.soundness.schedules_in_force():
        fire = next_fire(schedule.entries, after=schedule.covered_until)
        if fire is not None and fire.at < before:
            late = seconds_text((now - fire.at).total_seconds())
            yield Finding(
                code="invariant.I8",
                found=f"an occurrence fell due {late} ago, and the engine has not accounted for it",
                help="`jobfile status` shows whether the engine works; restart it if it does not",
                job=schedule.job,
            )
    oldest_end = view.following.oldest_end()
    if oldest_end is not None and oldest_end < before:
        late = seconds_text((now - oldest_end).total_seconds())
        yield Finding(
            code="invariant.I8",
            found=f"a run that other jobs follow ended {late} ago, and the engine has not acted on that",
            help="`jobfile status` shows whether the engine works; restart it if it does not",
        )
    if view.soundness.hold(DISK_HOLD) is not None or len(view.soundness.live_attempts()) >= max_running:
        return
    newest = view.soundness.newest_intent()
    is_pacing = newest is not None and newest > before
    for run in view.soundness.overdue(before=before, limit=MAX_LISTED + 1):
        if run.trigger is not TriggerKind.CATCHUP or not is_pacing:
            yield _stuck(run, now=now)


def _stuck(run: Run, *, now: datetime) -> Finding:
    due_at = run.retry_at or run.not_before
    late = seconds_text((now - due_at).total_seconds())
    return Finding(
        code="invariant.I8",
        found=f"run {short(run.id)} could have continued {late} ago, but is still {run.state.value}",
        help="`jobfile status` shows whether the engine works; restart it if it does not",
        job=run.job,
        run=run.id,
    )
