"""A plan as one comment on a pull request; names and values from a file are escaped."""

import re
from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import Final
from urllib.parse import quote

from jobfile.diagnostics.excerpt import visible
from jobfile.model.counts import many
from jobfile.plan.as_json import plan_digest
from jobfile.plan.risks import MANY_TIMES
from jobfile.plan.text import job_lines, load_lines, side_text
from jobfile.plan.values import Action, JobChange, Plan
from jobfile.plan.wording import SYMBOLS, entry_text, path_text

LIMIT: Final = 60_000
"""Maximum characters of a comment; GitHub refuses more than 65,536."""
SHA_SHOWN: Final = 12

_HEADS: Final = (
    "| | job | change | next, before → after (UTC) | runs / 30 d | risk |\n|---|---|---|---|---|---|\n"
)
_ACTIVE: Final = re.compile(r"[@#]|:(?=//)|(?<=www)(?=\.)|(?<=GH)(?=-)", re.IGNORECASE)
_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>~|!])")
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
        return f"{marker(name)}\njobfile plan: no change, {many(len(plan.same), 'job')}\n\n{end}\n"
    start = f"{marker(name)}\n{_title(plan)}\n\n"
    if plan.risks:
        start += "".join(f":warning: {plain(risk.message)}\n\n" for risk in plan.risks)
    load = _details("load", "\n".join(load_lines(plan.load)), "text")
    room = LIMIT - len(start) - len(_HEADS) - len(load) - len(end) - _ROOM_FOR_ENDS
    rows, room = _fit([_row(one, links) for one in plan.jobs], plan.jobs, room)
    blocks, room = _fit([_block(one, plan.now) for one in plan.jobs], plan.jobs, room)
    more = [
        f"{many(len(plan.jobs) - len(shown), 'job')} {what}, see the log\n\n"
        for shown, what in ((rows, "not shown"), (blocks, "without details here"))
        if len(shown) < len(plan.jobs)
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


def _fit(texts: Sequence[str], changes: Sequence[JobChange], room: int) -> tuple[list[str], int]:
    """The texts that fit, in their order; those of jobs with a risk are kept first."""
    kept: set[int] = set()
    for index in sorted(range(len(texts)), key=lambda at: (not changes[at].risks, at)):
        if len(texts[index]) <= room:
            room -= len(texts[index])
            kept.add(index)
    return [texts[index] for index in sorted(kept)], room


def _row(change: JobChange, links: str) -> str:
    runs = change.runs
    spec, origin = change.job.spec, change.job.origin
    name = code(spec.name)
    if change.action is not Action.REMOVE:
        name = f"[{name}]({links}{quote(origin.file)}#L{origin.line})"
    if change.action is Action.RENAME and change.before is not None:
        name = f"{code(change.before.spec.name)} → {name}"
    counts = "–"
    if runs.count_before or runs.count_after:
        after = f"{runs.count_after:,}"
        is_much = runs.count_before and runs.times_as_many >= MANY_TIMES
        counts = f"{runs.count_before:,} → {f'**{after}**' if is_much else after}"
    notes = [plain(effect) for effect in change.effects] + [plain(risk.message) for risk in change.risks]
    notes += [plain(one.message) for one in change.diagnostics]
    symbol = _MINUS.get(change.action, SYMBOLS[change.action])
    cells = (symbol, name, _what(change), _nexts(change), counts, " · ".join(notes))
    return f"| {' | '.join(cells)} |\n"


def _what(change: JobChange) -> str:
    words = {Action.ADD: "new", Action.REMOVE: "removed", Action.RENAME: "renamed"}
    fields = dict.fromkeys(one.path[0] for one in change.fields)
    told = (
        [plain(path_text([one])) for one in fields] if change.action in (Action.CHANGE, Action.RENAME) else []
    )
    return ", ".join([word for word in (words.get(change.action, ""),) if word] + told)


def _nexts(change: JobChange) -> str:
    if not change.has_new_times and change.action is not Action.ADD:
        return "–"
    schedules = [
        () if one is None or not one.spec.enabled else one.spec.schedule
        for one in (change.before, change.after)
    ]
    if all(len(one) == 1 and entry_text(one[0]).startswith("every ") for one in schedules):
        return " → ".join(plain(entry_text(one[0])) for one in schedules)
    sides = [
        f"{starts[0].starts:%a %d %b %H:%M}" if starts else "–"
        for starts in (change.runs.next_before, change.runs.next_after)
    ]
    return "–" if sides == ["–", "–"] else " → ".join(sides)


def _block(change: JobChange, now: datetime) -> str:
    return _details(change.name, "\n".join(job_lines(change, now)), "diff")


def _details(name: str, text: str, language: str) -> str:
    summary = _ACTIVE.sub(lambda found: found[0] + _JOINER, escape(visible(name)))
    return f"<details><summary><code>{summary}</code></summary>\n\n{fenced(text, language)}\n\n</details>\n"


def _end(plan: Plan, version: str) -> str:
    sides = " to ".join(plain(side_text(one)) for one in (plan.before, plan.after))
    digest = plan_digest(plan, version=version)[:SHA_SHOWN]
    now = f"{plan.now:%Y-%m-%d %H:%MZ}"
    return f"<sub>from {sides} · now {now} · jobfile {version} · plan sha256 {digest}…</sub>"
