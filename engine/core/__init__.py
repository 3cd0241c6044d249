"""Pure decisions: what is due, what may start, what is retried; and the values that they use."""

__all__ = [
    "admission",
    "artifacts",
    "audit_chain",
    "clocks",
    "columns",
    "conditions",
    "confinement",
    "dotenv",
    "due",
    "errors",
    "events",
    "lifecycle",
    "notices",
    "outputs",
    "reasons",
    "records",
    "retry",
    "step_states",
    "steps",
    "vocabulary",
]
