"""Area: the invariants, in the ledger and beside it: recorded ends, and the ledger's high-water mark."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from engine.answers.findings import Examined, Finding, limited
from engine.answers.invariants.checking import check_invariants
from engine.answers.invariants.coverage import REPORT_IT
from engine.core.lifecycle import AttemptKey, Ended, Run, RunState
from engine.core.reasons import Reason
from engine.core.step_states import StepState
from engine.core.vocabulary import short
from engine.doctor.ledgerfile import summed_up
from engine.doctor.subject import Subject
from engine.execution.evidence_reader import read_result
from engine.host.high_water_mark import find_rewind
from engine.host.keys import read_key
from engine.ledger.ports import View
from engine.supervisor.evidence import NAME, beside

MAX_RESULTS: Final = 1_000
"""Maximum number of successful runs, newest first, whose recorded ends are read again."""


def examine_invariants(subject: Subject) -> Examined:
    """Check the invariants."""
    view = subject.view
    if view is None:
        return Examined(area="invariant", looked_at="there is no ledger to check", is_skipped=True)
    found = check_invariants(
        view, now=subject.now, is_running=subject.is_running, max_running=_most_running(subject, view)
    )
    findings = (*found, *limited(_check_results(subject, view)), *_check_note(subject, view))
    return Examined(area="invariant", looked_at=summed_up(view), findings=findings)


def _most_running(subject: Subject, view: View) -> int:
    """How many attempts may run at once: with several hosts, as many as their slots."""
    if view.hosts is None or not view.hosts.are_sharing():
        return subject.config.max_running
    return sum(host.slots for host in view.hosts.all() if host.takes_work)


def _check_results(subject: Subject, view: View) -> Iterator[Finding]:
    """I7 on the disk: if the folder of a successful run still exists, its recorded end is a success too."""
    key = read_key(subject.config.state_dir)
    for run in view.recent_runs(job=None, state=RunState.SUCCEEDED, limit=MAX_RESULTS):
        yield from _check_result(subject, view, run, key)


def _check_result(subject: Subject, view: View, run: Run, key: bytes) -> Iterator[Finding]:
    for attempt in _successes(view, run):
        folder = subject.config.attempt_dir(attempt)
        result = read_result(folder, key)
        if isinstance(result, Ended) and result.exit_code == 0 and not result.timed_out:
            continue
        evidence = Path(beside(str(folder), NAME))
        is_here = view.hosts is None or not view.hosts.are_sharing()
        is_there = evidence.exists() or (is_here and subject.config.run_dir(run.id).exists())
        if result is None and (not is_there or view.run(run.id) is None):
            continue
        said = "is missing or torn" if result is None else "is not a success"
        yield Finding(
            code="invariant.I7",
            found=f"run {short(run.id)} succeeded, but its recorded end {said}",
            help=f"`jobfile logs {short(run.id)}` shows what it wrote; {REPORT_IT}",
            job=run.job,
            run=run.id,
            path=str(evidence),
        )


def _successes(view: View, run: Run) -> list[AttemptKey]:
    """The attempts that made a run a success."""
    if run.begun_at is None:
        return [run.last_attempt]
    return [
        AttemptKey(run.id, one.attempt, one.step, one.item)
        for one in view.steps(run.id)
        if one.state is StepState.SUCCEEDED and one.items is None and one.reason != Reason.KEPT
    ]


def _check_note(subject: Subject, view: View) -> Iterator[Finding]:
    """I9 beside the ledger: the high-water mark is not ahead of this ledger."""
    rewind = find_rewind(
        subject.config.state_dir,
        epoch=view.soundness.newest_epoch(),
        covered_until=view.soundness.max_covered_until(),
    )
    if rewind is not None:
        upto = f", up to {rewind.covered_until:%Y-%m-%dT%H:%M:%SZ}" if rewind.covered_until else ""
        yield Finding(
            code="invariant.I9",
            found=f"the ledger is an older copy: engine {rewind.epoch} has run here{upto}",
            help="put the newer ledger back, or continue from the copy with `jobfile up --accept-rewind`",
            path=subject.config.ledger_name,
        )
