"""The keys around a job's process: what they compile to, and what a plan says of them."""

import pytest

from jobfile.model.canonical import spec_from_json, spec_to_json, to_plain
from jobfile.model.containers import ContainerSpec, Runtime
from jobfile.model.jobs import DiskPriority, JobSpec, LimitsSpec, StepsAction
from jobfile.plan.fields import changed_fields
from tests.language.test_cases import compiled

KEYS = {
    "user: backup": ("user", "backup"),
    "nice: -20": ("nice", -20),
    "io: idle": ("io", DiskPriority.IDLE),
    "limits: {memory: 1024MiB, processes: 9}": ("limits", LimitsSpec(memory="1GiB", processes=9)),
    "container: {image: a, runtime: podman}": (
        "container",
        ContainerSpec(image="a", runtime=Runtime.PODMAN),
    ),
}


def spec(keys: str, *, defaults: str = "") -> JobSpec:
    above = f"defaults: {{{defaults}}}\n" if defaults else ""
    found = compiled(f"version: 1\n{above}jobs:\n  a: {{run: ls{keys and f', {keys}'}}}\n".encode())
    assert found.catalog is not None, found.diagnostics
    return found.catalog.jobs[0].spec


@pytest.mark.parametrize("keys", KEYS)
def test_a_key_compiles_survives_the_ledger_and_is_in_a_plan(keys: str) -> None:
    field, value = KEYS[keys]
    plain, other = spec(""), spec(keys)
    assert field not in to_plain(plain), "absent, it changes no digest"
    assert getattr(other, field) == value
    assert spec_from_json(spec_to_json(other)) == other
    changes = changed_fields(plain, other)
    assert {change.path[0] for change in changes} == {field}


@pytest.mark.parametrize("keys", [one for one in KEYS if "container" not in one])
def test_defaults_give_it_and_null_removes_it(keys: str) -> None:
    field, value = KEYS[keys]
    assert getattr(spec("", defaults=keys), field) == value
    removed = getattr(spec(f"{field}: null", defaults=keys), field)
    assert removed in (None, LimitsSpec())


def test_a_step_has_the_container_of_its_job_or_its_own_or_none() -> None:
    steps = "{x: {run: ls}, y: {run: ls, container: {image: b}}, z: {run: ls, container: null}}"
    found = compiled(f"version: 1\njobs:\n  a: {{container: {{image: a}}, steps: {steps}}}\n".encode())
    assert found.catalog is not None
    action = found.catalog.jobs[0].spec.action
    assert isinstance(action, StepsAction)
    images = [None if one.container is None else one.container.image for one in action.steps]
    assert images == ["a", "b", None]
