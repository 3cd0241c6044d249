"""Rows of a dry run about the queue of a job: its slots, and who waits there already."""

from engine.answers.waiting import HOLDS_A_SLOT, WAITING
from engine.ledger.ports import Current
from jobfile.model.jobs import JobSpec

Row = tuple[str, str]


def queue_rows(spec: JobSpec, view: Current | None) -> list[Row]:
    """The queue of a job and its priority, if it has them."""
    rows = [("priority", str(spec.priority))] if spec.priority else []
    if spec.queue is None:
        return rows
    full = full_queue(spec, view)
    words = f"waits in {full}" if full else _taken(spec, _held(spec, view))
    opened = () if view is None else view.open_runs()
    waiting = sum(1 for run in opened if run.queue == spec.queue.name and run.state in WAITING)
    return [("queue", f"{words}; {waiting:,} waiting" if waiting else words), *rows]


def full_queue(spec: JobSpec, view: Current | None) -> str:
    """The queue of a job in words if all of its slots are taken; else empty."""
    held = _held(spec, view)
    return _taken(spec, held) if spec.queue is not None and held >= spec.queue.slots else ""


def _held(spec: JobSpec, view: Current | None) -> int:
    if view is None or spec.queue is None:
        return 0
    return sum(1 for run in view.open_runs() if run.queue == spec.queue.name and run.state in HOLDS_A_SLOT)


def _taken(spec: JobSpec, held: int) -> str:
    assert spec.queue is not None
    slots = "slot is" if spec.queue.slots == 1 else "slots are"
    return f"queue {spec.queue.name}: {held:,} of {spec.queue.slots:,} {slots} taken"
