"""The graph of steps: every step once, every need an edge, in each form."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.answers.graph import graph_of, graph_to_mermaid, graph_to_svg, graph_to_text
from engine.core.errors import JobfileError
from engine.core.step_states import StepRun, StepState
from jobfile.model.jobs import CommandAction, StepsAction, StepSpec
from tests.builders import a_job

TRUE = CommandAction(argv=("true",))
ETL = (
    StepSpec(name="extract", action=TRUE),
    StepSpec(name="load", action=TRUE, needs=("extract",), for_each="['a', \"b\"]", max_parallel=2),
    StepSpec(name="end", action=TRUE, needs=("extract",), condition="params.a < 3 and 'x' == \"<b>\""),
    StepSpec(name="join", action=TRUE, needs=("load", "end"), allow_failure=True),
    StepSpec(name="alone", action=TRUE),
)


def etl(*states: StepRun, steps: tuple[StepSpec, ...] = ETL):
    return graph_of(a_job("etl", action=StepsAction(steps=steps)), states)


def test_the_tree_has_each_step_below_the_last_that_it_needs() -> None:
    assert (
        graph_to_text(etl())
        == """\
etl
├── extract
│   ├── load  (for each of ['a', "b"], 2 at a time)
│   │   └── join  (may fail; also needs end)
│   └── end  (if params.a < 3 and 'x' == "<b>")
└── alone"""
    )


def test_a_run_shows_what_became_of_each_step() -> None:
    states = [
        StepRun(step="extract", state=StepState.SUCCEEDED),
        StepRun(step="load", state=StepState.TIMED_OUT),
        StepRun(step="load", item=1, state=StepState.SUCCEEDED),
    ]
    told = graph_to_text(etl(*states))
    assert "extract  (succeeded)" in told
    assert "load  (timed out; for each" in told
    assert 'class="timed_out"' in graph_to_svg(etl(*states))


def test_the_picture_is_the_one_that_was_looked_at(request: pytest.FixtureRequest) -> None:
    picture = graph_to_svg(etl())
    golden = Path(__file__).with_name("graph.svg")
    if request.config.getoption("--update"):
        golden.write_text(picture)
    assert picture == golden.read_text()


def test_a_flowchart_quotes_what_mermaid_would_read() -> None:
    lines = graph_to_mermaid(etl()).splitlines()
    assert lines[0] == "flowchart LR"
    assert "  step_end[\"end<br/>if params.a #60; 3 and 'x' == #34;#60;b#62;#34;\"]" in lines
    assert "  step_load --> step_join" in lines


@st.composite
def graphs(draw: st.DrawFn) -> tuple[StepSpec, ...]:
    steps: list[StepSpec] = []
    for number in range(draw(st.integers(1, 9))):
        needs = draw(st.sets(st.sampled_from([one.name for one in steps]))) if steps else set()
        condition = draw(st.none() | st.text(max_size=20))
        steps.append(
            StepSpec(name=f"s{number}", action=TRUE, needs=tuple(sorted(needs)), condition=condition)
        )
    return tuple(draw(st.permutations(steps)))


@given(graphs())
def test_every_step_is_there_once_and_every_need_is_an_edge(steps: tuple[StepSpec, ...]) -> None:
    graph = etl(steps=steps)
    needs = [(name, step.name) for step in steps for name in step.needs]
    names = [step.name for step in steps]
    tree = re.findall(r"(?:├──|└──) (s\d+)", graph_to_text(graph))
    assert sorted(one for one in tree if one in names) == sorted(names)
    chart = graph_to_mermaid(graph)
    assert re.findall(r"^  step_(s\d+) --> step_(s\d+)$", chart, re.MULTILINE) == needs
    picture = ElementTree.fromstring(re.sub("[\x00-\x08\x0b-\x1f\ufffe\uffff]", "", graph_to_svg(graph)))
    shapes = [one.tag.rpartition("}")[2] for one in picture.iter()]
    assert (shapes.count("rect"), shapes.count("path")) == (len(steps), 2 * len(needs))


def test_a_job_with_one_action_has_none() -> None:
    with pytest.raises(JobfileError, match="job hello has no steps, so it has no graph"):
        graph_of(a_job())
