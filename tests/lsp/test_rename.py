"""A rename changes every place that names something, and nothing else."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobfile.diagnostics.diagnostic import Edit
from jobfile.diagnostics.source import Source
from jobfile.editor.rename import Kind, Named, RenameError, case_places, named_at, rename_edits
from jobfile.files.fileset import FileSet
from jobfile.fixing.edits import edited
from jobfile.pipeline import compile_files
from jobfile.syntax.document import parse_document
from tests.soak import examples

QUOTES = st.sampled_from(["day", '"day"', "'day'"])
READS = st.sampled_from(
    ["params.day", "params . day", "params['day']", 'params["day"]', "params.day | upper"]
)
OTHERS = st.sampled_from(["params.days", "'params.day'", "vars.day", "'steps.day'", "steps.day.status"])
VARIABLES = st.sampled_from(['"$JOBFILE_PARAM_DAY"', "${JOBFILE_PARAM_DAY:-x}", "$JOBFILE_PARAM_DAYS"])
CONDITIONS = st.sampled_from(["params.day == 'params.day'", "\"params['day'] != steps.day.status\""])
BLOCKS = st.sampled_from(["|", ">", "|-"])


@st.composite
def files(draw: st.DrawFn) -> str:
    """A file in which a param, a step, a var and a word of texts have the same name, in many spellings."""
    reads = [f"{{{{ {one} }}}}" for one in draw(st.lists(st.one_of(READS, OTHERS), min_size=1, max_size=4))]
    variables = draw(st.lists(VARIABLES, max_size=2))
    needs = draw(st.sampled_from(["[day]", '["day"]', "['day']"]))
    return f"""\
version: 1
vars: {{day: x}}
jobs:
  load:
    schedule:
      - {{cron: "0 4 * * *", with: {{{draw(QUOTES)}: monday}}}}
      - {{cron: "0 5 * * *", with: {{days: 2}}}}
    triggers:
      - webhook: {{path: day, public: true, key: /day, params: {{{draw(QUOTES)}: /day, days: /n}}}}
    params:
      {draw(QUOTES)}: {{type: string, default: day}}
      days: {{type: integer, default: 1}}
    steps:
      {draw(QUOTES)}:
        run: echo day {{{{ {draw(READS)} }}}}
      other:
        needs: {needs}
        if: {draw(CONDITIONS)}
        env: {{DAY: 'day {{{{ params.day }}}}'}}
        run: {draw(BLOCKS)}
          echo day {" ".join(reads)}
          {" ".join(["true", *variables])} {{{{ params.day }}}} {{{{ steps.day.status }}}}
      last: {{run: "echo \\"{{{{ params.day }}}}\\" é {{{{ steps.day.status }}}}", needs: [other, day]}}
  day:
    triggers: [{{after: load}}, {{after: {{job: "load", when: failed}}}}]
    if: trigger.params.day != 'trigger.params.day'
    run: echo day {{{{ trigger.{draw(READS)} }}}} {{{{ trigger . params["day"] }}}}
  both:
    triggers: [{{after: {{all: [load, "day"]}}}}, {{after: {{any: ['day', load], when: failed}}}}]
    run: echo day
"""


THINGS = [
    Named(kind=Kind.PARAM, job="load", name="day"),
    Named(kind=Kind.STEP, job="load", name="day"),
    Named(kind=Kind.JOB, job="load", name="load"),
    Named(kind=Kind.JOB, job="day", name="day"),
]


def set_of(text: str) -> FileSet:
    found = compile_files([("jobs.yaml", text.encode())])
    assert found.files is not None
    assert found.catalog is not None, found.diagnostics
    return found.files


def renamed(text: str, named: Named, new: str) -> str:
    places = rename_edits(set_of(text), named, new)
    source = places[0].source
    return edited(source, [Edit(span=one.span, text=one.text(new)) for one in places])


def meaning(text: str) -> Any:
    catalog = compile_files([("jobs.yaml", text.encode())]).catalog
    assert catalog is not None
    return {job.spec.name: json.loads(job.canonical) for job in catalog.jobs}


@settings(deadline=None, max_examples=examples(20))
@given(files(), st.sampled_from(THINGS))
def test_a_rename_and_its_reverse_give_the_same_text_and_meaning(text: str, named: Named) -> None:
    new = "day_0"
    there = renamed(text, named, new)
    job = new if named.kind is Kind.JOB else named.job
    assert renamed(there, Named(kind=named.kind, job=job, name=new), named.name) == text
    before, after = meaning(text), json.dumps(meaning(there))
    # The new name is nowhere else in the file, so this gives the old meaning back.
    assert "day_0" in after
    restored = json.loads(after.replace("day_0", named.name).replace("DAY_0", named.name.upper()))
    if named.kind is Kind.JOB:
        assert restored[named.name].pop("renamed_from") == named.name
    assert restored == before


@settings(deadline=None, max_examples=examples(20))
@given(files(), st.data())
def test_what_is_named_is_found_at_each_of_its_places(text: str, data: st.DataObject) -> None:
    found = set_of(text)
    named = data.draw(st.sampled_from(THINGS))
    places = [one for one in rename_edits(found, named, "day_0") if one.fixed is None]
    place = data.draw(st.sampled_from(places))
    path, _ = found.main.path_at(place.span.start.offset)
    assert named_at(found, found.main, path, place.span.start.offset) == (named, place.span)


TEXT = """\
version: 1
jobs:
  load:
    params: {day: {type: string, default: x}, days: {type: integer, default: 1}}
    steps: {one: {run: "echo {{ params.day }}"}, two: {run: "echo {{ params.days }}"}}
  call:
    params: {day: {type: string, default: x}}
    python: "a:b"
"""


@pytest.mark.parametrize(
    ("named", "new", "said"),
    [
        (
            Named(kind=Kind.PARAM, job="load", name="day"),
            "days",
            "there is already a param `days` in job `load`",
        ),
        (
            Named(kind=Kind.PARAM, job="load", name="day"),
            "a-b",
            "is not a valid param name: use letters, digits",
        ),
        (Named(kind=Kind.PARAM, job="load", name="day"), "", "`` is not a valid param name"),
        (Named(kind=Kind.STEP, job="load", name="one"), "two", "there is already a step `two` in job `load`"),
        (Named(kind=Kind.STEP, job="load", name="one"), "One", "is not a valid step name"),
        (Named(kind=Kind.JOB, job="load", name="load"), "call", "there is already a job `call`"),
        (Named(kind=Kind.JOB, job="load", name="load"), "a b", "is not a valid job name"),
        (Named(kind=Kind.PARAM, job="call", name="day"), "dai", "a Python function takes `day` by its name"),
    ],
)
def test_a_new_name_that_is_invalid_or_in_use_is_refused(named: Named, new: str, said: str) -> None:
    with pytest.raises(RenameError, match=said):
        rename_edits(set_of(TEXT), named, new)


def test_a_name_in_a_form_that_cannot_be_changed_is_refused() -> None:
    text = TEXT.replace("{day: {type", '{"d\\x61y": {type', 1)
    with pytest.raises(
        RenameError, match=r"jobs\.yaml:4 names `day` in a form that cannot be changed safely"
    ):
        rename_edits(set_of(text), Named(kind=Kind.PARAM, job="load", name="day"), "dai")


@pytest.mark.parametrize(
    ("written", "new", "expected"),
    [
        ("a:\n    run: x\n", "b", "b:\n    renamed_from: a\n    run: x\n"),
        (
            "a: # why\n    # what\n    run: x\n",
            "b",
            "b: # why\n    # what\n    renamed_from: a\n    run: x\n",
        ),
        ("a: {run: x}\n", "b", "b: {renamed_from: a, run: x}\n"),
        ("a: {\n    run: x}\n", "b", "b: {\n    renamed_from: a, run: x}\n"),
        ("a: {run: x, renamed_from: z}\n", "b", "b: {run: x, renamed_from: z}\n"),
        ("a:\n    renamed_from: z\n    run: x\n", "z", "z:\n    run: x\n"),
        (
            "a:\n    run: x\n    renamed_from: z # old\n    tags: [t]\n",
            "z",
            "z:\n    run: x\n     # old\n    tags: [t]\n",
        ),
        ("a: {renamed_from: z, run: x}\n", "z", "z: {run: x}\n"),
    ],
)
def test_a_job_that_gets_a_new_name_keeps_its_history(written: str, new: str, expected: str) -> None:
    head = "version: 1\njobs:\n  "
    after = renamed(head + written, Named(kind=Kind.JOB, job="a", name="a"), new)
    assert after == head + expected
    assert meaning(after)[new]["renamed_from" if "renamed_from" in expected else "name"] in ("a", "z")


def test_a_job_that_is_written_elsewhere_is_renamed_by_hand() -> None:
    text = "version: 1\njobs:\n  a: &same {run: x}\n  b: *same\n"
    with pytest.raises(RenameError, match="job `b` is an alias of a map elsewhere: rename it by hand"):
        rename_edits(set_of(text), Named(kind=Kind.JOB, job="b", name="b"), "c")


CASES = """\
version: 1
tests:
  one: {job: load, given: {params: {day: day}}, expect: {state: succeeded}}
  two: {job: "load", given: {params: {"day": x}}, expect: {state: succeeded}}
  day: {job: call, given: {params: {day: load}}, expect: {state: succeeded}}
"""


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        (
            Named(kind=Kind.JOB, job="load", name="load"),
            CASES.replace("job: load", "job: new").replace('"load"', '"new"'),
        ),
        (
            Named(kind=Kind.PARAM, job="load", name="day"),
            CASES.replace("{day: day", "{new: day").replace('"day"', '"new"'),
        ),
        (Named(kind=Kind.STEP, job="load", name="day"), CASES),
    ],
)
def test_case_files_follow(named: Named, expected: str) -> None:
    document, _ = parse_document(Source("a.test.yaml", CASES))
    assert document is not None
    edits = [Edit(span=one.span, text=one.text("new")) for one in case_places(document, named)]
    assert edited(document.source, edits) == expected
