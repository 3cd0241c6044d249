"""The umask of a job: octal digits as written, even if YAML parsers read them differently."""

import pytest

from jobfile.model.canonical import to_plain
from jobfile.model.jobs import JobSpec
from jobfile.pipeline import check_file
from jobfile.plan.fields import changed_fields
from tests.language.test_cases import compiled

JOB = "version: 1\n{defaults}jobs:\n  a: {{run: touch report{umask}}}\n"
WRONG = {
    "27": '"027"',
    "7": '"007"',
    "0o27": '"027"',
    "0O022": '"022"',
    "0": '"000"',
    "18": "",
    "189": "",
    "0888": "",
    "1777": "",
    "0x12": "",
    "-22": "",
    "2.2": "",
    "u=rwx": "",
    "true": "",
    '"0 22"': "",
    '"０２２"': "",
    '"{{ params.x }}"': "",
}
"""What is no umask, and what its author most likely meant."""


def text(umask: str, *, defaults: str = "") -> bytes:
    above = f"defaults: {{umask: {defaults}}}\n" if defaults else ""
    return JOB.format(defaults=above, umask=f", umask: {umask}" if umask else "").encode()


def spec(content: bytes) -> JobSpec:
    found = compiled(content)
    assert found.catalog is not None, found.diagnostics
    (job,) = found.catalog.jobs
    return job.spec


@pytest.mark.parametrize("number", [*range(0, 0o1000, 37), 0o777])
def test_a_umask_means_the_same_with_and_without_a_leading_zero_and_quotes(number: int) -> None:
    digits = f"{number:03o}"
    forms = (digits, f'"{digits}"', f"'0{digits}'", f"0{digits}")
    assert {spec(text(form)).umask for form in forms} == {digits}


@pytest.mark.parametrize("written", WRONG)
def test_an_invalid_umask_is_refused_with_what_was_meant(written: str) -> None:
    findings = check_file("jobs.yaml", text(written)).diagnostics
    (found,) = [one for one in findings if one.code == "JF106"]
    assert "is not a umask" in found.message
    offered = [fix.edits[0].text for fix in found.fixes]
    assert offered == ([WRONG[written]] if WRONG[written] else [])


def test_defaults_set_it_and_null_removes_it() -> None:
    assert spec(text("", defaults='"077"')).umask == "077"
    assert spec(text("022", defaults='"077"')).umask == "022"
    assert spec(text("null", defaults='"077"')).umask is None


def test_a_job_without_one_has_the_digest_that_it_had_and_a_plan_names_the_change() -> None:
    without, other = spec(text("")), spec(text("027"))
    assert "umask" not in to_plain(without)
    (change,) = changed_fields(without, other)
    assert (change.path, change.before, change.after) == (("umask",), None, "027")
