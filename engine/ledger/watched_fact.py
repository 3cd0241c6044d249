"""The fact of the ledger that says which folders the engine watches for files, as text."""

import json
from collections.abc import Sequence
from datetime import datetime

from engine.core.records import Watched


def watched_to_text(folders: Sequence[Watched]) -> str:
    """The stored form of the watched folders."""
    rows = [
        {**one._asdict(), "since": None if one.since is None else one.since.isoformat()} for one in folders
    ]
    return json.dumps(rows)


def watched_from_text(text: str) -> tuple[Watched, ...]:
    """Parse the watched folders; none when the text is missing or unreadable."""
    try:
        return tuple(_folder(**row) for row in json.loads(text or "[]"))
    except (ValueError, TypeError, RecursionError):
        return ()


def _folder(*, folder: str, jobs: list[str], trouble: str, since: str | None, polled: str) -> Watched:
    at = None if since is None else datetime.fromisoformat(since)
    if not all(isinstance(one, str) for one in (folder, trouble, polled, *jobs)):
        raise ValueError(folder)
    return Watched(folder, tuple(jobs), trouble, at, polled)
