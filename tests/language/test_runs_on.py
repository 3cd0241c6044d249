"""The labels that a host must have to execute a job."""

import pytest

from jobfile.model.canonical import spec_from_json, spec_to_json, to_plain
from jobfile.model.jobs import JobSpec
from jobfile.pipeline import check_file
from jobfile.plan.fields import changed_fields
from tests.language.test_cases import compiled

WRITTEN = {
    "gpu": ("gpu",),
    "[gpu]": ("gpu",),
    "[gpu, eu]": ("eu", "gpu"),
    "[eu, gpu, eu]": ("eu", "gpu"),
    '"9"': ("9",),
    "9": ("9",),
    "[010, true]": ("010", "true"),
    "a_b-c": ("a_b-c",),
    "[a, b, c, d, e, f]": ("a", "b", "c", "d", "e", "f"),
    "[a, b, c, d, e, f, a]": ("a", "b", "c", "d", "e", "f"),
    "x" * 63: ("x" * 63,),
}
WRONG = {
    "GPU": "gpu",
    "cuda.12": "cuda-12",
    "gpu;eu": "[gpu, eu]",
    "gpu + EU": "[gpu, eu]",
    "-gpu": "gpu",
    "_gpu": "gpu",
    "'null '": "",
    '""': "",
    '"-"': "",
    "größe": "",
    "９": "",
    '"gpu, ?"': "",
    "[gpu eu]": "",
    "x" * 64: "",
}
"""What is no label, and what its author most likely meant."""


def text(labels: str, *, defaults: str = "") -> bytes:
    above = f"defaults: {{runs_on: {defaults}}}\n" if defaults else ""
    own = f", runs_on: {labels}" if labels else ""
    return f"version: 1\n{above}jobs:\n  a: {{run: ls{own}}}\n  b: {{run: ls}}\n".encode()


def spec(content: bytes) -> JobSpec:
    found = compiled(content)
    assert found.catalog is not None, found.diagnostics
    return found.catalog.jobs[0].spec


@pytest.mark.parametrize("labels", WRITTEN)
def test_one_label_or_several_are_sorted_and_unique(labels: str) -> None:
    found = spec(text(labels))
    assert found.runs_on == WRITTEN[labels]
    assert spec_from_json(spec_to_json(found)) == found


def test_the_order_and_the_form_change_no_digest() -> None:
    forms = ("[gpu, eu]", "[eu, gpu]", "[eu, gpu, gpu]", '["eu", gpu]')
    assert len({spec_to_json(spec(text(form))) for form in forms}) == 1


@pytest.mark.parametrize("labels", WRONG)
def test_what_is_no_label_is_refused_with_what_was_meant(labels: str) -> None:
    (found,) = [one for one in check_file("jobs.yaml", text(labels)).diagnostics if one.code == "JF105"]
    offered = [fix.edits[0].text for fix in found.fixes]
    assert offered == ([WRONG[labels]] if WRONG[labels] else [])


def test_a_mistake_in_the_defaults_is_found_once() -> None:
    found = check_file("jobs.yaml", text("", defaults="GPU")).diagnostics
    assert [one.code for one in found if one.severity == "error"] == ["JF105"]


def test_defaults_give_them_a_job_replaces_all_and_null_removes_them() -> None:
    assert spec(text("", defaults="[gpu, eu]")).runs_on == ("eu", "gpu")
    assert spec(text("us", defaults="[gpu, eu]")).runs_on == ("us",)
    assert spec(text("null", defaults="[gpu, eu]")).runs_on == ()


def test_a_step_has_none_of_its_own() -> None:
    content = b"version: 1\njobs:\n  a: {steps: {x: {run: ls, runs_on: gpu}}}\n"
    assert "JF101" in {one.code for one in check_file("jobs.yaml", content).diagnostics}


def test_a_job_without_labels_has_the_digest_that_it_had_and_a_plan_names_the_change() -> None:
    without, other = spec(text("")), spec(text("[gpu, eu]"))
    assert "runs_on" not in to_plain(without)
    (change,) = changed_fields(without, other)
    assert (change.path, change.before, change.after) == (("runs_on",), (), ("eu", "gpu"))
