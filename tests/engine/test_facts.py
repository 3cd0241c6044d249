"""The facts beside a story, told from a few rows: what each line says, and when it is left out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest

from engine.answers.asked import Asked
from engine.answers.expected import INSTANT, NOT_ACCOUNTED, Item, item_of
from engine.answers.facts import ON_TIME_SECONDS, SILENCE, instant_facts, run_facts, schedule_at
from engine.answers.presence import RUNNING, Presence
from engine.core.artifacts import KeptArtifact
from engine.core.lifecycle import Artifact, Attempt, AttemptKey, AttemptState, Run, RunState, TriggerKind
from engine.core.records import (
    Audited,
    Generation,
    Incident,
    JobVersion,
    Output,
    Pause,
    Rejection,
    Schedule,
    Session,
)
from engine.core.step_states import StepRun
from tests.builders import DAY, HOUR, MINUTE, NOON, a_run, every
from tests.engine.test_why import UTC_ZONE

SECOND = timedelta(seconds=1)
ONE, TWO = "1" * 32, "2" * 32
SESSION = Session(4, "boot", 1, "1", NOON - HOUR, NOON + HOUR, None, "")
NEXT = SESSION._replace(epoch=5, started_at=NOON + DAY)
RULES = Schedule(1, "hello", "key", every(hours=1), 3, NOON - DAY, None, "", NOON, "digest")
VERSION = JobVersion("hello", "digest", "jobs.yaml", 7, 3)
SCHEDULED = a_run(
    id=ONE,
    digest="digest",
    trigger=TriggerKind.SCHEDULE,
    schedule_key="key",
    state=RunState.SUCCEEDED,
    queued_at=NOON + SECOND,
)
UNDECIDED = Item(NOON, RunState.QUEUED, NOT_ACCOUNTED, is_scheduled=True)
GAP = Item(NOON, RunState.SKIPPED, "paused", is_scheduled=True)


@dataclass
class Rows:
    """A ledger of a few rows."""

    hosts: ClassVar = None

    schedules: Sequence[Schedule] = (RULES,)
    versions: Sequence[JobVersion] = (VERSION,)
    applied: Generation | None = None
    before: Session | None = SESSION
    after: Session | None = None
    incidents: Sequence[Incident] = ()
    rejections: Sequence[Rejection] = ()
    pauses: Sequence[Pause] = ()
    tries: Sequence[Attempt] = ()
    audit: Sequence[Audited] = ()
    retries: Sequence[Run] = ()
    decided: Sequence[StepRun] = ()
    given: Sequence[Output] = ()
    kept: Sequence[KeptArtifact] = ()

    def schedules_between(self, _job: str, *, since: datetime, until: datetime) -> Sequence[Schedule]:
        assert (since, until) == (NOON, NOON + INSTANT)
        return self.schedules

    def job_versions(self, _job: str) -> Sequence[JobVersion]:
        return self.versions

    def generation(self, _number: int) -> Generation | None:
        return self.applied

    def session_before(self, _at: datetime) -> Session | None:
        return self.before

    def session_after(self, _at: datetime) -> Session | None:
        return self.after

    def recent_incidents(self, *, limit: int) -> Sequence[Incident]:
        return self.incidents[:limit]

    def rejections_between(self, *, since: datetime, until: datetime) -> Sequence[Rejection]:
        assert since == until == NOON
        return self.rejections

    def pauses_between(self, _job: str, *, since: datetime, until: datetime) -> Sequence[Pause]:
        assert since == until == NOON
        return self.pauses

    def attempts(self, _run_id: str) -> Sequence[Attempt]:
        return self.tries

    def audit_of(self, _run_id: str) -> Sequence[Audited]:
        return self.audit

    def retries_of(self, _run_id: str) -> Sequence[Run]:
        return self.retries

    def outputs(self, _run_id: str) -> Sequence[Output]:
        return self.given

    def artifacts(self, _run_id: str) -> Sequence[KeptArtifact]:
        return self.kept

    def steps(self, _run_id: str) -> Sequence[StepRun]:
        return self.decided

    def definition_text(self, _digest: str) -> None:
        return None


def facts(rows: Rows, item: Item | None = None, *, presence: Presence = RUNNING) -> list[str]:
    """The facts about an instant, each as `label| text`."""
    view: Any = rows
    about = item if item is not None else item_of(SCHEDULED)
    asked = Asked(view=view, job="hello", zone=UTC_ZONE, now=NOON + HOUR, presence=presence)
    return [f"{label}| {text}" for label, text in instant_facts(asked, about)]


def labelled(found: list[str], label: str) -> list[str]:
    """The texts of a label, and of the lines without one that follow."""
    texts, is_in = [], False
    for line in found:
        name, _, text = line.partition("| ")
        is_in = name == label or (is_in and not name)
        texts += [text] if is_in else []
    return texts


def test_the_facts_of_a_scheduled_run_come_in_this_order() -> None:
    rows = Rows(applied=Generation(3, "", NOON, "anna", "jobs.yaml", "abcdef0123456789"))
    assert facts(rows) == [
        "schedule| every hour",
        "| in force since 2026-03-04 12:00 UTC, generation 3",
        "definition| jobs.yaml:7, generation 3, commit abcdef012345",
        "recorded| 2026-03-05 12:00:01 UTC, on time",
        "engine| epoch 4, since 2026-03-05 11:00 UTC",
    ]


@pytest.mark.parametrize(
    ("by", "said"), [("anna", "2026-03-05 12:00 UTC by anna"), ("", "2026-03-05 12:00 UTC")]
)
def test_a_run_by_hand_has_no_schedule_engine_or_pause(by: str, said: str) -> None:
    run = a_run(digest="digest", requested_by=by)
    rows = Rows(pauses=[Pause("hello", "hand", "bo", "", NOON, None, None, "")])
    assert facts(rows, item_of(run)) == [f"requested| {said}", "definition| jobs.yaml:7, generation 3"]


def test_the_definition_is_the_newest_with_the_digest_of_the_run() -> None:
    newer = VERSION._replace(line=9, from_generation=5)
    other = VERSION._replace(digest="other", line=11, from_generation=6)
    assert labelled(facts(Rows(versions=[VERSION, newer, other])), "definition") == [
        "jobs.yaml:9, generation 5"
    ]
    from_files = Generation(3, "", NOON, "anna", "jobs.yaml", "")
    assert labelled(facts(Rows(applied=from_files)), "definition") == ["jobs.yaml:7, generation 3"]
    never = labelled(facts(Rows(versions=[other])), "definition")
    assert never == ["as it was in the files, never applied"]
    assert labelled(facts(Rows(), GAP), "definition") == []


@pytest.mark.parametrize(
    ("late", "said"),
    [
        (0, "2026-03-05 12:00 UTC, on time"),
        (ON_TIME_SECONDS - 1, "2026-03-05 12:00:09 UTC, on time"),
        (ON_TIME_SECONDS, "2026-03-05 12:00:10 UTC, 10s late"),
    ],
)
def test_a_run_was_recorded_on_time_or_late(late: int, said: str) -> None:
    run = replace(SCHEDULED, queued_at=NOON + late * SECOND)
    assert labelled(facts(Rows(), item_of(run)), "recorded") == [said]
    assert labelled(facts(Rows(), GAP), "recorded") == []


HERE = "epoch 4, since 2026-03-05 11:00 UTC"
GONE = Presence(is_running=False)


@pytest.mark.parametrize(
    ("before", "after", "item", "presence", "said"),
    [
        (None, None, GAP, RUNNING, "none had run yet"),
        (None, NEXT, GAP, RUNNING, "none had run yet"),
        (SESSION, None, GAP, GONE, HERE),
        (SESSION, None, UNDECIDED, RUNNING, HERE),
        (
            SESSION,
            None,
            UNDECIDED,
            GONE,
            "absent: the previous one was killed about 2026-03-05 13:00 UTC, and none since",
        ),
        (SESSION, NEXT, UNDECIDED, GONE, HERE),
        (SESSION._replace(last_seen_at=NOON - SILENCE), NEXT, GAP, RUNNING, HERE),
        (
            SESSION._replace(last_seen_at=NOON - SILENCE - SECOND),
            NEXT,
            GAP,
            RUNNING,
            "absent: the previous one was killed about 2026-03-05 11:59:44 UTC, "
            "the next one started 2026-03-06 12:00 UTC",
        ),
        (SESSION._replace(last_seen_at=NOON - HOUR), None, GAP, RUNNING, HERE),
        (SESSION._replace(ended_at=NOON, end_reason="stopped"), NEXT, GAP, RUNNING, HERE),
        (
            SESSION._replace(ended_at=NOON - SECOND, end_reason="was stopped"),
            None,
            GAP,
            RUNNING,
            "absent: the previous one was stopped about 2026-03-05 11:59:59 UTC, and none since",
        ),
    ],
)
def test_an_engine_ran_at_an_instant_unless_its_record_or_the_silence_denies_it(
    before: Session | None, after: Session | None, item: Item, presence: Presence, said: str
) -> None:
    found = facts(Rows(before=before, after=after), item, presence=presence)
    assert labelled(found, "engine") == [said]


@pytest.mark.parametrize(
    ("kind", "began", "ended", "is_reported"),
    [
        ("clock_hold", NOON, None, True),
        ("clock_hold", NOON, NOON, True),
        ("clock_hold", NOON - HOUR, NOON + HOUR, True),
        ("clock_hold", NOON + SECOND, None, False),
        ("clock_hold", NOON - HOUR, NOON - SECOND, False),
        ("clock_jump", NOON, None, False),
        ("disk_hold", NOON, None, False),
    ],
)
def test_a_clock_that_was_not_believed_then_is_a_fact(
    kind: str, began: datetime, ended: datetime | None, is_reported: bool
) -> None:
    incident = Incident(kind, began, ended, "too early", 0, 0, "")
    said = f"not believed from {began:%Y-%m-%d %H:%M} UTC: too early"
    assert labelled(facts(Rows(incidents=[incident])), "clock") == ([said] if is_reported else [])


def test_files_that_were_rejected_then_are_a_fact_with_their_first_finding() -> None:
    refused = Rejection(NOON, "digest", ("jobs.yaml:1: wrong", "jobs.yaml:2: wrong too"), None)
    found = facts(Rows(rejections=[refused, refused._replace(diagnostics=())]))
    assert labelled(found, "config") == ["rejected at that time: jobs.yaml:1: wrong"]


PAUSE = Pause("hello", "hand", "anna", "outage", NOON, None, None, "")


@pytest.mark.parametrize(
    ("pause", "texts"),
    [
        (PAUSE, ["by anna 2026-03-05 12:00 UTC: outage"]),
        (PAUSE._replace(reason=""), ["by anna 2026-03-05 12:00 UTC"]),
        (
            PAUSE._replace(until=NOON + HOUR),
            ["by anna 2026-03-05 12:00 UTC: outage", "until 2026-03-05 13:00 UTC"],
        ),
        (
            PAUSE._replace(until=NOON + HOUR, ended_at=NOON + MINUTE, ended_by="bo"),
            ["by anna 2026-03-05 12:00 UTC: outage", "resumed by bo 2026-03-05 12:01 UTC"],
        ),
        (PAUSE._replace(paused_at=NOON + SECOND), []),
        (PAUSE._replace(until=NOON), []),
    ],
)
def test_a_pause_at_an_instant_is_shown_with_its_end(pause: Pause, texts: list[str]) -> None:
    assert labelled(facts(Rows(pauses=[pause])), "paused") == texts


@pytest.mark.parametrize(
    ("since", "until", "owns"),
    [
        (NOON - SECOND, None, True),
        (NOON, None, False),
        (NOON - HOUR, NOON, True),
        (NOON - HOUR, NOON - SECOND, False),
    ],
)
def test_a_schedule_owns_the_instants_after_its_start_and_up_to_its_end(
    since: datetime, until: datetime | None, owns: bool
) -> None:
    schedule = RULES._replace(active_from=since, active_until=until)
    view: Any = Rows(schedules=[schedule])
    assert schedule_at(view, "hello", NOON) == (schedule if owns else None)
    assert bool(labelled(facts(Rows(schedules=[schedule])), "schedule")) == owns


def test_of_two_schedules_of_an_instant_the_later_one_owns_it() -> None:
    later = RULES._replace(id=2, active_from=NOON - HOUR)
    view: Any = Rows(schedules=[RULES, later])
    assert schedule_at(view, "hello", NOON) == later


# facts about a run

RUN = a_run(id=ONE, state=RunState.FAILED)
TRY = Attempt(
    run_id=ONE,
    number=1,
    state=AttemptState.SUCCEEDED,
    boot_id="boot",
    created_at=NOON,
    started_at=NOON + SECOND,
    ended_at=NOON + 3 * SECOND,
)


def told(rows: Rows, run: Run = RUN) -> list[str]:
    view: Any = rows
    return [f"{label}| {text}" for label, text in run_facts(view, run, UTC_ZONE)]


def test_a_run_is_shown_with_what_was_requested_and_its_result() -> None:
    run = replace(
        RUN, state=RunState.LOST, resolved="succeeded", retry_of=TWO, params={"day": "monday", "dry": True}
    )
    again = replace(RUN, id=TWO, state=RunState.LOST, resolved="succeeded")
    rows = Rows(
        tries=[TRY, replace(TRY, number=2)],
        audit=[
            Audited(NOON, "anna", "run", ONE, ""),
            Audited(NOON, "bo", "cancel", ONE, f"because of {TWO}"),
            Audited(NOON, "bo", "kill", ONE, ""),
        ],
        retries=[again],
    )
    assert told(rows, run) == [
        "run| 11111111, manual, lost, found later to have succeeded",
        "| a retry of run 22222222",
        "params| day=monday, dry=true",
        "attempts| 1  2026-03-05 12:00:01 UTC  succeeded, took 2.0s",
        "| 2  2026-03-05 12:00:01 UTC  succeeded, took 2.0s",
        "by hand| 2026-03-05 12:00 UTC  cancel by bo: because of 22222222",
        "by hand| 2026-03-05 12:00 UTC  kill by bo",
        "retried| run 22222222, succeeded",
        "output| jobfile logs 11111111",
    ]
    assert told(Rows()) == ["run| 11111111, manual, failed"]


def test_outputs_are_shown_with_their_step_and_item() -> None:
    assert labelled(told(Rows(given=[Output("rows", 7), Output("day", "monday", "load", 2)])), "outputs") == [
        "rows=7, load[2].day=monday"
    ]


def test_artifacts_are_named_with_their_size_and_those_that_are_not_kept_are_counted() -> None:
    first, second = AttemptKey(ONE, 1), AttemptKey(ONE, 2)
    files = [Artifact(name=f"{number}.log", size=1_000, copy=number) for number in range(1, 8)]
    rows = [
        *(KeptArtifact(attempt=first, artifact=one) for one in files[:2]),
        *(KeptArtifact(attempt=second, artifact=one) for one in files[1:]),
        KeptArtifact(attempt=second, artifact=Artifact(name="pipe", note="a named pipe")),
    ]
    assert labelled(told(Rows(kept=rows)), "artifacts") == [
        "1.log, 2.log, 3.log, 4.log, 5.log and 2 more; 7,000 bytes; 1 note about what is not kept",
        f"jobfile artifacts {ONE[:8]}",
    ]
    gone = [replace(one, dropped_at=NOON) for one in rows[:1]]
    assert labelled(told(Rows(kept=gone)), "artifacts") == [
        "1.log; 1 of the copies deleted by retention",
        f"jobfile artifacts {ONE[:8]}",
    ]


def test_the_time_of_the_next_attempt_is_reported_of_a_run_that_waits_for_it() -> None:
    waits = replace(RUN, state=RunState.RETRY_WAIT, retry_at=NOON + MINUTE)
    assert labelled(told(Rows(), waits), "next attempt") == ["2026-03-05 12:01 UTC"]
    assert labelled(told(Rows(), replace(waits, retry_at=None)), "next attempt") == []
    assert labelled(told(Rows(), replace(waits, state=RunState.FAILED)), "next attempt") == []


def test_there_is_output_to_read_once_an_attempt_has_started() -> None:
    never = replace(TRY, state=AttemptState.NOT_STARTED)
    assert labelled(told(Rows(tries=[never])), "output") == []
    assert labelled(told(Rows(tries=[never, TRY])), "output") == ["jobfile logs 11111111"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "1  2026-03-05 12:00:01 UTC  succeeded, took 2.0s"),
        ({"started_at": None}, "1  2026-03-05 12:00:00 UTC  succeeded, took 3.0s"),
        ({"ended_at": None}, "1  2026-03-05 12:00:01 UTC  succeeded"),
        ({"reason": "exit(3)"}, "1  2026-03-05 12:00:01 UTC  succeeded, exit code 3, took 2.0s"),
        (
            {"reason": "timeout", "detail": "after 1m"},
            "1  2026-03-05 12:00:01 UTC  succeeded, it ran longer than its timeout: after 1m, took 2.0s",
        ),
        (
            {"reason": "exit(3)", "detail": "oops"},
            "1  2026-03-05 12:00:01 UTC  succeeded, exit code 3: oops, took 2.0s",
        ),
        ({"detail": "oops"}, "1  2026-03-05 12:00:01 UTC  succeeded, oops, took 2.0s"),
        ({"step": "load"}, "load 1  2026-03-05 12:00:01 UTC  succeeded, took 2.0s"),
        ({"step": "load", "item": 7}, "load[7] 1  2026-03-05 12:00:01 UTC  succeeded, took 2.0s"),
        (
            {"max_rss_kb": 1536, "leftover_processes": 1},
            "1  2026-03-05 12:00:01 UTC  succeeded, took 2.0s, peak memory 2 MiB, "
            "left 1 process behind (ended)",
        ),
        (
            {"leftover_processes": 2},
            "1  2026-03-05 12:00:01 UTC  succeeded, took 2.0s, left 2 processes behind (ended)",
        ),
    ],
)
def test_an_attempt_is_one_line(fields: dict[str, Any], said: str) -> None:
    assert labelled(told(Rows(tries=[replace(TRY, **fields)])), "attempts") == [said]
