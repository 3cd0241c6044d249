"""The combinations of a matrix in answers: which of them an answer is about, and how each ended."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from engine.answers.expected import Item, item_of
from engine.core.lifecycle import Run, RunState
from engine.core.vocabulary import combination_text, in_words, short, value_text

MAX_NAMED: Final = 8
"""Maximum number of combinations that one line names."""
MAX_LISTED: Final = 32
"""Maximum number of combinations that `why` lists."""


def has_values(combination: Mapping[str, object], wanted: Mapping[str, str]) -> bool:
    """Whether a combination has these values, written as on the command line."""
    return all(name in combination and value_text(combination[name]) == text for name, text in wanted.items())


def narrowed(item: Item, wanted: Mapping[str, str]) -> Item | None:
    """The part of an expected run with these values of its axes; None if it has none.

    Nothing is known of the combinations of an occurrence without a run, so it stays as it is.
    """
    if not wanted or not item.runs:
        return item
    runs = [run for run in item.runs if has_values(run.matrix, wanted)]
    return item_of(*runs) if runs else None


def combination_facts(item: Item) -> list[tuple[str, str]]:
    """How each combination of an occurrence ended, those that did not succeed first."""
    if len(item.runs) < 2:
        return []
    by_state = sorted(item.runs, key=lambda run: run.verdict is RunState.SUCCEEDED)
    lines = [_combination_line(run) for run in by_state[:MAX_LISTED]]
    if len(by_state) > MAX_LISTED:
        lines.append(f"and {len(by_state) - MAX_LISTED} more:  jobfile runs {item.runs[0].job}")
    return [("combinations" if index == 0 else "", line) for index, line in enumerate(lines)]


def _combination_line(run: Run) -> str:
    words = f", {found}" if (found := in_words(run)) else ""
    return f"{combination_text(run.matrix)} {run.verdict.value}{words}, run {short(run.id)}"


def tally_words(item: Item) -> str:
    """How the combinations of an occurrence ended: their numbers by verdict, and which did not succeed."""
    if len(item.runs) < 2:
        return ""
    counts = Counter(run.verdict.value for run in item.runs)
    if len(counts) == 1:
        total = item.runs[0].combinations
        return f"{f'all {total}' if len(item.runs) == total else len(item.runs)} combinations"
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())
    others = [run for run in item.runs if run.verdict is not RunState.SUCCEEDED]
    names = ", ".join(combination_text(run.matrix) for run in others[:MAX_NAMED])
    more = f" and {len(others) - MAX_NAMED} more" if len(others) > MAX_NAMED else ""
    return f"of {len(item.runs)} combinations {told}: {names}{more}"
