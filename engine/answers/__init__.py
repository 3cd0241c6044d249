"""Answers from the ledger: did it run, why, how many. Pure functions of a view and a time.

Each answer is a frozen value, with a function that gives it as text and one that gives it as JSON data.
"""

__all__ = [
    "agenda",
    "as_json",
    "asked",
    "audit",
    "choice",
    "clock",
    "did",
    "expected",
    "explained",
    "fates",
    "findings",
    "generations",
    "invariants",
    "listing",
    "listing_text",
    "logs",
    "outputs",
    "pauses",
    "presence",
    "reasons",
    "report",
    "report_text",
    "retryable",
    "runs",
    "shown",
    "shown_text",
    "status",
    "status_text",
    "steps",
    "upcoming",
    "why",
    "zones",
]
