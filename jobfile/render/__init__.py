"""Shows diagnostics: as text, as JSON, for CI; never a secret."""
