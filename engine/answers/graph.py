"""The graph of a job's steps: as text, as a Mermaid flowchart, and as a picture."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from engine.answers.starts import starts_of
from engine.core.errors import JobfileError
from engine.core.step_states import StepRun
from jobfile.model.jobs import JobSpec, StepsAction, StepSpec

FORMS: Final = ("text", "mermaid", "svg")
BOX_HEIGHT, GAP_Y, GAP_X, CHAR, MARGIN = 36, 18, 56, 7.5, 16
"""Lengths in a picture, in pixels; CHAR is the width of a character."""
MERMAID_ID: Final = "step_"
"""The start of the identifiers in a flowchart: a step may be named as a word of Mermaid, such as `end`."""
STYLE: Final = (
    "svg{font:13px system-ui,sans-serif;background:#fff;color:#1c2430}rect{fill:#f3f5f8;stroke:#8a94a3}"
    "text{fill:currentColor}path{stroke:#8a94a3;fill:none}.note{font-size:11px;fill:#5b6572}"
    ".succeeded rect{stroke:#1a7f37}.failed rect,.lost rect,.timed_out rect{stroke:#cf222e}"
    ".skipped rect{stroke-dasharray:4}"
    "@media(prefers-color-scheme:dark){svg{background:#0d1117;color:#e6edf3}rect{fill:#161b22}}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """The steps of a job in the order of the file, each with its wave and, for a run, its state."""

    job: str
    steps: tuple[StepSpec, ...]
    waves: Mapping[str, int]
    states: Mapping[str, str]
    starts: tuple[str, ...] = ()
    """What starts the job besides its schedule, in words."""


def graph_of(spec: JobSpec, states: Sequence[StepRun] = ()) -> Graph:
    """The graph of a job. Raises JobfileError for a job without steps."""
    if not isinstance(spec.action, StepsAction):
        raise JobfileError(f"job {spec.name} has no steps, so it has no graph")
    steps, waves = spec.action.steps, dict[str, int]()
    while len(waves) < len(steps):  # a step can need one that is written after it
        for step in steps:
            if all(name in waves for name in step.needs):
                waves[step.name] = 1 + max((waves[name] for name in step.needs), default=0)
    found = {one.step: one.state.value for one in states if not one.item}
    return Graph(job=spec.name, steps=steps, waves=waves, states=found, starts=starts_of(spec))


def graph_to_text(graph: Graph) -> str:
    """A tree: each step once, below the last of the steps that it needs."""
    below: dict[str, list[StepSpec]] = {}
    for step in graph.steps:
        last = max(step.needs, key=lambda name: graph.waves[name], default="")
        below.setdefault(last, []).append(step)
    head = f"{graph.job}  ({'; '.join(graph.starts)})" if graph.starts else graph.job
    return "\n".join([head, *_branches(graph, below, "", "")])


def _branches(
    graph: Graph, below: Mapping[str, Sequence[StepSpec]], parent: str, indent: str
) -> Iterator[str]:
    steps = below.get(parent, ())
    for number, step in enumerate(steps, start=1):
        is_last = number == len(steps)
        others = [name for name in step.needs if name != parent]
        notes = [*_notes(graph, step), *([f"also needs {', '.join(others)}"] if others else [])]
        text = f"  ({'; '.join(notes)})" if notes else ""
        yield f"{indent}{'└── ' if is_last else '├── '}{step.name}{text}"
        yield from _branches(graph, below, step.name, indent + ("    " if is_last else "│   "))


def _notes(graph: Graph, step: StepSpec) -> list[str]:
    """The state of a step, and the settings that affect when and how often it runs."""
    notes = [graph.states[step.name].replace("_", " ")] if step.name in graph.states else []
    if step.condition is not None:
        notes.append(f"if {step.condition}")
    if step.for_each is not None:
        notes.append(f"for each of {step.for_each}, {step.max_parallel} at a time")
    if step.allow_failure:
        notes.append("may fail")
    return notes


def graph_to_mermaid(graph: Graph) -> str:
    """A flowchart in Mermaid, which GitHub and GitLab show in Markdown."""
    lines = ["flowchart LR"]
    for step in graph.steps:
        label = "<br/>".join(map(_quoted, (step.name, *_notes(graph, step))))
        lines.append(f'  {MERMAID_ID}{step.name}["{label}"]')
    lines += [
        f"  {MERMAID_ID}{name} --> {MERMAID_ID}{step.name}" for step in graph.steps for name in step.needs
    ]
    return "\n".join(lines)


def _quoted(text: str) -> str:
    """A text in a label: characters that Mermaid or HTML would read as their own are written as entities."""
    return "".join(f"#{ord(one)};" if one in '"#&<>;`\\' or ord(one) < 32 else one for one in text)


def graph_to_svg(graph: Graph, *, style: str = STYLE) -> str:
    """A picture: a column for each wave, from left to right. A page with a stylesheet of its own has no other
    style.
    """
    columns: dict[int, list[StepSpec]] = {}
    for step in graph.steps:
        columns.setdefault(graph.waves[step.name], []).append(step)
    places: dict[str, tuple[float, float, float]] = {}
    left = float(MARGIN)
    for wave in sorted(columns):
        width = max(len(_label(graph, step)) for step in columns[wave]) * CHAR + 2 * MARGIN
        for row, step in enumerate(columns[wave]):
            places[step.name] = (left, MARGIN + row * (BOX_HEIGHT + GAP_Y), width)
        left += width + GAP_X
    height = MARGIN * 2 + max(map(len, columns.values())) * (BOX_HEIGHT + GAP_Y) - GAP_Y
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left - GAP_X + MARGIN:.0f}" height="{height}">',
        f"<title>{escape(graph.job)}</title>{f'<style>{style}</style>' if style else ''}",
        *(_arrow(places[name], places[step.name]) for step in graph.steps for name in step.needs),
        *(_box(graph, step, places[step.name]) for step in graph.steps),
        "</svg>",
    ]
    return "\n".join(parts)


def _label(graph: Graph, step: StepSpec) -> str:
    many = " ×n" if step.for_each is not None else ""
    state = f" · {graph.states[step.name].replace('_', ' ')}" if step.name in graph.states else ""
    return f"{step.name}{many}{state}"


def _box(graph: Graph, step: StepSpec, place: tuple[float, float, float]) -> str:
    x, y, width = place
    title = escape("; ".join(_notes(graph, step)))
    return (
        f'<g class="{graph.states.get(step.name, "")}"><title>{title}</title>'
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{BOX_HEIGHT}" rx="6"/>'
        f'<text x="{x + MARGIN:.0f}" y="{y + 23:.0f}">{escape(_label(graph, step))}</text></g>'
    )


def _arrow(start: tuple[float, float, float], end: tuple[float, float, float]) -> str:
    x1, y1 = start[0] + start[2], start[1] + BOX_HEIGHT / 2
    x2, y2 = end[0], end[1] + BOX_HEIGHT / 2
    middle = (x1 + x2) / 2
    return (
        f'<path d="M{x1:.0f} {y1:.0f}C{middle:.0f} {y1:.0f} {middle:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"/>'
        f'<path d="M{x2 - 6:.0f} {y2 - 4:.0f}L{x2:.0f} {y2:.0f}L{x2 - 6:.0f} {y2 + 4:.0f}"/>'
    )
