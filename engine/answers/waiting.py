"""What a startable run waits for: a slot of its queue or of the engine; and its place in that line."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Final

from engine.core.lifecycle import Run, RunState, TriggerKind
from engine.core.reasons import Reason
from engine.core.vocabulary import count_text, instant_text, ordinal_text, run_text, short
from engine.ledger.ports import Current
from jobfile.model.namedtuple import NamedTuple

HOLDS_A_SLOT: Final = (RunState.RUNNING, RunState.CANCELLING)
WAITING: Final = (RunState.QUEUED, RunState.RETRY_WAIT)
MAX_NAMED: Final = 3
"""Maximum number of runs named that hold the slots of a queue."""


class Line(NamedTuple):
    """The runs that wait for the same slots, in the order in which they start, and those that hold them."""

    place: int
    """That of the run in question, from 1."""
    waiting: int
    queue: str
    """"" for the slots of the engine, which all runs share."""
    slots: int
    holders: tuple[Run, ...]
    """Those that started first come first."""


def line_for(run: Run, opened: Sequence[Run], now: datetime) -> Line | None:
    """The line in which a run waits: for a slot of its queue if all are taken, else for one of the engine.

    None when it does not wait for that, or nothing runs. `opened` are all open runs, as they arrived.
    """
    if not _is_due(run, now):
        return None
    holding = [one for one in opened if one.state in HOLDS_A_SLOT]
    used = [one for one in holding if run.queue and one.queue == run.queue]
    if run.queue_slots is not None and len(used) >= run.queue_slots:
        return _line(run, [one for one in opened if one.queue == run.queue], used, run.queue_slots, now)
    if not holding:
        return None
    counts = {one.queue: 0 for one in opened}
    for one in holding:
        counts[one.queue] += 1
    may_start = [one for one in opened if one.queue_slots is None or counts[one.queue] < one.queue_slots]
    return _line(run, may_start, holding, len(holding), now)._replace(queue="")


def first_line(view: Current, runs: Sequence[Run], now: datetime) -> Line | None:
    """The line of the first of some runs that waits in one."""
    waiting = [run for run in runs if run.state in WAITING]
    opened = view.open_runs() if waiting else ()
    return next((line for run in waiting if (line := line_for(run, opened, now)) is not None), None)


class QueueState(NamedTuple):
    """A queue in which runs wait."""

    queue: str
    slots: int
    held: int
    waiting: int


def queues_of(opened: Sequence[Run], now: datetime) -> tuple[QueueState, ...]:
    """By name, the queues with runs that only wait for other runs."""
    held = Counter(one.queue for one in opened if one.state in HOLDS_A_SLOT)
    due = [one for one in opened if one.queue_slots is not None and _is_due(one, now)]
    waiting, slots = Counter(one.queue for one in due), {one.queue: one.queue_slots or 0 for one in due}
    return tuple(QueueState(name, slots[name], held[name], waiting[name]) for name in sorted(slots))


def queue_words(line: Line) -> str:
    """`third of five in queue etl, which has 2 slots, held by load [12ab34cd] and clean [9f00aa11]`."""
    named = [f"{run_text(one)} [{short(one.id)}]" for one in line.holders[:MAX_NAMED]]
    if len(line.holders) > MAX_NAMED:
        named.append(f"{len(line.holders) - MAX_NAMED:,} more")
    held = f"{', '.join(named[:-1])} and {named[-1]}" if len(named) > 1 else named[0]
    slots = "1 slot" if line.slots == 1 else f"{line.slots:,} slots"
    return f"{_place_words(line)} in queue `{line.queue}`, which has {slots}, held by {held}"


def places_words(line: Line, zone: tzinfo) -> str:
    """The same for the slots of the engine: who has been running for longest."""
    oldest = line.holders[0]
    since = instant_text(oldest.started_at or oldest.queued_at, zone)
    slots = "the only slot is" if line.slots == 1 else f"all {line.slots} slots are"
    place = f"{_place_words(line)} that wait: " if line.waiting > 1 else ""
    return f"{place}{slots} taken, oldest: run {short(oldest.id)} since {since}"


def line_to_json(line: Line | None) -> dict[str, object] | None:
    """What a run waits for, as JSON data."""
    if line is None:
        return None
    return {
        "queue": line.queue or None,
        "place": line.place,
        "waiting": line.waiting,
        "slots": line.slots,
        "held_by": [one.id for one in line.holders],
    }


def _place_words(line: Line) -> str:
    return f"{ordinal_text(line.place)} of {count_text(line.waiting)}"


def _line(run: Run, opened: Sequence[Run], holders: Sequence[Run], slots: int, now: datetime) -> Line:
    others = [
        one for one in opened if one.id != run.id and _is_due(one, now) and one.reason != Reason.OVERLAP
    ]
    arrival = {one.id: number for number, one in enumerate(opened)}

    def order(one: Run) -> tuple[object, ...]:
        is_late = one.trigger is TriggerKind.CATCHUP and one.state is RunState.QUEUED
        return is_late, -one.priority, one.scheduled_for, arrival.get(one.id, len(arrival))

    place = 1 + sum(order(one) < order(run) for one in others)
    by_start = sorted(holders, key=lambda one: one.started_at or one.queued_at)
    return Line(place, len(others) + 1, run.queue, slots, tuple(by_start))


def _is_due(run: Run, now: datetime) -> bool:
    """Whether only others keep it from starting."""
    if run.state is RunState.RETRY_WAIT:
        return run.retry_at is not None and run.retry_at <= now
    return run.state is RunState.QUEUED and run.not_before <= now and run.reason != Reason.SPREAD
