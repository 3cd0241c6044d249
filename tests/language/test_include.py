"""Included files: the meaning of a pattern, the allowed keys, and whose defaults win."""

from fnmatch import fnmatchcase
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobfile.files.include import leaves_folder, matches
from jobfile.pipeline import Compiled, compile_files
from tests.together import together

MAIN = (
    "version: 1\ninclude: [jobs/*.yaml]\ndefaults: {timezone: Europe/Oslo, owner: main, env: {A: m, B: m}}\n"
)


def compiled(main: str, **others: str) -> Compiled:
    named = [(name.replace("__", "/") + ".yaml", text.encode()) for name, text in others.items()]
    return compile_files([("jobs.yaml", main.encode()), *named])


def codes(found: Compiled) -> list[tuple[str, str]]:
    return [(one.code, one.file) for one in found.diagnostics if one.is_error]


@together(
    ("pattern", "name", "is_meant"),
    [
        ("a.yaml", "a.yaml", True),
        ("./a.yaml", "a.yaml", True),
        ("jobs/*.yaml", "jobs/a.yaml", True),
        ("jobs/*.yaml", "jobs/deep/a.yaml", False),
        ("jobs/*.yaml", "jobs/.hidden.yaml", False),
        ("jobs/.*.yaml", "jobs/.hidden.yaml", True),
        ("jobs/**/*.yaml", "jobs/a.yaml", True),
        ("jobs/**/*.yaml", "jobs/x/y/a.yaml", True),
        ("**/a.yaml", "a.yaml", True),
        ("**", "x/y.yaml", True),
        ("**", ".x/y.yaml", False),
        ("**/*.yaml", "x/.y/a.yaml", False),
        ("x/**/y/**/*.yaml", "x/.z/y/a.yaml", False),
        ("x/**/y/**/*.yaml", "x/z/y/z/a.yaml", True),
        (".x/**/*.yaml", ".x/y/a.yaml", True),
        ("**/.y/*.yaml", "x/.y/a.yaml", True),
        ("a?.yaml", "ab.yaml", True),
        ("a?.yaml", "a/.yaml", False),
        ("a.yaml", "axyaml", False),
        ("[a].yaml", "[a].yaml", True),
        ("[a].yaml", "a.yaml", False),
    ],
)
def test_a_pattern_means_these_files(pattern: str, name: str, is_meant: bool) -> None:
    assert matches(pattern, name) is is_meant


PART = st.text(alphabet="ab.", min_size=1, max_size=3).filter(lambda part: part not in (".", ".."))


@given(st.lists(PART, min_size=1, max_size=3), st.lists(st.sampled_from(["*", "a*", "?b", "ab"]), max_size=3))
def test_without_stars_over_folders_a_pattern_is_its_parts(names: list[str], parts: list[str]) -> None:
    expected = len(names) == len(parts) and all(
        fnmatchcase(name, part) and name.startswith(".") == part.startswith(".")
        for name, part in zip(names, parts, strict=False)
    )
    if parts:
        assert matches("/".join(parts), "/".join(names)) is expected
        assert PurePosixPath("/".join(names)).parts == tuple(names)


@pytest.mark.parametrize("path", ["/etc/jobs.yaml", "../a.yaml", "a/../../b.yaml", "~/a.yaml", "a\\..\\b"])
def test_these_paths_can_leave_the_folder(path: str) -> None:
    assert leaves_folder(path)
    assert ("JF022", "jobs.yaml") in codes(compiled(f"version: 1\ninclude: ['{path}']\n"))


def test_an_included_job_has_the_defaults_of_its_file_above_those_of_the_main_one() -> None:
    found = compiled(
        MAIN + "jobs: {a: {run: echo}}\n",
        jobs__x="version: 1\ndefaults: {owner: own, env: {B: x, C: x}}\n"
        "jobs: {b: {run: echo, env: {C: null}}}\n",
    )
    assert found.catalog is not None, found.diagnostics
    first, second = found.catalog.jobs
    assert (first.spec.owner, second.spec.owner) == ("main", "own")
    assert (first.spec.timezone, second.spec.timezone) == ("Europe/Oslo", "Europe/Oslo")
    assert dict(second.spec.env) == {"A": "m", "B": "x"}
    assert second.origin.file == "jobs/x.yaml"


def test_constants_queues_and_calendars_of_the_main_file_are_known_in_included_ones() -> None:
    main = "version: 1\ninclude: [more.yaml]\nvars: {lake: s3}\nqueues: {db: {slots: 2}}\njobs: {}\n"
    more = "version: 1\njobs: {a: {queue: db, run: 'echo {{ vars.lake }}'}}\n"
    assert [one.code for one in compiled(main, more=more).diagnostics if one.severity != "info"] == []


def test_only_jobs_and_their_defaults_are_allowed_in_an_included_file() -> None:
    for key in ("vars: {a: 1}", "include: [x.yaml]", "calendars: {}", "queues: {}", "channels: {}"):
        found = compiled(MAIN + "jobs: {}\n", jobs__x=f"version: 1\n{key}\njobs: {{}}\n")
        assert ("JF021", "jobs/x.yaml") in codes(found), key
    assert codes(compiled(MAIN + "jobs: {}\n", jobs__x="version: 1\nx-anchors: {}\njobs: {}\n")) == []


def test_a_broken_included_file_makes_no_further_noise() -> None:
    main = MAIN + "jobs: {report: {triggers: [{after: load}], run: 'echo {{ trigger.outputs.rows }}'}}\n"
    found = compiled(main, jobs__x="version: 1\njobs: {load: [\n")
    assert [code for code, _ in codes(found)] == ["JF001"]
    half = compiled(main, jobs__x="version: 1\njobs: {load: {rum: x, outputs: [rows]}, other: {run: echo}}\n")
    assert [code for code, _ in codes(half)] == ["JF101", "JF103"]
    none = compiled(main, jobs__x="version: 1\njobs: {load: echo, other: {run: echo}}\n")
    assert [code for code, _ in codes(none)] == ["JF103"]


def test_findings_come_main_file_first_then_in_the_order_of_the_files() -> None:
    bad = "version: 1\njobs: {%s: {timeout: 5, run: echo}}\n"
    found = compiled(MAIN + "jobs: {m: {timeout: 5, run: echo}}\n", jobs__a=bad % "a", jobs__b=bad % "b")
    assert [file for _, file in codes(found)] == ["jobs.yaml", "jobs/a.yaml", "jobs/b.yaml"]


def test_where_a_job_is_written_does_not_change_its_digest() -> None:
    job = "jobs: {a: {owner: x, run: 'echo hi'}}\n"
    one = compiled("version: 1\n" + job).catalog
    two = compiled("version: 1\ninclude: [b.yaml]\n", b="# moved\nversion: 1\n" + job).catalog
    assert one is not None
    assert two is not None
    assert one.digest == two.digest
