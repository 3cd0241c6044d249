"""Every limit: silent at it, told one beyond it, at the right place; and nothing costs more than its size.

Depth, nodes, scalars, anchors and aliases are limits of reading: test_document.py.
"""

import gc
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from jobfile.checks.limits import MAX_BROUGHT, MAX_JOBS, MAX_STEPS
from jobfile.expressions.params import MAX_PATTERN
from jobfile.expressions.template import MAX_BRACKETS, MAX_DEPTH, MAX_SOURCE
from jobfile.expressions.template import MAX_NODES as MAX_PARTS
from jobfile.files.include import MAX_FILES, MAX_TREE_BYTES
from jobfile.files.matrix import MAX_COMBINATIONS
from jobfile.pipeline import File, check_files
from jobfile.schedule.cron import MAX_LENGTH as MAX_CRON
from jobfile.syntax.document import MAX_FILE_BYTES
from jobfile.syntax.located_reader import MAX_NODES
from tests.language.hostile import BOMBS, GROWING, SLOW, cost
from tests.soak import IS_SOAK
from tests.together import together

Told = list[tuple[str, str, int, int]]
MAX_SECONDS = 2.0
"""For any one file, and half a millisecond for each finding about it: on the machine of `reference`."""
TRIES = 3
"""As long as it takes too long, a file is looked at again: another process may have had the cache."""
MAX_MEBIBYTES = 400
GROWTH = 8
MOST_GROWTH = 2 * GROWTH
"""Linear is eight times; what is quadratic is sixty-four times."""


def told(*files: str | File) -> Told:
    """The errors with their files and places."""
    named = [("jobs.yaml", one.encode()) if isinstance(one, str) else one for one in files]
    return [
        (one.code, one.file, one.span.start.line, one.span.start.column)
        for one in check_files(named).diagnostics
        if one.is_error
    ]


def job(*lines: str) -> str:
    return "version: 1\njobs:\n  a:\n" + "".join(f"    {line}\n" for line in lines)


def at(code: str, line: int, column: int) -> Told:
    return [(code, "jobs.yaml", line, column)]


@pytest.fixture
def nothing_collected() -> Iterator[None]:
    """The garbage collector reads all that this process holds, which is other tests' and not the file's."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_a_file_has_at_most_a_mebibyte() -> None:
    start = "version: 1\n# "
    full = start + "x" * (MAX_FILE_BYTES - len(start))
    assert told(full) == []
    assert told(full + "x") == at("JF017", 1, 1)
    assert told(start + "é" * (MAX_FILE_BYTES // 2 - 10) + "\n# " + "x" * 40) == at("JF017", 1, 1)


def test_a_job_has_a_hundred_steps() -> None:
    steps = ["steps:", *(f"  s{number}: {{run: x}}" for number in range(MAX_STEPS))]
    assert told(job(*steps)) == []
    assert told(job(*steps, "  more: {run: x}")) == at("JF017", 5 + MAX_STEPS, 7)


def test_the_combinations_of_a_matrix_are_limited() -> None:
    values = ", ".join(str(number) for number in range(MAX_COMBINATIONS))
    assert told(job("run: x", f"matrix: {{m: [{values}]}}")) == []
    assert told(job("run: x", f"matrix: {{m: [{values}, 256]}}")) == at("JF505", 5, 5)
    assert told(job("run: x", f"matrix: {{m: [1, 2], n: [{', '.join('abcdefg' * 20)}]}}")) == at(
        "JF505", 5, 5
    )


def many_jobs(count: int) -> list[File]:
    per_file = MAX_NODES // 4 - 10
    files = [("jobs.yaml", b'version: 1\ninclude: ["jobs/*.yaml"]\n')]
    for start in range(0, count, per_file):
        names = range(start, min(count, start + per_file))
        text = "version: 1\njobs:\n" + "".join(f"  j{number}: {{run: x}}\n" for number in names)
        files.append((f"jobs/{start:05}.yaml", text.encode()))
    return files


@pytest.mark.usefixtures("nothing_collected")
def test_all_files_have_twenty_thousand_jobs() -> None:
    (found,) = told(*many_jobs(MAX_JOBS + 1))
    last_file, last_text = many_jobs(MAX_JOBS + 1)[-1]
    assert found == ("JF017", last_file, last_text.count(b"\n"), 3)
    assert told(*many_jobs(MAX_JOBS)) == []


def test_the_files_and_bytes_of_a_tree_are_limited() -> None:
    main = 'version: 1\ninclude: ["jobs/*.yaml"]\n'
    files = [(f"jobs/{number}.yaml", b"version: 1\n") for number in range(MAX_FILES + 1)]
    assert told(main, *files[:-1]) == []
    assert told(main, *files) == at("JF017", 2, 1)
    room = MAX_FILE_BYTES - 20
    full, rest = divmod(MAX_TREE_BYTES - len(main), room)
    sizes = [*[room] * full, rest]
    large = [(f"jobs/{number}.yaml", b"version: 1\n#".ljust(size, b"x")) for number, size in enumerate(sizes)]
    assert told(main, *large) == []
    assert told(main, *large[:-1], (large[-1][0], large[-1][1] + b"x")) == at("JF017", 2, 1)


@pytest.mark.usefixtures("nothing_collected")
def test_the_values_from_defaults_and_matrices_are_limited() -> None:
    names = 499
    head = "defaults: {env: {" + ", ".join(f"V{number}: x" for number in range(names)) + "}}\n"
    jobs = [f"  j{number}: {{run: x}}\n" for number in range(MAX_BROUGHT // (names + 2) + 1)]
    fits = "version: 1\n" + head + "jobs:\n" + "".join(jobs[:-1])
    assert told(fits) == []
    assert told(fits + jobs[-1]) == at("JF017", 3 + len(jobs), 3)


def test_a_cron_expression_is_short() -> None:
    minutes = ",".join(str(number % 60) for number in range(60))[: MAX_CRON - len(" 4 * * *")].rstrip(",")
    full = minutes + " 4 * * *" + " " * (MAX_CRON - len(minutes) - len(" 4 * * *"))
    assert told(job("run: x", f"schedule: '{full}'")) == []
    assert [one[:1] for one in told(job("run: x", f"schedule: '{full} '"))] == [("JF301",)]


def test_a_pattern_is_short() -> None:
    param = "params: {a: {type: string, default: x, pattern: %s}}"
    assert (
        told(
            job("run: x", param.replace("default: x", f"default: {'a' * MAX_PATTERN}") % ("a" * MAX_PATTERN))
        )
        == []
    )
    assert told(job("run: x", param % ("a" * (MAX_PATTERN + 1)))) == at("JF106", 5, 53)


@pytest.mark.parametrize(
    ("fits", "breaks"),
    [
        ("'" + "x" * (MAX_SOURCE - 4) + "'", "'" + "x" * (MAX_SOURCE - 3) + "'"),
        ("'" + "[" * MAX_BRACKETS + "'", "'" + "[" * (MAX_BRACKETS + 1) + "'"),
        ("- " * MAX_DEPTH + "1", "- " * (MAX_DEPTH + 1) + "1"),
        ("+".join("1" * (MAX_DEPTH + 1)), "+".join("1" * (MAX_DEPTH + 2))),
        ("~".join("1" * MAX_DEPTH), "~".join("1" * (MAX_DEPTH + 1))),
        (
            "[" + ", ".join("1" * (MAX_PARTS - 2)) + "] | length",
            "[" + ", ".join("1" * (MAX_PARTS - 1)) + "] | length",
        ),
        ("9223372036854775807", "9223372036854775808"),
        ("1e308", "1e309"),
    ],
    ids=["size", "brackets", "depth", "sum", "join", "nodes", "integer", "number"],
)
def test_an_expression_has_a_size(fits: str, breaks: str) -> None:
    text = 'command: [echo, "{{ %s }}"]'
    assert told(job(text % fits)) == []
    assert told(job(text % breaks)) == at("JF401", 4, 22)


# What costs more than it is


Spending = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="module")
def spending() -> Iterator[Spending]:
    """What a file costs a process that looks at nothing else."""
    command = [sys.executable, "-m", "tests.language.hostile"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        names, told = process.stdin, process.stdout

        def spent(name: str) -> dict[str, Any]:
            print(name, file=names, flush=True)
            answer: dict[str, Any] = json.loads(told.readline())
            return answer

        yield spent


def seconds_too_many(name: str, spending: Spending) -> tuple[float, dict[str, Any]]:
    """By how much a file takes longer than it may, and what it has cost."""
    for _ in range(TRIES):
        spent = spending(name)
        assert "code" not in spent, "its process ended without an answer"
        over = spent["seconds"] - MAX_SECONDS - spent["findings"] / 2000
        if over < 0:
            break
    return over, spent


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_before_the_memory_is_spent(name: str, spending: Spending) -> None:
    over, spent = seconds_too_many(name, spending)
    assert BOMBS[name][1] in spent["codes"]
    assert spent["mebibytes"] < MAX_MEBIBYTES
    assert over < 0, spent


@together("name", SLOW)
def test_one_long_line_costs_no_more_than_its_length(name: str, spending: Spending) -> None:
    over, spent = seconds_too_many(name, spending)
    assert over < 0, spent


@pytest.mark.usefixtures("nothing_collected")
@pytest.mark.parametrize("name", GROWING)
def test_time_grows_with_size(name: str) -> None:
    make, size = GROWING[name]
    size *= 1 + IS_SOAK
    cost(make(size + 3))
    for _ in range(3):  # another process may have had the processor's cache
        small, large = (cost(make(number))[0] for number in (size, size * GROWTH))
        if large <= max(0.05, small * MOST_GROWTH):
            return
        size += 1  # what was parsed once is remembered
    pytest.fail(f"{small:.3f} s, and {large:.3f} s for {GROWTH} times the size")
