"""Tests that every store must pass.

A store's test module defines a fixture `open_ledger` and imports all of this.
"""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product, takewhile
from typing import Any, NamedTuple

import pytest

from engine.core.errors import SupersededError
from engine.core.histograms import UNBOUNDED, Histogram
from engine.core.lifecycle import (
    ACTIVE_STATES,
    LEGAL_MOVES,
    Artifact,
    AttemptKey,
    AttemptState,
    Ended,
    Run,
    RunState,
    TriggerEvent,
    TriggerKind,
    Verdict,
)
from engine.core.records import (
    CLOCK_HOLD,
    DISK_HOLD,
    RESTORED_HOLD,
    Backlog,
    Generation,
    LastState,
    Owed,
    Pause,
    SetKey,
    Tally,
)
from engine.ledger.ports import View
from engine.ledger.slot_ports import SlotCount
from engine.ledger.store_ports import Store
from engine.ports import Stop
from tests.builders import DAY, HOUR, MINUTE, NOON, a_job, a_run, compiled, every


class Ledger(NamedTuple):
    """A store and a view on the same ledger."""

    store: Store
    view: View


OpenLedger = Callable[[], Ledger]
SECOND = timedelta(seconds=1)

SUCCEEDED = Verdict(
    attempt_state=AttemptState.SUCCEEDED, run_state=RunState.SUCCEEDED, ended_at=NOON + MINUTE
)
ENDED = Ended(started_at=NOON, ended_at=NOON + MINUTE, exit_code=0, output_bytes=12)


def generation() -> Generation:
    return Generation(
        number=0, digest="d", applied_at=NOON, applied_by="anna", main_file="jobs.yaml", revision="abc"
    )


def apply(store: Store, name: str = "hello") -> int:
    spec = a_job(name, schedule=every(minutes=1))
    with store.transaction():
        number = store.add_generation(generation(), tzdata_version="2026a", cron_semantics=1)
        store.add_job(compiled(spec), generation=number)
        store.add_schedule(spec.name, spec.schedule, schedule_key="default", generation=number, now=NOON)
    return number


def queue(store: Store, run: Run) -> Run:
    with store.transaction():
        store.add_definition(compiled(a_job(run.job)))
        store.add_run(run)
    return run


def start(store: Store, run: Run) -> Run:
    with store.transaction():
        assert store.start(run, boot_id="boot", now=NOON)
    started = store.run(run.id)
    assert started is not None
    return started


def test_a_transaction_that_fails_leaves_nothing(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    with pytest.raises(ZeroDivisionError), ledger.store.transaction():
        ledger.store.add_definition(compiled(a_job()))
        ledger.store.add_run(a_run())
        raise ZeroDivisionError
    assert ledger.view.recent_runs(job=None, state=None, limit=10) == ()


def test_a_run_comes_back_as_it_was_written(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    params = {"name": 'a "quoted"\nname \U0001f600', "count": 3, "rate": 0.5, "on": True, "tags": ("a", "b")}
    run = queue(ledger.store, a_run(params=params, requested_by="anna"))
    assert ledger.view.run(run.id) == run


def test_an_occurrence_is_recorded_at_most_once(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    first = a_run(trigger=TriggerKind.SCHEDULE, schedule_key="default")
    queue(ledger.store, first)
    with pytest.raises(Exception, match=r"UNIQUE|unique"), ledger.store.transaction():
        ledger.store.add_run(replace(first, id="1" * 32))


def test_a_start_commits_to_the_next_attempt_once(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    run = queue(ledger.store, a_run())
    started = start(ledger.store, run)
    assert (started.state, started.attempt, started.started_at) == (RunState.RUNNING, 1, NOON)
    with ledger.store.transaction():
        assert not ledger.store.start(run, boot_id="boot", now=NOON)
    (live,) = ledger.store.live_attempts()
    assert (live.attempt.run_id, live.attempt.number) == (run.id, 1)
    assert live.attempt.state is AttemptState.STARTING


def test_the_limit_holds_at_the_instant_of_the_start(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    one = queue(ledger.store, a_run(id="1" * 32, concurrency_limit=1))
    two = queue(ledger.store, a_run(id="2" * 32, concurrency_limit=1))
    assert {run.id for run in ledger.store.startable(now=NOON, limit=10, is_catchup=False)} == {
        one.id,
        two.id,
    }
    with ledger.store.transaction():
        assert ledger.store.start(one, boot_id="boot", now=NOON)
        assert not ledger.store.start(two, boot_id="boot", now=NOON)
    assert ledger.store.startable(now=NOON, limit=10, is_catchup=False) == ()


def test_runs_start_in_the_order_in_which_they_were_due(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    late = queue(ledger.store, a_run(id="1" * 32, scheduled_for=NOON, concurrency_limit=None))
    early = queue(ledger.store, a_run(id="2" * 32, scheduled_for=NOON - HOUR, concurrency_limit=None))
    future = queue(ledger.store, a_run(id="3" * 32, not_before=NOON + HOUR, concurrency_limit=None))
    assert [run.id for run in ledger.store.startable(now=NOON, limit=10, is_catchup=False)] == [
        early.id,
        late.id,
    ]
    assert ledger.store.next_wake(now=NOON) == future.not_before


def test_an_end_is_recorded_once_and_is_final(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    run = start(ledger.store, queue(ledger.store, a_run()))
    with ledger.store.transaction():
        assert ledger.store.settle(run, SUCCEEDED, ENDED)
        assert not ledger.store.settle(run, SUCCEEDED, ENDED)
        assert not ledger.store.request_stop(run.id, Stop.CANCEL, reason="by_hand", detail="", now=NOON)
    ended = ledger.view.run(run.id)
    assert ended is not None
    assert (ended.state, ended.exit_code, ended.ended_at) == (RunState.SUCCEEDED, 0, NOON + MINUTE)
    (attempt,) = ledger.view.attempts(run.id)
    assert (attempt.state, attempt.output_bytes) == (AttemptState.SUCCEEDED, 12)
    assert ledger.store.last_success("hello", before=NOON + HOUR) == NOON + MINUTE


def a_run_that_is(store: Store, state: RunState) -> Run:
    """A run that has reached a state by moves of the store."""
    queued = queue(store, a_run(reason="spread" if state is RunState.QUEUED else ""))
    ends = {RunState.SKIPPED, RunState.MISSED}
    if state is RunState.QUEUED:
        return queued
    with store.transaction():
        if state in ends:
            assert store.end_waiting(queued.id, state=state, reason="x", detail="", now=NOON)
        else:
            assert store.start(queued, boot_id="boot", now=NOON)
            if state in (RunState.CANCELLING, RunState.CANCELLED):
                assert store.request_stop(queued.id, Stop.CANCEL, reason="x", detail="", now=NOON)
            running = store.run(queued.id)
            assert running is not None
            if state not in (RunState.RUNNING, RunState.CANCELLING):
                assert store.settle(running, replace(SUCCEEDED, run_state=state, retry_at=NOON), ENDED)
    found = store.run(queued.id)
    assert found is not None
    assert found.state is state
    return found


@pytest.mark.parametrize("before", RunState)
def test_a_run_makes_every_legal_move_and_no_other(open_ledger: OpenLedger, before: RunState) -> None:
    """For each way to move a run, from each state to each state."""
    store = open_ledger().store
    run = a_run_that_is(store, before)
    made = set()

    def ask(way: Callable[[], object]) -> None:
        """Try it in a transaction that is rolled back, so that the next one starts from the same state."""
        with suppress(ZeroDivisionError), store.transaction():
            with suppress(AssertionError):
                way()
            found = store.run(run.id)
            assert found is not None
            made.add(found.state)
            _ = 1 / 0

    for after in RunState:
        verdict = replace(SUCCEEDED, run_state=after, retry_at=NOON)
        decided = replace(run, state=after, reason="decided")
        ask(lambda: store.settle(run, verdict, ENDED))  # noqa: B023  asked within the loop
        ask(lambda: store.decide(decided))  # noqa: B023
        ask(lambda: store.end_waiting(run.id, state=after, reason="x", detail="", now=NOON))  # noqa: B023
    ask(lambda: store.decide(replace(run, reason="")) and store.start(run, boot_id="b", now=NOON))
    ask(lambda: store.start(run, boot_id="b", now=NOON))
    ask(lambda: store.request_stop(run.id, Stop.CANCEL, reason="x", detail="", now=NOON))
    ask(lambda: store.expire_waiting(now=NOON + DAY))
    assert made - {before} == LEGAL_MOVES[before]


def test_a_verdict_about_a_run_that_is_another_by_now_is_not_made_true(open_ledger: OpenLedger) -> None:
    store = open_ledger().store
    run = start(store, queue(store, a_run()))
    with store.transaction():
        assert store.request_stop(run.id, Stop.CANCEL, reason="by_hand", detail="", now=NOON)
        assert not store.settle(run, SUCCEEDED, ENDED), "it was cancelled since"
        assert len(store.live_attempts()) == 1, "and its attempt is as it was"
        cancelling = store.run(run.id)
        assert cancelling is not None
        store.rename_job("hello", "goodbye")
        assert not store.settle(cancelling, SUCCEEDED, ENDED), "it has another name since"
        renamed = store.run(run.id)
        assert renamed is not None
        assert store.settle(renamed, SUCCEEDED, ENDED)
        assert store.live_attempts() == ()


def test_a_retry_waits_for_its_time_and_keeps_its_place(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    run = start(ledger.store, queue(ledger.store, a_run(concurrency_limit=1)))
    again = replace(
        SUCCEEDED, attempt_state=AttemptState.FAILED, run_state=RunState.RETRY_WAIT, retry_at=NOON + HOUR
    )
    other = queue(ledger.store, a_run(id="1" * 32, concurrency_limit=1))
    with ledger.store.transaction():
        ledger.store.settle(run, again, replace(ENDED, exit_code=1))
        assert not ledger.store.start(other, boot_id="boot", now=NOON)
    assert ledger.store.startable(now=NOON, limit=10, is_catchup=False) == ()
    assert ledger.store.next_wake(now=NOON) == NOON + HOUR
    (waiting,) = ledger.store.startable(now=NOON + HOUR, limit=10, is_catchup=False)
    started = start(ledger.store, waiting)
    assert (started.id, started.attempt) == (run.id, 2)


def test_a_stop_cancels_what_waits_and_asks_what_runs(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    waiting = queue(ledger.store, a_run(id="1" * 32))
    running = start(ledger.store, queue(ledger.store, a_run(id="2" * 32, concurrency_key="other")))
    with ledger.store.transaction():
        for run in (waiting, running):
            assert ledger.store.request_stop(run.id, Stop.CANCEL, reason="by_hand", detail="why", now=NOON)
    states = [ledger.store.run(run.id) for run in (waiting, running)]
    assert [run.state for run in states if run] == [RunState.CANCELLED, RunState.CANCELLING]
    (live,) = ledger.store.live_attempts()
    assert live.stop_requested == "cancel"
    with ledger.store.transaction():
        assert ledger.store.request_stop(running.id, Stop.KILL, reason="by_hand", detail="", now=NOON)
    assert ledger.store.live_attempts()[0].stop_requested == "kill"


def test_coverage_starts_at_the_apply_and_only_grows(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    apply(ledger.store)
    schedule = ledger.store.schedule_in_force("hello", "default")
    assert schedule is not None
    assert (schedule.active_from, schedule.covered_until) == (NOON, NOON)
    with ledger.store.transaction():
        ledger.store.advance_coverage(schedule.id, to=NOON + HOUR)
        ledger.store.advance_coverage(schedule.id, to=NOON + MINUTE)
    grown = ledger.store.schedule_in_force("hello", "default")
    assert grown is not None
    assert grown.covered_until == NOON + HOUR
    assert ledger.store.max_covered_until() == NOON + HOUR


def test_a_schedule_that_ended_is_history_and_not_in_force(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    apply(ledger.store)
    (schedule,) = ledger.store.schedules_in_force()
    with ledger.store.transaction():
        ledger.store.end_schedule(schedule.id, at=NOON + HOUR, because="job_removed")
    assert ledger.store.schedules_in_force() == ()
    (ended,) = ledger.view.schedules_between("hello", since=NOON, until=NOON + 2 * HOUR)
    assert (ended.active_until, ended.ended_because) == (NOON + HOUR, "job_removed")
    assert ledger.view.schedules_between("hello", since=NOON + 2 * HOUR, until=NOON + 3 * HOUR) == ()


def test_generations_count_up_and_keep_who_and_where(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    assert ledger.view.current_generation() is None
    assert (apply(ledger.store, "one"), apply(ledger.store, "two")) == (1, 2)
    current = ledger.view.current_generation()
    assert current is not None
    assert (current.number, current.applied_by, current.revision) == (2, "anna", "abc")
    assert [version.job for version in ledger.view.jobs_in_force()] == ["one", "two"]
    (version,) = ledger.view.job_versions("one")
    assert (version.file, version.line, version.applied_at) == ("jobs.yaml", 3, NOON)
    with ledger.store.transaction():
        ledger.store.end_job("one", generation=2)
    assert ledger.view.job_in_force("one") is None


def test_a_definition_comes_back_as_it_was_compiled(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    job = compiled(a_job(schedule=every(minutes=5), env={"A": "{{ params.x }}"}, timeout=None))
    with ledger.store.transaction():
        ledger.store.add_definition(job)
        ledger.store.add_definition(job)
    assert ledger.store.definition(job.digest) == job.spec


def test_a_gap_stands_for_many_and_is_counted_in_its_window(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    apply(ledger.store)
    (schedule,) = ledger.store.schedules_in_force()
    with ledger.store.transaction():
        ledger.store.add_gap(
            schedule,
            first_at=NOON + MINUTE,
            last_at=NOON + HOUR,
            count=60,
            state=RunState.SKIPPED,
            reason="superseded",
            detail="",
            generation=1,
            now=NOON + HOUR,
        )
    (gap,) = ledger.view.gaps_between("hello", since=NOON, until=NOON + 2 * HOUR)
    assert (gap.count, gap.state, gap.reason, gap.entries) == (
        60,
        RunState.SKIPPED,
        "superseded",
        schedule.entries,
    )
    assert ledger.view.gaps_between("hello", since=NOON + 2 * HOUR, until=NOON + 3 * HOUR) == ()
    assert ledger.view.gaps_between("other", since=NOON, until=NOON + HOUR) == ()


def test_runs_are_counted_by_job_kind_and_state(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    queue(ledger.store, a_run(id="1" * 32))
    queue(ledger.store, a_run(id="2" * 32, trigger=TriggerKind.SCHEDULE, schedule_key="default"))
    queue(ledger.store, a_run(id="3" * 32, scheduled_for=NOON + HOUR))
    counts = ledger.view.count_runs(since=NOON, until=NOON + HOUR)
    assert {(one.is_scheduled, one.state, one.count) for one in counts} == {
        (True, RunState.QUEUED, 1),
        (False, RunState.QUEUED, 1),
    }


def test_each_run_is_counted_once_by_how_late_it_started_and_how_long_it_took(
    open_ledger: OpenLedger,
) -> None:
    ledger = open_ledger()
    seconds = {"1": 0.5, "2": 1.0, "3": 1.5, "4": 10.0**6}
    for digit, length in seconds.items():
        run = queue(ledger.store, a_run(id=digit * 32, concurrency_key=digit))
        started = start(ledger.store, run)
        at = NOON + timedelta(seconds=length)
        with ledger.store.transaction():
            verdict = replace(SUCCEEDED, ended_at=at)
            outcome = Ended(started_at=NOON, ended_at=at, exit_code=0)
            assert ledger.store.settle(started, verdict, outcome)
        with ledger.store.transaction():  # once: a second end changes nothing
            assert not ledger.store.settle(started, verdict, outcome)
    assert counted(ledger) == {
        (Histogram.RUN_DURATION, "hello", 1_000_000, 2, 1_500_000),
        (Histogram.RUN_DURATION, "hello", 5_000_000, 1, 1_500_000),
        (Histogram.RUN_DURATION, "hello", UNBOUNDED, 1, 10**12),
        (Histogram.START_LATENESS, "", 100_000, 4, 0),
    }


def test_a_retry_is_not_counted_as_a_late_start_and_a_run_only_at_its_last_end(
    open_ledger: OpenLedger,
) -> None:
    ledger = open_ledger()
    run = queue(ledger.store, a_run())
    started = start(ledger.store, run)
    failed = Ended(started_at=NOON, ended_at=NOON + SECOND, exit_code=1)
    with ledger.store.transaction():
        again = replace(
            SUCCEEDED,
            run_state=RunState.RETRY_WAIT,
            attempt_state=AttemptState.FAILED,
            ended_at=NOON + SECOND,
            retry_at=NOON + HOUR,
        )
        assert ledger.store.settle(started, again, failed)
    assert {one[0] for one in counted(ledger)} == {Histogram.START_LATENESS}
    waiting = ledger.view.run(run.id)
    assert waiting is not None
    with ledger.store.transaction():
        assert ledger.store.start(waiting, boot_id="b", now=NOON + HOUR)
    second = ledger.view.run(run.id)
    assert second is not None
    ended = Ended(started_at=NOON + HOUR, ended_at=NOON + HOUR + SECOND, exit_code=0)
    with ledger.store.transaction():
        assert ledger.store.settle(second, replace(SUCCEEDED, ended_at=ended.ended_at), ended)
    assert counted(ledger) == {
        (Histogram.START_LATENESS, "", 100_000, 1, 0),
        (Histogram.RUN_DURATION, "hello", 14_400_000_000, 1, 3_601_000_000),
    }


def test_the_counts_of_a_job_have_its_new_name_and_go_with_its_last_run(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    run = queue(ledger.store, a_run())
    started = start(ledger.store, run)
    with ledger.store.transaction():
        assert ledger.store.settle(started, SUCCEEDED, ENDED)
        ledger.store.rename_job("hello", "hi")
    assert {one[1] for one in counted(ledger)} == {"", "hi"}
    ended = ledger.view.run(run.id)
    assert ended is not None
    with ledger.store.transaction():
        assert ledger.store.past.prune([ended], now=NOON + HOUR)
    assert {one[1] for one in counted(ledger)} == {""}


def counted(ledger: Ledger) -> set[tuple[object, ...]]:
    return {tuple(one) for one in ledger.view.totals.histograms()}


def test_runs_are_found_by_the_beginning_of_their_id(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    for digit in ("1", "12", "2"):
        queue(ledger.store, a_run(id=digit.ljust(32, "0"), concurrency_key=digit))
    assert len(ledger.view.runs_with_prefix("1")) == 2
    assert [run.id[:2] for run in ledger.view.runs_with_prefix("12")] == ["12"]
    assert [run.id[0] for run in ledger.view.runs_with_prefix("2")] == ["2"]


def test_one_refusal_is_open_at_a_time(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    with ledger.store.transaction():
        ledger.store.reject(digest="a", diagnostics=["one"], now=NOON)
        ledger.store.reject(digest="b", diagnostics=["two"], now=NOON + MINUTE)
    rejection = ledger.view.open_rejection()
    assert rejection is not None
    assert rejection.diagnostics == ("two",)
    with ledger.store.transaction():
        assert ledger.store.accept(now=NOON + HOUR)
        assert not ledger.store.accept(now=NOON + HOUR)
    assert ledger.view.open_rejection() is None
    both = ledger.view.rejections_between(since=NOON, until=NOON + 2 * MINUTE)
    assert [one.diagnostics[0] for one in both] == ["one", "two"]


def test_the_newest_runs_are_found_by_job_and_by_states(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    states = (RunState.FAILED, RunState.SUCCEEDED, RunState.MISSED, RunState.FAILED)
    for index, state in enumerate(states):
        spec = a_job("ab"[index % 2])
        queue(ledger.store, a_run(spec, id=str(index) * 32, state=state, ended_at=NOON + MINUTE))

    def found(job: str | None, *wanted: RunState, limit: int = 9) -> str:
        runs = ledger.view.recent_runs(job=job, state=wanted or None, limit=limit)
        return "".join(run.id[0] for run in runs)

    assert found(None) == "3210"
    assert found(None, limit=2) == "32"
    assert found("a") == "20"
    assert found(None, RunState.FAILED) == "30"
    assert found(None, RunState.FAILED, RunState.MISSED) == "320"
    assert found("b", RunState.MISSED, RunState.SUCCEEDED) == "1"
    (only,) = ledger.view.recent_runs(job=None, state=RunState.MISSED, limit=9)
    assert only.id[0] == "2"


def test_runs_that_make_up_for_others_are_found_by_their_time(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    queue(ledger.store, a_run(id="1" * 32))
    for index, hours in ((2, 0), (3, 1), (4, 0)):
        run = a_run(id=str(index) * 32, scheduled_for=NOON + hours * HOUR, retry_of="1" * 32)
        queue(ledger.store, run)
    found = ledger.view.retries_between(since=NOON, until=NOON + HOUR)
    assert [run.id[0] for run in found] == ["2", "4"]


def test_the_audit_shows_who_when_and_why(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    with ledger.store.transaction():
        ledger.store.audit(actor="anna", action="cancel", object="run", detail="stuck", now=NOON)
    (line,) = ledger.view.audit_of("run")
    assert (line.actor, line.action, line.detail, line.at) == ("anna", "cancel", "stuck", NOON)


def test_the_audit_is_read_on_from_where_it_was_read_last(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    past = ledger.store.past
    assert (past.newest_audit(), past.audit_after(0, limit=9)) == ((0, ""), ())
    with ledger.store.transaction():
        for name in ("a", "b", "c"):
            ledger.store.audit(actor="anna", action="pause", object=name, detail="", now=NOON)
    newest, _ = past.newest_audit()
    (first, *rest) = past.audit_after(0, limit=9)
    assert (first[1].object, [line.object for _, line in rest]) == ("a", ["b", "c"])
    assert [line.object for _, line in past.audit_after(first[0], limit=1)] == ["b"]
    assert past.audit_after(newest, limit=9) == ()


def test_an_older_engine_may_not_write_once_a_newer_one_has_started(open_ledger: OpenLedger) -> None:
    old, new = open_ledger(), open_ledger()
    session = {
        "kind": "engine",
        "boot_id": "boot",
        "pid": 1,
        "version": "1",
        "now": NOON,
        "boot_seconds": 5.0,
    }
    first = old.store.open_session(**session)  # type: ignore[arg-type]  # one mapping for both
    second = new.store.open_session(**session)  # type: ignore[arg-type]  # one mapping for both
    assert second == first + 1
    with pytest.raises(SupersededError), old.store.transaction():
        old.store.add_definition(compiled(a_job()))
    queue(new.store, a_run())


def test_a_session_shows_when_the_engine_was_there(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    epoch = ledger.store.open_session(
        kind="engine", boot_id="boot", pid=7, version="1", now=NOON, boot_seconds=5.0
    )
    with ledger.store.transaction():
        ledger.store.touch_session(epoch=epoch, now=NOON + MINUTE, boot_seconds=65.0)
    session = ledger.view.session_before(NOON + HOUR)
    assert session is not None
    assert (session.pid, session.last_seen_at, session.ended_at) == (7, NOON + MINUTE, None)
    with ledger.store.transaction():
        ledger.store.close_session(epoch=epoch, now=NOON + HOUR, boot_seconds=3605.0, reason="stopped")
    session = ledger.view.last_session()
    assert session is not None
    assert (session.ended_at, session.end_reason) == (NOON + HOUR, "stopped")
    assert ledger.view.session_before(NOON - timedelta(seconds=1)) is None


def test_a_fact_about_the_ledger_is_as_it_was_noted_last(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    assert ledger.store.past.fact("fact", default="none") == "none"
    for value in ("a", "b"):
        with ledger.store.transaction():
            ledger.store.past.note("fact", value)
        assert ledger.store.past.fact("fact", default="none") == value


def test_a_ledger_has_one_lineage_and_no_other_ledger_has_it(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    lineage = ledger.view.lineage()
    assert len(lineage) == 32
    assert ledger.view.lineage() == lineage


def test_a_generation_remembers_its_plan_its_reason_and_what_it_changed(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    made = generation()._replace(plan_id="p1", instead_of="old", note="rollback to generation 1")
    with ledger.store.transaction():
        one = ledger.store.add_generation(generation(), tzdata_version="2026a", cron_semantics=1)
        for name in ("a", "b"):
            ledger.store.add_job(compiled(a_job(name)), generation=one)
        two = ledger.store.add_generation(made, tzdata_version="2026a", cron_semantics=1)
        for name in ("a", "b"):
            ledger.store.end_job(name, generation=two)
        for name in ("a", "c", "d"):
            ledger.store.add_job(compiled(a_job(name, timeout=HOUR)), generation=two)
    newest, oldest = ledger.view.generations(limit=10)
    assert (newest.generation.number, newest.added, newest.changed, newest.removed) == (2, 2, 1, 1)
    assert newest.generation == made._replace(number=2)
    assert (oldest.added, oldest.changed, oldest.removed) == (2, 0, 0)
    assert [one.generation.number for one in ledger.view.generations(limit=1)] == [2]
    assert [one.job for one in ledger.view.jobs_at(1)] == ["a", "b"]
    assert [one.job for one in ledger.view.jobs_at(2)] == ["a", "c", "d"]
    assert ledger.view.jobs_at(2) == ledger.view.jobs_in_force()
    assert (ledger.view.generation_of_plan("p1"), ledger.view.generation_of_plan("p2")) == (2, None)


def a_pause(job: str = "hello", *, until: datetime | None = None) -> Pause:
    return Pause(job, "hand", "anna", "outage", NOON, until, None, "")


def test_a_pause_holds_until_it_is_ended_or_over(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    with ledger.store.transaction():
        ledger.store.pauses.add(a_pause())
        ledger.store.pauses.add(a_pause("other", until=NOON + HOUR))
    (pause,) = ledger.view.pauses_between("hello", since=NOON, until=NOON)
    assert pause == a_pause()
    assert len(ledger.view.pauses_between(None, since=NOON, until=NOON + HOUR)) == 2
    assert ledger.store.pauses.between("other", since=NOON + HOUR, until=NOON + 2 * HOUR) == ()
    assert ledger.store.pauses.between("hello", since=NOON - HOUR, until=NOON - MINUTE) == ()
    assert ledger.store.pauses.last_resume("hello") is None
    assert ledger.store.pauses.last_resume("other") == NOON + HOUR
    with ledger.store.transaction():
        assert ledger.store.pauses.end("hello", by="bob", now=NOON + MINUTE) == 1
        assert ledger.store.pauses.end("hello", by="bob", now=NOON + MINUTE) == 0
        assert ledger.store.pauses.end("other", by="bob", now=NOON + 2 * HOUR) == 0
    (ended,) = ledger.store.pauses.between("hello", since=NOON, until=NOON + HOUR)
    assert (ended.ended_at, ended.ended_by, ended.end) == (NOON + MINUTE, "bob", NOON + MINUTE)
    assert ledger.store.pauses.last_resume("hello") == NOON + MINUTE


def test_an_incident_grows_while_it_is_the_same(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    for occurrences in (3, 4):
        with ledger.store.transaction():
            ledger.store.incidents.note(
                "away", began_at=NOON, detail="", occurrences=occurrences, jobs=1, now=NOON + HOUR
            )
    (one,) = ledger.view.recent_incidents(limit=9)
    assert (one.kind, one.began_at, one.ended_at, one.occurrences, one.jobs) == (
        "away",
        NOON,
        NOON + HOUR,
        7,
        2,
    )


def test_a_clock_is_held_accepted_and_believed_again(open_ledger: OpenLedger) -> None:
    incidents = open_ledger().store.incidents
    store = open_ledger().store
    with store.transaction():
        assert not store.incidents.accept_hold(actor="anna")
        store.incidents.begin_hold(detail="absurd", now=NOON)
    held = incidents.hold()
    assert held is not None
    assert (held.detail, held.accepted_by) == ("absurd", "")
    with store.transaction():
        assert store.incidents.accept_hold(actor="anna")
    held = incidents.hold()
    assert held is not None
    assert held.accepted_by == "anna"
    with store.transaction():
        store.incidents.end_hold(by="anna", now=NOON + HOUR)
    assert incidents.hold() is None


def test_each_kind_of_hold_is_open_until_it_ends(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    kinds = (CLOCK_HOLD, RESTORED_HOLD, DISK_HOLD)
    for number, kind in enumerate(kinds):
        with ledger.store.transaction():
            ledger.store.incidents.begin_hold(kind, detail=f"why {kind}", now=NOON + number * HOUR)
    held = [ledger.view.soundness.hold(kind) for kind in kinds]
    assert [one and one.detail for one in held] == [f"why {kind}" for kind in kinds]
    with ledger.store.transaction():
        ledger.store.incidents.end_hold(RESTORED_HOLD, by="anna", now=NOON + DAY)
    assert [kind for kind in kinds if ledger.view.soundness.hold(kind)] == [CLOCK_HOLD, DISK_HOLD]
    assert ledger.store.incidents.hold(RESTORED_HOLD) is None


def test_a_rewound_clock_begins_schedules_again_under_the_next_epoch(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    apply(ledger.store)
    (old,) = ledger.store.schedules_in_force()
    with ledger.store.transaction():
        ledger.store.advance_coverage(old.id, to=NOON + 9 * DAY)
        ledger.store.incidents.rewind(now=NOON + HOUR)
    (new,) = ledger.store.schedules_in_force()
    assert (new.clock_epoch, new.active_from, new.covered_until) == (1, NOON + HOUR, NOON + HOUR)
    assert (new.entries, new.job, ledger.store.incidents.clock_epoch()) == (old.entries, old.job, 1)
    assert ledger.store.covered_in_force() == NOON + HOUR
    assert ledger.store.max_covered_until() == NOON + 9 * DAY
    first = a_run(trigger=TriggerKind.SCHEDULE, schedule_key="default", scheduled_for=NOON + 2 * HOUR)
    queue(ledger.store, first)
    queue(ledger.store, replace(first, id="1" * 32, clock_epoch=1))


def test_a_spread_is_decided_when_it_has_passed(open_ledger: OpenLedger) -> None:
    store = open_ledger().store
    run = queue(store, a_run(reason="spread", not_before=NOON + HOUR))
    assert store.next_undecided() == NOON + HOUR
    assert store.undecided(now=NOON + MINUTE, limit=9) == ()
    assert store.startable(now=NOON + HOUR, limit=9, is_catchup=False) == ()
    assert store.undecided(now=NOON + HOUR, limit=9) == (run,)
    with store.transaction():
        assert not store.start(run, boot_id="boot", now=NOON + HOUR)
        assert store.decide(replace(run, reason=""))
        assert not store.decide(replace(run, reason=""))
    assert [one.id for one in store.startable(now=NOON + HOUR, limit=9, is_catchup=False)] == [run.id]
    assert store.next_undecided() is None


def test_what_waits_too_long_is_missed(open_ledger: OpenLedger) -> None:
    store = open_ledger().store
    run = queue(store, a_run(reason="overlap", start_by=NOON + HOUR))
    assert store.next_wake(now=NOON) is not None
    with store.transaction():
        assert store.expire_waiting(now=NOON + HOUR) == ()
        (missed,) = store.expire_waiting(now=NOON + HOUR + MINUTE)
        assert not store.start(run, boot_id="boot", now=NOON + HOUR + MINUTE)
    assert (missed.state, missed.reason, missed.detail) == (RunState.MISSED, "start_deadline", "overlap")


def test_what_is_caught_up_is_asked_for_apart(open_ledger: OpenLedger) -> None:
    store = open_ledger().store
    late = queue(store, a_run(id="1" * 32, trigger=TriggerKind.CATCHUP, schedule_key="default"))
    timely = queue(store, a_run(id="2" * 32))
    assert [run.id for run in store.startable(now=NOON, limit=9, is_catchup=True)] == [late.id]
    assert [run.id for run in store.startable(now=NOON, limit=9, is_catchup=False)] == [timely.id]


def test_a_gap_record_grows_while_nothing_lies_between(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    apply(ledger.store)
    for index, reason in enumerate(("paused", "paused", "superseded"), 1):
        (schedule,) = ledger.store.schedules_in_force()
        at = NOON + index * MINUTE
        with ledger.store.transaction():
            ledger.store.add_gap(
                schedule,
                first_at=at,
                last_at=at,
                count=1,
                state=RunState.SKIPPED,
                reason=reason,
                detail="anna",
                generation=1,
                now=at,
            )
            ledger.store.advance_coverage(schedule.id, to=at)
    found = ledger.view.gaps_between("hello", since=NOON, until=NOON + HOUR)
    assert [(gap.count, gap.reason, gap.detail) for gap in found] == [
        (2, "paused", "anna"),
        (1, "superseded", "anna"),
    ]


def test_a_renamed_job_takes_everything_with_it(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    apply(ledger.store)
    run = queue(ledger.store, a_run(scheduled_for=NOON))
    with ledger.store.transaction():
        ledger.store.pauses.add(a_pause())
        assert ledger.store.knows_job("hello")
        ledger.store.rename_job("hello", "goodbye")
    assert not ledger.store.knows_job("hello")
    assert ledger.store.knows_job("goodbye")
    renamed = ledger.store.run(run.id)
    assert renamed is not None
    assert (renamed.job, renamed.concurrency_key) == ("goodbye", "goodbye")
    assert [one.job for one in ledger.store.schedules_in_force()] == ["goodbye"]
    assert len(ledger.view.pauses_between("goodbye", since=NOON, until=NOON)) == 1


def test_the_newest_ends_and_occurrences_come_first(open_ledger: OpenLedger) -> None:
    store = open_ledger().store
    for index, code in enumerate((0, 1, 1)):
        run = queue(
            store,
            a_run(
                id=f"{index:032x}",
                trigger=TriggerKind.SCHEDULE,
                schedule_key="default",
                scheduled_for=NOON + index * MINUTE,
            ),
        )
        started = start(store, run)
        state = RunState.FAILED if code else RunState.SUCCEEDED
        verdict = Verdict(
            attempt_state=AttemptState(state.value), run_state=state, ended_at=NOON + (index + 1) * MINUTE
        )
        with store.transaction():
            assert store.settle(started, verdict, replace(ENDED, exit_code=code))
    states = [RunState.FAILED, RunState.FAILED, RunState.SUCCEEDED]
    assert list(store.newest_ends("hello", since=NOON, limit=9)) == states
    assert list(store.newest_ends("hello", since=NOON + 2 * MINUTE, limit=9)) == states[:1]
    assert [run.scheduled_for for run in store.newest_occurrences("hello", limit=2)] == [
        NOON + 2 * MINUTE,
        NOON + MINUTE,
    ]


def test_a_waiting_run_takes_another_definition_and_a_started_one_keeps_its_own(
    open_ledger: OpenLedger,
) -> None:
    store = open_ledger().store
    other = compiled(a_job("hello", description="another"))
    run = queue(store, a_run())
    with store.transaction():
        store.add_definition(other)
        store.repin(replace(run, digest=other.digest, params={"x": 1}))
    found = store.run(run.id)
    assert found is not None
    assert (found.digest, found.params) == (other.digest, {"x": 1})
    started = start(store, found)
    with store.transaction():
        store.repin(replace(started, digest=run.digest))
    kept = store.run(run.id)
    assert kept is not None
    assert kept.digest == other.digest


def test_how_long_good_runs_took(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    started = start(ledger.store, queue(ledger.store, a_run()))
    with ledger.store.transaction():
        assert ledger.store.settle(started, SUCCEEDED, ENDED)
    assert ledger.view.lengths("hello", limit=9) == (MINUTE,)
    assert ledger.view.lengths("other", limit=9) == ()


def a_busy_ledger(ledger: Ledger) -> None:
    """A schedule with a run and a gap record, an active requested run, and a lost run whose end was found."""
    apply(ledger.store)
    (schedule,) = ledger.store.schedules_in_force()
    first = NOON + MINUTE
    with ledger.store.transaction():
        ledger.store.add_gap(
            schedule,
            first_at=first + MINUTE,
            last_at=first + 3 * MINUTE,
            count=3,
            state=RunState.MISSED,
            reason="engine_down",
            detail="",
            generation=1,
            now=NOON + HOUR,
        )
        ledger.store.advance_coverage(schedule.id, to=first + 3 * MINUTE)
    wanted = {"trigger": TriggerKind.SCHEDULE, "schedule_key": "default", "scheduled_for": first}
    queue(ledger.store, a_run(id="1" * 32, concurrency_key="waits", start_by=NOON + HOUR, **wanted))
    start(ledger.store, queue(ledger.store, a_run(id="2" * 32)))
    lost = start(ledger.store, queue(ledger.store, a_run(id="3" * 32, concurrency_key="lost")))
    again = Verdict(
        attempt_state=AttemptState.LOST,
        run_state=RunState.RETRY_WAIT,
        ended_at=NOON + MINUTE,
        retry_at=NOON + MINUTE,
    )
    with ledger.store.transaction():
        ledger.store.settle(lost, again, replace(ENDED, exit_code=None))
    waiting = ledger.store.run(lost.id)
    assert waiting is not None
    start(ledger.store, waiting)
    attempt = ledger.store.past.attempt(AttemptKey(lost.id, 1))
    assert attempt is not None
    with ledger.store.transaction():
        ledger.store.past.resolve(attempt, ENDED, state=RunState.SUCCEEDED, detail="")


def test_a_ledger_is_read_in_the_order_of_its_instants(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    a_busy_ledger(ledger)
    look = ledger.view.soundness
    assert look.tally() == Tally(runs=3, attempts=3, schedules=1, gaps=1)
    assert look.set_keys() == (SetKey("hello", "default", 0),)
    (schedule,) = look.schedules(look.set_keys()[0])
    assert schedule.active_from == NOON
    assert list(look.instants(look.set_keys()[0])) == [(NOON + MINUTE, "1" * 32)]
    assert [gap.count for gap in look.gaps(schedule.id)] == [3]
    assert list(look.run_ids()) == ["1" * 32, "2" * 32, "3" * 32]
    assert [one.id for one in look.schedules_in_force()] == [schedule.id]
    assert look.max_covered_until() == look.covered_in_force() == NOON + 4 * MINUTE
    assert look.tzdata_versions() == ("2026a",)
    assert look.clock_epoch() == 0
    assert look.newest_intent() == NOON
    assert [one.attempt.id[0] for one in look.live_attempts()] == ["2", "3"]


def test_what_the_engine_wrote_contradicts_itself_nowhere(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    a_busy_ledger(ledger)
    look = ledger.view.soundness
    for suspects in (
        look.half_ended,
        look.misnumbered,
        look.unproven,
        look.ownerless,
        look.crowds,
        look.queue_crowds,
        look.torn_occurrences,
    ):
        assert suspects(limit=9) == ()
    (twice,) = look.executed_twice(limit=9)
    assert (twice.run_id, twice.total) == ("3" * 32, 1)
    assert twice.said == "attempt 1 ended as succeeded, and 2 were made"
    assert look.last_states() == (
        LastState("queued", "", 1, "1" * 32),
        LastState("running", "starting", 2, "2" * 32),
    )


def test_what_could_have_moved_long_ago_is_overdue(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    a_busy_ledger(ledger)
    queue(ledger.store, a_run(id="4" * 32, concurrency_key="spread", reason="spread"))
    look = ledger.view.soundness
    assert look.overdue(before=NOON - MINUTE, limit=9) == ()
    assert [run.id[0] for run in look.overdue(before=NOON, limit=9)] == ["1", "4"]
    assert [run.id[0] for run in look.overdue(before=NOON + 2 * HOUR, limit=9)] == ["4", "1"]


def test_everything_inside_a_snapshot_is_of_one_moment(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    with ledger.view.soundness.snapshot():
        assert ledger.view.soundness.tally().runs == 0
        queue(ledger.store, a_run())
        assert ledger.view.soundness.tally().runs == 0
    assert ledger.view.soundness.tally().runs == 1


def test_sessions_come_in_the_order_of_their_epochs(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    assert (ledger.view.soundness.newest_epoch(), list(ledger.view.soundness.sessions())) == (0, [])
    for kind in ("engine", "run"):
        ledger.store.open_session(kind=kind, boot_id="b", pid=1, version="1", now=NOON, boot_seconds=5.0)
    assert [one.epoch for one in ledger.view.soundness.sessions()] == [1, 2]
    assert ledger.view.soundness.newest_epoch() == 2


def test_what_is_owed_and_what_holds_the_engine_is_seen_without_the_store(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    look = ledger.view.soundness
    assert (look.backlog(), look.hold(CLOCK_HOLD)) == (Backlog(0, None), None)
    with ledger.store.transaction():
        ledger.store.incidents.begin_hold(DISK_HOLD, detail="full", now=NOON)
        for number in range(2):
            at = NOON + number * MINUTE
            ledger.store.outbox.add(Owed(str(number), at, "failure", "mail", "hello", "", "{}"))
    hold = look.hold(DISK_HOLD)
    assert (look.backlog(), hold and hold.detail) == (Backlog(2, NOON), "full")
    with ledger.store.transaction():
        ledger.store.outbox.sent("0", now=NOON)
    assert look.backlog() == Backlog(1, NOON + MINUTE)


REASONS = ("", "overlap", "overlap", "overlap", "spread", "catchup_pacing")
HELD_LOOKED_AT = 8


def a_crowd(chance: random.Random) -> list[Run]:
    """Runs of a few keys, queues and priorities in every state, as they arrived."""
    states = [RunState.QUEUED] * 5 + [
        RunState.RUNNING,
        RunState.CANCELLING,
        RunState.RETRY_WAIT,
        RunState.FAILED,
    ]
    slots = {"narrow": chance.randrange(1, 4), "wide": chance.randrange(2, 12)}
    crowd = []
    for number in range(chance.randrange(60)):
        state = chance.choice(states)
        is_queued = state is RunState.QUEUED
        reason = chance.choice(REASONS) if is_queued else ""
        crowd.append(
            a_run(
                id=f"{number:032x}",
                state=state,
                reason=reason,
                trigger=TriggerKind.CATCHUP
                if reason == "catchup_pacing" or (reason == "overlap" and chance.random() < 0.2)
                else TriggerKind.MANUAL,
                scheduled_for=NOON + chance.randrange(-3, 0) * MINUTE,
                not_before=NOON + chance.randrange(-3, 3) * MINUTE,
                start_by=chance.choice([None, NOON - MINUTE, NOON + MINUTE]) if is_queued else None,
                retry_at=NOON + chance.randrange(-3, 3) * MINUTE if state is RunState.RETRY_WAIT else None,
                attempt=int(not is_queued),
                concurrency_key=chance.choice("abc"),
                concurrency_limit=chance.choice([None, 1, 2, 4]),
                queue=(name := chance.choice(["", *slots])),
                queue_slots=slots.get(name),
                priority=chance.choice([-1, 0, 0, 0, 7]),
            )
        )
    return crowd


@pytest.mark.parametrize("seed", range(30))
def test_what_is_in_the_way_and_what_may_start_is_what_a_reading_of_all_runs_says(
    open_ledger: OpenLedger, seed: int
) -> None:
    store = open_ledger().store
    crowd = a_crowd(random.Random(seed))
    for run in crowd:
        queue(store, run)
        if run.retry_at is not None:
            with store.transaction():
                assert store.incidents.wait_until(replace(run, attempt=0), run.retry_at)
    for key in "abcd":
        same = [run for run in crowd if run.concurrency_key == key]
        active = [run.id for run in same if run.state in ACTIVE_STATES]
        waiting = [run.id for run in same if run.state is RunState.QUEUED and run.reason != "spread"]
        for most in (0, 1, 3, 99):
            expected = (min(most, len(active)), min(most, len(waiting)))
            assert store.count_blocking(key, at_most=most) == expected
        assert [run.id for run in store.blocking_runs(key)] == active + waiting
        assert [run.id for run in store.blocking_runs(key, limit=1)] == (active + waiting)[:1]
    for limit, ahead, is_catchup in product((1, 5, 99), (0, 2, 99), (False, True)):
        found = store.startable(now=NOON, limit=limit, is_catchup=is_catchup, ahead=ahead)
        expected_runs = may_start(crowd, is_catchup=is_catchup, ahead=ahead)[:limit]
        assert [run.id for run in found] == [run.id for run in expected_runs]


def test_runs_with_one_slot_count_once_and_not_before_their_spread_has_passed(
    open_ledger: OpenLedger,
) -> None:
    store = open_ledger().store
    one = {"occurrence": "1" * 32, "slot": "1" * 32, "combinations": 2, "concurrency_key": "k"}
    other = one | {"occurrence": "3" * 32, "slot": "3" * 32}
    queue(store, a_run(id="1" * 32, matrix={"a": "x"}, reason="overlap", **one))
    queue(store, a_run(id="2" * 32, matrix={"a": "y"}, reason="", **one))
    queue(store, a_run(id="3" * 32, matrix={"a": "x"}, reason="spread", **other))
    assert store.count_blocking("k", at_most=9) == (0, 1)
    assert store.count_blocking("k", at_most=9, besides="1" * 32) == (0, 0)


def starting_order(run: Run) -> tuple[object, ...]:
    return -run.priority, run.scheduled_for, run.id


def may_start(crowd: list[Run], *, is_catchup: bool, ahead: int) -> list[Run]:
    """The runs that may start at noon, in starting order, by the plain rules."""

    def has_room(run: Run) -> bool:
        active = [
            one for one in crowd if one.concurrency_key == run.concurrency_key and one.state in ACTIVE_STATES
        ]
        return run.concurrency_limit is None or len(active) < run.concurrency_limit

    due = [
        run
        for run in sorted(crowd, key=starting_order)
        if run.state is RunState.QUEUED
        and run.reason != "spread"
        and run.not_before <= NOON
        and (run.start_by is None or run.start_by >= NOON)
    ]
    first: list[Run] = []
    for key, name in product("abc", {run.queue for run in crowd}):
        waiting = [
            run for run in due if (run.reason, run.concurrency_key, run.queue) == ("overlap", key, name)
        ]
        waiting = waiting[:HELD_LOOKED_AT]
        # A catch-up run is started apart, and what comes after it waits for it.
        first += (
            waiting if is_catchup else takewhile(lambda run: run.trigger is not TriggerKind.CATCHUP, waiting)
        )
    found = [
        run
        for run in due
        if has_room(run)
        and (run.reason != "overlap" or run in first)
        and (run.trigger is TriggerKind.CATCHUP) == is_catchup
    ]
    if not is_catchup:
        found += [run for run in crowd if run.retry_at is not None and run.retry_at <= NOON]
    found.sort(key=starting_order)
    free = Counter({run.queue: 10_000 if run.queue_slots is None else run.queue_slots for run in crowd})
    free.subtract(run.queue for run in crowd if run.state in (RunState.RUNNING, RunState.CANCELLING))
    left = {name: count + ahead for name, count in free.items() if count > 0}
    allowed = []
    for run in found:
        if left.get(run.queue, 0) > 0:
            left[run.queue] -= 1
            allowed.append(run)
    return allowed


def test_outputs_come_back_with_their_types(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    run = queue(ledger.store, a_run())
    values = {"text": "7", "number": 7, "part": 0.5, "flag": True, "list": ("a", "b"), "none": ()}
    with ledger.store.transaction():
        ledger.store.past.set_outputs(AttemptKey(run.id, 1), values)
    found = {one.name: one.value for one in ledger.view.outputs(run.id)}
    assert found == values
    assert [type(found[name]) for name in values] == [type(value) for value in values.values()]


def test_a_later_attempt_replaces_the_outputs_of_its_own_step_alone(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    run = queue(ledger.store, a_run())
    with ledger.store.transaction():
        for step, item in (("", 0), ("load", 1), ("load", 2)):
            ledger.store.past.set_outputs(AttemptKey(run.id, 1, step, item), {"old": 1, "both": 1})
        ledger.store.past.set_outputs(AttemptKey(run.id, 2, "load", 1), {"both": 2})
    found = [(one.step, one.item, one.name, one.value) for one in ledger.view.outputs(run.id)]
    others = [(step, item, name, 1) for step, item in (("", 0), ("load", 2)) for name in ("both", "old")]
    assert found == sorted([*others, ("load", 1, "both", 2)])


def test_a_run_that_is_pruned_takes_its_outputs_with_it(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    run = start(ledger.store, queue(ledger.store, a_run()))
    with ledger.store.transaction():
        assert ledger.store.settle(run, SUCCEEDED, ENDED)
        ledger.store.past.set_outputs(run.last_attempt, {"n": 1})
        assert ledger.store.past.prune([run], now=NOON + DAY) == (run,)
    assert ledger.view.outputs(run.id) == ()


FILE = Artifact(name="a.txt", size=3, sha256="ab" * 32, copy=1)
NOTED = Artifact(name="b/caf\\xe9", note="a named pipe")


def test_artifacts_of_all_attempts_stay_in_the_order_of_their_ends(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    run = queue(ledger.store, a_run())
    keys = [
        AttemptKey(run.id, 1, "load", 2),
        AttemptKey(run.id, 1, "load", 1),
        AttemptKey(run.id, 2, "load", 2),
    ]
    with ledger.store.transaction():
        for key in keys:
            ledger.store.artifacts.add(key, [NOTED, FILE])
    found = ledger.view.artifacts(run.id)
    assert [(one.attempt, one.artifact) for one in found] == [
        (key, one) for key in keys for one in (NOTED, FILE)
    ]
    assert ledger.store.artifacts.of_run(run.id) == found


def test_copies_that_are_dropped_leave_their_names_and_digests(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    kept = ledger.store.artifacts
    for number in (1, 2, 3):
        run = start(ledger.store, queue(ledger.store, a_run(id=str(number) * 32, concurrency_limit=None)))
        with ledger.store.transaction():
            kept.add(run.last_attempt, [FILE, NOTED] if number < 3 else [NOTED])
            assert ledger.store.settle(run, SUCCEEDED, ENDED)
    assert kept.with_copies(before=NOON + MINUTE, limit=9) == ()
    assert [run.id[0] for run in kept.with_copies(before=NOON + HOUR, limit=9)] == ["1", "2"]
    assert [run.id[0] for run in kept.with_copies(before=NOON + HOUR, limit=1)] == ["1"]
    with ledger.store.transaction():
        kept.drop("1" * 32, now=NOON + HOUR)
        kept.drop("1" * 32, now=NOON + DAY)
    assert [run.id[0] for run in kept.with_copies(before=NOON + HOUR, limit=9)] == ["2"]
    found = [(one.artifact, one.dropped_at, one.has_copy) for one in ledger.view.artifacts("1" * 32)]
    assert found == [(FILE, NOON + HOUR, False), (NOTED, None, False)]


ARRIVAL = TriggerEvent("hello", TriggerKind.FILE, "in/caf\udce9.csv 7 3", NOON)


def test_an_event_leads_to_one_run(open_ledger: OpenLedger) -> None:
    store = open_ledger().store
    known = store.trigger_events
    assert known.run_of(ARRIVAL) == ""
    with store.transaction():
        known.add(ARRIVAL, run_id="a" * 32, now=NOON)
        known.add(ARRIVAL._replace(job="other"), run_id="b" * 32, now=NOON)
        known.add(ARRIVAL._replace(trigger=TriggerKind.AFTER), run_id="c" * 32, now=NOON)
        known.add(ARRIVAL._replace(identity="x"), run_id="d" * 32, now=NOON + MINUTE)
    with pytest.raises(Exception, match=r"(?i)unique"), store.transaction():
        known.add(ARRIVAL, run_id="e" * 32, now=NOON)
    assert known.run_of(ARRIVAL) == "a" * 32
    assert len(known.identities("hello", TriggerKind.FILE)) == 2
    with store.transaction():
        known.add(ARRIVAL._replace(identity="y", mount="/mnt/caf\udce9"), run_id="", now=NOON)
        known.add(ARRIVAL._replace(identity="z"), run_id="f" * 32, now=NOON)
    assert known.identities("hello", TriggerKind.FILE)["y"] == "/mnt/caf\\xe9"
    with store.transaction():
        known.forget_run("f" * 32)
        known.forget("hello", TriggerKind.FILE, "y")
    assert known.identities("hello", TriggerKind.FILE).keys() == {"x", "in/caf\\xe9.csv 7 3"}
    with store.transaction():
        known.forget("hello", TriggerKind.FILE, "x")
        assert known.forget_old(TriggerKind.AFTER, before=NOON, limit=9) == 0
        assert known.forget_old(TriggerKind.AFTER, before=NOON + MINUTE, limit=0) == 0
        assert known.forget_old(TriggerKind.AFTER, before=NOON + MINUTE, limit=9) == 1
    assert known.run_of(ARRIVAL._replace(identity="x")) == ""
    assert known.run_of(ARRIVAL._replace(trigger=TriggerKind.AFTER)) == ""
    assert known.run_of(ARRIVAL._replace(job="other")) == "b" * 32


def test_a_key_belongs_to_one_run_until_it_expires(open_ledger: OpenLedger) -> None:
    opened, key = open_ledger(), "invoice \udcff 1"
    store = opened.store

    def take(run: str, now: datetime, job: str = "hello") -> bool:
        with store.transaction():
            return store.keys.take(job, key, run_id=run * 32, until=now + HOUR, now=now)

    assert store.keys.holder("hello", key, now=NOON) == ""
    assert take("a", NOON)
    assert not take("b", NOON + HOUR - MINUTE)
    assert take("c", NOON, job="other")
    assert store.keys.holder("hello", key, now=NOON + HOUR - MINUTE) == "a" * 32
    assert store.keys.holder("hello", key, now=NOON + HOUR) == ""
    assert take("d", NOON + HOUR)
    assert store.keys.holder("hello", key, now=NOON + HOUR) == "d" * 32
    assert opened.view.key_holder("hello", key, now=NOON + HOUR) == "d" * 32
    with store.transaction():
        assert store.keys.drop_expired(now=NOON + HOUR, limit=0) == 0
        assert store.keys.drop_expired(now=NOON + HOUR, limit=9) == 1  # that of `other`
        assert store.keys.drop_expired(now=NOON + 2 * HOUR, limit=9) == 1
    assert store.keys.holder("hello", key, now=NOON) == ""


def test_a_renamed_job_keeps_its_keys_and_the_events_that_it_has_seen(open_ledger: OpenLedger) -> None:
    store = open_ledger().store
    with store.transaction():
        store.trigger_events.add(ARRIVAL, run_id="a" * 32, now=NOON)
        store.trigger_events.add(ARRIVAL._replace(identity="x"), run_id="a" * 32, now=NOON)
        store.trigger_events.add(ARRIVAL._replace(job="new", identity="x"), run_id="b" * 32, now=NOON)
        for job, key in (("hello", "k"), ("hello", "l"), ("new", "l")):
            store.keys.take(job, key, run_id="c" * 32, until=NOON + HOUR, now=NOON)
        store.rename_job("hello", "new")
    assert store.trigger_events.run_of(ARRIVAL._replace(job="new")) == "a" * 32
    assert store.trigger_events.run_of(ARRIVAL._replace(job="new", identity="x")) == "b" * 32
    assert [store.keys.holder("new", key, now=NOON) for key in "kl"] == ["c" * 32, "c" * 32]


def test_a_run_keeps_how_it_came_in(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    run = a_run(
        trigger=TriggerKind.FILE,
        trigger_values={"name": "caf\udce9", "size": 3, "outputs.rows": 1.5, "flags": (True, "a")},
        caused_by="f" * 32,
        idempotency_key="invoice 7",
        queue="etl",
        queue_slots=2,
        priority=-5,
    )
    assert queue(ledger.store, run) == run == ledger.store.run(run.id) == ledger.view.run(run.id)


def test_a_run_that_is_pruned_takes_its_artifacts_with_it(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    run = start(ledger.store, queue(ledger.store, a_run()))
    with ledger.store.transaction():
        assert ledger.store.settle(run, SUCCEEDED, ENDED)
        ledger.store.artifacts.add(run.last_attempt, [FILE])
        assert ledger.store.past.prune([run], now=NOON + DAY) == (run,)
    assert ledger.view.artifacts(run.id) == ()


def test_the_runs_of_a_time_are_found_by_jobs_and_by_states(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    states = (RunState.FAILED, RunState.SUCCEEDED, RunState.MISSED, RunState.FAILED)
    for index, state in enumerate(states):
        at, spec = NOON + index * HOUR, a_job("abc"[index % 3])
        queue(
            ledger.store,
            a_run(spec, id=str(index) * 32, state=state, scheduled_for=at, ended_at=NOON + MINUTE),
        )

    def found(
        *wanted: RunState, jobs: str | None = None, since: int = 0, until: int = 9, limit: int = 9
    ) -> str:
        runs = ledger.view.runs_in(
            since=NOON + since * HOUR,
            until=NOON + until * HOUR,
            jobs=None if jobs is None else list(jobs),
            state=wanted or None,
            limit=limit,
        )
        return "".join(run.id[0] for run in runs)

    assert found() == "3210"
    assert found(limit=2) == "32"
    assert found(since=1, until=3) == "21"
    assert found(jobs="a") == "30"
    assert found(jobs="cb") == "21"
    assert found(jobs="") == ""
    assert found(RunState.FAILED) == "30"
    assert found(RunState.FAILED, RunState.MISSED, jobs="ac", since=1) == "32"


def test_runs_are_counted_by_slots_of_time_and_job(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    plain: dict[str, Any] = {"state": RunState.SUCCEEDED, "ended_at": NOON + 5 * HOUR}
    for index, (job, hour, fields) in enumerate(
        [
            ("a", 0, plain),
            ("a", 1, plain | {"state": RunState.FAILED}),
            ("a", 1, plain),
            ("b", 1, plain),
            ("b", 1, plain | {"retry_of": "3" * 32}),
            ("c", 3, plain),
        ]
    ):
        spec = a_job(name=job)
        at = NOON + hour * HOUR
        queue(ledger.store, a_run(spec, id=str(index) * 32, scheduled_for=at, **fields))

    def told(found: Sequence[SlotCount]) -> set[str]:
        return {f"{one.job}{one.slot} {one.number} {one.state.value}" for one in found}

    slots, window = ledger.view.slots, {"since": NOON, "until": NOON + 3 * HOUR, "length": HOUR}
    assert told(slots.of_all(None, **window)) == {"0 1 succeeded", "1 1 failed", "1 2 succeeded"}
    assert told(slots.of_all(["b"], **window)) == {"1 1 succeeded"}
    assert told(slots.of_all([], **window)) == set()
    each = slots.of_each(["b", "a"], **window)
    assert told(each) == {"a0 1 succeeded", "a1 1 failed", "a1 1 succeeded", "b1 2 succeeded"}
    assert [(one.job, one.slot) for one in each] == sorted((one.job, one.slot) for one in each)
    about = {"since": NOON + 2 * HOUR, "until": NOON + 3 * HOUR}
    assert slots.active("abc", **about, reach=NOON + 2 * HOUR) == ()
    assert slots.active("abc", **about, reach=NOON + HOUR) == ("a", "b")
    assert slots.active("abc", since=NOON, until=NOON + 4 * HOUR, reach=NOON) == ("a", "b", "c")


def test_the_last_runs_of_a_job_are_those_of_its_schedule_without_retries(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    apply(ledger.store, "planned")
    for job in ("planned", "manual"):
        spec = a_job(job)
        for hour in range(3):
            run = a_run(spec, id=f"{job[0]}{hour}".ljust(32, "0"), scheduled_for=NOON + hour * HOUR)
            queue(ledger.store, replace(run, trigger=TriggerKind.SCHEDULE, schedule_key="default"))
        queue(ledger.store, a_run(spec, id=f"{job[0]}8".ljust(32, "0"), scheduled_for=NOON + 8 * HOUR))
        again = a_run(spec, id=f"{job[0]}9".ljust(32, "0"), scheduled_for=NOON + 9 * HOUR)
        queue(ledger.store, replace(again, retry_of=f"{job[0]}0".ljust(32, "0")))

    def found(*jobs: str, limit: int = 9) -> list[str]:
        return [run.id[:2] for run in ledger.view.last_runs(jobs, limit=limit)]

    assert found("planned") == ["p0", "p1", "p2"]
    assert found("manual") == ["m0", "m1", "m2", "m8"]
    assert found("planned", "manual", limit=2) == ["m2", "m8", "p1", "p2"]
    assert found() == []


def test_the_newest_definition_is_the_one_applied_last_or_that_of_the_newest_run(
    open_ledger: OpenLedger,
) -> None:
    ledger = open_ledger()
    old, new = a_job("applied", owner="old"), a_job("applied", owner="new")
    with ledger.store.transaction():
        for spec in (new, old, new):
            number = ledger.store.add_generation(generation(), tzdata_version="2026a", cron_semantics=1)
            ledger.store.end_job("applied", generation=number)
            ledger.store.add_job(compiled(spec), generation=number)
        for hour, owner in ((2, "last"), (1, "first")):
            spec = a_job("only-run", owner=owner)
            ledger.store.add_definition(compiled(spec))
            run = a_run(spec, id=f"{hour:032x}", scheduled_for=NOON + hour * HOUR)
            ledger.store.add_run(run)
        ledger.store.add_definition(compiled(a_job("never")))
    found = {one.job: one.text for one in ledger.view.newest_definitions()}
    assert found == {
        "applied": compiled(new).canonical,
        "only-run": compiled(a_job("only-run", owner="last")).canonical,
    }


def follow(store: Store, follower: str, *jobs: str, generation: int = 1) -> None:
    with store.transaction():
        store.following.put(follower, jobs, generation=generation)


def noted(ledger: Ledger) -> list[str]:
    """The runs whose ends no engine has acted on."""
    assert ledger.store.following.ends(limit=9) == ledger.view.following.ends(limit=9)
    return [end.run_id for end in ledger.store.following.ends(limit=9)]


def test_each_end_of_a_run_that_others_follow_is_noted_whatever_ended_it(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    store = ledger.store
    apply(store)
    follow(store, "report", "hello")
    ids = [f"{number:032x}" for number in range(1, 8)]
    free = a_run(concurrency_limit=None, start_by=NOON + HOUR)
    for number, id in enumerate(ids[:5]):
        queue(store, replace(free, id=id, scheduled_for=NOON + number * MINUTE))
    queue(
        store, replace(free, id=ids[5], scheduled_for=NOON + 6 * MINUTE, state=RunState.MISSED, ended_at=NOON)
    )
    assert noted(ledger) == [ids[5]]
    queue(store, a_run(id="f" * 32, job="other", state=RunState.SKIPPED, ended_at=NOON))
    running = [start(store, run) for id in ids[:3] if (run := store.run(id)) is not None]
    again = replace(
        SUCCEEDED, run_state=RunState.RETRY_WAIT, attempt_state=AttemptState.FAILED, retry_at=NOON
    )
    lost = replace(SUCCEEDED, run_state=RunState.LOST, attempt_state=AttemptState.LOST)
    with store.transaction():
        store.settle(running[0], SUCCEEDED, ENDED)
        store.settle(running[1], again, ENDED)
        store.settle(running[2], lost, ENDED)
        store.request_stop(ids[3], Stop.CANCEL, reason="by_hand", detail="", now=NOON)
    assert noted(ledger) == [ids[5], ids[0], ids[2], ids[3]], "a retry is no end"
    with store.transaction():
        store.expire_waiting(now=NOON + 2 * HOUR)
        [attempt] = store.past.attempts(ids[2])
        store.past.resolve(attempt, ENDED, state=RunState.SUCCEEDED, detail="")
    assert noted(ledger) == [ids[5], ids[0], ids[2], ids[3], ids[4], ids[2]]
    assert ledger.view.following.oldest_end() == NOON
    with pytest.raises(ZeroDivisionError), store.transaction():
        store.following.done(store.following.ends(limit=1)[0])
        raise ZeroDivisionError
    with store.transaction():
        for end in store.following.ends(limit=2):
            store.following.done(end)
    assert noted(ledger) == [ids[2], ids[3], ids[4], ids[2]]
    assert len(store.following.ends(limit=3)) == 3
    assert {end.generation for end in store.following.ends(limit=9)} == {1}


def test_nothing_is_noted_of_a_job_that_no_other_follows(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    follow(ledger.store, "report", "hello")
    follow(ledger.store, "report")
    queue(ledger.store, a_run(state=RunState.SKIPPED, ended_at=NOON))
    assert noted(ledger) == []
    assert ledger.view.following.oldest_end() is None


def test_a_job_follows_since_the_generation_that_first_said_so(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    following = ledger.store.following
    follow(ledger.store, "b", "x", "y", generation=2)
    follow(ledger.store, "a", "x", generation=4)
    follow(ledger.store, "b", "x", "z", generation=5)
    assert dict(ledger.view.following.upstream("b")) == {"x": 2, "z": 5}
    found = [following.followers("x", generation=number) for number in (1, 2, 3, 4)]
    assert found == [(), ("b",), ("b",), ("a", "b")]
    with ledger.store.transaction():
        ledger.store.rename_job("x", "new")
        ledger.store.rename_job("b", "c")
    assert following.followers("new", generation=9) == ("a", "c")
    assert dict(following.upstream("c")) == {"new": 2, "z": 5}


def test_the_newest_runs_of_a_time_are_in_the_order_of_their_recording(open_ledger: OpenLedger) -> None:
    store = open_ledger().store
    for number in (3, 1, 2):
        queue(store, a_run(id=f"{number:032x}", schedule_key=None, scheduled_for=NOON + HOUR))
    queue(store, a_run(id="e" * 32, schedule_key=None, scheduled_for=NOON))
    queue(store, a_run(id="d" * 32, job="other", schedule_key=None, scheduled_for=NOON + HOUR))
    found = store.following.runs_at("hello", NOON + HOUR, limit=2)
    assert [run.id[-1] for run in found] == ["1", "2"]


def test_runs_of_some_jobs_are_counted_by_day_as_all_are_counted(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    for hour in range(-30, 60):
        job, state = f"job-{hour % 3}", (RunState.SUCCEEDED, RunState.FAILED)[hour % 2]
        key = None if hour % 5 else "default"
        run = a_run(a_job(job), id=f"{hour + 99:032x}", scheduled_for=NOON + hour * HOUR, state=state)
        queue(ledger.store, replace(run, schedule_key=key, ended_at=NOON + 99 * HOUR))
    window = {"since": NOON - 7 * HOUR, "until": NOON + 50 * HOUR}
    counted = [one for one in ledger.view.count_runs(**window) if one.job != "job-1"]
    jobs, midnight = ("job-0", "job-2", "gone"), NOON - 12 * HOUR
    by_day = ledger.view.totals.count_runs_of(jobs, midnight=midnight, day=24 * HOUR, **window)
    sums: Counter[tuple[str, bool, RunState]] = Counter()
    for one in by_day:
        sums[one.job, one.is_scheduled, one.state] += one.count
    assert sums == {(one.job, one.is_scheduled, one.state): one.count for one in counted}
    of_days = Counter({day: sum(one.count for one in by_day if one.day == day) for day in range(3)})
    hours = [hour for hour in range(-7, 50) if hour % 3 != 1]
    assert of_days == Counter((hour + 12) // 24 for hour in hours)


def test_how_long_runs_took_and_how_late_they_started_is_known_of_all_or_some_jobs(
    open_ledger: OpenLedger,
) -> None:
    ledger = open_ledger()
    of_runs = ((RunState.SUCCEEDED, "default"), (RunState.FAILED, "default"), (RunState.SUCCEEDED, None))
    for number, (state, key) in enumerate(of_runs):
        run = a_run(a_job("ab"[number % 2]), id=str(number) * 32, not_before=NOON - 2 * MINUTE)
        started = start(ledger.store, queue(ledger.store, replace(run, schedule_key=key)))
        with ledger.store.transaction():
            assert ledger.store.settle(started, replace(SUCCEEDED, run_state=state), ENDED)
    queue(ledger.store, a_run(a_job("never"), id="9" * 32))
    window = {"since": NOON, "until": NOON + HOUR}
    late, took = (minutes * MINUTE // timedelta.resolution for minutes in (2, 1))
    known = {("a", took, late), ("b", None, late), ("a", took, None)}
    assert set(ledger.view.totals.courses(None, **window)) == known
    assert set(ledger.view.totals.courses(["b", "never"], **window)) == {("b", None, late)}
    assert list(ledger.view.totals.courses(None, since=NOON - HOUR, until=NOON)) == []


def test_the_newest_runs_in_some_states_are_those_of_each_job_without_a_retry(
    open_ledger: OpenLedger,
) -> None:
    ledger = open_ledger()
    for number in range(12):
        state = RunState.SUCCEEDED if number == 11 else RunState.FAILED
        run = a_run(a_job("ab"[number % 2]), id=f"{number:032x}", scheduled_for=NOON + number * MINUTE)
        queue(ledger.store, replace(run, state=state, ended_at=NOON + HOUR, concurrency_key=str(number)))
    queue(ledger.store, a_run(a_job("b"), id="f" * 32, retry_of=f"{9:032x}", scheduled_for=NOON + 9 * MINUTE))

    def found(jobs: list[str] | None, *, of_each: int = 9, limit: int = 99, until: int = 60) -> list[int]:
        window = {"since": NOON + MINUTE, "until": NOON + until * MINUTE, "of_each": of_each, "limit": limit}
        states = (RunState.FAILED, RunState.LOST)
        return [int(run.id, 16) for run in ledger.view.totals.newest_in_states(jobs, states, **window)]

    assert found(None) == [10, 8, 7, 6, 5, 4, 3, 2, 1]
    assert found(None, of_each=2) == [10, 8, 7, 5]
    assert found(None, limit=3) == [10, 8, 7]
    assert found(["b", "gone"]) == [7, 5, 3, 1]
    assert found(["a"], of_each=1, until=9) == [8]
