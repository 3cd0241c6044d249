"""The fact of the ledger that says where the engine reads its jobs, as text."""

import json

from engine.core.records import Source


def source_to_text(source: Source) -> str:
    """The stored form of where an engine reads its jobs."""
    return json.dumps(source._asdict())


def source_from_text(text: str) -> Source:
    """Parse where an engine reads its jobs; the default (files) when it is missing or unreadable."""
    try:
        noted = Source(**json.loads(text)) if text else Source()
    except (ValueError, TypeError, RecursionError):
        return Source()
    kinds = (str, str, bool, str)
    is_good = all(isinstance(one, kind) for one, kind in zip(noted, kinds, strict=True))
    return noted if is_good else Source()
