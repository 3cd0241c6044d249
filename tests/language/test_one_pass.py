"""All mistakes are reported in one pass, and none of them causes a second message."""

import json
from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.pipeline import check_files
from tests.soak import examples
from tests.together import together

NOW: Final = datetime(2026, 11, 24, tzinfo=UTC)
GOOD: Final[dict[str, Any]] = {
    "version": 1,
    "vars": {"lake": "s3://acme", "limit": 5},
    "defaults": {"owner": "a@example.com", "kill_grace": "5s", "env": {"LANG": "C"}},
    "calendars": {
        "bank": {"weekdays": ["mon", "tue"], "except": ["2026-12-25"]},
        "all": {"weekdays": ["sun"]},
    },
    "queues": {"db": {"slots": 2}},
    "channels": {"oncall": {"command": ["tell", "{{ event.title }}"]}},
    "jobs": {
        "load": {
            "description": "load a day",
            "schedule": [
                {"cron": "30 6 * * mon", "calendar": "bank", "with": {"day": "x"}},
                {"cron": "0 9 * * sun", "calendar": "all", "with": {"day": "y"}},
            ],
            "timezone": "Europe/Oslo",
            "queue": "db",
            "params": {"day": {"type": "string"}, "how": {"type": "string", "default": "fast"}},
            "matrix": {"region": ["eu", "us"]},
            "timeout": "20m",
            "retry": {"attempts": 3, "delay": "10s"},
            "secrets": {"TOKEN": "env:TOKEN"},
            "env": {"DAY": "{{ params.day }}"},
            "steps": {
                "fetch": {
                    "run": "fetch {{ params.day }} {{ vars.lake }} {{ matrix.region }}",
                    "outputs": {"rows": {"type": "integer"}},
                },
                "store": {"needs": ["fetch"], "run": "store {{ steps.fetch.outputs.rows }} {{ params.how }}"},
                "each": {"for_each": "[1, 2]", "max_parallel": 2, "run": "echo {{ item }} {{ vars.limit }}"},
            },
            "notify": {"failed": ["oncall"]},
        },
        "tell": {
            "description": "after the other",
            "triggers": [{"after": "load"}, {"webhook": {"path": "tell", "secret": "KEY"}}],
            "secrets": {"KEY": "env:KEY"},
            "shell": "bash",
            "pass_env": ["REGION"],
            "idempotency_key": "{{ run.scheduled_at }}",
            "retry": 2,
            "http": {"url": "https://example.com", "method": "POST"},
        },
        "quick": {
            "description": "often",
            "schedule": "*/10 * * * *",
            "timeout": "5m",
            "working_dir": "/srv",
            "expect": {"success_every": "2h"},
            "catchup": {"mode": "last", "window": "1h"},
            "limits": {"core": "1MiB"},
            "env": {"HOW": "well"},
            "shell": "bash",
            "run": "set -o pipefail; echo $HOW | [[ -n x ]]; date",
        },
    },
}
Path = tuple[str | int, ...]
REMOVED: Final = object()


def removed_last(change: tuple[Path, object]) -> tuple[bool, list[int]]:
    """Removing an item moves those after it: the last one goes first."""
    path, value = change
    return value is REMOVED, [-step for step in path if isinstance(step, int)]


def planted(changes: Mapping[Path, object]) -> bytes:
    """The good file with other values at some paths."""
    tree = deepcopy(GOOD)
    for path, value in sorted(changes.items(), key=removed_last):
        here: Any = tree
        for step in path[:-1]:
            here = here[step]
        if value is REMOVED:
            del here[path[-1]]
        else:
            here[path[-1]] = value
    return json.dumps(tree, indent=1).encode()


def told(changes: Mapping[Path, object]) -> list[Diagnostic]:
    return list(check_files([("jobs.yaml", planted(changes))], now=NOW).diagnostics)


LOAD: Final = ("jobs", "load")
STEPS: Final = (*LOAD, "steps")
QUICK: Final = ("jobs", "quick")
TELL: Final = ("jobs", "tell")
MISTAKES: Final[dict[str, tuple[Path, object]]] = {
    # of shape
    "unknown key": ((*LOAD, "colour"), "red"),
    "unknown key of a step": ((*STEPS, "store", "tmeout"), "5m"),
    "unknown key of the file": (("colours",), {}),
    "unknown key of an entry": ((*LOAD, "schedule", 0, "colour"), "red"),
    "key of another tool": ((*LOAD, "retries"), 3),
    "timeout is a list": ((*LOAD, "timeout"), [5]),
    "retry has a wrong part": ((*LOAD, "retry", "attempts"), "many"),
    "queue is a map": ((*LOAD, "queue"), {"name": "db"}),
    "param without type": ((*LOAD, "params", "how"), {"default": "x"}),
    "param of a wrong type": ((*LOAD, "params", "day", "type"), "text"),
    "axis is no list": ((*LOAD, "matrix", "region"), "eu"),
    "env is a list": ((*LOAD, "env"), ["A"]),
    "secret is a map": ((*TELL, "secrets", "KEY"), {"secret": "x"}),
    "step is text": ((*STEPS, "fetch"), "fetch {{ params.day }} {{ vars.lake }} {{ matrix.region }}"),
    "output of a wrong type": ((*STEPS, "fetch", "outputs", "rows", "type"), "whole"),
    "loop is a map": ((*STEPS, "each", "for_each"), {}),
    "needs is a map": ((*STEPS, "store", "needs"), {"fetch": "x"}),
    "calendar without weekdays": (("calendars", "bank"), {"except": ["2026-12-25"]}),
    "calendar with wrong weekdays": (("calendars", "all", "weekdays"), ["someday"]),
    "slots are text": (("queues", "db", "slots"), "two"),
    "channel is text": (("channels", "oncall"), "tell"),
    "var is a map": (("vars", "lake"), {"a": 1}),
    "default is wrong": (("defaults", "kill_grace"), [5]),
    "description has no value": ((*QUICK, "description"), None),
    "shell is unknown": ((*QUICK, "shell"), "zhs"),
    "run is a list": ((*QUICK, "run"), ["echo"]),
    "schedule is a number in a map": ((*QUICK, "schedule"), {"cron": ["a"]}),
    "notify of an unknown event": ((*LOAD, "notify"), {"fialed": ["oncall"]}),
    "http without url": ((*TELL, "http"), {"method": "POST"}),
    "after without a job": ((*TELL, "triggers", 0), {"after": {"when": "failed"}}),
    "webhook secret is a list": ((*TELL, "triggers", 1, "webhook", "secret"), ["KEY"]),
    "idempotency key is a list": ((*TELL, "idempotency_key"), ["a"]),
    "window has no value": ((*QUICK, "catchup", "window"), None),
    "name of a job": (
        ("jobs", "Bad Name"),
        {"description": "x", "triggers": [{"after": "load"}], "run": "x"},
    ),
    "name of a step": ((*STEPS, "bad-name"), {"run": "x", "needs": ["each"]}),
    # of meaning
    "no duration": ((*QUICK, "timeout"), "5 minutes"),
    "no cron": ((*QUICK, "schedule"), "61 * * * *"),
    "unknown name": (
        (*STEPS, "store", "run"),
        "echo {{ params.nope }} {{ steps.fetch.outputs.rows }} {{ params.how }}",
    ),
    "braces after a dollar": (
        (*STEPS, "fetch", "run"),
        "a ${{ params.day }} {{ vars.lake }} {{ matrix.region }}",
    ),
    "unknown calendar": ((*LOAD, "schedule", 0, "calendar"), "bnak"),
    "unknown queue": ((*LOAD, "queue"), "dbb"),
    "unknown job": ((*TELL, "triggers", 0, "after"), "laod"),
    "unknown secret": ((*TELL, "triggers", 1, "webhook", "secret"), "KYE"),
    "unknown channel": ((*LOAD, "notify", "failed"), ["onclal"]),
    "unknown zone": ((*LOAD, "timezone"), "Mars/Base"),
    "unused var": (("vars", "spare"), "x"),
    "unused queue": (("queues", "spare"), {"slots": 1}),
    "no action": ((*QUICK, "run"), REMOVED),
    "no secret": ((*TELL, "secrets", "OTHER"), "the value itself"),
    "date that does not exist": (("calendars", "bank", "except"), ["2026-02-30"]),
    "core is no size": ((*QUICK, "limits", "core"), "a lot"),
    "unknown argument": ((*LOAD, "schedule", 1, "with", "dya"), "x"),
}
"""Name -> the place in the good file, and what is written there."""

Told = frozenset[tuple[str, Path]]


@cache
def told_about(name: str) -> Told:
    """What a mistake alone adds to what is said about the good file."""
    path, value = MISTAKES[name]
    return frozenset((one.code, one.path) for one in told({path: value})) - at_first()


@cache
def at_first() -> Told:
    return frozenset((one.code, one.path) for one in told({}))


def test_the_good_file_is_good() -> None:
    assert {code for code, _ in at_first()} <= {"JF601", "JF609", "JF610", "JF619"}


@together("name", MISTAKES)
def test_one_mistake_gives_one_message(name: str) -> None:
    assert len(told_about(name)) == 1, told({MISTAKES[name][0]: MISTAKES[name][1]})


def is_near(one: Path, other: Path) -> bool:
    """Whether two mistakes touch: one is in the other's place, or both decide one thing."""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


@st.composite
def independent(draw: st.DrawFn) -> list[str]:
    """Mistakes at places that do not touch."""
    chosen: list[str] = []
    for name in draw(st.lists(st.sampled_from(sorted(MISTAKES)), min_size=2, max_size=8, unique=True)):
        is_apart = not any(is_near(MISTAKES[name][0], MISTAKES[other][0]) for other in chosen)
        if is_apart and not {name, *chosen} >= {"name of a job", "unknown job"}:  # it may be its other name
            chosen.append(name)
    return chosen


@settings(max_examples=examples(75), deadline=None)
@given(independent())
def test_all_mistakes_are_found_in_one_pass(names: list[str]) -> None:
    changes = {MISTAKES[name][0]: MISTAKES[name][1] for name in names}
    found = told(changes)
    assert len(found) == len({(one.code, one.path) for one in found}), "none is told twice"
    expected = frozenset().union(*map(told_about, names))
    assert frozenset((one.code, one.path) for one in found) - at_first() == expected


def paths_of(value: object, path: Path = ()) -> list[Path]:
    """The paths of all values in a tree but the top."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, one in parts for found in ((*path, key), *paths_of(one, (*path, key)))]


ODD = st.sampled_from(
    [None, 5, "x", "{{ nope }}", True, [], [None], ["x"], {}, {"x": 1}, {"a": {"b": None}}, REMOVED]
)


@settings(max_examples=examples(75), deadline=None)
@given(st.dictionaries(st.sampled_from(paths_of(GOOD)), ODD, min_size=1, max_size=4), st.booleans())
def test_nothing_that_is_left_makes_it_raise(changes: dict[Path, object], has_shells: bool) -> None:
    apart: dict[Path, object] = {}
    for path, value in sorted(changes.items(), key=lambda one: len(one[0])):
        if not any(is_near(path, other) for other in apart):
            apart[path] = value
    files = [("jobs.yaml", planted(apart))]
    check_files(files, now=NOW, ask_shells=(lambda asked: [None] * len(asked)) if has_shells else None)


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        ("a: {run: x, run: 'echo {{ nope }}', timeout: 5 x}", ["JF006", "JF402", "JF110"]),
        ("a: {run: x, queue: db, queue: bd}", ["JF006", "JF204"]),
        ("a: {rum: 'echo {{ params.x }}', params: {x: {type: string}}}", ["JF101"]),
        ("a: {script: x, timeout: 5 x}", ["JF115", "JF110"]),
        ("a: {colour: red}", ["JF107", "JF101"]),
        ("a: {run: x, parms: {x: 1}, if: params.x == 'y'}", ["JF101"]),
        (
            "a: {steps: {b: {run: x, neds: []}, c: {run: 'echo {{ steps.b.status }} ${{ nope }}'}}}",
            ["JF101", "JF417", "JF402"],
        ),
        ("a: {run: 'echo $X', env: [X], shell: zshh}", ["JF103", "JF104"]),
        ("a: 5", ["JF103"]),
        ("a: {run: x, triggers: [{after: b}]}, b: 5", ["JF103"]),
    ],
)
def test_what_is_reported_about_a_job_with_several_mistakes(jobs: str, expected: list[str]) -> None:
    text = f"version: 1\nqueues: {{db: {{slots: 1}}}}\njobs: {{{jobs}, z: {{run: x, queue: db}}}}\n"
    found = check_files([("jobs.yaml", text.encode())]).diagnostics
    assert [one.code for one in found if one.severity != "info"] == expected
