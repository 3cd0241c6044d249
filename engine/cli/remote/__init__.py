"""Commands that ask a server: the same words, JSON and exit codes as on its host."""

__all__ = ["registry"]
