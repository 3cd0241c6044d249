"""What every store must do about transactions, superseded sessions, threads and times.

This is a part of the conformance suite: a store's test module imports all of this, too.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest

from engine.core.errors import SupersededError
from engine.core.lateness import Late, LateKind
from engine.core.lifecycle import Artifact, AttemptKey, AttemptState, RunState, TriggerKind, Verdict
from engine.core.records import CLOCK_HOLD, DISK_HOLD, Odd, Owed, Pause, Unreadable
from engine.core.step_states import StepKey, StepRun, StepState
from engine.ledger import event_ports, following_ports, late_ports, past_ports, step_ports, store_ports
from engine.ledger.store_ports import Store
from engine.ports import Stop
from jobfile.model.jobs import Origin, QueueSpec
from tests.builders import DAY, HOUR, MINUTE, NOON, a_job, a_run, compiled, every
from tests.store.conformance import (
    ENDED,
    SUCCEEDED,
    Ledger,
    OpenLedger,
    a_pause,
    apply,
    generation,
    queue,
    start,
)

WAIT_SECONDS = 20.0
A_MOMENT_SECONDS = 0.05
QUEUED, RUNNING, LOST, PRUNED, WITH_SPREAD, LATE, STEPPED = (str(number) * 32 for number in range(1, 8))


def a_full_ledger(store: Store) -> None:
    """Write rows so that each writing method has something to change."""
    apply(store)
    with store.transaction():
        store.following.put("report", ["hello"], generation=1)
        for job in ("hello", "other"):
            store.lateness.add(a_late(job), now=NOON)
        store.lateness.end("other", now=NOON)
    queue(store, a_run(id=QUEUED))
    start(store, queue(store, a_run(id=RUNNING)))
    lost = start(store, queue(store, a_run(id=LOST, concurrency_key="lost")))
    queue(store, a_run(id=PRUNED, state=RunState.FAILED, ended_at=NOON, concurrency_key="pruned"))
    queue(store, a_run(id=WITH_SPREAD, reason="spread", concurrency_key="spread"))
    queue(store, a_run(id=LATE, start_by=NOON + MINUTE, concurrency_key="late"))
    stepped = queue(store, a_run(id=STEPPED, concurrency_key="stepped"))
    verdict = Verdict(attempt_state=AttemptState.LOST, run_state=RunState.LOST, ended_at=NOON + MINUTE)
    with store.transaction():
        assert store.steps.begin_round(stepped, now=NOON)
        store.steps.set(STEPPED, [StepRun(step=name, state=StepState.READY) for name in "ab"])
        assert store.steps.start(STEPPED, StepKey("a"), boot_id="boot", now=NOON) is not None
        assert store.settle(lost, verdict, replace(ENDED, exit_code=None))
        store.incidents.begin_hold(CLOCK_HOLD, detail="absurd", now=NOON)
        store.pauses.add(a_pause())
        store.artifacts.add(lost.last_attempt, [AN_ARTIFACT])
        for name in ("sent", "failed", "dropped"):
            store.outbox.add(Owed(name, NOON, "failure", name, "hello", "", "{}"))
        store.outbox.sent("dropped", now=NOON)
        store.reject(digest="x", diagnostics=["wrong"], now=NOON)


def run_of(store: Store, run_id: str) -> Any:
    found = store.run(run_id)
    assert found is not None
    return found


def an_attempt(store: Store, run_id: str) -> Any:
    found = store.past.attempt(AttemptKey(run_id, 1))
    assert found is not None
    return found


def a_gap(store: Store) -> None:
    (schedule,) = store.schedules_in_force()
    store.add_gap(
        schedule,
        first_at=NOON + MINUTE,
        last_at=NOON + HOUR,
        count=60,
        state=RunState.MISSED,
        reason="engine_down",
        detail="",
        generation=1,
        now=NOON + HOUR,
    )


def a_schedule_id(store: Store) -> int:
    return store.schedules_in_force()[0].id


def a_late(job: str, *, about: str = "2026-03-05") -> Late:
    return Late(job, LateKind.DONE_BY, about, NOON, scheduled_for=NOON - HOUR)


AN_ARTIFACT = Artifact(name="a.txt", size=3, sha256="ab" * 32, copy=1)
OTHER = compiled(a_job("other"))
AT: dict[str, Any] = {"now": NOON + HOUR}
WHY: dict[str, Any] = {"reason": "by_hand", "detail": "why"}

WRITES: dict[str, Callable[[Store], object]] = {
    "touch_session": lambda store: store.touch_session(epoch=1, boot_seconds=9.0, **AT),
    "close_session": lambda store: store.close_session(epoch=1, boot_seconds=9.0, reason="stopped", **AT),
    "add_generation": lambda store: store.add_generation(generation(), tzdata_version="x", cron_semantics=1),
    "add_job": lambda store: store.add_job(OTHER, generation=1),
    "end_job": lambda store: store.end_job("hello", generation=1),
    "move_job": lambda store: store.move_job("hello", Origin(file="elsewhere.yaml", line=9)),
    "rename_job": lambda store: store.rename_job("hello", "goodbye"),
    "add_definition": lambda store: store.add_definition(OTHER),
    "add_schedule": lambda store: store.add_schedule(
        "hello", every(minutes=2), schedule_key="default", generation=1, **AT
    ),
    "end_schedule": lambda store: store.end_schedule(a_schedule_id(store), at=NOON + HOUR, because="x"),
    "advance_coverage": lambda store: store.advance_coverage(a_schedule_id(store), to=NOON + DAY),
    "add_run": lambda store: store.add_run(a_run(id="9" * 32)),
    "add_gap": a_gap,
    "decide": lambda store: store.decide(replace(run_of(store, WITH_SPREAD), reason="")),
    "end_waiting": lambda store: store.end_waiting(QUEUED, state=RunState.SKIPPED, **WHY, **AT),
    "request_stop": lambda store: store.request_stop(RUNNING, Stop.CANCEL, **WHY, **AT),
    "expire_waiting": lambda store: store.expire_waiting(**AT),
    "repin": lambda store: store.repin(replace(run_of(store, QUEUED), params={"x": 1})),
    "size_queue": lambda store: store.size_queue(QueueSpec(name="", slots=3)),
    "start": lambda store: store.start(run_of(store, LATE), boot_id="boot", now=NOON),
    "mark_running": lambda store: store.mark_running(an_attempt(store, RUNNING), started_at=NOON),
    "settle": lambda store: store.settle(run_of(store, RUNNING), SUCCEEDED, ENDED),
    "set_aside": lambda store: store.set_aside(
        Unreadable("run", "seq = 1", "x", run=QUEUED, seq=1), is_over=True, **AT
    ),
    "reject": lambda store: store.reject(digest="y", diagnostics=["other"], **AT),
    "accept": lambda store: store.accept(**AT),
    "audit": lambda store: store.audit(actor="anna", action="x", object="y", detail="", **AT),
    "pauses.add": lambda store: store.pauses.add(a_pause("other")),
    "pauses.end": lambda store: store.pauses.end("hello", by="anna", **AT),
    "incidents.note": lambda store: store.incidents.note(
        "away", began_at=NOON, detail="", occurrences=1, jobs=1, **AT
    ),
    "incidents.begin_hold": lambda store: store.incidents.begin_hold(DISK_HOLD, detail="full", **AT),
    "incidents.end_hold": lambda store: store.incidents.end_hold(by="anna", **AT),
    "incidents.accept_hold": lambda store: store.incidents.accept_hold(actor="anna"),
    "incidents.wait_until": lambda store: store.incidents.wait_until(run_of(store, QUEUED), NOON + DAY),
    "incidents.rewind": lambda store: store.incidents.rewind(**AT),
    "outbox.add": lambda store: store.outbox.add(Owed("new", NOON, "failure", "mail", "x", "", "{}")),
    "outbox.sent": lambda store: store.outbox.sent("sent", **AT),
    "outbox.failed": lambda store: store.outbox.failed("failed", error="x", next_try_at=NOON + DAY),
    "outbox.assign": lambda store: store.outbox.assign("failed", "failed", {"hello": NOON}),
    "outbox.give_up": lambda store: store.outbox.give_up("failed", error="x", **AT),
    "outbox.drop_sent": lambda store: store.outbox.drop_sent(before=NOON + DAY),
    "lateness.add": lambda store: store.lateness.add(a_late("hello", about="2026-03-06"), **AT),
    "lateness.end": lambda store: store.lateness.end("hello", **AT),
    "lateness.drop": lambda store: store.lateness.drop(before=NOON + DAY),
    "lateness.add_odd": lambda store: store.lateness.add_odd([Odd(RUNNING, "rows", 9.0, 1.5, 0.5)]),
    "following.put": lambda store: store.following.put("third", ["hello", "other"], generation=1),
    "following.done": lambda store: store.following.done(store.following.ends(limit=1)[0]),
    "past.resolve": lambda store: store.past.resolve(
        an_attempt(store, LOST), ENDED, state=RunState.SUCCEEDED, detail=""
    ),
    "steps.set": lambda store: store.steps.set(RUNNING, [StepRun(step="b", state=StepState.READY)]),
    "steps.drop": lambda store: store.steps.drop(STEPPED, [StepKey("a")]),
    "steps.begin_round": lambda store: store.steps.begin_round(run_of(store, LATE), now=NOON),
    "steps.end_round": lambda store: store.steps.end_round(run_of(store, STEPPED), SUCCEEDED),
    "steps.start": lambda store: store.steps.start(STEPPED, StepKey("b"), boot_id="boot", now=NOON),
    "steps.end_attempt": lambda store: store.steps.end_attempt(AttemptKey(STEPPED, 1, "a"), SUCCEEDED, ENDED),
    "past.set_outputs": lambda store: store.past.set_outputs(AttemptKey(RUNNING, 1), {"n": 1}),
    "artifacts.add": lambda store: store.artifacts.add(AttemptKey(RUNNING, 1), [AN_ARTIFACT]),
    "artifacts.drop": lambda store: store.artifacts.drop(LOST, now=NOON),
    "past.prune": lambda store: store.past.prune([run_of(store, PRUNED)], **AT),
    "past.note": lambda store: store.past.note("fact", "noted"),
}
"""Each writing method, called so that it changes something in `a_full_ledger`."""

READS = {
    *("close", "unreadable", "hosts", "pieces", "transaction", "verify", "look_over", "open_session"),
    *("run", "runs_of", "open_runs", "current_generation", "jobs_in_force", "job_in_force", "last_session"),
    *("newest_epoch", "max_covered_until", "covered_in_force", "schedules_in_force", "live_attempts"),
    *("definition", "definition_trouble", "newest_ends", "was_missed", "schedule_in_force"),
    "count_blocking",
    *("blocking_runs", "newest_occurrences", "undecided", "next_undecided", "knows_job"),
    *("waiting_of_job", "startable", "next_wake", "last_success"),
    *("pauses.between", "pauses.last_resume", "incidents.hold", "incidents.clock_epoch", "incidents.recent"),
    *("outbox.channels", "outbox.pending", "outbox.parcels", "outbox.of_message", "outbox.count_of"),
    *("outbox.told", "past.attempt", "past.lost_attempts", "past.prunable", "past.crowded"),
    *(
        "past.attempts",
        "past.outputs",
        "artifacts.of_run",
        "artifacts.with_copies",
        "steps.of_run",
        "steps.startable",
        "steps.next_wake",
        "steps.stopping",
    ),
    *(
        "lateness.open",
        "lateness.between",
        "lateness.active_runs",
        "lateness.odd_of",
        "lateness.last_success",
    ),
    *("lateness.durations", "lateness.numbers"),
    *("following.upstream", "following.ends", "following.oldest_end"),
    *("following.followers", "following.runs_at"),
    *("past.recorded_after", "past.newest_audit", "past.audit_after", "past.fact", "past.number"),
}
"""The methods that only read, and `open_session`, which is a transaction of its own."""


def methods_of(port: type, prefix: str = "") -> Iterator[str]:
    ports = [base for base in port.__mro__ if base.__module__.startswith("engine.ledger")]
    names = {name for base in ports for name in vars(base) if not name.startswith("_")}
    return (f"{prefix}{name}" for name in names)


def test_each_method_that_writes_is_tried_here() -> None:
    parts = {
        "pauses.": store_ports.Pauses,
        "incidents.": store_ports.Incidents,
        "outbox.": event_ports.Outbox,
        "lateness.": late_ports.Lateness,
        "following.": following_ports.Following,
        "past.": past_ports.Past,
        "artifacts.": past_ports.Artifacts,
        "steps.": step_ports.Steps,
    }
    known = set(methods_of(Store)).union(*(methods_of(port, name) for name, port in parts.items()))
    assert known == WRITES.keys() | READS
    assert not WRITES.keys() & READS


class Content(NamedTuple):
    """The whole content of a ledger."""

    said: tuple[object, ...]


def content(ledger: Ledger) -> Content:
    """The content that another reader sees, through the view alone."""
    view, look = ledger.view, ledger.view.soundness
    window: dict[str, Any] = {"since": NOON - 99 * DAY, "until": NOON + 99 * DAY}
    with look.snapshot():
        runs = view.recent_runs(job=None, state=None, limit=99)
        keys = look.set_keys()
        schedules = [one for key in keys for one in look.schedules(key)]
        return Content(
            (
                runs,
                [(view.attempts(run.id), view.outputs(run.id), view.steps(run.id)) for run in runs],
                [view.artifacts(run.id) for run in runs],
                schedules,
                [list(look.gaps(one.id)) for one in schedules],
                view.generations(limit=99),
                [view.job_versions(job) for job in ("hello", "other", "goodbye")],
                view.definition_text(OTHER.digest),
                list(look.sessions()),
                list(view.audit_links()),
                view.pauses_between(None, **window),
                view.recent_incidents(limit=99),
                (look.clock_epoch(), [look.hold(kind) for kind in (CLOCK_HOLD, DISK_HOLD)]),
                (view.open_rejection(), view.rejections_between(**window)),
                look.backlog(),
                (view.lateness.open(None), view.lateness.between(None, **window)),
                [view.lateness.odd_of(run.id) for run in runs],
                view.following.ends(limit=99),
                [dict(view.following.upstream(job)) for job in ("report", "third")],
                sorted((one.job, one.state, one.count) for one in view.count_runs(**window)),
            )
        )


HIDDEN = {
    "outbox.assign": lambda store: store.outbox.parcels("failed"),
    "outbox.failed": lambda store: store.outbox.pending("failed", of_each=9, limit=9),
    "outbox.drop_sent": lambda store: store.outbox.drop_sent(before=NOON + DAY),
    "past.note": lambda store: store.past.fact("fact", default=""),
}
"""Effects that no view shows, each with a call of the store that shows it."""


def engine_session(store: Store) -> int:
    return store.open_session(kind="engine", boot_id="boot", pid=1, version="1", now=NOON, boot_seconds=5.0)


@pytest.mark.parametrize("name", sorted(WRITES))
def test_a_write_is_seen_when_its_transaction_is_over_and_not_before(
    open_ledger: OpenLedger, name: str
) -> None:
    ledger, other = open_ledger(), open_ledger()
    engine_session(ledger.store)
    a_full_ledger(ledger.store)
    before = content(other)
    with ledger.store.transaction():
        WRITES[name](ledger.store)
        assert content(other) == before
    if name not in HIDDEN:
        assert content(other) != before


@pytest.mark.parametrize("name", sorted(WRITES))
def test_a_write_is_undone_when_its_transaction_fails(open_ledger: OpenLedger, name: str) -> None:
    ledger = open_ledger()
    engine_session(ledger.store)
    a_full_ledger(ledger.store)

    def seen() -> object:
        hidden = HIDDEN.get(name)
        said = None
        if hidden:
            with suppress(ZeroDivisionError), ledger.store.transaction():
                said = hidden(ledger.store)
                _ = 1 / 0
        return content(ledger), said

    before = seen()
    with pytest.raises(ZeroDivisionError), ledger.store.transaction():
        WRITES[name](ledger.store)
        _ = 1 / 0
    assert seen() == before
    with ledger.store.transaction():
        WRITES[name](ledger.store)
    assert seen() != before, "so this write changes something"


@pytest.mark.parametrize("name", sorted(WRITES))
def test_nothing_is_written_outside_a_transaction(open_ledger: OpenLedger, name: str) -> None:
    ledger = open_ledger()
    engine_session(ledger.store)
    a_full_ledger(ledger.store)
    before = content(ledger)
    with pytest.raises(AssertionError, match="outside a transaction"):
        WRITES[name](ledger.store)
    assert content(ledger) == before


@pytest.mark.parametrize("failure", [KeyboardInterrupt, SystemExit, GeneratorExit, ValueError])
def test_whatever_ends_a_transaction_undoes_it_and_continues(
    open_ledger: OpenLedger, failure: type[BaseException]
) -> None:
    ledger = open_ledger()
    with pytest.raises(failure), ledger.store.transaction():
        ledger.store.past.note("fact", "noted")
        raise failure
    assert ledger.store.past.fact("fact", default="none") == "none"
    with ledger.store.transaction():
        ledger.store.past.note("fact", "again")
    assert ledger.store.past.fact("fact", default="none") == "again"


def test_transactions_do_not_nest(open_ledger: OpenLedger) -> None:
    store = open_ledger().store
    with pytest.raises(AssertionError, match="inside another"), store.transaction():
        store.past.note("fact", "outer")
        with store.transaction():
            store.past.note("fact", "inner")
    assert store.past.fact("fact", default="none") == "none"
    with store.transaction():
        store.past.note("fact", "outer")
        with pytest.raises(AssertionError, match="inside another"):
            engine_session(store)
        assert store.past.fact("fact", default="none") == "outer", "who catches it goes on"
    assert store.past.fact("fact", default="none") == "outer"
    assert store.newest_epoch() == 0


def test_a_store_reads_what_it_has_written_before_it_commits(open_ledger: OpenLedger) -> None:
    store = open_ledger().store
    with store.transaction():
        store.add_definition(compiled(a_job()))
        store.add_run(a_run())
        assert [run.id for run in store.open_runs()] == [a_run().id]
        assert store.start(run_of(store, a_run().id), boot_id="boot", now=NOON)
        assert run_of(store, a_run().id).state is RunState.RUNNING


@pytest.mark.parametrize("name", sorted(WRITES))
def test_a_superseded_store_writes_nothing(open_ledger: OpenLedger, name: str) -> None:
    old, new = open_ledger(), open_ledger()
    engine_session(old.store)
    a_full_ledger(old.store)
    engine_session(new.store)
    before = content(new)
    with pytest.raises(SupersededError), old.store.transaction():
        WRITES[name](old.store)
    assert content(new) == before


def test_a_superseded_store_still_reads_and_opens_no_other_session(open_ledger: OpenLedger) -> None:
    old, new = open_ledger(), open_ledger()
    assert engine_session(old.store) == 1
    assert engine_session(new.store) == 2
    queue(new.store, a_run())
    assert old.store.newest_epoch() == 2
    assert [run.id for run in old.store.open_runs()] == [a_run().id]
    with pytest.raises(SupersededError):
        engine_session(old.store)
    with new.store.transaction():
        new.store.past.note("fact", "new")
    assert old.store.past.fact("fact", default="none") == "new"


def test_a_store_without_a_session_is_of_no_engine_and_writes_beside_any(open_ledger: OpenLedger) -> None:
    """Commands do this: they request a run while an engine is running."""
    command, engine = open_ledger(), open_ledger()
    engine_session(engine.store)
    queue(command.store, a_run())
    engine_session(open_ledger().store)
    queue(command.store, a_run(id="1" * 32))


def test_an_epoch_is_the_next_one_or_the_one_that_is_asked_for(open_ledger: OpenLedger) -> None:
    def opened(at_least: int) -> int:
        store = open_ledger().store
        epoch = store.open_session(
            kind="run", boot_id="b", pid=1, version="1", now=NOON, boot_seconds=1.0, at_least=at_least
        )
        assert store.newest_epoch() == epoch
        return epoch

    assert [opened(0), opened(7), opened(3), opened(0)] == [1, 7, 8, 9]


def in_thread(act: Callable[[], object], into: list[object]) -> threading.Thread:
    def body() -> None:
        try:
            into.append(act())
        except Exception as error:  # noqa: BLE001  the test examines it
            into.append(error)

    thread = threading.Thread(target=body, daemon=True)
    thread.start()
    return thread


def ended(thread: threading.Thread) -> None:
    thread.join(WAIT_SECONDS)
    assert not thread.is_alive()


def test_a_thread_waits_until_the_transaction_of_another_is_over(open_ledger: OpenLedger) -> None:
    store = open_ledger().store

    def write() -> str:
        with store.transaction():
            before = store.past.fact("fact", default="none")
            store.past.note("fact", "second")
            return before

    found: list[object] = []
    with store.transaction():
        store.past.note("fact", "first")
        thread = in_thread(write, found)
        thread.join(A_MOMENT_SECONDS)
        assert (thread.is_alive(), found) == (True, [])
        assert store.past.fact("fact", default="none") == "first"
    ended(thread)
    assert found == ["first"]
    assert store.past.fact("fact", default="none") == "second"


def test_a_thread_does_not_read_what_another_has_not_committed(open_ledger: OpenLedger) -> None:
    store = open_ledger().store
    found: list[object] = []
    with suppress(ZeroDivisionError), store.transaction():
        store.past.note("fact", "never")
        thread = in_thread(lambda: store.past.fact("fact", default="none"), found)
        thread.join(A_MOMENT_SECONDS)
        assert found == []
        _ = 1 / 0
    ended(thread)
    assert found == ["none"]


def test_a_thread_does_not_write_into_the_transaction_of_another(open_ledger: OpenLedger) -> None:
    store = open_ledger().store
    found: list[object] = []
    with store.transaction():
        ended(in_thread(lambda: store.past.note("fact", "foreign"), found))
    assert isinstance(found[0], AssertionError)
    assert store.past.fact("fact", default="none") == "none"


def test_a_new_session_waits_until_the_transaction_of_the_old_one_is_over(open_ledger: OpenLedger) -> None:
    """The fence is part of the transaction: no session begins between its check and the write."""
    old, new = open_ledger(), open_ledger()
    engine_session(old.store)
    found: list[object] = []
    with old.store.transaction():
        thread = in_thread(lambda: engine_session(new.store), found)
        thread.join(A_MOMENT_SECONDS)
        assert found == []
        old.store.past.note("fact", "old")
    ended(thread)
    assert found == [2]
    assert new.store.past.fact("fact", default="none") == "old"


def test_threads_that_write_at_once_lose_nothing(open_ledger: OpenLedger) -> None:
    """Through one store and through two: each thread adds to what it has read."""
    stores, times = [open_ledger().store, open_ledger().store], 10
    failed: list[object] = []

    def add(store: Store) -> None:
        for _ in range(times):
            with store.transaction():
                store.past.note("count", str(store.past.number("count") + 1))

    threads = [in_thread(lambda store=store: add(store), failed) for store in stores * 2]  # type: ignore[misc]
    for thread in threads:
        ended(thread)
    assert failed == [None] * 4
    assert stores[0].past.number("count") == 4 * times


ODD = timedelta(microseconds=123_457)
INSTANTS = [
    NOON + ODD,
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(1901, 2, 3, 4, 5, 6, 7, tzinfo=UTC),
    datetime(8999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2026, 10, 25, 2, 30, 0, 1, tzinfo=ZoneInfo("Europe/Berlin"), fold=1),
    datetime(2026, 10, 25, 2, 30, 0, 1, tzinfo=ZoneInfo("Europe/Berlin"), fold=0),
    datetime(2026, 3, 5, 12, tzinfo=timezone(timedelta(hours=5, minutes=45))) + ODD,
]


@pytest.mark.parametrize("at", INSTANTS, ids=str)
def test_an_instant_comes_back_in_utc_to_the_microsecond(open_ledger: OpenLedger, at: datetime) -> None:
    ledger = open_ledger()
    store, view = ledger.store, ledger.view
    times = dict.fromkeys(("scheduled_for", "queued_at", "not_before", "start_by", "ended_at"), at)
    queue(store, a_run(state=RunState.FAILED, **times))
    with store.transaction():
        epoch = store.add_generation(
            generation()._replace(applied_at=at), tzdata_version="x", cron_semantics=1
        )
        store.add_job(OTHER, generation=epoch)
        store.add_schedule("hello", every(minutes=1), schedule_key="x", generation=epoch, now=at)
        store.pauses.add(Pause("hello", "hand", "anna", "", at, at, None, ""))
        store.incidents.begin_hold(detail="", now=at)
        store.reject(digest="x", diagnostics=[], now=at)
        store.audit(actor="a", action="b", object="c", detail="", now=at)
        store.outbox.add(Owed("1", at, "failure", "mail", "hello", "", "{}"))
    store.open_session(kind="engine", boot_id="b", pid=1, version="1", now=at, boot_seconds=1.0)
    run = run_of(store, a_run().id)
    (one, *_), (line,) = ledger.view.soundness.schedules(view.soundness.set_keys()[0]), view.audit_of("c")
    hold, refused, session, newest = (
        store.incidents.hold(),
        view.open_rejection(),
        store.last_session(),
        store.current_generation(),
    )
    assert hold is not None
    assert refused is not None
    assert session is not None
    assert newest is not None
    pauses = store.pauses.between("hello", since=at - HOUR, until=at)
    found = {
        **{name: getattr(run, name) for name in times},
        "applied": newest.applied_at,
        "of its job": view.job_versions("other")[0].applied_at,
        "active": one.active_from,
        "covered": one.covered_until,
        "paused": pauses[0].paused_at,
        "paused until": pauses[0].until,
        "held": hold.began_at,
        "refused": refused.rejected_at,
        "audited": line.at,
        "owed": store.outbox.pending("mail", of_each=1, limit=1)[0].at,
        "oldest owed": view.soundness.backlog().oldest,
        "began": session.started_at,
        "seen": session.last_seen_at,
        "accounted": store.max_covered_until(),
    }
    for name, read in found.items():
        assert read == at.astimezone(UTC), name
        assert read is not None
        assert read.utcoffset() == timedelta(0), name
        assert read.microsecond == at.microsecond, name


def test_a_time_without_a_zone_is_no_instant(open_ledger: OpenLedger) -> None:
    store = open_ledger().store
    naive = datetime(2026, 3, 5, 12)  # noqa: DTZ001  it must be refused
    with pytest.raises(TypeError), store.transaction():
        store.audit(actor="a", action="b", object="c", detail="", now=naive)
    with pytest.raises(TypeError), store.transaction():
        store.add_definition(compiled(a_job()))
        store.add_run(a_run(trigger=TriggerKind.MANUAL, scheduled_for=naive))
    assert store.open_runs() == ()
