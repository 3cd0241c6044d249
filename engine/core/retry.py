"""Decides what follows from the end of an attempt: the run's next state, and when it is retried."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, assert_never

from engine.core.expectations import unmet_values
from engine.core.lifecycle import (
    NOT_AGAIN,
    START_REASONS,
    AttemptState,
    Ended,
    Lost,
    Outcome,
    Run,
    RunState,
    StartError,
    Verdict,
)
from engine.core.outputs import Outputs
from engine.core.reasons import Reason
from engine.core.steps import Conclusion
from jobfile.model.hashing import sha256
from jobfile.model.jobs import Action, Backoff, Jitter, JobSpec, RetrySpec, ScriptAction, StepsAction

SIGKILL = 9
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
SHELLS: Final = frozenset({"sh", "bash", "dash", "ash", "busybox", "ksh", "mksh", "zsh"})
OF_A_SIGNAL: Final = range(128 + 1, 128 + 31 + 1)
"""Exit codes of a shell whose command was ended by a standard signal: 128 plus its number, 1 to 31."""


class Tried(Protocol):
    """The parts of a run that a verdict needs."""

    @property
    def id(self) -> str:
        """The run's id: the jitter of the wait is a hash of it."""

    @property
    def state(self) -> RunState:
        """Running, or being cancelled."""

    @property
    def attempt(self) -> int:
        """The number of the attempt that ended."""

    @property
    def started_at(self) -> datetime | None:
        """When its first attempt started; its deadline counts from it."""

    @property
    def reason(self) -> str:
        """Why it is being cancelled."""

    @property
    def detail(self) -> str:
        """Details of that reason."""


def settle(
    run: Tried,
    outcome: Outcome,
    *,
    spec: JobSpec,
    now: datetime,
    gone: str = "",
    outputs: Outputs | None = None,
) -> Verdict:
    """Decide what the store records after an attempt of `run` ended.

    `gone` says why the job is not retried, even if its retries allow it: it was removed or disabled.
    `outputs` are those of the attempt; None when they are not known, as in a simulation.

    Only a recorded exit code 0 is a success, and only with the outputs that the job declares; an exit code of
    `skip_exit` means that there was nothing to do. A job that
    ended by itself before the signal of a cancel or timeout reached it keeps its own outcome: evidence counts
    more than a request.
    """
    match outcome:
        case Ended():
            verdict = _after_end(outcome, run, spec, outputs)
        case StartError() if outcome.reason == Reason.NOT_TAKEN and run.state is RunState.CANCELLING:
            verdict = Verdict(
                attempt_state=AttemptState.NOT_STARTED,
                run_state=RunState.CANCELLED,
                reason=run.reason,
                detail=run.detail,
                ended_at=outcome.at,
            )
        case StartError():
            # Not an execution: nothing ran, so a second attempt would repeat nothing.
            verdict = Verdict(
                attempt_state=AttemptState.NOT_STARTED,
                run_state=RunState.FAILED,
                reason=outcome.reason,
                detail=outcome.detail,
                ended_at=outcome.at,
            )
        case Lost():
            verdict = Verdict(
                attempt_state=AttemptState.LOST,
                run_state=RunState.LOST,
                reason=outcome.reason,
                detail=outcome.detail,
                ended_at=outcome.at,
            )
        case _:
            assert_never(outcome)
    if not _is_tried_again(run, outcome, verdict, spec):
        return verdict
    retry_at = now + max(min(asked_wait(outputs), spec.retry.max_delay), _delay_of(run, spec.retry))
    gone = gone or _too_late(run, spec, retry_at)
    if gone:
        return replace(verdict, detail=f"{NOT_AGAIN}{gone}")
    return replace(verdict, run_state=RunState.RETRY_WAIT, retry_at=retry_at)


def asked_wait(outputs: Outputs | None) -> timedelta:
    """How long the server of a request asks to wait before the next one; `max_delay` limits it."""
    return timedelta() if outputs is None or outputs.refusal is None else outputs.refusal.wait


def _delay_of(run: Tried, retry: RetrySpec) -> timedelta:
    return retry_delay(retry, run_id=run.id, attempt=run.attempt)


def settled_run(run: Run, verdict: Verdict, outcome: Outcome) -> Run:
    """The run after an attempt, as the store records it."""
    return replace(
        run,
        state=verdict.run_state,
        reason=verdict.reason,
        detail=verdict.detail,
        ended_at=verdict.ended_at,
        retry_at=verdict.retry_at,
        exit_code=outcome.exit_code if isinstance(outcome, Ended) else None,
    )


def settle_round(
    run: Tried, end: Conclusion, *, spec: JobSpec, now: datetime, gone: str = "", unmet: str = ""
) -> Verdict:
    """Decide what the store records when all steps of `run` are over; `gone` is as in `settle`.

    A run that is being cancelled has succeeded if all of its steps had before anything was stopped.
    `unmet` is which check of `expect` the files and logs of the steps do not pass.
    """
    if end.state is RunState.SUCCEEDED and not end.is_cut_short:
        length = now - (run.started_at or now)
        unmet = unmet or unmet_values(spec.expect, length=length, ended=None, outputs={})
        if unmet:
            end = Conclusion(state=RunState.FAILED, reason=Reason.EXPECTATION, detail=unmet)
    verdict = Verdict(
        attempt_state=AttemptState(end.state.value),
        run_state=end.state,
        reason=end.reason,
        detail=end.detail,
        ended_at=now,
    )
    if run.state is RunState.CANCELLING:
        if not end.is_cut_short and end.state is not RunState.CANCELLED:
            return verdict
        if end.state is RunState.LOST:
            return verdict
        return replace(verdict, run_state=RunState.CANCELLED, reason=run.reason, detail=run.detail)
    if run.attempt >= spec.retry.attempts or not _is_round_retried(end, spec):
        return verdict
    asked = timedelta() if end.asked_until is None else end.asked_until - now
    retry_at = now + max(min(asked, spec.retry.max_delay), _delay_of(run, spec.retry))
    gone = gone or _too_late(run, spec, retry_at)
    if gone:
        return replace(verdict, detail=f"{verdict.detail}; {NOT_AGAIN}{gone}")
    return replace(verdict, run_state=RunState.RETRY_WAIT, retry_at=retry_at)


def time_to_deadline(spec: JobSpec, run: Tried, *, now: datetime) -> timedelta | None:
    """How long a run may still take, 0 or less when it may not; None without a deadline."""
    if spec.deadline is None:
        return None
    return spec.deadline - (now - (run.started_at or now))


def attempt_limit(spec: JobSpec, run: Tried, *, now: datetime) -> timedelta | None:
    """How long an attempt that starts now may take: its timeout, and at most until the deadline."""
    limits = (spec.timeout, time_to_deadline(spec, run, now=now))
    return min((one for one in limits if one is not None), default=None)


def _too_late(run: Tried, spec: JobSpec, retry_at: datetime) -> str:
    """Why a retry at this time is not made; '' when it is."""
    left = time_to_deadline(spec, run, now=retry_at)
    return "it would start after its deadline" if left is not None and left <= timedelta() else ""


def _is_round_retried(end: Conclusion, spec: JobSpec) -> bool:
    if end.state is RunState.LOST:
        return spec.idempotent
    if end.state not in (RunState.FAILED, RunState.TIMED_OUT) or end.reason in START_REASONS:
        return False
    assert isinstance(spec.action, StepsAction)
    has_shell = any(_runs_in_a_shell(step.action) for step in spec.action.steps if step.name == end.step)
    how, _, number = end.reason.rstrip(")").partition("(")
    ended = Ended(
        started_at=_NEVER,
        ended_at=_NEVER,
        exit_code=int(number) if how == "exit" else None,
        signal=int(number) if how == "signal" else None,
        timed_out=end.state is RunState.TIMED_OUT,
    )
    return any(_matches(one, ended, end.reason, has_shell=has_shell) for one in spec.retry.when)


def retry_delay(retry: RetrySpec, *, run_id: str, attempt: int) -> timedelta:
    """The wait after attempt number `attempt`.

    Deterministic: the jitter is a hash of run and attempt, so a restart computes the same wait.
    """
    match retry.backoff:
        case Backoff.EXPONENTIAL:
            # Far above any maximum; without a bound it would overflow a float.
            factor = 2 ** min(attempt - 1, 40)
        case Backoff.LINEAR:
            factor = attempt
        case Backoff.FIXED:
            factor = 1
        case _:
            assert_never(retry.backoff)
    seconds = min(retry.delay.total_seconds() * factor, retry.max_delay.total_seconds())
    # The first 64 bits of the hash, as a number from 0 to 1.
    chance = int.from_bytes(sha256(f"{run_id}/{attempt}".encode()).digest()[:8], "big") / 2**64
    match retry.jitter:
        case Jitter.HALF:
            seconds *= 0.5 + 0.5 * chance
        case Jitter.FULL:
            seconds *= chance
        case Jitter.NONE:
            pass
        case _:
            assert_never(retry.jitter)
    return timedelta(seconds=seconds)


def state_after(ended: Ended, run: Tried, spec: JobSpec, outputs: Outputs | None = None) -> RunState:
    """The run state for an end that was found after the run was recorded as lost."""
    return _after_end(ended, run, spec, outputs).run_state


def _after_end(ended: Ended, run: Tried, spec: JobSpec, outputs: Outputs | None) -> Verdict:
    attempt_state, run_state, reason = AttemptState.FAILED, RunState.FAILED, f"exit({ended.exit_code})"
    detail = ""
    if ended.stopped and run.state is not RunState.CANCELLING:
        reason = Reason.STOPPED  # by a request that is not in the ledger: not a cancel of ours
    elif ended.stopped:
        attempt_state, run_state = AttemptState.CANCELLED, RunState.CANCELLED
        reason, detail = run.reason or Reason.STOPPED, run.detail
    elif ended.timed_out:
        attempt_state, run_state = AttemptState.TIMED_OUT, RunState.TIMED_OUT
        reason = _over_time(ended, run, spec)
    elif ended.limit == "memory":
        reason, detail = Reason.OOM, "it needed more memory than `limits.memory` allows"
    elif ended.signal is not None:
        # The kernel uses only SIGKILL when memory runs out: another signal has another cause.
        is_memory = ended.out_of_memory and ended.signal == SIGKILL
        reason, detail = (Reason.OOM, "") if is_memory else (f"signal({ended.signal})", _limit_words(ended))
    elif ended.exit_code == 0:
        reason, detail = _left_out(ended, spec, outputs)
        if not reason:
            attempt_state, run_state = AttemptState.SUCCEEDED, RunState.SUCCEEDED
    elif ended.exit_code is not None and any(_holds(codes, ended.exit_code) for codes in spec.skip_exit):
        attempt_state, run_state, reason = AttemptState.SKIPPED, RunState.SKIPPED, Reason.NOTHING_TO_DO
        detail = f"exit code {ended.exit_code}"
    elif outputs is not None and outputs.refusal is not None:
        reason, detail = outputs.refusal.reason, outputs.refusal.detail
    else:
        detail = _limit_words(ended)
    return Verdict(
        attempt_state=attempt_state,
        run_state=run_state,
        reason=reason,
        detail=detail,
        ended_at=ended.ended_at,
    )


def _left_out(ended: Ended, spec: JobSpec, outputs: Outputs | None) -> tuple[str, str]:
    """Why exit code 0 is no success, as reason and detail: empty texts if it is one."""
    if outputs is not None and outputs.problems:
        return Reason.OUTPUTS, outputs.problems[0]
    unmet = ended.unmet
    if outputs is not None and ended.outputs is not None:  # an end that is only assumed has no values
        length = ended.ended_at - ended.started_at
        unmet = unmet or unmet_values(spec.expect, length=length, ended=ended, outputs=outputs.values)
    return (Reason.EXPECTATION, unmet) if unmet else ("", "")


def _over_time(ended: Ended, run: Tried, spec: JobSpec) -> Reason:
    """Which of the two limits an attempt that was ended for its time has reached."""
    left = time_to_deadline(spec, run, now=ended.ended_at)
    return Reason.DEADLINE if left is not None and left <= timedelta() else Reason.TIMEOUT


def _limit_words(ended: Ended) -> str:
    """What ended it, if it was not only the program itself."""
    if ended.limit == "container":
        return "its container could not be made; the output says why"
    if ended.limit:
        return f"it reached `limits.{ended.limit}`"
    # The kernel may have killed a child of the job.
    return "memory ran out while it ran" if ended.out_of_memory and ended.exit_code is not None else ""


def _is_tried_again(run: Tried, outcome: Outcome, verdict: Verdict, spec: JobSpec) -> bool:
    if run.state is RunState.CANCELLING or run.attempt >= spec.retry.attempts:
        return False
    match outcome:
        case StartError():
            return False
        case Lost():
            # Whether the command ran is unknown: only a job that may run twice is retried.
            return spec.idempotent
        case Ended():
            is_bad = verdict.run_state in (RunState.FAILED, RunState.TIMED_OUT)
            has_shell = _runs_in_a_shell(spec.action)
            return is_bad and any(
                _matches(one, outcome, verdict.reason, has_shell=has_shell) for one in spec.retry.when
            )
        case _:
            assert_never(outcome)


def _holds(codes: str, exit_code: int) -> bool:
    """Whether `N` or `N-M` holds an exit code."""
    low, _, high = codes.partition("-")
    return int(low) <= exit_code <= int(high or low)


def _runs_in_a_shell(action: Action) -> bool:
    """Whether a script runs in a shell that exits with 128+N when signal N has ended its command."""
    return isinstance(action, ScriptAction) and action.shell[0].rpartition("/")[2] in SHELLS


def _matches(condition: str, ended: Ended, reason: str, *, has_shell: bool) -> bool:
    """Whether one item of `retry.when` matches this end: any, timeout, signal, exit:N, exit:N-M, connect,
    expectation, http:NNN, http:5xx.

    Of a request, `reason` says how it failed: a server that stopped answering is a timeout too.

    When a signal ends the last command of a script, the shell itself is not killed: it exits with 128 plus
    the signal's number. So for a script such an exit code counts as a signal too.
    """
    match condition.partition(":"):
        case ("any", _, _):
            return True
        case ("timeout", _, _):
            return ended.timed_out or reason == Reason.SILENT
        case (Reason.CONNECT | Reason.EXPECTATION, _, _):
            return reason == condition
        case ("http", _, status):
            return re.fullmatch(f"http\\({status.replace('x', '[0-9]')}\\)", reason) is not None
        case ("signal", _, _):
            is_shells = has_shell and ended.exit_code in OF_A_SIGNAL
            return (ended.signal is not None or is_shells) and not ended.timed_out
        case ("exit", _, codes) if not ended.timed_out and ended.exit_code is not None:
            return _holds(codes, ended.exit_code)
        case _:
            return False
