"""What follows from an outcome."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.lifecycle import LEGAL_MOVES, AttemptState, Ended, Lost, Outcome, RunState, StartError
from engine.core.retry import retry_delay, settle, state_after
from jobfile.model.jobs import Backoff, Jitter, RetrySpec, ScriptAction
from tests.builders import NOON, a_job, a_run
from tests.together import together


def ended(exit_code: int | None = 0, **fields: object) -> Ended:
    return Ended(started_at=NOON, ended_at=NOON, exit_code=exit_code, **fields)  # type: ignore[arg-type]  # builder


outcomes = st.one_of(
    st.builds(
        ended,
        st.none() | st.integers(0, 255),
        signal=st.none() | st.integers(1, 31),
        timed_out=st.booleans(),
        stopped=st.booleans(),
    ),
    st.just(StartError(at=NOON, reason="start_error")),
    st.just(Lost(at=NOON, reason="supervisor_killed")),
    st.just(Lost(at=NOON, reason="host_cut_off")),
)
retries = st.builds(
    RetrySpec,
    attempts=st.integers(1, 5),
    delay=st.timedeltas(timedelta(0), timedelta(days=1)),
    backoff=st.sampled_from(Backoff),
    max_delay=st.timedeltas(timedelta(0), timedelta(days=2)),
    jitter=st.sampled_from(Jitter),
    when=st.lists(
        st.sampled_from(["any", "timeout", "signal", "exit:7", "exit:3-9"]), min_size=1, max_size=3
    ).map(tuple),
)


@given(
    outcomes,
    retries,
    st.integers(1, 6),
    st.booleans(),
    st.sampled_from([RunState.RUNNING, RunState.CANCELLING]),
)
def test_every_verdict_is_a_legal_move(
    outcome: Outcome, retry: RetrySpec, attempt: int, idempotent: bool, state: RunState
) -> None:
    spec = a_job(retry=retry, idempotent=idempotent)
    run = a_run(spec, state=state, attempt=attempt)
    verdict = settle(run, outcome, spec=spec, now=NOON)
    assert verdict.run_state in LEGAL_MOVES[state]
    assert (verdict.retry_at is not None) == (verdict.run_state is RunState.RETRY_WAIT)
    if verdict.run_state is RunState.RETRY_WAIT:
        assert attempt < retry.attempts


@given(outcomes)
def test_success_comes_only_from_a_recorded_exit_code_0(outcome: Outcome) -> None:
    run = a_run(state=RunState.RUNNING, attempt=1)
    verdict = settle(run, outcome, spec=a_job(), now=NOON)
    is_clean = (
        isinstance(outcome, Ended)
        and outcome.exit_code == 0
        and outcome.signal is None
        and not outcome.timed_out
        and not outcome.stopped
    )
    assert (verdict.run_state is RunState.SUCCEEDED) == is_clean


def test_a_lost_attempt_is_retried_only_when_the_job_may_run_twice() -> None:
    lost = Lost(at=NOON, reason="supervisor_killed")
    retry = RetrySpec(attempts=3)
    careful, brave = a_job(retry=retry), a_job(retry=retry, idempotent=True)
    run = a_run(state=RunState.RUNNING, attempt=1)
    assert settle(run, lost, spec=careful, now=NOON).run_state is RunState.LOST
    assert settle(run, lost, spec=brave, now=NOON).run_state is RunState.RETRY_WAIT


@pytest.mark.parametrize("when", [("any",), ("signal", "timeout", "exit:0-255"), ("any", "signal")])
@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.CANCELLING])
def test_what_was_killed_because_its_host_was_cut_off_is_retried_only_when_it_may_run_twice(
    when: tuple[str, ...], state: RunState
) -> None:
    """Whatever `when` allows: that is about ends that the job itself had."""
    lost = Lost(at=NOON, reason="host_cut_off")
    retry = RetrySpec(attempts=3, when=when)
    run = a_run(state=state, attempt=1)
    careful = settle(run, lost, spec=a_job(retry=retry), now=NOON)
    assert (careful.attempt_state, careful.run_state) == (AttemptState.LOST, RunState.LOST)
    assert (careful.reason, careful.retry_at) == ("host_cut_off", None)
    brave = settle(run, lost, spec=a_job(retry=retry, idempotent=True), now=NOON)
    again = RunState.RETRY_WAIT if state is RunState.RUNNING else RunState.LOST
    assert (brave.run_state, brave.reason) == (again, "host_cut_off")
    last = a_run(state=state, attempt=3)
    assert settle(last, lost, spec=a_job(retry=retry, idempotent=True), now=NOON).run_state is RunState.LOST


def test_a_job_that_ended_before_the_signal_of_a_cancel_keeps_its_success() -> None:
    run = a_run(state=RunState.CANCELLING, attempt=1)
    assert settle(run, ended(0), spec=a_job(), now=NOON).run_state is RunState.SUCCEEDED
    assert settle(run, ended(0, stopped=True), spec=a_job(), now=NOON).run_state is RunState.CANCELLED


def test_a_start_error_is_no_attempt_of_the_command_and_is_not_repeated() -> None:
    spec = a_job(retry=RetrySpec(attempts=5))
    verdict = settle(
        a_run(state=RunState.RUNNING, attempt=1),
        StartError(at=NOON, reason="start_error", detail="program `nope` not found"),
        spec=spec,
        now=NOON,
    )
    assert (verdict.attempt_state, verdict.run_state) == (AttemptState.NOT_STARTED, RunState.FAILED)


def test_only_the_named_ends_are_tried_again() -> None:
    spec = a_job(retry=RetrySpec(attempts=3, when=("exit:75", "timeout")))
    run = a_run(state=RunState.RUNNING, attempt=1)
    assert settle(run, ended(75), spec=spec, now=NOON).run_state is RunState.RETRY_WAIT
    assert settle(run, ended(1), spec=spec, now=NOON).run_state is RunState.FAILED
    assert settle(run, ended(None, signal=9), spec=spec, now=NOON).run_state is RunState.FAILED
    timed_out = ended(None, signal=15, timed_out=True)
    assert settle(run, timed_out, spec=spec, now=NOON).run_state is RunState.RETRY_WAIT


@given(retries, st.text("0123456789abcdef", min_size=32, max_size=32), st.integers(1, 200))
def test_the_wait_is_bounded_and_the_same_when_it_is_computed_again(
    retry: RetrySpec, run_id: str, attempt: int
) -> None:
    delay = retry_delay(retry, run_id=run_id, attempt=attempt)
    assert timedelta(0) <= delay <= retry.max_delay
    assert delay == retry_delay(retry, run_id=run_id, attempt=attempt)


@given(retries, st.text("0123456789abcdef", min_size=32, max_size=32), st.integers(1, 60))
def test_jitter_spreads_the_wait_over_the_part_that_it_names(
    retry: RetrySpec, run_id: str, attempt: int
) -> None:
    """`none` is the whole wait; `half` is at least half of it, `full` any part."""

    def wait(jitter: Jitter, run: str = run_id) -> float:
        return retry_delay(replace(retry, jitter=jitter), run_id=run, attempt=attempt).total_seconds()

    whole, nearly = wait(Jitter.NONE), 1e-5
    assert whole <= retry.max_delay.total_seconds()
    assert whole / 2 - nearly <= wait(Jitter.HALF) <= whole + nearly
    assert wait(Jitter.HALF) == pytest.approx(whole / 2 + wait(Jitter.FULL) / 2, abs=nearly)
    for jitter in (Jitter.HALF, Jitter.FULL):
        several = {wait(jitter, f"{run_id}{number}") for number in range(20)}
        assert whole < 1 or len(several) > 15
    assert whole < 1 or min(wait(Jitter.FULL, f"{run_id}{number}") for number in range(40)) < whole / 2


def test_backoff_grows_as_it_is_named() -> None:
    def waits(backoff: Backoff) -> list[float]:
        retry = RetrySpec(delay=timedelta(seconds=10), backoff=backoff, jitter=Jitter.NONE)
        return [retry_delay(retry, run_id="a", attempt=n).total_seconds() for n in (1, 2, 3, 4)]

    assert waits(Backoff.EXPONENTIAL) == [10, 20, 40, 80]
    assert waits(Backoff.LINEAR) == [10, 20, 30, 40]
    assert waits(Backoff.FIXED) == [10, 10, 10, 10]


def test_a_kill_because_memory_ran_out_has_its_own_reason_and_counts_as_a_signal() -> None:
    spec = a_job(retry=RetrySpec(attempts=3, when=("signal",)))
    run = a_run(spec, state=RunState.RUNNING, attempt=1)
    killed = settle(run, ended(None, signal=9, out_of_memory=True), spec=spec, now=NOON)
    assert (killed.run_state, killed.reason) == (RunState.RETRY_WAIT, "oom")
    segfault = settle(run, ended(None, signal=11, out_of_memory=True), spec=spec, now=NOON)
    assert segfault.reason == "signal(11)"
    child = settle(run, ended(137, out_of_memory=True), spec=a_job(), now=NOON)
    assert (child.reason, child.detail) == ("exit(137)", "memory ran out while it ran")
    late = settle(run, ended(None, signal=9, timed_out=True, out_of_memory=True), spec=a_job(), now=NOON)
    assert late.reason == "timeout"


# Each item of `retry.when`, and each end, against what is said of them


ENDS = {
    "exit(0)": ended(0),
    "exit(1)": ended(1),
    "exit(7)": ended(7),
    "exit(9)": ended(9),
    "signal(9)": ended(None, signal=9),
    "signal(11)": ended(None, signal=11),
    "timeout": ended(None, signal=15, timed_out=True),
    "timeout, and it left by itself": ended(7, timed_out=True),
}
NAMED = {
    "any": set(ENDS) - {"exit(0)"},
    "timeout": {"timeout", "timeout, and it left by itself"},
    "signal": {"signal(9)", "signal(11)"},
    "exit:1": {"exit(1)"},
    "exit:7": {"exit(7)"},
    "exit:7-9": {"exit(7)", "exit(9)"},
    "exit:2-6": set(),
    "exit:0-255": {"exit(1)", "exit(7)", "exit(9)"},
}


@together("condition", NAMED)
@together("end", ENDS)
def test_an_end_is_retried_when_it_is_named(condition: str, end: str) -> None:
    for when in ((condition,), ("exit:250", condition), (condition, "exit:250")):
        spec = a_job(retry=RetrySpec(attempts=2, when=when))
        verdict = settle(a_run(state=RunState.RUNNING, attempt=1), ENDS[end], spec=spec, now=NOON)
        assert (verdict.run_state is RunState.RETRY_WAIT) == (end in NAMED[condition])
        wait = retry_delay(spec.retry, run_id="0" * 32, attempt=1)
        assert verdict.retry_at == (NOON + wait if end in NAMED[condition] else None)
        last = settle(a_run(state=RunState.RUNNING, attempt=2), ENDS[end], spec=spec, now=NOON)
        states = {"exit(0)": "succeeded", "timeout": "timed_out"}
        state = states.get(end.partition(",")[0], "failed")
        assert (last.run_state.value, last.attempt_state.value) == (state, state)
        assert verdict.attempt_state is last.attempt_state


@pytest.mark.parametrize(
    ("asked", "reason"), [("by_hand", "by_hand"), ("replaced", "replaced"), ("", "stopped")]
)
def test_a_cancelled_run_says_who_wished_it(asked: str, reason: str) -> None:
    run = a_run(state=RunState.CANCELLING, attempt=1, reason=asked, detail="anna")
    verdict = settle(run, ended(None, signal=15, stopped=True), spec=a_job(), now=NOON)
    assert (verdict.run_state, verdict.reason, verdict.detail) == (RunState.CANCELLED, reason, "anna")
    assert verdict.attempt_state is AttemptState.CANCELLED
    unasked = a_run(state=RunState.RUNNING, attempt=1, reason="", detail="")
    other = settle(unasked, ended(None, signal=15, stopped=True), spec=a_job(), now=NOON)
    assert (other.run_state, other.reason) == (RunState.FAILED, "stopped")


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.CANCELLING])
def test_what_did_not_start_or_was_lost_keeps_its_own_words(state: RunState) -> None:
    run, spec = a_run(state=state, attempt=1), a_job(retry=RetrySpec(attempts=3))
    unstarted = StartError(at=NOON, reason="template_error", detail="d")
    lost = Lost(at=NOON, reason="oom", detail="d")
    for outcome, attempt_state, run_state in (
        (unstarted, AttemptState.NOT_STARTED, RunState.FAILED),
        (lost, AttemptState.LOST, RunState.LOST),
    ):
        verdict = settle(run, outcome, spec=spec, now=NOON)
        assert (verdict.attempt_state, verdict.run_state) == (attempt_state, run_state)
        assert (verdict.reason, verdict.detail, verdict.ended_at) == (outcome.reason, "d", NOON)


def test_an_end_found_late_means_what_it_would_have_meant() -> None:
    run = a_run(state=RunState.LOST, attempt=1)
    spec = a_job(skip_exit=("75",))
    assert state_after(ended(0), run, spec) is RunState.SUCCEEDED
    assert state_after(ended(1), run, spec) is RunState.FAILED
    assert state_after(ended(75), run, spec) is RunState.SKIPPED
    assert state_after(ENDS["timeout"], run, spec) is RunState.TIMED_OUT


CODES = st.integers(1, 255)
RANGES = st.tuples(CODES, CODES).map(sorted).map(lambda two: f"{two[0]}-{two[1]}")


@given(st.lists(CODES.map(str) | RANGES, min_size=1, max_size=4), st.integers(0, 255), st.booleans())
def test_an_exit_code_that_means_nothing_to_do_is_no_failure_and_is_not_retried(
    skip_exit: list[str], code: int, is_cancelling: bool
) -> None:
    spec = a_job(skip_exit=tuple(skip_exit), retry=RetrySpec(attempts=3))
    run = a_run(spec, state=RunState.CANCELLING if is_cancelling else RunState.RUNNING, attempt=1)
    named = {
        one for codes in skip_exit for one in range(int(codes.split("-")[0]), int(codes.split("-")[-1]) + 1)
    }
    verdict = settle(run, ended(code), spec=spec, now=NOON)
    plain = settle(run, ended(code), spec=replace(spec, skip_exit=()), now=NOON)
    if code not in named:
        assert verdict == plain
        return
    assert (verdict.attempt_state, verdict.run_state) == (AttemptState.SKIPPED, RunState.SKIPPED)
    assert (verdict.reason, verdict.detail) == ("nothing_to_do", f"exit code {code}")
    assert verdict.retry_at is None


def test_an_exit_code_after_a_timeout_or_a_cancel_does_not_mean_nothing_to_do() -> None:
    spec = a_job(skip_exit=("1-255",))
    run = a_run(spec, state=RunState.RUNNING, attempt=1)
    assert settle(run, ended(7, timed_out=True), spec=spec, now=NOON).run_state is RunState.TIMED_OUT
    cancelling = replace(run, state=RunState.CANCELLING, reason="by_hand")
    assert settle(cancelling, ended(7, stopped=True), spec=spec, now=NOON).run_state is RunState.CANCELLED
    assert settle(run, ended(None, signal=9), spec=spec, now=NOON).run_state is RunState.FAILED


SCRIPT = ScriptAction(text="x", compiled="x", values=(), shell=("sh", "-eu"))


@given(st.integers(0, 255), st.sampled_from(["sh", "bash", "/bin/dash", "/usr/bin/zsh", "python3", "node"]))
def test_a_shell_that_ends_for_a_signal_of_its_command_counts_as_that_signal(code: int, shell: str) -> None:
    action = replace(SCRIPT, shell=(shell, "-e"))
    spec = a_job(action=action, retry=RetrySpec(attempts=3, when=("signal",)))
    run = a_run(spec, state=RunState.RUNNING, attempt=1)
    verdict = settle(run, ended(code), spec=spec, now=NOON)
    is_shell = shell not in ("python3", "node")
    is_tried = is_shell and 129 <= code <= 159
    assert (verdict.run_state is RunState.RETRY_WAIT) == is_tried
    assert verdict.reason == ("" if code == 0 else f"exit({code})")


def test_a_command_that_ends_with_such_a_code_by_itself_was_not_killed() -> None:
    spec = a_job(retry=RetrySpec(attempts=3, when=("signal",)))
    run = a_run(spec, state=RunState.RUNNING, attempt=1)
    assert settle(run, ended(139), spec=spec, now=NOON).run_state is RunState.FAILED


def test_a_timeout_of_a_script_is_no_signal() -> None:
    spec = a_job(action=SCRIPT, retry=RetrySpec(attempts=3, when=("signal",)))
    run = a_run(spec, state=RunState.RUNNING, attempt=1)
    assert settle(run, ended(143, timed_out=True), spec=spec, now=NOON).run_state is RunState.TIMED_OUT
