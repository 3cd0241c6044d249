"""What is unusual about a run, in words."""

from engine.answers.expected import Item
from engine.core.lifecycle import RunState
from engine.core.usual import odd_words
from engine.ledger.ports import View


def item_odd_words(view: View, item: Item) -> tuple[str, ...]:
    """What is unusual about the runs of an occurrence that has succeeded."""
    runs = item.runs if item.state is RunState.SUCCEEDED else ()
    found = (odd_words(one) for run in runs for one in view.lateness.odd_of(run.id))
    return tuple(dict.fromkeys(found))
