"""Invariant I8 where hosts share the ledger: what is delivered to them does not get stuck either."""

from collections.abc import Iterator

from engine.answers.findings import Finding
from engine.answers.invariants.coverage import REPORT_IT
from engine.answers.invariants.liveness import OVERDUE, is_awake
from engine.core.hosts import DeliveryState
from engine.core.vocabulary import seconds_text, short
from engine.ledger.host_ports import HostsView
from engine.ledger.ports import View


def check_deliveries(view: View, hosts: HostsView) -> Iterator[Finding]:
    """Each attempt without an end has a delivery; and the end that a host has reported is soon recorded."""
    now = hosts.now()
    live = [one.attempt for one in view.soundness.live_attempts()]
    if not live or not is_awake(view, now=now):
        return
    delivered = {one.attempt.id: one for one in hosts.of_runs(sorted({one.run_id for one in live}))}
    for attempt in live:
        found = delivered.get(attempt.id)
        if found is None:
            since, what = attempt.created_at, "it was not offered to any host"
        elif found.state is DeliveryState.ENDED and found.ended_at is not None:
            since, what = found.ended_at, "its host has reported its end, but no engine has recorded it"
        else:
            continue
        if now - since > OVERDUE:
            late = seconds_text((now - since).total_seconds())
            yield Finding(
                code="invariant.I8",
                found=f"run {short(attempt.run_id)}, attempt {attempt.number}: {what} for {late}",
                help=f"`jobfile hosts` shows whether an engine leads; restart it if it does; {REPORT_IT}",
                run=attempt.run_id,
            )
