"""The end of an attempt as text: a host hands it to the leader in this form."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final  # a row's columns have no narrower type

from engine.core.lifecycle import Artifact, Ended, Lost, Outcome, StartError
from engine.ledger.rows import from_us, to_us

KINDS: Final[dict[str, type[Ended] | type[StartError] | type[Lost]]] = {
    "ended": Ended,
    "start_error": StartError,
    "lost": Lost,
}
_INSTANTS: Final = ("at", "started_at", "ended_at")
_OF_STREAMS: Final = ("stdout_bytes", "stderr_bytes")


def outcome_to_text(outcome: Outcome) -> str:
    """Write an outcome: one JSON object, with instants in microseconds."""
    [kind] = [name for name, one in KINDS.items() if type(outcome) is one]
    values = {key: to_us(one) if isinstance(one, datetime) else one for key, one in asdict(outcome).items()}
    for name in _OF_STREAMS:  # a leader of an earlier version does not know them, nor jobs that need them
        if values.get(name, 0) is None:
            del values[name]
    return json.dumps({"kind": kind, **values}, ensure_ascii=True)


def outcome_from_text(text: str) -> Outcome:
    """Read an outcome. Raises ValueError, KeyError or TypeError for any other text."""
    values: dict[str, Any] = json.loads(text)
    kind = KINDS[values.pop("kind")]
    for name in _INSTANTS:
        if name in values:
            values[name] = from_us(values[name])
    if kind is Ended:
        values["artifacts"] = tuple(Artifact(**one) for one in values.get("artifacts", ()))
    return kind(**values)
