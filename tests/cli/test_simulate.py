"""`jobfile simulate`: the whole output, the same bytes twice, and what bad options get."""

import csv
import io
import json
import os
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest

from engine.asking.simulating import Options, Reader
from engine.simulation.subject import Absence, Setting
from jobfile.model.jobs import CommandAction, JobSpec
from tests.cli.conftest import Jobfile, Said
from tests.cli.test_files import fits
from tests.known import check_fits

SCHEMA = Path(__file__).parents[2] / "schemas" / "simulate.schema.json"
FILE = """\
version: 1
queues: {db: {slots: 1}}
jobs:
  nightly-orders:
    schedule: "30 2 * * *"
    timezone: America/New_York
    queue: db
    command: [orders]
  price-sync:
    schedule: {every: 1m}
    command: [sync]
  db-backup:
    schedule: "30 7 * * *"
    queue: db
    command: [backup]
  cert-renewal:
    schedule: {cron: "0 3,15 * * *", spread: 2h}
    retry: 3
    command: [renew]
  after-backup:
    triggers: [{after: db-backup}]
    command: [tidy]
"""
MARCH = ("simulate", "--from", "2026-03-01", "--days", "31")
LENGTHS = ("--assume", "nightly-orders=2h", "--assume", "price-sync=90s", "--assume", "db-backup=30m")
DOWN = ("--down", "2026-03-10T01:00Z/6h")


@pytest.fixture(autouse=True)
def job_file(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(FILE)


DEEP = "[" * 990 + "]" * 990
ODD_EVENTS = [
    '{"at": "2026-03-01T10:00Z", "job": "p", "params": {"x": ' + "[" * 90_000,
    "[" * 90_000,
    '{"a":' * 90_000,
    '{"at": "2026-03-01T10:00Z", "job": "p", "params": {"x": ' + DEEP + "}}",
    '{"at": "2026-03-01T10:00Z", "job": "p", "params": {"x": {"a": 1}}}',
    '{"at": "2026-03-01T10:00Z", "job": ' + DEEP + "}",
    '{"at": ' + "9" * 5000 + ', "job": "p"}',
    '{"at": "2026-03-01T10:00Z", "job": "p", "params": ' + DEEP + "}",
]


@pytest.mark.parametrize("line", ODD_EVENTS)
def test_an_event_of_any_shape_is_a_mistake_in_the_call(jobfile: Jobfile, tmp_path: Path, line: str) -> None:
    (tmp_path / "jobs.yaml").write_text("version: 1\njobs: {p: {params: {x: {type: string}}, run: echo}}\n")
    (tmp_path / "events.jsonl").write_text(line)
    said = jobfile(*MARCH, "--event", "events.jsonl")
    assert (said.code, said.out) == (64, ""), said
    assert "events.jsonl:1" in said.err.replace("\n", "")


def test_events_are_read_from_a_file_and_never_waited_for(jobfile: Jobfile, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", str(tmp_path), "/dev/zero"):
        said = jobfile(*MARCH, "--event", name)
        assert (said.code, "--event: cannot read" in said.err) == (64, True)


def test_a_month_is_reported_in_numbers_notes_and_load(jobfile: Jobfile) -> None:
    said = jobfile(*MARCH, *LENGTHS, *DOWN)
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    numbers = [line.split() for line in lines[3:8]]
    assert [row[:5] for row in numbers] == [
        ["after-backup", "31", "31", "0", "0"],
        ["cert-renewal", "62", "62", "0", "0"],
        ["db-backup", "31", "31", "0", "0"],
        ["nightly-orders", "31", "31", "0", "0"],
        ["price-sync", "44,640", "22,140", "22,500", "0"],
    ]
    assert "waited for queue db 24 times" in said.out
    assert "Sun 8 Mar: 02:30 does not exist" in said.out
    assert "22,140 of 44,640 skipped, blocked by another run" in said.out
    assert "DST: America/New_York springs forward Sun 8 Mar; 1 job affected" in lines
    assert lines[-1].startswith("down 2026-03-10 01:00Z for 6h: ")
    assert "price-sync 360 skipped (superseded)" in lines[-1]


def test_the_numbers_add_up_for_programs(jobfile: Jobfile) -> None:
    found = jobfile(*MARCH, *LENGTHS, *DOWN, "--fail", "0.2", "--json").json
    check_fits(found, SCHEMA)
    for job in found["jobs"]:
        cancelled = sum(one["count"] for one in job["not_run"] if one["state"] == "cancelled")
        assert job["fires"] == job["ran"] + job["skipped"] + job["missed"] + cancelled
        assert job["ran"] == job["succeeded"] + job["failed"]
    by_name = {job["job"]: job for job in found["jobs"]}
    backup, follower = by_name["db-backup"], by_name["after-backup"]
    assert follower["ran"] == backup["succeeded"]
    assert follower["skipped"] == backup["failed"] + backup["skipped"] + backup["missed"] > 0
    assert by_name["cert-renewal"]["retries"] > 0
    assert by_name["cert-renewal"]["failed"] < 5
    assert 0.15 < by_name["price-sync"]["failed"] / by_name["price-sync"]["ran"] < 0.25
    (absence,) = found["absences"]
    assert absence["since"] == "2026-03-10T01:00:00+00:00"


def test_the_same_input_gives_the_same_bytes(jobfile: Jobfile, tmp_path: Path) -> None:
    asked = (*MARCH, *DOWN, "--fail", "0.3", "--csv", "all.csv", "--svg", "all.svg", "--json")
    texts = []
    for _ in range(2):
        said = jobfile(*asked)
        texts.append((said.out, *((tmp_path / f"all.{kind}").read_bytes() for kind in ("csv", "svg"))))
    assert texts[0] == texts[1]
    assert jobfile(*asked, "--seed", "2").json["jobs"] != said.json["jobs"]


def test_every_event_is_a_line(jobfile: Jobfile, tmp_path: Path) -> None:
    jobfile("simulate", "--from", "2026-03-01", "--days", "2", *LENGTHS, "--csv", "events.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "events.csv").read_text())))
    backup = [(row["at"], row["event"]) for row in rows if row["job"] == "db-backup"]
    assert backup == [
        ("2026-03-01T07:30:00+00:00", "started"),
        ("2026-03-01T08:00:00+00:00", "succeeded"),
        ("2026-03-02T07:30:00+00:00", "started"),
        ("2026-03-02T08:00:00+00:00", "succeeded"),
    ]
    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)


def test_the_picture_is_well_formed_and_names_what_it_shows(jobfile: Jobfile, tmp_path: Path) -> None:
    jobfile(*MARCH, *LENGTHS, *DOWN, "--svg", "month.svg")
    picture = ElementTree.fromstring((tmp_path / "month.svg").read_text())
    texts = " ".join(picture.itertext())
    for words in (
        "Sun 1 Mar to Tue 31 Mar 2026",
        "price-sync",
        "no engine from 2026-03-10 01:00Z",
        "New_York",
    ):
        assert words in texts


def test_requested_runs_are_made(jobfile: Jobfile, tmp_path: Path) -> None:
    lines = [{"at": f"2026-03-01T10:0{n}Z", "job": "after-backup"} for n in range(3)]
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = jobfile(
        "simulate", "--from", "2026-03-01", "--days", "1", "--event", "events.jsonl", "--json"
    ).json
    (row,) = [job for job in found["jobs"] if job["job"] == "after-backup"]
    assert row["fires"] == 4


def test_a_revision_is_compared(jobfile: Jobfile, tmp_path: Path) -> None:
    git = ("git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.com")
    for arguments in (("init", "-q"), ("add", "jobs.yaml"), ("commit", "-qm", "one")):
        subprocess.run([*git, *arguments], check=True)
    (tmp_path / "jobs.yaml").write_text(FILE.replace("every: 1m", "every: 2m"))
    said = jobfile(*MARCH, "--assume", "price-sync=90s", "--compare", "HEAD").out
    (line,) = [line for line in said.splitlines() if line.startswith("~")]
    assert line.split()[:5] == ["~", "price-sync", "44,640", "->", "22,320"]
    assert "db-backup" not in said
    assert jobfile(*MARCH, "--compare", "nothing").code != 0
    both = jobfile(*MARCH, "--compare", "HEAD", "--json").json
    fits(both, "simulate-compare")
    check_fits(both["before"], SCHEMA)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--down", "tomorrow"), "--down takes TIME/LENGTH"),
        (("--down", "2027-03-10T01:00Z/6h"), "does not begin in the time that is simulated"),
        (("--assume", "price-sink=5m"), "there is no job `price-sink`; did you mean price-sync?"),
        (("--assume", "soon"), "--assume takes 5m or JOB=5m"),
        (("--fail", "price-sync=2"), "a chance from 0 to 1"),
        (("--fail", "price-sync=often"), "a chance from 0 to 1"),
        (("--durations", "nothing.yaml"), "--durations takes p50, p95 or a file"),
        (("--event", "nothing.jsonl"), "--event: cannot read nothing.jsonl"),
        (("--from", "soon"), "is not a time"),
        (("--days", "0"), "0 is not in the range"),
    ],
)
def test_a_wrong_option_says_what_to_write(jobfile: Jobfile, arguments: tuple[str, ...], words: str) -> None:
    said = jobfile(*MARCH, *arguments)
    assert said.code == 64
    assert words in " ".join(said.err.split())


@pytest.mark.parametrize(
    "line", ["nonsense", "[]", '{"at": "2026-03-01"}', '{"job": "x", "at": "now", "y": 1}']
)
def test_a_wrong_event_is_shown_with_its_line(jobfile: Jobfile, tmp_path: Path, line: str) -> None:
    (tmp_path / "events.jsonl").write_text(f"\n{line}\n")
    said = jobfile(*MARCH, "--event", "events.jsonl")
    assert said.code == 64
    assert "events.jsonl:2: expected one JSON object a line" in " ".join(said.err.split())


def test_lengths_come_from_history_where_there_is_one(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(
        "version: 1\njobs:\n  a: {schedule: '0 3 * * *', run: sleep 0.3}\n"
        "  b: {schedule: '0 4 * * *', run: 'true'}\n"
    )
    for _ in range(3):
        assert jobfile("run", "a").code == 0
    found = jobfile("simulate", "--from", "2026-03-01", "--days", "2", "--json").json
    known = {job["job"]: (job["is_known"], job["takes_seconds"]) for job in found["jobs"]}
    assert known["b"] == (False, 60)
    assert known["a"][0] is True
    assert 0.3 <= known["a"][1] < 5
    assert "from history for 1 job, 1m assumed for 1 job" in jobfile("simulate", "--days", "1").out


def test_without_history_no_job_is_assumed_to_run_into_its_timeout(jobfile: Jobfile, tmp_path: Path) -> None:
    timeouts = {"a": "10s", "b": "90s", "c": "2m", "d": "1h", "e": "none"}
    jobs = "".join(
        f"  {name}: {{schedule: '0 3 * * *', timeout: {timeout}, run: 'true'}}\n"
        for name, timeout in timeouts.items()
    )
    (tmp_path / "jobs.yaml").write_text(f"version: 1\njobs:\n{jobs}")
    found = jobfile(*MARCH, "--json").json["jobs"]
    assert {job["job"]: job["takes_seconds"] for job in found} == {"a": 5, "b": 45, "c": 60, "d": 60, "e": 60}
    assert not any(job["failed"] for job in found)
    assert "5.0s to 1m assumed for 5 jobs" in jobfile(*MARCH).out
    given = jobfile(*MARCH, "--assume", "20s", "--json").json["jobs"]
    assert {job["job"]: job["failed"] > 0 for job in given} == dict.fromkeys("bcde", False) | {"a": True}


def test_lengths_come_from_a_file(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "lengths.yaml").write_text("db-backup: 45m\nprice-sync: 10s\n")
    found = jobfile(*MARCH, "--durations", "lengths.yaml", "--json").json
    takes = {job["job"]: job["takes_seconds"] for job in found["jobs"]}
    assert (takes["db-backup"], takes["price-sync"], takes["after-backup"]) == (2700, 10, 60)


NOW = datetime(2026, 3, 11, 18, 30, 7, tzinfo=UTC)
RELATIVE = {
    "now": NOW,
    "7d": NOW - timedelta(days=7),
    "2h ago": NOW - timedelta(hours=2),
    "18:04": NOW.replace(minute=4, second=0),
    "today": NOW.replace(hour=0, minute=0, second=0),
    "yesterday": NOW.replace(day=10, hour=0, minute=0, second=0),
    "yesterday 07:00": NOW.replace(day=10, hour=7, minute=0, second=0),
    "2026-03-01": datetime(2026, 3, 1, tzinfo=UTC),
    "2026-03-01T05:00Z": datetime(2026, 3, 1, 5, tzinfo=UTC),
    "@1772343000": datetime.fromtimestamp(1772343000, UTC),
}


@pytest.mark.parametrize("text", RELATIVE)
def test_each_time_counts_from_now(tmp_path: Path, text: str) -> None:
    at = RELATIVE[text]
    events = tmp_path / "events"
    events.write_text(json.dumps({"at": text, "job": "a"}))
    given = Options(
        start="2026-02-20",
        days=31,
        down=[f"{text}/1h"],
        assume=[],
        durations="p50",
        fail=[],
        events=None,
        seed=1,
    )
    job = JobSpec(name="a", action=CommandAction(argv=("true",)))

    def setting(options: Options) -> Setting:
        return Reader(options, [job], now=NOW, base=Path()).setting(None, max_running=1, catchup_starts=1)

    assert setting(replace(given, start=text, down=[])).since == at
    assert setting(given).absences == (Absence(since=at, until=at + timedelta(hours=1)),)
    assert [one.at for one in setting(replace(given, down=[], events=str(events))).events] == [at]


def test_what_would_take_for_ever_is_refused_before_it_begins(jobfile: Jobfile, tmp_path: Path) -> None:
    jobs = "".join(f"  j{at}: {{run: x, schedule: {{every: 1s}}}}\n" for at in range(10))
    (tmp_path / "jobs.yaml").write_text(f"version: 1\njobs:\n{jobs}")
    found = jobfile("simulate", "--days", "31")
    assert found.code == 64
    assert "the schedules have 26,784,000 starts in that time" in found.err
    assert "--days" in found.err


ETL = """\
version: 1
jobs:
  etl:
    schedule: "0 * * * *"
    params: {files: {type: array, items: {type: string}, default: [a, b, c, d, e]}}
    steps:
      extract: {command: [extract], timeout: 1m, outputs: {rows: {type: integer}}}
      load: {command: [load, "{{ item }}"], for_each: params.files, max_parallel: 2}
      check: {command: [check], needs: [extract], if: steps.extract.outputs.rows > 0}
      report: {command: [report], needs: [load, check]}
"""


@pytest.mark.parametrize(
    ("options", "seconds", "ran", "failed"),
    [
        ((), 30 + 3 * 60 + 60, 24, 0),  # five files, two at once
        (("--assume", "2m"), 60, 24, 24),  # `extract` reaches its timeout
        (("--assume", "etl.load=5m"), 30 + 3 * 300 + 60, 24, 0),
        (("--assume", "etl.load=30m"), 30 + 3 * 1800 + 60, 12, 0),  # more than an hour: half are skipped
        (("--assume", "etl.check=10m", "--fail", "etl.check=1"), 30 + 600 + 60, 24, 24),
        (("--assume", "etl=7m"), 420, 24, 0),  # a length of whole runs
        (("--fail", "etl.extract=0.5"), 30 + 3 * 60 + 60, 24, None),
    ],
)
def test_a_job_with_steps_is_simulated_step_by_step(
    jobfile: Jobfile, tmp_path: Path, options: tuple[str, ...], seconds: int, ran: int, failed: int | None
) -> None:
    (tmp_path / "jobs.yaml").write_text(ETL)
    said = jobfile("simulate", "--from", "2026-03-01", "--days", "1", *options, "--json")
    (row,) = json.loads(said.out)["jobs"]
    assert (row["takes_seconds"], row["ran"]) == (seconds, ran)
    assert row["failed"] == failed if failed is not None else 0 < row["failed"] < ran


def test_an_unknown_step_is_a_mistake_in_the_call(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(ETL)
    said = jobfile("simulate", "--assume", "etl.lod=5m")
    assert said.code == 64
    assert "--assume: job `etl` has no step `lod`; did you mean load?" in said.err


EVENTS = """\
version: 1
jobs:
  load:
    triggers: [{file: {path: in, match: "*.csv"}}]
    outputs: {rows: {type: integer}}
    concurrency: {limit: 1, key: "{{ trigger.name }}", max_waiting: 1}
    idempotency_key: "{{ trigger.name }}-{{ trigger.size }}"
    if: trigger.size > 0
    command: [load, "{{ trigger.path }}"]
  report:
    triggers: [{after: load}]
    if: trigger.outputs.rows > 0
    command: [report]
  crawl:
    triggers: [{webhook: {path: crawl, public: true}}]
    params: {depth: {type: integer}}
    command: [crawl]
  prepare: {triggers: [{boot: true}], command: [prepare]}
  retired: {triggers: [{boot: true}], enabled: false, command: [prepare]}
"""


def with_events(jobfile: Jobfile, tmp_path: Path, *events: dict[str, object], days: int = 1) -> Said:
    (tmp_path / "jobs.yaml").write_text(EVENTS)
    lines = [{"at": "2026-03-01T10:00Z", **event} for event in events]
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    arguments = ("--days", str(days), "--event", "events.jsonl", "--assume", "1h", "--json")
    return jobfile("simulate", "--from", "2026-03-01", *arguments)


def a_file(name: str, size: int = 1, **more: object) -> dict[str, object]:
    return {"job": "load", "trigger": "file", "values": {"name": name, "size": size}, **more}


def test_events_start_runs_with_their_values(jobfile: Jobfile, tmp_path: Path) -> None:
    found = with_events(
        jobfile,
        tmp_path,
        a_file("a.csv"),
        a_file("a.csv"),  # the same content again
        a_file("b.csv"),  # beside a.csv, because its key differs
        a_file("empty.csv", 0),
        a_file("a.csv", 2),
        a_file("a.csv", 3),  # waits in the folder: one run may wait
        {"job": "crawl", "trigger": "webhook", "params": {"depth": 2}},
        {"job": "prepare", "trigger": "boot"},
        {"job": "report"},
    ).json
    jobs = {row["job"]: row for row in found["jobs"]}
    assert {job: row["ran"] for job, row in jobs.items()} == {
        "load": 4, "report": 5, "crawl": 1, "prepare": 1, "retired": 0
    }  # fmt: skip
    assert {(one["reason"], one["count"]) for one in jobs["load"]["not_run"]} == {
        ("duplicate", 1), ("condition", 1)
    }  # fmt: skip
    assert [one["reason"] for one in jobs["report"]["not_run"]] == ["after"]  # none after what did not run
    assert jobs["report"]["not_run"][0]["count"] == 2
    assert jobs["load"]["waited_max_seconds"] == 3600
    assert found["load"]["most"] == 5


def test_a_key_is_free_again_after_a_week(jobfile: Jobfile, tmp_path: Path) -> None:
    days = ("01T10:00Z", "08T09:59Z", "08T10:00Z")
    found = with_events(
        jobfile, tmp_path, *(a_file("a.csv", at=f"2026-03-{day}") for day in days), days=9
    ).json
    (row,) = [job for job in found["jobs"] if job["job"] == "load"]
    assert (row["fires"], row["ran"], row["not_run"][0]["reason"]) == (3, 2, "duplicate")


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"job": "load", "trigger": "fiel"}, "unknown trigger `fiel`; expected one of manual, file, webhook"),
        ({"job": "load", "trigger": ["file"]}, "unknown trigger"),
        ({"job": "report", "trigger": "after"}, "starts followers by itself; write an event of load instead"),
        (a_file("a.zip"), "`load` does not start for the file a.zip: it waits for *.csv in in"),
        (a_file("a.csv", -1), "the `size` of a file is a number of bytes, found `-1`"),
        (a_file("a.csv", params={"x": 1}), "an event of trigger `file` has no params; write `values`"),
        ({"job": "load", "trigger": "file", "values": [1]}, "values must be an object"),
        ({"job": "load", "trigger": "file", "values": {"name": 5}}, "`name` is a text, found `5`"),
        ({"job": "crawl", "trigger": "webhook"}, "param `depth`: an integer is required"),
        ({"job": "crawl", "trigger": "webhook", "values": {"depth": 1}}, "has no values; write `params`"),
        ({"job": "crawl", "values": {"depth": 1}}, "an event of trigger `manual` has no values"),
        ({"job": "crawl", "trigger": "boot"}, "no `boot` trigger, so no start of the host starts it"),
        ({"job": "retired", "trigger": "boot"}, "`retired` is disabled"),
    ],
)
def test_an_event_that_starts_nothing_is_a_mistake_in_the_call(
    jobfile: Jobfile, tmp_path: Path, event: dict[str, object], words: str
) -> None:
    said = with_events(jobfile, tmp_path, event)
    assert said.code == 64
    assert words in said.json["error"]["message"]
