"""Small answers as text and as JSON, whole, made of values: no ledger, no command."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.answers import explained
from engine.answers.artifacts import artifact_to_json
from engine.answers.as_json import iso, output_to_json, run_to_json
from engine.answers.audit import (
    Verified,
    records_to_json,
    records_to_text,
    verified_to_json,
    verified_to_text,
    verify,
)
from engine.answers.clock import (
    LOOKED_AT,
    SHOWN,
    Clock,
    accepted_to_json,
    accepted_to_text,
    clock_to_json,
    clock_to_text,
    look_at_clock,
)
from engine.answers.generations import generations_to_json, generations_to_text
from engine.answers.logs import all_logs_to_json, logs_of, logs_to_json, why_no_output
from engine.answers.pauses import (
    Paused,
    Resumed,
    paused_to_json,
    paused_to_text,
    resumed_to_json,
    resumed_to_text,
)
from engine.answers.presence import RUNNING, Presence
from engine.answers.report import FIXED, Report, Row
from engine.answers.report_text import report_to_text
from engine.answers.requested import waited_to_json
from engine.answers.runs import MAX_GAPS, Runs, newest_runs, one_run, runs_in, runs_to_json, runs_to_text
from engine.answers.upcoming import obstacles_to_text
from engine.answers.waiting import Line
from engine.answers.zones import zone_of_job
from engine.core.artifacts import KeptArtifact
from engine.core.audit_chain import Chain, Link, link_hash
from engine.core.lifecycle import Artifact, Attempt, AttemptKey, AttemptState, Run, RunState, TriggerKind
from engine.core.records import Applied, Audited, Gap, Generation, Incident, JobVersion, Output, Pause
from engine.core.step_states import StepRun, StepState
from jobfile.diagnostics.diagnostic import CODES
from jobfile.pages.keys import KINDS
from tests.builders import HOUR, MINUTE, NOON, a_job, a_run, compiled, every
from tests.together import together

WIDE = 200
TOKYO = ZoneInfo("Asia/Tokyo")
A, B = "a" * 32, "b" * 32
RUN = a_run(
    id=A,
    params={"day": "monday"},
    trigger=TriggerKind.CATCHUP,
    state=RunState.FAILED,
    reason="exit(7)",
    detail="something",
    queued_at=NOON + MINUTE,
    started_at=NOON + 2 * MINUTE,
    ended_at=NOON + 3 * MINUTE,
    retry_at=NOON + 4 * MINUTE,
    attempt=2,
    exit_code=7,
    generation=3,
    requested_by="anna",
    retry_of=B,
)
ATTEMPT = Attempt(
    run_id=A,
    number=2,
    step="load",
    item=5,
    state=AttemptState.TIMED_OUT,
    boot_id="boot",
    created_at=NOON,
    started_at=NOON + MINUTE,
    ended_at=NOON + HOUR,
    exit_code=8,
    signal=9,
    reason="timeout",
    detail="told",
    output_bytes=10,
    output_dropped=11,
    leftover_processes=12,
    max_rss_kb=13,
    cpu_seconds=1.5,
)
RUN_AS_JSON = {
    "id": A,
    "job": "hello",
    "params": {"day": "monday"},
    "matrix": {},
    "trigger": "catchup",
    "trigger_values": {},
    "caused_by": None,
    "idempotency_key": None,
    "queue": None,
    "priority": 0,
    "state": "failed",
    "reason": "exit(7)",
    "detail": "something",
    "scheduled_for": "2026-03-05T12:00:00+00:00",
    "queued_at": "2026-03-05T12:01:00+00:00",
    "started_at": "2026-03-05T12:02:00+00:00",
    "ended_at": "2026-03-05T12:03:00+00:00",
    "retry_at": "2026-03-05T12:04:00+00:00",
    "attempts": 2,
    "exit_code": 7,
    "generation": 3,
    "requested_by": "anna",
    "retry_of": B,
}
ATTEMPT_AS_JSON = {
    "step": "load",
    "item": 5,
    "number": 2,
    "host": None,
    "state": "timed_out",
    "reason": "timeout",
    "detail": "told",
    "started_at": "2026-03-05T12:01:00+00:00",
    "ended_at": "2026-03-05T13:00:00+00:00",
    "exit_code": 8,
    "signal": 9,
    "output_bytes": 10,
    "output_dropped": 11,
    "leftover_processes": 12,
    "max_rss_kb": 13,
    "cpu_seconds": 1.5,
}
OUTPUT = Output("rows", 7, "load", 5)
OUTPUT_AS_JSON = {"step": "load", "item": 5, "name": "rows", "value": 7}

KEPT = KeptArtifact(
    attempt=AttemptKey(A, 2, "load", 5),
    artifact=Artifact(name="a.csv", size=3, sha256="ab", copy=4, note="it changed while it was copied"),
    dropped_at=NOON,
)
KEPT_AS_JSON = {
    "step": "load",
    "item": 5,
    "number": 2,
    "name": "a.csv",
    "bytes": 3,
    "sha256": "ab",
    "is_kept": False,
    "note": "it changed while it was copied",
    "dropped_at": "2026-03-05T12:00:00+00:00",
}


STEP = StepRun(step="load", item=2, state=StepState.FAILED, reason="exit(3)", detail="d", attempt=4, tries=2)
STEP_AS_JSON = {
    "step": "load",
    "item": 2,
    "state": "failed",
    "reason": "exit(3)",
    "detail": "d",
    "attempts": 4,
}


class OneRun:
    """A ledger with one attempt and one output."""

    hosts = None

    def attempts(self, run_id: str) -> list[Attempt]:
        return [ATTEMPT] if run_id == A else []

    def outputs(self, run_id: str) -> list[Output]:
        return [OUTPUT] if run_id == A else []

    def artifacts(self, run_id: str) -> list[KeptArtifact]:
        return [KEPT] if run_id == A else []

    def steps(self, run_id: str) -> list[StepRun]:
        return [STEP] if run_id == A else []

    def definition_text(self, digest: str) -> None:
        return None


def test_an_output_without_an_item_has_none_and_a_list_is_a_list() -> None:
    found = output_to_json(Output("names", ("a", "b")))
    assert found == {"step": None, "item": None, "name": "names", "value": ["a", "b"]}


def test_a_run_is_the_same_data_everywhere_and_has_its_attempts_only_where_they_are_given() -> None:
    assert run_to_json(RUN) == RUN_AS_JSON
    assert run_to_json(RUN, attempts=()) == {**RUN_AS_JSON, "attempt_list": []}
    assert run_to_json(RUN, outputs=()) == {**RUN_AS_JSON, "outputs": []}
    whole = {**RUN_AS_JSON, "attempt_list": [ATTEMPT_AS_JSON], "outputs": [OUTPUT_AS_JSON]}
    assert run_to_json(RUN, attempts=[ATTEMPT], outputs=[OUTPUT]) == whole
    found = waited_to_json(OneRun(), [RUN], options=" -f my.yaml")  # type: ignore[arg-type]  # all that it asks
    (one,) = found["runs"]  # type: ignore[misc]  # a list
    assert one.pop("see")["logs"] == f"jobfile logs {A} -f my.yaml"
    assert one.pop("verdict")["line"]
    assert one == {**whole, "artifacts": [KEPT_AS_JSON], "steps": [STEP_AS_JSON]}
    assert found["verdict"] == {"answer": "not_well", "exit_code": 1, "line": None}
    nothing = artifact_to_json(
        KeptArtifact(attempt=AttemptKey(A, 1), artifact=Artifact(name="", note="many"))
    )
    absent = dict.fromkeys(("step", "item", "name", "bytes", "sha256", "dropped_at"))
    assert nothing == {**absent, "number": 1, "is_kept": False, "note": "many"}
    assert (iso(None), iso(NOON)) == (None, "2026-03-05T12:00:00+00:00")


# audit

RECORDS = [(12, Audited(NOON, "anna", "pause", "hello", "outage")), (3, Audited(NOON, "bo", "run", "x", ""))]


def a_chain(*, seqs: tuple[int, ...] = (1, 2)) -> list[Link]:
    links: list[Link] = []
    for seq in seqs:
        record = (seq, 0, "anna", "run", "hello", "")
        links.append(Link(*record, hash=link_hash(links[-1].hash if links else "", *record)))
    return links


def test_records_of_the_audit_are_a_line_and_an_object_each() -> None:
    assert (
        records_to_text(RECORDS, width=WIDE)
        == """\
record  when                     who   what   of     why
    12  2026-03-05 12:00:00 UTC  anna  pause  hello  outage
     3  2026-03-05 12:00:00 UTC  bo    run    x"""
    )
    assert records_to_text([], width=WIDE) == "nothing was recorded yet"
    assert records_to_json(RECORDS[:1]) == {
        "format": 1,
        "records": [
            {
                "record": 12,
                "at": "2026-03-05T12:00:00+00:00",
                "actor": "anna",
                "action": "pause",
                "object": "hello",
                "detail": "outage",
            }
        ],
    }


def test_a_whole_audit_says_its_newest_hash_and_whether_the_noted_one_is_in_it() -> None:
    links = a_chain()
    head = links[-1].hash
    whole = f"the audit is intact: 2 records; the newest is 2, hash {head}"
    data = {
        "format": 1,
        "whole": True,
        "count": 2,
        "head": {"record": 2, "hash": head},
        "broken_at": None,
        "why": None,
        "noted": None,
    }
    found = verify(links, noted="")
    assert (found.is_whole, verified_to_text(found), verified_to_json(found)) == (True, whole, data)

    noted = links[0].hash[:10]
    found = verify(links, noted=noted)
    assert (found.is_whole, verified_to_text(found)) == (True, whole)
    assert verified_to_json(found) == data | {"noted": {"hash": noted, "found": True}}

    found = verify(links, noted="0123")
    cut_off = "no record has the hash 0123: records were cut off, or all were rewritten"
    assert (found.is_whole, verified_to_text(found)) == (False, f"{whole}\n{cut_off}")
    assert verified_to_json(found) == data | {"whole": False, "noted": {"hash": "0123", "found": False}}


def test_a_broken_audit_names_the_record_and_an_empty_one_says_so() -> None:
    found = verify(a_chain(seqs=(1, 3)), noted="")
    assert (found.is_whole, verified_to_text(found)) == (False, "the audit is broken: record 2 is missing")
    data = verified_to_json(found)
    assert (data["whole"], data["broken_at"], data["why"], data["count"]) == (False, 2, "is missing", 2)
    empty = Verified(chain=Chain(0, None, None, "", is_noted=False), noted="")
    assert verified_to_text(empty) == "the audit has no record yet"
    assert (empty.is_whole, verified_to_json(empty)["head"]) == (True, None)


# clock


def an_incident(kind: str, detail: str, *, ended_at: datetime | None = NOON) -> Incident:
    return Incident(kind, NOON - HOUR, ended_at, detail, 0, 0, "")


class Incidents:
    """A ledger of which only the newest incidents are read."""

    def __init__(self, *found: Incident) -> None:
        self.found, self.asked = found, 0

    def recent_incidents(self, *, limit: int) -> tuple[Incident, ...]:
        self.asked = limit
        return self.found[:limit]


JUMPED = an_incident("clock_jump", "+60.0s")
OVER, OPEN = an_incident("clock_hold", "too late"), an_incident("clock_hold", "too early", ended_at=None)
DISK = an_incident("disk_hold", "full", ended_at=None)


@pytest.mark.parametrize(
    ("found", "hold", "events"),
    [
        ((), None, ()),
        ((JUMPED, OVER), None, (JUMPED, OVER)),
        ((DISK, JUMPED), None, (JUMPED,)),
        ((DISK, OVER, OPEN), OPEN, (OVER, OPEN)),
        ((JUMPED,) * (SHOWN + 1), None, (JUMPED,) * SHOWN),
        ((*(DISK,) * (LOOKED_AT - 1), OPEN), OPEN, (OPEN,)),
    ],
)
def test_the_clock_is_believed_unless_its_own_hold_is_open(
    found: tuple[Incident, ...], hold: Incident | None, events: tuple[Incident, ...]
) -> None:
    view = Incidents(*found)
    clock = look_at_clock(view, now=NOON, is_synchronized=None)  # type: ignore[arg-type]  # all that it asks
    assert (clock.now, clock.hold, clock.events) == (NOON, hold, events)
    assert view.asked == LOOKED_AT


@pytest.mark.parametrize(
    ("is_synchronized", "words"),
    [
        (True, "yes, according to the system"),
        (False, "no, according to the system"),
        (None, "the system cannot tell"),
    ],
)
def test_what_is_known_of_the_clock_is_shown_in_words_and_data(
    is_synchronized: bool | None, words: str
) -> None:
    clock = Clock(now=NOON, is_synchronized=is_synchronized, hold=OPEN, events=(JUMPED, OPEN))
    assert (
        clock_to_text(clock, width=WIDE)
        == f"""\
clock         2026-03-05 12:00:00 UTC
synchronized  {words}
believed      NO: too early
              2026-03-05 11:00:00 UTC  set by +60.0s
              2026-03-05 11:00:00 UTC  not believed: too early"""
    )
    assert clock_to_json(clock) == {
        "format": 1,
        "now": "2026-03-05T12:00:00+00:00",
        "believed": False,
        "synchronized": is_synchronized,
        "events": [
            {"kind": "clock_jump", "began_at": "2026-03-05T11:00:00+00:00", "detail": "+60.0s"},
            {"kind": "clock_hold", "began_at": "2026-03-05T11:00:00+00:00", "detail": "too early"},
        ],
    }
    calm = replace(clock, hold=None, events=())
    assert clock_to_text(calm, width=WIDE).endswith("\nbelieved      yes")
    assert (clock_to_json(calm)["believed"], clock_to_json(calm)["events"]) == (True, [])


@pytest.mark.parametrize(
    ("is_accepted", "words"),
    [(True, "the clock is accepted"), (False, "the engine believes the clock already")],
)
def test_a_clock_is_accepted_or_there_was_nothing_to_accept(is_accepted: bool, words: str) -> None:
    assert accepted_to_text(is_accepted=is_accepted) == words
    assert accepted_to_json(is_accepted=is_accepted) == {"format": 1, "accepted": is_accepted}


# explain


@pytest.mark.parametrize("code", ["JF001", "JF103"])
def test_a_code_has_the_same_severity_and_words_alone_and_in_the_list(code: str) -> None:
    page = explained.page_of(code)
    about = {"code": code, "severity": CODES[code].severity.value, "says": CODES[code].says}
    assert (page.code, page.severity, page.says) == tuple(about.values())
    assert page.text.startswith(f"# {code} ")
    assert explained.page_to_json(page) == {"format": 1, **about, "page": page.text}
    found = explained.codes_to_json()
    assert found["format"] == 1
    assert about in found["codes"]  # type: ignore[operator]  # a list
    assert f"{code}  {about['severity']:<7}  {about['says']}" in explained.codes_to_text().split("\n")


def test_a_page_on_a_terminal_has_its_examples_indented_and_no_marks() -> None:
    text = "# JF999 Title\n\nWords `#`.\n\n```yaml bad\n# a comment\n\na: 1\n```\n\n# More\n"
    page = explained.Page(code="JF999", severity="error", says="", text=text)
    shown = "JF999 Title\n\nWords `#`.\n\n    # a comment\n\n    a: 1\n\nMore"
    assert explained.page_to_text(page) == shown


def test_a_key_is_shown_with_its_form_its_default_its_values_and_an_example() -> None:
    assert (
        explained.keys_to_text("after", width=WIDE)
        == """\
job   The other job
      text
      job: load

all   All these jobs, for one time
      list of text
      all: [load, clean]

any   The first of these jobs, for one time
      list of text
      any: [eu, us]

when  How its run ended
      one word; default: succeeded
      - succeeded
      - failed
      - always
      when: failed"""
    )
    backoff = explained.keys_to_text("retry", width=WIDE).split("backoff")[1]
    assert "\n           - exponential: twice the wait before\n" in backoff
    assert explained.keys_to_json("after") == {
        "format": 1,
        "kind": "after",
        "keys": [
            {
                **{"key": "job", "means": "The other job", "type": "text", "default": None, "values": []},
                **{"example": "job: load", "required": False, "more": "jobfile explain JF206"},
            },
            {
                **{"key": "all", "means": "All these jobs, for one time", "type": "list of text"},
                **{"default": None, "values": [], "example": "all: [load, clean]", "required": False},
                "more": "jobfile explain JF206",
            },
            {
                **{"key": "any", "means": "The first of these jobs, for one time", "type": "list of text"},
                **{"default": None, "values": [], "example": "any: [eu, us]", "required": False},
                "more": "jobfile explain JF206",
            },
            {
                **{"key": "when", "means": "How its run ended", "type": "one word", "default": "succeeded"},
                "values": [{"value": one, "means": None} for one in ("succeeded", "failed", "always")],
                **{"example": "when: failed", "required": False, "more": "jobfile explain JF104"},
            },
        ],
    }


@together("kind", KINDS)
def test_the_keys_of_a_kind_are_those_of_its_text_each_with_its_meaning(kind: str) -> None:
    found = explained.keys_to_json(kind)
    assert (found["format"], found["kind"]) == (1, kind)
    text = explained.keys_to_text(kind, width=WIDE)
    for row in found["keys"]:  # type: ignore[attr-defined]  # JSON data
        assert f"{row['key']} " in text
        assert " ".join(row["means"].split()) in " ".join(text.split())
        assert row["type"]
    assert all(row["means"] and " " not in row["key"] for row in found["keys"])  # type: ignore[attr-defined]


# generations

GENERATION = Generation(12, "d" * 64, NOON, "anna", "jobs.yaml", "c" * 40, "plan-1", "", "because")


def test_a_generation_says_what_changed_and_what_is_not_known_is_null() -> None:
    first = Generation(1, "e" * 64, NOON - HOUR, "bo", "jobs.yaml", "")
    found = [Applied(GENERATION, 1, 20, 3), Applied(first, 0, 0, 0)]
    assert (
        generations_to_text(found, width=WIDE)
        == """\
generation  applied                  by    commit   changed    note
        12  2026-03-05 12:00:00 UTC  anna  ccccccc  +1 ~20 -3  because
         1  2026-03-05 11:00:00 UTC  bo             -"""
    )
    assert generations_to_json(found) == {
        "format": 1,
        "generations": [
            {
                "generation": 12,
                "applied_at": "2026-03-05T12:00:00+00:00",
                "applied_by": "anna",
                "main_file": "jobs.yaml",
                "commit": "c" * 40,
                "digest": "d" * 64,
                "plan": "plan-1",
                "note": "because",
                "added": 1,
                "changed": 20,
                "removed": 3,
            },
            {
                "generation": 1,
                "applied_at": "2026-03-05T11:00:00+00:00",
                "applied_by": "bo",
                "main_file": "jobs.yaml",
                "commit": None,
                "digest": "e" * 64,
                "plan": None,
                "note": None,
                "added": 0,
                "changed": 0,
                "removed": 0,
            },
        ],
    }
    assert generations_to_text([], width=WIDE) == "nothing was applied yet:  jobfile up  or  jobfile apply"


# logs


def test_the_output_of_each_attempt_is_text_even_where_it_is_not() -> None:
    outputs = {AttemptKey(A, 2, "load", 5): b"done \xff", AttemptKey(A, 1): b""}
    first = replace(ATTEMPT, number=1, step="", item=0, output_bytes=0, output_dropped=0)
    found = logs_of(RUN, [first, ATTEMPT], outputs.__getitem__)
    assert found.outputs == (b"", b"done \xff")
    about = {
        "run": A,
        "job": "hello",
        "matrix": {},
        "attempts": [
            {"step": None, "item": None, "number": 1, "output": "", "output_bytes": 0, "output_dropped": 0},
            {
                "step": "load",
                "item": 5,
                "number": 2,
                "output": "done \ufffd",
                "output_bytes": 10,
                "output_dropped": 11,
            },
        ],
    }
    assert logs_to_json(found) == {"format": 1, **about}
    assert all_logs_to_json([found, found]) == {"format": 1, "runs": [about, about]}


NEVER = replace(ATTEMPT, state=AttemptState.NOT_STARTED, output_bytes=0)
SILENT = replace(ATTEMPT, output_bytes=0)


@pytest.mark.parametrize(
    ("attempts", "when_over", "while_open"),
    [
        ((), "it never started, so it wrote nothing", "it has not started yet"),
        ((NEVER, NEVER), "it never started, so it wrote nothing", "it has not started yet"),
        ((NEVER, SILENT), "it wrote nothing", "it has written nothing yet"),
        ((SILENT, ATTEMPT), "what it wrote is no longer kept", "what it wrote is no longer kept"),
    ],
)
def test_why_there_is_no_output(attempts: tuple[Attempt, ...], when_over: str, while_open: str) -> None:
    assert why_no_output(RUN, attempts) == when_over
    assert why_no_output(replace(RUN, state=RunState.RETRY_WAIT), attempts) == while_open


# pause and resume


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (RunState.QUEUED, "waits to start"),
        (RunState.RUNNING, "is running"),
        (RunState.CANCELLING, "is being cancelled"),
        (RunState.RETRY_WAIT, "waits for its retry"),
    ],
)
def test_a_pause_says_which_runs_continue_and_in_which_state(state: RunState, words: str) -> None:
    pause = Pause("hello", "hand", "anna", "", NOON, None, None, "")
    still_open = (replace(RUN, state=state), a_run(id=B))
    paused = Paused(pause=pause, was_paused=False, zone=TOKYO, still_open=still_open, presence=RUNNING)
    assert (
        paused_to_text(paused)
        == f"""\
hello is paused; continue with  jobfile resume hello
run aaaaaaaa {words} and continues; end it with  jobfile cancel aaaaaaaa
run bbbbbbbb waits to start and continues; end it with  jobfile cancel bbbbbbbb"""
    )


def test_a_pause_does_not_say_that_a_run_continues_which_is_over() -> None:
    pause = Pause("hello", "hand", "anna", "", NOON, None, None, "")
    run = replace(RUN, state=RunState.RUNNING)
    presence = Presence(is_running=False, fates={run.id: "it ended with exit code 3"})
    paused = Paused(pause=pause, was_paused=False, zone=TOKYO, still_open=(run,), presence=presence)
    assert paused_to_text(paused).splitlines()[1] == (
        "run aaaaaaaa is recorded as running; its process has ended, and no engine has recorded this yet: "
        "it ended with exit code 3; `jobfile up` records it"
    )


def test_a_pause_with_an_end_says_it_in_the_zone_of_the_job() -> None:
    pause = Pause("hello", "hand", "anna", "", NOON, NOON + HOUR, None, "")
    paused = Paused(pause=pause, was_paused=False, zone=TOKYO, still_open=(), presence=RUNNING)
    assert paused_to_text(paused) == "hello is paused until 2026-03-05 22:00 JST"
    data = {
        "format": 1,
        "job": "hello",
        "paused": True,
        "was_paused": False,
        "until": "2026-03-05T13:00:00+00:00",
    }
    assert paused_to_json(paused) == data
    assert paused_to_json(replace(paused, pause=pause._replace(until=None))) == data | {"until": None}
    again = replace(paused, was_paused=True)
    assert paused_to_text(again) == (
        "hello is paused already, by anna since 2026-03-05 21:00 JST until 2026-03-05 22:00 JST"
    )
    assert paused_to_json(again) == data | {"was_paused": True}


@pytest.mark.parametrize(
    ("was_paused", "words"), [(True, "hello is resumed"), (False, "hello was not paused")]
)
def test_a_resume_says_whether_the_job_was_paused(was_paused: bool, words: str) -> None:
    resumed = Resumed(job="hello", was_paused=was_paused)
    assert resumed_to_text(resumed) == words
    data = {"format": 1, "job": "hello", "paused": False, "was_paused": was_paused}
    assert resumed_to_json(resumed) == data


@pytest.mark.parametrize(
    ("pause", "presence", "words"),
    [
        (None, RUNNING, ""),
        (None, Presence(is_running=False), ""),
        (None, None, ""),
        (("", None), RUNNING, "hello is paused by anna"),
        (("outage", NOON), RUNNING, "hello is paused by anna until 2026-03-05 21:00 JST: outage"),
        (
            None,
            Presence(is_running=False, since=NOON),
            "nothing starts now: no engine has been running since 2026-03-05 21:00 JST",
        ),
        (None, Presence(is_running=True, trouble="the disk is full"), "nothing starts now: the disk is full"),
    ],
)
def test_the_next_runs_come_with_what_keeps_them_from_starting(
    pause: tuple[str, datetime | None] | None, presence: Presence | None, words: str
) -> None:
    """An engine that never ran is no obstacle: nothing was applied yet."""
    pauses = [] if pause is None else [Pause("hello", "hand", "anna", pause[0], NOON, pause[1], None, "")]
    assert obstacles_to_text(pauses, presence, zone=TOKYO) == words


# report


def a_report(
    *rows: Mapping[str, int], presence: Presence = RUNNING, unsettled: int = 0, requested: int = 0
) -> Report:
    made = tuple(
        Row(job=f"job-{index}", scheduled=sum(row.values()) - requested, requested=requested, verdicts=row)
        for index, row in enumerate(rows, 1)
    )
    return Report(since=NOON, until=NOON + HOUR, rows=made, presence=presence, unsettled=unsettled)


def test_a_report_shows_only_the_verdicts_that_occurred_and_always_the_successes() -> None:
    found = a_report({"succeeded": 10, "lost": 1}, {"lost": 2, FIXED: 1, "missed": 0}, requested=1)
    assert (
        report_to_text(found, width=WIDE)
        == """\
2026-03-05 12:00:00 UTC to 2026-03-05 13:00:00 UTC, 2 of the expected runs come from no schedule

job    expected  succeeded  fixed by hand  lost
job-1        11         10              ·     1
job-2         3          ·              1     2
total        14         10              1     3"""
    )
    assert (
        report_to_text(a_report({}), width=WIDE)
        == """\
2026-03-05 12:00:00 UTC to 2026-03-05 13:00:00 UTC

job    expected  succeeded
job-1         0          ·"""
    )
    assert report_to_text(a_report(), width=WIDE).split("\n")[2:] == [
        "job    expected  succeeded",
        "total         0          ·",
    ]


GONE, NEVER_RAN = Presence(is_running=False, since=NOON), Presence(is_running=False)
FULL = Presence(is_running=True, trouble="the disk is full")


@pytest.mark.parametrize(
    ("overdue", "unsettled", "presence", "line"),
    [
        (
            1,
            0,
            GONE,
            "NO ENGINE since 2026-03-05 12:00 UTC: 1 run is due and nothing starts it; "
            "start one with  jobfile up",
        ),
        (2, 0, NEVER_RAN, "NO ENGINE: 2 runs are due and nothing starts them; start one with  jobfile up"),
        (2, 0, FULL, "NOTHING STARTS, the disk is full: 2 runs are due and nothing starts them"),
        (
            1,
            0,
            RUNNING,
            "NOTHING STARTS, the engine is running but has not decided about them: "
            "1 run is due and nothing starts it",
        ),
        (
            0,
            1,
            NEVER_RAN,
            "NO ENGINE: 1 open run has ended, and nothing records this; start one with  jobfile up",
        ),
        (
            1,
            2,
            NEVER_RAN,
            "NO ENGINE: 1 run is due and nothing starts it; 2 open runs have ended, "
            "and nothing records this; start one with  jobfile up",
        ),
    ],
)
def test_a_report_says_in_capitals_what_waits_for_an_engine(
    overdue: int, unsettled: int, presence: Presence, line: str
) -> None:
    found = a_report({"overdue": overdue}, presence=presence, unsettled=unsettled)
    assert report_to_text(found, width=WIDE).split("\n")[1:3] == [line, ""]


# runs


def a_gap(count: int = 1, *, reason: str = "", detail: str = "", pruned_at: datetime | None = None) -> Gap:
    return Gap(
        schedule_id=1,
        job="hello",
        entries=(),
        first_at=NOON,
        last_at=NOON + HOUR,
        count=count,
        state=RunState.SKIPPED,
        reason=reason,
        generation=1,
        epoch=1,
        recorded_at=NOON,
        detail=detail,
        pruned_at=pruned_at,
    )


def some_runs(*runs: Run, gaps: tuple[Gap, ...] = (), is_limited: bool = False) -> Runs:
    words = tuple(f"why {number}" for number in range(len(runs)))
    kept = tuple((KEPT,) if run.attempt > 1 else () for run in runs)
    zones = {"hello": TOKYO}
    lines = (None,) * len(runs)
    return Runs(
        runs=runs,
        words=words,
        artifacts=kept,
        hosts=("",) * len(runs),
        lines=lines,
        gaps=gaps,
        zones=zones,
        is_limited=is_limited,
    )


def test_runs_are_a_line_each_with_how_long_they_took_and_how_often_they_were_tried() -> None:
    found = some_runs(
        RUN,
        replace(RUN, attempt=1),
        replace(RUN, attempt=0),
        replace(RUN, ended_at=None),
        replace(RUN, started_at=None),
    )
    assert (
        runs_to_text(found, width=WIDE)
        == """\
run       job    scheduled for            state                took  why
aaaaaaaa  hello  2026-03-05 21:00:00 JST  failed (2 attempts)  1m    why 0
aaaaaaaa  hello  2026-03-05 21:00:00 JST  failed               1m    why 1
aaaaaaaa  hello  2026-03-05 21:00:00 JST  failed                     why 2
aaaaaaaa  hello  2026-03-05 21:00:00 JST  failed (2 attempts)        why 3
aaaaaaaa  hello  2026-03-05 21:00:00 JST  failed (2 attempts)        why 4"""
    )
    lines = (None, Line(2, 3, "", 4, (RUN,)))
    plain = runs_to_json(
        replace(found, runs=found.runs[:2], artifacts=found.artifacts[:2], hosts=("", "a"), lines=lines)
    )
    assert plain == {
        "format": 1,
        "runs": [
            {**RUN_AS_JSON, "waits_for": None, "artifacts": [KEPT_AS_JSON], "host": None},
            {
                **RUN_AS_JSON,
                "attempts": 1,
                "waits_for": {"queue": None, "place": 2, "waiting": 3, "slots": 4, "held_by": [A]},
                "artifacts": [],
                "host": "a",
            },
        ],
    }
    assert runs_to_text(some_runs(), width=WIDE) == "no runs yet"
    assert runs_to_text(some_runs(is_limited=True), width=WIDE) == "no such runs"


@pytest.mark.parametrize(
    ("gap", "line"),
    [
        (a_gap(), "  hello  1 skipped, 2026-03-05 21:00 JST"),
        (
            a_gap(1_200, reason="paused", detail="anna"),
            "  hello  1,200 skipped, 2026-03-05 21:00 JST to 2026-03-05 22:00 JST: the job is paused by anna",
        ),
        (
            a_gap(2, reason="overlap", pruned_at=NOON),
            "  hello  2 skipped, 2026-03-05 21:00 JST to 2026-03-05 22:00 JST: only their results are kept",
        ),
    ],
)
def test_what_has_no_run_of_its_own_is_summed_up_below(gap: Gap, line: str) -> None:
    many = "has no run of its own and is" if gap.count == 1 else "have no run of their own and are"
    first = f"{gap.count:,} more {many} not listed:"
    assert runs_to_text(some_runs(gaps=(gap,)), width=WIDE).split("\n")[1:] == [first, line]


def test_the_times_of_a_report_about_one_job_are_in_its_zone() -> None:
    found = replace(a_report({"overdue": 1}, presence=GONE), zone=TOKYO)
    first, second, *_ = report_to_text(found, width=WIDE).split("\n")
    assert first == "2026-03-05 21:00:00 JST to 2026-03-05 22:00:00 JST"
    assert second.startswith("NO ENGINE since 2026-03-05 21:00 JST: ")


@pytest.mark.parametrize("more", [0, 1, 1_200])
def test_only_some_stretches_are_named(more: int) -> None:
    found = some_runs(gaps=(a_gap(2),) * (MAX_GAPS + more))
    _, first, *lines = runs_to_text(found, width=WIDE).split("\n")
    assert first.startswith(f"{2 * (MAX_GAPS + more):,} more have no run")
    assert len(lines) == MAX_GAPS + bool(more)
    if more:
        assert lines[-1] == f"  and {more:,} more stretches:  jobfile report"


class Recent:
    """A ledger of a few runs and gap records; it notes what it was asked."""

    def __init__(self, runs: tuple[Run, ...] = (), gaps: tuple[Gap, ...] = ()) -> None:
        self.runs, self.gaps = runs, gaps
        self.hosts = None
        self.state: object = "not asked"

    def recent_runs(self, *, job: str | None, state: object, limit: int) -> tuple[Run, ...]:
        assert job == "hello"
        self.state = state
        return self.runs[:limit]

    def runs_in(self, *, state: object, limit: int, **_window: object) -> tuple[Run, ...]:
        self.state = state
        return self.runs[:limit]

    def gaps_between(self, _job: str | None, *, since: datetime, until: datetime) -> tuple[Gap, ...]:
        return tuple(gap for gap in self.gaps if gap.last_at >= since and gap.first_at <= until)

    def artifacts(self, _run_id: str) -> tuple[KeptArtifact, ...]:
        return (KEPT,)

    def job_in_force(self, _job: str) -> None:
        """No zone is known."""

    def job_versions(self, _job: str) -> tuple[JobVersion, ...]:
        return ()

    def newest_run(self, _job: str, *, until: datetime) -> None:
        """No zone is known."""


def gap_at(hour: int, state: RunState = RunState.SKIPPED, job: str = "hello") -> Gap:
    """A record of what fell due at full hours from an hour on, twice."""
    first = NOON + hour * HOUR
    return replace(
        a_gap(2), first_at=first, last_at=first + HOUR, state=state, job=job, entries=every(hours=1)
    )


SEVERAL = tuple(replace(RUN, scheduled_for=NOON + hour * HOUR, state=RunState.MISSED) for hour in (9, 4, 6))
GAPS = (gap_at(0), gap_at(5, RunState.MISSED), gap_at(20))


@pytest.mark.parametrize(
    ("limit", "states", "state", "gaps"),
    [
        (9, (), None, (20, 5, 0)),
        (9, (RunState.MISSED,), (RunState.MISSED,), (5,)),
        (3, (), None, (20, 5)),
        (1, (), None, (20,)),
    ],
)
def test_the_newest_runs_come_with_what_has_no_run_since_the_oldest_of_them(
    limit: int, states: tuple[RunState, ...], state: object, gaps: tuple[int, ...]
) -> None:
    view: Any = Recent(SEVERAL, GAPS)
    found = newest_runs(view, "hello", states=states, limit=limit, now=NOON, presence=RUNNING)
    assert found.runs == SEVERAL[:limit]
    assert [gap.first_at for gap in found.gaps] == [NOON + hour * HOUR for hour in gaps]
    assert (view.state, found.is_limited, set(found.zones)) == (state, bool(states), {"hello"})
    assert len(found.words) == len(found.runs)


@pytest.mark.parametrize(
    ("limit", "states", "jobs", "gaps"),
    [
        (9, (), None, [("hello", 20, 1), ("other", 8, 2), ("hello", 5, 2), ("hello", 1, 1)]),
        (9, (), {"other"}, [("other", 8, 2)]),
        (9, (RunState.MISSED,), {"hello"}, [("hello", 5, 2)]),
        (3, (), {"hello"}, [("hello", 20, 1), ("hello", 6, 1)]),
    ],
)
def test_the_runs_of_a_window_come_with_the_parts_in_it_that_have_no_run(
    limit: int, states: tuple[RunState, ...], jobs: set[str] | None, gaps: list[tuple[str, int, int]]
) -> None:
    """The window begins an hour after the first record and ends within the last."""
    view: Any = Recent(SEVERAL, (*GAPS[:2], gap_at(8, job="other"), GAPS[2]))
    window = {"since": NOON + HOUR, "until": NOON + 21 * HOUR}
    found = runs_in(view, jobs, **window, states=states, limit=limit, now=NOON, presence=RUNNING)
    assert found.runs == SEVERAL[:limit]
    assert [(gap.job, gap.first_at, gap.count) for gap in found.gaps] == [
        (job, NOON + hour * HOUR, count) for job, hour, count in gaps
    ]
    assert (view.state, found.is_limited) == (states or None, True)


def test_a_list_of_a_full_window_begins_no_earlier_than_the_window() -> None:
    view: Any = Recent(SEVERAL[:1], (gap_at(5),))
    window = {"since": NOON + 6 * HOUR, "until": NOON + 21 * HOUR}
    early = replace(RUN, scheduled_for=NOON)
    view.runs = (early,)
    found = runs_in(view, None, **window, states=(), limit=1, now=NOON, presence=RUNNING)
    assert [(gap.first_at, gap.count) for gap in found.gaps] == [(NOON + 6 * HOUR, 1)]


def test_one_run_is_a_list_that_leaves_nothing_out() -> None:
    view: Any = Recent()
    found = one_run(view, RUN, now=NOON, presence=RUNNING)
    assert (found.runs, found.gaps, found.is_limited) == ((RUN,), (), False)


# zones


class Definitions:
    """A ledger with definitions by their digest, each in a zone; the last version is in force or not."""

    def __init__(self, *, versions: tuple[str, ...] = (), is_in_force: bool = False, run: str = "") -> None:
        self.versions, self.is_in_force, self.run = versions, is_in_force, run
        self.asked_until: datetime | None = None

    def job_versions(self, _job: str) -> tuple[JobVersion, ...]:
        return tuple(JobVersion("hello", digest, "jobs.yaml", 3, 1) for digest in self.versions)

    def job_in_force(self, job: str) -> JobVersion | None:
        return self.job_versions(job)[-1] if self.is_in_force else None

    def newest_run(self, _job: str, *, until: datetime) -> Run | None:
        self.asked_until = until
        return replace(RUN, digest=self.run) if self.run else None

    def definition_text(self, digest: str) -> str | None:
        if digest == "gone":
            return None
        return compiled(a_job(timezone=digest)).canonical


@pytest.mark.parametrize(
    ("ledger", "zone"),
    [
        (Definitions(versions=("Europe/Oslo", "Asia/Tokyo"), is_in_force=True), "Asia/Tokyo"),
        (Definitions(versions=("Europe/Oslo", "Asia/Tokyo")), "Asia/Tokyo"),
        (Definitions(versions=("Asia/Tokyo",), run="Europe/Oslo"), "Asia/Tokyo"),
        (Definitions(run="Europe/Oslo"), "Europe/Oslo"),
        (Definitions(), "UTC"),
        (Definitions(versions=("gone",)), "UTC"),
        (Definitions(versions=("No/Where",), is_in_force=True), "UTC"),
    ],
)
def test_the_zone_of_a_job_is_that_of_its_newest_definition(ledger: Definitions, zone: str) -> None:
    """A job that was never applied has the definition of its newest run, also of one in the future."""
    assert zone_of_job(ledger, "hello").key == zone  # type: ignore[arg-type]  # all that it asks
    assert ledger.asked_until is None or ledger.asked_until.year == 9999
