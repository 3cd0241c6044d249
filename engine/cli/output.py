"""How commands print: tables for people, JSON for programs, colour only on a terminal."""

import json
import os
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime

import click

from engine.core.lifecycle import Attempt, Run
from engine.host.environment import environment
from jobfile.diagnostics.escapes import printable

MIN_WIDTH = 40
PIPE_WIDTH = 120


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(value, indent=2))


def is_coloured(stream: object = None) -> bool:
    """Colour is for a terminal, and NO_COLOR turns it off (no-color.org)."""
    target = stream or sys.stdout
    is_terminal = getattr(target, "isatty", lambda: False)()
    return bool(is_terminal) and not environment().get("NO_COLOR")


def width() -> int:
    """Columns to print in: the terminal's, or a fixed number for a pipe."""
    if not sys.stdout.isatty():
        return PIPE_WIDTH
    return max(MIN_WIDTH, os.get_terminal_size(sys.stdout.fileno()).columns or PIPE_WIDTH)


def display_width(text: str) -> int:
    """Columns a text takes on a terminal; wide characters take two."""
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1
        for one in text
    )


def table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = (), is_cut: bool = True
) -> str:
    """A table with two spaces between columns; lines are cut at the width of the terminal."""
    cells = [list(map(printable, row)) for row in rows]
    columns = [max(display_width(row[i]) for row in [list(heads), *cells]) for i in range(len(heads))]
    lines = [_line(row, columns, right) for row in (heads, *cells)]
    return "\n".join(cut(line, width()) if is_cut else line for line in lines)


def cut(line: str, columns: int) -> str:
    """A line that fits, with … where something is left out."""
    if display_width(line) <= columns:
        return line
    kept = ""
    for one in line:
        if display_width(kept + one) > columns - 1:
            break
        kept += one
    return kept + "…"


def run_to_json(run: Run, *, attempts: Sequence[Attempt] | None = None) -> dict[str, object]:
    """A run as programs get it; with the attempts given, `attempt_list` tells of each."""
    plain: dict[str, object] = {
        "id": run.id,
        "job": run.job,
        "params": dict(run.params),
        "trigger": run.trigger.value,
        "state": run.state.value,
        "reason": run.reason,
        "detail": run.detail,
        "scheduled_for": run.scheduled_for.isoformat(),
        "queued_at": run.queued_at.isoformat(),
        "started_at": _iso(run.started_at),
        "ended_at": _iso(run.ended_at),
        "retry_at": _iso(run.retry_at),
        "attempts": run.attempt,
        "exit_code": run.exit_code,
        "generation": run.generation,
        "requested_by": run.requested_by,
        "retry_of": run.retry_of,
    }
    if attempts is not None:
        plain["attempt_list"] = [_attempt_to_json(attempt) for attempt in attempts]
    return plain


def facts(rows: Sequence[tuple[str, str]]) -> str:
    """Labels in a column, and what is said about each, wrapped under itself."""
    column = max((len(label) for label, _ in rows), default=0) + 2
    room = max(20, width() - column)
    lines = []
    for label, text in rows:
        first, *rest = _wrapped(printable(text), room)
        lines.append(f"{label:<{column}}{first}".rstrip())
        lines += [" " * column + line for line in rest]
    return "\n".join(lines)


def _wrapped(text: str, columns: int) -> list[str]:
    lines, line = [], ""
    for word in text.split(" "):
        if line and display_width(f"{line} {word}") > columns:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]


def _line(row: Sequence[str], columns: Sequence[int], right: Sequence[int]) -> str:
    parts = []
    for index, cell in enumerate(row):
        space = " " * (columns[index] - display_width(cell))
        parts.append(space + cell if index in right else cell + space)
    return "  ".join(parts).rstrip()


def _attempt_to_json(attempt: Attempt) -> Mapping[str, object]:
    return {
        "number": attempt.number,
        "state": attempt.state.value,
        "reason": attempt.reason,
        "detail": attempt.detail,
        "started_at": _iso(attempt.started_at),
        "ended_at": _iso(attempt.ended_at),
        "exit_code": attempt.exit_code,
        "signal": attempt.signal,
        "output_bytes": attempt.output_bytes,
        "output_dropped": attempt.output_dropped,
        "leftover_processes": attempt.leftover_processes,
        "max_rss_kb": attempt.max_rss_kb,
        "cpu_seconds": attempt.cpu_seconds,
    }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
