"""A plan in one screen: groups, numbers of jobs, runs, and the kinds of risks with their jobs."""

from collections.abc import Iterator
from typing import Final

from jobfile.model.counts import many
from jobfile.plan.group_text import cause_text, group_title, names_text
from jobfile.plan.groups import group_changes
from jobfile.plan.job_text import WIDTH
from jobfile.plan.load_text import total_text
from jobfile.plan.risks import RISKS
from jobfile.plan.text import head_lines, same_lines, summary_line
from jobfile.plan.values import Action, Plan
from jobfile.plan.wording import SYMBOLS, notes_of, risk_line

GROUPS_SHOWN: Final = 8
"""Maximum groups in a summary."""


def render_summary(plan: Plan, *, width: int = WIDTH) -> str:
    """The summary; it stays one screen, however many jobs change."""
    blocks = [
        list(head_lines(plan, width)),
        list(_changes(plan)),
        list(same_lines(plan, width)),
        [] if plan.load.is_same or plan.left_out else [f"runs {total_text(plan.load)}"],
        [*map(risk_line, plan.risks), *_notes(plan)],
        [summary_line(plan)],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _changes(plan: Plan) -> Iterator[str]:
    """A line for each group, and one for the other jobs of each kind of change."""
    grouped = group_changes(plan)
    for group in grouped.groups[:GROUPS_SHOWN]:
        cause = cause_text(group.cause)
        yield f"{SYMBOLS[Action.CHANGE]} {group_title(group)}" + (f"   ({cause})" if cause else "")
    more = len(grouped.groups) - GROUPS_SHOWN
    if more > 0:
        yield f"{SYMBOLS[Action.CHANGE]} {many(more, 'more equal change')} of several jobs"
    for action in Action:
        names = [own.change.name for own in grouped.own if own.change.action is action]
        if names:
            other = "other " if action is Action.CHANGE and grouped.groups else ""
            yield f"{SYMBOLS[action]} {many(len(names), f'{other}job')}: {names_text(names)}"


def _notes(plan: Plan) -> Iterator[str]:
    """For each code the jobs that have it, with the message if it is the same for all."""
    found: dict[str, dict[str, list[str]]] = {}
    for change in plan.jobs:
        for note in notes_of(change):
            code, _, text = note.removeprefix("! ").partition(" ")
            found.setdefault(code, {}).setdefault(text.strip(), []).append(change.name)
    for code, texts in sorted(found.items(), key=lambda one: (one[0] not in RISKS, one[0])):
        jobs = sorted({job for names in texts.values() for job in names})
        first = next(iter(texts))
        text = first if len(texts) == 1 else RISKS.get(code, f"{first}, and others")
        yield f"! {code} {text}   ({many(len(jobs), 'job')}: {names_text(jobs)})"
