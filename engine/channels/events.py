"""An event in the forms that receivers read: as JSON, and as variables of a process."""

import json
from collections.abc import Mapping
from datetime import datetime

from engine.core.vocabulary import value_text
from engine.notifications.message import Message

PREFIX = "JOBFILE_EVENT_"
MAX_VARIABLE_BYTES = 100 * 1024
"""Linux limits one variable to 128 KiB."""


def event_json(message: Message) -> str:
    """A message as JSON text: what a receiver gets."""
    return json.dumps(event_to_json(message), ensure_ascii=False)


def event_to_json(message: Message) -> dict[str, object]:
    """A message as JSON data: the values of `event.*`, and each of its events."""
    events = [_plain(event) for event in message.events]
    return {"format": 1, **_plain(message.fields), "events": events, "ids": list(message.ids)}


def event_variables(message: Message) -> dict[str, str]:
    """A message as variables: JOBFILE_EVENT_TITLE and so on, and one for each param."""
    fields = dict(message.fields)
    params = fields.pop("params", {})
    assert isinstance(params, Mapping)
    found = {f"{PREFIX}{name.upper()}": _text(value) for name, value in fields.items()}
    found |= {f"{PREFIX}PARAM_{name.upper()}": _text(value) for name, value in params.items()}
    return found


def _plain(values: Mapping[str, object]) -> dict[str, object]:
    """Values of `event.*` as JSON data: null for a text that is empty."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else None if value == "" else value
        for name, value in values.items()
    }


def _text(value: object) -> str:
    text = "" if value is None else value.isoformat() if isinstance(value, datetime) else value_text(value)
    content = text.replace("\0", "").encode("utf-8", "surrogateescape")
    return content[:MAX_VARIABLE_BYTES].decode("utf-8", "ignore")
