"""What the ledger says: did it run, why, how many. Pure functions of a view and a time."""

__all__ = [
    "as_json",
    "asked",
    "did",
    "expected",
    "fates",
    "findings",
    "invariants",
    "overdue",
    "presence",
    "reasons",
    "report",
    "status",
    "status_text",
    "why",
    "zones",
]
