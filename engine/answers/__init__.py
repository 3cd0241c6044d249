"""What the ledger says: did it run, why, how many. Pure functions of a view and a time."""

__all__ = [
    "as_json",
    "asked",
    "audit",
    "clock",
    "did",
    "expected",
    "fates",
    "findings",
    "generations",
    "invariants",
    "presence",
    "reasons",
    "report",
    "report_text",
    "runs",
    "status",
    "status_text",
    "why",
    "zones",
]
