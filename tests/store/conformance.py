"""What every store must do. A store's test module gives a fixture `open_ledger` and imports all of this."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

import pytest

from engine.errors import SupersededError
from engine.ledger import Store, View
from engine.lifecycle import AttemptState, Ended, Run, RunState, TriggerKind, Verdict
from engine.ports import Stop
from engine.records import Generation
from tests.builders import HOUR, MINUTE, NOON, a_job, a_run, compiled, every


class Ledger(NamedTuple):
    """A store and a view on the same ledger."""

    store: Store
    view: View


OpenLedger = Callable[[], Ledger]

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
        store.add_schedule(spec, schedule_key="default", generation=number, now=NOON)
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
    late = queue(ledger.store, a_run(id="1" * 32, not_before=NOON, concurrency_limit=None))
    early = queue(ledger.store, a_run(id="2" * 32, not_before=NOON - HOUR, concurrency_limit=None))
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


def test_the_audit_tells_who_when_and_why(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    with ledger.store.transaction():
        ledger.store.audit(actor="anna", action="cancel", object="run", detail="stuck", now=NOON)
    (line,) = ledger.view.audit_of("run")
    assert (line.actor, line.action, line.detail, line.at) == ("anna", "cancel", "stuck", NOON)


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


def test_a_session_tells_when_the_engine_was_there(open_ledger: OpenLedger) -> None:
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
        ledger.store.close_session(epoch=epoch, now=NOON + HOUR, reason="stopped")
    session = ledger.view.last_session()
    assert session is not None
    assert (session.ended_at, session.end_reason) == (NOON + HOUR, "stopped")
    assert ledger.view.session_before(NOON - timedelta(seconds=1)) is None


def test_a_fact_about_the_ledger_is_written_once(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    with ledger.store.transaction():
        assert ledger.store.meta("lineage", default="a") == "a"
        assert ledger.store.meta("lineage", default="b") == "a"
