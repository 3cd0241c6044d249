"""Answers about several jobs and runs as text and as JSON, whole, made of values."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.answers.agenda import Agenda, Fire, agenda, agenda_to_json, agenda_to_text
from engine.answers.as_json import run_to_json
from engine.answers.audit import records_to_text
from engine.answers.choice import ALL, MAX_KNOWN, UNKNOWN, Choice, Labels, known_labels, unknown_word
from engine.answers.generations import generations_to_text
from engine.answers.listing import JobList, ListedJob, Mark, list_to_json
from engine.answers.listing_text import list_to_text
from engine.answers.outputs import RunOutputs, label_of, outputs_of_run, outputs_to_json, outputs_to_text
from engine.answers.presence import RUNNING, Presence
from engine.answers.report import Report, Row
from engine.answers.report_text import report_to_text
from engine.answers.retryable import (
    MAX_RETRIED,
    Retried,
    Retryable,
    retried_to_text,
    retryable,
    retryable_to_json,
    retryable_to_text,
)
from engine.answers.runs import Runs, runs_to_text
from engine.answers.upcoming import Upcoming
from engine.core.lifecycle import Run, RunState, TriggerKind
from engine.core.records import Applied, Audited, Definition, Gap, Generation, Output, Pause
from jobfile.model.canonical import spec_to_json
from jobfile.model.jobs import ParamSpec, ParamType
from jobfile.render.style import COLOURED, PLAIN, Style
from tests.builders import DAY, HOUR, MINUTE, NOON, a_job, a_run, every

WIDE = 200
TOKYO = ZoneInfo("Asia/Tokyo")
SECOND = timedelta(seconds=1)
A, B, C, D = (letter * 32 for letter in "abcd")

# outputs

RUN = a_run(id=A, digest="digest", state=RunState.SUCCEEDED)
GIVEN = (Output("rows", 7), Output("ok", True, "check"), Output("names", ("x", "y"), "load", 3))


def test_an_output_is_named_after_its_step_and_item() -> None:
    assert [label_of(one) for one in GIVEN] == ["rows", "check.ok", "load[3].names"]


@pytest.mark.parametrize(
    ("outputs", "is_declared", "state", "text"),
    [
        (GIVEN, True, RunState.RUNNING, "rows           7\ncheck.ok       true\nload[3].names  x,y"),
        ((), True, RunState.SUCCEEDED, "run aaaaaaaa of hello has returned no outputs"),
        ((), True, RunState.RUNNING, "run aaaaaaaa of hello has returned no outputs yet"),
        ((), False, RunState.RUNNING, "run aaaaaaaa of hello has no outputs: its job declares none"),
    ],
)
def test_the_outputs_of_a_run_are_a_line_each_or_there_is_a_reason(
    outputs: tuple[Output, ...], is_declared: bool, state: RunState, text: str
) -> None:
    found = RunOutputs(run=replace(RUN, state=state), outputs=outputs, is_declared=is_declared)
    assert outputs_to_text(found, width=WIDE) == text
    assert outputs_to_json(replace(found, outputs=outputs[:1])) == {
        "format": 1,
        "run": A,
        "job": "hello",
        "outputs": [{"step": None, "item": None, "name": "rows", "value": 7}] if outputs else [],
    }


class OneDefinition:
    """A ledger with one definition, or without it, and some outputs."""

    def __init__(self, text: str | None, outputs: tuple[Output, ...] = ()) -> None:
        self.text, self.given = text, outputs

    def definition_text(self, digest: str) -> str | None:
        return self.text if digest == "digest" else None

    def outputs(self, run_id: str) -> tuple[Output, ...]:
        return self.given if run_id == A else ()


ROWS = ParamSpec(name="rows", type=ParamType.INTEGER)


@pytest.mark.parametrize(
    ("text", "is_declared"),
    [(None, True), (spec_to_json(a_job()), False), (spec_to_json(a_job(outputs=(ROWS,))), True)],
)
def test_a_job_whose_definition_is_gone_may_have_declared_outputs(
    text: str | None, is_declared: bool
) -> None:
    view: Any = OneDefinition(text, GIVEN)
    found = outputs_of_run(view, RUN)
    assert (found.run, found.outputs, found.is_declared) == (RUN, GIVEN, is_declared)


# retry --failed

FAILED = a_run(id=A, state=RunState.FAILED, reason="exit(3)")
LOST = a_run(id=B, job="other", state=RunState.LOST, scheduled_for=NOON + HOUR)
NEW = a_run(id=C, state=RunState.QUEUED, reason="overlap", detail=D, retry_of=A)
RETRYABLE = Retryable(
    runs=(FAILED, LOST),
    words=("exit code 3", "the host was restarted"),
    zones={"hello": TOKYO, "other": ZoneInfo("UTC")},
    recorded_only=0,
)


class Bad:
    """A ledger of runs that did not end well, and of retries."""

    def __init__(self, bad: Sequence[Run], retries: Sequence[Run] = (), gaps: Sequence[Gap] = ()) -> None:
        self.bad, self.retries, self.gaps = bad, retries, gaps

    def runs_in(self, *, limit: int, **_window: object) -> Sequence[Run]:
        assert limit >= len(self.bad)
        return self.bad

    def retries_between(self, **_window: datetime) -> Sequence[Run]:
        return self.retries

    def gaps_between(self, _job: str | None, **_window: datetime) -> Sequence[Gap]:
        return self.gaps

    def job_in_force(self, _job: str) -> None:
        """No zone is known."""

    def job_versions(self, _job: str) -> tuple[()]:
        return ()

    def newest_run(self, _job: str, *, until: datetime) -> None:
        """No zone is known."""


def what_to_retry(ledger: Bad) -> Retryable:
    view: Any = ledger
    return retryable(view, None, since=NOON, until=NOON + DAY, now=NOON + DAY, presence=RUNNING)


def test_what_did_not_end_well_is_retried_unless_it_was_or_was_found_to_have_ended_well() -> None:
    newest, again = replace(LOST, id=D, retry_of=B), replace(FAILED, id=C, retry_of=D)
    found_later = replace(LOST, id="e" * 32, resolved="succeeded")
    still_lost = replace(LOST, id="f" * 32, resolved="failed")
    gap = Gap(
        schedule_id=1,
        job="hello",
        entries=every(hours=1),
        first_at=NOON + HOUR,
        last_at=NOON + 3 * HOUR,
        count=3,
        state=RunState.MISSED,
        reason="engine_down",
        generation=1,
        epoch=1,
        recorded_at=NOON,
    )
    skipped = replace(gap, state=RunState.SKIPPED)
    found = what_to_retry(
        Bad([still_lost, found_later, newest, LOST, FAILED], [newest, again], [gap, skipped])
    )
    assert [run.id for run in found.runs] == [FAILED.id, still_lost.id]
    assert found.words == ("exit code 3", "")
    assert (set(found.zones), found.recorded_only) == ({"hello", "other"}, 3)


def test_one_run_more_than_may_be_retried_is_found_the_oldest_first() -> None:
    bad = [replace(FAILED, id=f"{number:032x}") for number in range(MAX_RETRIED + 2)]
    found = what_to_retry(Bad(bad))
    assert [run.id for run in found.runs] == [run.id for run in reversed(bad[1:])]


def test_what_would_be_retried_is_a_table_in_the_zones_of_the_jobs() -> None:
    table = """\
run       job    for                   state   why
aaaaaaaa  hello  2026-03-05 21:00 JST  failed  exit code 3
bbbbbbbb  other  2026-03-05 13:00 UTC  lost    the host was restarted"""
    assert retryable_to_text(RETRYABLE, width=WIDE) == table
    one = "1 occurrence that did not run has no run to retry: start one with  jobfile run JOB --at TIME"
    two = "2 occurrences that did not run have no run to retry: start one with  jobfile run JOB --at TIME"
    assert retryable_to_text(replace(RETRYABLE, recorded_only=1), width=WIDE) == f"{table}\n{one}"
    nothing = replace(RETRYABLE, runs=(), words=())
    well = "nothing to retry: every run of that time ended well, or was retried"
    assert retryable_to_text(nothing, width=WIDE) == well
    assert retryable_to_text(replace(nothing, recorded_only=2), width=WIDE) == f"{well}\n{two}"


def test_the_new_runs_name_the_runs_that_they_retry() -> None:
    assert (
        retried_to_text(RETRYABLE, [Retried(FAILED, NEW)], width=WIDE)
        == """\
new run   retries   job    for                   state   why
cccccccc  aaaaaaaa  hello  2026-03-05 21:00 JST  queued  blocked by another run (run dddddddd)"""
    )
    assert retryable_to_json(replace(RETRYABLE, recorded_only=4), [Retried(FAILED, NEW)]) == {
        "format": 1,
        "runs": [
            {"run": run_to_json(FAILED), "words": "exit code 3", "retry": run_to_json(NEW)},
            {"run": run_to_json(LOST), "words": "the host was restarted", "retry": None},
        ],
        "recorded_only": 4,
    }


# the choice of jobs

OPS = Labels("ops", ("night", "db"), title="The dump")
DEV = Labels("dev", ("day",), "Asia/Tokyo")


@pytest.mark.parametrize(
    ("tags", "owners", "fits"),
    [
        ((), (), {"ops", "dev", "none"}),
        (("night",), (), {"ops"}),
        (("night", "day"), (), {"ops", "dev"}),
        ((), ("dev",), {"dev"}),
        ((), ("dev", "ops"), {"ops", "dev"}),
        (("night",), ("dev",), set()),
        (("db",), ("ops", "dev"), {"ops"}),
        (("nothing",), (), set()),
    ],
)
def test_a_choice_takes_one_of_its_tags_and_one_of_its_owners(
    tags: tuple[str, ...], owners: tuple[str, ...], fits: set[str]
) -> None:
    choice = Choice(tags=tags, owners=owners)
    jobs = {"ops": OPS, "dev": DEV, "none": Labels()}
    assert {name for name, labels in jobs.items() if choice.fits(labels)} == fits
    assert choice.fits(UNKNOWN), "a job whose definition cannot be read may belong to any"
    assert choice.is_all == (choice == ALL) == (not tags and not owners)


@pytest.mark.parametrize(
    ("tags", "owners", "said"),
    [
        (("night", "day"), ("ops", "dev"), ""),
        (("night", "nigth"), (), "no job here has the tag `nigth`; did you mean night?"),
        (("xyzzy",), ("xyzzy",), "no job here has the tag `xyzzy`; known: day, db, night"),
        ((), ("xyzzy",), "no job here has the owner `xyzzy`; known: dev, ops"),
        (("ops",), (), "no job here has the tag `ops`; known: day, db, night"),
    ],
)
def test_a_word_that_no_job_has_is_a_mistake(
    tags: tuple[str, ...], owners: tuple[str, ...], said: str
) -> None:
    assert unknown_word(Choice(tags=tags, owners=owners), [OPS, DEV, UNKNOWN]) == said


def test_only_some_of_the_known_words_are_listed() -> None:
    labels = [Labels("", (f"tag-{number:02}",)) for number in range(MAX_KNOWN + 1)]
    said = unknown_word(Choice(tags=("xyzzy",)), labels)
    assert said.count("tag-") == MAX_KNOWN
    assert said.endswith(f"tag-{MAX_KNOWN - 1:02}")
    assert unknown_word(Choice(owners=("xyzzy",)), labels).endswith("; known: none")


class Definitions:
    """A ledger of the newest definitions."""

    def newest_definitions(self) -> list[Definition]:
        specs = (a_job("a"), a_job("b", owner="ops", tags=("x", "y"), timezone="Asia/Tokyo", title="B!"))
        return [Definition(spec.name, "digest", spec_to_json(spec)) for spec in specs]


def test_the_labels_of_a_job_are_those_of_its_newest_definition() -> None:
    view: Any = Definitions()
    assert known_labels(view) == {"a": Labels(), "b": Labels("ops", ("x", "y"), "Asia/Tokyo", "B!")}
    spec = a_job(owner="ops", tags=("x", "y"), timezone="Asia/Tokyo", title="B!")
    assert Labels.of(spec) == Labels("ops", ("x", "y"), "Asia/Tokyo", "B!")
    assert Labels() == Labels("", (), "UTC")


# list


def listed(job: str, *states: str, **fields: Any) -> ListedJob:
    empty: dict[str, Any] = {
        "labels": Labels(),
        "next_at": None,
        "pause": None,
        "is_in_force": True,
        "notes": (),
    }
    marks = tuple(Mark(NOON + hour * HOUR, state) for hour, state in enumerate(states))
    return ListedJob(job=job, marks=marks, **(empty | fields))


def a_list(*jobs: ListedJob, **fields: Any) -> JobList:
    plain: dict[str, Any] = {"has_file": True, "main_file": "jobs.yaml", "is_filtered": False}
    return JobList(jobs=jobs, now=NOON, **({"presence": RUNNING} | plain | fields))


UNTIL = "2026-03-05 13:00 UTC"
PAUSE = Pause("hello", "hand", "anna", "outage", NOON, NOON + HOUR, None, "")


def test_a_list_shows_the_columns_in_which_a_job_has_something() -> None:
    jobs = (
        listed("a"),
        listed("b", "succeeded", "failed", "running", labels=DEV, next_at=NOON + HOUR, notes=("one", "two")),
        listed("c", "queued", pause=PAUSE, labels=OPS, notes=("one",)),
        listed("d", "overdue", pause=PAUSE._replace(until=None, reason=""), next_at=NOON),
    )
    lines = list_to_text(a_list(*jobs), width=WIDE).split("\n")
    noon, one, ten = "2026-03-05 12:00 UTC", "2026-03-05 22:00 JST", "2026-03-05 23:00 JST"
    assert [re.split(" {2,}", line) for line in lines] == [
        ["job", "state", "last 10", "expected at", "next", "title", "owner", "tags", "notes"],
        ["a", "none"],
        ["b", "running", "✓✗…", ten, one, "dev", "day", "one; two"],
        [
            "c",
            "queued",
            "…",
            noon,
            "paused",
            "The dump",
            "ops",
            "night, db",
            f"paused by anna until {UNTIL}: outage; one",
        ],
        ["d", "overdue", "O", noon, noon, "paused by anna"],
        ["oldest to newest: ✓ succeeded", "✗ failed", "O overdue", "… queued or running"],
    ]


def test_each_result_has_its_sign() -> None:
    states = ("succeeded", "failed", "timed_out", "cancelled", "lost", "skipped", "missed", "overdue")
    text = list_to_text(a_list(listed("a", *states, "retry_wait")), width=WIDE)
    assert text.split("\n")[1].split()[2] == "✓✗TC?-MO…"


def test_a_job_in_a_zone_that_is_not_known_here_has_its_times_in_utc() -> None:
    text = list_to_text(a_list(listed("a", "failed", labels=Labels(timezone="No/Where"))), width=WIDE)
    assert "2026-03-05 12:00 UTC" in text


def test_a_list_of_jobs_that_never_ran_has_three_columns_and_no_legend() -> None:
    assert list_to_text(a_list(listed("a")), width=WIDE) == "job  state  last 10\na    none"
    assert list_to_text(a_list(), width=WIDE) == "no jobs"
    assert list_to_text(a_list(is_filtered=True), width=WIDE) == "no such jobs"


@pytest.mark.parametrize(
    ("fields", "lines"),
    [
        (
            {"presence": Presence(is_running=False, since=NOON)},
            [
                "NOTHING STARTS, no engine has been running since 2026-03-05 12:00 UTC;"
                " start one with  jobfile up"
            ],
        ),
        ({"presence": Presence(is_running=True, trouble="it is full")}, ["NOTHING STARTS, it is full"]),
        ({"has_file": False}, ["jobs.yaml cannot be read or has errors:  jobfile check"]),
        ({"has_file": None}, []),
    ],
)
def test_a_list_says_first_why_nothing_starts(fields: Mapping[str, Any], lines: list[str]) -> None:
    assert list_to_text(a_list(**fields), width=WIDE).split("\n") == [*lines, "no jobs"]
    for line in list_to_text(a_list(**fields), width=20).split("\n"):
        assert len(line) <= 20


def test_the_data_of_a_list_has_every_key_of_every_job() -> None:
    run = a_run(id=A)
    busy = listed("b", labels=OPS, next_at=NOON + HOUR, pause=PAUSE, notes=("one",), is_in_force=False)
    busy = replace(busy, marks=(Mark(NOON, "failed"), Mark(NOON + HOUR, "queued", run.id)))
    gone = Presence(is_running=False, since=NOON)
    plain = {
        **{"job": "a", "state": "none", "scheduled_for": None, "run": None, "last": [], "next_at": None},
        **{
            "starts": [],
            "paused": None,
            "title": None,
            "owner": None,
            "tags": [],
            "timezone": "UTC",
            "in_force": True,
            "late": [],
            "notes": [],
        },
    }
    assert list_to_json(a_list(listed("a"), busy, presence=gone, has_file=False)) == {
        "format": 1,
        "now": "2026-03-05T12:00:00+00:00",
        "engine": {"running": False, "since": "2026-03-05T12:00:00+00:00", "trouble": None},
        "file_valid": False,
        "jobs": [
            plain,
            {
                "job": "b",
                "state": "queued",
                "scheduled_for": "2026-03-05T13:00:00+00:00",
                "run": A,
                "last": ["failed", "queued"],
                "next_at": "2026-03-05T13:00:00+00:00",
                "starts": [],
                "paused": {
                    "by": "anna",
                    "why": "outage",
                    "since": "2026-03-05T12:00:00+00:00",
                    "until": "2026-03-05T13:00:00+00:00",
                },
                "title": "The dump",
                "owner": "ops",
                "tags": ["night", "db"],
                "timezone": "UTC",
                "in_force": False,
                "late": [],
                "notes": ["one"],
            },
        ],
    }
    only_recorded = replace(busy, marks=busy.marks[:1], pause=PAUSE._replace(until=None))
    (data,) = list_to_json(a_list(only_recorded))["jobs"]  # type: ignore[misc]  # a list
    assert (data["run"], data["scheduled_for"]) == (None, "2026-03-05T12:00:00+00:00")
    assert data["paused"]["until"] is None


# next, for all jobs


def upcoming(at: datetime, *, note: str = "") -> Upcoming:
    return Upcoming(at=at, local=at.astimezone(TOKYO), note=note)


def test_an_agenda_is_a_line_for_each_fire_and_says_what_prevents_it() -> None:
    fires = (
        Fire("a", upcoming(NOON + MINUTE + timedelta(microseconds=5)), is_paused=False),
        Fire("bb", upcoming(NOON + HOUR + 5 * SECOND, note="twice"), is_paused=True),
    )
    found = Agenda(since=NOON, until=None, fires=fires, is_all=False)
    table = """\
when                         UTC        job  notes
Thu 2026-03-05 21:01 JST     12:01Z     a    in 1m
Thu 2026-03-05 22:00:05 JST  13:00:05Z  bb   paused: it will not run; twice"""
    assert agenda_to_text(found, width=WIDE) == f"{table}\nthe first 2 fires: more with --limit"
    assert agenda_to_text(replace(found, is_all=True), width=WIDE) == table
    empty = replace(found, fires=(), is_all=True)
    assert agenda_to_text(empty, width=WIDE) == "nothing is scheduled"
    assert agenda_to_text(replace(empty, until=NOON), width=WIDE) == "nothing is scheduled in that time"
    data = agenda_to_json(found, obstacle="no engine")
    assert [(row["job"], row["paused"]) for row in data["fires"]] == [("a", False), ("bb", True)]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("until", "limit", "hours", "is_all"),
    [
        (NOON + 4 * HOUR, 9, [1, 2, 2, 3, 4, 4], True),
        (NOON + 4 * HOUR - SECOND, 9, [1, 2, 2, 3], True),
        (NOON + 4 * HOUR, 6, [1, 2, 2, 3, 4, 4], True),
        (NOON + 4 * HOUR, 5, [1, 2, 2, 3, 4], False),
        (None, 3, [1, 2, 2], False),
        (None, 0, [], False),
        (NOON, 9, [], True),
    ],
)
def test_an_agenda_has_the_first_fires_after_its_beginning_up_to_its_end(
    until: datetime | None, limit: int, hours: list[int], is_all: bool
) -> None:
    schedules = {"b": every(hours=2), "none": (), "a": every(hours=1)}
    pause = Pause("a", "hand", "anna", "", NOON + 2 * HOUR, NOON + 3 * HOUR, None, "")
    found = agenda(schedules, since=NOON, until=until, limit=limit, pauses=[pause])
    assert [one.upcoming.at for one in found.fires] == [NOON + hour * HOUR for hour in hours]
    assert (found.since, found.until, found.is_all) == (NOON, until, is_all)
    paused = [(one.job, one.upcoming.at) for one in found.fires if one.is_paused]
    assert paused == ([("a", NOON + 2 * HOUR)] if 2 in hours else [])


# at a terminal

LONG = "a-job-whose-name-is-so-long-that-it-is-cut-in-its-middle-and-ends-in-z"
WORDS = " ".join(f"word-{number}" for number in range(20))
LATER = replace(FAILED, job=LONG)
FOUND = replace(RETRYABLE, runs=(LATER,), words=(WORDS,), zones={LONG: TOKYO})


def listed_run(run: Run, words: str) -> Runs:
    return Runs(
        runs=(run,),
        words=(words,),
        artifacts=((),),
        lines=(None,),
        gaps=(),
        zones={run.job: TOKYO},
        is_limited=False,
        hosts=("",),
    )


TABLES: Mapping[str, Callable[[int, Style], str]] = {
    "runs": lambda width, style: runs_to_text(listed_run(LATER, WORDS), width=width, style=style),
    "audit": lambda width, _: records_to_text(
        [(1, Audited(NOON, "anna", "pause", LONG, WORDS))], width=width
    ),
    "generations": lambda width, style: generations_to_text(
        [Applied(Generation(1, "", NOON, LONG, "", "", note=WORDS), 1, 2, 3)], width=width, style=style
    ),
    "agenda": lambda width, _: agenda_to_text(
        Agenda(
            since=NOON,
            until=None,
            fires=(Fire(LONG, upcoming(NOON, note=WORDS), is_paused=True),),
            is_all=True,
        ),
        width=width,
    ),
    "retry": lambda width, style: retryable_to_text(FOUND, width=width, style=style),
    "retried": lambda width, style: retried_to_text(
        FOUND,
        [Retried(LATER, replace(NEW, job=LONG, state=RunState.FAILED, reason=WORDS, detail=""))],
        width=width,
        style=style,
    ),
    "list": lambda width, style: list_to_text(
        a_list(listed(LONG, "failed", notes=(WORDS,))), width=width, style=style
    ),
}


@pytest.mark.parametrize("width", [60, 100])
@pytest.mark.parametrize("name", TABLES)
def test_a_narrow_table_cuts_a_name_in_its_middle_and_shows_each_reason_whole(name: str, width: int) -> None:
    text = TABLES[name](width, PLAIN)
    assert max(map(len, text.split("\n"))) <= width
    assert re.search(r"a-\S*…\S*z( |$)", text, re.MULTILINE)
    assert "\n" in text.rstrip()
    shown = [word for word in text.split() if word.startswith("word-")]
    assert shown == WORDS.split()


@pytest.mark.parametrize(
    ("words", "path", "why"),
    [
        ("", "/in/a.jpg", "file a.jpg"),
        ("exit code 3", "/in/a\nb.jpg", "exit code 3; file a\\nb.jpg"),
        ("exit code 3", None, "exit code 3"),
    ],
)
def test_a_run_for_a_file_names_it(words: str, path: str | None, why: str) -> None:
    trigger = TriggerKind.MANUAL if path is None else TriggerKind.FILE
    run = a_run(
        id=A, state=RunState.FAILED, trigger=trigger, trigger_values={} if path is None else {"path": path}
    )
    assert runs_to_text(listed_run(run, words), width=WIDE).endswith(f"  {why}")


PAINTED: Mapping[str, str] = {
    "runs": "\x1b[31mfailed\x1b[0m",
    "retry": "\x1b[31mfailed\x1b[0m",
    "retried": "\x1b[31mfailed\x1b[0m",
    "list": "\x1b[31mfailed\x1b[0m  \x1b[31m✗\x1b[0m",
    "generations": "\x1b[32m+1\x1b[0m \x1b[33m~2\x1b[0m \x1b[31m-3\x1b[0m",
}


@pytest.mark.parametrize("name", PAINTED)
def test_a_state_in_a_table_has_its_colour_and_colours_change_nothing_else(name: str) -> None:
    text = TABLES[name](WIDE * 2, COLOURED)
    assert PAINTED[name] in text
    assert re.sub(r"\x1b\[\d+m", "", text) == TABLES[name](WIDE * 2, PLAIN)


def test_the_numbers_of_a_report_have_the_colours_of_their_verdicts_and_its_alarm_stands_out() -> None:
    row = Row(job=LONG, scheduled=6, requested=0, verdicts={"succeeded": 1, "failed": 2, "overdue": 3})
    gone = Presence(is_running=False)
    report = Report(since=NOON, until=NOON + HOUR, rows=(row,), presence=gone)
    text = report_to_text(report, width=WIDE, style=COLOURED)
    painted = re.findall(r"\x1b\[(\d+)m([^\x1b]+)\x1b\[0m", text)
    assert painted == [("31", "NO ENGINE"), ("32", "1"), ("31", "2"), ("31", "3")]
    plain = report_to_text(report, width=60)
    assert re.sub(r"\x1b\[\d+m", "", text) == report_to_text(report, width=WIDE)
    assert re.search(r"a-\S*…\S*z ", plain)
