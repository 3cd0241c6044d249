"""Every time that a command prints has its zone beside it, and `why` reads it back as the same instant."""

import os
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from engine.asking.times import parse_instant
from jobfile.schedule.occurrences import load_zone
from tests.builders import DAY
from tests.cli.conftest import Jobfile
from tests.engine.world import World

TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?(?P<zone> ?[A-Z]{1,5}\b| [+-]\d\d(?:\d\d)?\b)?(?!-)")
BARE_CLOCK = re.compile(r"(?<![\d:+T-])\d\d:\d\d(?::\d\d)?(?!\d|:|Z| ?[A-Z]{2,5}\b| [+-]\d\d)")
JOB = """\
version: 1
jobs:
  hello:
    timezone: {zone}
    schedule: {{every: 30m}}
    run: exit 1
  other:
    schedule: {{every: 30m}}
    run: exit 1
"""
OF_ONE_JOB = ("did hello", "why hello", "logs hello", "runs hello", "runs", "status", "next hello")
OF_ALL = ("report", "generations", "clock")


@pytest.fixture(params=["UTC", "America/New_York", "Asia/Kathmandu"])
def host_zone(request: pytest.FixtureRequest) -> Iterator[str]:
    """The zone of the host, which is none of the job's business."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    time.tzset()
    yield request.param
    os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
    time.tzset()


def a_past(folder: Path, zone: str, at: datetime) -> set[datetime]:
    """A ledger in which things happened at an instant and in the hours after it; the instants of them all."""
    text = JOB.format(zone=zone)
    (folder / "jobs.yaml").write_text(text)
    world = World(folder, text, at=at)
    for _ in range(8):
        world.pass_time(seconds=1800)
        world.finish(exit_code=1)
    world.run_by_hand("hello")
    world.pause("hello", minutes=600_000_000 // 60)
    world.clock.jump(seconds=30)
    world.pass_time(seconds=5)
    world.clock.advance(seconds=7200)
    end = world.clock.now()
    world.crash()
    return {at, end}


@pytest.mark.parametrize(
    ("zone", "at"),
    [
        ("Europe/Oslo", "2026-10-24T23:00Z"),  # 02:00 CEST comes again as 02:00 CET
        ("Europe/Oslo", "2026-03-29T00:00Z"),
        ("America/Santiago", "2026-04-05T02:00Z"),  # -03, then -04
        ("Asia/Kolkata", "2026-02-01T00:00Z"),  # IST, which is Irish and Israeli too
        ("Australia/Lord_Howe", "2026-04-04T14:00Z"),  # half an hour
        ("UTC", "2026-02-01T00:00Z"),
    ],
)
def test_each_printed_time_means_what_it_says(
    jobfile: Jobfile, tmp_path: Path, host_zone: str, zone: str, at: str
) -> None:
    began = datetime.fromisoformat(at.replace("Z", "+00:00"))
    a_past(tmp_path, zone, began)
    now, of_job = datetime.now(UTC), load_zone(zone)
    assert of_job is not None
    window = ("--since", (began - DAY).isoformat(), "--until", (began + DAY).isoformat())
    printed = 0
    for command in (*OF_ONE_JOB, *OF_ALL):
        arguments = (*command.split(), *(window if command == "report" else ()))
        said = jobfile(*arguments)
        told = said.out + (said.err if command == "logs hello" else "")
        for found in TIME.finditer(told):
            assert found["zone"], f"{command}: {found[0]} has no zone"
            read = parse_instant(found[0], of_job, now=now)
            _check_zone(command, found[0], read, of_job)
            printed += 1
        without = TIME.sub("", told)
        assert not BARE_CLOCK.search(without), f"{command}: a clock without a zone in {without}"
    assert printed > 30, host_zone


def _check_zone(command: str, text: str, at: datetime, of_job: ZoneInfo) -> None:
    """The text is how that instant is called in the zone of its job, or in UTC."""
    zone = text.removeprefix(text[:10]).split()[-1]
    names = {at.astimezone(of_job).tzname(), "UTC"}
    assert zone in names or zone.endswith("Z"), f"{command}: {text} is not in {names}"
    in_zone = at.astimezone(UTC if zone == "UTC" else of_job)
    assert text.startswith(f"{in_zone:%Y-%m-%d %H:%M}") or zone.endswith("Z")


def test_the_runs_of_a_repeated_hour_are_distinguished_and_found_again(
    jobfile: Jobfile, tmp_path: Path
) -> None:
    began = datetime(2026, 10, 24, 23, 0, tzinfo=UTC)
    a_past(tmp_path, "Europe/Oslo", began)
    runs = jobfile("runs", "hello", "--limit", "20").out.splitlines()[1:]
    times = [line.split("  ")[2] for line in runs]
    assert {"2026-10-25 02:30:00 CEST", "2026-10-25 02:30:00 CET"} <= set(times)
    stories = {text: jobfile("why", "hello", *text.split(), "--json").json["runs"] for text in times}
    listed = jobfile("runs", "hello", "--json", "--limit", "20").json["runs"]
    assert all(run["id"] in stories[text] for text, run in zip(times, listed, strict=True))
    assert all(len(stories[text]) == times.count(text) for text in times)


def test_a_pause_is_read_and_reported_in_the_zone_of_its_job(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(JOB.format(zone="Asia/Tokyo"))
    jobfile("apply", "--yes")
    day = (datetime.now(UTC) + timedelta(days=2)).date()
    said = jobfile("pause", "hello", "--until", f"{day} 23:00")
    assert said.out == f"hello is paused until {day} 23:00 JST\n"
    assert f"until {day} 23:00 JST" in jobfile("status").out
