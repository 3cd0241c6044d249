"""Scripts as people write them: what is fine is not reported, and what is dangerous is.

The files are in tests/data/scripts. A script begins with `=== NAME | KEYS OF THE JOB; MORE KEYS | CODES`; the
codes are what a careful reviewer wants. A line `: KEY: VALUE` adds a key. A file is checked in one pass.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from engine.sources.shell_syntax import SyntaxChecker
from jobfile.diagnostics.diagnostic import Diagnostic, Severity
from jobfile.pipeline import check_files
from tests.together import together

FOLDER = Path(__file__).parent.parent / "data" / "scripts"
FINE = ("ordinary", "templates", "secrets", "more", "hard")
MOST_UNWANTED = 0.05
"""The share of fine scripts that may have a warning that nobody wants."""
TOP: Mapping[str, Any] = {
    "version": 1,
    "vars": {"host": "db.example.com", "db": "shop", "dir": "/etc/shop", "sizes": ["small", "large"]},
}
PARAMS: Mapping[str, Mapping[str, Any]] = {
    "x": {"type": "string"},
    "n": {"type": "integer", "default": 3},
    "day": {"type": "string", "format": "date", "default": "2026-11-23"},
    "dry": {"type": "boolean", "default": False},
    "kind": {"type": "string", "enum": ["full", "diff"], "default": "full"},
}
SHELLS = SyntaxChecker()


class Written(NamedTuple):
    """A script or another action, as the keys of a job, and the codes that are wanted."""

    name: str
    keys: Mapping[str, Any]
    wanted: frozenset[str]


def blocks(name: str) -> Iterator[Written]:
    for block in re.split(r"^=== ", (FOLDER / f"{name}.txt").read_text(), flags=re.MULTILINE)[1:]:
        head, _, body = block.partition("\n")
        title, *more = re.split(r" \| (?=[a-z_]+: |JF\d)", head)
        lines = body.splitlines()
        texts = [part for one in more if not one.startswith("JF") for part in one.split("; ")]
        texts += [line[2:] for line in lines if line.startswith(": ")]
        script = "\n".join(line for line in lines if not line.startswith(": "))
        keys = {key: value for text in texts for key, value in yaml.safe_load(text).items()}
        wanted = {code for one in more if one.startswith("JF") for code in one.split()}
        yield Written(title, {**({"run": script + "\n"} if script else {}), **keys}, frozenset(wanted))


def lines(name: str) -> Iterator[Written]:
    for number, line in enumerate((FOLDER / f"{name}.txt").read_text().splitlines(), 1):
        matrix = {"matrix": {"host": ["web1", "web2"]}} if "matrix." in line else {}
        yield Written(f"line-{number}", {"run": line.replace("\\n", "\n"), **matrix}, frozenset())


def rows(name: str) -> Iterator[Written]:
    for line in (FOLDER / f"{name}.tsv").read_text().splitlines():
        code, place, key, value = line.split("\t")
        keys = {"run": value} if place == "run" else {"env": {key: value}, "command": ["env"]}
        yield Written(f"{key}={value[:20]}", keys, frozenset({code} - {"-"}))


@cache
def written(name: str) -> Sequence[Written]:
    return list({"templates": lines, "secrets": rows}.get(name, blocks)(name))


def with_params(keys: Mapping[str, Any]) -> dict[str, Any]:
    used = {name: spec for name, spec in PARAMS.items() if f"params.{name}" in str(keys)}
    return {**({"params": used} if used else {}), **keys}


@cache
def found(name: str) -> Sequence[tuple[Written, Sequence[Diagnostic]]]:
    """Each script of a file, with what is said of it from level warning up."""
    ones = written(name)
    jobs = {f"j{number}": with_params(one.keys) for number, one in enumerate(ones)}
    for number, job in enumerate(jobs.values()):
        needs_x = "x" in job.get("params", {})
        entry = {"cron": f"{number % 60} {number // 60} * * *", **({"with": {"x": "a"}} if needs_x else {})}
        job["schedule"] = entry
    text = yaml.safe_dump({**TOP, "jobs": jobs}, sort_keys=False, width=10_000)
    looked = check_files([("jobs.yaml", text.encode())], ask_shells=SHELLS.check)
    said: dict[str, list[Diagnostic]] = {job: [] for job in jobs}
    for one in looked.diagnostics:
        if one.severity is not Severity.INFO and one.code != "JF603":
            said[str(one.path[1])].append(one)
    return list(zip(ones, said.values(), strict=True))


def codes(name: str) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    return {one.name: (one.wanted, frozenset(each.code for each in said)) for one, said in found(name)}


def test_the_files_have_the_scripts_of_many_kinds() -> None:
    assert [len(written(name)) for name in FINE] == [45, 56, 33, 60, 62]
    assert len(written("dangers")) >= 25
    assert len({code for one in written("dangers") for code in one.wanted}) >= 20


@pytest.mark.parametrize("name", FINE)
def test_no_fine_script_has_an_error(name: str) -> None:
    errors = {one.name: each.message for one, said in found(name) for each in said if each.is_error}
    assert errors == {}


def test_hardly_a_fine_script_has_a_useless_warning() -> None:
    unwanted = {
        f"{name}/{one.name}": sorted({each.code for each in said} - one.wanted)
        for name in FINE
        for one, said in found(name)
        if {each.code for each in said} - one.wanted
    }
    count = sum(len(written(name)) for name in FINE)
    assert len(unwanted) <= MOST_UNWANTED * count, unwanted


@pytest.mark.parametrize("name", FINE)
def test_what_a_reviewer_wants_of_a_fine_script_is_said(name: str) -> None:
    missing = {title: sorted(wanted - said) for title, (wanted, said) in codes(name).items() if wanted - said}
    assert missing == {}


@together("one", written("dangers"))
def test_a_danger_is_reported(one: Written) -> None:
    _, said = codes("dangers")[one.name]
    assert one.wanted <= said
