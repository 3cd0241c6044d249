"""The limit of core files: sizes in units of 1,024, whatever other tools mean by theirs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.model.canonical import spec_from_json, spec_to_json, to_plain
from jobfile.model.jobs import JobSpec
from jobfile.model.size import MAX_SIZE, format_size, parse_size
from jobfile.pipeline import check_file
from jobfile.plan.fields import changed_fields
from tests.language.test_cases import compiled

UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
WRONG = {
    "100M": "100MiB",
    "1g": "1GiB",
    "512 k": "512KiB",
    "1gib": "1GiB",
    '" 1GiB "': "1GiB",
    "100MB": "",
    "1kB": "",
    "4096": "",
    "-1": "",
    "0B": "",
    "1.5GiB": "",
    "unlimited": "",
    "true": "",
    "2000TiB": "",
    "9999999999999999999TiB": "",
    '"１MiB"': "",
    '""': "",
}
"""What is no size, and what its author meant beyond doubt."""


def text(limits: str, *, defaults: str = "") -> bytes:
    above = f"defaults: {{limits: {defaults}}}\n" if defaults else ""
    own = f", limits: {limits}" if limits else ""
    return f"version: 1\n{above}jobs:\n  a: {{run: touch report{own}}}\n".encode()


def spec(content: bytes) -> JobSpec:
    found = compiled(content)
    assert found.catalog is not None, found.diagnostics
    (job,) = found.catalog.jobs
    return job.spec


def findings(content: bytes) -> list[str]:
    return [one.code for one in problems(content)]


def problems(content: bytes) -> list[Diagnostic]:
    """The errors and warnings in a file."""
    return [one for one in check_file("jobs.yaml", content).diagnostics if one.severity != "info"]


@given(st.integers(0, 2**20), st.sampled_from(list(UNITS)))
def test_a_size_is_read_back_from_its_one_text(number: int, unit: str) -> None:
    size = parse_size(f"{number}{unit}")
    if number * UNITS[unit] > MAX_SIZE:
        assert size is None
    else:
        assert size == number * UNITS[unit]
        assert parse_size(format_size(size)) == size


@pytest.mark.parametrize(
    ("written", "core"),
    [("0", "0"), ("none", "none"), ("100MiB", "100MiB"), ("1024KiB", "1MiB"), ("0GiB", "0"), ('"0"', "0")],
)
def test_a_job_says_its_limit_in_one_form(written: str, core: str) -> None:
    job = spec(text(f"{{core: {written}}}"))
    assert job.limits.core == core
    assert spec_from_json(spec_to_json(job)) == job


@pytest.mark.parametrize("written", WRONG)
def test_an_invalid_size_is_refused_and_fixed_only_if_its_meaning_is_clear(written: str) -> None:
    diagnostics = check_file("jobs.yaml", text(f"{{core: {written}}}")).diagnostics
    (found,) = [one for one in diagnostics if one.code == "JF106"]
    assert [fix.edits[0].text for fix in found.fixes] == ([WRONG[written]] if WRONG[written] else [])
    assert "MiB" in " ".join((found.label, *found.help))


def test_a_limit_that_is_unknown_is_told_with_those_that_are_known() -> None:
    (found,) = problems(text("{nofile: 4}"))
    assert found.code == "JF101"
    assert "`core`, `memory`, `cpu_seconds`, `open_files`, `file_size`, `processes`" in found.help[0]


@pytest.mark.parametrize(
    ("limits", "wrong"),
    [
        ("{memory: 1GiB, file_size: 0, cpu_seconds: 60, open_files: 16, processes: 1}", ""),
        ("{memory: 1MiB}", "`memory` must be at least 4MiB, found `1MiB`"),
        ("{memory: none}", "`none` is not a size"),
        ("{file_size: 1GB}", "`1GB` is not a size"),
        ("{cpu_seconds: 0}", "cpu_seconds"),
        ("{open_files: 3}", "open_files"),
        ("{processes: many}", "processes"),
    ],
)
def test_each_limit_is_a_size_or_a_number(limits: str, wrong: str) -> None:
    found = problems(text(limits))
    assert bool(found) == bool(wrong)
    assert all(wrong in one.message and "none" not in one.label for one in found)


@pytest.mark.parametrize(
    ("content", "codes"),
    [
        (text("{}"), ["JF106"]),
        (text("0"), ["JF103"]),
        (text("[core]"), ["JF103"]),
        (text("{core: null}"), ["JF108"]),
        (b"version: 1\njobs:\n  a: {run: touch report, core: 0}\n", ["JF101"]),
    ],
)
def test_a_limit_belongs_in_the_map_of_limits(content: bytes, codes: list[str]) -> None:
    assert findings(content) == codes


def test_defaults_set_it_and_null_removes_it() -> None:
    assert spec(text("", defaults="{core: 0}")).limits.core == "0"
    assert spec(text("{core: none}", defaults="{core: 0}")).limits.core == "none"
    assert spec(text("null", defaults="{core: 0}")).limits.core is None


def test_a_job_without_one_has_the_digest_that_it_had_and_a_plan_names_the_change() -> None:
    without, other = spec(text("")), spec(text("{core: 0}"))
    assert "limits" not in to_plain(without)
    (change,) = changed_fields(without, other)
    assert (change.path, change.before, change.after) == (("limits", "core"), None, "0")
