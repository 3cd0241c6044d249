"""Reports: every form has the same numbers, days make up their window, periods are compared."""

import csv
import io
import re
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from engine.answers.days import LocalDays, midnight_of, period_before
from engine.answers.expected import INSTANT
from engine.answers.medians import DIGITS, Lengths
from engine.answers.presence import RUNNING, Presence
from engine.answers.problems import OF_EACH, Problem
from engine.answers.report import VERDICTS, Measures, Parts, Report, Row, day_rows, make_report
from engine.answers.report_compare import Trend, changes_text, compare, rate_text
from engine.answers.report_csv import HEADER, NOW, days_to_csv, header_to_csv
from engine.answers.report_json import report_to_json
from engine.answers.report_junit import report_to_junit
from engine.answers.report_markdown import MARKER, report_to_markdown
from engine.answers.report_page import report_to_html
from engine.answers.report_text import report_to_text
from engine.answers.squares import NOTHING, PARTLY, SHAPES, calendar_svg, legend, shape_of
from engine.core.lifecycle import RunState
from engine.ledger.ports import View
from jobfile.plan.markdown import LIMIT
from tests.builders import DAY, HOUR, NOON, a_job, a_run
from tests.engine.world import World

OSLO = ZoneInfo("Europe/Oslo")
ALL = Parts(measures=True, before=True, problems=True, calendars=True)
NUMBERS = ("expected", "scheduled", "requested", *VERDICTS)
FILE = """\
version: 1
jobs:
  hello: {schedule: "0 */2 * * *", catchup: none, command: ["true"]}
  nightly: {schedule: {cron: "30 2 * * *", timezone: Europe/Oslo}, command: ["true"]}
  rebuild:
    schedule: "0 */6 * * *"
    catchup: none
    matrix: {region: [eu, us]}
    command: ["true"]
  by-hand: {command: ["true"]}
"""
HOSTILE = (
    "<script>alert(1)</script>",
    "`@team` | #1 &lt; [x](javascript:y)",
    "=HYPERLINK(1)",
    'a,"b"\r\nc\x00\x1b[31m\ufffe\ud800\u202e',
    "'\"><img src=x onerror=y>]]>-->",
)


def a_report(*rows: Row, **fields: Any) -> Report:
    return Report(**{"since": NOON - DAY, "until": NOON, "rows": rows, "presence": RUNNING} | fields)


def a_row(job: str = "hello", **verdicts: int) -> Row:
    return Row(job=job, scheduled=sum(verdicts.values()), requested=0, verdicts=verdicts)


def known_numbers(row: Row) -> dict[str, int]:
    return {name: number for name, number in row.numbers.items() if number}


def nonzero(numbers: Mapping[str, int]) -> dict[str, int]:
    return {name: number for name, number in numbers.items() if number}


# What a reader of each form gets: the numbers of each job, those of all under "".


def from_json(report: Report) -> dict[str, dict[str, int]]:
    data: Any = report_to_json(report)
    return {
        one.get("job", ""): nonzero({name: one[name] for name in NUMBERS}) for one in (data, *data["jobs"])
    }


def from_junit(report: Report) -> dict[str, dict[str, int]]:
    root = ElementTree.fromstring(report_to_junit(report))
    found = {"": {one.get("name"): one.get("value") for one in root.iter("property")}}
    found |= {
        case.get("name"): dict(
            part.rsplit(" ", 1) for part in (case.findtext("system-out") or "").split(", ")
        )
        for case in root.iter("testcase")
    }
    return {job: nonzero({one: int(of[one]) for one in NUMBERS if one in of}) for job, of in found.items()}


def from_csv(view: View, report: Report, now: datetime) -> dict[str, dict[str, int]]:
    lines = days_to_csv(day_rows(view, report, now=now, matrix={}), period=NOW)
    found: dict[str, Counter[str]] = {row.job: Counter() for row in report.rows} | {"": Counter()}
    for line in csv.DictReader(io.StringIO(header_to_csv() + "".join(lines), newline="")):
        for name in NUMBERS:
            found[line["job"]][name] += int(line[name])
            found[""][name] += int(line[name])
    return {job: nonzero(numbers) for job, numbers in found.items()}


def from_table(cells: list[list[str]]) -> dict[str, dict[str, int]]:
    """A table for people: the verdicts that there are, and what is expected."""
    heads, *rows = cells
    names = [head.replace(" ", "_") for head in heads]
    found = {}
    for job, *numbers in rows:
        known = {
            name: int(one.replace(",", "").replace("·", "0"))
            for name, one in zip(names[1:], numbers, strict=True)
            if name in NUMBERS
        }
        found["" if job == "total" else job] = nonzero(known)
    return found


def from_markdown(report: Report) -> dict[str, dict[str, int]]:
    lines = [line for line in report_to_markdown(report).splitlines() if line.startswith("|")]
    cells = [[cell.strip(" *`") for cell in line.strip("|").split(" | ")] for line in lines]
    table = cells[: 2 + len(report.rows) + (len(report.rows) != 1)]
    return from_table([table[0], *table[2:]])


def from_text(report: Report) -> dict[str, dict[str, int]]:
    text = report_to_text(report, width=None).split("\n\n")[1]
    return from_table([re.split(r" {2,}", line.strip()) for line in text.splitlines()])


class Page(HTMLParser):
    """The tags, and the rows with data, of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.rows: list[dict[str, str | None]] = []
        self.attributes: set[str] = set()
        self.days: list[str] = []
        self._is_title = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes |= {name for name, _ in attrs}
        self._is_title = tag == "title"
        if "data-expected" in dict(attrs):
            self.rows.append(dict(attrs))

    def handle_data(self, data: str) -> None:
        if self._is_title:
            self.days.append(data)
        self._is_title = False


def from_html(report: Report) -> dict[str, dict[str, int]]:
    page = Page(report_to_html(report))
    return {
        row.get("data-job") or "": nonzero(
            {one: int(row[f"data-{one.replace('_', '-')}"] or 0) for one in NUMBERS}
        )
        for row in page.rows
    }


MOVES = st.one_of(
    st.tuples(st.just("hours"), st.integers(1, 30)),
    st.tuples(st.just("end"), st.sampled_from([0, 0, 0, 1])),
    st.tuples(st.just("run"), st.sampled_from(["hello", "by-hand", "rebuild"])),
    st.tuples(st.just("retry"), st.integers(0, 3)),
    st.tuples(st.just("away"), st.integers(1, 20)),
    st.tuples(st.just("prune"), st.integers(1, 3)),
)


def live(world: World, moves: list[tuple[str, Any]]) -> None:
    """A life: time passes, runs end, users run and retry, the engine is away, old runs are deleted."""
    for what, which in moves:
        if what == "hours":
            for _ in range(which):
                world.pass_time(seconds=3600)
        elif what == "end":
            world.finish(exit_code=which)
        elif what == "run":
            world.run_by_hand(which)
        elif what == "away":
            world.crash()
            world.clock.advance(seconds=which * 3600)
            world.boot()
        elif what == "prune":
            world.housekeeper(keep_runs=which).prune(counts=True)
        else:
            failed = world.view.recent_runs(job=None, state=(RunState.FAILED, RunState.MISSED), limit=9)
            retried = {run.retry_of for run in world.view.recent_runs(job=None, state=None, limit=999)}
            open_to = [run for run in failed if run.id not in retried]
            if which < len(open_to):
                world.retry(open_to[which])


@settings(max_examples=8, deadline=None)
@given(st.lists(MOVES, min_size=4, max_size=14), st.integers(0, 30), st.sampled_from([UTC, OSLO]))
def test_every_form_has_the_same_numbers(
    tmp_path_factory: pytest.TempPathFactory, moves: list[tuple[str, Any]], back: int, zone: Any
) -> None:
    world = World(tmp_path_factory.mktemp("life"), FILE)
    live(world, moves)
    now = world.clock.now()
    presence = Presence(is_running=back % 2 == 0, since=now - HOUR)
    about = {
        "since": now - back * HOUR - HOUR,
        "until": now + INSTANT,
        "now": now,
        "presence": presence,
        "zone": zone,
    }
    report = make_report(world.view, **about, parts=ALL)
    known = {row.job: known_numbers(row) for row in report.rows} | {"": known_numbers(report.total)}
    assert report.wrong == ()
    assert from_json(report) == from_junit(report) == from_html(report) == known
    assert from_csv(world.view, report, now) == known
    people = {
        job: {k: v for k, v in of.items() if k not in ("scheduled", "requested")} for job, of in known.items()
    }
    assert from_markdown(report) == from_text(report) == people
    assert make_report(world.view, **about).rows == report.rows
    for job in ("hello", "nightly", "rebuild", "by-hand"):  # alone, each has the same numbers as among all
        alone = make_report(world.view, **about, jobs={job}, parts=ALL)
        assert alone.rows == tuple(row for row in report.rows if row.job == job)
        assert alone.measures.get(job) == report.measures.get(job)
        assert alone.problems == tuple(one for one in report.problems if one.job == job)
    world.crash()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Three days in which every second round of runs fails."""
    world = World(tmp_path, FILE)
    for hour in range(72):
        world.pass_time(seconds=3600)
        world.finish(exit_code=hour // 2 % 2)
    yield world
    world.crash()


def report_of(world: World, **fields: Any) -> Report:
    now = world.clock.now()
    about = {"since": NOON - DAY, "until": now + INSTANT, "now": now, "presence": RUNNING}
    return make_report(world.view, **(about | fields))


def test_a_report_of_one_combination_counts_its_runs(world: World) -> None:
    whole = report_of(world, jobs={"rebuild"}).total
    for run in world.runs("rebuild"):
        if run.state is RunState.FAILED and run.matrix == {"region": "eu"}:
            world.retry(run)
            world.finish()
    assert report_of(world, jobs={"rebuild"}).total.numbers == whole.numbers  # the other half still failed
    eu = report_of(world, jobs={"rebuild", "hello"}, matrix={"region": "eu"}, parts=ALL)
    us = report_of(world, jobs={"rebuild"}, matrix={"region": "us"}, parts=ALL)
    none = report_of(world, jobs={"rebuild"}, matrix={"region": "ap"})
    assert (eu.total.bad, eu.total.verdicts["fixed_by_hand"]) == (0, us.total.bad)
    assert (eu.wrong, us.wrong, none.wrong) == ((), (), ())
    assert eu.total.expected == us.total.expected == whole.expected
    assert (none.total.expected, none.total.verdicts) == (0, {})
    assert {row.job: row.expected for row in eu.rows}["hello"] == 0
    assert {one.run.matrix["region"] for one in us.problems if one.run} == {"us"}
    assert eu.problems == ()
    lengths = [
        run.ended_at - run.started_at
        for run in world.runs("rebuild")
        if run.state is RunState.SUCCEEDED and run.matrix == {"region": "eu"}
    ]  # type: ignore[operator]
    assert eu.measures["rebuild"].duration == statistics.median(lengths)


def test_the_squares_of_a_year_have_the_numbers_of_its_window(world: World) -> None:
    report = report_of(world, parts=ALL)
    assert report.last_day == date(2026, 3, 8)
    for row in report.rows:
        of_days: Counter[str] = Counter()
        for verdicts in report.calendars[row.job].values():
            of_days.update(verdicts)
        assert of_days == row.verdicts
        assert min(report.calendars[row.job], default=date(2026, 3, 5)) >= date(2026, 3, 5)


def test_a_problem_is_the_newest_failure_that_nobody_retried(world: World) -> None:
    failed = [run for run in world.runs() if run.state is RunState.FAILED]
    world.retry(failed[-1])
    world.finish()
    problems = [one for one in report_of(world, parts=ALL).problems if one.job == "hello"]
    assert [one.run.id for one in problems if one.run] == [run.id for run in failed[-2 : -2 - OF_EACH : -1]]
    assert {one.words for one in problems} == {"exit code 1"}


ZONES = st.sampled_from(
    [UTC, OSLO, ZoneInfo("America/St_Johns"), ZoneInfo("Pacific/Apia"), ZoneInfo("Asia/Tokyo")]
)
INSTANTS = st.integers(0, 40 * 365 * 86_400).map(
    lambda seconds: datetime(1990, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


@given(INSTANTS, st.timedeltas(timedelta(seconds=1), 500 * DAY), ZONES, st.floats(0, 0.999))
def test_each_instant_of_a_window_is_in_one_day_and_one_range(
    since: datetime, length: timedelta, zone: Any, part: float
) -> None:
    until = since + length
    days = LocalDays(since, until, zone)
    at = since + length * part
    (of,) = [one for one in days.ranges() if one.since <= at < one.until]
    assert days.dates[of.first + (at - of.midnight) // of.length] == days.day_of(at)
    assert abs((at.astimezone(zone).date() - days.day_of(at)).days) <= (
        zone.key == "America/St_Johns" if zone is not UTC else 0
    )
    assert len(list(days.ranges())) <= 2 + 4 * (length // (365 * DAY) + 1)


@given(st.dates(date(2000, 1, 1), date(2035, 1, 1)), st.integers(1, 14), ZONES)
def test_before_months_come_months_and_before_days_days(day: date, number: int, zone: Any) -> None:
    first = day.replace(day=1)
    months = first.year * 12 + first.month - 1
    starts = [date(at // 12, at % 12 + 1, 1) for at in (months - number, months, months + number)]
    before, since, until = (midnight_of(one, zone) for one in starts)
    assert period_before(since, until, zone, now=until) == (before, since)
    around = [midnight_of(day + at * DAY, zone) for at in (-number, 0, number)]
    if day.day != 1 or (day + number * DAY).day != 1:
        assert period_before(around[1], around[2], zone, now=around[2]) == (around[0], around[1])
    plain = since + timedelta(minutes=number)
    assert period_before(plain, until, zone, now=until) == (plain - (until - plain), plain)


def test_a_period_that_is_not_over_is_compared_with_as_much_of_the_one_before() -> None:
    since, until = (datetime(2026, month, 1, tzinfo=UTC) for month in (3, 4))
    now = since + 10 * DAY
    february = datetime(2026, 2, 1, tzinfo=UTC)
    assert period_before(since, until, UTC, now=now) == (february, february + 10 * DAY)
    assert period_before(since, until, UTC, now=since + 30 * DAY) == (february, since)
    assert period_before(since, until, UTC, now=since - DAY) == (february, february)
    assert period_before(now - HOUR, until, UTC, now=now) == (now - 2 * HOUR, now - HOUR)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 10**12)), max_size=30))
def test_medians_agree_with_the_standard_library(given: list[tuple[str, int]]) -> None:
    lengths = Lengths()
    for job, length in given:
        lengths.add(job, length)
    found = {job: at // timedelta.resolution for job, at in lengths.medians()}
    known = {job: [length for name, length in given if name == job] for job, _ in given}
    assert {job: one for job, one in found.items() if job} == {
        job: int(statistics.median(of)) for job, of in known.items()
    }
    if given:
        exact = statistics.median(length for _, length in given)
        assert abs(found[""] - exact) <= exact * 10 ** (1 - DIGITS) + 1


def test_what_got_worse_comes_first() -> None:
    before = a_report(*(a_row(job, succeeded=90, failed=10) for job in "abcd"), a_row("gone", succeeded=1))
    rows = (
        a_row("a", succeeded=95, failed=5),
        a_row("b", succeeded=80, failed=20),
        a_row("c", succeeded=90, failed=10),
    )
    found = compare(a_report(*rows, a_row("d", lost=3, succeeded=1), a_row("new", failed=1)), before)
    assert [(one.job, one.trend.value) for one in found.jobs] == [
        ("new", "worse"),
        ("d", "worse"),
        ("b", "worse"),
        ("gone", "other"),
        ("c", "same"),
        ("a", "better"),
    ]
    assert changes_text(found.jobs[2]) == "success rate 90.0% → 80.0%, failed 10 → 20"
    assert changes_text(found.jobs[3]) == "success rate 100.0% → –, expected 1 → 0"
    assert found.total.trend is Trend.WORSE


def test_a_median_is_worse_only_if_it_grew_notably() -> None:
    row = a_row(succeeded=1)

    def trend_of(was: Measures, has: Measures) -> Trend:
        before = a_report(row, measures={"hello": was})
        return compare(a_report(row, measures={"hello": has}), before).jobs[0].trend

    def trend(was: float, has: float) -> Trend:
        return trend_of(Measures(timedelta(seconds=was)), Measures(timedelta(seconds=has)))

    assert [trend(2, 2.9), trend(0.1, 0.9), trend(2, 3.1), trend(3.1, 2), trend(20, 29)] == [
        Trend.SAME,
        Trend.SAME,
        Trend.WORSE,
        Trend.BETTER,
        Trend.SAME,
    ]
    assert trend_of(Measures(late=1), Measures(late=2)) is Trend.WORSE


@given(st.integers(0, 10**7), st.integers(0, 10**7))
def test_only_without_a_failure_is_the_rate_a_hundred_per_cent(good: int, bad: int) -> None:
    row = a_row(succeeded=good, failed=bad)
    assert (rate_text(row.success_rate) == "100.0%") is (good > 0 and bad == 0)
    assert (row.success_rate is None) is (good + bad == 0)


def hostile_report() -> Report:
    rows = [replace(a_row(job, failed=1, succeeded=2), failing={job: 1}) for job in HOSTILE]
    runs = [a_run(a_job("x"), id=f"{at:032x}", matrix={"v": job}) for at, job in enumerate(HOSTILE)]
    problems = [Problem(job, "failed", NOON, job, run) for job, run in zip(HOSTILE, runs, strict=True)]
    calendars = {job: {NOON.date(): {"failed": 1}} for job in HOSTILE}
    return a_report(
        *rows,
        problems=tuple(problems),
        late=dict.fromkeys(HOSTILE, HOSTILE),
        before=a_report(*(a_row(job, succeeded=3) for job in HOSTILE)),
        calendars=calendars,
        last_day=NOON.date(),
    )


def known_report() -> Report:
    """Two weeks of two jobs, compared with two weeks before."""
    days = [NOON.date() - day * DAY for day in range(14)]
    calendar: dict[date, dict[str, int]] = {day: {"succeeded": 24} for day in days}
    calendar |= {days[3]: {"succeeded": 22, "failed": 2}, days[7]: {"missed": 24}, days[9]: {"skipped": 24}}
    sums: Counter[str] = Counter()
    for verdicts in calendar.values():
        sums.update(verdicts)
    load = Row(job="load", scheduled=sum(sums.values()), requested=0, verdicts=dict(sums))
    clean = Row(job="clean", scheduled=0, requested=1, verdicts={"lost": 1}, failing={"[region=us]": 1})
    failed = a_run(a_job("load"), id="c0ffee01" * 4)
    before = a_report(a_row("load", succeeded=330, failed=6), since=NOON - 28 * DAY, until=NOON - 14 * DAY)
    return a_report(
        load,
        clean,
        since=NOON - 14 * DAY,
        presence=Presence(is_running=False, since=NOON - HOUR),
        unsettled=1,
        late={"load": ("late: no success for 3h1m (limit 1h30m)",)},
        measures={"load": Measures(HOUR / 9, HOUR / 900, 2), "": Measures(HOUR / 9, HOUR / 900, 2)},
        before=replace(before, measures={"load": Measures(HOUR / 60, HOUR / 900), "": Measures(HOUR / 60)}),
        problems=(
            Problem("load", "failed", NOON - 3 * DAY, "exit code 3", failed),
            Problem("load", "missed", NOON - 7 * DAY, "the engine was not running", None, 24, NOON - 6 * DAY),
        ),
        calendars={"load": calendar},
        last_day=NOON.date(),
    )


FORMS = {
    "report.txt": lambda report: report_to_text(report, width=80),
    "report.md": report_to_markdown,
    "report.xml": report_to_junit,
    "report.html": report_to_html,
    "report.csv": lambda report: (
        header_to_csv() + "".join(days_to_csv(((NOON.date(), row) for row in report.rows), period=NOW))
    ),
}
HERE = Path(__file__).parent / "reports"


@pytest.mark.parametrize("name", FORMS)
def test_each_form_is_the_one_that_was_looked_at(name: str, request: pytest.FixtureRequest) -> None:
    text = FORMS[name](known_report())
    if request.config.getoption("--update"):
        (HERE / name).write_bytes(text.encode())
    assert text.encode() == (HERE / name).read_bytes()


def test_a_hostile_name_is_a_text_on_the_page() -> None:
    text = report_to_html(hostile_report())
    page = Page(text)
    assert not page.tags.keys() & {"script", "img", "link", "iframe", "a", "use", "image"}
    assert not [one for one in page.attributes if one.startswith("on") or one in ("src", "href")]
    assert "default-src 'none'" in text
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e\ud800]", text)
    assert len(page.rows) == len(HOSTILE) + 1
    text.encode()


def test_a_hostile_name_is_a_text_in_a_comment() -> None:
    text = report_to_markdown(hostile_report())
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    assert [one.content.strip() for one in tokens if one.type == "html_block"] == [MARKER]
    inline = [each for one in tokens for each in one.children or ()]
    assert not {one.type for one in inline} & {"html_inline", "link_open", "image"}
    rows = [one for one in tokens if one.type == "tr_open"]
    assert len(rows) == 1 + len(HOSTILE) + 1 + 7
    assert not re.search(r"(?<!\\)[@#](?=[\w])", re.sub(r"(?m)^#+ ", "", text))


def test_a_hostile_name_is_a_text_in_junit_xml() -> None:
    root = ElementTree.fromstring(report_to_junit(hostile_report()).encode())
    names = [str(one.get("name")) for one in root.iter("testcase")]
    assert sorted(names)[0].startswith("'")
    assert {"<script>alert(1)</script>", "=HYPERLINK(1)"} < set(names)
    assert len(names) == len(HOSTILE)


@given(st.text(max_size=20))
def test_a_cell_is_neither_a_formula_nor_two_cells(job: str) -> None:
    days = [(NOON.date(), a_row(job, succeeded=1))]
    lines = header_to_csv() + "".join(days_to_csv(days, period=NOW))
    heads, row = csv.reader(io.StringIO(lines, newline=""), strict=True)
    assert tuple(heads) == HEADER
    assert len(row) == len(HEADER)
    assert not row[1].lstrip().startswith(("=", "+", "-", "@", "\t", "\r"))
    assert lines.count("\r\n") == lines.count("\n") == 2


ALLOWED = {
    "testsuites": ({"name", "tests", "failures", "errors", "skipped", "time"}, ["testsuite"]),
    "testsuite": (
        {"name", "tests", "failures", "errors", "skipped", "time", "timestamp"},
        ["properties", "testcase"],
    ),
    "properties": (set(), ["property"]),
    "property": ({"name", "value"}, []),
    "testcase": ({"classname", "name", "time"}, ["skipped", "failure", "error", "system-out"]),
    "skipped": ({"message"}, []),
    "failure": ({"type", "message"}, []),
    "error": ({"type", "message"}, []),
    "system-out": (set(), []),
}
"""The attributes, and the order of children, that the schema of Jenkins (junit-10.xsd) allows."""


def test_junit_xml_is_what_its_readers_expect() -> None:
    rows = (
        a_row("good", succeeded=3),
        a_row("bad", succeeded=1, failed=2, lost=1),
        a_row("gone", missed=2),
        a_row("held", overdue=1),
        a_row("rested", skipped=2, cancelled=1),
        a_row("idle"),
        a_row("waits", open=1),
        a_row("slow", succeeded=1),
    )
    report = a_report(
        *rows, late={"slow": ("late: a run takes longer",)}, measures={"good": Measures(HOUR / 60)}
    )
    root = ElementTree.fromstring(report_to_junit(report))
    for one in root.iter():
        attributes, children = ALLOWED[one.tag]
        assert set(one.keys()) == attributes
        order = [children.index(child.tag) for child in one]
        assert order == sorted(order)
    results = {
        case.get("name"): [(r.tag, r.get("type"), r.get("message")) for r in case if r.tag != "system-out"]
        for case in root.iter("testcase")
    }
    assert results == {
        "good": [],
        "waits": [],
        "bad": [("failure", "failed", "2 of 4 failed, 1 of 4 lost")],
        "gone": [("error", "missed", "2 of 2 missed")],
        "held": [("error", "overdue", "1 of 1 overdue")],
        "slow": [("error", "late", "late: a run takes longer")],
        "rested": [("skipped", None, "2 skipped, 1 cancelled")],
        "idle": [("skipped", None, "nothing was expected")],
    }
    (suite,) = root
    for name, tag in (
        ("tests", "testcase"),
        ("failures", "failure"),
        ("errors", "error"),
        ("skipped", "skipped"),
    ):
        assert suite.get(name) == root.get(name) == str(len(list(root.iter(tag))))
    assert suite.get("time") == "60.000"


def test_a_day_has_the_shape_of_its_worst_verdict_and_a_text() -> None:
    assert len({*SHAPES.values(), PARTLY, NOTHING}) == len(SHAPES) + 2
    assert shape_of({}) == NOTHING
    assert shape_of({"succeeded": 5, "failed": 1}) == PARTLY
    assert shape_of({"succeeded": 1, "failed": 2}) == SHAPES["failed"]
    assert shape_of({"succeeded": 1, "skipped": 2}) == SHAPES["skipped"]
    page = Page(
        calendar_svg(
            {date(2026, 3, 4): {"succeeded": 1_234, "timed_out": 1}}, name="a", last=date(2026, 3, 5)
        )
    )
    assert page.days[-2:] == [
        "Wed 2026-03-04: 1,234 succeeded, 1 timed out",
        "Thu 2026-03-05: nothing expected",
    ]
    assert len(page.days) == 52 * 7 + 4
    assert all(verdict.replace("_", " ") in legend() for verdict in VERDICTS)


def test_a_report_of_many_jobs_is_bounded_and_says_what_is_left_out() -> None:
    rows = [a_row(f"job-{at:05}", succeeded=1) for at in range(3_000)] + [a_row("worst", failed=1)]
    problems = [Problem(row.job, "failed", NOON, "x" * 900, None) for row in rows]
    report = a_report(
        *rows, problems=tuple(problems), before=a_report(*(a_row(row.job, failed=2) for row in rows))
    )
    comment = report_to_markdown(report)
    assert len(comment) <= LIMIT
    assert comment.index("worst") < comment.index("job-00000")
    assert "more jobs, in the total" in comment
    assert "| **total** | **3001** |" in comment
    page = report_to_html(report)
    assert "2,001 more jobs, in the total" in page
    assert 'data-job="worst"' in page
    assert len(page) < 2_000_000
    assert len(report_to_text(report, width=80).splitlines()) < 3_100
