"""Why a run is in its state, told from a few rows: each sentence, and when it is another one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest

from engine.answers.expected import NOT_ACCOUNTED, Item, item_of
from engine.answers.presence import RUNNING, Presence
from engine.answers.reasons import SOON, WAITS_LONG, absence_words, end_line, item_words
from engine.core.lifecycle import Run, RunState
from engine.core.records import Audited, Session
from tests.builders import HOUR, MINUTE, NOON, a_run
from tests.engine.test_why import UTC_ZONE

SECOND = timedelta(seconds=1)
ONE, TWO, THREE = "1" * 32, "2" * 32, "3" * 32
NOW = NOON + HOUR
LIMIT_ONE: dict[str, Any] = {"concurrency_limit": 1}
WAITS = a_run(id=ONE, state=RunState.QUEUED, reason="overlap", detail=TWO, **LIMIT_ONE)
ACTIVE = a_run(id=TWO, state=RunState.RUNNING, started_at=NOON + MINUTE, **LIMIT_ONE)
ELSEWHERE = replace(ACTIVE, concurrency_key="another")


@dataclass
class Rows:
    """A ledger of a few rows."""

    hosts: ClassVar = None

    runs: Sequence[Run] = ()
    audit: Sequence[Audited] = ()
    session: Session | None = None

    def run(self, run_id: str) -> Run | None:
        return next((run for run in self.runs if run.id == run_id), None)

    def open_runs(self) -> Sequence[Run]:
        return [run for run in self.runs if not run.state.is_final]

    def audit_of(self, _run_id: str) -> Sequence[Audited]:
        return self.audit

    def session_before(self, _at: datetime) -> Session | None:
        return self.session

    def runs_between(self, job: str, *, since: datetime, until: datetime, limit: int) -> Sequence[Run]:
        found = [run for run in self.runs if run.job == job and since <= run.scheduled_for < until]
        return sorted(found, key=lambda run: run.scheduled_for, reverse=True)[:limit]


def words(run: Run, rows: Rows | None = None, *, presence: Presence = RUNNING, now: datetime = NOW) -> str:
    view: Any = rows or Rows()
    return item_words(view, item_of(run), presence, zone=UTC_ZONE, now=now)


@pytest.mark.parametrize(
    ("detail", "presence", "said"),
    [
        ("", RUNNING, "the engine is about to decide"),
        ("", Presence(is_running=True, trouble="it is stuck"), "it is stuck"),
        ("anna", RUNNING, "the job is paused by anna, and the engine is about to decide"),
        ("anna", Presence(is_running=False), "the job is paused by anna, and no engine is running"),
    ],
)
def test_what_nobody_has_decided_about_waits_for_the_engine(
    detail: str, presence: Presence, said: str
) -> None:
    item = Item(NOON, RunState.QUEUED, NOT_ACCOUNTED, is_scheduled=True, detail=detail)
    view: Any = Rows()
    assert item_words(view, item, presence, zone=UTC_ZONE, now=NOW) == said


def test_a_run_whose_process_is_gone_says_what_happens_to_it_before_anything_else() -> None:
    fate = Presence(is_running=True, fates={TWO: "it has ended"})
    assert words(ACTIVE, presence=fate).startswith("its process has ended, and no engine has recorded this")
    assert words(replace(ACTIVE, id=THREE), presence=fate) == ""


def test_a_run_that_nothing_starts_says_that_before_what_it_waits_for() -> None:
    said = "no engine is running; `jobfile up` then starts it"
    assert words(WAITS, Rows([WAITS, ACTIVE]), presence=Presence(is_running=False)) == said


@pytest.mark.parametrize(
    ("run", "fields", "said"),
    [
        (WAITS, {}, "blocked by another run (run 22222222)"),
        (
            WAITS,
            {"state": RunState.RETRY_WAIT},
            "blocked by another run (run 22222222), which waits for its retry",
        ),
        (
            replace(WAITS, not_before=NOW),
            {"state": RunState.RETRY_WAIT},
            "blocked by another run (run 22222222), which waits for its retry",
        ),
        (WAITS, {"state": RunState.CANCELLING}, "blocked by another run (run 22222222)"),
        (
            replace(WAITS, concurrency_limit=None),
            {},
            "the only slot is taken, oldest: run 22222222 since 2026-03-05 12:01 UTC",
        ),
        (
            replace(WAITS, concurrency_limit=2),
            {},
            "the only slot is taken, oldest: run 22222222 since 2026-03-05 12:01 UTC",
        ),
        (
            replace(WAITS, reason="", detail=""),
            {"concurrency_key": "another"},
            "the only slot is taken, oldest: run 22222222 since 2026-03-05 12:01 UTC",
        ),
        (
            replace(WAITS, reason="", detail=""),
            {"concurrency_key": "another", "started_at": None},
            "the only slot is taken, oldest: run 22222222 since 2026-03-05 12:00 UTC",
        ),
        (
            replace(WAITS, reason="", detail=""),
            {"concurrency_key": "another", "state": RunState.CANCELLING},
            "the only slot is taken, oldest: run 22222222 since 2026-03-05 12:01 UTC",
        ),
        (
            replace(WAITS, reason="", detail=""),
            {"concurrency_key": "another", "state": RunState.RETRY_WAIT},
            "",
        ),
        (
            replace(WAITS, reason="catchup_pacing", detail=""),
            {"concurrency_key": "another"},
            "catch-up runs start at a limited rate",
        ),
        (
            replace(WAITS, not_before=NOW + SECOND),
            {"state": RunState.RETRY_WAIT},
            "blocked by another run (run 22222222)",
        ),
    ],
)
def test_a_run_that_may_start_waits_for_its_own_job_or_for_a_slot(
    run: Run, fields: dict[str, Any], said: str
) -> None:
    assert words(run, Rows([run, replace(ACTIVE, **fields)])) == said


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.CANCELLING, RunState.SUCCEEDED])
def test_a_run_that_has_started_waits_for_nothing(state: RunState) -> None:
    run = a_run(id=ONE, state=state)
    assert words(run, Rows([run, ACTIVE, replace(ELSEWHERE, id=THREE)])) == ""


def test_all_slots_are_named_by_their_number_and_the_run_that_has_one_for_longest() -> None:
    run = replace(WAITS, reason="", detail="")
    older = replace(ELSEWHERE, id=THREE, started_at=NOON)
    said = "all 2 slots are taken, oldest: run 33333333 since 2026-03-05 12:00 UTC"
    assert words(run, Rows([run, ELSEWHERE, older])) == said
    about_to_start = replace(older, started_at=None)
    assert words(run, Rows([run, ELSEWHERE, about_to_start])) == said


@pytest.mark.parametrize("field", ["not_before", "queued_at"])
def test_a_run_that_waits_for_a_moment_only_waits_for_nothing(field: str) -> None:
    for since, is_long in ((NOW - WAITS_LONG, True), (NOW - WAITS_LONG + SECOND, False)):
        run = replace(WAITS, reason="", detail="", **{field: since})
        assert bool(words(run, Rows([run, ELSEWHERE]))) is is_long
    assert words(replace(WAITS, reason="", detail=""), Rows()) == ""


@pytest.mark.parametrize(
    ("first", "said"),
    [
        ({}, "blocked by another run (run 33333333), which is waiting itself"),
        ({"concurrency_key": "another"}, "blocked by another run (run 22222222)"),
    ],
)
def test_a_run_behind_another_that_waits_names_that_one(first: dict[str, Any], said: str) -> None:
    before = replace(WAITS, id=THREE, **first)
    behind = replace(WAITS, id="4" * 32)
    assert words(WAITS, Rows([before, WAITS, behind])) == said
    without_reason = replace(WAITS, reason="", detail="")
    assert words(without_reason, Rows([before, without_reason, behind])) == ""


SKIPPED = a_run(id=ONE, state=RunState.SKIPPED, reason="overlap", detail=TWO, ended_at=NOON + 5 * MINUTE)


@pytest.mark.parametrize(
    ("started_at", "is_waiting"),
    [
        (NOON, False),
        (NOON + 5 * MINUTE, False),
        (NOON + 5 * MINUTE + SECOND, True),
        (None, True),
    ],
)
def test_a_skipped_run_says_that_the_run_in_its_way_had_not_started(
    started_at: datetime | None, is_waiting: bool
) -> None:
    blocked = "blocked by another run (run 22222222)"
    said = f"{blocked}, which was waiting itself" if is_waiting else blocked
    assert words(SKIPPED, Rows([replace(ACTIVE, started_at=started_at)])) == said
    assert words(SKIPPED, Rows()) == blocked
    assert words(replace(SKIPPED, ended_at=None), Rows([replace(ACTIVE, started_at=started_at)])) == blocked


CANCELLED = a_run(state=RunState.CANCELLED, reason="by_hand", ended_at=NOON)


@pytest.mark.parametrize(
    ("actions", "detail", "said"),
    [
        ([], "", "cancelled by hand"),
        ([], "not needed", "cancelled by hand: not needed"),
        (["run by anna"], "", "cancelled by hand"),
        (["cancel by anna"], "", "cancelled by anna"),
        (["run by anna", "cancel by bo", "kill by cleo", "retry by dan"], "slow", "cancelled by cleo: slow"),
    ],
)
def test_a_cancelled_run_names_who_stopped_it_last(actions: list[str], detail: str, said: str) -> None:
    audit = [Audited(NOON, one.split()[2], one.split()[0], ONE, "") for one in actions]
    assert words(replace(CANCELLED, detail=detail), Rows(audit=audit)) == said


def test_a_run_that_waits_for_its_retry_says_why_and_when() -> None:
    run = a_run(state=RunState.RETRY_WAIT, reason="exit(3)", attempt=2, retry_at=NOW + MINUTE)
    assert words(run) == "exit code 3; attempt 3 starts 2026-03-05 13:01 UTC"
    assert words(replace(run, retry_at=None)) == "exit code 3"
    assert words(replace(run, state=RunState.FAILED)) == "exit code 3"


@pytest.mark.parametrize(
    ("session", "said"),
    [
        (None, "the engine was not running"),
        (NOON - SECOND, "the engine was not running"),
        (NOON, "the engine was running but could not decide: its ledger was not writable, or the host slept"),
    ],
)
def test_no_engine_ran_unless_its_last_sign_of_life_came_later(session: datetime | None, said: str) -> None:
    killed = None if session is None else Session(1, "boot", 1, "1", NOON - HOUR, session, None, "")
    missed = a_run(state=RunState.MISSED, reason="engine_down")
    assert words(missed, Rows(session=killed)) == said
    if killed is not None:
        stopped: Any = Rows(session=killed._replace(last_seen_at=NOON - HOUR, ended_at=session))
        assert absence_words(stopped, NOON) == said


SUPERSEDED = a_run(id=ONE, state=RunState.SKIPPED, reason="superseded", schedule_key="key")


def made(after: timedelta, **fields: Any) -> Run:
    run = a_run(id=TWO, state=RunState.SUCCEEDED, schedule_key="key", scheduled_for=NOON + after)
    return replace(run, **fields)


@pytest.mark.parametrize(
    ("runs", "found"),
    [
        ([], None),
        ([made(HOUR)], HOUR),
        ([made(timedelta(days=30))], timedelta(days=30)),
        ([made(HOUR), made(MINUTE, id=THREE, state=RunState.SKIPPED)], HOUR),
        ([made(HOUR), made(MINUTE, id=THREE, schedule_key=None)], HOUR),
        ([made(HOUR), made(2 * HOUR, id=THREE)], HOUR),
        ([made(20 * MINUTE), made(40 * MINUTE, id=THREE)], 20 * MINUTE),
        ([made(timedelta())], None),
        ([made(SOON * 6)], None),
        ([made(HOUR, job="another")], None),
    ],
)
def test_a_superseded_run_names_the_next_one_that_a_schedule_made(
    runs: list[Run], found: timedelta | None
) -> None:
    at = "" if found is None else f": run 22222222, scheduled for {NOON + found:%Y-%m-%d %H:%M} UTC"
    assert words(SUPERSEDED, Rows([SUPERSEDED, *runs])) == f"a later one runs instead{at} (catchup: last)"
    of_a_gap = Item(NOON, RunState.SKIPPED, "superseded", is_scheduled=True)
    view: Any = Rows(runs)
    said = item_words(view, of_a_gap, RUNNING, zone=UTC_ZONE, now=NOW)
    assert said == "a later one runs instead (catchup: last)"


def test_an_occurrence_without_a_run_has_only_its_reason() -> None:
    gap = Item(NOON, RunState.SKIPPED, "paused", is_scheduled=True, detail="anna: outage")
    view: Any = Rows()
    assert item_words(view, gap, RUNNING, zone=UTC_ZONE, now=NOW) == "the job is paused by anna: outage"


ENDED: dict[str, Any] = {"started_at": NOON, "ended_at": NOON + 90 * SECOND}


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"state": RunState.SUCCEEDED, "attempt": 1, **ENDED}, "succeeded after 1m30s"),
        ({"state": RunState.SUCCEEDED, "attempt": 1, **ENDED, "started_at": None}, "succeeded"),
        ({"state": RunState.SUCCEEDED, "attempt": 1, **ENDED, "ended_at": None}, "succeeded"),
        ({"state": RunState.CANCELLED, "attempt": 0, **ENDED}, "cancelled"),
        (
            {"state": RunState.FAILED, "attempt": 2, "reason": "exit(3)", **ENDED},
            "failed after 1m30s, 2 attempts: exit code 3",
        ),
        (
            {
                "state": RunState.FAILED,
                "attempt": 1,
                "reason": "start_error",
                "detail": "no such file",
                **ENDED,
            },
            "failed: it could not be started: no such file",
        ),
        (
            {"state": RunState.FAILED, "attempt": 1, "reason": "start_error", **ENDED},
            "failed: it could not be started",
        ),
        (
            {"state": RunState.LOST, "attempt": 1, "reason": "host_reboot", **ENDED},
            "lost after 1m30s: the host was restarted",
        ),
        ({"state": RunState.SKIPPED, "reason": "disabled"}, "skipped: the job was disabled"),
    ],
)
def test_the_end_of_a_run_is_one_line(fields: dict[str, Any], line: str) -> None:
    assert end_line(a_run(id=ONE, **fields)) == f"hello: {line}  (run 11111111)"
