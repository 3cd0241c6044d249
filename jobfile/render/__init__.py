"""Shows diagnostics: as text, as JSON, for CI; never a secret."""

__all__ = ["ci", "redact", "text"]
