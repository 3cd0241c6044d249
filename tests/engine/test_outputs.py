"""The outputs of an attempt: what is read, what makes it fail, and what is kept where."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.events import OutputsUndeclared
from engine.core.lifecycle import Ended, Lost, RunState
from engine.core.outputs import MAX_NAMES, Outputs, outputs_of, read_outputs
from engine.supervisor.evidence import OUTPUTS, beside
from engine.supervisor.outputs import MAX_OUTPUT_BYTES
from jobfile.model.jobs import ParamSpec, ParamType
from jobfile.model.values import Value
from tests.builders import NOON, a_job
from tests.engine.real import WAYS, Real, real_world
from tests.engine.world import World

N = ParamSpec(name="n", type=ParamType.INTEGER)
NAMES = ParamSpec(name="names", type=ParamType.ARRAY, item_type=ParamType.STRING)

TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=40)
VALUES = {
    ParamType.STRING: TEXTS,
    ParamType.INTEGER: st.integers(-(10**18) + 1, 10**18 - 1),
    ParamType.NUMBER: st.integers(-(10**6), 10**6) | st.floats(allow_nan=False, allow_infinity=False),
    ParamType.BOOLEAN: st.booleans(),
}
TYPED = st.sampled_from(list(VALUES)).flatmap(lambda kind: st.tuples(st.just(kind), VALUES[kind]))


@given(st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), TYPED, max_size=8), st.booleans())
def test_what_a_job_writes_comes_back_with_its_type(
    given_values: dict[str, tuple[ParamType, Value]], is_one_line: bool
) -> None:
    specs = [ParamSpec(name=name, type=kind) for name, (kind, _) in given_values.items()]
    plain = {name: value for name, (_, value) in given_values.items()}
    lines = [plain] if is_one_line else [{name: value} for name, value in plain.items()]
    found = read_outputs(specs, "\n".join(json.dumps(one) for one in lines))
    assert (dict(found.values), found.problems, found.undeclared) == (plain, (), ())


@pytest.mark.parametrize(
    ("text", "values", "problem"),
    [
        ('{"n": 1}\n{"n": 2}\n', {"n": 2}, None),
        ('\n  \n{"n": 1}', {"n": 1}, None),
        ("", {}, "output `n` is missing"),
        ('{"m": 1}', {}, "output `n` is missing"),
        ('{"n": "1"}', {}, "output `n`: expected an integer, found `1`"),
        ('{"n": true}', {}, "output `n`: expected an integer, found `true`"),
        ('{"n": 1.0}', {}, "output `n`: expected an integer, found `1.0`"),
        ('{"n": null}', {}, "output `n`: it is null"),
        ('{"n": {}}', {}, "output `n`: it is null, an object"),
        ('{"n": 1000000000000000000}', {}, "a number that is too large"),
        ('{"n": NaN}', {}, "line 1 of its outputs is not a JSON object"),
        ("rows=7", {}, 'line 1 of its outputs is not a JSON object such as {"rows": 1}: rows=7'),
        ('{"n": 1}\n[1]', {"n": 1}, 'line 2 of its outputs is not a JSON object such as {"rows": 1}: [1]'),
        ('{"n": 1}\n{"n"', {"n": 1}, "line 2"),
        ("[" * 9_000, {}, "line 1"),
    ],
)
def test_what_is_wrong_is_reported(text: str, values: dict[str, Value], problem: str | None) -> None:
    found = read_outputs([N], text)
    assert found.values == values
    assert (found.problems == ()) if problem is None else (problem in found.problems[0])


def test_a_list_has_items_of_its_type() -> None:
    assert read_outputs([NAMES], '{"names": ["a", "b"]}').values == {"names": ("a", "b")}
    for wrong in ('{"names": ["a", 1]}', '{"names": "a"}', '{"names": [null]}', '{"names": [["a"]]}'):
        assert read_outputs([NAMES], wrong).problems


def test_an_end_that_is_only_assumed_lacks_no_output() -> None:
    job = a_job(outputs=(N,))
    assumed = Ended(started_at=NOON, ended_at=NOON, exit_code=0, outputs=None)
    assert outputs_of(assumed, job) == outputs_of(Lost(at=NOON, reason="boot"), job) == Outputs()
    assert outputs_of(replace(assumed, outputs=""), job).problems
    assert outputs_of(replace(assumed, outputs='{"n": 3}'), job).values == {"n": 3}


def test_a_list_whose_items_have_no_declared_type_refuses_null() -> None:
    items = ParamSpec(name="items", type=ParamType.ARRAY)
    assert read_outputs([items], '{"items": ["a", null]}').problems
    assert read_outputs([items], '{"items": ["a", 1]}').values == {"items": ("a", 1)}


def test_infinite_numbers_are_refused() -> None:
    spec = ParamSpec(name="x", type=ParamType.NUMBER)
    assert read_outputs([spec], '{"x": 1e400}').problems


def test_at_most_a_hundred_outputs_are_read() -> None:
    many = json.dumps({f"x{number}": number for number in range(MAX_NAMES)})
    assert read_outputs([N], f'{{"n": 1}}\n{many}').problems == (f"it gave more than {MAX_NAMES} outputs",)
    assert read_outputs([N], many.replace("x0", "n")).problems == ()


def test_a_job_that_declares_nothing_cannot_fail_by_what_it_wrote() -> None:
    found = read_outputs([], '{"a": 1}\nrubbish')
    assert (found.problems, found.undeclared) == ((), ("a",))
    assert read_outputs([], "", trouble="gone").problems == ()


JOB = """\
version: 1
jobs:
  load:
    retry: {attempts: 2, delay: 1s, jitter: none}
    outputs: {rows: {type: integer, minimum: 1}}
    run: load
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, JOB)


def played(world: World, *texts: str) -> RunState:
    """Let each attempt of a run end with exit code 0 and these outputs; the run's state after them."""
    run = world.run_by_hand("load")
    for text in texts:
        (attempt,) = world.launcher.running()
        world.launcher.finish(attempt, outputs=text)
        world.worker.notice(attempt)
        world.step()
        world.pass_time(seconds=2)
    after = world.store.run(run.id)
    assert after is not None
    return after.state


def test_without_its_outputs_a_run_has_not_succeeded(world: World) -> None:
    assert played(world, '{"rows": 0}', "") is RunState.FAILED
    (run,) = world.view.recent_runs(job="load", state=None, limit=9)
    assert (run.reason, run.detail, run.exit_code) == ("outputs", "output `rows` is missing", 0)


def test_a_retry_can_give_what_was_missing(world: World) -> None:
    assert played(world, '{"rows": "x"}', '{"rows": 7, "extra": 1}') is RunState.SUCCEEDED
    (run,) = world.view.recent_runs(job="load", state=None, limit=9)
    assert [(one.name, one.value) for one in world.view.outputs(run.id)] == [("rows", 7)]
    told = [one for one in world.journal.events if isinstance(one, OutputsUndeclared)]
    assert [(one.number, one.names) for one in told] == [(2, ("extra",))]


@pytest.fixture(params=WAYS)
def real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Real:  # type: ignore[misc]
    yield from real_world(tmp_path, monkeypatch, way=request.param)


def end_with_outputs(real: Real, body: str, **fields: object) -> Ended:
    file = f"{real.folder}/gave"
    ended = real.end_of(real.launch("a", body.replace("FILE", file), output_file=file, **fields))
    assert isinstance(ended, Ended)
    return ended


def test_a_secret_among_the_outputs_is_masked_before_it_is_stored(real: Real) -> None:
    secret = 'pass"word\n&more'
    lines = "\n".join(json.dumps({name: f"{name}{secret}{name}"}) for name in ("a", "b"))
    (real.folder / "source").write_text(lines)
    ended = end_with_outputs(real, f"cp {real.folder}/source FILE", secrets={"S": secret})
    assert [json.loads(line) for line in ended.outputs.split("\n")] == [{"a": "a***a"}, {"b": "b***b"}]
    kept = (path for path in (real.folder / "runs").rglob("*") if path.is_file())
    assert not any(secret[:8].encode() in path.read_bytes() for path in kept)


@pytest.mark.parametrize(
    "body",
    ["mkfifo FILE", "ln -s /etc/passwd FILE", "mkdir FILE", ": > FILE", "ln -s FILE FILE"],
    ids=["pipe", "link", "folder", "empty", "circle"],
)
def test_what_is_not_a_file_with_text_counts_as_no_outputs(real: Real, body: str) -> None:
    ended = end_with_outputs(real, body)
    assert (ended.exit_code, ended.outputs, ended.outputs_trouble) == (0, "", "")


def test_more_than_the_limit_is_refused_whole(real: Real) -> None:
    ended = end_with_outputs(real, f"head -c {MAX_OUTPUT_BYTES + 1} /dev/zero > FILE")
    assert ended.outputs == ""
    assert str(MAX_OUTPUT_BYTES + 1) in ended.outputs_trouble
    assert str(MAX_OUTPUT_BYTES) in ended.outputs_trouble


def test_a_copy_that_was_forged_or_deleted_is_no_output(real: Real) -> None:
    order = real.launch("a", f"echo '{{\"n\": 1}}' > {real.folder}/gave", output_file=f"{real.folder}/gave")
    assert isinstance(real.end_of(order), Ended)
    copy = Path(beside(str(order.run_dir), OUTPUTS))
    whole = copy.read_bytes()
    assert copy.stat().st_mode & 0o777 == 0o600
    for spoilt in (whole.replace(b"1", b"2"), whole[:-2], b""):
        copy.write_bytes(spoilt)
        found = real.evidence(order)
        assert isinstance(found, Ended)
        assert (found.outputs, found.outputs_trouble) == ("", "the copy of its outputs is gone or damaged")
    copy.unlink()
    found = real.evidence(order)
    assert isinstance(found, Ended)
    assert found.outputs_trouble
