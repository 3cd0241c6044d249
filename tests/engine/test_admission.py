"""Overlap, decided on what is open."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.admission import Admit, Hold, Listed, Skip, admit, policy_for
from engine.core.lifecycle import Run, RunState, TriggerKind
from jobfile.model.jobs import CatchupMode, CatchupSpec, ConcurrencySpec, OverlapPolicy
from tests.builders import a_job, a_run


def runs(count: int, state: RunState, prefix: str) -> list[Run]:
    return [a_run(id=f"{prefix}{index:031}", state=state) for index in range(count)]


policies = st.sampled_from(OverlapPolicy)


@given(policies, st.none() | st.integers(1, 5), st.integers(0, 6), st.integers(0, 6))
def test_a_run_is_admitted_exactly_when_there_is_room(
    policy: OverlapPolicy, limit: int | None, active: int, waiting: int
) -> None:
    decision = admit(
        concurrency=ConcurrencySpec(limit=limit),
        policy=policy,
        others=Listed(runs(active, RunState.RUNNING, "a"), runs(waiting, RunState.QUEUED, "b")),
    )
    assert isinstance(decision, Admit) == (limit is None or active + waiting < limit)


def decide(policy: OverlapPolicy, active: Sequence[Run], waiting: Sequence[Run], **spec: int) -> object:
    return admit(concurrency=ConcurrencySpec(**spec), policy=policy, others=Listed(active, waiting))


def test_a_skip_names_the_run_in_the_way() -> None:
    (running,) = runs(1, RunState.RUNNING, "a")
    expected = Skip(state=RunState.SKIPPED, reason="overlap", detail=running.id)
    assert decide(OverlapPolicy.SKIP, [running], []) == expected


def test_a_run_that_waits_for_its_retry_is_in_the_way() -> None:
    (waiting,) = runs(1, RunState.RETRY_WAIT, "a")
    assert isinstance(decide(OverlapPolicy.SKIP, [waiting], []), Skip)


def test_a_full_queue_misses_and_says_so() -> None:
    running, waiting = runs(1, RunState.RUNNING, "a"), runs(2, RunState.QUEUED, "b")
    assert isinstance(decide(OverlapPolicy.QUEUE, running, waiting[:1], max_waiting=2), Hold)
    full = decide(OverlapPolicy.QUEUE, running, waiting, max_waiting=2)
    assert full == Skip(state=RunState.MISSED, reason="buffer_full", detail=running[0].id), (
        "it names what keeps them waiting"
    )


@pytest.mark.parametrize(
    ("policy", "field"),
    [(OverlapPolicy.CANCEL_RUNNING, "cancelled"), (OverlapPolicy.KILL_RUNNING, "killed")],
)
def test_a_replacing_policy_stops_what_runs_and_supersedes_what_waits(
    policy: OverlapPolicy, field: str
) -> None:
    running, waiting = runs(1, RunState.RUNNING, "a"), runs(1, RunState.QUEUED, "b")
    decision = decide(policy, running, waiting)
    assert isinstance(decision, Hold)
    assert getattr(decision, field) == tuple(running)
    assert decision.superseded == tuple(waiting)


def test_latest_keeps_one_waiting_the_newest() -> None:
    running, waiting = runs(1, RunState.RUNNING, "a"), runs(1, RunState.QUEUED, "b")
    assert decide(OverlapPolicy.LATEST, running, waiting) == Hold(superseded=tuple(waiting))


@given(st.sampled_from(TriggerKind), st.sampled_from(CatchupMode), st.none() | policies)
def test_the_policy_is_the_jobs_own_and_what_is_caught_up_one_by_one_queues(
    trigger: TriggerKind, mode: CatchupMode, own: OverlapPolicy | None
) -> None:
    spec = a_job(catchup=CatchupSpec(mode=mode), concurrency=ConcurrencySpec(on_overlap=own))
    is_event = trigger not in (TriggerKind.SCHEDULE, TriggerKind.CATCHUP)
    default = OverlapPolicy.QUEUE if is_event else OverlapPolicy.SKIP
    is_promised = trigger is TriggerKind.CATCHUP and mode is CatchupMode.ALL
    assert policy_for(spec, trigger) is (OverlapPolicy.QUEUE if is_promised else own or default)


@pytest.mark.parametrize("active", [0, 1, 2])
def test_a_skip_names_what_runs_before_what_waits(active: int) -> None:
    running, waiting = runs(active, RunState.RUNNING, "a"), runs(2, RunState.QUEUED, "b")
    skip = decide(OverlapPolicy.SKIP, running, waiting, limit=1)
    assert isinstance(skip, Skip)
    assert skip.detail == (running or waiting)[0].id


@pytest.mark.parametrize("waiting", [1, 2, 3, 5])
@pytest.mark.parametrize("active", [0, 1, 2])
def test_a_full_queue_names_what_has_been_in_the_way_for_longest(active: int, waiting: int) -> None:
    running, queued = runs(active, RunState.RUNNING, "a"), runs(waiting, RunState.QUEUED, "b")
    full = decide(OverlapPolicy.QUEUE, running, queued, max_waiting=waiting)
    assert full == Skip(state=RunState.MISSED, reason="buffer_full", detail=(running or queued)[0].id)


@given(st.integers(0, 4), st.integers(0, 4), st.integers(0, 9))
def test_what_is_at_hand_is_counted_and_listed_no_further_than_asked_for(
    active: int, waiting: int, most: int
) -> None:
    others = Listed(runs(active, RunState.RUNNING, "a"), runs(waiting, RunState.QUEUED, "b"))
    assert others.count(at_most=most) == (min(active, most), min(waiting, most))
    assert others.rows() == (others.active, others.waiting)
    first, then = others.rows(limit=most)
    assert [*first, *then] == [*others.active, *others.waiting][:most]
    assert all(one in others.active for one in first)
