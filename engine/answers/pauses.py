"""Answers of `pause` and `resume`."""

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from engine.answers.as_json import iso
from engine.answers.presence import Presence, unsettled_words
from engine.core.columns import table
from engine.core.lifecycle import Run, RunState
from engine.core.records import Pause
from engine.core.vocabulary import instant_text, short

_GOES_ON = {
    RunState.QUEUED: "waits to start",
    RunState.RUNNING: "is running",
    RunState.CANCELLING: "is being cancelled",
    RunState.RETRY_WAIT: "waits for its retry",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused:
    """A job that is now paused, and its open runs, which continue unless they ended unseen."""

    pause: Pause
    was_paused: bool
    """Whether it was paused before, so nothing has changed."""
    zone: ZoneInfo
    still_open: tuple[Run, ...]
    presence: Presence


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """A job that is now not paused."""

    job: str
    was_paused: bool


def paused_to_text(paused: Paused) -> str:
    """A pause as text."""
    pause = paused.pause
    until = f" until {instant_text(pause.until, paused.zone)}" if pause.until else ""
    since = instant_text(pause.paused_at, paused.zone)
    already = f" already, by {pause.actor} since {since}" if paused.was_paused else ""
    lines = [f"{pause.job} is paused{already}{until or f'; continue with  jobfile resume {pause.job}'}"]
    for run in paused.still_open:
        lines.append(f"run {short(run.id)} {_open_run_line(run, paused.presence)}")
    return "\n".join(lines)


def _open_run_line(run: Run, presence: Presence) -> str:
    """How an open run continues, and how to end it; or that it ended unseen."""
    fate = presence.fates.get(run.id)
    if fate:
        return f"is recorded as {run.state.value}; {unsettled_words(fate)}"
    return f"{_GOES_ON[run.state]} and continues; end it with  jobfile cancel {short(run.id)}"


def paused_to_json(paused: Paused) -> dict[str, object]:
    """A pause as JSON data."""
    pause = paused.pause
    return {
        "format": 1,
        "job": pause.job,
        "paused": True,
        "was_paused": paused.was_paused,
        "until": iso(pause.until),
    }


def resumed_to_text(resumed: Resumed) -> str:
    """A resumed job as text."""
    return f"{resumed.job} is resumed" if resumed.was_paused else f"{resumed.job} was not paused"


def resumed_to_json(resumed: Resumed) -> dict[str, object]:
    """A resumed job as JSON data."""
    return {"format": 1, "job": resumed.job, "paused": False, "was_paused": resumed.was_paused}


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """One of several jobs that are paused or resumed together."""

    job: str
    was_paused: bool


def affected_to_text(jobs: Sequence[Affected], *, is_pause: bool, width: int | None) -> str:
    """Which jobs would be paused or resumed, as text; those that stay as they are say so."""
    if not jobs:
        return f"nothing to {'pause' if is_pause else 'resume'}: no such job is in force"
    stays = {True: "paused already", False: "not paused"}
    rows = [(one.job, stays[is_pause] if one.was_paused is is_pause else "") for one in jobs]
    return table(("job", ""), rows, width=width, names=(0,), reason=1)


def affected_to_json(jobs: Sequence[Affected], *, is_pause: bool) -> dict[str, object]:
    """Several jobs that are paused or resumed, or would be, as JSON data."""
    rows = [{"job": one.job, "was_paused": one.was_paused} for one in jobs]
    return {"format": 1, "paused": is_pause, "jobs": rows}
