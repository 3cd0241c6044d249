"""`jobfile next` for schedules of every kind."""

import re
from pathlib import Path

import pytest

from tests.cli.conftest import Jobfile
from tests.known import check_fits

SCHEMA = Path(__file__).parents[2] / "schemas" / "next.schema.json"
NOW = ("--now", "2026-10-01T00:00Z")
FILE = """\
version: 1
calendars:
  bank: {weekdays: [mon, tue, wed, thu, fri], except: ["2026-12-25", "2027-01-01"], also: ["2026-12-27"]}
  sundays: {weekdays: [sun]}
defaults: {timezone: Europe/Oslo}
jobs:
"""
KINDS = {
    "once": (
        '{at: "2026-10-25T02:30"}',
        """\
once, at 2026-10-25 02:30, Europe/Oslo
  Sun 2026-10-25 02:30 CEST  00:30Z   in 24d   02:30 occurs twice: this is the first
  none after that
affected by clock changes in 366 days: none
""",
    ),
    "thrice": (
        '{at: ["2026-12-31T23:59:30", "2027-03-28T01:30Z", "2026-12-24T16:00"], until: "2027-03-28"}',
        """\
at 2026-12-24 16:00, 2026-12-31 23:59:30 and 2027-03-28 03:30, once each, Europe/Oslo, \
until 2027-03-28 inclusive
  Thu 2026-12-24 16:00 CET   15:00Z   in 84d
  Thu 2026-12-31 23:59:30 CET   22:59:30Z
  Sun 2027-03-28 03:30 CEST  01:30Z
  none after that
affected by clock changes in 366 days: none
""",
    ),
    "over": (
        '{at: "2026-03-01T08:00"}',
        """\
once, at 2026-03-01 08:00, Europe/Oslo
  none from now on
""",
    ),
    "third": (
        '{business_day: 3, time: "18:00", calendar: bank}',
        """\
at 18:00 on the 3rd open day of each month (calendar bank), Europe/Oslo (fixed: one run per local day)
  Mon 2026-10-05 18:00 CEST  16:00Z   in 4d16h
  Wed 2026-11-04 18:00 CET   17:00Z
  Thu 2026-12-03 18:00 CET   17:00Z
  Wed 2027-01-06 18:00 CET   17:00Z
  Wed 2027-02-03 18:00 CET   17:00Z
affected by clock changes in 366 days: none
""",
    ),
    "last": (
        '{business_day: -1, time: "02:30", calendar: sundays, from: "2027-03-01"}',
        """\
at 02:30 on the last open day of each month (calendar sundays), Europe/Oslo (fixed: one run per local day), \
from 2027-03-01 on
  Sun 2027-03-28 03:00 CEST  01:00Z   in 178d   02:30 does not exist: first instant after the gap
  Sun 2027-04-25 02:30 CEST  00:30Z
  Sun 2027-05-30 02:30 CEST  00:30Z
  Sun 2027-06-27 02:30 CEST  00:30Z
  Sun 2027-07-25 02:30 CEST  00:30Z
affected by clock changes in 366 days: 2027-03-28 (time skipped)
""",
    ),
    "open-days": (
        '{cron: "0 9 * * *", calendar: bank, from: "2026-12-24", until: "2026-12-28"}',
        """\
every day at 09:00, Europe/Oslo (fixed: one run per local day), only on open days (calendar bank), \
from 2026-12-24 to 2026-12-28 inclusive
  Thu 2026-12-24 09:00 CET   08:00Z   in 84d
  Sun 2026-12-27 09:00 CET   08:00Z
  Mon 2026-12-28 09:00 CET   08:00Z
  none after that
affected by clock changes in 366 days: none
""",
    ),
    "month-end": (
        '{cron: "0 17 L * *", calendar: bank, on_closed: previous, spread: 20m}',
        """\
at 17:00 on the last day of the month, Europe/Oslo (fixed: one run per local day), \
on the previous open day if that day is closed (calendar bank), \
started up to 20 minutes later by a fixed delay
  runs start 13m46s later: the delay of month-end within its spread of 20m
  Fri 2026-10-30 17:00 CET   16:00Z   in 29d16h
  Mon 2026-11-30 17:00 CET   16:00Z
  Thu 2026-12-31 17:00 CET   16:00Z
  Fri 2027-01-29 17:00 CET   16:00Z
  Fri 2027-02-26 17:00 CET   16:00Z
affected by clock changes in 366 days: none
""",
    ),
    "quarter": (
        '[{cron: "0 6 1 1,4,7,10 *", calendar: bank, on_closed: next}, {every: 90d, until: "2027-06-30"}]',
        """\
at 06:00 on the 1st in January, April, July and October, Europe/Oslo (fixed: one run per local day), \
on the next open day if that day is closed (calendar bank); \
every 90 days, until 2027-06-30 inclusive (Europe/Oslo)
  Thu 2026-10-01 06:00 CEST  04:00Z   in 4h
  Thu 2026-12-03 01:00 CET   00:00Z
  Mon 2027-01-04 06:00 CET   05:00Z
  Wed 2027-03-03 01:00 CET   00:00Z
  Thu 2027-04-01 06:00 CEST  04:00Z
affected by clock changes in 366 days: none
""",
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def job_file(jobfile: Jobfile, tmp_path: Path) -> None:
    jobs = "".join(
        f"  {name}:\n    schedule: {schedule}\n    run: echo hi\n" for name, (schedule, _) in KINDS.items()
    )
    (tmp_path / "jobs.yaml").write_text(FILE + jobs)


@pytest.mark.parametrize("name", KINDS)
def test_next_shows_every_kind_of_schedule(jobfile: Jobfile, name: str) -> None:
    said = jobfile("next", name, *NOW)
    assert (said.code, said.out, said.err) == (0, KINDS[name][1], "")


def test_next_lists_the_fires_of_all_jobs_in_order_of_time(jobfile: Jobfile) -> None:
    assert (
        jobfile("next", *NOW, "--until", "2026-10-06").out
        == """\
when                       UTC     job      notes
Thu 2026-10-01 06:00 CEST  04:00Z  quarter  in 4h
Mon 2026-10-05 18:00 CEST  16:00Z  third
"""
    )
    found = jobfile("next", *NOW, "--until", "2027-12-31", "--json").json
    check_fits(found, SCHEMA)
    assert found["is_all"]
    listed = [(fire["utc"], fire["job"]) for fire in found["fires"]]
    assert listed == sorted(listed)
    for name in KINDS:
        own = jobfile("next", name, *NOW, "--json").json
        check_fits(own, SCHEMA)
        assert own["fires"] == [fire for fire in found["fires"] if fire["job"] == name][:5]


def test_next_shows_a_part_and_says_that_there_is_more(jobfile: Jobfile) -> None:
    lines = jobfile("next", *NOW, "--limit", "2").out.splitlines()
    assert (len(lines), lines[-1]) == (4, "the first 2 fires: more with --limit")
    assert (
        jobfile("next", "--from", "2030-01-01", "--until", "1h").out == "nothing is scheduled in that time\n"
    )
    assert jobfile("next", "third", *NOW, "--until", "20d").out.splitlines()[-2:] == [
        "  none after that in that time",
        "affected by clock changes in 366 days: none",
    ]
    assert jobfile("next", *NOW, "--until", "2026-09-30").code == 64
    assert jobfile("next", "third", "--tag", "x").code == 64


MEANS = {
    ("30 2 * * *", "--timezone", "America/New_York"): """\
every day at 02:30, America/New_York (fixed: one run per local day)
  Fri 2026-03-06 02:30 EST   07:30Z   in 19h30m
  Sat 2026-03-07 02:30 EST   07:30Z
  Sun 2026-03-08 03:00 EDT   07:00Z   02:30 does not exist: first instant after the gap
  Mon 2026-03-09 02:30 EDT   06:30Z
affected by clock changes in 366 days: 2026-03-08 (time skipped)
""",
    ("0 4 13 * fri",): """\
at 04:00 on the 13th or on Friday, UTC
  Fri 2026-03-06 04:00 UTC   04:00Z   in 16h
  Fri 2026-03-13 04:00 UTC   04:00Z
  Fri 2026-03-20 04:00 UTC   04:00Z
  Fri 2026-03-27 04:00 UTC   04:00Z
affected by clock changes in 366 days: none
Both day fields are restricted: cron fires on either. In a job file say which is meant, with
  days: either   or, for days that match both,   days: both
""",
    ("0 4 13 * fri", "--days", "both"): """\
at 04:00 on the 13th if it is Friday, UTC
  Fri 2026-03-13 04:00 UTC   04:00Z   in 7d16h
  Fri 2026-11-13 04:00 UTC   04:00Z
  Fri 2027-08-13 04:00 UTC   04:00Z
  Fri 2028-10-13 04:00 UTC   04:00Z
affected by clock changes in 366 days: none
""",
    ("90m",): """\
every 1 hour 30 minutes
  Thu 2026-03-05 13:30 UTC   13:30Z   in 1h30m
  Thu 2026-03-05 15:00 UTC   15:00Z
  Thu 2026-03-05 16:30 UTC   16:30Z
  Thu 2026-03-05 18:00 UTC   18:00Z
affected by clock changes in 366 days: none
""",
}
FROM = ("--now", "2026-03-05T12:00Z", "--limit", "4")


@pytest.mark.parametrize("asked", MEANS, ids=" ".join)
def test_an_expression_is_explained_in_words_and_dates(jobfile: Jobfile, asked: tuple[str, ...]) -> None:
    said = jobfile("explain-schedule", *asked, *FROM)
    assert (said.code, said.out, said.err) == (0, MEANS[asked], "")


@pytest.mark.parametrize(
    ("asked", "kind", "effects"),
    [
        (("30 2 * * *", "--timezone", "Europe/Oslo"), "fixed", ["gap", "fold"]),
        (("*/5 * * * *", "--timezone", "Europe/Oslo"), "wildcard", []),
        (("@daily",), "fixed", []),
        (("10m",), "elapsed", []),
    ],
)
def test_an_expression_is_explained_to_programs(
    jobfile: Jobfile, asked: tuple[str, ...], kind: str, effects: list[str]
) -> None:
    found = jobfile("explain-schedule", *asked, *FROM, "--json").json
    check_fits(found, SCHEMA.with_name("explain-schedule.schema.json"))
    assert (found["kind"], [one["kind"] for one in found["effects"]]) == (kind, effects)
    assert len(found["fires"]) == 4


def test_a_wrong_expression_is_shown_with_its_place(jobfile: Jobfile) -> None:
    said = jobfile("explain-schedule", "0 25 * * *")
    assert said.code == 64
    assert said.err.splitlines() == [
        "error[JF302]: hour 25 is out of range",
        "  --> expression:1:3",
        "   |",
        " 1 | 0 25 * * *",
        "   |   ^^ 0 to 23",
        "   |",
        "   = help: midnight is hour 0",
        "   = more: jobfile explain JF302",
    ]
    assert jobfile("next", "0 25 * * *").err == said.err
    as_json = jobfile("explain-schedule", "0 25 * * *", "--json")
    assert as_json.err == said.err
    assert as_json.json["error"] == {
        "code": "usage",
        "message": "[JF302] hour 25 is out of range",
        "help": "midnight is hour 0",
    }


@pytest.mark.parametrize(
    "when", ["0001-01-01", "0001-01-01T00:00Z", "1969-12-31", "2400-01-01", "9999-12-31"]
)
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Niue", "UTC"])
def test_a_time_that_nobody_plans_for_is_refused_in_words(jobfile: Jobfile, when: str, zone: str) -> None:
    for asked in (("explain-schedule", "0 0 * * *"), ("next", "0 0 * * *"), ("next", "10m")):
        said = jobfile(*asked, "--timezone", zone, "--now", when)
        assert said.code == 64
        assert "it knows the years 1970 to 2399" in said.err


@pytest.mark.parametrize("when", ["1970-01-01", "2399-12-31T23:59"])
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Niue", "UTC"])
def test_the_first_and_the_last_time_are_known(jobfile: Jobfile, when: str, zone: str) -> None:
    for asked in ("0 0 * * *", "@yearly", "10m"):
        assert jobfile("explain-schedule", asked, "--timezone", zone, "--now", when).code == 0


def test_a_moment_that_is_there_twice_has_a_note(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(
        "version: 1\n"
        "jobs:\n"
        "  a:\n    timezone: America/New_York\n    run: x\n"
        "    schedule: {at: ['2027-11-07T01:30', '2027-11-07T06:45Z']}\n"
    )
    rows = jobfile("next", "a", "--now", "2027-11-01", "--json").json["fires"]
    assert [row["note"] for row in rows] == [
        "01:30 occurs twice: this is the first",
        "01:45 occurs twice: this is the second",
    ]


@pytest.mark.parametrize(
    "asked", [("next",), ("next", "a"), ("show", "a"), ("run", "a", "--dry-run"), ("simulate",)]
)
def test_a_file_with_an_error_is_answered_with_its_errors_only(
    jobfile: Jobfile, tmp_path: Path, asked: tuple[str, ...]
) -> None:
    jobs = "".join(f"  j{number}: {{run: echo $X}}\n" for number in range(20))
    (tmp_path / "jobs.yaml").write_text(f"version: 1\njobs:\n{jobs}  a: {{run: x, timeout: 0s}}\n")
    said = jobfile(*asked)
    assert said.code == 1
    assert said.out.count("error[") == 1
    assert "warning[" not in said.out
    assert "info[" not in said.out
    assert "and 20 warnings" in said.err


def test_while_the_file_has_errors_the_jobs_in_force_are_shown(jobfile: Jobfile, tmp_path: Path) -> None:
    schedule = 'schedule: "30 2 * * *"'
    (tmp_path / "jobs.yaml").write_text(f"version: 1\njobs: {{a: {{run: x, {schedule}}}}}\n")
    assert jobfile("apply", "--yes").code == 0
    good = {
        asked: jobfile(*asked) for asked in (("next", "a"), ("next",), ("next", "a", "--json"), ("show", "a"))
    }
    (tmp_path / "jobs.yaml").write_text("version: 1\njobs: {a: {rum: x}, b: {run: y, timeout: 5 x}}\n")
    line = (
        "jobs.yaml has 2 errors; the answer is from generation 1, which is in force."
        " To see the errors:  jobfile check\n"
    )
    for asked, before in good.items():
        said = jobfile(*asked)
        assert (said.code, said.err) == (0, line), asked
        assert without_digits(said.out).splitlines()[1:] == without_digits(before.out).splitlines()[1:]
    assert "30 2 * * *" in said.out
    assert "# in force, digest" in said.out
    for asked in (("next", "b"), ("show", "b"), ("show", "a", "--set", "x=1")):
        said = jobfile(*asked)
        assert said.code == 1, asked
        assert "error[JF101]" in said.out, "b is not in force, and no generation has these vars"


def without_digits(text: str) -> str:
    """A text without times and without the origins of values."""
    return re.sub(r" *#.*|\d", "", text)
