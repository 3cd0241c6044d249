"""The texts of answers for reasons, run ids, arguments, lengths of time and instants."""

import re
import signal
from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Final

from engine.core.lifecycle import NOT_AGAIN, Run
from engine.core.reasons import OF_A_REQUEST, REASONS, Reason
from jobfile.model.counts import many
from jobfile.model.regex import regex
from jobfile.schedule.duration import span_text

if TYPE_CHECKING:
    from engine.core.events import GenerationApplied  # 30 ms, and every answer imports this module

SHORT_ID = 8
"""Number of characters of a run's id in output; commands take any unique beginning."""
_MAX_NAMES = 6


_ENDED = regex(r"(exit|signal|http)\((\d{1,3})\)", re.ASCII)
_BY_A_RUN = (
    *(Reason.OVERLAP, Reason.SUPERSEDED, Reason.REPLACED, Reason.BUFFER_FULL, Reason.DUPLICATE),
    Reason.AFTER,
)
_MAY_STILL_RUN = (
    Reason.SUPERVISOR_KILLED,
    Reason.SUPERVISOR_ERROR,
    Reason.EVIDENCE_GONE,
    Reason.EVIDENCE_FORGED,
)
"""Reasons of lost runs after which processes may still run, because the host was not restarted."""
_SAYS_IT_ALL = (
    Reason.OOM,
    Reason.START_ERROR,
    Reason.SUPERVISOR_ERROR,
    Reason.OUTPUTS,
    Reason.EVIDENCE_FORGED,
    Reason.FOLDER_LIMIT,
    Reason.TEMPLATE_ERROR,
    Reason.WORKING_DIR_MISSING,
    Reason.SECRET_NOT_AVAILABLE,
    Reason.ENV_FILE,
    Reason.UNREADABLE,
    Reason.UPSTREAM,
    Reason.EXPECTATION,
)


def in_words(run: Run) -> str:
    """Why a run is in its state: its reason as a sentence, with details."""
    words = reason_words(run.reason, run.detail)
    may_run = run.reason in _MAY_STILL_RUN and not run.resolved
    return f"{words}; processes of it may still run" if may_run else words


def start_error_words(words: str) -> str:
    """The text for a run that could not be started."""
    known = REASONS[Reason.START_ERROR]
    return known if words in ("", known) else f"{known}: {words}"


def reason_words(reason: str, detail: str) -> str:
    """A reason of the ledger as a sentence, with details."""
    words = REASONS.get(reason) or _ended_words(reason)
    if not detail:
        return words
    if detail.startswith(NOT_AGAIN):
        return f"{words}; {detail}"
    if reason == Reason.START_DEADLINE:
        return f"{words}: {REASONS.get(detail, detail)}"
    if reason == Reason.PAUSED:
        return f"{words} by {detail}"
    if reason in (Reason.CONDITION, Reason.NO_HOST):
        return f"{words}: {detail}"
    if reason in _BY_A_RUN:
        return f"{words} (run {short(detail)})"
    if reason not in REASONS or reason in OF_A_REQUEST:
        return f"{words}: {detail}"
    return detail if reason in _SAYS_IT_ALL else words


def _ended_words(reason: str) -> str:
    """How a process or a request ended, in words: exit code 2, killed (SIGKILL), HTTP status 503."""
    ended = _ENDED.fullmatch(reason)
    if ended is None:
        return reason
    if ended[1] == "exit":
        return f"exit code {ended[2]}"
    if ended[1] == "http":
        return f"HTTP status {ended[2]}"
    try:
        return f"killed ({signal.Signals(int(ended[2])).name})"
    except ValueError:
        return f"killed (signal {ended[2]})"


def place_text(step: str, item: int) -> str:
    """A step, as `extract`, or one item of it, as `load[7]`."""
    return f"{step}[{item}]" if item else step


def combination_text(matrix: Mapping[str, object]) -> str:
    """A combination of a matrix: `[region=eu, index=products]`; empty without a matrix."""
    return f"[{', '.join(f'{name}={value_text(value)}' for name, value in matrix.items())}]" if matrix else ""


def run_text(run: Run) -> str:
    """The job of a run, with its combination if it has one: `rebuild [region=eu]`."""
    return f"{run.job} {combination_text(run.matrix)}" if run.matrix else run.job


def value_text(value: object) -> str:
    """An argument as written in a job file or after -p: true, 3, a,b."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, list | tuple):
        return ",".join(value_text(item) for item in value)
    return str(value)


_COUNTS: Final = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_ORDINALS: Final = (
    *("first", "second", "third", "fourth", "fifth"),
    *("sixth", "seventh", "eighth", "ninth", "tenth"),
)


def count_text(count: int) -> str:
    """A number as a word up to ten: `five`; a larger one in digits."""
    return _COUNTS[count] if count < len(_COUNTS) else f"{count:,}"


def ordinal_text(place: int) -> str:
    """A place in a line, from 1, as a word up to ten: `third`; `number 12`."""
    return _ORDINALS[place - 1] if place <= len(_ORDINALS) else f"number {place:,}"


def short(run_id: str) -> str:
    """The short form of a run's id."""
    return run_id[:SHORT_ID]


def seconds_text(seconds: float) -> str:
    """A length of time: 15ms, 2.1s, 12s, 4m5s, 2h, 2h10m, 3d12h; a longer one than 10 s as in a job file."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    if seconds < 10:
        return f"{seconds:.1f}s"
    return span_text(timedelta(seconds=round(seconds)))


def instant_text(at: datetime, zone: tzinfo, *, has_seconds: bool = False) -> str:
    """An instant with its zone: the form of every printed time, which commands also accept.

    A line about one job is in that job's zone, every other line in UTC. Seconds are shown when there are any,
    or always with `has_seconds`.
    """
    local = at.astimezone(zone)
    precision = "seconds" if has_seconds or local.second else "minutes"
    return f"{local.replace(tzinfo=None).isoformat(sep=' ', timespec=precision)} {zone_text(local)}"


def zone_text(local: datetime) -> str:
    """The abbreviation of a local time's zone; its offset where the abbreviation is ambiguous.

    When Moscow went from UTC+4 to UTC+3 in 2014, one hour came twice and both times are called MSK.
    """
    name = local.tzname() or ""
    other = local.replace(fold=1 - local.fold)
    if name and (other.utcoffset() == local.utcoffset() or other.tzname() != name):
        return name
    return f"{local:%z}"


BACKFILL_ENDS = {
    "finished": "each of its runs is over",
    "stopped": "it was stopped",
    "no_schedule": "the job has no schedule any more",
}


def backfill_words(because: str) -> str:
    """Why a backfill is over, in words."""
    return BACKFILL_ENDS.get(because) or REASONS.get(because) or because


def paused_though_enabled(jobs: int) -> str:
    """The text for jobs that are enabled in the file but paused in the engine."""
    are = many(jobs, "job enabled in the file is", "jobs enabled in the file are")
    return f"{are} paused in the engine"


def other_version(engine: str, here: str) -> str:
    """The text for an engine that is a different version of jobfile than this command."""
    return f"the engine is jobfile {engine}, this is {here}"


def changes_text(event: "GenerationApplied") -> str:
    """What a generation changed, in a few words."""
    signs = (("+", event.added), ("~", event.changed), (">", event.renamed), ("-", event.removed))
    parts = [f"{sign} {_names(names)}" for sign, names in signs if names]
    jobs = many(event.jobs, "job")
    return f"{jobs}; {'  '.join(parts)}" if parts else jobs


def _names(names: tuple[str, ...]) -> str:
    more = len(names) - _MAX_NAMES
    return ", ".join(names[:_MAX_NAMES]) + (f" and {more} more" if more > 0 else "")
