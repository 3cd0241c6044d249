"""`status` as text and as data, whole, made of values: each line in each of its forms."""

from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.answers.status import LOW_DISK_BYTES, Status, status_to_json
from engine.answers.status_text import MAX_ROWS, status_to_text
from engine.answers.waiting import QueueState
from engine.core.records import (
    CLOCK_HOLD,
    DISK_HOLD,
    RESTORED_HOLD,
    Backlog,
    DeliveryError,
    Generation,
    GivenUp,
    Incident,
    Pause,
    Session,
    Source,
    Watched,
)
from jobfile import __version__
from tests.builders import DAY, HOUR, MINUTE, NOON
from tests.engine.test_status import APPLIED, REJECTION, WELL, hold
from tests.together import together

SESSION = Session(7, "boot", 42, __version__, NOON - HOUR, NOON, None, "")
CALM = replace(
    WELL, session=SESSION, now=NOON, main_file="jobs.yaml", free_bytes=20_500_000_000, running=2, waiting=1
)
TEXT = """\
engine   running since 2026-03-05 11:00 UTC (process 42)
applied  generation 3, 1 job, 2026-03-05 12:00 UTC by anna, commit cccccccccccc
file     jobs.yaml matches what is applied
runs     2 running, 1 waiting
disk     20.5 GB free"""
JST = ZoneInfo("Asia/Tokyo")
PAUSES = (
    Pause("a", "hand", "anna", "", NOON, None, None, ""),
    Pause("b", "hand", "bo", "outage", NOON, NOON + HOUR, None, ""),
)
AWAY = Incident("away", NOON - DAY, NOON - HOUR, "", 1_200, 2, "")
JUMP = Incident("clock_jump", NOON - DAY, NOON - HOUR, "+1s", 0, 0, "")
MAIN = Source(ref="main", commit="d" * 40)
WAITS = MAIN._replace(is_manual=True)


def lines(status: Status) -> dict[str, list[str]]:
    """The texts of each label; a line without one belongs to the label above."""
    found: dict[str, list[str]] = {}
    label = ""
    for line in status_to_text(status, width=500).split("\n"):
        first, _, _ = line.partition(" ")
        label = first or label
        found.setdefault(label, []).append(line.removeprefix(first).strip())
    return found


def test_a_calm_system_has_five_lines() -> None:
    assert status_to_text(CALM, width=80) == TEXT


@together(
    ("fields", "label", "texts"),
    [
        ({"session": None}, "engine", ["starting"]),
        ({"session": None, "is_running": False}, "engine", ["not running, and never was"]),
        (
            {"is_running": False},
            "engine",
            ["NOT RUNNING, was killed; last seen 2026-03-05 12:00 UTC: jobfile up"],
        ),
        (
            {"is_running": False, "session": SESSION._replace(ended_at=NOON + MINUTE)},
            "engine",
            ["NOT RUNNING, stopped 2026-03-05 12:01 UTC: jobfile up"],
        ),
        (
            {"now": NOON + MINUTE},
            "engine",
            ["running since 2026-03-05 11:00 UTC (process 42), NO HEARTBEAT for 1m"],
        ),
        ({"trouble": "the disk is full"}, "ledger", ["NOTHING STARTS: the disk is full"]),
        ({"stuck": "worker since noon"}, "STUCK", ["worker since noon; see engine.log"]),
        (
            {"folders": (Watched("/in", ("a", "b")), Watched("/x", ("b",), polled="nfs4 at /x"))},
            "files",
            ["2 folders watched: /in/ for a, b, /x/ for b", "scanned every few seconds: nfs4 at /x"],
        ),
        (
            {"folders": tuple(Watched(f"/{name}", (name,), f"/{name} is gone", NOON) for name in "abcd")},
            "files",
            [
                "4 folders watched: /a/ for a, /b/ for b, /c/ for c, …",
                *(f"NOTHING STARTS {one}: /{one} is gone (since 2026-03-05 12:00 UTC)" for one in "abc"),
                "and 1 more folder CANNOT BE READ",
            ],
        ),
        ({"bug": "worker: KeyError"}, "bug", ["worker: KeyError; see engine.log in the state folder"]),
        (
            {"unreadable": ("row 1",)},
            "rows",
            ["1 row of the ledger CANNOT BE READ, and the rest continues: jobfile doctor", "row 1"],
        ),
        (
            {"unreadable": tuple(f"row {number}" for number in range(MAX_ROWS + 1))},
            "rows",
            [
                "4 rows of the ledger CANNOT BE READ, and the rest continues: jobfile doctor",
                *("row 0", "row 1", "row 2"),
            ],
        ),
        (
            {"session": SESSION._replace(version="0.0.9")},
            "version",
            [f"the engine is jobfile 0.0.9, this is {__version__}"],
        ),
        ({"generation": None}, "applied", ["nothing yet"]),
        (
            {"generation": APPLIED._replace(revision=""), "jobs": 1_000},
            "applied",
            ["generation 3, 1,000 jobs, 2026-03-05 12:00 UTC by anna"],
        ),
        (
            {"has_main_file": False},
            "file",
            ["jobs.yaml does not exist: name the job file with -f, or make one with  jobfile init"],
        ),
        ({"file_digest": None}, "file", ["jobs.yaml has errors: jobfile check"]),
        (
            {"file_digest": "other", "differing": 2},
            "file",
            ["jobs.yaml differs from what is applied (2 jobs): jobfile plan"],
        ),
        (
            {"rejection": REJECTION, "has_main_file": False},
            "file",
            ["REJECTED since 2026-03-05 12:00 UTC, generation 3 stays in force:", "jobs.yaml:1: wrong"],
        ),
        (
            {"rejection": REJECTION, "generation": None},
            "file",
            ["REJECTED since 2026-03-05 12:00 UTC, nothing is in force:", "jobs.yaml:1: wrong"],
        ),
        ({"source": MAIN}, "git", ["follows main, at dddddddddddd"]),
        ({"source": Source(ref="main")}, "git", ["follows main, at no commit yet"]),
        (
            {"source": WAITS},
            "git",
            ["follows main, at dddddddddddd; it waits for  jobfile apply --git main"],
        ),
        (
            {"source": WAITS._replace(trouble="no such ref")},
            "git",
            [
                "follows main, at dddddddddddd; it CANNOT BE READ now: no such ref; "
                "it waits for  jobfile apply --git main"
            ],
        ),
        (
            {"source": WAITS, "rejection": REJECTION},
            "git",
            [
                "follows main, at dddddddddddd: REJECTED since 2026-03-05 12:00 UTC, "
                "generation 3 stays in force:",
                "jobs.yaml:1: wrong",
            ],
        ),
        (
            {"pauses": PAUSES, "zones": {"a": JST, "b": JST}, "paused_though_enabled": 1},
            "paused",
            [
                "a by anna since 2026-03-05 21:00 JST",
                "b by bo since 2026-03-05 21:00 JST until 2026-03-05 22:00 JST: outage",
                "1 job enabled in the file is paused in the engine",
            ],
        ),
        ({"holds": (hold(CLOCK_HOLD),)}, "clock", ["NOT BELIEVED: because: jobfile clock"]),
        (
            {"holds": (hold(RESTORED_HOLD),)},
            "ledger",
            [
                "RESTORED FROM AN OLDER COPY, starts are suspended: because: put the newer one back, or  "
                "jobfile up --accept-rewind"
            ],
        ),
        ({"holds": (hold(DISK_HOLD),)}, "space", ["LOW DISK SPACE, starts are suspended: because"]),
        (
            {"incidents": (JUMP, AWAY), "away_words": "it slept"},
            "absence",
            ["2026-03-04 12:00 UTC to 2026-03-05 11:00 UTC, it slept; 1,200 runs fell due"],
        ),
        (
            {"incidents": (JUMP._replace(occurrences=1),), "away_words": "it slept"},
            "absence",
            [
                "2026-03-04 12:00 UTC to 2026-03-05 11:00 UTC, the clock was set forward; 1 run fell due",
            ],
        ),
        ({"waits_for": "a free slot"}, "runs", ["2 running, 1 waiting (a free slot)"]),
        (
            {"queues": (QueueState("etl", 2, 2, 1_000), QueueState("web", 1, 0, 1))},
            "queue",
            ["etl: 2 of 2 slots are taken, 1,000 waiting", "web: 0 of 1 slot is taken, 1 waiting"],
        ),
        (
            {"overdue": 1_000},
            "runs",
            ["2 running, 1 waiting, 1,000 OVERDUE: they were due, and nothing has started them"],
        ),
        (
            {"unsettled": 1},
            "runs",
            [
                "2 running, 1 waiting; 1 of the running has ended, and no engine has "
                "recorded this yet: jobfile up"
            ],
        ),
        (
            {"unsettled": 2},
            "runs",
            [
                "2 running, 1 waiting; 2 of the running have ended, and no engine has "
                "recorded this yet: jobfile up"
            ],
        ),
        (
            {"backlog": Backlog(2, NOON - HOUR), "delivery_error": DeliveryError("mail", "no route")},
            "channels",
            [
                "2 notifications wait NOT DELIVERED, the oldest since 2026-03-05 11:00 UTC "
                "(channel mail: no route)"
            ],
        ),
        (
            {"backlog": Backlog(1, NOON - HOUR)},
            "channels",
            ["1 notification waits, the oldest since 2026-03-05 11:00 UTC"],
        ),
        (
            {"backlog": Backlog(1, NOON - 3 * HOUR)},
            "channels",
            ["1 notification waits NOT DELIVERED, the oldest since 2026-03-05 09:00 UTC"],
        ),
        (
            {"backlog": Backlog(1, NOON - MINUTE)},
            "channels",
            ["1 notification waits, the oldest since 2026-03-05 11:59 UTC"],
        ),
        (
            {"given_up": GivenUp(3, NOON - HOUR), "delivery_error": DeliveryError("mail", "no route")},
            "channels",
            ["3 notifications were GIVEN UP (channel mail: no route): jobfile doctor"],
        ),
        ({"free_bytes": LOW_DISK_BYTES}, "disk", [f"{LOW_DISK_BYTES / 1e9:.1f} GB free"]),
        ({"free_bytes": LOW_DISK_BYTES - 1}, "disk", [f"LOW, {LOW_DISK_BYTES / 1e9:.1f} GB free"]),
    ],
)
def test_what_changes_one_line_and_how(fields: dict[str, Any], label: str, texts: list[str]) -> None:
    """Other lines stay as they are, but for the line of files where a ref of git takes its place."""
    found = lines(replace(CALM, **fields))
    assert found.pop(label) == texts
    calm = lines(CALM)
    calm.pop(label, None)
    if label == "git":
        calm.pop("file")
    if "generation" in fields:
        calm = {key: text for key, text in calm.items() if key not in ("applied", "file")}
        found = {key: text for key, text in found.items() if key not in ("applied", "file")}
    assert found == calm


@pytest.mark.parametrize(
    "incident",
    [JUMP, AWAY._replace(occurrences=0), AWAY._replace(ended_at=None)],
    ids=["jump", "none", "open"],
)
def test_an_absence_is_reported_only_when_it_is_over_and_something_fell_due(incident: Incident) -> None:
    assert status_to_text(replace(CALM, incidents=(incident,)), width=80) == TEXT


def test_the_engine_of_another_version_that_has_ended_is_no_news() -> None:
    old = SESSION._replace(version="0.0.9")
    for is_running in (True, False):
        found = lines(replace(CALM, session=old, is_running=is_running))
        assert ("version" in found) == is_running


DATA: dict[str, Any] = {
    "format": 1,
    "is_well": True,
    "engine": {
        "running": True,
        "pid": 42,
        "epoch": 7,
        "started_at": "2026-03-05T11:00:00+00:00",
        "last_seen_at": "2026-03-05T12:00:00+00:00",
    },
    "ledger": {"writable": True, "detail": None},
    "bug": None,
    "unreadable": [],
    "generation": 3,
    "applied_at": "2026-03-05T12:00:00+00:00",
    "commit": "c" * 40,
    "jobs": 1,
    "git": None,
    "file": {"valid": True, "differs": False, "jobs": 0},
    "rejected": None,
    "paused": [],
    "clock": {"believed": True, "detail": None},
    "folders": [],
    "hosts": None,
    "stuck": None,
    "holds": [],
    "incidents": [],
    "running": 2,
    "waiting": 1,
    "waits_for": None,
    "queues": [],
    "overdue": 0,
    "late": [],
    "unsettled": 0,
    "free_bytes": 20_500_000_000,
    "notifications": {"waiting": 0, "oldest": None, "given_up": 0, "error": None},
}
NO_ENGINE = {"running": False, "pid": None, "epoch": None, "started_at": None, "last_seen_at": None}
OF_GIT = {"ref": "main", "commit": "d" * 40, "waits_for_apply": False, "trouble": None}


@together(
    ("fields", "data"),
    [
        ({}, {}),
        ({"session": None, "is_running": False}, {"is_well": False, "engine": NO_ENGINE}),
        (
            {"is_running": False},
            {"is_well": False, "engine": DATA["engine"] | {"running": False, "pid": None}},
        ),
        ({"trouble": "full"}, {"is_well": False, "ledger": {"writable": False, "detail": "full"}}),
        ({"bug": "KeyError"}, {"is_well": False, "bug": "KeyError"}),
        ({"stuck": "worker"}, {"is_well": False, "stuck": "worker"}),
        (
            {
                "folders": (
                    Watched("/in", ("a",), "/in does not exist", NOON),
                    Watched("/b", ("b",), polled="nfs"),
                )
            },
            {
                "is_well": False,
                "folders": [
                    {
                        **{"folder": "/in", "jobs": ["a"], "trouble": "/in does not exist"},
                        **{"since": "2026-03-05T12:00:00+00:00", "polled": None},
                    },
                    {"folder": "/b", "jobs": ["b"], "trouble": None, "since": None, "polled": "nfs"},
                ],
            },
        ),
        ({"unreadable": ("row",)}, {"is_well": False, "unreadable": ["row"]}),
        (
            {"generation": None},
            {
                **{"generation": None, "applied_at": None, "commit": None},
                "file": {"valid": True, "differs": True, "jobs": 0},
            },
        ),
        ({"file_digest": None}, {"file": {"valid": False, "differs": False, "jobs": 0}}),
        (
            {"file_digest": "other", "differing": 2},
            {"file": {"valid": True, "differs": True, "jobs": 2}},
        ),
        ({"source": MAIN, "file_digest": None}, {"git": OF_GIT}),
        (
            {"source": WAITS._replace(trouble="no such ref")},
            {"git": OF_GIT | {"waits_for_apply": True, "trouble": "no such ref"}},
        ),
        (
            {"source": MAIN, "rejection": REJECTION},
            {
                "is_well": False,
                "git": OF_GIT,
                "file": {"valid": False, "differs": False, "jobs": 0},
                "rejected": {"since": "2026-03-05T12:00:00+00:00", "diagnostics": ["jobs.yaml:1: wrong"]},
            },
        ),
        (
            {"pauses": PAUSES},
            {
                "paused": [
                    {
                        "job": "a",
                        "by": "anna",
                        "why": None,
                        "since": "2026-03-05T12:00:00+00:00",
                        "until": None,
                    },
                    {
                        "job": "b",
                        "by": "bo",
                        "why": "outage",
                        "since": "2026-03-05T12:00:00+00:00",
                        "until": "2026-03-05T13:00:00+00:00",
                    },
                ]
            },
        ),
        (
            {"holds": (hold(CLOCK_HOLD),)},
            {
                "is_well": False,
                "clock": {"believed": False, "detail": "because"},
                "holds": [{"kind": "clock_hold", "since": "2026-03-05T12:00:00+00:00", "detail": "because"}],
            },
        ),
        (
            {"incidents": (AWAY,)},
            {
                "incidents": [
                    {
                        "kind": "away",
                        "began_at": "2026-03-04T12:00:00+00:00",
                        "ended_at": "2026-03-05T11:00:00+00:00",
                        "detail": None,
                        "occurrences": 1_200,
                        "jobs": 2,
                    }
                ]
            },
        ),
        ({"overdue": 3, "unsettled": 1}, {"is_well": False, "overdue": 3, "unsettled": 1}),
        (
            {"backlog": Backlog(2, NOON - HOUR), "delivery_error": DeliveryError("mail", "no route")},
            {
                "is_well": False,
                "notifications": {
                    "waiting": 2,
                    "oldest": "2026-03-05T11:00:00+00:00",
                    "given_up": 0,
                    "error": "no route",
                },
            },
        ),
        (
            {"waits_for": "a slot", "free_bytes": 1},
            {"is_well": False, "waits_for": "a slot", "free_bytes": 1},
        ),
        (
            {"queues": (QueueState("etl", 2, 3, 4),)},
            {"queues": [{"queue": "etl", "slots": 2, "held": 3, "waiting": 4}]},
        ),
    ],
)
def test_the_data_says_the_same(fields: dict[str, Any], data: dict[str, Any]) -> None:
    assert status_to_json(replace(CALM, **fields)) == DATA | data


def test_a_generation_of_files_has_no_commit() -> None:
    plain = Generation(3, APPLIED.digest, NOON, "anna", "jobs.yaml", "")
    assert status_to_json(replace(CALM, generation=plain)) == DATA | {"commit": None}
