"""Where an invariant begins to be broken, and what is not one: the edges of what doctor tells."""

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.answers.findings import MAX_LISTED, Finding
from engine.answers.invariants import stories
from engine.answers.invariants.checking import check_invariants
from engine.answers.invariants.liveness import OVERDUE, check_liveness, is_awake
from engine.answers.invariants.order import check_order
from engine.answers.invariants.rows import LAST_ATTEMPT, check_rows
from engine.answers.invariants.stories import check_stories
from engine.answers.presence import SILENT
from engine.answers.why import Story
from engine.core.lifecycle import RunState
from engine.core.records import DISK_HOLD
from engine.ledger.ports import View
from tests.doctor.conftest import Patient

INSTANT = timedelta(microseconds=1)
A_MISSED = "(select id from run where state = 'missed' order by seq limit 1)"
WAITS = (
    "update run set state = 'queued', reason = '', ended_at = null, attempt = 0, trigger = '{}', "
    f"concurrency_key = 'x', start_by = null where id = {A_MISSED}"
)


def stuck(patient: Patient, *, max_running: int = 100) -> list[str]:
    """What is reported about runs that could have continued."""
    view, now = patient.world.view, patient.world.clock.now()
    found = check_liveness(view, now=now, is_running=True, max_running=max_running)
    return [one.found for one in found if "is still queued" in one.found]


def test_an_engine_is_awake_while_it_is_heard_of_and_not_fresh(patient: Patient) -> None:
    view = patient.world.view
    session = view.last_session()
    assert session is not None
    last = session.last_seen_at
    assert is_awake(view, now=last + SILENT)
    assert not is_awake(view, now=last + SILENT + INSTANT)
    patient.world.boot()
    fresh = view.last_session()
    assert fresh is not None
    assert not is_awake(view, now=fresh.started_at + timedelta(seconds=1))
    assert not is_awake(view, now=fresh.started_at + OVERDUE)


def test_a_run_that_could_move_is_reported_unless_nothing_may_start(patient: Patient) -> None:
    patient.write(WAITS.format("schedule"))
    assert len(stuck(patient)) == 1
    running = len(patient.world.view.soundness.live_attempts())
    assert running >= 1
    assert stuck(patient, max_running=running) == []
    assert len(stuck(patient, max_running=running + 1)) == 1
    with patient.world.store.transaction():
        patient.world.store.incidents.begin_hold(DISK_HOLD, detail="full", now=patient.world.clock.now())
    assert stuck(patient) == []


def test_a_run_that_makes_up_for_lost_time_may_wait_while_others_of_its_kind_begin(patient: Patient) -> None:
    patient.write(WAITS.format("catchup"))
    newest = patient.world.view.soundness.newest_intent()
    assert newest is not None
    before = patient.world.clock.now() - OVERDUE
    assert len(stuck(patient)) == (0 if newest > before else 1)
    moment = int((before + INSTANT).timestamp() * 1_000_000)
    patient.write(f"update attempt set created_at = {moment}")
    assert stuck(patient) == []
    patient.write(f"update attempt set created_at = {moment - 1}")
    assert len(stuck(patient)) == 1


def test_a_schedule_may_not_begin_before_the_previous_one_ends(patient: Patient) -> None:
    ends = "update schedule set active_until = covered_until where active_until is null"
    begins = (
        "insert into schedule (job, schedule_key, rule, generation, active_from, covered_until, clock_epoch) "
        "select job, schedule_key, rule, generation, active_until {0}, active_until {0}, clock_epoch "
        "from schedule where id = (select max(id) from schedule)"
    )
    patient.write(ends, begins.format("+ 0"))
    assert [
        one.found for one in check_order(patient.world.view.soundness) if "began before" in one.found
    ] == []
    patient.write("delete from schedule where id = (select max(id) from schedule)", begins.format("- 1"))
    assert [one.found for one in check_order(patient.world.view.soundness) if "began before" in one.found]


def test_every_state_of_a_run_has_the_possible_states_of_its_last_attempt() -> None:
    assert set(LAST_ATTEMPT) == set(RunState)


def test_a_word_that_is_no_state_is_reported_once_and_stops_nothing(patient: Patient) -> None:
    patient.write(f"update run set state = 'whim' where id = {A_MISSED}")
    codes = [one.code for one in check_rows(patient.world.view.soundness)]
    assert codes == ["invariant.I4"]


def test_of_many_crowds_the_first_are_reported_and_the_rest_counted(patient: Patient) -> None:
    for number in range(MAX_LISTED + 1):
        patient.write(
            f"update run set state = 'running', concurrency_key = 'key-{number}', concurrency_limit = 1 "
            f"where id in (select id from run where state = 'missed' limit 2)"
        )
    found = [one.found for one in check_rows(patient.world.view.soundness) if one.code == "invariant.I11"]
    assert len(found) == MAX_LISTED + 1
    assert found[-1] == "and 1 more like that"


def told_of(patient: Patient, job: str) -> list[Finding]:
    """What is told of the stories of a job, all of it."""
    view, now = patient.world.view, patient.world.clock.now()
    return [one for one in check_stories(view, now=now) if one.job == job]


def test_instants_from_all_of_a_schedules_life_are_asked_for(patient: Patient) -> None:
    patient.write("delete from gap", "delete from attempt", "delete from run")
    assert len(told_of(patient, "hourly")) >= 2
    assert len({one.found for one in told_of(patient, "hourly")}) >= 2


def test_why_must_answer_for_the_last_instant_that_is_accounted_for(patient: Patient) -> None:
    hour = 3_600 * 1_000_000
    patient.write(
        f"update schedule set covered_until = covered_until / {hour} * {hour} where job = 'hourly'",
        "delete from gap",
        "delete from attempt",
        "delete from run",
        "delete from schedule where job <> 'hourly' or active_until is not null",
    )
    schedule = patient.world.view.soundness.schedules_in_force()
    last = next(one.covered_until for one in schedule if one.job == "hourly")
    assert any(f"{last:%Y-%m-%dT%H:%M:%SZ}" in one.found for one in told_of(patient, "hourly"))


@pytest.mark.parametrize(
    ("change", "says_nothing"),
    [
        ({"headline": ""}, True),
        ({"state": None, "reason": ""}, True),
        ({"state": None, "reason": "paused"}, False),
        ({}, False),
    ],
)
def test_an_answer_of_why_without_words_is_found(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, change: dict[str, object], says_nothing: bool
) -> None:
    real = stories.why

    def changed(*arguments: object, **named: object) -> Story:
        return replace(real(*arguments, **named), **change)  # type: ignore[arg-type]

    monkeypatch.setattr(stories, "why", changed)
    found = [one.found for one in check_stories(patient.world.view, now=patient.world.clock.now())]
    assert any("says nothing" in one for one in found) == says_nothing


class Unreadable:
    """A view of which one question cannot be answered."""

    def __init__(self, view: View, name: str) -> None:
        self._view, self._name = view, name

    def __getattr__(self, name: str) -> object:
        if name == self._name:
            raise ValueError("a cell holds nonsense")
        return getattr(self._view, name)


def test_a_check_that_cannot_read_says_so_and_the_others_continue(patient: Patient) -> None:
    patient.write("update run set state = 'timed_out' where state = 'failed'")
    now = patient.world.clock.now()

    def found(view: object) -> set[str]:
        return {one.code for one in check_invariants(view, now=now, is_running=True, max_running=9)}  # type: ignore[arg-type]

    whole = found(patient.world.view)
    assert "ledger.unreadable" not in whole
    blind = found(Unreadable(patient.world.view, "last_session"))
    assert blind - whole == {"ledger.unreadable"}
    assert whole & blind
