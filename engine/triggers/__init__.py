"""Why runs exist: each kind of trigger lists its due occurrences, and sets variables for its runs."""

__all__ = ["boot", "described", "file", "kind", "manual", "registry", "schedule"]
