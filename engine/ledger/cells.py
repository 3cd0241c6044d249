"""What each column of the ledger may hold, and the stand-in for a value that this program never writes.

A row may be altered by hand, by a broken disk or by a different version. One such row must not stop the
others: it is read with stand-ins for its unreadable values, reported, and never acted upon.
"""

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final  # a row's columns have no narrower type

from engine.core.access import GrantKind, Role
from engine.core.histograms import Histogram
from engine.core.lateness import LateKind
from engine.core.lifecycle import AttemptState, RunState, TriggerKind
from engine.core.step_states import StepState
from jobfile.model.namedtuple import NamedTuple
from jobfile.model.names import is_step_name
from jobfile.model.regex import regex
from jobfile.model.values import Scalar, Value

if TYPE_CHECKING:
    from jobfile.model.jobs import ScheduleEntry

KEPT_RULES: Final = 20_000
"""Size of the cache of parsed schedule rules: each rule is needed at every occurrence."""
KEPT_NAMES: Final = 20_000
"""Size of the cache of well-formed job names: a name is checked with every row."""
MAX_SHOWN: Final = 60
"""Maximum number of characters shown of an unreadable value."""
MAX_ATTEMPT: Final = 1_000_000
MAX_COUNT: Final = 2**53
"""The largest integer that every JSON reader represents exactly; SQLite can still add one to it."""
FIRST_INSTANT: Final = -2_208_988_800_000_000
"""1900-01-01T00:00Z in microseconds.

Both ends leave a margin: the day before the first instant, and the day after the last, have a date in every
zone.
"""
LAST_INSTANT: Final = 221_845_392_000_000_000
"""9000-01-01T00:00Z in microseconds."""
UNREADABLE: Final = "unreadable"
"""The reason recorded for a run whose row is unreadable: how it ended is unknown."""

_AN_INSTANT = datetime(2026, 1, 1, tzinfo=UTC)
_RUN_ID = regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_JOB = regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_SCALARS = (str, int, float, bool)

RUN_STATES: Final = frozenset(RunState)
STEP_STATES: Final = frozenset(StepState)
FINAL_OR_NONE: Final = frozenset({"", *(state for state in RunState if state.is_final)})
STOPS: Final = frozenset({"", "cancel", "kill"})


def is_run_id(value: object) -> bool:
    """Whether a value is a run's id, which also names the run's folder."""
    return isinstance(value, str) and _RUN_ID.fullmatch(value) is not None


@lru_cache(maxsize=KEPT_NAMES)
def is_job(value: object) -> bool:
    """Whether a value may be a job's name."""
    return isinstance(value, str) and _JOB.fullmatch(value) is not None


def is_step(value: object) -> bool:
    """Whether a text may be the step of an attempt: a name, or nothing for a job with one action."""
    return isinstance(value, str) and (value == "" or is_step_name(value))


def params_from_text(text: str) -> dict[str, Value]:
    """Parse bound params. Raises ValueError or TypeError for anything else."""
    if text == "{}":
        return {}
    plain = json.loads(text, parse_constant=_no_number)
    if not isinstance(plain, dict):
        raise TypeError("params are an object")
    return {name: _param(value) for name, value in plain.items()}


def matrix_from_text(text: str) -> dict[str, Scalar]:
    """Parse a combination of a matrix. Raises ValueError or TypeError for anything else."""
    if text == "":
        return {}
    found = {name: value for name, value in params_from_text(text).items() if not isinstance(value, tuple)}
    if not found:
        raise TypeError("a combination has plain values")
    return found


def items_from_text(text: str) -> tuple[Scalar, ...]:
    """Parse the items of a step. Raises ValueError or TypeError for anything else."""
    items = value_from_text(text)
    if not isinstance(items, tuple):
        raise TypeError("items are a list")
    return items


def value_from_text(text: str) -> Value:
    """Parse a value. Raises ValueError or TypeError for anything else."""
    return _param(json.loads(text, parse_constant=_no_number))


def _param(value: Any) -> Value:  # noqa: ANN401  JSON data
    if isinstance(value, list):
        if not all(isinstance(item, _SCALARS) for item in value):
            raise TypeError("a list of params holds plain values")
        return tuple(value)
    if isinstance(value, _SCALARS):
        return value
    raise TypeError("a param is a plain value or a list of them")


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is not a number of JSON")


@lru_cache(maxsize=KEPT_RULES)
def entries_from_text(rule: str) -> "tuple[ScheduleEntry, ...]":
    """Parse the stored rule of a schedule. Raises for a rule that cannot be evaluated.

    The first instant is computed because only that shows a bad cron expression, zone or calendar.
    """
    from jobfile.model.canonical import schedule_from_plain  # noqa: PLC0415  start-up time: few answers need it
    from jobfile.schedule.occurrences import next_fire  # noqa: PLC0415  start-up time: few answers need it

    entries = schedule_from_plain(json.loads(rule))
    next_fire(entries, after=_AN_INSTANT)
    return entries


def state_of(text: str) -> RunState:
    """Parse a run's state. An unknown word means `lost`: how the run ended is unknown."""
    return RunState(text) if text in RUN_STATES else RunState.LOST


def is_number(text: str) -> bool:
    """Whether a noted fact is a number."""
    return text.isascii() and text.isdigit() and len(text) < len(str(MAX_COUNT))


def texts_from_json(text: str) -> tuple[str, ...]:
    """Parse a noted list of texts; empty for anything else."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    return tuple(one for one in found if isinstance(one, str)) if isinstance(found, list) else ()


class Cell(NamedTuple):
    """What a column may hold, in words; the check; and the stand-in for anything else."""

    expected: str
    is_good: Callable[[Any], bool]
    stand_in: object


def _instant(value: object) -> bool:
    return isinstance(value, int) and FIRST_INSTANT <= value <= LAST_INSTANT


def _count(value: object) -> bool:
    return isinstance(value, int) and 0 <= value <= MAX_COUNT


def _reads(read: Callable[[Any], object]) -> Callable[[Any], bool]:
    def is_good(value: object) -> bool:
        try:
            read(value)
        except Exception:  # noqa: BLE001  any exception means that the value is unreadable
            return False
        return True

    return is_good


def _maybe(cell: Cell, stand_in: object = None) -> Cell:
    return Cell(f"{cell.expected} or nothing", lambda one: one is None or cell.is_good(one), stand_in)


def _one_of(words: frozenset[Any], stand_in: str) -> Cell:
    return Cell("a word that is known here", words.__contains__, stand_in)


def _texts(text: str) -> None:
    if not all(isinstance(one, str) for one in json.loads(text)):
        raise TypeError("a list of texts")


INSTANT: Final = Cell("an instant", _instant, 0)
ENDED: Final = _maybe(INSTANT, 0)
"""An unreadable end still counts as an end, so the stand-in is an instant and not None."""
NUMBER: Final = Cell("a number", lambda one: isinstance(one, int) and abs(one) <= MAX_COUNT, 0)
COUNT: Final = Cell("a count", _count, 0)
REAL: Final = Cell("a number", lambda one: one is None or math.isfinite(one), None)
TEXT: Final = Cell("a text", lambda one: isinstance(one, str) and not {"\0", "\ufffd"} & set(one), "")
JOB: Final = Cell("a job's name", is_job, "unreadable")
STEP: Final = Cell("a step's name", is_step, "")
RUN_ID: Final = Cell("a run's id", is_run_id, UNREADABLE)
MAYBE_RUN_ID: Final = Cell("a run's id", lambda one: one == "" or is_run_id(one), "")
STATE: Final = _one_of(RUN_STATES, RunState.LOST.value)
VALUE: Final = Cell("a value as JSON", _reads(value_from_text), '""')
_reads_params = _reads(params_from_text)
PARAMS: Final = Cell("an object of params", _reads_params, "{}")

CELLS: Final[Mapping[str, Mapping[str, Cell]]] = {
    "run": {
        "seq": COUNT,
        "id": RUN_ID,
        "job": JOB,
        "digest": TEXT,
        "generation": _maybe(COUNT),
        "trigger": _one_of(frozenset(TriggerKind), TriggerKind.MANUAL.value),
        "schedule_key": _maybe(TEXT),
        "scheduled_for": INSTANT,
        "params": PARAMS,
        "state": STATE,
        "reason": TEXT,
        "detail": TEXT,
        "queued_at": INSTANT,
        "not_before": INSTANT,
        "start_by": _maybe(INSTANT),
        "started_at": _maybe(INSTANT),
        "ended_at": ENDED,
        "retry_at": _maybe(INSTANT),
        "attempt": Cell("an attempt's number", lambda one: 0 <= one <= MAX_ATTEMPT, 0),
        "concurrency_key": TEXT,
        "concurrency_limit": _maybe(COUNT),
        "exit_code": _maybe(NUMBER),
        "requested_by": TEXT,
        "stop_requested": _one_of(STOPS, ""),
        "retry_of": _maybe(RUN_ID),
        "clock_epoch": COUNT,
        "resolved": _one_of(FINAL_OR_NONE, ""),
        "begun_at": _maybe(INSTANT),
        "matrix": Cell("a combination", _reads(matrix_from_text), ""),
        "occurrence": _maybe(RUN_ID),
        "slot": _maybe(RUN_ID),
        "combinations": COUNT,
        "trigger_values": Cell("the values of a trigger", lambda one: one == "" or _reads_params(one), ""),
        "caused_by": _maybe(RUN_ID),
        "idempotency_key": TEXT,
        "queue": TEXT,
        "queue_slots": _maybe(COUNT),
        "priority": NUMBER,
    },
    "attempt": {
        "run_id": RUN_ID,
        "step": STEP,
        "item": COUNT,
        "number": Cell("an attempt's number", lambda one: 0 <= one <= MAX_ATTEMPT, 0),
        "state": _one_of(frozenset(AttemptState), AttemptState.LOST.value),
        "boot_id": TEXT,
        "created_at": INSTANT,
        "started_at": _maybe(INSTANT),
        "ended_at": ENDED,
        "exit_code": _maybe(NUMBER),
        "signal": _maybe(NUMBER),
        "reason": TEXT,
        "detail": TEXT,
        "output_bytes": COUNT,
        "output_dropped": COUNT,
        "leftover_processes": COUNT,
        "resolved": _one_of(FINAL_OR_NONE, ""),
        "max_rss_kb": _maybe(COUNT),
        "cpu_seconds": REAL,
        "run_state": STATE,
        "stop_requested": _one_of(STOPS, ""),
    },
    "schedule": {
        "id": NUMBER,
        "job": JOB,
        "schedule_key": TEXT,
        "rule": Cell("a schedule", _reads(entries_from_text), "[]"),
        "generation": COUNT,
        "active_from": INSTANT,
        "active_until": ENDED,
        "ended_because": _maybe(TEXT),
        "covered_until": INSTANT,
        "clock_epoch": COUNT,
    },
    "gap": {
        "id": NUMBER,
        "schedule_id": NUMBER,
        "job": JOB,
        "rule": Cell("a schedule", _reads(entries_from_text), "[]"),
        "first_at": INSTANT,
        "last_at": INSTANT,
        "count": COUNT,
        "state": STATE,
        "reason": TEXT,
        "detail": TEXT,
        "generation": COUNT,
        "epoch": COUNT,
        "recorded_at": INSTANT,
        "pruned_at": _maybe(INSTANT),
        "ran": COUNT,
    },
    "generation": {
        "number": COUNT,
        "digest": TEXT,
        "applied_at": INSTANT,
        "applied_by": TEXT,
        "main_file": TEXT,
        "revision": TEXT,
        "tzdata_version": TEXT,
        "cron_semantics": COUNT,
        "plan_id": TEXT,
        "instead_of": TEXT,
        "note": TEXT,
    },
    "job_version": {
        "job": JOB,
        "from_generation": COUNT,
        "until_generation": _maybe(COUNT),
        "digest": TEXT,
        "file": TEXT,
        "line": COUNT,
        "applied_at": ENDED,
        "ended_at": ENDED,
    },
    "session": {
        "epoch": COUNT,
        "kind": TEXT,
        "boot_id": TEXT,
        "pid": NUMBER,
        "version": TEXT,
        "started_at": INSTANT,
        "last_seen_at": INSTANT,
        "ended_at": ENDED,
        "end_reason": _maybe(TEXT),
        "boot_seconds": REAL,
    },
    "rejection": {
        "id": NUMBER,
        "rejected_at": INSTANT,
        "last_at": INSTANT,
        "digest": TEXT,
        "diagnostics": Cell("a list of texts", _reads(_texts), '["what was found cannot be read"]'),
        "resolved_at": ENDED,
    },
    "pause": {
        "id": NUMBER,
        "job": JOB,
        "source": TEXT,
        "actor": TEXT,
        "reason": TEXT,
        "paused_at": INSTANT,
        "until": _maybe(INSTANT),
        "ended_at": ENDED,
        "ended_by": TEXT,
    },
    "incident": {
        "id": NUMBER,
        "kind": TEXT,
        "began_at": INSTANT,
        "ended_at": ENDED,
        "detail": TEXT,
        "occurrences": COUNT,
        "jobs": COUNT,
        "recorded_at": INSTANT,
        "accepted_by": TEXT,
    },
    "audit": {
        "seq": COUNT,
        "at": INSTANT,
        **dict.fromkeys(("actor", "action", "object", "detail", "hash"), TEXT),
    },
    "outbox": {
        "at": INSTANT,
        "next_try_at": INSTANT,
        "sent_at": _maybe(INSTANT),
        "given_up_at": _maybe(INSTANT),
        "tries": COUNT,
        **dict.fromkeys(("id", "event", "channel", "job", "run_id", "body", "last_error"), TEXT),
        **dict.fromkeys(("message", "done"), TEXT),
    },
    "step": {
        "run_id": RUN_ID,
        "step": STEP,
        "item": COUNT,
        "state": _one_of(STEP_STATES, StepState.LOST.value),
        "reason": TEXT,
        "detail": TEXT,
        "attempt": Cell("an attempt's number", lambda one: 0 <= one <= MAX_ATTEMPT, 0),
        "tries": COUNT,
        "retry_at": _maybe(INSTANT),
        "items": _maybe(Cell("a list", _reads(items_from_text), "[]")),
    },
    "artifact": {
        "seq": COUNT,
        "run_id": RUN_ID,
        "step": STEP,
        "item": COUNT,
        "attempt": Cell("an attempt's number", lambda one: 0 <= one <= MAX_ATTEMPT, 0),
        "name": TEXT,
        "size": COUNT,
        "sha256": TEXT,
        "copy": COUNT,
        "note": TEXT,
        "dropped_at": _maybe(INSTANT),
    },
    "output": {"run_id": RUN_ID, "step": STEP, "item": COUNT, "name": TEXT, "value": VALUE},
    "pruned_request": {"job": JOB, "quarter": INSTANT, "state": STATE, "count": COUNT},
    "backfill": {
        "id": NUMBER,
        "job": JOB,
        "since": INSTANT,
        "until": INSTANT,
        "covered_until": INSTANT,
        "at_once": COUNT,
        "again": COUNT,
        "requested_by": TEXT,
        "begun_at": INSTANT,
        "ended_at": ENDED,
        "ended_because": TEXT,
    },
    "trigger_event": {"job": JOB, "trigger": TEXT, "identity": TEXT, "run_id": MAYBE_RUN_ID, "mount": TEXT},
    "idempotency_key": {"job": JOB, "key": TEXT, "run_id": RUN_ID, "expires_at": INSTANT},
    "late": {
        "job": JOB,
        "kind": _one_of(frozenset(LateKind), LateKind.MAX_DURATION.value),
        "about": TEXT,
        "since": INSTANT,
        "found_at": INSTANT,
        "limit_seconds": _maybe(COUNT),
        "scheduled_for": _maybe(INSTANT),
        "run_id": TEXT,
        "over_at": ENDED,
    },
    "odd": {"run_id": RUN_ID, "name": TEXT, "value": REAL, "median": REAL, "spread": REAL},
    "access_grant": {
        "hash": TEXT,
        "kind": _one_of(frozenset(GrantKind), GrantKind.CODE.value),
        "name": TEXT,
        "role": _one_of(frozenset(Role), Role.VIEWER.value),
        "jobs": TEXT,
        "token": TEXT,
        "created_at": INSTANT,
        "created_by": TEXT,
        "expires_at": ENDED,
        "used_at": _maybe(INSTANT),
        "ended_at": ENDED,
    },
    "histogram": {
        "name": _one_of(frozenset(Histogram), Histogram.RUN_DURATION.value),
        "job": Cell("a job's name", lambda one: one == "" or is_job(one), "unreadable"),
        "bound": COUNT,
        "runs": COUNT,
        "length": Cell("a length", lambda one: isinstance(one, int) and one >= 0, 0),
    },
    "followed": {"job": JOB, "follower": JOB, "generation": COUNT},
    "ended": {"run_id": RUN_ID, "generation": COUNT, "noted_at": INSTANT},
    "definition": {"digest": TEXT, "job": JOB, "spec": TEXT},
    "meta": {"key": TEXT, "value": TEXT},
}
"""Every table of the ledger, with the columns that are read from it."""

KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "run": ("seq",),
    "attempt": ("run_seq", "step", "item", "number"),
    "output": ("run_seq", "step", "item", "name"),
    "artifact": ("seq",),
    "step": ("run_seq", "step", "item"),
    "generation": ("number",),
    "job_version": ("job", "from_generation"),
    "session": ("epoch",),
    "audit": ("seq",),
    "pruned_request": ("job", "quarter", "state"),
    "trigger_event": ("job", "trigger", "identity"),
    "idempotency_key": ("job", "key"),
    "late": ("job", "kind", "about"),
    "odd": ("run_id", "name"),
    "access_grant": ("hash",),
    "histogram": ("job", "name", "bound"),
    "followed": ("job", "follower"),
    "ended": ("seq",),
    "definition": ("digest",),
    "meta": ("key",),
}
"""The key columns of each table; `id` for a table that is not listed."""
