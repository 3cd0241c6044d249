"""Answers of `clock`: whether the engine believes the clock."""

from dataclasses import dataclass
from datetime import UTC, datetime

from engine.answers.facts import Fact
from engine.core.columns import facts
from engine.core.reasons import IncidentKind
from engine.core.records import CLOCK_HOLD, Incident
from engine.core.vocabulary import instant_text
from engine.ledger.ports import View
from jobfile.render.style import PLAIN, Style

SHOWN = 5
"""Maximum number of clock events shown."""
LOOKED_AT = 50
"""Number of newest incidents that are searched for clock events."""
_WORDS = {
    True: "yes, according to the system",
    False: "no, according to the system",
    None: "the system cannot tell",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The time on this host, and what the engine has noted about it lately."""

    now: datetime
    is_synchronized: bool | None
    """Whether the system reports its clock as synchronized; None when it cannot tell."""
    hold: Incident | None
    """The open hold, if the engine does not believe the clock."""
    events: tuple[Incident, ...]


def look_at_clock(view: View, *, now: datetime, is_synchronized: bool | None) -> Clock:
    """Read what the engine noted about the clock."""
    recent = view.recent_incidents(limit=LOOKED_AT)
    return Clock(
        now=now,
        is_synchronized=is_synchronized,
        hold=next((one for one in recent if one.kind == CLOCK_HOLD and one.ended_at is None), None),
        events=tuple(one for one in recent if one.kind.startswith("clock"))[:SHOWN],
    )


def clock_to_text(clock: Clock, *, width: int, style: Style = PLAIN) -> str:
    """The answer as text."""
    return facts(clock_rows(clock), width=width, style=style)


def clock_rows(clock: Clock) -> list[Fact]:
    """The answer as labels and texts."""
    hold = clock.hold
    return [
        ("clock", instant_text(clock.now, UTC, has_seconds=True)),
        ("synchronized", _WORDS[clock.is_synchronized]),
        ("believed", "yes" if hold is None else f"NO: {hold.detail}"),
        *(("", _event(one)) for one in clock.events),
    ]


def clock_to_json(clock: Clock) -> dict[str, object]:
    """The answer as JSON data."""
    return {
        "format": 1,
        "now": clock.now.isoformat(),
        "believed": clock.hold is None,
        "synchronized": clock.is_synchronized,
        "events": [
            {"kind": one.kind, "began_at": one.began_at.isoformat(), "detail": one.detail or None}
            for one in clock.events
        ],
    }


def accepted_to_text(*, is_accepted: bool) -> str:
    """The result of accepting the clock, as text."""
    return "the clock is accepted" if is_accepted else "the engine believes the clock already"


def accepted_to_json(*, is_accepted: bool) -> dict[str, object]:
    """The result of accepting the clock, as JSON data."""
    return {"format": 1, "accepted": is_accepted}


def _event(one: Incident) -> str:
    what = f"set by {one.detail}" if one.kind == IncidentKind.CLOCK_JUMP else f"not believed: {one.detail}"
    return f"{instant_text(one.began_at, UTC, has_seconds=True)}  {what}"
