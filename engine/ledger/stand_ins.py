"""Stand-ins for the unreadable values of a row, and words for what is wrong with them."""

from collections.abc import Iterator, Mapping
from typing import Any  # a row's columns have no narrower type

from engine.core.lifecycle import RunState
from engine.core.records import Unreadable
from engine.ledger.cells import CELLS, KEYS, MAX_SHOWN, UNREADABLE, is_job, is_run_id


def faults_of(table: str, row: Mapping[str, Any]) -> dict[str, str]:
    """The unreadable columns of a row, each with the reason in words."""
    cells = CELLS[table]
    return {
        column: f"its `{column}` is {_shown(value)}, not {cells[column].expected}"
        for column, value in row.items()
        if column in cells and not cells[column].is_good(value)
    }


def unreadable_row(table: str, row: Mapping[str, Any], why: str) -> Unreadable:
    """The description of an unreadable row."""
    keys = KEYS.get(table, ("id",))
    key = " and ".join(f"{name} = {_shown(row[name])}" for name in keys if name in row)
    job = row.get("job", "")
    run = row.get("id" if table == "run" else "run_id", "")
    return Unreadable(
        table=table,
        key=key,
        why=why,
        job=job if is_job(job) else "",
        run=run if is_run_id(run) else "",
        seq=row.get("seq" if table == "run" else "run_seq", 0) if table in ("run", "attempt") else 0,
    )


class RowWithStandIns:
    """A row with stand-ins, in the form that readers of rows take."""

    def __init__(self, cells: Mapping[str, Any]) -> None:
        """Take the columns by name."""
        self._cells = cells

    def __getitem__(self, column: str | int, /) -> Any:  # noqa: ANN401  a column has no narrower type
        """The value of a column."""
        return self._cells[column if isinstance(column, str) else self.keys()[column]]

    def __iter__(self) -> Iterator[Any]:
        """The values of the columns."""
        return iter(self._cells.values())

    def keys(self) -> list[str]:
        """The names of the columns, in the same order."""
        return list(self._cells)


def row_with_stand_ins(table: str, row: Mapping[str, Any], faults: Mapping[str, str]) -> RowWithStandIns:
    """The row with stand-ins for its unreadable columns: nothing in it counts as a success or as due."""
    changed = dict(row) | {column: CELLS[table][column].stand_in for column in faults}
    if table == "run":
        if "id" in faults:
            changed["id"] = f"row-{row['seq']}"
        why = f"its row cannot be read: {'; '.join(faults.values())}"
        changed |= {"state": RunState.LOST.value, "resolved": "", "reason": UNREADABLE, "detail": why}
        changed |= {"retry_at": None, "stop_requested": ""}
        changed["ended_at"] = changed["queued_at"] if changed["ended_at"] is None else changed["ended_at"]
    if table == "schedule":
        changed["rule"] = "[]"
    return RowWithStandIns(changed)


def _shown(value: object) -> str:
    if not isinstance(value, str):
        return str(value)
    return ascii(value if len(value) <= MAX_SHOWN else f"{value[:MAX_SHOWN]}...")
