"""Shows diagnostics as text, as JSON and for CI; never shows a secret."""

__all__ = ["ci", "redact", "text"]
