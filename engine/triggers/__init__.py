"""Why runs exist: each kind of trigger says which occurrences are due, and what a run of it gets to know."""

__all__ = ["kind", "manual", "registry", "schedule"]
