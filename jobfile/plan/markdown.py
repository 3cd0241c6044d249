"""A plan as one comment on a pull request; names and values from a file are escaped."""

import re
from collections.abc import Sequence
from html import escape
from typing import Final
from urllib.parse import quote

from jobfile.diagnostics.excerpt import visible
from jobfile.model.counts import many
from jobfile.plan.as_json import plan_digest
from jobfile.plan.filters import left_out_text
from jobfile.plan.job_text import WIDTH
from jobfile.plan.load_text import load_lines
from jobfile.plan.table import NOTHING, TableRow, table_rows
from jobfile.plan.text import side_text
from jobfile.plan.values import Action, Plan

LIMIT: Final = 60_000
"""Maximum characters of a comment; GitHub refuses more than 65,536."""
SHA_SHOWN: Final = 12

_HEADS: Final = (
    "| | job | change | next, before → after (UTC) | runs / 30 d | risk |\n|---|---|---|---|---|---|\n"
)
_ACTIVE: Final = re.compile(r"[@#]|:(?=//)|(?<=www)(?=\.)|(?<=GH)(?=-)", re.IGNORECASE)
_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>~|!])")
_CODE: Final = re.compile(r"^(?:JF|RISK)\d+ +")
_JOINER: Final = "\u200d"
_MINUS: Final = {Action.REMOVE: "−"}
_ROOM_FOR_ENDS: Final = 300


def marker(name: str) -> str:
    """The first line of the comment about a main file; the next version of the comment is found by it."""
    kept = "".join(one if one.isprintable() else "?" for one in name)
    return f"<!-- jobfile-plan:{kept.replace('>', '?').replace('--', '-?')} -->"


def render_markdown(plan: Plan, *, name: str, version: str, links: str = "") -> str:
    """The comment, at most LIMIT characters; `links` is the URL of the files' folder."""
    end = _end(plan, version)
    if not plan.has_changes:
        left = left_out_text(plan)
        text = f"no change, {many(len(plan.same), 'job')}" + (f" ({plain(left)})" if left else "")
        return f"{marker(name)}\njobfile plan: {text}\n\n{end}\n"
    start = f"{marker(name)}\n{_title(plan)}\n\n"
    if plan.risks:
        start += "".join(f":warning: {plain(risk.message)}\n\n" for risk in plan.risks)
    if plan.left_out is not None:
        start += f"{plain(left_out_text(plan))}\n\n"
    load = (
        ""
        if plan.load.is_same or plan.left_out
        else _details("load", "\n".join(load_lines(plan.load)), "text")
    )
    found = table_rows(plan, width=WIDTH)
    room = LIMIT - len(start) - len(_HEADS) - len(load) - len(end) - _ROOM_FOR_ENDS
    rows, room = _fit([_row(one, links) for one in found], found, room)
    blocks, room = _fit([_details(one.name, "\n".join(one.details), "diff") for one in found], found, room)
    noun = ("entry", "entries") if any(one.is_group for one in found) else ("job",)
    more = [
        f"{many(len(found) - len(shown), *noun)} {what}, see the log\n\n"
        for shown, what in ((rows, "not shown"), (blocks, "without details here"))
        if len(shown) < len(found)
    ]
    return f"{start}{_HEADS}{''.join(rows)}\n{''.join(blocks)}{load}\n{''.join(more[:1])}{end}\n"


def render_invalid(findings: str, *, name: str) -> str:
    """The comment if a side has errors: the output of `check`."""
    head = f"{marker(name)}\n### jobfile plan: the job files have errors\n\n"
    text = findings.rstrip("\n")
    room = LIMIT - len(head) - _ROOM_FOR_ENDS
    if len(text) > room:
        text = text[: text.rfind("\n", 0, room)] + "\n… see the log"
    return head + fenced(text, "text") + "\n"


def code(text: str) -> str:
    """A text in a code span: no part of it becomes markup, a mention or a link."""
    text = _ACTIVE.sub(lambda found: found[0] + _JOINER, visible(text))
    # A table is split first: a bar needs exactly one backslash before it.
    text = text.replace("\\|", f"\\{_JOINER}|").replace("|", "\\|")
    ticks = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    space = " " if text[:1] == "`" or text[-1:] == "`" or not text.strip() else ""
    return f"{ticks}{space}{text or ' '}{space}{ticks}"


def plain(text: str) -> str:
    """An escaped text: no markup, no mention, no link, no HTML."""
    text = _SPECIAL.sub(r"\\\1", visible(text)).replace("&", "&amp;")
    return _ACTIVE.sub(lambda found: found[0] + _JOINER, text)


def fenced(text: str, language: str) -> str:
    """Lines in a code block that no line can close."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{text}\n{fence}"


def _title(plan: Plan) -> str:
    signs = {Action.ADD: "+", Action.CHANGE: "~", Action.RENAME: ">", Action.REMOVE: "−"}
    counts = " ".join(f"{sign}{plan.count(action)}" for action, sign in signs.items() if plan.count(action))
    risks = len(plan.all_risks)
    return f"### jobfile plan: {counts}" + (f" · :warning: {many(risks, 'risk')}" if risks else "")


def _fit(texts: Sequence[str], found: Sequence[TableRow], room: int) -> tuple[list[str], int]:
    """The texts that fit, in their order; those with a risk are kept first."""
    kept: set[int] = set()
    for index in sorted(range(len(texts)), key=lambda at: (not found[at].has_risk, at)):
        if len(texts[index]) <= room:
            room -= len(texts[index])
            kept.add(index)
    return [texts[index] for index in sorted(kept)], room


def _row(row: TableRow, links: str) -> str:
    counts = NOTHING
    if row.runs_before or row.runs_after:
        after = f"{row.runs_after:,}"
        counts = f"{row.runs_before:,} → {f'**{after}**' if row.has_many_more else after}"
    sign = _MINUS.get(row.action, row.sign)
    notes = " · ".join(plain(_message(note)) for note in row.notes)
    cells = (sign, _name(row, links), plain(row.change), plain(row.next_run), counts, notes)
    return f"| {' | '.join(cells)} |\n"


def _message(note: str) -> str:
    """A note without its code, which is in the details."""
    return _CODE.sub("", note, count=1)


def _name(row: TableRow, links: str) -> str:
    """The job with a link to its place; a group with a link to its cause."""
    name = code(row.name)
    if row.place is not None:
        to = f"{links}{quote(row.place.file)}#L{row.place.line}"
        name = f"{name} ([{plain(row.place_text)}]({to}))" if row.is_group else f"[{name}]({to})"
    return f"{code(row.previous)} → {name}" if row.previous else name


def _details(name: str, text: str, language: str) -> str:
    summary = _ACTIVE.sub(lambda found: found[0] + _JOINER, escape(visible(name)))
    return f"<details><summary><code>{summary}</code></summary>\n\n{fenced(text, language)}\n\n</details>\n"


def _end(plan: Plan, version: str) -> str:
    sides = " to ".join(plain(side_text(one)) for one in (plan.before, plan.after))
    digest = plan_digest(plan, version=version)[:SHA_SHOWN]
    now = f"{plan.now:%Y-%m-%d %H:%MZ}"
    return f"<sub>from {sides} · now {now} · jobfile {version} · plan sha256 {digest}…</sub>"
