"""Tests of order that every store must pass: each listing has the order that its port documents.

This is a part of the conformance suite: a store's test module imports all of this, too.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pytest

from engine.core.lifecycle import AttemptKey, AttemptState, Run, RunState, TriggerKind, Verdict
from engine.core.records import Backfill, Owed
from engine.core.step_states import StepRun, StepState
from engine.ledger import event_ports, past_ports, ports, soundness_ports, step_ports, store_ports
from engine.ledger.store_ports import Store
from engine.ports import Stop
from tests.builders import DAY, HOUR, MINUTE, NOON, a_job, a_run, compiled, every
from tests.store.conformance import ENDED, FILE, Ledger, OpenLedger, a_pause, generation, queue, start

MIXED = (3, 1, 4, 2, 5)
"""The order in which rows are written: neither that of their times, nor the reverse."""
WINDOW: dict[str, Any] = {"since": NOON - 99 * DAY, "until": NOON + 99 * DAY}
LATER = NOON + 9 * DAY
RUN = "7" * 32


class Listing(NamedTuple):
    """A call that lists rows, and the expected result."""

    ask: Callable[[Ledger], Sequence[object]]
    given: Sequence[object]


def ids(runs: Sequence[Run]) -> list[int]:
    """The last digit of each run's id, which is its hour."""
    return [int(run.id[-1]) for run in runs]


def hours(instants: Sequence[datetime]) -> list[int]:
    """The hours after noon."""
    return [int((at - NOON) / HOUR) for at in instants]


def waiting(store: Store, **fields: Any) -> None:
    """Record waiting runs, in mixed order of their times."""
    for hour in MIXED:
        run = a_run(
            id=f"{hour:032x}",
            scheduled_for=NOON + hour * HOUR,
            not_before=NOON + hour * HOUR,
            queued_at=NOON + hour * HOUR,
            concurrency_key="same",
            concurrency_limit=None,
        )
        queue(store, replace(run, **fields))


def with_waiting(**fields: Any) -> Callable[[Ledger], None]:
    return lambda ledger: waiting(ledger.store, **fields)


def with_retries(ledger: Ledger) -> None:
    """Record runs that retry another run."""
    queue(ledger.store, a_run(id="9" * 32, scheduled_for=NOON - 199 * DAY))
    waiting(ledger.store, retry_of="9" * 32)


def with_active(ledger: Ledger) -> None:
    """Record active runs, started in mixed order of their times; each attempt
    begins at the hour of its run.
    """
    waiting(ledger.store)
    for hour in (2, 5, 1):
        run = ledger.store.run(f"{hour:032x}")
        assert run is not None
        with ledger.store.transaction():
            assert ledger.store.start(run, boot_id="boot", now=NOON + hour * HOUR)


def with_ended(ledger: Ledger, state: RunState = RunState.SUCCEEDED) -> None:
    """Record runs of a schedule that ended in mixed order, at the hours of their names."""
    waiting(ledger.store, trigger=TriggerKind.SCHEDULE, schedule_key="default")
    for hour in MIXED:
        run = ledger.store.run(f"{hour:032x}")
        assert run is not None
        started = NOON + hour * HOUR
        with ledger.store.transaction():
            assert ledger.store.start(run, boot_id="boot", now=started)
            run = ledger.store.run(run.id)
            assert run is not None
            verdict = Verdict(
                attempt_state=AttemptState(state.value), run_state=state, ended_at=started + hour * MINUTE
            )
            ended = replace(ENDED, started_at=started, ended_at=verdict.ended_at)
            assert ledger.store.settle(run, verdict, ended)


def with_lost(ledger: Ledger) -> None:
    with_ended(ledger, RunState.LOST)


def with_mixed_ends(ledger: Ledger, *, every_hour: timedelta = HOUR) -> None:
    """Record runs with different ends, each at its hour; or all at one instant, if `every_hour` is zero."""
    waiting(ledger.store, not_before=NOON)
    ends = dict(zip(sorted(MIXED), ("failed", "succeeded", "timed_out", "lost", "failed"), strict=True))
    for hour in MIXED:
        run = start(ledger.store, a_run(id=f"{hour:032x}"))
        verdict = Verdict(
            attempt_state=AttemptState(ends[hour]),
            run_state=RunState(ends[hour]),
            ended_at=NOON + MINUTE + hour * every_hour,
        )
        with ledger.store.transaction():
            assert ledger.store.settle(run, verdict, ENDED)


def with_backfills(ledger: Ledger) -> None:
    """Record a backfill of each job, named and ended in a mixed order."""
    for hour in MIXED:
        at = NOON + hour * HOUR
        asked = Backfill(0, f"job-{hour}", NOON, at, NOON, 1, again=False, requested_by="anna", begun_at=at)
        with ledger.store.transaction():
            ledger.store.backfills.begin(asked)


def with_outputs(ledger: Ledger) -> None:
    """Record outputs of a job with one action, and of steps, in a mixed order."""
    queue(ledger.store, a_run())
    with ledger.store.transaction():
        for step, item, names in (("pack", 0, "a"), ("load", 2, "a"), ("", 0, "ba"), ("load", 1, "a")):
            key = AttemptKey(a_run().id, 1, step, item)
            ledger.store.past.set_outputs(key, dict.fromkeys(names, "x"))


def with_artifacts(ledger: Ledger) -> None:
    """Record artifacts of steps, in a mixed order."""
    queue(ledger.store, a_run())
    with ledger.store.transaction():
        for step in "bac":
            ledger.store.artifacts.add(AttemptKey(a_run().id, 1, step), [FILE])


def with_copies(ledger: Ledger) -> None:
    """Record an artifact of runs that ended in mixed order."""
    with_ended(ledger)
    with ledger.store.transaction():
        for hour in FORWARD:
            ledger.store.artifacts.add(AttemptKey(f"{hour:032x}", 1), [FILE])


def with_steps(ledger: Ledger) -> None:
    """Record steps of two runs, in a mixed order."""
    for number in (2, 1):
        run = queue(ledger.store, a_run(id=f"{number:032x}", concurrency_key=str(number)))
        with ledger.store.transaction():
            assert ledger.store.steps.begin_round(run, now=NOON)
            for step, item in (("pack", 0), ("load", 2), ("load", 0), ("load", 1)):
                ledger.store.steps.set(run.id, [StepRun(step=step, item=item, state=StepState.READY)])


STEPS = [("load", 0), ("load", 1), ("load", 2), ("pack", 0)]


def with_stopping(ledger: Ledger) -> None:
    """Record runs with steps that are being ended, in a mixed order."""
    with_steps(ledger)
    with ledger.store.transaction():
        for number in (1, 2):
            ledger.store.request_stop(f"{number:032x}", Stop.CANCEL, reason="by_hand", detail="", now=NOON)


def with_tries(ledger: Ledger) -> None:
    """Record one run with three attempts."""
    run = queue(ledger.store, a_run())
    for _ in range(3):
        run = start(ledger.store, run)
        again = Verdict(
            attempt_state=AttemptState.FAILED, run_state=RunState.RETRY_WAIT, ended_at=NOON, retry_at=NOON
        )
        with ledger.store.transaction():
            assert ledger.store.settle(run, again, replace(ENDED, exit_code=1))
        found = ledger.store.run(run.id)
        assert found is not None
        run = found


def with_generations(ledger: Ledger) -> None:
    """Record five generations, each with its zone rules, a job of its own, and a
    job that changes each time.
    """
    store = ledger.store
    for hour in MIXED:
        at = NOON + hour * HOUR
        with store.transaction():
            number = store.add_generation(
                generation()._replace(applied_at=at), tzdata_version=f"2026{'abcdef'[hour]}", cron_semantics=1
            )
            store.end_job("same", generation=number)
            store.add_job(compiled(a_job("same", timeout=timedelta(hours=hour))), generation=number)
            spec = a_job(f"job-{hour}", schedule=every(minutes=1))
            store.add_job(compiled(spec), generation=number)
            store.add_schedule(spec.name, spec.schedule, schedule_key="default", generation=number, now=at)


def with_schedules(ledger: Ledger) -> None:
    """Record a job whose schedule was replaced five times, and gaps of the last one."""
    store = ledger.store
    spec = a_job(schedule=every(minutes=1))
    with store.transaction():
        number = store.add_generation(generation(), tzdata_version="2026a", cron_semantics=1)
        store.add_job(compiled(spec), generation=number)
        for hour in sorted(MIXED):
            for one in store.schedules_in_force():
                store.end_schedule(one.id, at=NOON + hour * HOUR, because="schedule_changed")
            store.add_schedule(
                spec.name, spec.schedule, schedule_key="default", generation=number, now=NOON + hour * HOUR
            )
        (schedule,) = store.schedules_in_force()
        for hour in MIXED:
            store.add_gap(
                schedule,
                first_at=NOON + hour * HOUR,
                last_at=NOON + hour * HOUR,
                count=1,
                state=RunState.MISSED,
                reason="engine_down",
                detail=str(hour),
                generation=number,
                now=LATER,
            )


def with_happenings(ledger: Ledger, *, every_hour: timedelta = HOUR) -> None:
    """Record incidents, refusals, pauses, notifications and audit records, in mixed order of time.

    All are at one instant if `every_hour` is zero.
    """
    store = ledger.store
    for hour in MIXED:
        at = NOON + hour * every_hour
        with store.transaction():
            store.pauses.add(a_pause(f"job-{hour}")._replace(paused_at=at))
            store.incidents.note("away", began_at=at, detail=str(hour), occurrences=1, jobs=1, now=at)
            store.reject(digest=str(hour), diagnostics=[str(hour)], now=at)
            store.outbox.add(Owed(str(hour), at, "failure", "mail", f"job-{hour}", "", "{}"))
            store.audit(actor="anna", action="x", object="y", detail=str(hour), now=at)
        store.open_session(kind="engine", boot_id="b", pid=hour, version="1", now=at, boot_seconds=1.0)


def with_notifications(ledger: Ledger) -> None:
    """Record notifications about one run, each of a job and to a channel of its own."""
    for hour in MIXED:
        at, name = NOON + hour * HOUR, f"{hour}-own"
        with ledger.store.transaction():
            ledger.store.outbox.add(Owed(str(hour), at, "failed", "mail", f"job-{hour}", RUN, "{}"))
            ledger.store.outbox.add(Owed(name, at, "failed", name, f"job-{hour}", "", "{}"))


def with_one_message(ledger: Ledger) -> None:
    """Make one message of all notifications of a channel."""
    with_notifications(ledger)
    with ledger.store.transaction():
        ledger.store.outbox.assign("whole", "mail", {f"job-{hour}": LATER for hour in MIXED})


def with_messages(ledger: Ledger) -> None:
    """Make a message of each notification of a channel."""
    with_notifications(ledger)
    with ledger.store.transaction():
        for hour in MIXED:
            ledger.store.outbox.assign(str(hour), "mail", {f"job-{hour}": LATER})


def with_sent(ledger: Ledger) -> None:
    """Record the delivery of the messages of a channel."""
    with_messages(ledger)
    with ledger.store.transaction():
        for hour in MIXED:
            ledger.store.outbox.sent(str(hour), now=NOON + hour * HOUR)


def pending(ledger: Ledger) -> tuple[Owed, ...]:
    """The notifications of the channel that every one of them goes to."""
    return ledger.store.outbox.pending("mail", of_each=9, limit=9)


def with_sets(ledger: Ledger) -> None:
    """Record runs of schedules with mixed names."""
    for hour in MIXED:
        spec = a_job(f"job-{hour}")
        for epoch in (1, 0):
            run = a_run(spec, id=f"{epoch:016x}{hour:016x}", trigger=TriggerKind.SCHEDULE)
            queue(ledger.store, replace(run, schedule_key="default", clock_epoch=epoch))


def with_crowds(ledger: Ledger) -> None:
    """Record more runs of one key and queue than they allow: each was alone when it started."""
    for hour in MIXED:
        for number in range(2):
            run = a_run(id=f"{number:016x}{hour:016x}", concurrency_key=str(hour), concurrency_limit=1)
            queue(ledger.store, replace(run, state=RunState.RUNNING, queue=str(hour), queue_slots=1))


def a_set(ledger: Ledger) -> Any:
    return ledger.view.soundness.set_keys()[0]


def the_schedule(ledger: Ledger) -> int:
    return ledger.store.schedules_in_force()[-1].id


def in_one_moment(write: Callable[..., None]) -> Callable[[Ledger], None]:
    return lambda ledger: write(ledger, every_hour=timedelta(0))


FORWARD, BACKWARD = sorted(MIXED), sorted(MIXED, reverse=True)
RECORDED, NEWEST_RECORDED = list(MIXED), list(MIXED)[::-1]

LISTINGS: dict[str, tuple[Callable[[Ledger], None], Listing]] = {
    "open_runs": (with_active, Listing(lambda one: ids(one.view.open_runs()), RECORDED)),
    "open_runs of the store": (with_active, Listing(lambda one: ids(one.store.open_runs()), RECORDED)),
    "runs_of": (
        with_waiting(occurrence="1" * 32),
        Listing(lambda one: ids(one.view.runs_of("1" * 32)), RECORDED),
    ),
    "runs_of of the store": (
        with_waiting(occurrence="1" * 32),
        Listing(lambda one: ids(one.store.runs_of("1" * 32)), RECORDED),
    ),
    "matrix_runs": (
        with_waiting(occurrence="1" * 32),
        Listing(lambda one: ids(one.view.matrix_runs(None, **WINDOW)), FORWARD),
    ),
    "matrix_runs, in one moment": (
        with_waiting(occurrence="1" * 32, scheduled_for=NOON),
        Listing(lambda one: ids(one.view.matrix_runs("hello", **WINDOW)), RECORDED),
    ),
    "waiting_of_job": (
        with_waiting(),
        Listing(lambda one: ids(one.store.waiting_of_job("hello")), RECORDED),
    ),
    "undecided": (
        with_waiting(reason="spread"),
        Listing(lambda one: ids(one.store.undecided(now=LATER, limit=9)), FORWARD),
    ),
    "undecided, in one moment": (
        with_waiting(reason="spread", not_before=NOON),
        Listing(lambda one: ids(one.store.undecided(now=LATER, limit=9)), RECORDED),
    ),
    "startable": (
        with_waiting(),
        Listing(lambda one: ids(one.store.startable(now=LATER, limit=9, is_catchup=False)), FORWARD),
    ),
    "startable, in one moment": (
        with_waiting(not_before=NOON, scheduled_for=NOON),
        Listing(lambda one: ids(one.store.startable(now=LATER, limit=9, is_catchup=False)), RECORDED),
    ),
    "startable, made up for": (
        with_waiting(trigger=TriggerKind.CATCHUP, schedule_key="default"),
        Listing(lambda one: ids(one.store.startable(now=LATER, limit=9, is_catchup=True)), FORWARD),
    ),
    "blocking_runs": (
        with_active,
        Listing(lambda one: ids(one.store.blocking_runs("same")), [1, 2, 5, 3, 4]),
    ),
    "overdue": (
        with_waiting(),
        Listing(lambda one: ids(one.view.soundness.overdue(before=LATER, limit=9)), FORWARD),
    ),
    "recent_runs": (
        with_waiting(),
        Listing(lambda one: ids(one.view.recent_runs(job=None, state=None, limit=9)), NEWEST_RECORDED),
    ),
    "runs_between": (
        with_waiting(),
        Listing(lambda one: ids(one.view.runs_between("hello", limit=9, **WINDOW)), BACKWARD),
    ),
    "runs_between, in one moment": (
        with_waiting(scheduled_for=NOON),
        Listing(lambda one: ids(one.view.runs_between("hello", limit=9, **WINDOW)), NEWEST_RECORDED),
    ),
    "runs_in": (
        with_waiting(),
        Listing(
            lambda one: ids(one.view.runs_in(jobs=None, state=None, limit=9, **WINDOW)),
            BACKWARD,
        ),
    ),
    "runs_in, in one moment": (
        with_waiting(scheduled_for=NOON),
        Listing(
            lambda one: ids(one.view.runs_in(jobs=["hello"], state=None, limit=9, **WINDOW)), NEWEST_RECORDED
        ),
    ),
    "last_runs": (
        with_waiting(),
        Listing(lambda one: ids(one.view.last_runs(["hello"], limit=9)), FORWARD),
    ),
    "last_runs, in one moment": (
        with_waiting(scheduled_for=NOON),
        Listing(lambda one: ids(one.view.last_runs(["hello"], limit=9)), RECORDED),
    ),
    "last_gaps": (
        with_schedules,
        Listing(lambda one: [int(gap.detail) for gap in one.view.last_gaps(["hello"], limit=9)], FORWARD),
    ),
    "newest_definitions": (
        with_generations,
        Listing(
            lambda one: [each.job for each in one.view.newest_definitions()],
            [*(f"job-{hour}" for hour in FORWARD), "same"],
        ),
    ),
    "open": (
        with_backfills,
        Listing(lambda one: [int(each.job[-1]) for each in one.store.backfills.open()], RECORDED),
    ),
    "backfills": (
        with_backfills,
        Listing(
            lambda one: [int(each.job[-1]) for each in one.view.backfills(None, limit=9)], RECORDED[::-1]
        ),
    ),
    "runs_at": (
        with_waiting(scheduled_for=NOON),
        Listing(lambda one: ids(one.store.backfills.runs_at("hello", NOON)), RECORDED),
    ),
    "retries_of": (
        with_retries,
        Listing(lambda one: ids(one.view.retries_of("9" * 32)), RECORDED),
    ),
    "retries_between": (
        with_retries,
        Listing(lambda one: ids(one.view.retries_between(**WINDOW)), RECORDED),
    ),
    "recorded_after": (
        with_waiting(),
        Listing(
            lambda one: ids([run for _, run in one.store.past.recorded_after(0, before=LATER, limit=9)]),
            RECORDED,
        ),
    ),
    "run_ids": (
        with_waiting(),
        Listing(lambda one: [int(run_id) for run_id in one.view.soundness.run_ids()], FORWARD),
    ),
    "newest_occurrences": (
        with_ended,
        Listing(lambda one: ids(one.store.newest_occurrences("hello", limit=9)), BACKWARD),
    ),
    "instants": (
        with_ended,
        Listing(
            lambda one: hours([at for at, _ in one.view.soundness.instants(a_set(one))]),
            FORWARD,
        ),
    ),
    "prunable": (
        with_ended,
        Listing(lambda one: ids(one.store.past.prunable(before=LATER, limit=9)), [1, 2, 3, 4]),
    ),
    "lengths": (
        with_ended,
        Listing(lambda one: [int(took / MINUTE) for took in one.view.lengths("hello", limit=9)], BACKWARD),
    ),
    "lost_attempts": (
        with_lost,
        Listing(
            lambda one: [int(each.run_id[-1]) for each in one.store.past.lost_attempts(since=NOON, limit=9)],
            FORWARD,
        ),
    ),
    "newest_ends": (
        with_mixed_ends,
        Listing(
            lambda one: [state.value for state in one.store.newest_ends("hello", since=NOON, limit=9)],
            ["failed", "lost", "timed_out", "succeeded", "failed"],
        ),
    ),
    "newest_ends, in one moment": (
        in_one_moment(with_mixed_ends),
        Listing(
            lambda one: [state.value for state in one.store.newest_ends("hello", since=NOON, limit=9)],
            ["failed", "succeeded", "lost", "failed", "timed_out"],
        ),
    ),
    "startable, made up for, in one moment": (
        with_waiting(trigger=TriggerKind.CATCHUP, not_before=NOON, scheduled_for=NOON),
        Listing(lambda one: ids(one.store.startable(now=LATER, limit=9, is_catchup=True)), RECORDED),
    ),
    "pending, in one moment": (
        in_one_moment(with_happenings),
        Listing(lambda one: [int(each.id) for each in pending(one)], FORWARD),
    ),
    "pauses_between, in one moment": (
        in_one_moment(with_happenings),
        Listing(
            lambda one: [int(each.job[-1]) for each in one.view.pauses_between(None, **WINDOW)], RECORDED
        ),
    ),
    "live_attempts": (
        with_active,
        Listing(lambda one: [int(each.attempt.run_id[-1]) for each in one.store.live_attempts()], [1, 2, 5]),
    ),
    "attempts": (
        with_tries,
        Listing(lambda one: [each.number for each in one.view.attempts(a_run().id)], [1, 2, 3]),
    ),
    "steps": (
        with_steps,
        Listing(lambda one: [tuple(each.key) for each in one.view.steps(f"{1:032x}")], STEPS),
    ),
    "of_run": (
        with_steps,
        Listing(lambda one: [tuple(each.key) for each in one.store.steps.of_run(f"{1:032x}")], STEPS),
    ),
    "startable of steps": (
        with_steps,
        Listing(
            lambda one: [
                (int(each.run_id), *each.step.key) for each in one.store.steps.startable(now=NOON, limit=99)
            ],
            [(number, *step) for number in (2, 1) for step in STEPS],
        ),
    ),
    "stopping": (
        with_stopping,
        Listing(lambda one: [int(run.id) for run in one.store.steps.stopping()], [2, 1]),
    ),
    "outputs": (
        with_outputs,
        Listing(
            lambda one: [(each.step, each.item, each.name) for each in one.view.outputs(a_run().id)],
            [("", 0, "a"), ("", 0, "b"), ("load", 1, "a"), ("load", 2, "a"), ("pack", 0, "a")],
        ),
    ),
    "artifacts": (
        with_artifacts,
        Listing(lambda one: [each.attempt.step for each in one.view.artifacts(a_run().id)], ["b", "a", "c"]),
    ),
    "with_copies": (
        with_copies,
        Listing(
            lambda one: [int(run.id) for run in one.store.artifacts.with_copies(before=NOON + DAY, limit=9)],
            MIXED,
        ),
    ),
    "generations": (
        with_generations,
        Listing(lambda one: [each.generation.number for each in one.view.generations(limit=9)], BACKWARD),
    ),
    "jobs_in_force": (
        with_generations,
        Listing(
            lambda one: [each.job for each in one.view.jobs_in_force()],
            [*(f"job-{hour}" for hour in FORWARD), "same"],
        ),
    ),
    "jobs_at": (
        with_generations,
        Listing(lambda one: [each.job for each in one.view.jobs_at(2)], ["job-1", "job-3", "same"]),
    ),
    "job_versions": (
        with_generations,
        Listing(lambda one: [each.from_generation for each in one.view.job_versions("same")], FORWARD),
    ),
    "tzdata_versions": (
        with_generations,
        Listing(
            lambda one: one.view.soundness.tzdata_versions(),
            tuple(f"2026{'abcdef'[hour]}" for hour in NEWEST_RECORDED),
        ),
    ),
    "schedules_in_force": (
        with_generations,
        Listing(lambda one: [int(each.job[-1]) for each in one.store.schedules_in_force()], RECORDED),
    ),
    "schedules_between, of all jobs": (
        with_generations,
        Listing(
            lambda one: [int(each.job[-1]) for each in one.view.schedules_between(None, **WINDOW)], FORWARD
        ),
    ),
    "schedules_between": (
        with_schedules,
        Listing(
            lambda one: hours([each.active_from for each in one.view.schedules_between("hello", **WINDOW)]),
            FORWARD,
        ),
    ),
    "schedules": (
        with_schedules,
        Listing(
            lambda one: hours([each.active_from for each in one.view.soundness.schedules(a_set(one))]),
            FORWARD,
        ),
    ),
    "gaps_between": (
        with_schedules,
        Listing(lambda one: [int(gap.detail) for gap in one.view.gaps_between(None, **WINDOW)], FORWARD),
    ),
    "gaps": (
        with_schedules,
        Listing(lambda one: [int(gap.detail) for gap in one.view.soundness.gaps(the_schedule(one))], FORWARD),
    ),
    "pauses_between": (
        with_happenings,
        Listing(
            lambda one: hours([each.paused_at for each in one.view.pauses_between(None, **WINDOW)]), FORWARD
        ),
    ),
    "between": (
        with_happenings,
        Listing(
            lambda one: hours([each.paused_at for each in one.store.pauses.between(None, **WINDOW)]), FORWARD
        ),
    ),
    "recent_incidents": (
        with_happenings,
        Listing(
            lambda one: [int(each.detail) for each in one.view.recent_incidents(limit=9)], NEWEST_RECORDED
        ),
    ),
    "recent": (
        with_happenings,
        Listing(
            lambda one: [int(each.detail) for each in one.store.incidents.recent(limit=9)], NEWEST_RECORDED
        ),
    ),
    "rejections_between": (
        with_happenings,
        Listing(
            lambda one: [int(each.diagnostics[0]) for each in one.view.rejections_between(**WINDOW)], RECORDED
        ),
    ),
    "pending": (
        with_happenings,
        Listing(lambda one: [int(each.id) for each in pending(one)], FORWARD),
    ),
    "channels": (
        with_notifications,
        Listing(
            lambda one: [int(each[0]) for each in one.store.outbox.channels() if each != "mail"], FORWARD
        ),
    ),
    "parcels": (
        with_messages,
        Listing(lambda one: [int(each.id) for each in one.store.outbox.parcels("mail")], FORWARD),
    ),
    "of_message": (
        with_one_message,
        Listing(
            lambda one: [int(each.id) for each in one.store.outbox.of_message("whole", limit=9)], FORWARD
        ),
    ),
    "told": (
        with_sent,
        Listing(
            lambda one: [int(each.job[-1]) for each in one.store.outbox.told("mail", since=NOON)], FORWARD
        ),
    ),
    "notifications": (
        with_notifications,
        Listing(lambda one: [(each.at - NOON) // HOUR for each in one.view.notifications(RUN)], FORWARD),
    ),
    "undelivered": (
        with_notifications,
        Listing(
            lambda one: [
                (each.at - NOON) // HOUR for each in one.view.undelivered(limit=9) if each.run_id == RUN
            ],
            BACKWARD,
        ),
    ),
    "audit_of": (
        with_happenings,
        Listing(lambda one: [int(each.detail) for each in one.view.audit_of("y")], RECORDED),
    ),
    "recent_audit": (
        with_happenings,
        Listing(
            lambda one: [int(each.detail) for _, each in one.view.recent_audit(limit=9)], NEWEST_RECORDED
        ),
    ),
    "audit_after": (
        with_happenings,
        Listing(
            lambda one: [int(each.detail) for _, each in one.store.past.audit_after(0, limit=9)], RECORDED
        ),
    ),
    "audit_links": (
        with_happenings,
        Listing(lambda one: [int(each.detail) for each in one.view.audit_links()], RECORDED),
    ),
    "sessions": (
        with_happenings,
        Listing(lambda one: [each.pid for each in one.view.soundness.sessions()], RECORDED),
    ),
    "set_keys": (
        with_sets,
        Listing(
            lambda one: [(int(key.job[-1]), key.clock_epoch) for key in one.view.soundness.set_keys()],
            [(hour, epoch) for hour in FORWARD for epoch in (0, 1)],
        ),
    ),
    "crowds": (
        with_crowds,
        Listing(
            lambda one: [int(each.concurrency_key) for each in one.view.soundness.crowds(limit=9)], FORWARD
        ),
    ),
    "queue_crowds": (
        with_crowds,
        Listing(lambda one: [int(each.queue) for each in one.view.soundness.queue_crowds(limit=9)], FORWARD),
    ),
    "ownerless": (
        with_crowds,
        Listing(
            lambda one: [int(each.run_id[-1]) for each in one.view.soundness.ownerless(limit=99)],
            [hour for hour in MIXED for _ in range(2)],
        ),
    ),
}
"""Each listing, in a ledger that was written in a different order."""

IN_NO_ORDER = {
    "count_runs",
    "results_of",
    "pruned_requests",
    "crowded",
    "expire_waiting",
    "runs_with_prefix",
}
AS_GIVEN = {"prune", "set_aside", "unreadable"}
"""Methods whose results are in the order of their arguments, or of the rows as found."""
BEYOND_A_STORE = {
    *("half_ended", "misnumbered", "executed_twice", "unproven", "last_states", "unreadable_rows"),
    "torn_occurrences",
}
"""Methods about rows that a store's own methods cannot all write; the
tests of their callers write them in SQL.
"""


def test_each_listing_is_tried_here() -> None:
    listings = set()
    for module in (ports, store_ports, event_ports, past_ports, step_ports, soundness_ports):
        for port in vars(module).values():
            if isinstance(port, type) and port.__module__ == module.__name__:
                for name, method in vars(port).items():
                    function = method.fget if isinstance(method, property) else method
                    given = str(getattr(function, "__annotations__", {}).get("return", ""))
                    if re.match(r"tuple\[.*\.\.\.\]|Iterator|Sequence|Mapping", given):
                        listings.add(name)
    tried = {re.match(r"\w+", name)[0] for name in LISTINGS}  # type: ignore[index]  # each begins with a word
    assert tried | IN_NO_ORDER | AS_GIVEN | BEYOND_A_STORE == listings


@pytest.mark.parametrize("name", LISTINGS)
def test_a_listing_comes_in_its_order(open_ledger: OpenLedger, name: str) -> None:
    write, listing = LISTINGS[name]
    ledger = open_ledger()
    write(ledger)
    assert list(listing.ask(ledger)) == list(listing.given)


def test_a_limit_leaves_out_what_comes_last(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    waiting(ledger.store)
    for limit in range(1, 6):
        assert ids(ledger.store.startable(now=LATER, limit=limit, is_catchup=False)) == FORWARD[:limit]
        assert ids(ledger.view.runs_between("hello", limit=limit, **WINDOW)) == BACKWARD[:limit]
        assert ids(ledger.view.recent_runs(job=None, state=None, limit=limit)) == NEWEST_RECORDED[:limit]


def test_the_newest_of_several_is_given(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    with_happenings(ledger)
    with_generations(ledger)
    waiting(ledger.store)
    newest, last = ledger.view.current_generation(), ledger.store.last_session()
    before, after = ledger.view.session_before(NOON + 3 * HOUR), ledger.view.session_after(NOON + 3 * HOUR)
    assert newest is not None
    assert last is not None
    assert before is not None
    assert after is not None
    assert (newest.number, last.pid) == (5, MIXED[-1])
    assert (before.pid, after.pid) == (2, 4), "of those that had begun the last, of the others the first"
    links = list(ledger.view.audit_links())
    assert ledger.store.past.newest_audit() == (links[-1].seq, links[-1].hash)
    run = ledger.view.newest_run("hello", until=NOON + 4 * HOUR)
    assert run is not None
    assert ids([run]) == [4]


def test_of_runs_for_the_same_time_the_one_recorded_last_is_the_newest(
    open_ledger: OpenLedger,
) -> None:
    ledger = open_ledger()
    waiting(ledger.store, scheduled_for=NOON)
    run = ledger.view.newest_run("hello", until=NOON)
    assert run is not None
    assert ids([run]) == [MIXED[-1]]
