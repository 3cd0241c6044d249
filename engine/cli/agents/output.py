"""The tool `logs`: a part of what a run wrote, as lines that cannot control a terminal."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from engine.answers.logs import logs_to_json
from engine.asking.logs import Options, logs, one_run
from engine.asking.naming import subject
from engine.asking.which import Which
from engine.cli.agents.asking import AgentPlace
from engine.execution.output_text import NeutralText
from engine.integrations.mcp_results import MAX_BYTES
from engine.integrations.mcp_tools import Call

LINES: Final = 100
"""How many lines of each attempt are returned if the call does not say."""
MAX_LINES: Final = 5_000
MAX_LINE: Final = 2_000
"""Maximum number of characters of a line; the rest is left out."""
ROOM: Final = MAX_BYTES // 2
"""Maximum size of the output in an answer: as JSON, some characters take more."""


def output_of(place: AgentPlace, call: Call) -> Mapping[str, object]:
    """`jobfile logs`, with the part that the call asks for."""
    named = subject(place, call.needed("job"))
    which = Which(call.text("at"), tuple(f"{name}={value}" for name, value in call.values("matrix").items()))
    options = Options(call.text("step"), call.count("attempt", 0) or None, None)
    run = one_run(place, named, which, options)
    found = logs(place, named.view, run, options)
    parts = [_part(output, call) for output in found.outputs]
    room = ROOM // max(1, len(parts))
    texts = [_within(part, room) for part, _ in parts]
    is_cut = any(is_part or text != part for text, (part, is_part) in zip(texts, parts, strict=True))
    if is_cut:
        place.note(_cut_words(found.outputs, call))
    return logs_to_json(replace(found, outputs=tuple(text.encode() for text in texts)))


def _lines(output: bytes) -> list[str]:
    neutral = NeutralText(has_colour=False)
    text = neutral.feed(output) + neutral.rest()
    return text.removesuffix("\n").split("\n") if text else []


def _part(output: bytes, call: Call) -> tuple[str, bool]:
    """The requested lines of an output, and whether there are others."""
    lines, most, grep = _lines(output), call.count("lines", LINES), call.text("grep")
    found = [line for line in lines if grep in line] if grep else lines
    offset = call.count("offset", 0)
    part = found[offset - 1 : offset - 1 + most] if offset else found[max(0, len(found) - most) :]
    shown = [line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]}…" for line in part]
    return "".join(f"{line}\n" for line in shown), len(part) < len(found) or shown != part


def _within(text: str, room: int) -> str:
    """The last lines that have room."""
    cut = text.encode()[-room:].decode(errors="ignore")
    return text if len(cut) == len(text) else cut.partition("\n")[2]


def _cut_words(outputs: tuple[bytes, ...], call: Call) -> str:
    counts = ", ".join(f"{len(_lines(output)):,}" for output in outputs)
    shown = "a part" if call.count("offset", 0) else "the end"
    return (
        f"this is {shown} of the output, which has {counts} lines; for other parts give `offset` (the first "
        "line, from 1) and `lines`, or `grep` (a text in the line), or name a `step` or an `attempt`"
    )
