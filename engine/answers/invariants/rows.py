"""Invariants I4 to I7, I10 and I11: the rows of a run and of its attempts agree."""

from collections.abc import Iterator, Mapping
from typing import Final

from engine.answers.findings import MAX_LISTED, Finding, limited
from engine.answers.invariants.coverage import REPORT_IT
from engine.core.lifecycle import AttemptState, RunState
from engine.core.records import Suspect
from engine.core.vocabulary import short
from engine.ledger.soundness_ports import Contradictions

_ALIVE = frozenset({AttemptState.STARTING, AttemptState.RUNNING})
_BAD = frozenset({AttemptState.FAILED, AttemptState.TIMED_OUT, AttemptState.LOST})

LAST_ATTEMPT: Final[Mapping[RunState, frozenset[AttemptState | None]]] = {
    RunState.QUEUED: frozenset({None}),
    RunState.RUNNING: _ALIVE,
    RunState.CANCELLING: _ALIVE,
    RunState.RETRY_WAIT: _BAD,
    RunState.SUCCEEDED: frozenset({AttemptState.SUCCEEDED}),
    RunState.FAILED: frozenset({AttemptState.FAILED, AttemptState.NOT_STARTED}),
    RunState.TIMED_OUT: frozenset({AttemptState.TIMED_OUT}),
    # Cancelled before it started, before a host had taken it, while it ran, or while it waited for a retry.
    RunState.CANCELLED: _BAD | {None, AttemptState.CANCELLED, AttemptState.NOT_STARTED},
    RunState.LOST: frozenset({AttemptState.LOST}),
    RunState.SKIPPED: frozenset({None, AttemptState.SKIPPED}),
    RunState.MISSED: frozenset({None}),
}
"""For each state of a run, the possible states of its last attempt; None means that it has no attempt."""


def check_rows(look: Contradictions) -> Iterator[Finding]:
    """Runs whose rows contradict each other."""
    yield from _suspects("invariant.I1", look.torn_occurrences(limit=MAX_LISTED))
    yield from _suspects("invariant.I4", look.half_ended(limit=MAX_LISTED))
    yield from _suspects("invariant.I5", look.misnumbered(limit=MAX_LISTED))
    yield from _suspects("invariant.I6", look.executed_twice(limit=MAX_LISTED))
    yield from _suspects("invariant.I7", look.unproven(limit=MAX_LISTED))
    yield from limited(_check_last_states(look))
    yield from limited(_check_crowds(look))


def _suspects(code: str, found: tuple[Suspect, ...]) -> Iterator[Finding]:
    findings = (
        Finding(
            code=code,
            found=f"run {short(one.run_id)}: {one.said}",
            help=_help(code, one),
            job=one.job,
            run=one.run_id,
        )
        for one in found
    )
    yield from limited(findings, total=found[0].total if found else 0)


def _help(code: str, one: Suspect) -> str:
    story = f"`jobfile logs {short(one.run_id)}`"
    if code == "invariant.I6":
        return (
            f"{story} shows what each wrote; with `idempotent: false` in the job, a lost run is never retried"
        )
    return f"{story} shows what it wrote; {REPORT_IT}"


def _check_last_states(look: Contradictions) -> Iterator[Finding]:
    for one in look.last_states():
        if one.run_state not in tuple(RunState) or one.attempt_state not in (*AttemptState, ""):
            continue  # I4 reports words that are not a state
        attempt = AttemptState(one.attempt_state) if one.attempt_state else None
        if attempt in LAST_ATTEMPT[RunState(one.run_state)]:
            continue
        last = f"whose last attempt is {attempt.value}" if attempt else "without an attempt"
        runs = f"run {short(one.run_id)} is" if one.runs == 1 else f"{one.runs:,} runs are"
        yield Finding(
            code="invariant.I10",
            found=f"{runs} {one.run_state} {last}: no legal transition leads there",
            help=f"`jobfile logs {short(one.run_id)}` shows one; {REPORT_IT}",
            run=one.run_id,
        )


def _check_crowds(look: Contradictions) -> Iterator[Finding]:
    for one in look.crowds(limit=MAX_LISTED + 1):
        yield Finding(
            code="invariant.I11",
            found=f"{one.active} runs are active under `{one.concurrency_key}`; at most {one.limit} may be",
            help=f"`jobfile runs --in running` shows them; {REPORT_IT}",
        )
    for full in look.queue_crowds(limit=MAX_LISTED + 1):
        yield Finding(
            code="invariant.I11",
            found=f"{full.active} runs hold a slot of queue `{full.queue}`, which has {full.slots}",
            help=f"`jobfile runs --in running` shows them; {REPORT_IT}",
        )
