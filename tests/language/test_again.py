"""Complete jobs that some file gave are known again; those that were edited afterwards are not."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from jobfile.compile.again import find_foreign
from jobfile.model.canonical import spec_from_json, spec_to_json
from jobfile.model.jobs import JobSpec, ScriptAction, StepsAction
from jobfile.pipeline import compile_files
from tests.known import known_files

FILES = [path for folder in ("tests/language", "samples") for path in known_files(folder, "*.yaml")]
STEPS = """\
version: 1
vars: {region: eu}
jobs:
  first: {outputs: {n: {type: integer}}, run: 'echo "{\\"n\\": 1}" >> "$JOBFILE_OUTPUT"'}
  etl:
    params: {day: {type: string, default: x}, many: {type: array, items: {type: integer}, default: [1]}}
    triggers: [{after: first}, {file: {path: /srv/in}}]
    matrix: {size: [1, 2]}
    steps:
      load:
        outputs: {rows: {type: integer}}
        run: load {{ params.day }} {{ vars.region }} {{ matrix.size }}
      each: {for_each: params.many, run: "echo $(( {{ item }} + {{ steps.load.outputs.rows }} ))"}
      last: {shell: bash, run: "echo {{ steps.each.total }} {{ run.trigger }}"}
"""


def compiled(text: bytes) -> list[JobSpec]:
    catalog = compile_files((("jobs.yaml", text),)).catalog
    return [one.spec for one in catalog.jobs] if catalog is not None else []


def test_what_files_give_is_known_again() -> None:
    found = [(path, compiled(path.read_bytes())) for path in FILES]
    good = [(path, specs) for path, specs in found if specs]
    assert len(good) > 100
    for path, specs in good:
        stored = [spec_from_json(spec_to_json(spec)) for spec in specs]
        assert list(find_foreign(stored)) == [], path


def edited(spec: JobSpec) -> Iterator[JobSpec]:
    """The job with another script behind what is shown, in the job or in each of its steps."""
    if isinstance(spec.action, ScriptAction):
        for change in ({"compiled": "x"}, {"text": "x"}, {"values": ("run.id",) * 9}):
            yield replace(spec, action=replace(spec.action, **change))
    elif isinstance(spec.action, StepsAction):
        for at, step in enumerate(spec.action.steps):
            assert isinstance(step.action, ScriptAction)
            other = replace(step, action=replace(step.action, compiled="x"))
            steps = (*spec.action.steps[:at], other, *spec.action.steps[at + 1 :])
            yield replace(spec, action=StepsAction(steps=steps))


def test_another_script_behind_a_text_is_found() -> None:
    first, etl = sorted(compiled(STEPS.encode()), key=lambda spec: spec.name, reverse=True)
    assert list(find_foreign([first, etl])) == []
    for one, other in ((first, etl), (etl, first)):
        for changed in edited(one):
            found = list(find_foreign([changed, other]))
            assert found == [f"job `{one.name}` would run something different from its text"]


@pytest.mark.parametrize("name", ["../x", "a\x1b[2J", "", "A b"])
def test_a_name_outside_the_grammar_is_found_and_not_repeated(name: str) -> None:
    (spec,) = compiled(b"version: 1\njobs: {a: {run: echo}}\n")
    assert list(find_foreign([replace(spec, name=name)])) == ["a job has an invalid name"]
    for change in ({"renamed_from": name}, {"pass_env": (name,)}, {"env": {name: "x"}}, {"vars": {name: 1}}):
        (found,) = find_foreign([replace(spec, **change)])
        assert found == "job `a` has a part with an invalid name"
    assert list(find_foreign([spec, spec])) == ["two jobs have the same name"]


TRUSTED = """\
version: 1
vars: {words: [a, b]}
jobs:
  loop: {steps: {one: {for_each: vars.words, run: "sh -c 'echo {{ item }}'"}}}
  ours: {shell: [python3], run: "print('{{ \\"{{\\" }}')"}
"""


def test_constants_are_trusted_as_they_are_in_files() -> None:
    specs = compiled(TRUSTED.encode())
    assert [spec.name for spec in specs] == ["loop", "ours"]
    assert list(find_foreign(specs)) == []
