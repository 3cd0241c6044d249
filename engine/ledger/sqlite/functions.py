"""The functions that migrations call by name.

The tagging functions belong to step 9 of the migrations: in stored texts, they add to each member of a union
its kind. They are never changed, because they read and write the forms of that time. Texts are bytes here,
because they may be damaged.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final  # JSON data

from engine.core.audit_chain import link_hash
from jobfile.model.hashing import sha256

Plain = dict[str, Any]

_ACTIONS: Final = {"compiled": "run", "argv": "command", "module": "python", "url": "http", "steps": "steps"}
_ENTRIES: Final = {"cron": "cron", "every": "every", "at": "at", "business_day": "business_day"}
_TRIGGERS: Final = {"webhook": "webhook", "folder": "file", "after": "after"}
"""The field that only one member of each union has, and the kind of that member."""


def tagged_job(text: bytes) -> str | None:
    """The canonical text of a job, with the kinds added; None if it is damaged or has kinds already."""
    return _changed(text, _tag_job)


def tagged_rule(text: bytes) -> str | None:
    """The stored rule of a schedule, with the kinds added; None if it is damaged or has kinds already."""
    return _changed(text, lambda entries: [_tagged(entry, _ENTRIES) for entry in entries])


def sha256_of(text: str | bytes) -> str:
    """The digest of a text."""
    return sha256(text.encode() if isinstance(text, str) else text).hexdigest()


def _changed(text: bytes, change: Callable[[Any], Any]) -> str | None:
    try:
        return json.dumps(change(json.loads(text)), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return None


def _tag_job(job: Plain) -> Plain:
    action = _tagged(job["action"], _ACTIONS)
    if action["kind"] == "steps":
        steps = [{**step, "action": _tagged(step["action"], _ACTIONS)} for step in action["steps"]]
        action = {**action, "steps": steps}
    return {
        **job,
        "action": action,
        **_each(job, "schedule", _ENTRIES),
        **_each(job, "triggers", _TRIGGERS),
        **({"notify": _tagged_channels(job["notify"])} if "notify" in job else {}),
    }


def _each(job: Plain, key: str, kinds: Mapping[str, str]) -> Plain:
    return {key: [_tagged(one, kinds) for one in job[key]]} if key in job else {}


def _tagged_channels(notify: Plain) -> Plain:
    return {
        event: [
            {**channel, "http": _tagged(channel["http"], _ACTIONS)} if "http" in channel else channel
            for channel in channels
        ]
        for event, channels in notify.items()
    }


def _tagged(member: Plain, kinds: Mapping[str, str]) -> Plain:
    """A member with its kind; KeyError for a member of no known kind, or that has its kind already."""
    if "kind" in member:
        raise KeyError("kind")
    [kind] = [kind for field, kind in kinds.items() if field in member]
    return {"kind": kind, **member}


FUNCTIONS: Final[Mapping[str, Callable[..., str | None]]] = {
    "link_hash": link_hash,
    "sha256": sha256_of,
    "tagged_job": tagged_job,
    "tagged_rule": tagged_rule,
}
"""The functions by their names in SQL."""
