"""Shows diagnostics as text, as JSON and for CI, never a secret; and the colours of all commands."""

__all__ = ["ci", "redact", "style", "text"]
