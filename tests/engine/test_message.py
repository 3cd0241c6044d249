"""The message of a notification says what, when, why, and where to look."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from engine.core.lifecycle import Attempt, AttemptState
from engine.notifications.message import (
    MAX_DETAIL,
    MAX_LISTED,
    MAX_TITLE,
    Happening,
    headline,
    make_message,
)
from tests.builders import HOUR, MINUTE, NOON, a_job, a_run, every

ID = "7" * 32
SPEC = replace(
    a_job(title="Nightly import", owner="anna", timezone="Europe/Oslo", schedule=every(minutes=30)),
    retry=replace(a_job().retry, attempts=3),
)
RUN = a_run(id=ID, params={"account": "8812", "all": True, "days": ("mon", "tue")})
ATTEMPT = Attempt(
    run_id=ID,
    number=3,
    state=AttemptState.FAILED,
    boot_id="boot",
    created_at=NOON,
    started_at=NOON,
    ended_at=NOON + 90 * timedelta(seconds=1),
    exit_code=3,
)
FACTS = {
    "run": ID,
    "scheduled_for": NOON.isoformat(),
    "state": "failed",
    "reason": "exit(3)",
    "attempt": 3,
    "exit_code": 3,
    "previous": "timed_out",
}


def happening(event: str = "failed", job: str = "hello", **facts: object) -> Happening:
    return Happening(ID, event, job, NOON + MINUTE, facts)


WHOLE = Happening(ID, "failed", "hello", NOON, FACTS, SPEC, RUN, (ATTEMPT,), ("one", "two"), "https://p/7")


def test_a_message_about_a_run_has_everything_that_is_known() -> None:
    message = make_message(ID, [WHOLE])
    assert message.title == "hello failed: exit code 3"
    assert (
        message.text
        == """\
job        hello: Nightly import
what       failed: exit code 3
when       2026-03-05 13:00 CET
ran        2026-03-05 13:00:00 CET, for 1m30s
exit code  3
tries      3 of 3
expected   every 30 minutes
previous   timed out
params     account=8812, all=true, days=mon,tue
owner      anna
look       jobfile why 77777777
page       https://p/7

last lines of its output (2 lines):
  one
  two"""
    )
    assert message.fields == {
        "id": ID,
        "kind": "failed",
        "title": message.title,
        "text": message.text,
        "job": "hello",
        "run_id": ID,
        "status": "failed",
        "url": "https://p/7",
        "owner": "anna",
        "error": "exit code 3",
        "log_tail": "one\ntwo",
        "attempt": 3,
        "exit_code": 3,
        "duration": 90.0,
        "scheduled_at": NOON,
        "params": {"account": "8812", "all": True, "days": ("mon", "tue")},
    }


GAP = {
    "first_at": NOON.isoformat(),
    "last_at": (NOON + HOUR).isoformat(),
    "count": 61,
    "reason": "engine_down",
}


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (happening("missed", **GAP), "hello did not run 61 times: the engine was not running"),
        (
            happening("failed", state="timed_out", reason="timeout"),
            "hello timed out: it ran longer than its timeout",
        ),
        (happening("failed", state="lost", reason="oom"), "hello was lost: the system was out of memory"),
        (happening("late"), "hello is late"),
        (happening("late", detail="not done by 09:00"), "hello is late: not done by 09:00"),
        (happening("recovered", state="succeeded", reason="exit(0)"), "hello has recovered"),
        (happening("succeeded", state="succeeded"), "hello succeeded"),
        (
            happening("skipped", reason="paused", detail="anna"),
            "hello was skipped: the job is paused by anna",
        ),
        (
            happening("failed", matrix={"region": "eu"}, reason="exit(1)"),
            "hello [region=eu] failed: exit code 1",
        ),
        (happening("strange"), "hello strange"),
        (happening("odd", detail="it took 2h, usually 10m"), "hello was unusual: it took 2h, usually 10m"),
        (
            happening("held", "", kind="disk_hold", detail="3 MiB free"),
            "jobfile starts nothing: disk space is low (3 MiB free)",
        ),
        (
            happening("released", "", kind="disk_hold"),
            "jobfile starts runs again; it had stopped because disk space is low",
        ),
        (happening("rejected", "", diagnostics=["x"]), "the job files were rejected"),
        (happening("accepted", ""), "the job files are good again"),
    ],
)
def test_each_event_has_a_headline(found: Happening, line: str) -> None:
    assert headline(found) == line
    assert make_message(ID, [found]).title == headline(found)


def test_a_gap_has_its_first_and_last_time_and_a_command_that_finds_it() -> None:
    text = make_message(ID, [happening("missed", **GAP)]).text
    assert "when  2026-03-05 12:00 UTC to 2026-03-05 13:00 UTC" in text
    assert 'look  jobfile why hello "2026-03-05 12:00 UTC"' in text


@pytest.mark.parametrize(
    ("facts", "why", "expected"),
    [
        (
            {"kind": "done_by", "since": NOON.isoformat()},
            "no success by 13:00 CET",
            "a success by 2026-03-05 13:00 CET",
        ),
        (
            {"kind": "success_every", "since": NOON.isoformat(), "limit_seconds": 93_600},
            "no success for 1d2h (limit 1d2h)",
            "a success every 1d2h",
        ),
        (
            {"kind": "max_duration", "since": NOON.isoformat(), "limit_seconds": 3600},
            "running for 1h (limit 1h)",
            "to take at most 1h",
        ),
    ],
)
def test_a_late_job_says_with_what_and_what_was_expected(
    facts: Mapping[str, object], why: str, expected: str
) -> None:
    message = make_message(ID, [WHOLE._replace(event="late", facts=facts, tail=())])
    assert message.title == f"hello is late: {why}"
    assert f"\nexpected  {expected}\n" in message.text


def test_repetitions_are_counted_with_their_beginning() -> None:
    again = [WHOLE._replace(id=str(n), at=NOON + n * MINUTE) for n in range(3)]
    message = make_message("0", again, total=60, ids=[str(n) for n in range(60)])
    assert message.title == "hello failed: exit code 3 (60 times)"
    assert "it failed 59 more times since 2026-03-05 13:00 CET" in message.text
    assert len(message.ids) == 60
    recovered = make_message("0", [*again, happening("recovered")])
    assert recovered.title == "hello has recovered"
    assert "it failed 3 more times since" in recovered.text


def test_several_jobs_are_listed_and_only_common_values_stay() -> None:
    others = [WHOLE._replace(id=name, job=name) for name in "abcd"]
    message = make_message("a", others)
    assert message.title == "4 events of 4 jobs: a, b, c and 1 more"
    assert "- c failed: exit code 3 (2026-03-05 13:00 CET)\n  jobfile why 77777777" in message.text
    assert (message.fields["job"], message.fields["kind"], message.fields["owner"]) == ("", "failed", "anna")
    assert [event["job"] for event in message.events] == list("abcd")
    assert all("log_tail" not in event for event in message.events)
    assert "jobfile report" in make_message("a", others, total=MAX_LISTED + 1).text


def test_a_rejection_names_the_findings_and_what_stays_in_force() -> None:
    facts = {"diagnostics": ["jobs.yaml:3:1 JF101 unknown key", "second"], "generation": 4}
    text = make_message(ID, [happening("rejected", "", **facts)]).text
    assert "in force  generation 4 stays in force" in text
    assert "finding   jobs.yaml:3:1 JF101 unknown key" in text
    assert "          second" in text
    assert "nothing is in force" in make_message(ID, [happening("rejected", "", diagnostics=["x"])]).text


def test_no_value_makes_a_message_long_or_moves_a_terminal() -> None:
    facts = {**FACTS, "reason": "start_error", "detail": "\x1b[2J" + "x" * 100_000}
    run = replace(RUN, params={"big": "y" * 100_000})
    message = make_message(ID, [WHOLE._replace(facts=facts, run=run)])
    assert len(message.title) <= MAX_TITLE
    assert all(len(line) <= MAX_DETAIL + 20 for line in message.text.splitlines())
    assert "\x1b" not in message.text + message.title
