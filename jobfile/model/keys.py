"""The keys of a job file: what the fields of a complete job are called there, where the names differ."""

from collections.abc import Sequence
from typing import Final

_KEYS: Final = {
    **{"condition": "if", "item_type": "items", "is_required": "required", "catchup.limit": "max"},
    **{"min_length": "minLength", "max_length": "maxLength", "max_items": "maxItems"},
    **{"exclusive_minimum": "exclusiveMinimum", "exclusive_maximum": "exclusiveMaximum"},
    **{"from_day": "from", "until_day": "until", "arguments": "with", "closed": "except", "spared": "except"},
    "pointer": "from",
}
"""Fields, alone or with the key above them, and their keys."""


def key_of_field(name: str, above: Sequence[str] = ()) -> str:
    """The key of a field; `above` are the keys that lead to it."""
    return _KEYS.get(".".join((*above, name)), _KEYS.get(name, name))
