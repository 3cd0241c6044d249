"""Pure decisions: what is due, what may start, what is tried again; and the values they are about."""

__all__ = [
    "admission",
    "audit_chain",
    "clocks",
    "columns",
    "due",
    "errors",
    "events",
    "lifecycle",
    "notices",
    "reasons",
    "records",
    "retry",
    "vocabulary",
]
